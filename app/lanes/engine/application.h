/*
 * An application: what a worker serves, and how it begins and ends.
 */
#ifndef LANES_ENGINE_APPLICATION_H
#define LANES_ENGINE_APPLICATION_H

#include <stdbool.h>

#include "engine/options.h"
#include "engine/sandbox.h"
#include "http/router.h"
#include "scoreboard/metric.h"
#include "scoreboard/scoreboard.h"

struct sched;

/* Whatever is NULL is not called. All on the loop's thread. */
struct application {
	struct routes routes;
	struct metric *const *metrics; /* of its own, with NULL behind the last */
	/* Before the sandbox, when files and sockets can be opened; adds to needs what has to be
	 * possible afterwards. All is borrowed for ever. False after a message: the worker does not
	 * start. */
	bool (*prepare)(const struct options *options, const struct scoreboard *board,
			struct sandbox *needs);
	/* Before the first request is taken. May AWAIT, as a handler; if it replies with an error,
	 * or fails, the worker does not start. */
	void (*start)(struct request *req);
	/* After the last request, in the time that --drain-timeout gives. May AWAIT. */
	void (*stop)(struct request *req);
	/* Whether it can serve now, what it depends on being there: asked once a second, or between
	 * a process's requests. Must not block. While it says no, the worker does not count for
	 * /readyz. */
	bool (*ready)(void *state);
	/* The loop is open: for timers of its own. */
	void (*opened)(struct sched *sched);
	/* --top: shows what the workers on this scoreboard do, and returns the exit status. */
	int (*show)(const char *scoreboard);
};

/* What a worker may be told to serve (--routes), in the order of enum routes_kind. */
struct applications {
	const struct application *kinds[ROUTES_KINDS];
};

/* The program: parses the options, opens the socket, and serves until a signal drains it. Returns
 * its exit status. applications is borrowed. */
int lanes_main(int argc, char **argv, const struct applications *applications);

/* For engines: asks it whether it is ready, for the slot. */
void application_ask(const struct application *application, struct board_slot *slot);

/* For engines: runs fn (start, stop) on the loop until it is over; false if it failed, or took
 * longer than so many milliseconds (0: any), or *given_up became true. */
bool application_run(const struct application *application, void (*fn)(struct request *req),
		     struct sched *sched, uint64_t patience, const bool *given_up);

#endif

/*
 * An application: what a worker serves, and how it begins and ends.
 */
#ifndef LANES_ENGINE_APPLICATION_H
#define LANES_ENGINE_APPLICATION_H

#include <stdbool.h>

#include "client/jobs.h"
#include "client/migrate.h"
#include "engine/options.h"
#include "engine/sandbox.h"
#include "http/router.h"
#include "scoreboard/metric.h"
#include "scoreboard/scoreboard.h"

struct sched;
struct turn;

/* What a worker has when its application prepares itself. */
struct setup {
	const struct options *options;
	const struct scoreboard *board; /* its own slot, and those of all others */
	struct sandbox *needs;		/* what has to be possible in the sandbox */
	void *state; /* what routes.state says, and what request_state() will give */
};

/* Whatever is NULL is not called. All on the loop's thread. */
struct application {
	struct routes routes;
	struct metric *const *metrics; /* of its own, with NULL behind the last */
	/* It calls other services (client/fetch.h): there is a pool of threads for their names, one
	 * of the four that an application may have, and the sandbox lets it connect. */
	bool fetches;
	/* What a pool of the same program serves with --routes outside, in place of the services
	 * that it calls; NULL: nothing. */
	const struct application *outside;
	/* Of its own, beside the library's. Those of what --routes app serves: a program has one
	 * such table. */
	struct option_table options;
	/* Of its tables: what --migrate applies, besides the library's. */
	struct migrations migrations;
	/* What workers with --engine jobs do: JOBS(list). */
	struct job_kinds jobs;
	/* Before the sandbox, when files and sockets can be opened; adds to setup->needs what has
	 * to be possible afterwards, and may make a state. What setup points to is there as long as
	 * the process. False after a message: the worker does not start. */
	bool (*prepare)(struct setup *setup);
	/* Before the first request is taken. May AWAIT, as a handler; if it replies with an error,
	 * or fails, the worker does not start. */
	void (*start)(struct request *req);
	/* Beside the requests, from when it has started until the last of them is answered: what is
	 * to be done every so often is a loop around AWAIT(req, sleep_for(req, 60)). Nothing waits
	 * for it at the end. It has a frame and a state, as a handler. Not in a prefork process,
	 * which does one thing at a time. */
	void (*background)(struct request *req);
	/* After the last request, in the time that --drain-timeout gives. May AWAIT. */
	void (*stop)(struct request *req);
	/* Whether it can serve now, what it depends on being there: asked once a second, or between
	 * a process's requests. Must not block. While it says no, the worker does not count for
	 * /readyz. */
	bool (*ready)(void *state);
};

/* The program: parses the options, opens the socket, and serves the application until a signal
 * drains it. Returns its exit status. Every program also has what shows the system (--routes admin
 * and health, --top, --ps). application is borrowed; NULL: there is nothing but that. Call it
 * once. */
int lanes_main(int argc, char **argv, const struct application *application);

/* What a worker may be told to serve (--routes), in the order of enum routes_kind. */
struct applications {
	const struct application *kinds[ROUTES_KINDS];
	/* --top: shows what the workers on this scoreboard do, and returns the exit status. NULL:
	 * the program has none. */
	int (*top)(const char *scoreboard);
	/* --ps: … which request awaits what, once. */
	int (*ps)(const char *scoreboard);
};

/* The same with another set of applications. */
int worker_main(int argc, char **argv, const struct applications *applications);

/* For engines: the pools that its routes name, each once. False after a message: one is none, or
 * there are too many. */
bool application_pools(const struct application *application,
		       const struct thread_pool_options *own[BOARD_OWN_POOLS]);

/* For engines: asks it whether it is ready, for the slot. */
void application_ask(const struct application *application, struct board_slot *slot);

/* For engines: runs fn (start, stop) on the loop until it is over; false if it failed, or took
 * longer than so many milliseconds (0: any), or *given_up became true. */
bool application_run(const struct application *application, void (*fn)(struct request *req),
		     struct sched *sched, uint64_t patience, const bool *given_up);

/* For engines: begins its background work, if there is any; NULL: nothing runs. */
struct turn *application_begin(const struct application *application, struct sched *sched);

/* For engines: ends that; NULL is fine. */
void application_end(struct turn *background);

#endif

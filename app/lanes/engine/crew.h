/*
 * The processes that a master has started (engine/master.h), and that have not ended yet. Each has
 * a place in the pool, and says through a pipe (engine/parent.h) that it accepts, and that it
 * drains. All times are milliseconds of CLOCK_MONOTONIC.
 */
#ifndef LANES_ENGINE_CREW_H
#define LANES_ENGINE_CREW_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/options.h"
#include "scoreboard/scoreboard.h"

enum {
	CREW = 4 * MASTER_PROCESSES, /* those that drain are there besides */
	CREW_ARGUMENTS = 512,	     /* that a program may have, at most */
};

enum child_state {
	NOBODY,
	STARTING,
	SERVING,
	DRAINING,
};

struct child {
	pid_t pid;
	enum child_state state;
	int place;
	int pipe;	     /* -1: it has nothing more to say */
	unsigned generation; /* of the program: the master's when it was started */
	bool successor;	     /* of one that serves in its place */
	uint64_t deadline;   /* when it is killed; 0: never. This and all times: milliseconds */
};

struct crew {
	const struct options *options;
	int argc;
	char **argv; /* how they are started, and the master was */
	pid_t master;
	sigset_t before; /* what was blocked when that was started */
	struct child children[CREW];
};

static inline uint64_t now_ms(void)
{
	return board_now() / 1000000;
}

/* The one in this place that starts or serves, or its successor that does not serve yet; or NULL.
 */
struct child *crew_at(struct crew *crew, int place, bool successor);

int crew_count(const struct crew *crew, enum child_state state);

/* Starts one: the program as it is now, with a number in the pool (0: the scoreboard gives it one).
 * False after a message. */
bool crew_start(struct crew *crew, const struct child *as, int64_t number);

/* Tells one to drain, or, without a signal, notes that it does. */
void crew_drain(const struct crew *crew, struct child *child, int signal);

/* Kills those whose deadline has passed; and all. */
void crew_kill_late(struct crew *crew, uint64_t now);
void crew_kill(struct crew *crew);

#endif

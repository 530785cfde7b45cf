/*
 * The watchdog. A loop that is held answers nobody, and takes no signal that it could drain on. The
 * master sees it on the scoreboard, whose slot says since when and by which request, kills the
 * worker, and starts another. What waits in the socket's queue is its siblings' meanwhile. systemd
 * hears from the master itself (WATCHDOG=1), whose own loop never waits for anybody.
 */
#ifndef LANES_ENGINE_HELD_H
#define LANES_ENGINE_HELD_H

#include <stdint.h>

#include "engine/crew.h"
#include "engine/options.h"

struct held {
	uint64_t limit; /* milliseconds, as all here; 0: any */
	uint64_t step;	/* from one look to the next */
	uint64_t next;	/* when that is; UINT64_MAX: never */
	bool tells;	/* systemd wants to hear */
};

/* What --watchdog says, or else systemd in the environment, which is no worker's business. To be
 * called once, when the log is open. */
void held_begin(struct held *held, const struct options *options);

/* If it is time: tells systemd, and kills each worker whose loop has been held for too long. */
void held_look(struct held *held, struct crew *crew, uint64_t now);

#endif

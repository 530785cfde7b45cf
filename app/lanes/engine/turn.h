/*
 * A turn: a request that nobody sent. What an application does at its start and end, beside its
 * requests, and what a job is, runs as one: it may wait for all that a handler can. Its reply is
 * its outcome. Loop thread.
 */
#ifndef LANES_ENGINE_TURN_H
#define LANES_ENGINE_TURN_H

#include <stdbool.h>
#include <stddef.h>

#include "http/request.h"
#include "http/router.h"

struct turn {
	struct request req;
	struct route route; /* of one that has no other */
	/* It does nothing more, but for a thread that nobody waits for: called once, with
	 * req.reply, unless it was cancelled. */
	void (*over)(struct turn *turn);
	int status;   /* of its reply, or of what took its place */
	bool is_told; /* the scoreboard shows it as it does a request */
	bool instead; /* the latter: its thread still has the reply */
	bool stays;   /* it has work for after its reply */
};

/* Makes one of so many bytes, of which struct turn are the first, zeroed; NULL if memory is out.
 * It has one reference, and the last one frees it. */
struct turn *turn_new(size_t size, struct sched *sched, const struct routes *routes,
		      void (*over)(struct turn *turn));

/* Has the handler of route run, whose stages are its own; what is given as a function has an ASYNC
 * route of its own. A reply of 204 is there, in case it makes none. over() may be called from here.
 */
void turn_begin(struct turn *turn, const struct route *route);
void turn_begin_with(struct turn *turn, void (*fn)(struct request *req));

/* Nobody wants it any more: gives up what it waits for, and the reference. over() is not called. */
void turn_drop(struct turn *turn);

#endif

/*
 * What a coroutine waits for that has a name: a call to another service, a connection to the
 * database, a statement. It is seen while it lasts, and afterwards as a span; its time is part of
 * the coroutine's; and where it is why that has failed, the log can say so.
 *
 * Whoever makes something new to wait for embeds one, begins it where the wait begins, and ends it
 * in each of its ends, also in task's cancel(). Loop thread.
 */
#ifndef LANES_AWAIT_AWAITED_H
#define LANES_AWAIT_AWAITED_H

#include "await/coroutine.h"
#include "base/slice.h"

struct awaited {
	struct coroutine *co; /* NULL: it has not begun, or is over */
	uint64_t begun;
	enum span_kind kind;
	unsigned thing; /* may become another meanwhile */
	unsigned seat;	/* among those that are seen; BOARD_AWAITS: there was none */
};

/* The number that the scoreboard has for what is awaited (a host and port, a statement). The same
 * name has the same number, names being cut to 63 bytes. 0 when there is no room for another. */
unsigned sched_thing(struct sched *sched, struct slice name);

/* The coroutine waits for it since now (uv_hrtime()): SPAN_FETCH, SPAN_DB_QUEUE or SPAN_DB. */
void awaited_begin(struct awaited *awaited, struct coroutine *co, enum span_kind kind,
		   unsigned thing, uint64_t now);

/* It has come to this, or was given up: 0 or a negative errno. Nothing if it has not begun. */
void awaited_end(struct awaited *awaited, int error, uint64_t now);

/* The same, where it was given up: as something has failed, or nobody wants it any more. */
void awaited_drop(struct awaited *awaited);

#endif

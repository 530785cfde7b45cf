/*
 * A bell: many wait until it is rung, and all of them go on then; asyncio.Condition, without its
 * lock. It is whoever's it is, zeroed, and stays as long as somebody waits. Loop thread.
 */
#ifndef LANES_AWAIT_BELL_H
#define LANES_AWAIT_BELL_H

struct coroutine;

struct bell {
	struct bell_waiter *waiters; /* the last who came first */
};

/* The coroutine waits until the bell is rung. outcome as in coroutine.h. */
void coroutine_add_bell(struct coroutine *co, struct bell *bell, int *outcome);

/* Those who wait now go on. */
void bell_ring(struct bell *bell);

#endif

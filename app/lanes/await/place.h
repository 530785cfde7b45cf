/*
 * Where coroutines wait: each AWAIT of the source has a number on the scoreboard, and a coroutine
 * that waits, a seat there which names it. So it is seen from outside who waits for what, where and
 * since when, also while the loop is held. It costs a request some twenty instructions.
 *
 * Loop thread.
 */
#ifndef LANES_AWAIT_PLACE_H
#define LANES_AWAIT_PLACE_H

#include "await/coroutine.h"

/* It waits at its place since now (uv_hrtime()). Nothing where there are no more seats. */
void place_show(struct coroutine *co, uint64_t now);

/* It waits no more. It has a seat. */
void place_leave(struct coroutine *co);

#endif

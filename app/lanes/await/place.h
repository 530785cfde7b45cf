/*
 * Where coroutines wait: each AWAIT of the source has a number on the scoreboard, and a coroutine
 * that waits, a seat there which names it. So it is seen from outside who waits for what, where and
 * since when, also while the loop is held. It costs a request some thirty instructions.
 *
 * Loop thread.
 */
#ifndef LANES_AWAIT_PLACE_H
#define LANES_AWAIT_PLACE_H

#include "await/coroutine.h"
#include "await/sched.h"

/* Gives it a number, and the board all names that it lacks. */
void place_name(struct await_place *place, struct board_slot *board);

/* It waits at its place since now (uv_hrtime()). Nothing where there are no more seats; nobody has
 * sent what has no owner. */
static inline void place_show(struct coroutine *co, uint64_t now)
{
	struct sched *sched = co->sched;
	struct await_place *place = co->place;

	if (!place || !co->owner)
		return;
	if (!co->seat) {
		if (!sched->places_left)
			return;
		co->seat = sched->places[--sched->places_left];
	}
	if (place->board != sched->options.board)
		place_name(place, sched->options.board);
	board_awaits(co->seat, place->number | (uint64_t)co->pending << 16, co->owner, now);
}

/* It waits no more. */
static inline void place_leave(struct coroutine *co)
{
	if (!co->seat)
		return;
	board_end(&co->seat->doing);
	co->sched->places[co->sched->places_left++] = co->seat;
	co->seat = NULL;
}

#endif

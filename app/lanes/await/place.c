#include "await/place.h"

#include "await/sched.h"
#include "scoreboard/board_task.h"

enum { MOST = UINT16_MAX };

/* By number, of all loops of this process. */
static const struct await_place *known[BOARD_PLACES];
static unsigned known_count = 1;

/* Seats that were given back are a stack; those above it were never taken. 0: there is none. */
static unsigned take_seat(struct sched *sched)
{
	if (sched->places_left)
		return sched->places[--sched->places_left];
	return sched->places_used < BOARD_WAITERS ? ++sched->places_used : 0;
}

/* Gives it a number, and the board all names that it lacks. */
static __attribute__((noinline)) void name(struct await_place *place, struct board_slot *board)
{
	if (!place->number && known_count < BOARD_PLACES) {
		known[known_count] = place;
		place->number = known_count++;
	}
	for (uint64_t n = board_get(&board->place_count) + 1; n < known_count; n++)
		board_add_place(board, known[n]->what, known[n]->file, known[n]->function,
				(unsigned)known[n]->line);
}

void place_show(struct coroutine *co, uint64_t now)
{
	struct await_place *place = co->place;
	struct board_slot *board = co->sched->options.board;

	/* Nobody has sent what has no owner. */
	if (!place || !co->owner || (!co->seat && !(co->seat = take_seat(co->sched))))
		return;
	if (!place->number || place->number > board_get(&board->place_count))
		name(place, board);
	board_awaits(&board->waiters[co->seat - 1],
		     place->number | (uint64_t)(co->pending < MOST ? co->pending : MOST) << 16,
		     co->owner, now);
}

void place_leave(struct coroutine *co)
{
	struct sched *sched = co->sched;

	board_end(&sched->options.board->waiters[co->seat - 1].doing);
	sched->places[sched->places_left++] = (uint16_t)co->seat;
	co->seat = 0;
}

#include "await/awaited.h"

#include <string.h>
#include <uv.h>

#include "await/sched.h"

/* ---- names ---- */

static bool is_called(const struct board_slot *slot, unsigned thing, struct slice name)
{
	const char *known = slot->things[thing].name;

	return !memcmp(known, name.data, name.len) && !known[name.len];
}

/* There are twice as many places as numbers, so one of them is free. */
unsigned sched_thing(struct sched *sched, struct slice name)
{
	struct board_slot *slot = sched->options.board;
	uint8_t *at;

	if (name.len >= BOARD_THING)
		name.len = BOARD_THING - 1;
	if (!name.len)
		return 0;
	for (uint32_t hash = slice_hash(0, name);; hash++) {
		at = &sched->things[hash % sizeof(sched->things)];
		if (!*at || is_called(slot, *at, name))
			break;
	}
	if (!*at)
		*at = (uint8_t)board_add_thing(slot, name.data, name.len);
	return *at;
}

/* ---- while it lasts ---- */

/* Seats that were given back are a stack; those above it were never taken. */
static unsigned take_seat(struct sched *sched)
{
	if (sched->seats_left)
		return sched->seats[--sched->seats_left];
	return sched->seats_used < BOARD_AWAITS ? sched->seats_used++ : BOARD_AWAITS;
}

void awaited_begin(struct awaited *awaited, struct coroutine *co, enum span_kind kind,
		   unsigned thing, uint64_t now)
{
	struct board_slot *board = co->sched->options.board;

	*awaited = (struct awaited){co, now, kind, thing, take_seat(co->sched)};
	board_add(&board->waits[kind - SPAN_FETCH].now, 1);
	if (awaited->seat < BOARD_AWAITS)
		board_awaits(&board->awaits[awaited->seat], span_thing(kind, thing), co->owner,
			     now);
}

static uint64_t *time_of(struct coroutine_times *times, enum span_kind kind)
{
	if (kind == SPAN_DB)
		return &times->db;
	return kind == SPAN_FETCH ? &times->fetch : &times->db_queue;
}

void awaited_end(struct awaited *awaited, int error, uint64_t now)
{
	struct coroutine *co = awaited->co;
	struct board_slot *board;
	uint64_t what = span_thing(awaited->kind, awaited->thing);

	if (!co)
		return;
	awaited->co = NULL;
	board = co->sched->options.board;
	board_add(&board->waits[awaited->kind - SPAN_FETCH].now, (uint64_t)-1);
	if (awaited->seat < BOARD_AWAITS) {
		board_end(&board->awaits[awaited->seat].doing);
		co->sched->seats[co->sched->seats_left++] = (uint8_t)awaited->seat;
	}
	*time_of(&co->times, awaited->kind) += now - awaited->begun;
	board_waited(board, awaited->kind, awaited->thing, now - awaited->begun);
	board_span(board, what, awaited->begun, now, co->owner);
	if (error && !co->blamed)
		co->blamed = what;
}

void awaited_drop(struct awaited *awaited)
{
	if (awaited->co)
		awaited_end(awaited, awaited->co->error, uv_hrtime());
}

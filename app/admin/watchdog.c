/*
 * Logs who holds a loop for too long, while it is held: from the admin worker, which sees it on
 * the scoreboard, as the loop itself cannot. (asyncio tells afterwards: slow_callback_duration.)
 */
#include <stdio.h>
#include <string.h>

#include "admin/admin.h"

enum { LOOKS = 4, NS_PER_S = 1000000000 };

/* A hold that was logged. */
struct hold {
	uint64_t since; /* 0: none */
	uint64_t seen;	/* when it was last seen to last */
	uint64_t owner; /* packed; 0: no request */
};

/* Of each slot. */
struct holds {
	struct hold of[BOARD_SLOTS];
};

static void tell(const struct board_slot *slot, const char *event, const struct hold *hold,
		 uint64_t duration)
{
	struct span_owner owner = span_owner_unpack(hold->owner);
	char pool[BOARD_NAME];
	char worker[40];
	char route[BOARD_ROUTE];
	char seconds[24];

	board_text(pool, slot->pool, sizeof(pool));
	snprintf(worker, sizeof(worker), "%s-%llu", pool,
		 (unsigned long long)board_get(&slot->number));
	board_route_name(slot, owner.route, route);
	snprintf(seconds, sizeof(seconds), "%.3f", (double)duration / NS_PER_S);
	log_event_of(worker, (long)board_get(&slot->pid), LOG_LEVEL_WARNING, event, "request",
		     log_number(owner.serial), "route", route, "seconds", seconds, NULL);
}

/* It ended between our last two looks. The worker notes the longest turn that ended in each
 * second; if that fits in between, it is this one, exactly. */
static uint64_t duration_of(const struct board_slot *slot, const struct hold *hold, uint64_t now)
{
	for (uint64_t second = hold->seen / NS_PER_S; second <= now / NS_PER_S; second++) {
		uint64_t noted = board_get(&slot->holds[second % BOARD_SECONDS]);
		uint64_t duration = (uint64_t)(uint32_t)noted * 1000;

		if (noted >> 32 == second && hold->since + duration + 1000 >= hold->seen &&
		    hold->since + duration <= now)
			return duration;
	}
	return now - hold->since;
}

static void look(const struct board_slot *slot, struct hold *hold, uint64_t now, bool alive,
		 uint64_t limit)
{
	uint64_t since = alive ? board_get(&slot->turn_since) : 0;
	uint64_t running;

	if (hold->since && hold->since != since) {
		if (alive)
			tell(slot, "slow-callback-ended", hold, duration_of(slot, hold, now));
		hold->since = 0;
	}
	if (!since || now < since || now - since < limit)
		return;
	if (!hold->since) {
		*hold = (struct hold){.since = since};
		if (!board_doing(&slot->running, &running, &hold->owner))
			hold->owner = 0;
		tell(slot, "slow-callback", hold, now - since);
	}
	hold->seen = now;
}

static void look_at_all(struct holds *holds, const struct admin *state)
{
	const struct scoreboard *board = state->board;
	uint64_t limit = (uint64_t)(state->slow * NS_PER_S);
	unsigned count = scoreboard_slots(board);
	uint64_t now = board_now();

	for (unsigned i = 0; i < count; i++) {
		const struct board_slot *slot = &board->slots[i];
		struct hold *hold = &holds->of[i];

		/* A prefork process is there to be held. A lock is asked for only where it matters.
		 */
		if (slot != board->own && (hold->since || board_get(&slot->turn_since)) &&
		    strcmp(slot->engine, "prefork") != 0)
			look(slot, hold, now, scoreboard_alive(board, i), limit);
	}
}

void watchdog(struct request *req, void *frame)
{
	static struct holds holds;
	const struct admin *state = frame;

	ASYNC_BEGIN(req);
	for (;;) {
		look_at_all(&holds, state);
		AWAIT(req, sleep_for(req, state->slow / LOOKS));
	}
	ASYNC_END(req);
}

#include "engine/held.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/notify.h"
#include "scoreboard/board_reader.h"

enum { LOOKS = 4, LEAST_MS = 10, MS_PER_S = 1000, NS_PER_MS = 1000000 };

/* What systemd wants to hear of within, in milliseconds; 0: nothing. */
static uint64_t wanted(void)
{
	const char *pid = getenv("WATCHDOG_PID");
	const char *within = getenv("WATCHDOG_USEC");
	long long us = within && (!pid || atoll(pid) == getpid()) ? atoll(within) : 0;

	unsetenv("WATCHDOG_PID");
	unsetenv("WATCHDOG_USEC");
	return us > 0 ? (uint64_t)us / 1000 : 0;
}

void held_begin(struct held *held, const struct options *options)
{
	uint64_t within = wanted();
	uint64_t shortest;

	*held = (struct held){.next = UINT64_MAX, .tells = within > 0};
	held->limit = options->watchdog < 0 ? within : (uint64_t)options->watchdog;
	if (options->engine == ENGINE_PREFORK)
		held->limit = 0; /* it is there to be held */
	if (held->limit && !options->scoreboard) {
		log_event(LOG_LEVEL_WARNING, "watchdog-blind", "why", "no --scoreboard", NULL);
		held->limit = 0;
	}
	if (!held->limit && !within)
		return;
	shortest = !held->limit || (within && within < held->limit) ? within : held->limit;
	held->step = shortest / LOOKS > LEAST_MS ? shortest / LOOKS : LEAST_MS;
	held->next = 0;
}

/* What its own doctor has seen of the turn since then; "": nothing. */
static void read_place(const struct scoreboard *board, unsigned slot, uint64_t since,
		       char at[BOARD_SOURCE])
{
	struct board_hold hold;

	at[0] = '\0';
	if (scoreboard_read(board, slot, offsetof(struct board_slot, hold), &hold, sizeof(hold)) &&
	    board_get(&hold.turn) == since)
		board_text(at, hold.at, BOARD_SOURCE);
}

static void kill_held(const struct scoreboard *board, unsigned slot, pid_t pid, uint64_t since,
		      uint64_t now)
{
	uint64_t running[2] = {0, 0}; /* as struct board_doing: since when, and whose */
	struct span_owner owner;
	char name[BOARD_ROUTE] = "";
	char route[BOARD_ROUTE];
	char seconds[24];
	char at[BOARD_SOURCE];

	read_place(board, slot, since, at);
	scoreboard_read(board, slot, offsetof(struct board_slot, running), running,
			sizeof(running));
	owner = span_owner_unpack(running[0] ? running[1] : 0);
	if (running[0])
		scoreboard_read(board, slot,
				offsetof(struct board_slot, routes) +
					owner.route % BOARD_ROUTES * sizeof(struct board_route),
				name, sizeof(name));
	board_text(route, name, sizeof(route));
	snprintf(seconds, sizeof(seconds), "%.3f", (double)(now - since) / NS_PER_MS / MS_PER_S);
	log_event(LOG_LEVEL_ERROR, "worker-killed", "worker_pid", log_number(pid), "why",
		  "watchdog", "request", log_number(owner.serial), "route", route, "seconds",
		  seconds, at[0] ? "at" : NULL, at, NULL);
	kill(pid, SIGKILL);
}

static bool is_of(const struct crew *crew, pid_t pid)
{
	for (const struct child *c = crew->children; c < crew->children + CREW; c++)
		if (c->state != NOBODY && c->pid == pid)
			return true;
	return false;
}

/* The file is opened for each look, as it may be another now; who holds a slot, the kernel says. */
static void look_at_loops(const struct held *held, const struct crew *crew)
{
	struct scoreboard board;
	unsigned count;

	if (scoreboard_open_to_read(&board, crew->options->scoreboard))
		return; /* its workers have none either, and say so */
	count = scoreboard_slots(&board);
	for (unsigned slot = 0; slot < count; slot++) {
		pid_t pid = scoreboard_holder(&board, slot);
		uint64_t since;
		uint64_t now = board_now();

		if (pid > 0 && is_of(crew, pid) &&
		    scoreboard_read(&board, slot, offsetof(struct board_slot, turn_since), &since,
				    sizeof(since)) &&
		    since && since < now && (now - since) / NS_PER_MS >= held->limit)
			kill_held(&board, slot, pid, since, now);
	}
	scoreboard_close(&board);
}

/* After a look that comes late, because we were stopped ourselves, nobody is killed: so were they.
 */
void held_look(struct held *held, struct crew *crew, uint64_t now)
{
	bool late = held->next && now > held->next + held->step;

	if (now < held->next)
		return;
	held->next = now + held->step;
	if (held->tells)
		notify("WATCHDOG=1");
	if (held->limit && !late)
		look_at_loops(held, crew);
}

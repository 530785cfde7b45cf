#include "scoreboard/board_task.h"

#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NS_PER_S = 1000000000, TRIES = 100 };

static double seconds_since(uint64_t since, uint64_t now)
{
	return now > since ? (double)(now - since) / NS_PER_S : 0;
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* ---- who waits ---- */

static const struct kind {
	const char *call; /* its name, or how it begins */
	const char *kind;
} kinds[] = {
	{"sleep_for(", "sleep"},
	{"run_in_threadpool(", "thread"},
	{"run_in_cpu_pool(", "cpu"},
	{"fetch", "fetch"},
	{"pg_wait_for_news(", "news"},
	{"pg_", "db"},
	{"job", "db"},
	{"request_body(", "body"},
	{"request_read(", "body"},
	{"gather", "gather"},
	{"stream_write(", "client"},
	{"await_fd(", "fd"},
	{"wait_for_bell(", "bell"},
};

/* Of wait_within(req, 5, request_read(req, &f->piece)), what is waited for. */
static const char *kind_of(const char *what)
{
	if (begins(what, "wait_within(")) {
		for (int comma = 0; *what && comma < 2; what++)
			comma += *what == ',';
		what += strspn(what, " ");
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (begins(what, kinds[i].call))
			return kinds[i].kind;
	return "await";
}

static void read_place(const struct board_slot *slot, unsigned number, struct board_task *task)
{
	uint64_t count = atomic_load_explicit(&slot->place_count, memory_order_acquire);
	const struct board_place *place = &slot->places[number % BOARD_PLACES];

	task->kind = "await";
	task->known = number && number <= count && number < BOARD_PLACES;
	if (!task->known)
		return;
	board_text(task->what, place->what, sizeof(task->what));
	board_text(task->file, place->file, sizeof(task->file));
	board_text(task->function, place->function, sizeof(task->function));
	task->line = (unsigned)board_get(&place->line);
	task->kind = kind_of(task->what);
	task->own = !begins(task->file, "app/lanes/");
}

bool board_task(const struct board_slot *slot, unsigned seat, uint64_t now, struct board_task *task)
{
	const struct board_await *await = &slot->waiters[seat];
	uint64_t since;
	uint64_t again;
	uint64_t owner;
	uint64_t what;
	struct span_owner who;

	if (!board_doing(&await->doing, &since, &owner))
		return false;
	what = atomic_load_explicit(&await->what, memory_order_acquire);
	if (!board_doing(&await->doing, &again, &owner) || again != since)
		return false;
	who = span_owner_unpack(owner);
	*task = (struct board_task){.request = {who.serial, who.route, seconds_since(since, now)},
				    .things = (unsigned)(what >> 16)};
	read_place(slot, (unsigned)(what & 0xffff), task);
	return true;
}

/* The end of a path says more than its beginning. */
static void copy_end(char *to, const char *from)
{
	size_t len = strlen(from);

	snprintf(to, BOARD_SOURCE, "%s", len < BOARD_SOURCE ? from : from + len - BOARD_SOURCE + 1);
}

void board_add_place(struct board_slot *slot, const char *what, const char *file,
		     const char *function, unsigned line)
{
	uint64_t number = board_get(&slot->place_count) + 1;
	struct board_place *place = &slot->places[number % BOARD_PLACES];

	if (number >= BOARD_PLACES)
		return;
	snprintf(place->what, sizeof(place->what), "%s", what);
	copy_end(place->file, file);
	snprintf(place->function, sizeof(place->function), "%s", function);
	board_set(&place->line, line);
	atomic_store_explicit(&slot->place_count, number, memory_order_release);
}

/* ---- what held it ---- */

static void read_hold(const struct board_hold *from, uint64_t now, struct held_by *held)
{
	uint64_t owner = board_get(&from->owner);
	struct span_owner who = span_owner_unpack(owner);

	held->is_request = owner != 0;
	held->request = (struct running){who.serial, who.route, 0};
	held->many = board_get(&from->many) != 0;
	held->ago = seconds_since(board_get(&from->taken), now);
	board_text(held->function, from->function, sizeof(held->function));
	board_text(held->at, from->at, sizeof(held->at));
	board_text(held->from, from->from, sizeof(held->from));
	board_text(held->call, from->call, sizeof(held->call));
	board_text(held->cure, from->cure, sizeof(held->cure));
}

bool board_held_by(const struct board_slot *slot, uint64_t now, struct held_by *held)
{
	const struct board_hold *from = &slot->hold;

	for (int i = 0; i < TRIES; i++) {
		held->turn = atomic_load_explicit(&from->turn, memory_order_acquire);
		if (!held->turn)
			continue;
		read_hold(from, now, held);
		atomic_thread_fence(memory_order_acquire);
		if (board_get(&from->turn) == held->turn)
			return true;
	}
	return false;
}

void board_tell_hold(struct board_slot *slot, const struct held_by *held, uint64_t owner,
		     uint64_t now)
{
	struct board_hold *to = &slot->hold;

	board_set(&to->turn, 0);
	atomic_thread_fence(memory_order_release);
	board_set(&to->owner, owner);
	board_set(&to->taken, now);
	board_set(&to->many, held->many);
	memcpy(to->function, held->function, sizeof(to->function));
	memcpy(to->at, held->at, sizeof(to->at));
	memcpy(to->from, held->from, sizeof(to->from));
	memcpy(to->call, held->call, sizeof(to->call));
	memcpy(to->cure, held->cure, sizeof(to->cure));
	atomic_store_explicit(&to->turn, held->turn, memory_order_release);
}

void board_wake(struct board_slot *slot)
{
	if (atomic_exchange(&slot->watch_rests, 0))
		syscall(SYS_futex, &slot->watch_rests, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

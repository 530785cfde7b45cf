#include "scoreboard/board_reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	NS_PER_S = 1000000000,
	TRIES = 100, /* reading what a worker changes much more slowly */
};

/* Never negative: a worker may have written since we looked at the clock. */
static double seconds_since(uint64_t since, uint64_t now)
{
	return now > since ? (double)(now - since) / NS_PER_S : 0;
}

bool board_doing(const struct board_doing *doing, uint64_t *since, uint64_t *owner)
{
	uint64_t again = atomic_load_explicit(&doing->since, memory_order_acquire);

	for (int i = 0; i < TRIES; i++) {
		*since = again;
		*owner = atomic_load_explicit(&doing->owner, memory_order_acquire);
		again = atomic_load_explicit(&doing->since, memory_order_acquire);
		if (again == *since)
			return *since != 0;
	}
	return false;
}

void board_text(char *text, const char *from, size_t room)
{
	const volatile char *at = from; /* each byte is read once */
	size_t len = 0;
	char c;

	for (; len + 1 < room && (c = at[len]); len++)
		text[len] = (char)(c < ' ' || c > '~' ? '?' : c);
	text[len] = '\0';
}

unsigned board_routes(const struct board_slot *slot)
{
	uint64_t count = atomic_load_explicit(&slot->route_count, memory_order_acquire);

	return count < BOARD_ROUTES ? (unsigned)count : BOARD_ROUTES;
}

bool board_route(const struct board_slot *slot, unsigned route, struct route_state *state)
{
	const struct board_route *from = &slot->routes[route];

	*state = (struct route_state){.is_async = board_get(&from->is_async) != 0};
	for (unsigned b = 0; b < BOARD_BUCKETS; b++)
		state->count += state->buckets[b] = board_get(&from->buckets[b]);
	state->seconds = (double)board_get(&from->nanoseconds) / NS_PER_S;
	return state->count || *(const volatile char *)from->name;
}

const char *board_route_name(const struct board_slot *slot, unsigned route, char *name)
{
	name[0] = '\0';
	if (route < board_routes(slot))
		board_text(name, slot->routes[route].name, BOARD_ROUTE);
	return name;
}

unsigned board_things(const struct board_slot *slot)
{
	uint64_t count = atomic_load_explicit(&slot->thing_count, memory_order_acquire);

	return count < BOARD_THINGS ? (unsigned)count + 1 : BOARD_THINGS;
}

const char *board_thing_name(const struct board_slot *slot, unsigned thing, char *name)
{
	name[0] = '\0';
	if (thing && thing < board_things(slot))
		board_text(name, slot->things[thing].name, BOARD_THING);
	return name;
}

bool board_thing(const struct board_slot *slot, enum span_kind kind, unsigned thing,
		 struct waited *waited)
{
	const struct board_waits *waits = &slot->waits[kind - SPAN_FETCH];
	const struct board_thing *of = &slot->things[thing];
	bool is_such = !thing || board_get(&of->kind) == (uint64_t)kind;

	waited->count = is_such ? board_get(thing ? &of->count : &waits->count) : 0;
	waited->seconds =
		(double)board_get(thing ? &of->nanoseconds : &waits->nanoseconds) / NS_PER_S;
	return waited->count != 0;
}

struct request_ids board_ids(const struct board_slot *slot, uint32_t serial)
{
	const struct board_id *from = &slot->ids[serial % BOARD_IDS];
	uint64_t owner = board_get(&slot->pid) << 32 | serial;
	struct request_ids ids;

	if (atomic_load_explicit(&from->owner, memory_order_acquire) != owner)
		return (struct request_ids){"", ""};
	board_text(ids.id, from->id, sizeof(ids.id));
	board_text(ids.trace, from->trace, sizeof(ids.trace));
	if (strspn(ids.trace, "0123456789abcdef") != BOARD_TRACE - 1)
		ids.trace[0] = '\0';
	atomic_thread_fence(memory_order_acquire);
	return board_get(&from->owner) == owner ? ids : (struct request_ids){"", ""};
}

static bool read_running(const struct board_doing *doing, uint64_t now, struct running *running)
{
	uint64_t since;
	uint64_t packed;
	struct span_owner owner;

	if (!board_doing(doing, &since, &packed))
		return false;
	owner = span_owner_unpack(packed);
	*running = (struct running){
		.serial = owner.serial, .route = owner.route, .seconds = seconds_since(since, now)};
	return true;
}

/* Whatever is written there, a kind and a thing that there may be. */
static bool read_awaiting(const struct board_await *await, uint64_t now, struct awaiting *awaiting)
{
	uint64_t since;
	uint64_t again;
	uint64_t what;
	uint64_t owner;

	if (!board_doing(&await->doing, &since, &owner))
		return false;
	what = atomic_load_explicit(&await->what, memory_order_acquire);
	if (!read_running(&await->doing, now, &awaiting->request) ||
	    !board_doing(&await->doing, &again, &owner) || again != since)
		return false;
	awaiting->kind = what & 0xff;
	awaiting->thing = what >> 16 < BOARD_THINGS ? (unsigned)(what >> 16) : 0;
	return span_has_thing(awaiting->kind);
}

/* The two that all have are not asked: a process has none of their threads, and shows them. No two
 * of a worker are called the same. */
static void name_pool(struct worker_state *worker, enum board_pool number)
{
	const char *from = worker->slot->pools[number].name;
	char *name = worker->pools[number].name;
	bool sound;

	if (number == BOARD_BLOCKING)
		from = "blocking";
	else if (number == BOARD_CPU)
		from = "cpu";
	board_text(name, from, BOARD_NAME);
	sound = board_is_pool_name(name);
	for (int i = 0; i < (int)number; i++)
		sound = sound && strcmp(name, worker->pools[i].name) != 0;
	if (!sound)
		name[0] = '\0';
}

static void read_pool(const struct board_threads *threads, uint64_t now, struct pool_state *pool)
{
	uint64_t oldest = board_get(&threads->oldest);

	pool->limit = board_get(&threads->limit);
	pool->threads = board_get(&threads->started);
	if (pool->threads > BOARD_THREADS_MAX)
		pool->threads = BOARD_THREADS_MAX;
	pool->running = board_get(&threads->running);
	pool->abandoned = board_get(&threads->abandoned);
	pool->queued = board_get(&threads->queued);
	pool->refused = board_get(&threads->refused);
	pool->oldest_wait = oldest ? seconds_since(oldest, now) : 0;
	for (unsigned i = 0; i < BOARD_THREADS && i < pool->threads; i++) {
		struct busy_thread *busy = &pool->busy[pool->busy_count];

		busy->thread = i;
		if (read_running(&threads->threads[i], now, &busy->request))
			pool->busy_count++;
	}
}

/* The longest hold in the last so many seconds, the one that lasts included. */
static double longest_hold(const struct worker_state *worker, uint64_t now, unsigned seconds)
{
	double longest = worker->is_held ? worker->held : 0;

	for (unsigned i = 0; i < BOARD_SECONDS; i++) {
		uint64_t hold = board_get(&worker->slot->holds[i]);
		double us = (double)(uint32_t)hold;

		if ((hold >> 32) + seconds >= now / NS_PER_S && hold >> 32 <= now / NS_PER_S &&
		    us / 1e6 > longest)
			longest = us / 1e6;
	}
	return longest;
}

static void read_loop(struct worker_state *worker, uint64_t now)
{
	const struct board_slot *slot = worker->slot;
	uint64_t since = board_get(&slot->turn_since);

	worker->is_held = since != 0;
	worker->held = since ? seconds_since(since, now) : 0;
	worker->is_running = read_running(&slot->running, now, &worker->running);
	worker->asked = now;
	worker->longest_1s = longest_hold(worker, now, 1);
	worker->longest_60s = longest_hold(worker, now, 60);
}

/* A prefork process is occupied by a request, also while that waits. */
static void read_busy(struct worker_state *worker)
{
	const struct board_slot *slot = worker->slot;
	bool prefork = !strcmp(worker->engine, "prefork");

	worker->busy =
		(double)board_watch_read(prefork ? &slot->occupied : &slot->busy, worker->asked) /
		NS_PER_S;
	worker->awaiting = prefork && worker->in_flight && !worker->is_held && !worker->is_running;
}

static void read_database(const struct board_database *from, struct database_state *to)
{
	*to = (struct database_state){
		.limit = board_get(&from->limit),
		.health = (enum board_health)board_get(&from->health),
		.tables = (enum board_tables)board_get(&from->tables),
		.connections = board_get(&from->connections),
		.busy = board_get(&from->busy),
		.waiting = board_get(&from->waiting),
		.refused = board_get(&from->refused),
		.late = board_get(&from->late),
		.failures = board_get(&from->failures),
		.lost = board_get(&from->lost),
		.cancelled = board_get(&from->cancelled),
		.statements = board_get(&from->statements),
		.listeners = board_get(&from->listeners),
	};
}

static void read_counters(struct worker_state *worker)
{
	const struct board_slot *slot = worker->slot;

	worker->number = board_get(&slot->number);
	worker->started = board_get(&slot->started_at);
	worker->draining = board_get(&slot->draining);
	read_database(&slot->database, &worker->database);
	worker->database.up = worker->database.health == BOARD_DATABASE_UP;
	worker->unready = board_get(&slot->unready) ||
			  (worker->database.limit && !worker->database.up) ||
			  worker->database.tables != BOARD_TABLES_FINE;
	worker->requests = board_get(&slot->requests);
	worker->in_flight = board_get(&slot->in_flight);
	worker->connections = board_get(&slot->connections);
	worker->accepted = board_get(&slot->accepted);
	worker->aborted = board_get(&slot->aborted);
	for (int i = 0; i < 6; i++)
		worker->answers[i] = board_get(&slot->classes[i]);
	board_text(worker->pool, slot->pool, sizeof(slot->pool));
	board_text(worker->engine, slot->engine, sizeof(slot->engine));
	board_text(worker->prefix, slot->prefix, sizeof(slot->prefix));
	snprintf(worker->name, sizeof(worker->name), "%s-%llu", worker->pool,
		 (unsigned long long)worker->number);
}

static void read_waits(struct worker_state *worker, uint64_t now)
{
	const struct board_slot *slot = worker->slot;

	for (int i = 0; i < BOARD_WAITS; i++)
		worker->waits[i] = board_get(&slot->waits[i].now);
	for (int i = 0; i < BOARD_AWAITS; i++)
		if (read_awaiting(&slot->awaits[i], now, &worker->awaits[worker->awaits_count]))
			worker->awaits_count++;
}

/* State, threads and resident pages: fields 3, 20 and 24 of /proc/PID/stat. They are counted from
 * behind the name, which may hold anything. */
static void read_process(struct worker_state *worker)
{
	char path[64];
	char text[512];
	size_t len;
	const char *at;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%llu/stat", (unsigned long long)worker->pid);
	file = fopen(path, "re");
	if (!file)
		return;
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	at = strrchr(text, ')');
	for (int field = 2; at && field <= 24; field++) {
		if (field == 3)
			worker->stopped = *at == 'T' || *at == 't';
		if (field == 20)
			worker->process_threads = strtoull(at, NULL, 10);
		if (field == 24)
			worker->memory = strtoull(at, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
		at = strchr(at, ' ');
		if (at)
			at++;
	}
}

/* … or if somebody else is by the time we are done. */
bool worker_read(const struct scoreboard *board, unsigned number, struct worker_state *worker)
{
	const struct board_slot *slot = &board->slots[number];
	uint64_t pid = atomic_load_explicit(&slot->pid, memory_order_acquire);
	uint64_t now = board_now();
	pid_t holder = pid ? scoreboard_holder(board, number) : 0;

	if (!holder)
		return false;
	*worker = (struct worker_state){.slot = slot, .pid = holder > 0 ? (uint64_t)holder : pid};
	read_counters(worker);
	read_loop(worker, now);
	read_busy(worker);
	read_waits(worker, now);
	for (int i = 0; i < BOARD_POOLS; i++) {
		name_pool(worker, (enum board_pool)i);
		read_pool(&slot->pools[i], now, &worker->pools[i]);
	}
	if (holder > 0)
		read_process(worker);
	atomic_thread_fence(memory_order_acquire);
	return board_get(&slot->pid) == pid;
}

static int by_name(const void *a, const void *b)
{
	const struct worker_state *one = a;
	const struct worker_state *other = b;
	int order = strcmp(one->pool, other->pool);

	return order ? order : (one->number > other->number) - (one->number < other->number);
}

int workers_read(const struct scoreboard *board, struct workers *workers)
{
	unsigned count = scoreboard_slots(board);
	size_t room = 0;

	*workers = (struct workers){0};
	for (unsigned i = 0; i < count; i++) {
		if (workers->count == room) {
			struct worker_state *list;

			room = room ? 2 * room : 8;
			list = realloc(workers->list, room * sizeof(*list));
			if (!list) {
				workers_free(workers);
				return -ENOMEM;
			}
			workers->list = list;
		}
		if (worker_read(board, i, &workers->list[workers->count]))
			workers->count++;
	}
	if (workers->count)
		qsort(workers->list, workers->count, sizeof(*workers->list), by_name);
	return 0;
}

void workers_free(struct workers *workers)
{
	free(workers->list);
	*workers = (struct workers){0};
}

uint64_t board_head(const struct board_slot *slot)
{
	return atomic_load_explicit(&slot->head, memory_order_acquire);
}

static struct span copy_span(const struct board_span *from)
{
	uint64_t what = board_get(&from->what);
	bool has_thing = span_has_thing(what & 0xff);

	return (struct span){.start = board_get(&from->start),
			     .duration = board_get(&from->duration),
			     .owner = span_owner_unpack(board_get(&from->owner)),
			     .kind = what & 0xff,
			     .pool = (what >> 8 & 0xff) % BOARD_POOLS,
			     .thread = has_thing ? 0 : (unsigned)(what >> 16),
			     .thing = has_thing ? (unsigned)(what >> 16) : 0};
}

const char *span_name(enum span_kind kind)
{
	static const char *const names[SPAN_KINDS] = {
		[SPAN_QUEUE] = "queue",	      [SPAN_LOOP] = "loop",
		[SPAN_AWAIT] = "await",	      [SPAN_POOL_QUEUE] = "pool-queue",
		[SPAN_POOL] = "pool",	      [SPAN_READY] = "ready",
		[SPAN_GONE] = "gone",	      [SPAN_FETCH] = "fetch",
		[SPAN_DB_QUEUE] = "db-queue", [SPAN_DB] = "db",
	};

	return names[kind];
}

const char *span_thing_name(const struct board_slot *slot, enum span_kind kind, unsigned thing,
			    char *name)
{
	char of[BOARD_THING];

	board_thing_name(slot, thing, of);
	snprintf(name, SPAN_NAME, "%s%s%s", span_name(kind), *of ? " " : "", of);
	return name;
}

bool span_is_sound(const struct span *span)
{
	return span->kind >= SPAN_QUEUE && span->kind < SPAN_KINDS &&
	       span->thread < BOARD_THREADS_MAX && span->thing < BOARD_THINGS &&
	       span->start + span->duration >= span->start;
}

size_t board_spans(const struct board_slot *slot, uint64_t *next, struct span *spans, size_t max,
		   uint64_t *lost)
{
	uint64_t head = board_head(slot);
	uint64_t first;
	uint64_t whole;
	size_t count;

	if (*next > head)
		*next = 0; /* the slot has a new owner */
	first = *next;
	if (head - first >= BOARD_SPANS)
		first = head - BOARD_SPANS + 1;
	count = head - first < max ? (size_t)(head - first) : max;
	for (size_t i = 0; i < count; i++)
		spans[i] = copy_span(&slot->spans[(first + i) % BOARD_SPANS]);
	/* The worker went on meanwhile. It may be writing span number head already, in the place of
	 * the one BOARD_SPANS before it; from the next on they are whole. */
	atomic_thread_fence(memory_order_acquire);
	head = board_head(slot);
	whole = head >= BOARD_SPANS ? head - BOARD_SPANS + 1 : 0;
	if (whole > first) {
		size_t gone = whole - first < count ? (size_t)(whole - first) : count;

		memmove(spans, spans + gone, (count - gone) * sizeof(*spans));
		first += gone;
		count -= gone;
	}
	if (lost)
		*lost += first - *next;
	*next = first + count;
	return count;
}

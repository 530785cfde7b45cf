/*
 * The scoreboard: one mapped file that says what every worker of a system is doing right now.
 *
 * Each worker owns a slot and is its only writer (its pool threads write their own corner of it);
 * anyone may map the file and read it, at any time and without a lock, also while the worker's
 * loop is held: that is what it is for. Every word is read and written whole (relaxed atomics);
 * the ring of spans is published by its head. A slot belongs to the process that holds an fcntl
 * lock on the slot's byte range: when a worker dies, the kernel gives it back.
 *
 * Times are uv_hrtime() nanoseconds (CLOCK_MONOTONIC), the same clock in all processes.
 */
#ifndef LANES_SCOREBOARD_SCOREBOARD_H
#define LANES_SCOREBOARD_SCOREBOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

enum {
	BOARD_SLOTS = 1024,  /* at most: the file has as many as were ever in use at once */
	BOARD_ROUTES = 1024, /* number 0 stands for requests that matched none, or one beyond */
	BOARD_ROUTE = 96,    /* bytes of a route's name */
	BOARD_PATH = 48,
	BOARD_NAME = 24,
	BOARD_BUCKETS = 14,	  /* of a latency histogram, the last one unbounded */
	BOARD_THREADS = 64,	  /* of each pool that are shown one by one */
	BOARD_THREADS_MAX = 2048, /* of each pool, with those that run abandoned jobs */
	BOARD_SECONDS = 64,	  /* of loop history */
	BOARD_SPANS = 16384,	  /* a power of two */
	BOARD_THINGS = 256,	  /* that are awaited by name; number 0: none */
	BOARD_THING = 64,	  /* bytes of such a name, and its end */
	BOARD_AWAITS = 64,	  /* waits for a thing that are shown one by one */
	BOARD_PLACES = 256,	  /* of the source, where is awaited; number 0: one beyond */
	BOARD_SOURCE = 80,	  /* bytes of what is said of one, and its end */
	BOARD_WAITERS = 256,	  /* coroutines that are shown one by one where they wait */
	BOARD_IDS = 1024,	  /* a power of two */
	BOARD_ID = 40,		  /* bytes of what the web server calls a request, and its end */
	BOARD_TRACE = 33,	  /* … of a trace-id, all of them digits of base 16 */
	BOARD_SLOW_NS = 100000000,
	BOARD_METRICS = 32, /* of the application */
	BOARD_METRIC_NAME = 48,
	BOARD_METRIC_HELP = 96,
	BOARD_LINE = 64, /* bytes of a cache line */
};

enum {
	BOARD_OWN_POOLS = 4, /* of the application */
};

enum board_pool {
	BOARD_BLOCKING,
	BOARD_CPU,
	BOARD_OWN, /* the first of the application's own */
	BOARD_POOLS = BOARD_OWN + BOARD_OWN_POOLS,
};

/* What a request, or a loop, did for a while. */
enum span_kind {
	SPAN_QUEUE = 1,	 /* sent by nginx, not yet picked up; written when it is picked up */
	SPAN_LOOP,	 /* running on the loop; with a status: this was the last time */
	SPAN_AWAIT,	 /* waiting, the loop being free */
	SPAN_POOL_QUEUE, /* waiting for a thread */
	SPAN_POOL,	 /* running on a thread */
	SPAN_READY,	 /* what it waited for is there, and the loop does not run it yet */
	SPAN_GONE,	 /* the client went away, after that long */
	SPAN_FETCH,	 /* another service was called: a thing says which */
	SPAN_DB_QUEUE,	 /* waiting for a connection to the database */
	SPAN_DB,	 /* the database was at work: a thing says on what */
	SPAN_KINDS,
};

/* Those that a thing is awaited in: its number is in the place of a thread's. */
enum { BOARD_WAITS = SPAN_KINDS - SPAN_FETCH };

static inline bool span_has_thing(enum span_kind kind)
{
	return kind >= SPAN_FETCH && kind < SPAN_KINDS;
}

/* Who a span is about: a worker's request. Together they fit one word. */
struct span_owner {
	uint32_t serial; /* of the request, modulo 2^32 */
	uint16_t route;
	uint16_t status; /* 0: not answered yet */
};

typedef _Atomic uint64_t word;

struct board_span {
	word start;
	word duration;
	word owner; /* struct span_owner, packed */
	word what;  /* kind, pool << 8, thread << 16; or kind, thing << 16 */
};

/* What logs call a request that was slow (BOARD_SLOW_NS), or whose client left. */
struct board_id {
	word owner; /* pid << 32 | serial; 0: being written */
	char id[BOARD_ID];
	char trace[BOARD_TRACE + 7]; /* "": none */
};

struct board_route {
	char name[BOARD_ROUTE]; /* its path, behind its method if that is not GET */
	word is_async;
	word nanoseconds; /* of all, from being sent to being answered */
	word buckets[BOARD_BUCKETS];
};

/* Something that is awaited: who waited for it is counted there, but for connections to the
 * database, and for what has no name. */
struct board_thing {
	char name[BOARD_THING];
	word kind; /* enum span_kind; 0: nobody has waited yet */
	word count;
	word nanoseconds;
};

struct board_waits {
	word now;   /* so many wait */
	word count; /* that are over, ever, and are counted nowhere else */
	word nanoseconds;
};

enum board_health { BOARD_DATABASE_UNKNOWN, BOARD_DATABASE_UP, BOARD_DATABASE_DOWN };

/* Those that its program needs. */
enum board_tables { BOARD_TABLES_FINE, BOARD_TABLES_UNKNOWN, BOARD_TABLES_MISSING };

/* The worker's connections to the database. */
struct board_database {
	word limit; /* 0: it has no database */
	word health;
	word tables;
	word connections;
	word busy;	 /* of these, at work for a request, or being set back */
	word waiting;	 /* requests, for one */
	word refused;	 /* … that were too many, ever */
	word late;	 /* … that got none in time, ever */
	word failures;	 /* to connect, ever */
	word lost;	 /* connections, ever */
	word cancelled;	 /* statements that nobody wanted any more, ever */
	word statements; /* that were answered, ever */
	word listeners;	 /* who wait for news */
};

/* Which request runs somewhere, since when. No two have the same since, so that works as the
 * sequence counter of the pair (board_begin, board_doing). */
struct board_doing {
	word since; /* 0: none */
	word owner;
};

/* A wait for a thing that lasts. */
struct board_await {
	struct board_doing doing;
	word what; /* as in a span */
};

/* An AWAIT of the source. */
struct board_place {
	char what[BOARD_THING]; /* it waits for, as written there */
	char file[BOARD_SOURCE];
	char function[BOARD_PATH];
	word line;
};

/* What held the loop for long, as was seen on its stack meanwhile. The doctor's thread is the
 * writer (engine/doctor.h), of texts that are "" where it does not know. */
struct board_hold {
	word turn;  /* as turn_since was; 0: there was none yet, or it is being written */
	word owner; /* of the request that ran; 0: none */
	word taken; /* when it was seen */
	word many;  /* one after another that ran for a short time each */
	char function[BOARD_SOURCE]; /* the service's own that was innermost */
	char at[BOARD_SOURCE];	     /* … where in its source: "app/orders.c:17" */
	char from[BOARD_SOURCE];     /* where the handler has called it; "": it is the handler */
	char call[BOARD_NAME * 2];   /* what it has called, and not come back from */
	char cure[BOARD_SOURCE];
};

struct board_threads {
	char name[BOARD_NAME];
	word limit;
	word started;
	word running;
	word abandoned; /* run for nobody any more, besides */
	word queued;
	word refused;
	word oldest; /* when the job at the queue's head was queued; 0: none */
	struct board_doing threads[BOARD_THREADS];
};

/* Of the application; see metric.h. */
struct board_metric {
	char name[BOARD_METRIC_NAME]; /* "": none */
	char help[BOARD_METRIC_HELP];
	word kind;  /* enum metric_kind */
	word value; /* of a histogram: nanoseconds in all */
	word buckets[BOARD_BUCKETS];
};

/* What a worker with jobs has made of them. */
struct board_queue {
	word done;
	word failed;	  /* attempts */
	word lost;	  /* to another, or cancelled */
	word nanoseconds; /* of all attempts */
	word buckets[BOARD_BUCKETS];
	/* In the whole queue, as it last was, if that was the worker to look; or 0. */
	word waiting;
	word running;
	word dead;
};

struct board_slot {
	/* Written when the slot is claimed; pid last. Aligned, so that no two workers write to one
	 * cache line, and each has its words on as few. */
	_Alignas(BOARD_LINE) word pid;
	word number;	 /* "<pool>-<number>" is the worker's name */
	word started_at; /* seconds since the epoch */
	char pool[BOARD_NAME];
	char engine[BOARD_NAME];
	char prefix[BOARD_PATH]; /* "/", "/prefork/" …; "": no application traffic */
	word route_count;	 /* with number 0: scoreboard_add_routes() */

	word requests; /* begun, ever */
	word in_flight;
	word connections;
	word accepted;	 /* connections, ever */
	word aborted;	 /* requests whose client went away */
	word classes[6]; /* answers by status / 100 */
	word draining;
	word unready; /* its application says that it cannot serve now */

	word turn_since;	    /* the loop has had work since then; 0: it waits in poll */
	word busy;		    /* how long it has had some, ever: a stopwatch */
	word occupied;		    /* how long a prefork process had a request: another */
	struct board_doing running; /* … and is running this request */
	word holds[BOARD_SECONDS];  /* second << 32 | longest turn of it in microseconds */

	struct board_threads pools[BOARD_POOLS];

	struct board_metric metrics[BOARD_METRICS];

	struct board_queue queue;

	struct board_waits waits[BOARD_WAITS]; /* by kind - SPAN_FETCH */
	struct board_await awaits[BOARD_AWAITS];
	struct board_database database;
	struct board_await waiters[BOARD_WAITERS]; /* what: a place, and << 16 of how many things */
	word place_count;
	struct board_hold hold;	      /* the last */
	_Atomic uint32_t watch_rests; /* nobody looks at turn_since until board_wake(): a futex */
	uint32_t watch_unused;
	word thing_count; /* from number 1 on: they are behind the spans */

	word head; /* spans ever written; the next goes to spans[head % BOARD_SPANS] */
	_Alignas(BOARD_LINE) struct board_span spans[BOARD_SPANS];
	struct board_id ids[BOARD_IDS]; /* at serial % BOARD_IDS: of the latest such request */
	struct board_thing things[BOARD_THINGS];
	struct board_place places[BOARD_PLACES];

	/* The disk has blocks for those that there are; behind them the file has a hole. */
	struct board_route routes[BOARD_ROUTES];
};

struct scoreboard {
	int fd; /* -1: memory of our own, that nobody sees */
	void *map;
	size_t map_size; /* of all slots there may be; what the file lacks, nobody touches */
	struct board_slot *slots; /* scoreboard_slots() of them */
	struct board_slot *own;	  /* what scoreboard_claim() returned */
};

/* Upper bounds of the histogram's buckets in nanoseconds; the last is UINT64_MAX. */
extern const uint64_t board_bounds[BOARD_BUCKETS];

/* Maps the file, making it if it is missing (which the group may write, if the umask says so),
 * replacing it if it is none of ours or of another version. path NULL maps private memory with a
 * single slot, so that writers need no case for it. The file's last name must be no link. Returns 0
 * or a negative errno: -ETIMEDOUT if somebody holds its lock. */
int scoreboard_open(struct scoreboard *board, const char *path);

/* Claims a slot that no living process holds, cleared, for a worker of the pool. number 0 takes
 * the lowest one free in the pool; prefix is where the web server leads to it. NULL if all slots
 * are taken, or somebody holds the lock. */
struct board_slot *scoreboard_claim(struct scoreboard *board, const char *pool, uint32_t number,
				    const char *engine, const char *prefix);

/* Gives so many routes, from number 1 on, a place in our own slot, cleared: for their owner to
 * name, before the first request. Returns how many got one: fewer if there are too many, none if
 * the disk is full. */
size_t scoreboard_add_routes(struct scoreboard *board, size_t count);

/* Maps the file for reading only, from outside the system. -ENOENT if there is none, -EPROTO if it
 * is none of ours. A process must not do this to a file it has a slot in: closing one descriptor
 * of a file gives up all locks on it. */
int scoreboard_open_to_read(struct scoreboard *board, const char *path);

/* How many slots there are now. They only become more. */
unsigned scoreboard_slots(const struct scoreboard *board);

/* The process that holds the slot, as the kernel says; 0: none, -1: one that cannot be named here
 * (of another pid namespace). Our own slot's is us. */
pid_t scoreboard_holder(const struct scoreboard *board, unsigned slot);

/* Copies so many bytes from that offset in a slot, not through the map: where the file was cut
 * short meanwhile, it is false, and no SIGBUS. */
bool scoreboard_read(const struct scoreboard *board, unsigned slot, size_t at, void *to,
		     size_t size);

/* Whether a living process holds the slot. */
bool scoreboard_alive(const struct scoreboard *board, unsigned slot);

/* Whether a pool of threads can be called this: 1 to 10 small letters, digits, '-' and '_'. */
bool board_is_pool_name(const char *name);

void scoreboard_close(struct scoreboard *board);

/* ---- writing: the slot's owner only, on its loop's thread ---- */

static inline uint64_t board_get(const word *w)
{
	return atomic_load_explicit(w, memory_order_relaxed);
}

static inline void board_set(word *w, uint64_t value)
{
	atomic_store_explicit(w, value, memory_order_relaxed);
}

/* A load and a store, not an atomic addition: there is a single writer. */
static inline void board_add(word *w, uint64_t n)
{
	board_set(w, board_get(w) + n);
}

/* uv_hrtime(), for those who know no libuv, and where each request has it: it costs half. */
static inline uint64_t board_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* A stopwatch in one word, so that a reader sees it right at any moment. When it is stopped, the
 * word is twice the nanoseconds that it ran. While it runs, it is that, less twice the time of its
 * start, plus one. So it is odd while it runs. */
static inline void board_watch_start(word *watch, uint64_t now)
{
	board_add(watch, 1 - 2 * now);
}

static inline void board_watch_stop(word *watch, uint64_t now)
{
	board_add(watch, 2 * now - 1);
}

static inline uint64_t board_watch_read(const word *watch, uint64_t now)
{
	uint64_t value = board_get(watch);

	return (value & 1 ? value + 2 * now - 1 : value) / 2;
}

static inline void board_begin(struct board_doing *doing, uint64_t owner, uint64_t now)
{
	atomic_store_explicit(&doing->owner, owner, memory_order_release);
	atomic_store_explicit(&doing->since, now, memory_order_release);
}

static inline void board_end(struct board_doing *doing)
{
	board_set(&doing->since, 0);
}

static inline void board_awaits(struct board_await *await, uint64_t what, uint64_t owner,
				uint64_t now)
{
	atomic_store_explicit(&await->what, what, memory_order_release);
	board_begin(&await->doing, owner, now);
}

/* Of a kind that has one. */
static inline uint64_t span_thing(enum span_kind kind, unsigned thing)
{
	return kind | (uint64_t)thing << 16;
}

static inline uint64_t span_owner_pack(struct span_owner owner)
{
	return (uint64_t)owner.serial << 32 | (uint64_t)owner.route << 16 | owner.status;
}

static inline struct span_owner span_owner_unpack(uint64_t packed)
{
	return (struct span_owner){(uint32_t)(packed >> 32), (uint16_t)(packed >> 16),
				   (uint16_t)packed};
}

/* owner is packed; what may hold more than the kind, see struct board_span. */
static inline void board_span(struct board_slot *slot, uint64_t what, uint64_t start, uint64_t end,
			      uint64_t owner)
{
	uint64_t head = board_get(&slot->head);
	struct board_span *span = &slot->spans[head % BOARD_SPANS];

	/* Who sees any of what follows also sees the head as it is now, and knows that this span is
	 * being written over. */
	atomic_thread_fence(memory_order_release);
	board_set(&span->start, start);
	board_set(&span->duration, end - start);
	board_set(&span->owner, owner);
	board_set(&span->what, what);
	atomic_store_explicit(&slot->head, head + 1, memory_order_release);
}

/* The next thing that is awaited is called this, cut to fit: its number, or 0 if there is no room
 * for another. */
unsigned board_add_thing(struct board_slot *slot, const char *name, size_t len);

/* One more that took so long. */
void board_observe(word buckets[BOARD_BUCKETS], word *sum, uint64_t nanoseconds);

/* A wait is over: counts it. */
void board_waited(struct board_slot *slot, enum span_kind kind, unsigned thing,
		  uint64_t nanoseconds);

/* A request was answered: counts it. nanoseconds from being sent to now. */
void board_answered(struct board_slot *slot, uint64_t owner, uint64_t nanoseconds);

/* What logs call this request of the slot's: texts are cut to fit. */
void board_identify(struct board_slot *slot, uint32_t serial, const char *id, const char *trace);

/* Ends the rest of who looks at turn_since. */
void board_wake(struct board_slot *slot);

/* The loop has something to do since now, if it had nothing before. */
static inline void board_turn_begins(struct board_slot *slot, uint64_t now)
{
	if (board_get(&slot->turn_since))
		return;
	board_set(&slot->turn_since, now);
	board_watch_start(&slot->busy, now);
	if (atomic_load_explicit(&slot->watch_rests, memory_order_relaxed))
		board_wake(slot);
}

/* The loop goes back to poll now, which is returned; nothing happens, and 0 is, if it had nothing
 * to do. */
uint64_t board_turn_ends(struct board_slot *slot);

#endif

/*
 * The scoreboard as its readers see it: the state of each worker as plain values, and the spans
 * of its ring. Nothing here waits for a worker, and no worker waits for this. An application has
 * the board from its prepare(); any thread may read it.
 *
 * A worker's counters are read one by one, so two of them may be an instant apart; what has to
 * agree (a request and since when it runs, a span's parts) is read until it does.
 *
 * The file belongs to all workers alike, and any of them may have written anything anywhere. So
 * what is read is copied and made fit to show: texts end and are printable, counts that lead a loop
 * or an index are within their bounds, and a process is the one that the kernel names.
 */
#ifndef LANES_SCOREBOARD_BOARD_READER_H
#define LANES_SCOREBOARD_BOARD_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scoreboard/scoreboard.h"

/* A request that runs somewhere. */
struct running {
	uint32_t serial;
	uint16_t route;
	double seconds;
};

struct busy_thread {
	unsigned thread;
	struct running request;
};

struct pool_state {
	char name[BOARD_NAME]; /* "blocking", "cpu", or what the application calls it; "": none */
	uint64_t limit;
	uint64_t threads;
	uint64_t running;
	uint64_t abandoned;
	uint64_t queued;
	uint64_t refused;
	double oldest_wait; /* seconds the job at the head of the queue has waited */
	struct busy_thread busy[BOARD_THREADS];
	unsigned busy_count;
};

/* What a request waits for. */
struct awaiting {
	struct running request;
	enum span_kind kind;
	unsigned thing; /* 0: nobody knows */
};

struct route_state {
	bool is_async;
	uint64_t count;
	double seconds; /* of all, summed */
	uint64_t buckets[BOARD_BUCKETS];
};

/* Its connections to the database, as struct board_database has them. */
struct database_state {
	uint64_t limit; /* 0: it has none */
	enum board_health health;
	enum board_tables tables;
	bool up;
	uint64_t connections;
	uint64_t busy;
	uint64_t waiting;
	uint64_t refused;
	uint64_t late;
	uint64_t failures;
	uint64_t lost;
	uint64_t cancelled;
	uint64_t statements;
	uint64_t listeners;
};

struct worker_state {
	const struct board_slot *slot;
	char name[40];
	char pool[BOARD_NAME];
	char engine[BOARD_NAME];
	char prefix[BOARD_PATH];
	uint64_t number;
	uint64_t pid;
	uint64_t started; /* seconds since the epoch */
	bool draining;
	bool unready; /* as its application says, or its database or tables are not there */
	uint64_t requests;
	uint64_t in_flight;
	uint64_t connections;
	uint64_t accepted;
	uint64_t aborted;
	uint64_t answers[6]; /* by status / 100 */

	struct database_state database;
	uint64_t waits[BOARD_WAITS];	      /* requests that wait now, by kind - SPAN_FETCH */
	struct awaiting awaits[BOARD_AWAITS]; /* some of them */
	unsigned awaits_count;

	bool is_held;
	bool awaiting;	/* a prefork process has a request that waits for something */
	double held;	/* seconds since the loop left poll */
	double busy;	/* seconds, ever: the loop not in poll, the process with a request */
	uint64_t asked; /* when that was read */
	bool is_running;
	struct running running;
	double longest_1s;
	double longest_60s;

	struct pool_state pools[BOARD_POOLS];
	uint64_t memory; /* bytes resident; 0 if the kernel does not tell */
	uint64_t process_threads;
	bool stopped; /* by a signal or a debugger: it runs nothing */
};

struct workers {
	struct worker_state *list; /* by pool and number */
	size_t count;
};

/* All living workers. 0 or -ENOMEM; free with workers_free(). */
int workers_read(const struct scoreboard *board, struct workers *workers);
void workers_free(struct workers *workers);

/* What runs there; false: nothing. owner is packed. */
bool board_doing(const struct board_doing *doing, uint64_t *since, uint64_t *owner);

/* The one in this slot; false if nobody living is there. */
bool worker_read(const struct scoreboard *board, unsigned slot, struct worker_state *worker);

/* Route numbers of a worker are below this. */
unsigned board_routes(const struct board_slot *slot);

/* The one of this number, which is below that, as it is now; false if it has no name, and was never
 * asked for. */
bool board_route(const struct board_slot *slot, unsigned route, struct route_state *state);

/* The name of a span's or request's route, "" if it has none: copied to name, which has BOARD_ROUTE
 * bytes, and is returned. */
const char *board_route_name(const struct board_slot *slot, unsigned route, char *name);

struct waited {
	uint64_t count;
	double seconds; /* of all, summed */
};

/* Thing numbers of a worker are below this. */
unsigned board_things(const struct board_slot *slot);

/* The name of a span's thing, "" if it has none: copied to name, which has BOARD_THING bytes, and
 * is returned. */
const char *board_thing_name(const struct board_slot *slot, unsigned thing, char *name);

/* How often, and how long, there were waits of this kind for a thing below that; for 0, those that
 * are counted for none. False if there were none. */
bool board_thing(const struct board_slot *slot, enum span_kind kind, unsigned thing,
		 struct waited *waited);

/* What logs call a request, "" where that is unknown. */
struct request_ids {
	char id[BOARD_ID];
	char trace[BOARD_TRACE];
};

/* Those of this request of the slot's, if it is one of which they are kept. */
struct request_ids board_ids(const struct board_slot *slot, uint32_t serial);

/* Copies a text of the scoreboard that has so much room there, and here: up to its end or that of
 * the room. What is not printable ASCII becomes '?'. */
void board_text(char *text, const char *from, size_t room);

enum { SPAN_NAME = BOARD_THING + 16 };

/* A span, copied. */
struct span {
	uint64_t start;
	uint64_t duration;
	struct span_owner owner;
	enum span_kind kind;
	enum board_pool pool;
	unsigned thread;
	unsigned thing; /* of the kinds that have one; 0: nobody knows */
};

/* What its kind is called: "queue", "loop", "await", "pool-queue", "pool", "ready", "gone",
 * "fetch", "db-queue", "db". */
const char *span_name(enum span_kind kind);

/* … and, of a kind that has a thing, what that is: "db SELECT …". Copied to name, which has
 * SPAN_NAME bytes, and is returned. */
const char *span_thing_name(const struct board_slot *slot, enum span_kind kind, unsigned thing,
			    char *name);

/* Whether it can be one: of a kind that there is, on a thread, or of a thing, that there may be,
 * ending after it began. */
bool span_is_sound(const struct span *span);

/* Copies up to max spans, beginning with number *next, and moves *next beyond them. Those written
 * over in the meantime are left out and added to *lost (which may be NULL). 0: no more. */
size_t board_spans(const struct board_slot *slot, uint64_t *next, struct span *spans, size_t max,
		   uint64_t *lost);

/* Spans ever written. */
uint64_t board_head(const struct board_slot *slot);

#endif

/* What the files of pg (pg_inside.h) share: a pool, its connections, and what is done on them. */
#ifndef LANES_CLIENT_PG_STRUCTS_H
#define LANES_CLIENT_PG_STRUCTS_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "await/awaited.h"
#include "await/coroutine.h"
#include "await/sched.h"
#include "client/pg.h"
#include "client/pg_pool.h"

#define PG_MS UINT64_C(1000000) /* nanoseconds */

enum {
	PG_STATEMENTS_MAX = 1024,
	PG_STEPS = 4,
	PG_CALL_BYTES = 320, /* of values, within the call's own block */
	PG_SPARE_CALLS = 256,
	PG_CHANNEL = 63,
};

enum pg_state {
	PG_CLOSED,
	PG_CONNECTING,
	PG_REST,   /* nothing is asked of it; it may be a transaction's */
	PG_WORKS,  /* on conn.call */
	PG_TIDIES, /* it is set back to how it was */
	PG_CANCELS /* what it works on is wanted by nobody any more */
};

/* A handle on its own: libuv gives it back later than the descriptor. */
struct pg_watch {
	uv_poll_t poll;
	struct pg_conn *conn; /* NULL: it is being closed */
};

struct pg_list {
	struct pg_call *first;
	struct pg_call *last;
};

struct pg_conn {
	struct pg_pool *pool;
	PGconn *pq; /* NULL: closed */
	struct pg_watch *watch;
	enum pg_state state;
	bool listens;  /* it is the pool's for news, and not one of its connections */
	bool writes;   /* not all was sent: it is polled for that, too */
	bool broken;   /* to be closed in the next turn */
	bool unsound;  /* to be looked at before it goes back */
	bool piped;    /* in pipeline mode */
	bool again;    /* it has read a piece of the result that it works on */
	uint8_t step;  /* of what was sent: which it gets the results of */
	uint8_t steps; /* … how many have results before the statement's own */
	uint8_t prepare_step;
	bool drained;			      /* nothing more comes of what is cancelled */
	const struct pg_statement *preparing; /* with that step; NULL: none is */
	unsigned generation;		      /* of the names of what is prepared */
	int error;			      /* of what it works on, so far */
	PGresult *result;
	uint64_t bytes; /* of it, so far */
	struct pg_call *call;
	struct pg_block *block; /* whose transaction it is in; NULL: nobody's */
	struct pg_list queue;	/* calls of the block */
	struct pg_cancel *cancel;
	uint64_t due;		   /* when its state has lasted too long; 0: it may last */
	uint64_t until;		   /* it lives */
	struct pg_conn *next_rest; /* of pool.rest */
	uint64_t prepared[PG_STATEMENTS_MAX / 64];
};

/* A text that was given. */
struct pg_statement {
	char *text;
	char name[12];
	unsigned number;
	unsigned thing; /* what the scoreboard calls it */
	uint32_t hash;
	struct pg_statement *next; /* of the same place */
};

enum pg_call_kind { PG_CALL_QUERY, PG_CALL_BEGIN, PG_CALL_COMMIT, PG_CALL_ROLLBACK };

/* What a request waits for. Its memory is the pool's, which keeps some for the next. */
struct pg_call {
	struct task task;
	struct pg_pool *pool;
	enum pg_call_kind kind;
	struct pg_conn *conn; /* NULL: it waits for one */
	bool queued;	      /* in a list: of the pool, or of the connection */
	bool repeated;	      /* it was sent again, as it was to be prepared again */
	struct pg_call *next;
	struct pg_call *prev;
	struct pg_block *block;
	struct pg_rows *rows;
	const struct pg_statement *statement; /* NULL: it is not prepared, and text is */
	char *text;			      /* within bytes */
	struct awaited awaited;		      /* a connection, or the database */
	uint64_t due;			      /* when it has waited too long */
	int count;			      /* of values: */
	const char **values;
	int *lengths;
	int *formats;
	void *large; /* what has no room in bytes; or NULL */
	_Alignas(max_align_t) unsigned char bytes[PG_CALL_BYTES];
};

/* A transaction: of the request's memory. */
struct pg_block {
	struct pg_pool *pool; /* NULL: it was closed */
	struct request *root;
	struct pg_conn *conn;  /* NULL: none yet, or it was lost */
	bool open;	       /* from pg_begin() to its end */
	bool begun;	       /* BEGIN was sent */
	struct pg_block *next; /* that are open */
};

/* The result of a pg_rows: of the request's memory. */
struct pg_held {
	PGresult *result;
};

enum pg_health { PG_UNKNOWN, PG_UP = BOARD_DATABASE_UP, PG_DOWN = BOARD_DATABASE_DOWN };

struct pg_pool {
	struct sched_guest guest;
	struct sched *sched;
	const struct pg_settings *settings;
	struct pg_limits limits;
	uv_timer_t timer;
	uint64_t armed; /* when it fires; 0: it does not */
	bool closed;
	enum pg_health health;
	enum board_tables tables;
	unsigned live; /* connections that are connected */
	unsigned connecting;
	unsigned failures; /* to connect, one after the other */
	uint64_t retry;	   /* not before */
	uint32_t random;
	struct pg_conn *rest; /* those that nobody uses, the last used first */
	struct pg_list waiting;
	unsigned waiters;
	struct pg_block *blocks;
	struct pg_call *spare;
	unsigned spares;
	struct pg_statement **statements; /* by hash */
	unsigned statement_count;
	struct pg_news_desk *desk; /* NULL: nobody has waited for news */
	struct pg_names *names;	   /* NULL: nothing was looked up yet */
	struct board_database *board;
	unsigned count;
	struct pg_conn conns[]; /* count of them */
};

#endif

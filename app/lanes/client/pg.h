/*
 * PostgreSQL, without holding the loop:
 *
 *	AWAIT(req, pg_query(req, &f->rows, "SELECT item FROM orders WHERE id = $1", pg_int(id)));
 *	if (f->rows.count)
 *		item = pg_text_at(&f->rows, 0, 0);
 *
 * Each worker has a pool of connections (--database URL). Who finds none free waits, first come,
 * first served. A statement is prepared when a connection first meets it. One whose request goes
 * away, or is late, is cancelled in the database.
 *
 * What fails is a negative errno:
 *
 *	-ENODEV		there is no --database (503)
 *	-ENOTCONN	the database is down, or does not let us in (503)
 *	-EAGAIN		too many wait for a connection (503)
 *	-ETIMEDOUT	no connection in time, or no end of the statement (504)
 *	-ENOLINK	the connection was lost: nobody knows whether the statement was done (503)
 *	-EREMOTEIO	the database has refused the statement: pg_rows.state, pg_message() (500)
 *	-ESTALE		the same, of a table or function that --migrate has not made yet (503)
 *	-EFBIG		more bytes than --database-result (502)
 *	-ENOMEM		(503)
 *
 * Loop thread only: a SYNC handler cannot wait.
 */
#ifndef LANES_CLIENT_PG_H
#define LANES_CLIENT_PG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct pg_block;
struct pg_held;
struct request;

enum { PG_VALUES = 256 }; /* that a statement may have */

/* What a statement has come to. It is in a frame, or of request_alloc(), zeroed before the first
 * statement, and may serve for one after another. What it holds lives until the next, or as long
 * as the request. */
struct pg_rows {
	int count;
	int columns;
	int64_t affected; /* rows that it has inserted, changed, removed or given */
	char state[6];	  /* SQLSTATE of a failure ("23505": there is one already), or "" */
	struct pg_held *held;
};

/* ---- what goes in ---- */

enum pg_kind { PG_END, PG_BEGIN, PG_NULL, PG_INT, PG_DOUBLE, PG_BOOL, PG_TEXT, PG_BYTES };

struct pg_value {
	enum pg_kind kind;
	union {
		int64_t integer;
		double real;
		struct slice bytes;
	} as;
};

static inline struct pg_value pg_null(void)
{
	return (struct pg_value){.kind = PG_NULL};
}

static inline struct pg_value pg_int(int64_t number)
{
	return (struct pg_value){.kind = PG_INT, .as.integer = number};
}

static inline struct pg_value pg_double(double number)
{
	return (struct pg_value){.kind = PG_DOUBLE, .as.real = number};
}

static inline struct pg_value pg_bool(bool yes)
{
	return (struct pg_value){.kind = PG_BOOL, .as.integer = yes};
}

/* Of any type that can be read from a text: a date, a number, JSON. The database takes UTF-8, and
 * no NUL byte: state 22021. */
static inline struct pg_value pg_text(struct slice text)
{
	return (struct pg_value){.kind = PG_TEXT, .as.bytes = text};
}

/* bytea. */
static inline struct pg_value pg_bytes(struct slice bytes)
{
	return (struct pg_value){.kind = PG_BYTES, .as.bytes = bytes};
}

/* ---- statements ---- */

/* Whether there is one to ask: --database. */
bool pg_has_database(const struct request *req);

/* AWAIT(req, pg_query(req, &f->rows, "… $1 … $2", pg_int(a), pg_text(b))). rows may be NULL. The
 * statement is remembered by its text, so what varies belongs into values. They are copied. */
#define pg_query(req, rows, sql, ...)                                                              \
	pg_query_values(                                                                           \
		req, rows, sql,                                                                    \
		(const struct pg_value[]){{.kind = PG_BEGIN}, ##__VA_ARGS__, {.kind = PG_END}})

/* The same, from values of an array between those two. */
void pg_query_values(struct request *req, struct pg_rows *rows, const char *sql,
		     const struct pg_value *values);

/* Begins one for a gather. gather_add_pg(req, &outcome, &f->rows, "…", pg_int(a)) */
#define gather_add_pg(req, outcome, rows, sql, ...)                                                \
	gather_add_pg_values(                                                                      \
		req, outcome, rows, sql,                                                           \
		(const struct pg_value[]){{.kind = PG_BEGIN}, ##__VA_ARGS__, {.kind = PG_END}})
void gather_add_pg_values(struct request *req, int *outcome, struct pg_rows *rows, const char *sql,
			  const struct pg_value *values);

/* ---- what comes out: rows and columns count from 0; what is not there is NULL ---- */

bool pg_is_null(const struct pg_rows *rows, int row, int column);

/* 0 for NULL, and for what is no whole number of 64 bits. */
int64_t pg_int_at(const struct pg_rows *rows, int row, int column);

/* 0 for NULL, and for what is no number. */
double pg_double_at(const struct pg_rows *rows, int row, int column);

bool pg_bool_at(const struct pg_rows *rows, int row, int column);

/* As PostgreSQL writes it, with a NUL behind it; not copied. {"", 0} for NULL. */
struct slice pg_text_at(const struct pg_rows *rows, int row, int column);

/* Of a bytea, decoded into memory that lives as long as the request. {NULL, 0} for NULL, or if
 * memory is out. */
struct slice pg_bytes_at(struct request *req, const struct pg_rows *rows, int row, int column);

/* The number of the column of that name, or -1. */
int pg_column(const struct pg_rows *rows, const char *name);

/* What the database said of a failure; "" if nothing. */
const char *pg_message(const struct pg_rows *rows);

/* ---- transactions ---- */

/* Of a frame, as pg_rows; zeroed before the first. */
struct pg_tx {
	struct pg_block *block;
};

/* AWAIT(req, pg_begin(req, &f->tx)): has a connection from then on, on which all statements of the
 * request run, one after the other, also those of what it gathers. BEGIN is sent with the first.
 * Whatever ends the request before pg_commit() rolls back. -EBUSY: it is in one. */
void pg_begin(struct request *req, struct pg_tx *tx);

/* Ends it; -EREMOTEIO if it was rolled back, as something in it had failed. After -ENOLINK nobody
 * knows. */
void pg_commit(struct request *req, struct pg_tx *tx);
void pg_rollback(struct request *req, struct pg_tx *tx);

/* ---- news ---- */

/* A place in the news of a channel; of a frame, zeroed before the first. */
struct pg_news {
	uint64_t seen;
};

/* AWAIT(req, pg_wait_for_news(req, &f->news, "orders")): goes on when the channel is listened to,
 * and after that whenever something was notified since it last did. News may be lost while the
 * connection is, so it goes on after that, too, and whoever waits looks at the rows, from the last
 * it knows. All who wait share one connection. channel: letters, digits and '_', up to 63. */
void pg_wait_for_news(struct request *req, struct pg_news *news, const char *channel);

#endif

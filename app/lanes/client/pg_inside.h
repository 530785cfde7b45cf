/*
 * What the files of pg share. One way to look at them, from below:
 *
 *	pg_settings	what the URL says
 *	pg_conn		a connection: connects, is polled, is closed
 *	pg_statement	the texts that are prepared, by number
 *	pg_call		a statement of a request: is sent, and takes the results
 *	pg_query	… and the request waits for it
 *	pg_cancel	ends what a database works on for nobody
 *	pg_pool		whose turn it is
 *	pg_turn		what is late; up and down
 *	pg_block	transactions
 *	pg_news		LISTEN
 *	pg_rows		reads results
 *
 * A connection is one of four things at a time: closed; connecting; at work on a call; at rest. It
 * never calls anybody from within a function that a handler has called: what goes wrong there is
 * noted (conn.broken), and seen to in the loop's next turn (pg_pool_soon).
 */
#ifndef LANES_CLIENT_PG_INSIDE_H
#define LANES_CLIENT_PG_INSIDE_H

#include "client/pg_structs.h"

/* ---- pg_settings.c ---- */

/* Nanoseconds that connecting may take. */
uint64_t pg_settings_patience(const struct pg_settings *settings);

/* Begins to connect, to that address of its host if it is not NULL; NULL if memory is out. */
PGconn *pg_settings_connect(const struct pg_settings *settings, const char *address);

/* ---- pg_conn.c ---- */

/* Begins to connect; pg_pool_connected() or pg_pool_lost() is told. Not from a handler. */
void pg_conn_open(struct pg_conn *conn);

/* Tells nobody. */
void pg_conn_close(struct pg_conn *conn);

/* What was sent must leave: if not at once, when the socket takes it. */
void pg_conn_flush(struct pg_conn *conn);

/* It is of no use any more, and closed in the next turn. */
void pg_conn_break(struct pg_conn *conn);

/* ---- pg_statement.c ---- */

/* The statement of a text, made if there is room; NULL: it is not prepared. */
const struct pg_statement *pg_statement_of(struct pg_pool *pool, const char *text);
void pg_statements_free(struct pg_pool *pool);

/* ---- pg_call.c ---- */

/* Takes values over. NULL: error is a negative errno. */
struct pg_call *pg_call_make(struct pg_pool *pool, const char *sql, const struct pg_value *values,
			     int *error);
void pg_call_free(struct pg_call *call);

/* Sends it on a connection at rest; now: uv_hrtime(), as below. */
void pg_call_send(struct pg_conn *conn, struct pg_call *call, uint64_t now);

/* Takes what has come; true: all of it has. Then conn.result and conn.error are what it was. */
bool pg_call_take(struct pg_conn *conn);

/* It has ended so, now: its request is told, and the call is freed. */
void pg_call_end(struct pg_call *call, int error, PGresult *result, uint64_t now);

/* Its request waits for it from now on: what was begun before is to be given to the pool. */
void pg_call_begin(struct pg_call *call, struct coroutine *co, int *outcome);

/* What is wrong with the result: 0 or a negative errno. */
int pg_error_of(const PGresult *result);

void pg_list_add(struct pg_list *list, struct pg_call *call);
void pg_list_remove(struct pg_list *list, struct pg_call *call);

/* ---- pg_cancel.c ---- */

/* Has the database end what the connection works on. False: it cannot, and is broken. */
bool pg_cancel_begin(struct pg_conn *conn);

/* Whether it was said, and is not being said again. */
bool pg_cancel_rests(const struct pg_conn *conn);

/* The connection is closed, or has what it waited for. */
void pg_cancel_forget(struct pg_conn *conn);

/* ---- pg_names.c ---- */

/* Whether the host's address is known; if not, the pool's turn comes when it is. */
bool pg_names_ready(struct pg_pool *pool, uint64_t now);

/* That; NULL: the settings have it. The next one is to be tried. */
const char *pg_names_address(struct pg_pool *pool);
void pg_names_next(struct pg_pool *pool);
void pg_names_close(struct pg_pool *pool);

/* ---- pg_turn.c ---- */

/* Sees to it in the loop's next turn. */
void pg_pool_soon(struct pg_pool *pool);

/* … or then. */
void pg_pool_at(struct pg_pool *pool, uint64_t due);

/* Of a connection: it is there; it is not, or no longer. */
void pg_pool_connected(struct pg_conn *conn);
void pg_pool_lost(struct pg_conn *conn, const char *why);

/* It could not be connected to. */
void pg_is_missing(struct pg_pool *pool, const char *why);

/* ---- pg_pool.c ---- */

/* The loop's; NULL: it has none. */
struct pg_pool *pg_pool_of(const struct sched *sched);

/* Whether somebody new may have a connection, or wait for one: 0 or a negative errno. */
int pg_pool_may_wait(const struct pg_pool *pool);

/* It no longer waits for a connection: it has one, or that has failed. */
void pg_pool_unwait(struct pg_call *call, int error, uint64_t now);

/* Gives it a connection, now or later. */
void pg_pool_take(struct pg_pool *pool, struct pg_call *call);

/* It is not among those at rest any more. */
void pg_pool_leave(struct pg_conn *conn);

/* It has an answer. */
void pg_pool_answered(struct pg_conn *conn);

/* It has nothing to do: the next call of its block, or anybody's. */
void pg_pool_rest(struct pg_conn *conn, uint64_t now);

/* Nobody wants what it works on; that was ended. */
void pg_pool_cancel(struct pg_conn *conn);
void pg_pool_cancelled(struct pg_conn *conn);

/* Ends all calls of its transaction. */
void pg_queue_fail(struct pg_list *queue, int error);

/* It is new: is told what we want, and goes to the first who waits. */
void pg_pool_welcome(struct pg_conn *conn);

/* It is set back, and goes to the next. */
void pg_pool_tidy(struct pg_conn *conn);

/* What of it the scoreboard shows. */
void pg_pool_show(const struct pg_pool *pool);

/* ---- pg_block.c ---- */

/* The transaction that the request is in, or NULL. */
struct pg_block *pg_block_of(const struct pg_pool *pool, const struct request *req);

/* It has its connection; it has ended, in the database or because that was lost. */
void pg_block_has(struct pg_block *block, struct pg_conn *conn);
void pg_block_lost(struct pg_block *block);
void pg_block_end(struct pg_block *block);

/* ---- pg_news.c ---- */

void pg_news_connected(struct pg_conn *conn);
void pg_news_answered(struct pg_conn *conn);
void pg_news_came(struct pg_conn *conn);
void pg_news_lost(struct pg_conn *conn);

/* Opens its connection if somebody waits and it is closed. */
void pg_news_turn(struct pg_pool *pool, uint64_t now);

/* When that may have to be looked at again; 0: never. */
uint64_t pg_news_due(const struct pg_pool *pool);
void pg_news_close(struct pg_pool *pool);

#endif

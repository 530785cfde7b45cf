/*
 * Whose turn it is, what is late, and whether the database is there.
 *
 * Who finds no connection waits in a line; a connection that comes free goes to the first. As many
 * are opened as are waited for, and one is there even if nobody waits: it says whether the database
 * is. If the last one is lost, another is made at once. If that fails the database is down: who
 * waits is told, and so is who comes, at once; and one connection after another is tried, at
 * growing intervals of a second at most.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "client/pg_inside.h"

enum { TIDY_MS = 2000 }; /* for what no request waits for */

/* A server that does not know it, refuses it, and nothing else. Where no statement is cancelled, it
 * is all that ends one. */
static const char settings[] = "SET client_connection_check_interval = '500ms'";
static const char settings_alone[] = "SET client_connection_check_interval = '100ms'";

/* ---- the line ---- */

static void wait(struct pg_pool *pool, struct pg_call *call, uint64_t now)
{
	call->due = now + pool->limits.wait;
	pg_list_add(&pool->waiting, call);
	pool->waiters++;
	awaited_begin(&call->awaited, call->task.co, SPAN_DB_QUEUE, 0, now);
	pg_pool_at(pool, call->due);
	if (pool->live + pool->connecting < pool->count)
		pg_pool_soon(pool);
}

void pg_pool_unwait(struct pg_call *call, int error, uint64_t now)
{
	struct pg_pool *pool = call->pool;

	pg_list_remove(&pool->waiting, call);
	pool->waiters--;
	awaited_end(&call->awaited, error, now);
}

void pg_queue_fail(struct pg_list *queue, int error)
{
	while (queue->first) {
		struct pg_call *call = queue->first;

		pg_list_remove(queue, call);
		pg_call_end(call, error, NULL, uv_hrtime());
	}
}

/* It has the connection. */
static void give(struct pg_conn *conn, struct pg_call *call, uint64_t now)
{
	if (call->kind == PG_CALL_BEGIN) {
		pg_block_has(call->block, conn);
		pg_call_end(call, 0, NULL, now);
	} else {
		pg_call_send(conn, call, now);
	}
}

int pg_pool_may_wait(const struct pg_pool *pool)
{
	if (pool->health == PG_DOWN)
		return -ENOTCONN;
	if (!pool->rest && pool->waiters >= pool->limits.waiters) {
		board_add(&pool->board->refused, 1);
		return -EAGAIN;
	}
	return 0;
}

void pg_pool_take(struct pg_pool *pool, struct pg_call *call)
{
	struct pg_conn *conn = call->block ? call->block->conn : NULL;
	uint64_t now = uv_hrtime();

	if (conn && conn->state == PG_REST && !conn->broken) {
		pg_call_send(conn, call, now);
	} else if (conn) {
		pg_list_add(&conn->queue, call);
	} else if ((conn = pool->rest)) {
		pool->rest = conn->next_rest;
		give(conn, call, now);
	} else {
		wait(pool, call, now);
	}
	pg_pool_show(pool);
}

/* ---- connections ---- */

void pg_pool_leave(struct pg_conn *conn)
{
	struct pg_conn **at = &conn->pool->rest;

	while (*at && *at != conn)
		at = &(*at)->next_rest;
	if (*at)
		*at = conn->next_rest;
}

static void retire(struct pg_conn *conn)
{
	conn->pool->live--;
	pg_conn_close(conn);
	pg_pool_soon(conn->pool);
}

void pg_pool_rest(struct pg_conn *conn, uint64_t now)
{
	struct pg_pool *pool = conn->pool;
	struct pg_call *call = conn->block ? conn->queue.first : NULL;

	conn->state = PG_REST;
	conn->due = 0;
	if (call) {
		pg_list_remove(&conn->queue, call);
		pg_call_send(conn, call, now);
	} else if (conn->block) {
		;
	} else if (conn->until <= now) {
		retire(conn);
	} else if ((call = pool->waiting.first)) {
		pg_pool_unwait(call, 0, now);
		give(conn, call, now);
	} else {
		conn->due = conn->until;
		conn->next_rest = pool->rest;
		pool->rest = conn;
	}
	pg_pool_show(pool);
}

/* So long that no request that waits is kept waiting for it. */
static void limit(struct pg_conn *conn)
{
	conn->due = uv_hrtime() + TIDY_MS * PG_MS;
	pg_pool_at(conn->pool, conn->due);
}

static void tidy_with(struct pg_conn *conn, const char *sql)
{
	conn->state = PG_TIDIES;
	conn->error = 0;
	conn->bytes = 0;
	conn->unsound = false;
	limit(conn);
	if (PQsendQuery(conn->pq, sql))
		pg_conn_flush(conn);
	else
		pg_conn_break(conn);
}

void pg_pool_tidy(struct pg_conn *conn)
{
	tidy_with(conn, "ROLLBACK");
}

void pg_pool_welcome(struct pg_conn *conn)
{
	tidy_with(conn, conn->pool->limits.alone ? settings_alone : settings);
}

void pg_pool_cancel(struct pg_conn *conn)
{
	board_add(&conn->pool->board->cancelled, 1);
	conn->state = PG_CANCELS;
	conn->drained = false;
	limit(conn);
	if (!conn->broken && !pg_cancel_begin(conn))
		pg_conn_break(conn);
}

void pg_pool_cancelled(struct pg_conn *conn)
{
	pg_cancel_forget(conn);
	if (conn->block)
		pg_pool_rest(conn, uv_hrtime());
	else
		pg_pool_tidy(conn);
}

/* ---- all of it ---- */

void pg_pool_show(const struct pg_pool *pool)
{
	struct board_database *board = pool->board;
	unsigned busy = pool->live;

	for (const struct pg_conn *conn = pool->rest; conn; conn = conn->next_rest)
		busy--;
	board_set(&board->connections, pool->live);
	board_set(&board->busy, busy);
	board_set(&board->waiting, pool->waiters);
	board_set(&board->health, pool->health);
}

static const char kind; /* of guest */

struct pg_pool *pg_pool_of(const struct sched *sched)
{
	struct sched_guest *guest = sched_guest(sched, &kind);

	return guest ? container_of(guest, struct pg_pool, guest) : NULL;
}

bool pg_is_up(const struct sched *sched)
{
	const struct pg_pool *pool = pg_pool_of(sched);

	return !pool || pool->health == PG_UP;
}

bool pg_is_known(const struct sched *sched)
{
	const struct pg_pool *pool = pg_pool_of(sched);

	return !pool || pool->health == PG_DOWN ||
	       (pool->health == PG_UP && pool->tables != BOARD_TABLES_UNKNOWN);
}

bool pg_note_tables(const struct sched *sched, enum board_tables tables)
{
	struct pg_pool *pool = pg_pool_of(sched);

	if (!pool)
		return false;
	pool->tables = tables;
	board_set(&pool->board->tables, tables);
	return true;
}

static void on_closed(uv_handle_t *timer)
{
	free(container_of((uv_timer_t *)timer, struct pg_pool, timer));
}

/* A transaction may be left later, by a request that a thread still works for. */
static void close_pool(struct sched_guest *guest)
{
	struct pg_pool *pool = container_of(guest, struct pg_pool, guest);

	pg_news_close(pool);
	pg_names_close(pool);
	while (pool->blocks)
		pg_block_end(pool->blocks);
	for (unsigned i = 0; i < pool->count; i++) {
		pg_cancel_forget(&pool->conns[i]);
		pg_conn_close(&pool->conns[i]);
	}
	pg_statements_free(pool);
	while (pool->spare) {
		struct pg_call *spare = pool->spare;

		pool->spare = spare->next;
		free(spare);
	}
	uv_close((uv_handle_t *)&pool->timer, on_closed);
}

int pg_pool_open(struct sched *sched, const struct pg_settings *from,
		 const struct pg_limits *limits)
{
	size_t size = limits->connections * sizeof(struct pg_conn);
	struct pg_pool *pool = calloc(1, sizeof(*pool) + size);

	if (!pool)
		return -ENOMEM;
	pool->guest = (struct sched_guest){.kind = &kind, .close = close_pool};
	pool->sched = sched;
	pool->settings = from;
	pool->limits = *limits;
	pool->count = limits->connections;
	pool->random = (uint32_t)uv_hrtime() ^ (uint32_t)getpid();
	pool->board = &sched->options.board->database;
	for (unsigned i = 0; i < pool->count; i++)
		pool->conns[i].pool = pool;
	uv_timer_init(sched->loop, &pool->timer);
	board_set(&pool->board->limit, pool->count);
	sched_add_guest(sched, &pool->guest);
	pg_pool_soon(pool);
	return 0;
}

/* The pool in time: it opens connections, ends what is late, and is told of what became of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "client/pg_inside.h"

enum {
	FIRST_RETRY_MS = 50,
	DOUBLINGS = 4, /* up to 800 ms, and a quarter */
};

/* ---- up and down ---- */

/* Up to a quarter more or less: workers that have lost the same database do not come together. */
static uint64_t about(struct pg_pool *pool, uint64_t time)
{
	pool->random = pool->random * 1664525u + 1013904223u;
	return time - time / 4 + (uint64_t)(pool->random >> 16) * (time / 2) / 65536;
}

/* Those of the line that were to have a connection by then. Returns how many. */
static uint64_t fail_first(struct pg_pool *pool, uint64_t due, int error)
{
	uint64_t now = uv_hrtime();
	uint64_t count = 0;

	for (; pool->waiting.first && pool->waiting.first->due <= due; count++) {
		struct pg_call *call = pool->waiting.first;

		pg_pool_unwait(call, error, now);
		pg_call_end(call, error, NULL, now);
	}
	return count;
}

static void go_up(struct pg_pool *pool)
{
	if (pool->health == PG_DOWN)
		log_event(LOG_LEVEL_INFO, "database-up", NULL);
	pool->health = PG_UP;
	pool->failures = 0;
	pool->retry = 0;
	if (pool->desk)
		pg_pool_soon(pool);
}

/* Who waits for those that are there, still does. */
void pg_is_missing(struct pg_pool *pool, const char *why)
{
	unsigned doublings = pool->failures < DOUBLINGS ? pool->failures : DOUBLINGS;
	char line[256];

	pool->failures++;
	pg_names_next(pool);
	pool->retry = uv_hrtime() + about(pool, (FIRST_RETRY_MS * PG_MS) << doublings);
	board_add(&pool->board->failures, 1);
	if (pool->failures == 1 || (!pool->live && pool->health != PG_DOWN)) {
		size_t len = strcspn(why, "\n");

		len = len < sizeof(line) - 1 ? len : sizeof(line) - 1;
		memcpy(line, why, len);
		line[len] = '\0';
		log_event(LOG_LEVEL_WARNING, pool->live ? "database-refuses" : "database-down",
			  "why", line, NULL);
	}
	if (pool->live)
		return;
	pool->health = PG_DOWN;
	fail_first(pool, UINT64_MAX, -ENOTCONN);
}

/* ---- connections ---- */

void pg_pool_connected(struct pg_conn *conn)
{
	struct pg_pool *pool = conn->pool;

	if (conn->listens) {
		pg_news_connected(conn);
		return;
	}
	pool->connecting--;
	pool->live++;
	go_up(pool);
	if (pool->waiters > 1)
		pg_pool_soon(pool); /* more are wanted */
	conn->until = uv_hrtime() + about(pool, pool->limits.lifetime);
	pg_pool_welcome(conn);
}

static void end_work(struct pg_conn *conn, struct pg_call *call, struct pg_list *queue)
{
	int error = conn->error == -EFBIG ? -EFBIG : -ENOLINK;
	PGresult *result = error == -EFBIG ? NULL : conn->result;

	if (call && conn->error == -EREMOTEIO)
		error = -EREMOTEIO;
	if (result)
		conn->result = NULL;
	if (call)
		pg_call_end(call, error, result, uv_hrtime());
	else
		PQclear(result);
	pg_queue_fail(queue, -ENOLINK);
}

void pg_pool_lost(struct pg_conn *conn, const char *why)
{
	struct pg_pool *pool = conn->pool;
	struct pg_list queue = conn->queue;
	struct pg_call *call = conn->call;
	bool connecting = conn->state == PG_CONNECTING;

	if (conn->listens) {
		pg_news_lost(conn);
		return;
	}
	if (connecting)
		pool->connecting--;
	else
		pool->live--;
	board_add(&pool->board->lost, !connecting);
	if (connecting)
		pg_is_missing(pool, why);
	pg_pool_leave(conn);
	pg_cancel_forget(conn);
	if (conn->block)
		pg_block_lost(conn->block);
	conn->queue = (struct pg_list){NULL, NULL};
	conn->call = NULL;
	end_work(conn, call, &queue);
	pg_conn_close(conn);
	pg_pool_soon(pool);
	pg_pool_show(pool);
}

/* ---- time ---- */

static bool may_open(const struct pg_pool *pool, uint64_t now)
{
	unsigned all = pool->live + pool->connecting;
	bool wanted = !all || pool->waiters > pool->connecting;

	return wanted && all < pool->count && now >= pool->retry &&
	       (pool->health == PG_UP || !pool->connecting);
}

static void open_some(struct pg_pool *pool, uint64_t now)
{
	for (unsigned i = 0; i < pool->count && may_open(pool, now); i++) {
		if (pool->conns[i].state != PG_CLOSED)
			continue;
		if (!pg_names_ready(pool, now))
			return;
		pool->connecting++;
		pg_conn_open(&pool->conns[i]);
	}
}

/* What it does has lasted too long. */
static void is_late(struct pg_conn *conn, uint64_t now)
{
	struct pg_call *call = conn->call;

	if (conn->state == PG_WORKS && call) {
		conn->call = NULL;
		pg_pool_cancel(conn);
		pg_call_end(call, -ETIMEDOUT, NULL, now);
	} else if (conn->state == PG_REST) {
		pg_pool_leave(conn);
		pg_pool_rest(conn, now); /* its life is over */
	} else {
		pg_pool_lost(conn, "it does not answer");
	}
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

/* When something has to be done again; 0: nothing has. */
static uint64_t next_turn(const struct pg_pool *pool)
{
	uint64_t next = pool->waiting.first ? pool->waiting.first->due : 0;

	for (unsigned i = 0; i < pool->count; i++)
		next = sooner(next, pool->conns[i].due);
	if (pool->retry && (pool->waiters || !pool->live))
		next = sooner(next, pool->retry);
	return sooner(next, pg_news_due(pool));
}

static void on_turn(uv_timer_t *timer)
{
	struct pg_pool *pool = container_of(timer, struct pg_pool, timer);
	uint64_t now = uv_hrtime();
	uint64_t next;

	pool->armed = 0;
	if (pool->retry <= now)
		pool->retry = 0;
	for (unsigned i = 0; i < pool->count; i++) {
		struct pg_conn *conn = &pool->conns[i];

		if (conn->broken)
			pg_pool_lost(conn, PQerrorMessage(conn->pq));
		else if (conn->due && conn->due <= now)
			is_late(conn, now);
	}
	board_add(&pool->board->late, fail_first(pool, now, -ETIMEDOUT));
	open_some(pool, now);
	pg_news_turn(pool, now);
	pg_pool_show(pool);
	next = next_turn(pool);
	if (next)
		pg_pool_at(pool, next);
}

void pg_pool_at(struct pg_pool *pool, uint64_t due)
{
	uint64_t now;

	if (pool->armed && pool->armed <= due)
		return;
	now = uv_hrtime();
	pool->armed = due;
	uv_timer_start(&pool->timer, on_turn, due > now ? (due - now + PG_MS - 1) / PG_MS : 0, 0);
}

void pg_pool_soon(struct pg_pool *pool)
{
	pg_pool_at(pool, 1);
}

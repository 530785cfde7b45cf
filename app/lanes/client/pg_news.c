/*
 * LISTEN: one connection for all who wait on this loop, opened with the first.
 *
 * A channel counts what was notified; who waits has seen so many. News that came while nobody
 * listened are lost: so when a channel is listened to, anew or again, that counts, too.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "client/pg_inside.h"
#include "http/request.h"

enum { CHANNELS = 64, RETRY_MS = 250 };

struct pg_waiter {
	struct task task;
	struct pg_news *news;
	struct pg_channel *channel;
	struct pg_waiter *next;
	struct pg_waiter *prev;
};

struct pg_channel {
	char name[PG_CHANNEL + 1];
	uint64_t count; /* 0: it was never listened to */
	bool asked;	/* LISTEN was sent */
	bool heard;	/* … and answered */
	struct pg_waiter *waiters;
	word *listeners; /* on the scoreboard */
};

struct pg_news_desk {
	struct pg_conn conn;
	uint64_t retry;
	int count;
	struct pg_channel channels[CHANNELS];
};

/* ---- who waits ---- */

static void unlink_waiter(struct pg_waiter *waiter)
{
	if (waiter->prev)
		waiter->prev->next = waiter->next;
	else
		waiter->channel->waiters = waiter->next;
	if (waiter->next)
		waiter->next->prev = waiter->prev;
	board_add(waiter->channel->listeners, UINT64_MAX); /* one less */
}

static void cancel(struct task *task)
{
	struct pg_waiter *waiter = container_of(task, struct pg_waiter, task);

	unlink_waiter(waiter);
	free(waiter);
}

static void wake(struct pg_channel *channel)
{
	uint64_t now = uv_hrtime();
	struct pg_waiter *waiter = channel->waiters;

	channel->count++;
	channel->waiters = NULL;
	while (waiter) {
		struct pg_waiter *next = waiter->next;

		board_add(channel->listeners, UINT64_MAX); /* one less */
		waiter->news->seen = channel->count;
		coroutine_woken(waiter->task.co, now);
		task_end(&waiter->task, 0);
		free(waiter);
		waiter = next;
	}
}

static bool is_name(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '_')
			return false;
	return len >= 1 && len <= PG_CHANNEL;
}

/* NULL if memory is out, or there are too many. */
static struct pg_channel *channel_of(struct pg_pool *pool, const char *name)
{
	struct pg_news_desk *desk = pool->desk;
	struct pg_channel *channel;

	if (!desk) {
		desk = pool->desk = calloc(1, sizeof(*desk));
		if (!desk)
			return NULL;
		desk->conn = (struct pg_conn){.pool = pool, .listens = true};
	}
	for (int i = 0; i < desk->count; i++)
		if (!strcmp(desk->channels[i].name, name))
			return &desk->channels[i];
	if (desk->count == CHANNELS)
		return NULL;
	channel = &desk->channels[desk->count++];
	snprintf(channel->name, sizeof(channel->name), "%s", name);
	channel->listeners = &pool->board->listeners;
	pg_pool_soon(pool);
	return channel;
}

/* What it cannot: 0 or a negative errno. */
static int wait_for(struct request *req, struct pg_news *news, const char *name)
{
	struct pg_pool *pool = pg_pool_of(req->co.sched);
	struct pg_channel *channel;
	struct pg_waiter *waiter;

	if (!pool)
		return -ENODEV;
	if (!is_name(name))
		return -EINVAL;
	channel = channel_of(pool, name);
	if (!channel)
		return -ENOMEM;
	if (channel->heard && news->seen != channel->count) {
		news->seen = channel->count;
		return 0;
	}
	if (pool->health == PG_DOWN)
		return -ENOTCONN;
	waiter = malloc(sizeof(*waiter));
	if (!waiter)
		return -ENOMEM;
	*waiter = (struct pg_waiter){.news = news, .channel = channel, .next = channel->waiters};
	if (channel->waiters)
		channel->waiters->prev = waiter;
	channel->waiters = waiter;
	task_begin(&req->co, &waiter->task, cancel, NULL);
	board_add(channel->listeners, 1);
	return 0;
}

void pg_wait_for_news(struct request *req, struct pg_news *news, const char *channel)
{
	int error = coroutine_has_failed(&req->co) ? req->co.error : wait_for(req, news, channel);

	if (error)
		coroutine_add_end(&req->co, error, NULL);
	gather(req);
}

/* ---- the connection ---- */

/* Asks for what was not asked for yet: all of it at once. */
static void listen_to_all(struct pg_news_desk *desk)
{
	char sql[CHANNELS * (PG_CHANNEL + sizeof("LISTEN \"\";"))] = "";
	size_t len = 0;

	for (int i = 0; i < desk->count; i++) {
		struct pg_channel *channel = &desk->channels[i];

		if (channel->asked)
			continue;
		channel->asked = true;
		len += (size_t)snprintf(sql + len, sizeof(sql) - len, "LISTEN \"%s\";",
					channel->name);
	}
	if (!len)
		return;
	desk->conn.state = PG_WORKS;
	if (PQsendQuery(desk->conn.pq, sql))
		pg_conn_flush(&desk->conn);
	else
		pg_conn_break(&desk->conn);
}

void pg_news_connected(struct pg_conn *conn)
{
	conn->due = 0;
	conn->state = PG_REST;
	listen_to_all(conn->pool->desk);
}

void pg_news_answered(struct pg_conn *conn)
{
	struct pg_news_desk *desk = conn->pool->desk;

	PQclear(conn->result);
	conn->result = NULL;
	if (conn->error) {
		pg_conn_break(conn);
		return;
	}
	conn->state = PG_REST;
	for (int i = 0; i < desk->count; i++) {
		struct pg_channel *channel = &desk->channels[i];

		if (!channel->asked || channel->heard)
			continue;
		channel->heard = true;
		wake(channel);
	}
	listen_to_all(desk);
}

/* Several at once wake once. */
void pg_news_came(struct pg_conn *conn)
{
	struct pg_news_desk *desk = conn->pool->desk;
	bool came[CHANNELS] = {false};
	PGnotify *notice;

	while ((notice = PQnotifies(conn->pq))) {
		for (int i = 0; i < desk->count; i++)
			came[i] = came[i] || !strcmp(desk->channels[i].name, notice->relname);
		PQfreemem(notice);
	}
	for (int i = 0; i < desk->count; i++)
		if (came[i])
			wake(&desk->channels[i]);
}

void pg_news_lost(struct pg_conn *conn)
{
	struct pg_pool *pool = conn->pool;
	struct pg_news_desk *desk = pool->desk;

	pg_conn_close(conn);
	for (int i = 0; i < desk->count; i++)
		desk->channels[i].asked = desk->channels[i].heard = false;
	desk->retry = uv_hrtime() + RETRY_MS * PG_MS;
	pg_pool_at(pool, desk->retry);
}

void pg_news_turn(struct pg_pool *pool, uint64_t now)
{
	struct pg_news_desk *desk = pool->desk;

	if (!desk)
		return;
	if (desk->retry <= now)
		desk->retry = 0;
	if (desk->conn.broken || (desk->conn.due && desk->conn.due <= now))
		pg_news_lost(&desk->conn);
	else if (desk->conn.state == PG_REST)
		listen_to_all(desk);
	else if (desk->conn.state == PG_CLOSED && pool->health == PG_UP && !desk->retry &&
		 pg_names_ready(pool, now))
		pg_conn_open(&desk->conn);
}

/* It is opened when the database is there, which is heard of. */
uint64_t pg_news_due(const struct pg_pool *pool)
{
	const struct pg_news_desk *desk = pool->desk;

	if (!desk)
		return 0;
	return desk->conn.state == PG_CLOSED && pool->health == PG_UP ? desk->retry
								      : desk->conn.due;
}

void pg_news_close(struct pg_pool *pool)
{
	if (pool->desk)
		pg_conn_close(&pool->desk->conn);
	free(pool->desk);
	pool->desk = NULL;
}

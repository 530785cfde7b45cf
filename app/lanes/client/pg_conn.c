/*
 * A connection: it connects, is polled, and is closed.
 *
 * While it connects, libpq may close its socket and open another at every step: the poll handle is
 * closed before, and a new one made after. Later it stays, and waits for input all the time: so a
 * connection that nobody uses is known to be dead as soon as it is.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "base/util.h"
#include "client/pg_inside.h"

enum { LEAST_READ = 8192 }; /* libpq has room for so many bytes at least */

static void on_event(uv_poll_t *poll, int status, int events);

static void on_closed(uv_handle_t *handle)
{
	free(container_of((uv_poll_t *)handle, struct pg_watch, poll));
}

static void unwatch(struct pg_conn *conn)
{
	if (!conn->watch)
		return;
	conn->watch->conn = NULL;
	uv_close((uv_handle_t *)&conn->watch->poll, on_closed);
	conn->watch = NULL;
}

/* False if there is no memory for it, or no socket. */
static bool watch(struct pg_conn *conn, int events)
{
	struct pg_watch *made = malloc(sizeof(*made));

	if (!made)
		return false;
	if (uv_poll_init(conn->pool->sched->loop, &made->poll, PQsocket(conn->pq))) {
		free(made);
		return false;
	}
	made->conn = conn;
	conn->watch = made;
	return uv_poll_start(&made->poll, events, on_event) == 0;
}

static void ignore_notice(void *unused, const PGresult *notice)
{
	(void)unused;
	(void)notice;
}

/* ---- connecting ---- */

static void follow(struct pg_conn *conn, PostgresPollingStatusType next)
{
	bool connected = next == PGRES_POLLING_OK;
	bool wants = connected || next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING;

	if (!wants)
		pg_pool_lost(conn, PQerrorMessage(conn->pq));
	else if (!watch(conn, next == PGRES_POLLING_WRITING ? UV_WRITABLE : UV_READABLE) ||
		 (connected && PQsetnonblocking(conn->pq, 1)))
		pg_pool_lost(conn, "out of memory");
	else if (connected)
		pg_pool_connected(conn);
}

void pg_conn_open(struct pg_conn *conn)
{
	struct pg_pool *pool = conn->pool;
	uint64_t patience = pg_settings_patience(pool->settings);

	conn->state = PG_CONNECTING;
	conn->due = uv_hrtime() + patience;
	pg_pool_at(pool, conn->due);
	conn->pq = pg_settings_connect(pool->settings, pg_names_address(pool));
	if (!conn->pq) {
		pg_pool_lost(conn, "out of memory");
		return;
	}
	PQsetNoticeReceiver(conn->pq, ignore_notice, NULL);
	follow(conn,
	       PQstatus(conn->pq) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING);
}

/* ---- connected ---- */

void pg_conn_break(struct pg_conn *conn)
{
	conn->broken = true;
	pg_pool_soon(conn->pool);
}

static void poll_for(struct pg_conn *conn, bool writes)
{
	int events = UV_READABLE | (writes ? UV_WRITABLE : 0);

	conn->writes = writes;
	if (uv_poll_start(&conn->watch->poll, events, on_event))
		pg_conn_break(conn);
}

void pg_conn_flush(struct pg_conn *conn)
{
	int left = PQflush(conn->pq);

	if (left < 0)
		pg_conn_break(conn);
	else if (conn->writes != (left > 0))
		poll_for(conn, left > 0);
}

static int unread(const struct pg_conn *conn)
{
	int bytes = 0;

	return ioctl(PQsocket(conn->pq), FIONREAD, &bytes) ? 0 : bytes;
}

/* What is not unread any more was read. Where something is left, libpq has filled its buffer. */
static void count(struct pg_conn *conn, int before)
{
	int after = unread(conn);
	int least = after ? LEAST_READ : 0;

	conn->bytes += (uint64_t)(before - after > least ? before - after : least);
	if (conn->bytes > conn->pool->limits.result_bytes && conn->state != PG_REST) {
		conn->error = -EFBIG;
		pg_conn_break(conn);
	}
}

/* At rest, only notices come, and what a server says before it closes. */
static void take(struct pg_conn *conn)
{
	bool busy = PQisBusy(conn->pq);

	if (conn->state == PG_REST || busy || !pg_call_take(conn))
		conn->again = true;
	else
		pg_pool_answered(conn);
	if (conn->listens && conn->pq)
		pg_news_came(conn);
}

/* TLS may have bytes that the socket does not; one more time, and it has none. The first piece of a
 * result is not counted: most have no other. */
static void on_input(struct pg_conn *conn, bool to_its_end)
{
	bool tls = PQsslInUse(conn->pq);
	int before;

	do {
		bool counts = conn->again || tls || to_its_end;

		before = counts ? unread(conn) : 0;
		if (!PQconsumeInput(conn->pq)) {
			pg_pool_lost(conn, PQerrorMessage(conn->pq));
			return;
		}
		if (counts)
			count(conn, before);
		if (!conn->broken)
			take(conn);
	} while (before > 0 && (tls || to_its_end) && !conn->broken && conn->pq);
}

/* libuv no longer polls a descriptor in error. Behind the error there may be input, and then its
 * end. */
static void on_event(uv_poll_t *poll, int status, int events)
{
	struct pg_conn *conn = container_of(poll, struct pg_watch, poll)->conn;

	if (conn->broken)
		return;
	if (conn->state == PG_CONNECTING) {
		unwatch(conn);
		follow(conn, PQconnectPoll(conn->pq));
		return;
	}
	if (events & UV_WRITABLE)
		pg_conn_flush(conn);
	if (status < 0 || events & UV_READABLE)
		on_input(conn, status < 0);
	if (status < 0 && conn->watch && &conn->watch->poll == poll)
		poll_for(conn, conn->writes);
}

void pg_conn_close(struct pg_conn *conn)
{
	unwatch(conn);
	PQclear(conn->result);
	PQfinish(conn->pq);
	*conn = (struct pg_conn){.pool = conn->pool, .listens = conn->listens};
}

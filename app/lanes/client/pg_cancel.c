/*
 * Has the database end a statement that nobody wants any more.
 *
 * That is a connection of its own, which libpq 15 makes and waits for: on a thread of the blocking
 * pool. libpq 17 does it step by step, and the loop polls. A statement that has not begun there yet
 * is not found: so it is said again, until nothing more comes of it. The connection goes to nobody
 * before that was said: a late word would end the next one's statement.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/util.h"
#include "client/pg_inside.h"

enum { BLOCKS = 4 };

static const double again_after = 0.05; /* seconds */

#ifdef LIBPQ_HAS_ASYNC_CANCEL
typedef PGcancelConn cancel_handle;
#else
typedef PGcancel cancel_handle;
#endif

/* It has a coroutine, to wait with, and outlives its connection while a thread works for it. */
struct pg_cancel {
	struct coroutine co;
	struct pg_conn *conn; /* NULL: it is closed */
	unsigned refs;
	bool rests; /* between saying it twice */
	cancel_handle *handle;
	void *blocks[BLOCKS]; /* of what it waits for */
};

#ifdef LIBPQ_HAS_ASYNC_CANCEL

/* True: it waits for the next step. */
static bool go_on(struct pg_cancel *cancel)
{
	PostgresPollingStatusType next = PQcancelPoll(cancel->handle);

	if (next != PGRES_POLLING_READING && next != PGRES_POLLING_WRITING)
		return false;
	coroutine_add_fd(&cancel->co, PQcancelSocket(cancel->handle),
			 next == PGRES_POLLING_READING ? UV_READABLE : UV_WRITABLE, NULL);
	return cancel->co.pending != 0;
}

/* To begin with, it waits until its socket takes something. */
static bool say(struct pg_cancel *cancel)
{
	PQcancelReset(cancel->handle);
	if (!PQcancelStart(cancel->handle))
		return false;
	coroutine_add_fd(&cancel->co, PQcancelSocket(cancel->handle), UV_WRITABLE, NULL);
	return cancel->co.pending != 0;
}

static cancel_handle *handle_of(PGconn *pq)
{
	return PQcancelCreate(pq);
}

static void free_handle(cancel_handle *handle)
{
	PQcancelFinish(handle);
}

#else

static bool go_on(const struct pg_cancel *cancel)
{
	(void)cancel;
	return false;
}

/* On a thread. */
static void work(void *handle)
{
	char unused[256];

	PQcancel(handle, unused, sizeof(unused));
}

static bool say(struct pg_cancel *cancel)
{
	coroutine_add_job(&cancel->co, BOARD_BLOCKING, work, cancel->handle, NULL);
	return cancel->co.pending != 0;
}

static cancel_handle *handle_of(PGconn *pq)
{
	return PQgetCancel(pq);
}

static void free_handle(cancel_handle *handle)
{
	PQfreeCancel(handle);
}

#endif

/* ---- as a coroutine ---- */

static void ref(struct coroutine *co)
{
	container_of(co, struct pg_cancel, co)->refs++;
}

static void unref(struct coroutine *co)
{
	struct pg_cancel *cancel = container_of(co, struct pg_cancel, co);

	if (--cancel->refs)
		return;
	if (cancel->handle)
		free_handle(cancel->handle);
	for (int i = 0; i < BLOCKS; i++)
		free(cancel->blocks[i]);
	free(cancel);
}

/* The tasks use their blocks again: there are two of them. */
static void *alloc(struct coroutine *co, size_t size)
{
	struct pg_cancel *cancel = container_of(co, struct pg_cancel, co);
	int i = 0;

	while (i < BLOCKS && cancel->blocks[i])
		i++;
	return i < BLOCKS ? cancel->blocks[i] = calloc(1, size) : NULL;
}

/* It was said, or is to be said again. What fails leaves it to the connection's time limit. */
static uint64_t resume(struct coroutine *co, uint64_t now)
{
	struct pg_cancel *cancel = container_of(co, struct pg_cancel, co);
	struct pg_conn *conn = cancel->conn;

	co->error = 0;
	if (cancel->rests) {
		cancel->rests = false;
		if (!say(cancel))
			pg_conn_break(conn);
		return now;
	}
	if (go_on(cancel))
		return now;
	cancel->rests = true;
	if (conn->drained)
		pg_pool_cancelled(conn);
	else
		coroutine_add_sleep(co, again_after, NULL);
	return now;
}

static const struct coroutine_ops ops = {
	.resume = resume, .alloc = alloc, .ref = ref, .unref = unref};

/* ---- for its connection ---- */

bool pg_cancel_begin(struct pg_conn *conn)
{
	struct pg_cancel *cancel = conn->pool->limits.alone ? NULL : calloc(1, sizeof(*cancel));

	if (!cancel)
		return false;
	cancel->co = (struct coroutine){.ops = &ops,
					.sched = conn->pool->sched,
					.line = 1,
					.suspended = true,
					.tries = true,
					.untold = true};
	cancel->refs = 1;
	cancel->conn = conn;
	cancel->handle = handle_of(conn->pq);
	conn->cancel = cancel;
	return cancel->handle && say(cancel);
}

bool pg_cancel_rests(const struct pg_conn *conn)
{
	return conn->cancel->rests;
}

void pg_cancel_forget(struct pg_conn *conn)
{
	struct pg_cancel *cancel = conn->cancel;

	if (!cancel)
		return;
	conn->cancel = NULL;
	cancel->conn = NULL;
	coroutine_cancel(&cancel->co);
	unref(&cancel->co);
}

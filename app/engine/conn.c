#include "conn.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../log.h"
#include "accept.h"
#include "exchange.h"

enum { SWEEP_MS = 1000 };

static void conn_flush(struct conn *conn);

/* ---- open ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct conn *conn = handle->data;

	(void)suggested;
	*buf = uv_buf_init(conn->engine->read_buffer, READ_SIZE);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static int conn_open_stream(struct conn *conn, int fd)
{
	struct engine *engine = conn->engine;
	int err;

	if (engine->listener->tcp) {
		err = uv_tcp_init(&engine->loop, &conn->uv.tcp);
		return err ? err : uv_tcp_open(&conn->uv.tcp, fd);
	}
	err = uv_pipe_init(&engine->loop, &conn->uv.pipe, 0);
	return err ? err : uv_pipe_open(&conn->uv.pipe, fd);
}

void conn_new(struct engine *engine, int fd)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn) {
		close(fd);
		return;
	}
	conn->engine = engine;
	if (engine->listener->tcp)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	fcgi_responder_init(&conn->fcgi, &engine->limits, &exchange_events, conn);
	conn->next = engine->conns;
	if (conn->next)
		conn->next->prev = conn;
	engine->conns = conn;
	engine->conn_count++;
	board_add(&engine->board->accepted, 1);
	board_set(&engine->board->connections, engine->conn_count);
	conn->quiet_since = uv_now(&engine->loop);
	if (conn_open_stream(conn, fd)) {
		close(fd);
		conn->uv.handle.data = conn;
		conn_close(conn);
		return;
	}
	conn->uv.handle.data = conn;
	if (uv_read_start(&conn->uv.stream, on_alloc, on_read))
		conn_close(conn);
}

/* ---- read ---- */

void conn_mark_dirty(struct conn *conn)
{
	struct engine *engine = conn->engine;

	if (conn->dirty)
		return;
	conn->dirty = true;
	conn->next_dirty = engine->dirty;
	engine->dirty = conn;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct conn *conn = stream->data;
	bool owed = fcgi_responder_partial(&conn->fcgi);
	bool uploading =
		fcgi_responder_active(&conn->fcgi) && !fcgi_responder_awaiting(&conn->fcgi);

	if (n < 0) {
		conn_close(conn);
		return;
	}
	if (n == 0 || conn->lingering)
		return;
	if (fcgi_responder_feed(&conn->fcgi, buf->base, (size_t)n)) {
		log_event(LOG_WARNING, "protocol-error", NULL);
		conn_close(conn);
		return;
	}
	/* A body may take its time, as long as some of it keeps coming. */
	if (!owed || uploading)
		conn->quiet_since = uv_now(&conn->engine->loop);
	/* Now, not with the batch: the next handler of this turn may hold the loop. */
	conn_flush(conn);
}

/* ---- flush ---- */

bool conn_is_idle(const struct conn *conn)
{
	return !fcgi_responder_active(&conn->fcgi) && !fcgi_responder_partial(&conn->fcgi);
}

size_t conn_waiting(const struct conn *conn)
{
	return conn->fcgi.out.len + conn->writing.len;
}

/* A request may be waiting in the socket, sent before the web server could see that we go. */
bool conn_has_input(const struct conn *conn)
{
	uv_os_fd_t fd;
	char byte;

	return uv_fileno(&conn->uv.handle, &fd) == 0 &&
	       recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void on_shutdown(uv_shutdown_t *shutdown, int status)
{
	struct conn *conn = container_of(shutdown, struct conn, pending.shutdown);

	if (status)
		conn_close(conn);
}

/* Half-closes and reads to the end, or the kernel would throw our answer away together with the
 * input nobody read. The header timeout bounds it. */
static void conn_linger(struct conn *conn)
{
	conn->lingering = true;
	if (uv_shutdown(&conn->pending.shutdown, &conn->uv.stream, on_shutdown))
		conn_close(conn);
}

static void on_written(uv_write_t *write, int status)
{
	struct conn *conn = container_of(write, struct conn, pending.write);

	buffer_free(&conn->writing);
	if (status)
		conn_close(conn);
	else if (!conn->closing)
		conn_mark_dirty(conn);
}

/* Sends what the kernel takes now; the rest waits in conn->writing. False if the peer is gone. */
static bool conn_write(struct conn *conn)
{
	struct buffer *out = &conn->fcgi.out;
	uv_buf_t buf = uv_buf_init(out->data, (unsigned)out->len);
	int n;

	if (!out->len || conn->writing.len)
		return true;
	n = uv_try_write(&conn->uv.stream, &buf, 1);
	if (n == UV_EAGAIN)
		n = 0;
	if (n < 0)
		return false;
	if ((size_t)n == out->len) {
		buffer_free(out);
		return true;
	}
	conn->writing = *out;
	*out = (struct buffer){0};
	buf.base += n;
	buf.len -= (size_t)n;
	conn->unread_since = uv_now(&conn->engine->loop);
	conn->unread = buf.len;
	return uv_write(&conn->pending.write, &conn->uv.stream, &buf, 1, on_written) == 0;
}

static void conn_throttle(struct conn *conn)
{
	bool pause = conn_waiting(conn) > (size_t)conn->engine->options->output_limit;

	if (pause == conn->paused || conn->lingering)
		return;
	conn->paused = pause;
	if (pause)
		uv_read_stop(&conn->uv.stream);
	else if (uv_read_start(&conn->uv.stream, on_alloc, on_read))
		conn_close(conn);
}

static void conn_flush(struct conn *conn)
{
	if (conn->fcgi.out.failed || !conn_write(conn)) {
		conn_close(conn);
		return;
	}
	conn_throttle(conn);
	if (conn->closing || conn->writing.len || conn->fcgi.out.len || conn->lingering)
		return;
	if (fcgi_responder_should_close(&conn->fcgi) && fcgi_responder_linger(&conn->fcgi))
		conn_linger(conn);
	else if (fcgi_responder_should_close(&conn->fcgi) ||
		 (conn->engine->draining && conn->spoken && conn_is_idle(conn)))
		conn_close(conn);
}

void conns_flush(struct engine *engine)
{
	while (engine->dirty) {
		struct conn *conn = engine->dirty;

		engine->dirty = conn->next_dirty;
		conn->dirty = false;
		if (!conn->closing)
			conn_flush(conn);
	}
}

/* ---- close ---- */

static void on_closed(uv_handle_t *handle)
{
	struct conn *conn = handle->data;

	buffer_free(&conn->writing);
	free(conn);
}

void conn_close(struct conn *conn)
{
	struct engine *engine = conn->engine;

	if (conn->closing)
		return;
	conn->closing = true;
	if (conn->prev)
		conn->prev->next = conn->next;
	else
		engine->conns = conn->next;
	if (conn->next)
		conn->next->prev = conn->prev;
	engine->conn_count--;
	board_set(&engine->board->connections, engine->conn_count);
	fcgi_responder_close(&conn->fcgi);
	uv_close(&conn->uv.handle, on_closed);
	accept_resume(engine);
}

/* ---- timeouts: one look at every connection, instead of a timer for each ---- */

/* Milliseconds the connection may stay as it is, counted from *since; 0: as long as it likes. */
static int64_t conn_patience(struct conn *conn, uint64_t *since)
{
	const struct options *options = conn->engine->options;
	size_t unread = uv_stream_get_write_queue_size(&conn->uv.stream);

	if (unread) {
		if (unread != conn->unread)
			conn->unread_since = uv_now(&conn->engine->loop);
		conn->unread = unread;
		*since = conn->unread_since;
		return options->send_timeout;
	}
	*since = conn->quiet_since;
	if (conn->lingering || !conn->spoken || fcgi_responder_partial(&conn->fcgi))
		return options->header_timeout;
	return fcgi_responder_active(&conn->fcgi) ? 0 : options->idle_timeout;
}

static uint64_t later(uint64_t since, uint64_t by, uint64_t now)
{
	return since + by < now ? since + by : now;
}

void conns_sweep(struct engine *engine)
{
	uint64_t now = uv_now(&engine->loop);
	uint64_t held = now - engine->swept - uv_timer_get_repeat(&engine->sweep);
	struct conn *next;

	engine->swept = now;
	for (struct conn *conn = engine->conns; conn; conn = next) {
		uint64_t since;
		int64_t patience;

		next = conn->next;
		conn->quiet_since = later(conn->quiet_since, held, now);
		conn->unread_since = later(conn->unread_since, held, now);
		patience = conn_patience(conn, &since);
		if (patience && now - since >= (uint64_t)patience)
			conn_close(conn);
	}
}

/* A timeout is noticed at most a quarter late, and never more than a second. */
uint64_t conns_sweep_interval(const struct options *o)
{
	int64_t shortest = o->header_timeout;

	if (o->idle_timeout < shortest)
		shortest = o->idle_timeout;
	if (o->send_timeout < shortest)
		shortest = o->send_timeout;
	return shortest / 4 < SWEEP_MS ? (uint64_t)shortest / 4 : SWEEP_MS;
}

#include "engine/conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/accept.h"
#include "engine/arrival.h"
#include "engine/exchange.h"
#include "engine/flow.h"
#include "engine/peers.h"
#include "engine/stream.h"
#include "engine/upload.h"

enum {
	SWEEP_MS = 1000,
	FRESH_NS = 5000000, /* so long, what poll said of the peers is taken to be true */
};

static void conn_flush(struct conn *conn);
static void on_event(uv_poll_t *poll, int status, int events);

/* ---- open ---- */

/* Whether more is read from a peer that has not taken all of our output. */
static bool is_heard(const struct conn *conn)
{
	return conn_waiting(conn) <= (size_t)conn->engine->options->output_limit &&
	       !budget_is_spent(&conn->budget);
}

__attribute__((noinline)) static int unusual_events(struct conn *conn)
{
	int events = UV_DISCONNECT;

	if (conn_waiting(conn))
		events |= UV_WRITABLE;
	if ((!conn_waiting(conn) || is_heard(conn)) && !upload_is_stuffed(conn))
		events |= UV_READABLE;
	return events;
}

/* Polls for what can be made use of: input unless too much output waits, room if some does; and for
 * the peer's leaving, which so is known before what it had asked for is read. */
static int conn_watch(struct conn *conn)
{
	int events = UV_DISCONNECT | UV_READABLE;

	if (conn_waiting(conn) || conn->fcgi.uploads)
		events = unusual_events(conn);
	if (events == conn->watched)
		return 0;
	conn->watched = (uint8_t)events;
	return uv_poll_start(&conn->poll, events, on_event);
}

void conn_new(struct engine *engine, int fd)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn || uv_poll_init(&engine->loop, &conn->poll, fd)) {
		close(fd);
		free(conn);
		return;
	}
	conn->refs = 1;
	conn->fd = fd;
	conn->budget.kind = &engine->conn_budget;
	conn->engine = engine;
	if (engine->listener->tcp)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	fcgi_responder_init(&conn->fcgi, &engine->fcgi, (struct fcgi_flow *)&flow_at_rest.fcgi);
	conn->next = engine->conns;
	if (conn->next)
		conn->next->prev = conn;
	engine->conns = conn;
	engine->conn_count++;
	board_add(&engine->board->accepted, 1);
	board_set(&engine->board->connections, engine->conn_count);
	conn->quiet_since = uv_now(&engine->loop);
	if (conn_watch(conn))
		conn_close(conn);
}

/* ---- read ---- */

/* It is closed for what it sent. A function of its own, or all that is read would pay for its
 * stack. */
__attribute__((noinline)) static void conn_fault(struct conn *conn)
{
	char peer[PEER_SIZE];

	log_event(LOG_LEVEL_WARNING, "protocol-error", "reason", fcgi_responder_fault(&conn->fcgi),
		  "peer", peer_name(conn->fd, peer), NULL);
	conn_close(conn);
}

static void conn_feed(struct conn *conn, const char *bytes, size_t n)
{
	bool owed = fcgi_responder_partial(&conn->fcgi);
	bool uploading =
		fcgi_responder_active(&conn->fcgi) && !fcgi_responder_awaiting(&conn->fcgi);

	/* A body may take its time, as long as some of it keeps coming. */
	if (!owed || uploading)
		conn->quiet_since = uv_now(&conn->engine->loop);
	if (!conn_flows(conn) || fcgi_responder_feed(&conn->fcgi, bytes, n))
		conn_fault(conn);
}

/* One read a turn: who sends more than fits waits for those who have not had theirs. */
static void conn_take(struct conn *conn, size_t most)
{
	char *bytes = conn->engine->read_buffer;
	ssize_t n = recv(conn->fd, bytes, most, 0);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		conn_close(conn);
	else if (n > 0 && !conn->lingering)
		conn_feed(conn, bytes, (size_t)n);
}

/* Whether it has so few requests that those of one more read do not come to be too many. */
static bool conn_has_room(const struct conn *conn)
{
	return fcgi_responder_active(&conn->fcgi) <= conn->engine->fcgi.limits.conn_requests / 4;
}

/* Starts what was read. A handler, here or of a connection before this one, may hold the loop: what
 * the peer has said meanwhile is heard first, and may be that it has gone. */
static void conn_start(struct conn *conn)
{
	struct engine *engine = conn->engine;
	uint64_t looked = uv_now(&engine->loop) * 1000000;
	uint64_t now = engine->arrived ? board_now() : 0;

	while (engine->arrived) {
		if (now > looked + FRESH_NS && !conn->closing && conn_has_room(conn) &&
		    !upload_is_stuffed(conn)) {
			conn_take(conn, READ_SIZE / 2);
			looked = now;
		}
		now = arrival_start(engine, now);
	}
}

/* Whether a flush would find nothing: the handlers that were started wait. */
static bool conn_is_settled(const struct conn *conn)
{
	const struct flow *flow = conn_flow(conn);

	return !flow->fcgi.out.len && !flow->fcgi.out.failed && !conn->fcgi.uploads &&
	       !conn->fcgi.closing && !flow->streams && !conn->engine->parting &&
	       conn->watched == (UV_DISCONNECT | UV_READABLE);
}

static void conn_read(struct conn *conn)
{
	bool enlisted = conn->dirty;

	conn->dirty = true;
	conn_take(conn, READ_SIZE);
	conn_start(conn);
	conn->dirty = enlisted;
	/* Now, not with the batch: the next handler of this turn may hold the loop. */
	if (conn->closing)
		return;
	if (conn_is_settled(conn))
		conn_rests(conn);
	else
		conn_flush(conn);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
	struct conn *conn = container_of(poll, struct conn, poll);

	if (status < 0 || events & UV_DISCONNECT) {
		conn_close(conn);
		return;
	}
	if (events & UV_WRITABLE)
		conn_flush(conn);
	if (events & UV_READABLE && !conn->closing)
		conn_read(conn);
}

/* ---- flush ---- */

bool conn_is_idle(const struct conn *conn)
{
	return !fcgi_responder_active(&conn->fcgi) && !fcgi_responder_partial(&conn->fcgi);
}

size_t conn_waiting(const struct conn *conn)
{
	const struct flow *flow = conn_flow(conn);

	return flow->fcgi.out.len - flow->sent;
}

/* A request may be waiting in the socket, sent before the web server could see that we go. */
bool conn_has_input(const struct conn *conn)
{
	char byte;

	return recv(conn->fd, &byte, 1, MSG_PEEK) > 0;
}

/* Half-closes and reads to the end, or the kernel would throw our answer away together with the
 * input nobody read. The header timeout bounds it. */
static void conn_linger(struct conn *conn)
{
	conn->lingering = true;
	if (shutdown(conn->fd, SHUT_WR))
		conn_close(conn);
}

/* What waits is the connection's to answer for. */
__attribute__((noinline)) static void conn_charge(struct conn *conn)
{
	struct flow *flow = conn_flow(conn);
	size_t held = conn_waiting(conn) ? flow->fcgi.out.size : 0;

	budget_give(&conn->budget, flow->charged);
	budget_charge(&conn->budget, held);
	flow->charged = held;
}

/* Sends what the kernel takes now. False if the peer is gone, or what it would get not whole. */
static bool conn_write(struct conn *conn)
{
	struct flow *flow = conn_flow(conn);
	size_t waiting = conn_waiting(conn);
	ssize_t n;

	if (flow->fcgi.out.failed)
		return false;
	if (!waiting)
		return true;
	n = send(conn->fd, flow->fcgi.out.data + flow->sent, waiting, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
		return false;
	if (n == (ssize_t)flow->fcgi.out.len && !flow->streams) {
		flow->fcgi.out.len = 0; /* nearly always; the next answer has the memory */
	} else {
		if (n > 0 || !(conn->watched & UV_WRITABLE))
			flow->unread_since = uv_now(&conn->engine->loop);
		if (n > 0)
			buffer_has_read(&flow->fcgi.out, &flow->sent, (size_t)n);
	}
	if (flow->charged || conn_waiting(conn))
		conn_charge(conn);
	return true;
}

/* The same, with what streams have. */
static bool conn_write_all(struct conn *conn)
{
	bool written;

	do {
		if (conn_flow(conn)->streams)
			streams_pour(conn);
		written = conn_write(conn);
	} while (written && conn_flow(conn)->streams && !conn_waiting(conn));
	return written;
}

/* The peer has taken all there was for it. */
static void conn_taken(struct conn *conn)
{
	bool ends = fcgi_responder_should_close(&conn->fcgi);

	if (ends && fcgi_responder_linger(&conn->fcgi))
		conn_linger(conn);
	else if (ends || (conn->engine->parting && conn->spoken && conn_is_idle(conn) &&
			  !conn_has_input(conn)))
		conn_close(conn);
}

static void conn_flush(struct conn *conn)
{
	if (!conn_write_all(conn) || conn_watch(conn)) {
		conn_close(conn);
		return;
	}
	if (conn_waiting(conn))
		return;
	conn_rests(conn);
	if (!conn->lingering)
		conn_taken(conn);
}

void conn_enlist(struct conn *conn)
{
	struct engine *engine = conn->engine;

	conn->dirty = true;
	conn->next_dirty = engine->dirty;
	engine->dirty = conn;
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
	conn_unref(container_of((uv_poll_t *)handle, struct conn, poll));
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
	flow_drop(conn);
	uv_close((uv_handle_t *)&conn->poll, on_closed);
	close(conn->fd);
	accept_resume(engine);
}

/* ---- timeouts: one look at every connection, instead of a timer for each ---- */

/* Milliseconds the connection may stay as it is, counted from *since; 0: as long as it likes. */
static int64_t conn_patience(struct conn *conn, uint64_t *since)
{
	const struct options *options = conn->engine->options;

	if (conn_waiting(conn)) {
		*since = conn_flow(conn)->unread_since;
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
		if (conn_waiting(conn))
			conn_flow(conn)->unread_since =
				later(conn_flow(conn)->unread_since, held, now);
		/* Others on the connection have as long again, without them, as have answers that
		 * are complete and wait. */
		if (exchange_end_late(conn, held, now) && conn_waiting(conn))
			conn_flow(conn)->unread_since = now;
		patience = conn_patience(conn, &since);
		/* A stream that waits is ended first, and alone. */
		if (patience && now - since >= (uint64_t)patience && !conn_flow(conn)->streams)
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

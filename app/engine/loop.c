/*
 * One worker's loop, in the order in which a request lives: accept, read, begin, ready, finished,
 * flush, close; then timeouts, draining, and the loop itself.
 *
 * The FastCGI responder turns bytes into events and answers into bytes; libuv moves the bytes.
 * Nothing is written where it is produced. What a connection's input led to at once is flushed when
 * the input is read; a connection that gets output later is put on a list, and the list is flushed
 * when a batch of requests has run (sched's settled): so answers that are ready at the same time
 * leave in one write.
 */
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "../await/sched.h"
#include "../await/task.h"
#include "../fcgi/responder.h"
#include "../http/reply.h"
#include "../log.h"
#include "../observe/trace.h"

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

enum {
	READ_SIZE = 65536,
	ACCEPTS_AT_ONCE = 64,
	ACCEPT_RETRY_MS = 100, /* when descriptors or memory have run out */
	SWEEP_MS = 1000,
	CPU_THREAD_NICE = 19,
	EXIT_FORCED = 3,
};

struct engine {
	const struct options *options;
	const char *worker;
	const struct routes *routes;
	struct listener *listener;
	uv_loop_t loop;
	struct sched sched;
	struct fcgi_limits limits;
	const struct scoreboard *scoreboard;
	struct board_slot *board; /* our slot of it */

	uv_poll_t accept;
	uv_timer_t accept_retry;
	uv_timer_t sweep;
	uv_timer_t drain_timer;
	uv_signal_t signals[3];
	bool accepting;
	bool draining;
	bool refusing; /* siblings take what comes while we drain */
	bool stopped;
	int status;

	struct conn *conns;
	struct conn *dirty; /* have output to flush, or are to be closed */
	size_t conn_count;
	size_t in_flight;
	uint64_t serial;
	char read_buffer[READ_SIZE];
};

struct conn {
	union {
		uv_stream_t stream;
		uv_pipe_t pipe;
		uv_tcp_t tcp;
		uv_handle_t handle;
	} uv;
	struct engine *engine;
	struct conn *next;
	struct conn *prev;
	struct conn *next_dirty;
	struct fcgi_responder fcgi;
	struct buffer writing; /* what the kernel did not take at once */
	uv_write_t write;
	uv_shutdown_t shutdown;
	uint64_t quiet_since;  /* uv_now() when the peer began to owe us input, or fell idle */
	uint64_t unread_since; /* uv_now() when it last read something of writing */
	size_t unread;	       /* bytes of writing the kernel had not taken then */
	bool spoken;	       /* has sent a whole request before */
	bool dirty;
	bool paused;	/* not reading: too much output waits */
	bool lingering; /* answered, half-closed, reads to the end */
	bool closing;
};

/* A request on a FastCGI connection: the block DESIGN speaks of. */
struct carried {
	struct fcgi_request fcgi;
	struct conn *conn; /* NULL once nobody wants the answer */
	struct request req;
};

static struct carried *carried_of(struct fcgi_request *fcgi)
{
	return container_of(fcgi, struct carried, fcgi);
}

static void conn_close(struct conn *conn);
static void conn_flush(struct conn *conn);
static void drain_if_idle(struct engine *engine);

/* ---- accept ---- */

static const struct fcgi_events events;
static void on_connections(uv_poll_t *handle, int status, int events);

static void accept_pause(struct engine *engine)
{
	if (engine->accepting)
		uv_poll_stop(&engine->accept);
	engine->accepting = false;
}

static void accept_resume(struct engine *engine)
{
	if (!engine->accepting && engine->listener->fd >= 0 &&
	    engine->conn_count < (size_t)engine->options->max_conns)
		engine->accepting =
			uv_poll_start(&engine->accept, UV_READABLE, on_connections) == 0;
}

static void on_accept_retry(uv_timer_t *timer)
{
	accept_resume(timer->data);
}

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

static void conn_new(struct engine *engine, int fd)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn) {
		close(fd);
		return;
	}
	conn->engine = engine;
	if (engine->listener->tcp)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	fcgi_responder_init(&conn->fcgi, &engine->limits, &events, conn);
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

/* True if there may be more to accept. */
static bool accept_one(struct engine *engine)
{
	struct sockaddr_storage peer = {0};
	socklen_t len = sizeof(peer);
	int fd = accept4(engine->listener->fd, (struct sockaddr *)&peer, &len,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			log_event(LOG_WARNING, "accept-failed", "error", strerror(errno), NULL);
			accept_pause(engine);
			uv_timer_start(&engine->accept_retry, on_accept_retry, ACCEPT_RETRY_MS, 0);
		}
		return errno == ECONNABORTED || errno == EINTR;
	}
	if (listener_allows(engine->listener, &peer)) {
		conn_new(engine, fd);
	} else {
		log_event(LOG_WARNING, "peer-refused", NULL);
		close(fd);
	}
	return true;
}

static void on_connections(uv_poll_t *handle, int status, int readable)
{
	struct engine *engine = handle->data;

	(void)status;
	(void)readable;
	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		if (engine->conn_count >= (size_t)engine->options->max_conns) {
			accept_pause(engine);
			return;
		}
		if (!accept_one(engine))
			return;
	}
}

/* ---- read ---- */

static void mark_dirty(struct conn *conn)
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
	if (!owed && fcgi_responder_partial(&conn->fcgi))
		conn->quiet_since = uv_now(&conn->engine->loop);
	/* Now, not with the batch: the next handler of this turn may hold the loop. */
	conn_flush(conn);
}

/* ---- begin, ready, gone: what the responder tells ---- */

static struct slice carried_param(const struct request *req, const char *name)
{
	const struct carried *carried = container_of(req, struct carried, req);

	return fcgi_params_get(&carried->fcgi.params, name);
}

static void carried_release(struct request *req)
{
	struct carried *carried = container_of(req, struct carried, req);

	fcgi_params_free(&carried->fcgi.params);
	free(carried);
}

static void count_in_flight(struct engine *engine, int change)
{
	engine->in_flight += (size_t)change;
	board_set(&engine->board->in_flight, engine->in_flight);
}

static void send_head(struct carried *carried, const struct request *req)
{
	struct fcgi_responder *fcgi = &carried->conn->fcgi;
	struct buffer head = {0};

	reply_head(req, carried->conn->engine->worker, &head);
	if (head.failed)
		fcgi->out.failed = true;
	fcgi_responder_stdout(fcgi, &carried->fcgi, head.data, head.len);
	buffer_free(&head);
}

static size_t conn_waiting(const struct conn *conn)
{
	return conn->fcgi.out.len + conn->writing.len;
}

/* A stream would wait for a client that does not read until memory is out. */
static bool carried_stream(struct request *req, struct slice bytes)
{
	struct carried *carried = container_of(req, struct carried, req);
	struct conn *conn = carried->conn;
	const struct engine *engine = conn->engine;

	if (!req->reply.begun)
		send_head(carried, req);
	req->reply.begun = true;
	if (conn_waiting(conn) > (size_t)engine->options->output_limit && !conn->fcgi.out.failed) {
		log_event(LOG_WARNING, "stream-unread", "request",
			  log_number((long long)req->serial), NULL);
		conn->fcgi.out.failed = true;
	}
	fcgi_responder_stdout(&conn->fcgi, &carried->fcgi, bytes.data, bytes.len);
	mark_dirty(conn);
	return !engine->draining;
}

static void send_reply(struct carried *carried, const struct request *req)
{
	struct conn *conn = carried->conn;
	struct engine *engine = conn->engine;
	struct slice body = reply_body(req);

	if (!req->reply.begun)
		send_head(carried, req);
	fcgi_responder_stdout(&conn->fcgi, &carried->fcgi, body.data, body.len);
	fcgi_responder_end(&conn->fcgi, &carried->fcgi, 0);
	count_in_flight(engine, -1);
	conn->quiet_since = uv_now(&engine->loop);
	mark_dirty(conn);
	carried->conn = NULL;
}

static void carried_finished(struct request *req)
{
	struct carried *carried = container_of(req, struct carried, req);

	send_reply(carried, req);
	request_unref(req);
}

static const struct request_ops carried_ops = {
	.param = carried_param,
	.finished = carried_finished,
	.stream = carried_stream,
	.release = carried_release,
};

static struct fcgi_request *on_begin(void *owner)
{
	struct conn *conn = owner;
	struct engine *engine = conn->engine;
	struct carried *carried = malloc(sizeof(*carried));

	if (!carried)
		return NULL;
	memset(&carried->fcgi, 0, sizeof(carried->fcgi));
	request_init(&carried->req, &carried_ops, &engine->sched);
	fcgi_params_init(&carried->fcgi.params, (char *)carried->req.arena,
			 sizeof(carried->req.arena));
	carried->conn = conn;
	carried->req.serial = ++engine->serial;
	carried->req.times.received = uv_hrtime();
	count_in_flight(engine, 1);
	return &carried->fcgi;
}

/* The params, if they fitted, take the front of the arena; the handler's memory follows. */
static void take_params(struct carried *carried)
{
	const struct fcgi_params *params = &carried->fcgi.params;
	struct slice name;
	struct slice value;
	size_t at = 0;

	if (!params->heap)
		carried->req.arena_used = params->len;
	while (fcgi_params_next(params, &at, &name, &value))
		request_take_param(&carried->req, name, value);
	request_params_done(&carried->req);
}

static int refusal(const struct engine *engine, enum fcgi_input input)
{
	switch (input) {
	case FCGI_INPUT_PARAMS_TOO_LARGE:
		return 431;
	case FCGI_INPUT_PARAMS_MALFORMED:
		return 400;
	case FCGI_INPUT_STDIN_TOO_LARGE:
		return 413;
	case FCGI_INPUT_NO_MEMORY:
		return 503;
	case FCGI_INPUT_OK:
		break;
	}
	if (engine->in_flight > (size_t)engine->options->max_reqs || engine->refusing)
		return 503;
	return 0;
}

static void on_ready(void *owner, struct fcgi_request *fcgi, enum fcgi_input input)
{
	struct conn *conn = owner;
	struct board_slot *board = conn->engine->board;
	struct carried *carried = carried_of(fcgi);
	int status = refusal(conn->engine, input);
	bool routed = false;

	conn->quiet_since = uv_now(&conn->engine->loop);
	conn->spoken = true;
	if (input == FCGI_INPUT_OK)
		take_params(carried);
	if (status)
		reply_error(&carried->req, status);
	else
		routed = router_route(conn->engine->routes, &carried->req);
	trace_picked_up(board, &carried->req);
	if (routed) {
		task_resume(&carried->req);
	} else {
		trace_ran(board, &carried->req, carried->req.times.received, uv_hrtime(), true);
		carried_finished(&carried->req);
	}
}

/* The handler may be running on a thread, which then owns the request's reply: answer with a
 * request of our own. */
static void on_input_failed(void *owner, struct fcgi_request *fcgi, enum fcgi_input input)
{
	struct conn *conn = owner;
	struct carried *carried = carried_of(fcgi);
	struct request answer;
	uint64_t now = uv_hrtime();

	task_cancel_all(&carried->req);
	request_init(&answer, &carried_ops, &conn->engine->sched);
	answer.serial = carried->req.serial;
	answer.route_number = carried->req.route_number;
	answer.times = carried->req.times;
	answer.method = carried->req.method;
	reply_error(&answer, refusal(conn->engine, input));
	trace_ran(conn->engine->board, &answer, now, now, true);
	send_reply(carried, &answer);
	request_unref(&carried->req);
}

static void on_gone(void *owner, struct fcgi_request *fcgi)
{
	struct conn *conn = owner;
	struct carried *carried = carried_of(fcgi);

	carried->conn = NULL;
	count_in_flight(conn->engine, -1);
	trace_gone(conn->engine->board, &carried->req, uv_hrtime());
	task_cancel_all(&carried->req);
	request_unref(&carried->req);
}

static const struct fcgi_events events = {
	.begin = on_begin,
	.ready = on_ready,
	.input_failed = on_input_failed,
	.gone = on_gone,
};

/* ---- flush ---- */

static bool conn_is_idle(const struct conn *conn)
{
	return !fcgi_responder_active(&conn->fcgi) && !fcgi_responder_partial(&conn->fcgi);
}

static void on_shutdown(uv_shutdown_t *shutdown, int status)
{
	struct conn *conn = container_of(shutdown, struct conn, shutdown);

	if (status)
		conn_close(conn);
}

/* Half-closes and reads to the end, or the kernel would throw our answer away together with the
 * input nobody read. The header timeout bounds it. */
static void conn_linger(struct conn *conn)
{
	conn->lingering = true;
	if (uv_shutdown(&conn->shutdown, &conn->uv.stream, on_shutdown))
		conn_close(conn);
}

static void on_written(uv_write_t *write, int status)
{
	struct conn *conn = container_of(write, struct conn, write);

	buffer_free(&conn->writing);
	if (status)
		conn_close(conn);
	else if (!conn->closing)
		mark_dirty(conn);
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
	return uv_write(&conn->write, &conn->uv.stream, &buf, 1, on_written) == 0;
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
	if (conn->writing.len || conn->fcgi.out.len || conn->lingering)
		conn_throttle(conn);
	else if (fcgi_responder_should_close(&conn->fcgi) && fcgi_responder_linger(&conn->fcgi))
		conn_linger(conn);
	else if (fcgi_responder_should_close(&conn->fcgi) ||
		 (conn->engine->draining && conn->spoken && conn_is_idle(conn)))
		conn_close(conn);
	else
		conn_throttle(conn);
}

static void on_settled(void *owner)
{
	struct engine *engine = owner;

	while (engine->dirty) {
		struct conn *conn = engine->dirty;

		engine->dirty = conn->next_dirty;
		conn->dirty = false;
		if (!conn->closing)
			conn_flush(conn);
	}
	if (engine->draining)
		drain_if_idle(engine);
}

/* ---- close ---- */

static void on_closed(uv_handle_t *handle)
{
	struct conn *conn = handle->data;

	buffer_free(&conn->writing);
	free(conn);
}

static void conn_close(struct conn *conn)
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

static void on_sweep(uv_timer_t *timer)
{
	struct engine *engine = timer->data;
	struct conn *next;

	for (struct conn *conn = engine->conns; conn; conn = next) {
		uint64_t since;
		int64_t patience = conn_patience(conn, &since);

		next = conn->next;
		if (patience && uv_now(&engine->loop) - since >= (uint64_t)patience)
			conn_close(conn);
	}
}

/* A timeout is noticed at most a quarter late, and never more than a second. */
static uint64_t sweep_interval(const struct options *o)
{
	int64_t shortest = o->header_timeout;

	if (o->idle_timeout < shortest)
		shortest = o->idle_timeout;
	if (o->send_timeout < shortest)
		shortest = o->send_timeout;
	return shortest / 4 < SWEEP_MS ? (uint64_t)shortest / 4 : SWEEP_MS;
}

/* ---- drain ---- */

static void stop(struct engine *engine, int status)
{
	if (!engine->stopped)
		engine->status = status;
	engine->stopped = true;
	uv_stop(&engine->loop);
}

static void drain_if_idle(struct engine *engine)
{
	if (engine->in_flight || engine->stopped)
		return;
	for (struct conn *conn = engine->conns; conn; conn = conn->next)
		if (conn->writing.len || conn->fcgi.out.len)
			return;
	log_event(LOG_INFO, "drained", NULL);
	stop(engine, 0);
}

static void drain_by_force(struct engine *engine, const char *why)
{
	log_event(LOG_WARNING, "ended-by-force", "why", why, "in_flight",
		  log_number((long long)engine->in_flight), NULL);
	stop(engine, EXIT_FORCED);
}

static void on_drain_timeout(uv_timer_t *timer)
{
	drain_by_force(timer->data, "drain-timeout");
}

/* A request may be waiting in the socket, sent before the web server could see that we go. */
static bool conn_has_input(const struct conn *conn)
{
	uv_os_fd_t fd;
	char byte;

	return uv_fileno(&conn->uv.handle, &fd) == 0 &&
	       recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void drain(struct engine *engine)
{
	struct conn *next;

	log_event(LOG_INFO, "draining", "in_flight", log_number((long long)engine->in_flight),
		  NULL);
	engine->draining = true;
	board_set(&engine->board->draining, 1);
	engine->refusing = engine->options->drain == DRAIN_REFUSE ||
			   (engine->options->drain == DRAIN_AUTO &&
			    scoreboard_has_sibling(engine->scoreboard));
	if (!engine->refusing) {
		accept_pause(engine);
		uv_timer_stop(&engine->accept_retry);
		listener_stop(engine->listener);
	}
	for (struct conn *conn = engine->conns; conn; conn = next) {
		next = conn->next;
		if (conn_is_idle(conn) && !conn->writing.len && !conn->fcgi.out.len &&
		    !conn_has_input(conn))
			conn_close(conn);
	}
	uv_timer_start(&engine->drain_timer, on_drain_timeout,
		       (uint64_t)engine->options->drain_timeout, 0);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct engine *engine = handle->data;

	(void)number;
	if (engine->draining)
		drain_by_force(engine, "second-signal");
	else
		drain(engine);
}

/* ---- the loop ---- */

static int open_signals(struct engine *engine)
{
	static const int numbers[] = {SIGTERM, SIGUSR1, SIGINT};
	int err = 0;

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && !err; i++) {
		err = uv_signal_init(&engine->loop, &engine->signals[i]);
		engine->signals[i].data = engine;
		if (!err)
			err = uv_signal_start(&engine->signals[i], on_signal, numbers[i]);
	}
	return err;
}

static int open_accept(struct engine *engine)
{
	int fd = engine->listener->fd;
	int err;

	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return -errno;
	err = uv_poll_init(&engine->loop, &engine->accept, fd);
	engine->accept.data = engine;
	if (err)
		return err;
	accept_resume(engine);
	return engine->accepting ? 0 : UV_EIO;
}

static int open_engine(struct engine *engine)
{
	const struct options *o = engine->options;
	int err;

	uv_timer_init(&engine->loop, &engine->accept_retry);
	uv_timer_init(&engine->loop, &engine->sweep);
	uv_timer_init(&engine->loop, &engine->drain_timer);
	engine->accept_retry.data = engine->sweep.data = engine->drain_timer.data = engine;
	engine->limits = (struct fcgi_limits){
		.max_conns = (uint32_t)o->max_conns,
		.max_reqs = (uint32_t)o->max_reqs,
		.conn_requests = (uint32_t)o->conn_requests,
		.params_bytes = (size_t)o->params_limit,
		.stdin_bytes = (size_t)o->stdin_limit,
	};
	err = sched_open(&engine->sched, &engine->loop,
			 &(struct sched_options){
				 .threads = (unsigned)o->threads,
				 .thread_queue = (size_t)o->thread_queue,
				 .cpu_threads = (unsigned)o->cpu_threads,
				 .cpu_queue = (size_t)o->cpu_queue,
				 .cpu_nice = CPU_THREAD_NICE,
				 .board = engine->board,
				 .settled = on_settled,
				 .owner = engine,
			 });
	if (!err)
		err = open_signals(engine);
	if (!err)
		err = open_accept(engine);
	if (!err)
		err = uv_timer_start(&engine->sweep, on_sweep, sweep_interval(o),
				     sweep_interval(o));
	return err;
}

static void close_handle(uv_handle_t *handle, void *unused)
{
	(void)unused;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

/* Lets every handle close; what is freed here could as well be left to the end of the process,
 * but then no tool could tell a leak from a habit. */
static void close_engine(struct engine *engine)
{
	while (engine->conns)
		conn_close(engine->conns);
	sched_close(&engine->sched);
	uv_walk(&engine->loop, close_handle, NULL);
	uv_run(&engine->loop, UV_RUN_DEFAULT);
	uv_loop_close(&engine->loop);
}

int loop_run(const struct options *options, struct listener *listener, const char *worker,
	     const struct routes *routes, const struct scoreboard *board,
	     void (*opened)(struct sched *sched))
{
	struct engine *engine = calloc(1, sizeof(*engine));
	int err = engine ? uv_loop_init(&engine->loop) : UV_ENOMEM;
	int status;

	if (err) {
		log_event(LOG_ERROR, "start-failed", "error", uv_strerror(err), NULL);
		free(engine);
		return 1;
	}
	engine->options = options;
	engine->listener = listener;
	engine->worker = worker;
	engine->routes = routes;
	engine->scoreboard = board;
	engine->board = board->own;
	err = open_engine(engine);
	if (err) {
		log_event(LOG_ERROR, "start-failed", "error", uv_strerror(err), NULL);
		stop(engine, 1);
	} else {
		log_event(LOG_INFO, "started", "engine", "loop", "threads",
			  log_number(options->threads), "cpu_threads",
			  log_number(options->cpu_threads), NULL);
		if (opened)
			opened(&engine->sched);
		uv_run(&engine->loop, UV_RUN_DEFAULT);
	}
	close_engine(engine);
	status = engine->status;
	free(engine);
	return status;
}

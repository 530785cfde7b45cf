#include "engine/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/conn.h"
#include "engine/observer.h"
#include "engine/upload.h"
#include "http/reply.h"

/* Blocks of finished requests that are kept for the next ones: malloc takes its slow path for a
 * block of this size. */
enum { SPARES_MAX = 256, ROOM_TO_REFUSE = 8 };

static struct exchange *exchange_of(struct fcgi_request *fcgi)
{
	return container_of(fcgi, struct exchange, fcgi);
}

static struct slice exchange_param(const struct request *req, const char *name)
{
	const struct exchange *exchange = container_of(req, struct exchange, req);

	return fcgi_params_get(&exchange->fcgi.params, name);
}

static void exchange_release(struct request *req)
{
	struct exchange *exchange = container_of(req, struct exchange, req);
	struct engine *engine = exchange->conn->engine;

	fcgi_params_free(&exchange->fcgi.params);
	conn_unref(exchange->conn);
	if (engine->spare_count >= SPARES_MAX) {
		free(exchange);
		return;
	}
	exchange->next = engine->spares;
	engine->spares = exchange;
	engine->spare_count++;
}

static struct exchange *exchange_alloc(struct engine *engine)
{
	struct exchange *exchange = engine->spares;

	if (!exchange)
		return malloc(sizeof(*exchange));
	engine->spares = exchange->next;
	engine->spare_count--;
	return exchange;
}

void exchange_free_spares(struct engine *engine)
{
	while (engine->spares)
		free(exchange_alloc(engine));
}

static void count_in_flight(struct engine *engine, int change)
{
	engine->in_flight += (size_t)change;
	if (engine->in_flight > engine->most_in_flight)
		engine->most_in_flight = engine->in_flight;
	board_set(&engine->board->in_flight, engine->in_flight);
}

/* Head, if it is not sent yet, and content, in one record. */
static void send_bytes(struct exchange *exchange, const struct request *req, struct slice content)
{
	struct fcgi_responder *fcgi = &exchange->conn->fcgi;
	size_t record = fcgi_responder_stdout_begin(fcgi);

	if (!req->reply.begun)
		reply_head(req, exchange->conn->engine->worker, &fcgi->out);
	buffer_append(&fcgi->out, content.data, content.len);
	fcgi_responder_stdout_end(fcgi, &exchange->fcgi, record);
}

/* ---- streams ---- */

static void stream_begin(struct exchange *exchange)
{
	struct conn *conn = exchange->conn;
	struct stream *stream = &exchange->stream;

	*stream = (struct stream){.next = conn->streams, .open = true};
	if (stream->next)
		stream->next->stream.prev = exchange;
	conn->streams = exchange;
	conn->engine->stream_count++;
}

static void stream_end(struct exchange *exchange)
{
	struct conn *conn = exchange->conn;
	struct stream *stream = &exchange->stream;

	if (stream->prev)
		stream->prev->stream.next = stream->next;
	else
		conn->streams = stream->next;
	if (stream->next)
		stream->next->stream.prev = stream->prev;
	conn->engine->stream_count--;
}

static bool stream_is_taken(const struct exchange *exchange)
{
	return exchange->conn->taken >= exchange->stream.end;
}

/* What a client does not read would wait for it until memory is out: a handler that does not look
 * (stream_is_read, stream_drained) may be ahead of it by the limit and one write more. */
static bool stream_has_room(struct exchange *exchange)
{
	const struct engine *engine = exchange->conn->engine;
	struct stream *stream = &exchange->stream;

	if (stream_is_taken(exchange)) {
		stream->unread = 0;
		stream->since = uv_now(&engine->loop);
	}
	if (stream->unread > (size_t)engine->options->stream_limit)
		stream->given_up = true;
	return !stream->given_up;
}

static bool exchange_stream(struct request *req, struct slice bytes)
{
	struct exchange *exchange = container_of(req, struct exchange, req);
	struct conn *conn = exchange->conn;
	const struct engine *engine = conn->engine;

	if (!exchange->stream.open) {
		if (engine->stream_count >= (size_t)engine->options->max_streams ||
		    budget_is_spent(&conn->budget)) {
			reply_error(req, 503);
			return false;
		}
		stream_begin(exchange);
	}
	if (!stream_has_room(exchange))
		return false;
	send_bytes(exchange, req, bytes);
	req->reply.begun = true;
	exchange->stream.unread += bytes.len;
	exchange->stream.end = conn_position(conn);
	conn_mark_dirty(conn);
	return !engine->draining;
}

static bool exchange_stream_is_read(const struct request *req)
{
	const struct exchange *exchange = container_of(req, struct exchange, req);

	return stream_is_taken(exchange) && !budget_is_spent(&exchange->conn->budget);
}

static void cancel_wait(struct task *task)
{
	(void)task;
}

static void exchange_stream_drained(struct request *req)
{
	struct exchange *exchange = container_of(req, struct exchange, req);

	if (!stream_is_taken(exchange))
		task_begin(&req->co, &exchange->stream.task, cancel_wait, NULL);
	coroutine_gather(&req->co);
}

void exchange_taken(struct conn *conn)
{
	for (struct exchange *exchange = conn->streams; exchange; exchange = exchange->stream.next)
		if (exchange->stream.task.co && stream_is_taken(exchange))
			task_end(&exchange->stream.task, 0);
}

/* ---- the answer ---- */

static void send_reply(struct exchange *exchange, const struct request *req)
{
	struct conn *conn = exchange->conn;
	struct engine *engine = conn->engine;

	send_bytes(exchange, req, reply_body(req));
	fcgi_responder_end(&conn->fcgi, &exchange->fcgi, 0);
	if (exchange->stream.open)
		stream_end(exchange);
	count_in_flight(engine, -1);
	conn->quiet_since = uv_now(&engine->loop);
	conn_mark_dirty(conn);
}

static void exchange_finished(struct request *req)
{
	struct exchange *exchange = container_of(req, struct exchange, req);

	send_reply(exchange, req);
	request_unref(req);
}

/* Those that work after their answer are a list, for the drain to wait for. */
static void exchange_stays(struct request *req, bool stays)
{
	struct exchange *exchange = container_of(req, struct exchange, req);
	struct engine *engine = exchange->conn->engine;

	if (stays) {
		exchange->later_next = engine->later;
		exchange->later_prev = NULL;
		if (engine->later)
			engine->later->later_prev = exchange;
		engine->later = exchange;
		return;
	}
	if (exchange->later_prev)
		exchange->later_prev->later_next = exchange->later_next;
	else
		engine->later = exchange->later_next;
	if (exchange->later_next)
		exchange->later_next->later_prev = exchange->later_prev;
}

void exchange_cancel_later(struct engine *engine)
{
	while (engine->later) {
		struct exchange *exchange = engine->later;

		exchange_stays(&exchange->req, false);
		coroutine_cancel(&exchange->req.co);
		request_unref(&exchange->req);
	}
}

static const struct request_ops exchange_ops = {
	.param = exchange_param,
	.ran = observer_ran,
	.finished = exchange_finished,
	.stream = exchange_stream,
	.stream_is_read = exchange_stream_is_read,
	.stream_drained = exchange_stream_drained,
	.body_wanted = upload_wanted,
	.stays = exchange_stays,
	.release = exchange_release,
};

/* Beyond max-reqs a request is answered with a 503, for which its params have to be there. For
 * those whose params do not come, some room, and no more. */
static bool is_full(const struct engine *engine)
{
	size_t most = (size_t)engine->options->max_reqs;

	return engine->in_flight >= most + most / 8 + ROOM_TO_REFUSE;
}

static struct fcgi_request *on_begin(void *owner)
{
	struct conn *conn = owner;
	struct engine *engine = conn->engine;
	struct exchange *exchange = is_full(engine) ? NULL : exchange_alloc(engine);

	if (!exchange)
		return NULL;
	memset(&exchange->fcgi, 0, sizeof(exchange->fcgi));
	request_init(&exchange->req, &exchange_ops, &engine->sched);
	fcgi_params_init(&exchange->fcgi.params, (char *)exchange->req.arena,
			 sizeof(exchange->req.arena));
	exchange->fcgi.params.budget = exchange->req.budget = &conn->budget;
	exchange->conn = conn;
	exchange->wanted = true;
	exchange->prepared = exchange->started = false;
	exchange->stream.open = false;
	conn_ref(conn);
	exchange->req.serial = ++engine->serial;
	exchange->req.co.peer = conn->fd;
	count_in_flight(engine, 1);
	return &exchange->fcgi;
}

/* The params, if they fitted, take the front of the arena; the handler's memory follows. False if
 * they are malformed. Apart from its caller, or the compiler has no room for fcgi_params_next() in
 * it, which saves a tenth of all that a request takes. */
__attribute__((noinline)) static bool take_params(struct exchange *exchange)
{
	const struct fcgi_params *params = &exchange->fcgi.params;
	struct slice name;
	struct slice value;
	size_t at = 0;

	if (!params->heap)
		exchange->req.arena_used = params->len;
	while (fcgi_params_next(params, &at, &name, &value))
		request_take_param(&exchange->req, name, value);
	request_params_done(&exchange->req,
			    sched_busy(exchange->req.co.sched, exchange->req.times.received));
	return at == params->len;
}

static int refusal(const struct engine *engine, enum fcgi_input input)
{
	switch (input) {
	case FCGI_INPUT_PARAMS_TOO_LARGE:
		return 431;
	case FCGI_INPUT_STDIN_TOO_LARGE:
		return 413;
	case FCGI_INPUT_NO_MEMORY:
		return 503;
	case FCGI_INPUT_OK:
		break;
	}
	return engine->in_flight > (size_t)engine->options->max_reqs ||
			       budget_is_spent(&engine->budget)
		       ? 503
		       : 0;
}

/* Another worker has room for what is refused because this one drains, and perhaps not for what is
 * refused because there is too much: a web server that can tell these apart names the status that
 * it takes to another worker. */
static int drain_status(const struct request *req)
{
	return slice_is(request_param(req, "LANES_DRAIN_STATUS"), "429") ? 429 : 503;
}

/* Its client need not be there any more: the list has a reference of its own. */
static void arrived(struct engine *engine, struct exchange *exchange)
{
	request_ref(&exchange->req);
	exchange->next = NULL;
	if (engine->arrived)
		engine->arrived_last->next = exchange;
	else
		engine->arrived = exchange;
	engine->arrived_last = exchange;
}

/* What is asked, and whether it is answered at once: then there is a reply. To be known before it
 * is started, or the first of its body is taken. */
static void prepare(struct exchange *exchange, uint64_t now)
{
	const struct engine *engine = exchange->conn->engine;
	struct request *req = &exchange->req;

	exchange->prepared = true;
	req->times.received = now;
	if (!req->reply.status && !take_params(exchange))
		reply_error(req, 400);
	if (!req->reply.status && engine->refusing)
		reply_error(req, drain_status(req));
	if (!req->reply.status && request_is_late(req, engine->options->queue_timeout))
		reply_error(req, 503);
	if (!req->reply.status && router_route(&engine->router, req) &&
	    route_takes_body(req->route))
		upload_open(exchange);
}

static uint64_t start(struct exchange *exchange, uint64_t now)
{
	struct request *req = &exchange->req;

	if (!exchange->prepared)
		prepare(exchange, now);
	exchange->started = true;
	if (!req->reply.status && exchange->fcgi.failed)
		reply_error(req, refusal(exchange->conn->engine, FCGI_INPUT_STDIN_TOO_LARGE));
	observer_picked_up(req);
	if (!req->reply.status)
		return request_resume(req, now);
	now = uv_hrtime();
	observer_ran(req, req->times.received, now, true);
	exchange_finished(req);
	return now;
}

uint64_t exchange_start(struct engine *engine, uint64_t now)
{
	struct exchange *exchange = engine->arrived;

	engine->arrived = exchange->next;
	if (exchange->wanted)
		now = start(exchange, now);
	request_unref(&exchange->req);
	return now;
}

/* Not started here: what else has been read already may say that nobody wants it any more. */
static void on_ready(void *owner, struct fcgi_request *fcgi, enum fcgi_input input)
{
	struct conn *conn = owner;
	struct exchange *exchange = exchange_of(fcgi);
	int status = refusal(conn->engine, input);

	conn->quiet_since = uv_now(&conn->engine->loop);
	conn->spoken = true;
	if (status)
		reply_error(&exchange->req, status);
	arrived(conn->engine, exchange);
}

/* Once started, the handler may be running on a thread, which then owns the request's reply: answer
 * with a request of our own. What has a head cannot become something else, and only ends. */
static void answer_instead(struct exchange *exchange, int status)
{
	struct engine *engine = exchange->conn->engine;
	struct request answer;
	uint64_t now = uv_hrtime();

	coroutine_cancel(&exchange->req.co);
	body_drop(&exchange->req);
	request_init(&answer, &exchange_ops, &engine->sched);
	answer.serial = exchange->req.serial;
	answer.times = exchange->req.times;
	answer.co.times = exchange->req.co.times;
	answer.co.owner = exchange->req.co.owner;
	answer.method = exchange->req.method;
	reply_error(&answer, status);
	if (exchange->stream.open) {
		answer.reply.begun = true;
		answer.reply.body = (struct slice){"", 0};
	}
	observer_ran(&answer, now, now, true);
	send_reply(exchange, &answer);
	request_unref(&exchange->req);
}

static void on_input_failed(void *owner, struct fcgi_request *fcgi, enum fcgi_input input)
{
	struct conn *conn = owner;
	struct exchange *exchange = exchange_of(fcgi);

	if (exchange->started) /* or start() answers */
		answer_instead(exchange, refusal(conn->engine, input));
}

static void on_stdin_begins(void *owner, struct fcgi_request *fcgi)
{
	(void)owner;
	if (!exchange_of(fcgi)->prepared)
		prepare(exchange_of(fcgi), uv_hrtime());
}

static bool stream_is_late(const struct exchange *exchange, uint64_t now)
{
	const struct stream *stream = &exchange->stream;

	return stream->given_up ||
	       (!stream_is_taken(exchange) &&
		now - stream->since >= (uint64_t)exchange->conn->engine->options->send_timeout);
}

bool exchange_end_late(struct conn *conn, uint64_t held, uint64_t now)
{
	bool ended = false;
	struct exchange *next;

	for (struct exchange *exchange = conn->streams; exchange; exchange = next) {
		struct stream *stream = &exchange->stream;

		next = stream->next;
		stream->since = stream->since + held < now ? stream->since + held : now;
		if (!stream_is_late(exchange, now))
			continue;
		log_event(LOG_LEVEL_WARNING, "stream-unread", "request",
			  log_number((long long)exchange->req.serial), NULL);
		answer_instead(exchange, 200); /* as its head says */
		ended = true;
	}
	return ended;
}

static void on_gone(void *owner, struct fcgi_request *fcgi)
{
	struct conn *conn = owner;
	struct exchange *exchange = exchange_of(fcgi);
	uint64_t now = uv_hrtime();

	if (exchange->stream.open)
		stream_end(exchange);
	exchange->wanted = false;
	count_in_flight(conn->engine, -1);
	if (!exchange->req.times.received)
		exchange->req.times.received = now;
	observer_gone(&exchange->req, now);
	coroutine_cancel(&exchange->req.co);
	body_drop(&exchange->req);
	request_unref(&exchange->req);
}

const struct fcgi_events exchange_events = {
	.begin = on_begin,
	.ready = on_ready,
	.stdin_begins = on_stdin_begins,
	.stdin_came = upload_came,
	.input_failed = on_input_failed,
	.gone = on_gone,
};

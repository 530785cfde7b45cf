#include "engine/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/conn.h"
#include "engine/observer.h"
#include "engine/stream.h"
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
	buffer_free(&engine->spare_out);
}

static void count_in_flight(struct engine *engine, int change)
{
	engine->in_flight += (size_t)change;
	if (engine->in_flight > engine->most_in_flight)
		engine->most_in_flight = engine->in_flight;
	board_set(&engine->board->in_flight, engine->in_flight);
}

void exchange_send(struct exchange *exchange, const struct request *req, struct slice content)
{
	struct fcgi_responder *fcgi = &exchange->conn->fcgi;
	struct buffer *spare = &exchange->conn->engine->spare_out;
	size_t record;

	if (!fcgi->out.data && !fcgi->out.failed && spare->data) {
		fcgi->out = *spare;
		*spare = (struct buffer){0};
	}
	record = fcgi_responder_stdout_begin(fcgi);
	if (!req->reply.begun)
		reply_head(req, exchange->conn->engine->worker, &fcgi->out);
	buffer_append(&fcgi->out, content.data, content.len);
	fcgi_responder_stdout_end(fcgi, &exchange->fcgi, record);
}

/* ---- the answer ---- */

void exchange_reply(struct exchange *exchange, const struct request *req)
{
	struct conn *conn = exchange->conn;
	struct engine *engine = conn->engine;

	exchange_send(exchange, req, reply_body(req));
	fcgi_responder_end(&conn->fcgi, &exchange->fcgi, 0);
	if (exchange->stream)
		stream_end(exchange);
	count_in_flight(engine, -1);
	conn->quiet_since = uv_now(&engine->loop);
	conn_mark_dirty(conn);
}

/* What a client has of it must not look whole. FastCGI has no word for that but the end of the
 * connection, which it does not get where others are on it. */
static bool is_cut_off(struct exchange *exchange)
{
	if (fcgi_responder_active(&exchange->conn->fcgi) > 1)
		return false;
	exchange->stream->over = true;
	conn_close(exchange->conn);
	return true;
}

static void exchange_finished(struct request *req)
{
	struct exchange *exchange = container_of(req, struct exchange, req);

	if (exchange->stream && req->reply.broken && is_cut_off(exchange))
		return;
	if (exchange->stream && stream_waiting(exchange->stream)) {
		exchange->stream->over = true;
		return;
	}
	exchange_reply(exchange, req);
	request_unref(req);
}

/* Those that work after their answer are a list, for the drain to wait for. */
static void exchange_stays(struct request *req, bool stays)
{
	struct exchange *exchange = container_of(req, struct exchange, req);
	struct engine *engine = exchange->conn->engine;

	if (stays) {
		exchange->next = engine->later;
		exchange->prev = NULL;
		if (engine->later)
			engine->later->prev = exchange;
		engine->later = exchange;
		return;
	}
	if (exchange->prev)
		exchange->prev->next = exchange->next;
	else
		engine->later = exchange->next;
	if (exchange->next)
		exchange->next->prev = exchange->prev;
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

static void exchange_instead(struct request *req, int status);

static const struct request_ops exchange_ops = {
	.param = exchange_param,
	.ran = observer_ran,
	.finished = exchange_finished,
	.stream = stream_open,
	.stream_write = stream_add,
	.stream_room = stream_has_room,
	.stream_wanted = stream_is_wanted,
	.body_wanted = upload_wanted,
	.stays = exchange_stays,
	.instead = exchange_instead,
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
	exchange->prepared = exchange->started = false;
	exchange->stream = NULL;
	conn_ref(conn);
	exchange->req.serial = ++engine->serial;
	exchange->req.co.peer = conn->fd;
	count_in_flight(engine, 1);
	return &exchange->fcgi;
}

/* Reads the params. If they fit into the arena they are at its front, and the handler's memory
 * comes behind them. False if they are malformed. A function of its own, so that the compiler
 * inlines fcgi_params_next() here: that saves a tenth of the instructions of a request. */
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
	return req->reply.status ? request_is_answered(req) : request_resume(req, now);
}

uint64_t exchange_start(struct engine *engine, uint64_t now)
{
	struct exchange *exchange = engine->arrived;

	engine->arrived = exchange->next;
	if (!exchange->req.co.cancelled) /* its client has not gone */
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
	if (exchange->stream) {
		answer.reply.begun = true;
		answer.reply.body = (struct slice){"", 0};
	}
	observer_answered_instead(&exchange->req, answer.reply.status, now);
	exchange_reply(exchange, &answer);
	request_unref(&exchange->req);
}

static void exchange_instead(struct request *req, int status)
{
	answer_instead(container_of(req, struct exchange, req), status);
}

static void on_input_failed(void *owner, struct fcgi_request *fcgi, enum fcgi_input input)
{
	struct conn *conn = owner;
	struct exchange *exchange = exchange_of(fcgi);

	if (exchange->stream && exchange->stream->over)
		return;
	if (exchange->started) /* or start() answers */
		answer_instead(exchange, refusal(conn->engine, input));
}

static void on_stdin_begins(void *owner, struct fcgi_request *fcgi)
{
	(void)owner;
	if (!exchange_of(fcgi)->prepared)
		prepare(exchange_of(fcgi), uv_hrtime());
}

bool exchange_end_late(struct conn *conn, uint64_t held, uint64_t now)
{
	uint64_t patience = (uint64_t)conn->engine->options->send_timeout;
	bool ended = false;
	struct exchange *next;

	for (struct exchange *exchange = conn->streams; exchange; exchange = next) {
		struct stream *stream = exchange->stream;

		next = stream->next;
		stream->since = stream->since + held < now ? stream->since + held : now;
		if (now - stream->since < patience)
			continue;
		log_subject = &exchange->req;
		log_event(LOG_LEVEL_WARNING, "stream-unread", NULL);
		log_subject = NULL;
		stream_drop(exchange);
		if (fcgi_responder_active(&conn->fcgi) == 1) {
			conn_close(conn);
			return true;
		}
		if (stream->over)
			stream_over(exchange);
		else
			answer_instead(exchange, 200); /* as its head says */
		ended = true;
	}
	return ended;
}

/* Of a stream that its handler has ended only what was not sent is gone. */
static void on_gone(void *owner, struct fcgi_request *fcgi)
{
	struct conn *conn = owner;
	struct exchange *exchange = exchange_of(fcgi);
	bool over = exchange->stream && exchange->stream->over;

	if (exchange->stream)
		stream_end(exchange);
	count_in_flight(conn->engine, -1);
	if (!over) {
		uint64_t now = uv_hrtime();

		if (!exchange->req.times.received)
			exchange->req.times.received = now;
		observer_gone(&exchange->req, now);
		coroutine_cancel(&exchange->req.co);
		body_drop(&exchange->req);
	}
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

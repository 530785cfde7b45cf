#include "engine/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/flow.h"
#include "engine/observer.h"
#include "engine/stream.h"
#include "engine/upload.h"
#include "http/reply.h"

/* Blocks of finished requests that are kept for the next ones: malloc takes its slow path for a
 * block of this size. */
enum { SPARES_MAX = 256, ROOM_TO_REFUSE = 8 };

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
	flow_free_spares(engine);
}

static void count_in_flight(struct engine *engine, int change)
{
	engine->in_flight += (size_t)change;
	if (engine->in_flight > engine->most_in_flight)
		engine->most_in_flight = engine->in_flight;
	board_set(&engine->board->in_flight, engine->in_flight);
}

/* ---- the answer ---- */

static size_t begin_record(struct exchange *exchange)
{
	conn_must_flow(exchange->conn);
	return fcgi_responder_stdout_begin(&exchange->conn->fcgi);
}

void exchange_send_head(struct exchange *exchange)
{
	struct fcgi_responder *fcgi = &exchange->conn->fcgi;
	size_t record = begin_record(exchange);

	reply_head(&exchange->req, exchange->conn->engine->worker, &fcgi->flow->out);
	fcgi_responder_stdout_end(fcgi, &exchange->fcgi, record);
}

void exchange_reply(struct exchange *exchange, struct request *req)
{
	struct conn *conn = exchange->conn;
	struct engine *engine = conn->engine;
	size_t record = begin_record(exchange);

	count_in_flight(engine, -1);
	conn->quiet_since = uv_now(&engine->loop);
	conn_mark_dirty(conn);
	reply_write(req, engine->worker, &conn->fcgi.flow->out);
	fcgi_responder_finish(&conn->fcgi, &exchange->fcgi, record, 0);
	if (exchange->stream)
		stream_end(exchange);
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
	if (request_drop(req))
		exchange_release(req);
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

static void exchange_instead(struct request *req, int status)
{
	exchange_answer_instead(container_of(req, struct exchange, req), status);
}

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

struct fcgi_request *exchange_begin(struct fcgi_responder *r)
{
	struct conn *conn = conn_of(r);
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
	exchange->stream = NULL;
	if (fcgi_responder_active(&conn->fcgi))
		conn->shared = true;
	conn_ref(conn);
	exchange->req.serial = ++engine->serial;
	exchange->req.co.peer = conn->fd;
	count_in_flight(engine, 1);
	return &exchange->fcgi;
}

/* Once started, the handler may be running on a thread, which then owns the request's reply: answer
 * with a request of our own. What has a head cannot become something else, and only ends. */
void exchange_answer_instead(struct exchange *exchange, int status)
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

bool exchange_end_late(struct conn *conn, uint64_t held, uint64_t now)
{
	uint64_t patience = (uint64_t)conn->engine->options->send_timeout;
	bool ended = false;
	struct exchange *next;

	for (struct exchange *exchange = conn_flow(conn)->streams; exchange; exchange = next) {
		struct stream *stream = exchange->stream;

		next = stream->next;
		stream->since = stream->since + held < now ? stream->since + held : now;
		if (now - stream->since < patience)
			continue;
		log_subject = &exchange->req;
		log_event(LOG_LEVEL_WARNING, "stream-unread", NULL);
		log_subject = NULL;
		stream_drop(exchange);
		if (!conn->shared) {
			conn_close(conn);
			return true;
		}
		if (stream->over)
			stream_over(exchange);
		else
			exchange_answer_instead(exchange, 200); /* as its head says */
		ended = true;
	}
	return ended;
}

/* Of a stream that its handler has ended only what was not sent is gone. One that has arrived and
 * was not started is freed by who would start it. */
void exchange_gone(struct fcgi_responder *r, struct fcgi_request *fcgi)
{
	struct conn *conn = conn_of(r);
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
	if (exchange->req.started || !fcgi->handed_over)
		request_unref(&exchange->req);
}

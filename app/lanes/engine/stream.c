#include "engine/stream.h"

#include <errno.h>

#include "engine/flow.h"
#include "http/reply.h"

/* Bytes: streams add to what waits on a connection until it is so much, or --output-limit, and each
 * so many in turn. */
enum { POUR_UP_TO = 65536, POUR_AT_ONCE = 16384 };

/* Last in turn. */
static void stream_enlist(struct exchange *exchange)
{
	struct flow *flow = conn_flow(exchange->conn);

	exchange->stream->next = NULL;
	exchange->stream->prev = flow->streams ? flow->streams_last : NULL;
	if (flow->streams)
		flow->streams_last->stream->next = exchange;
	else
		flow->streams = exchange;
	flow->streams_last = exchange;
}

static void stream_delist(struct exchange *exchange)
{
	struct flow *flow = conn_flow(exchange->conn);
	struct stream *stream = exchange->stream;

	if (stream->prev)
		stream->prev->stream->next = stream->next;
	else
		flow->streams = stream->next;
	if (stream->next)
		stream->next->stream->prev = stream->prev;
	else
		flow->streams_last = stream->prev;
}

static bool stream_is_over_limit(const struct exchange *exchange)
{
	return stream_waiting(exchange->stream) >
	       (size_t)exchange->conn->engine->options->stream_limit;
}

static void stream_charge(struct exchange *exchange)
{
	struct budget *budget = &exchange->conn->budget;
	struct stream *stream = exchange->stream;

	budget_give(budget, stream->charged);
	stream->charged = stream->bytes.size;
	budget_charge(budget, stream->charged);
}

void stream_drop(struct exchange *exchange)
{
	struct stream *stream = exchange->stream;

	if (stream_waiting(stream))
		stream_delist(exchange);
	buffer_free(&stream->bytes);
	stream->poured = 0;
	stream_charge(exchange);
}

void stream_end(struct exchange *exchange)
{
	stream_drop(exchange);
	exchange->stream = NULL;
	exchange->conn->engine->stream_count--;
}

bool stream_open(struct request *req)
{
	struct exchange *exchange = container_of(req, struct exchange, req);
	struct conn *conn = exchange->conn;
	struct engine *engine = conn->engine;
	struct stream *stream = NULL;

	if (engine->stream_count < (size_t)engine->options->max_streams &&
	    !budget_is_spent(&conn->budget))
		stream = request_alloc(req, sizeof(*stream));
	if (!stream) {
		reply_instead(req, 503);
		return false;
	}
	exchange->stream = stream;
	engine->stream_count++;
	exchange_send_head(exchange);
	conn_mark_dirty(conn);
	return true;
}

static void cancel_wait(struct task *task)
{
	(void)task;
}

void stream_add(struct request *req, struct coroutine *writer, struct slice bytes)
{
	struct exchange *exchange = container_of(req, struct exchange, req);
	struct stream *stream = exchange->stream;
	bool waited = stream_waiting(stream);

	if (stream->task.co) { /* another waits for room */
		coroutine_fail(writer, -EBUSY);
		coroutine_gather(writer);
		return;
	}
	if (conn_flows(exchange->conn))
		buffer_append(&stream->bytes, bytes.data, bytes.len);
	else
		stream->bytes.failed = true;
	if (stream->bytes.failed) {
		stream->bytes.failed = false;
		coroutine_fail(writer, -ENOMEM);
	}
	if (!waited && stream_waiting(stream)) {
		stream->since = uv_now(&exchange->conn->engine->loop);
		stream_enlist(exchange);
	}
	stream_charge(exchange);
	conn_mark_dirty(exchange->conn);
	if (stream_is_over_limit(exchange))
		task_begin(writer, &stream->task, cancel_wait, NULL);
	coroutine_gather(writer);
}

bool stream_has_room(const struct request *req)
{
	const struct exchange *exchange = container_of(req, struct exchange, req);

	return !stream_waiting(exchange->stream) && !budget_is_spent(&exchange->conn->budget);
}

bool stream_is_wanted(const struct request *req)
{
	const struct engine *engine = container_of(req, struct exchange, req)->conn->engine;

	return !engine->draining && !request_is_old(req, uv_hrtime(), engine->options->stream_age);
}

void stream_over(struct exchange *exchange)
{
	exchange_reply(exchange, &exchange->req);
	request_unref(&exchange->req);
}

/* Puts some of the first in turn onto the connection, which has room for so much. */
static void pour(struct exchange *exchange, size_t room)
{
	struct stream *stream = exchange->stream;
	size_t n = stream_waiting(stream);

	if (n > POUR_AT_ONCE)
		n = POUR_AT_ONCE;
	if (n > room)
		n = room;
	fcgi_responder_stdout(&exchange->conn->fcgi, &exchange->fcgi,
			      stream->bytes.data + stream->poured, n);
	stream_delist(exchange);
	buffer_has_read(&stream->bytes, &stream->poured, n);
	if (stream_waiting(stream))
		stream_enlist(exchange);
	else
		stream_charge(exchange);
	if (!stream_is_over_limit(exchange)) {
		stream->since = uv_now(&exchange->conn->engine->loop);
		if (stream->task.co)
			task_end(&stream->task, 0);
	}
	if (stream->over && !stream_waiting(stream))
		stream_over(exchange);
}

void streams_pour(struct conn *conn)
{
	size_t most = (size_t)conn->engine->options->output_limit;

	if (most > POUR_UP_TO)
		most = POUR_UP_TO;
	while (conn_flow(conn)->streams && conn_waiting(conn) < most &&
	       !conn->fcgi.flow->out.failed)
		pour(conn_flow(conn)->streams, most - conn_waiting(conn));
}

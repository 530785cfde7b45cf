#include "engine/arrival.h"

#include "engine/conn.h"
#include "engine/observer.h"
#include "engine/upload.h"
#include "http/reply.h"

/* Reads the params. If they fit into the arena they are at its front, and the handler's memory
 * comes behind them. False if they are malformed. A function of its own, so that the compiler
 * inlines fcgi_params_next() here, and a copy of where they are, which nothing else can change:
 * that saves a tenth of the instructions of a request. */
__attribute__((noinline)) static bool take_params(struct exchange *exchange)
{
	const struct fcgi_params params = exchange->fcgi.params;
	struct slice name;
	struct slice value;
	uint64_t busy = sched_busy(exchange->req.co.sched, exchange->req.times.received);
	size_t at = 0;

	if (!params.heap)
		exchange->req.arena_used = (uint16_t)params.len;
	while (fcgi_params_next(&params, &at, &name, &value))
		request_take_param(&exchange->req, name, value);
	request_params_done(&exchange->req, busy);
	return at == params.len;
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
 * it takes to another worker. It does not so with these, which may not be done twice. */
static int drain_status(const struct request *req)
{
	if (slice_is(req->method, "POST") || slice_is(req->method, "PATCH") ||
	    slice_is(req->method, "LOCK"))
		return 503;
	return slice_is(request_param(req, "LANES_DRAIN_STATUS"), "429") ? 429 : 503;
}

static bool is_prepared(const struct exchange *exchange)
{
	return exchange->req.times.received;
}

/* What is asked, and whether it is answered at once: then there is a reply. To be known before it
 * is started, or the first of its body is taken. */
static void prepare(struct exchange *exchange, uint64_t now)
{
	const struct engine *engine = exchange->conn->engine;
	struct request *req = &exchange->req;

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

/* ---- what the responder tells ---- */

static void arrived(struct engine *engine, struct exchange *exchange)
{
	exchange->next = NULL;
	if (engine->arrived)
		engine->arrived_last->next = exchange;
	else
		engine->arrived = exchange;
	engine->arrived_last = exchange;
}

/* Not started here: what else has been read already may say that nobody wants it any more. */
static void on_ready(struct fcgi_responder *r, struct fcgi_request *fcgi, enum fcgi_input input)
{
	struct conn *conn = conn_of(r);
	struct exchange *exchange = exchange_of(fcgi);
	int status = refusal(conn->engine, input);

	conn->quiet_since = uv_now(&conn->engine->loop);
	conn->spoken = true;
	if (status)
		reply_error(&exchange->req, status);
	arrived(conn->engine, exchange);
}

static void on_stdin_begins(struct fcgi_responder *r, struct fcgi_request *fcgi)
{
	(void)r;
	if (!is_prepared(exchange_of(fcgi)))
		prepare(exchange_of(fcgi), uv_hrtime());
}

static void on_input_failed(struct fcgi_responder *r, struct fcgi_request *fcgi,
			    enum fcgi_input input)
{
	struct conn *conn = conn_of(r);
	struct exchange *exchange = exchange_of(fcgi);

	if (exchange->stream && exchange->stream->over)
		return;
	if (exchange->req.started) /* or start() answers */
		exchange_answer_instead(exchange, refusal(conn->engine, input));
}

const struct fcgi_events arrival_events = {
	.begin = exchange_begin,
	.ready = on_ready,
	.stdin_begins = on_stdin_begins,
	.stdin_came = upload_came,
	.input_failed = on_input_failed,
	.gone = exchange_gone,
};

/* ---- start ---- */

static uint64_t start(struct exchange *exchange, uint64_t now)
{
	struct request *req = &exchange->req;

	if (!is_prepared(exchange))
		prepare(exchange, now);
	req->started = true;
	if (!req->reply.status && exchange->fcgi.failed)
		reply_error(req, refusal(exchange->conn->engine, FCGI_INPUT_STDIN_TOO_LARGE));
	observer_picked_up(req);
	return req->reply.status ? request_is_answered(req) : request_resume(req, now);
}

uint64_t arrival_start(struct engine *engine, uint64_t now)
{
	struct exchange *exchange = engine->arrived;

	engine->arrived = exchange->next;
	if (!exchange->req.co.cancelled)
		return start(exchange, now);
	request_unref(&exchange->req); /* its client has gone */
	return now;
}

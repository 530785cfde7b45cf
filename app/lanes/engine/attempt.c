#include "engine/attempt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "await/await.h"
#include "base/log.h"
#include "base/util.h"
#include "engine/observer.h"
#include "http/input.h"
#include "http/reply.h"

enum { ERROR_TEXT = 500, SECOND = 1000000000 };

/* ---- what it has come to ---- */

static bool has_result(const struct attempt *attempt)
{
	size_t most = (size_t)attempt->worker->engine->options->job_result;

	return attempt->turn.status / 100 == 2 && attempt->turn.req.reply.body.len <= most;
}

/* In a line of ASCII: the database takes no other than UTF-8, and who reads it has a terminal. */
static void describe(const struct attempt *attempt, char text[ERROR_TEXT])
{
	const struct reply *reply = &attempt->turn.req.reply;
	int status = attempt->turn.status;

	if (status / 100 == 2)
		snprintf(text, ERROR_TEXT, "its result has %zu bytes, more than --job-result",
			 reply->body.len);
	else if (!attempt->turn.instead)
		snprintf(text, ERROR_TEXT, "%d %s: %.*s", status, reply_reason(status),
			 reply->body.len < ERROR_TEXT ? (int)reply->body.len : ERROR_TEXT,
			 reply->body.data);
	else
		snprintf(text, ERROR_TEXT, "%d %s", status, reply_reason(status));
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

static void send_report(struct request *req, struct errand *errand)
{
	const struct attempt *attempt = errand->attempt;
	const struct reply *reply = &attempt->turn.req.reply;
	const struct pg_value who = pg_text(slice_of(attempt->worker->name));
	char error[ERROR_TEXT];

	if (has_result(attempt)) {
		pg_query(req, &errand->rows, "SELECT lanes_job_done($1, $2, $3::integer, $4, $5)",
			 who, pg_int(attempt->job.id), pg_int(attempt->job.attempt),
			 pg_text(slice_of(reply->type ? reply->type : "")), pg_bytes(reply->body));
		return;
	}
	describe(attempt, error);
	pg_query(req, &errand->rows, "SELECT lanes_job_failed($1, $2, $3::integer, $4, $5)", who,
		 pg_int(attempt->job.id), pg_int(attempt->job.attempt), pg_text(slice_of(error)),
		 pg_double(attempt->kind->backoff));
}

static void report(struct request *req)
{
	struct errand *errand = errand_of(req);

	ASYNC_BEGIN(req);
	for (;;) {
		TRY_AWAIT(req, errand->error, send_report(req, errand));
		if (!errand->error || !errand_may_try_again(errand, "report"))
			break;
		AWAIT(req, sleep_for(req, errand_pause(errand)));
	}
	ASYNC_END(req);
}

static void tell(const struct attempt *attempt, enum log_level level, const char *event)
{
	char error[ERROR_TEXT] = "";

	if (!has_result(attempt))
		describe(attempt, error);
	log_event(level, event, "job", log_number(attempt->job.id), "kind", attempt->job.kind,
		  "attempt", log_number(attempt->job.attempt), "error", error, NULL);
}

/* Counts what the database has made of it. */
static void account(const struct errand *errand)
{
	const struct attempt *attempt = errand->attempt;
	struct board_queue *board = &attempt->worker->engine->board->queue;
	bool done = has_result(attempt);
	struct slice state = pg_text_at(&errand->rows, 0, 0);

	if (errand->error) {
		log_event(LOG_LEVEL_ERROR, "job-unreported", "job", log_number(attempt->job.id),
			  "kind", attempt->job.kind, NULL);
	} else if (done ? pg_bool_at(&errand->rows, 0, 0) : state.len) {
		board_add(done ? &board->done : &board->failed, 1);
		if (!done && slice_is(state, "dead"))
			tell(attempt, LOG_LEVEL_ERROR, "job-dead");
		else if (!done)
			tell(attempt, LOG_LEVEL_WARNING, "job-failed");
	} else {
		board_add(&board->lost, 1);
		tell(attempt, LOG_LEVEL_WARNING, "job-lost");
	}
}

/* ---- its life ---- */

static void count(struct job_worker *worker, int change)
{
	worker->count += (size_t)change;
	worker->engine->in_flight = worker->count;
	board_set(&worker->engine->board->in_flight, worker->count);
}

static void forget(struct attempt *attempt)
{
	if (attempt->prev)
		attempt->prev->next = attempt->next;
	else
		attempt->worker->running = attempt->next;
	if (attempt->next)
		attempt->next->prev = attempt->prev;
	count(attempt->worker, -1);
}

static void on_reported(struct errand *errand)
{
	struct attempt *attempt = errand->attempt;

	account(errand);
	forget(attempt);
	turn_drop(&attempt->turn);
}

/* The place is free, and the job another's when its lease has run out. */
static void on_over(struct turn *turn)
{
	struct attempt *attempt = container_of(turn, struct attempt, turn);
	uint64_t took = uv_hrtime() - attempt->begun;
	struct board_queue *board = &attempt->worker->engine->board->queue;

	attempt->ended = true;
	board_observe(board->buckets, &board->nanoseconds, took);
	if (errand_begin(attempt->worker, report, on_reported, attempt))
		return;
	forget(attempt);
	turn_drop(turn);
}

static const struct job_kind *kind_of(const struct job_worker *worker, struct slice name,
				      uint16_t *number)
{
	const struct job_kinds *kinds = &worker->engine->application->jobs;

	for (*number = 0; *number < kinds->count; ++*number)
		if (slice_is(name, kinds->list[*number].kind))
			return &kinds->list[*number];
	return NULL;
}

/* False if memory is out. */
static bool take_over(struct attempt *attempt, const struct pg_rows *rows, int row, uint16_t number)
{
	struct request *req = &attempt->turn.req;
	struct slice payload = pg_text_at(rows, row, 3);
	double late = pg_double_at(rows, row, 4);
	struct request_rare *rare;
	char *copy;

	req->budget = &attempt->worker->engine->budget;
	rare = request_rare(req);
	copy = request_alloc(req, payload.len + 1);
	if (!rare || !copy)
		return false;
	memcpy(copy, payload.data, payload.len);
	attempt->job.id = pg_int_at(rows, row, 0);
	attempt->job.attempt = (int)pg_int_at(rows, row, 2);
	attempt->job.kind = attempt->kind->kind;
	attempt->job.payload = (struct slice){copy, payload.len};
	rare->job = &attempt->job;
	req->serial = ++attempt->worker->engine->serial;
	req->route_number = (uint16_t)(number + 1);
	req->route = &req->routes->list[number];
	req->times.received = attempt->begun;
	req->times.queue = late > 0 ? (uint64_t)(late * SECOND) : 0;
	req->times.queue_known = true;
	return true;
}

static void run(struct attempt *attempt)
{
	struct request *req = &attempt->turn.req;
	const struct input *input = req->route->input;

	attempt->turn.is_told = true;
	observer_picked_up(req);
	if (input && !input_read(req, input, attempt->job.payload))
		request_is_answered(req);
	else
		turn_begin(&attempt->turn, req->route);
}

void attempt_begin(struct job_worker *worker, const struct pg_rows *rows, int row)
{
	uint16_t number;
	const struct job_kind *kind = kind_of(worker, pg_text_at(rows, row, 1), &number);
	struct turn *turn = kind ? turn_new(sizeof(struct attempt), &worker->engine->sched,
					    &worker->engine->application->routes, on_over)
				 : NULL;
	struct attempt *attempt = container_of(turn, struct attempt, turn);

	if (!turn)
		return; /* its lease ends */
	attempt->worker = worker;
	attempt->kind = kind;
	attempt->begun = uv_hrtime();
	attempt->next = worker->running;
	if (worker->running)
		worker->running->prev = attempt;
	worker->running = attempt;
	count(worker, 1);
	if (take_over(attempt, rows, row, number)) {
		run(attempt);
		return;
	}
	forget(attempt);
	turn_drop(turn);
}

void attempt_drop(struct attempt *attempt)
{
	atomic_store_explicit(&attempt->job.lost, true, memory_order_relaxed);
	observer_gone(&attempt->turn.req, uv_hrtime());
	forget(attempt);
	turn_drop(&attempt->turn);
}

#include "engine/job_worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "await/await.h"
#include "base/log.h"
#include "base/util.h"
#include "engine/attempt.h"

enum {
	BEATS = 3, /* within a lease */
	PATIENCE_MS = 1000,
};

/* ---- return ---- */

static void give_back(struct request *req)
{
	struct errand *errand = errand_of(req);

	ASYNC_BEGIN(req);
	TRY_AWAIT(req, errand->error,
		  errand_ask_with(req, errand, "SELECT lanes_job_return($1, $2)", false));
	ASYNC_END(req);
}

/* Those of whom nobody knows any more are not worth staying for: their leases end. */
static void on_given_back(struct errand *errand)
{
	struct job_worker *worker = errand->worker;
	int64_t count = pg_int_at(&errand->rows, 0, 0);

	worker->returning = false;
	if (errand->error && !worker->engine->draining) {
		errand_failed(errand, "return");
		return;
	}
	worker->unsure = false;
	worker->awake = true;
	if (!errand->error && count)
		log_event(LOG_LEVEL_WARNING, "jobs-given-back", "jobs", log_number(count), NULL);
}

/* ---- take ---- */

static int64_t room(const struct job_worker *worker)
{
	return worker->engine->options->job_concurrency - (int64_t)worker->count;
}

static void take(struct request *req)
{
	struct errand *errand = errand_of(req);
	struct job_worker *worker = errand->worker;

	ASYNC_BEGIN(req);
	errand->asked = room(worker);
	TRY_AWAIT(req, errand->error,
		  pg_query(req, &errand->rows,
			   "SELECT * FROM lanes_job_take($1, $2, $3, $4, $5::integer)",
			   pg_text(slice_of(worker->name)), pg_text(buffer_slice(&worker->kinds)),
			   pg_text(buffer_slice(&worker->attempts)),
			   pg_text(buffer_slice(&worker->leases)), pg_int(errand->asked)));
	ASYNC_END(req);
}

/* Whether the statement was not begun, for sure. */
static bool was_refused(int error)
{
	return error == -ENOTCONN || error == -ENODEV || error == -EAGAIN || error == -EREMOTEIO ||
	       error == -ESTALE;
}

/* Where nobody knows whether it was done, there may be some in our name that we do not have; as
 * those are that came too late. */
static void on_taken(struct errand *errand)
{
	struct job_worker *worker = errand->worker;

	worker->taking = false;
	if (errand->error) {
		worker->unsure = worker->unsure || !was_refused(errand->error);
		errand_failed(errand, "take");
		return;
	}
	if (worker->engine->draining) {
		worker->unsure = worker->unsure || errand->rows.count;
		return;
	}
	worker->awake = worker->awake || errand->rows.count >= errand->asked;
	for (int row = 0; row < errand->rows.count; row++)
		attempt_begin(worker, &errand->rows, row);
}

/* One such errand at a time. */
void job_worker_look(struct job_worker *worker)
{
	bool draining = worker->engine->draining;

	if (worker->taking || worker->returning)
		return;
	if (worker->unsure ? !worker->awake && !draining
			   : !worker->awake || draining || room(worker) <= 0)
		return;
	worker->awake = false;
	if (worker->unsure) {
		worker->returning = true;
		worker->returning = errand_begin(worker, give_back, on_given_back, NULL);
	} else {
		worker->taking = true;
		worker->taking = errand_begin(worker, take, on_taken, NULL);
	}
}

static void wake(struct job_worker *worker)
{
	worker->awake = true;
	job_worker_look(worker);
}

/* ---- news ---- */

static void news(struct request *req)
{
	struct errand *errand = errand_of(req);

	ASYNC_BEGIN(req);
	for (;;) {
		TRY_AWAIT(req, errand->error, pg_wait_for_news(req, &errand->news, "lanes_jobs"));
		if (errand->error)
			AWAIT(req, sleep_for(req, errand_pause(errand)));
		else
			wake(errand->worker);
	}
	ASYNC_END(req);
}

/* ---- its life ---- */

static void on_poll_due(uv_timer_t *timer)
{
	wake(timer->data);
	upkeep_sweep(timer->data);
}

static void on_beat_due(uv_timer_t *timer)
{
	upkeep_beat(timer->data);
}

/* Arrays of SQL. The shortest lease says how often it has to be heard of. */
static double list_kinds(struct job_worker *worker, const struct job_kinds *kinds)
{
	double shortest = kinds->list[0].lease;
	double longest = shortest;

	for (size_t i = 0; i < kinds->count; i++) {
		const struct job_kind *kind = &kinds->list[i];
		char before = i ? ',' : '{';

		buffer_format(&worker->kinds, "%c%s", before, kind->kind);
		buffer_format(&worker->attempts, "%c%d", before, kind->attempts);
		buffer_format(&worker->leases, "%c%g", before, kind->lease);
		shortest = kind->lease < shortest ? kind->lease : shortest;
		longest = kind->lease > longest ? kind->lease : longest;
	}
	buffer_append_text(&worker->kinds, "}");
	buffer_append_text(&worker->attempts, "}");
	buffer_append_text(&worker->leases, "}");
	worker->longest_beat = (uint64_t)(longest / BEATS * 1000);
	return shortest / BEATS * 1000;
}

/* "jobs-1@host#4711.18c2…": its slot, its machine, its process, and when that began. */
static void name(struct job_worker *worker)
{
	char host[64] = "";
	struct timespec now;

	gethostname(host, sizeof(host) - 1);
	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(worker->name, sizeof(worker->name), "%.*s@%s#%d.%llx",
		 (int)worker->engine->worker.len, worker->engine->worker.data, host, (int)getpid(),
		 (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
}

int job_worker_open(struct engine *engine)
{
	struct job_worker *worker = calloc(1, sizeof(*worker));
	uint64_t poll = (uint64_t)engine->options->job_poll;
	uint64_t beats;

	engine->jobs = worker;
	if (!worker)
		return UV_ENOMEM;
	worker->engine = engine;
	name(worker);
	beats = (uint64_t)list_kinds(worker, &engine->application->jobs);
	if (worker->kinds.failed || worker->attempts.failed || worker->leases.failed)
		return UV_ENOMEM;
	uv_timer_init(&engine->loop, &worker->poll);
	uv_timer_init(&engine->loop, &worker->beat);
	uv_timer_init(&engine->loop, &worker->patience);
	worker->poll.data = worker->beat.data = worker->patience.data = worker;
	uv_timer_start(&worker->poll, on_poll_due, 0, poll);
	uv_timer_start(&worker->beat, on_beat_due, beats, beats ? beats : 1);
	return errand_begin(worker, news, NULL, NULL) ? 0 : UV_ENOMEM;
}

bool job_worker_is_idle(const struct engine *engine)
{
	const struct job_worker *worker = engine->jobs;

	return !worker->count && !worker->taking && !worker->returning && !worker->unsure;
}

void job_worker_drain(struct engine *engine)
{
	uv_timer_stop(&engine->jobs->poll);
	job_worker_look(engine->jobs);
}

static void on_out_of_patience(uv_timer_t *timer)
{
	struct job_worker *worker = timer->data;

	worker->then(worker->engine);
}

void job_worker_give_back(struct engine *engine, void (*then)(struct engine *engine))
{
	struct job_worker *worker = engine->jobs;
	struct attempt *next;

	worker->then = then;
	worker->given_up = worker->unsure = true;
	for (struct attempt *attempt = worker->running; attempt; attempt = next) {
		next = attempt->next;
		if (!attempt->ended)
			attempt_drop(attempt);
	}
	uv_timer_start(&worker->patience, on_out_of_patience, PATIENCE_MS, 0);
	job_worker_look(worker);
}

void job_worker_close(struct engine *engine)
{
	struct job_worker *worker = engine->jobs;
	struct errand *errand;
	struct attempt *attempt;

	if (!worker)
		return;
	while ((errand = worker->errands)) {
		worker->errands = errand->next;
		turn_drop(&errand->turn);
	}
	while ((attempt = worker->running)) {
		worker->running = attempt->next;
		turn_drop(&attempt->turn);
	}
	buffer_free(&worker->kinds);
	buffer_free(&worker->attempts);
	buffer_free(&worker->leases);
	buffer_free(&worker->strangers);
}

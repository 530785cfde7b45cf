/* Errands: what a job worker asks of the database. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "engine/attempt.h"
#include "engine/job_worker.h"

static void on_errand_over(struct turn *turn)
{
	struct errand *errand = container_of(turn, struct errand, turn);
	struct job_worker *worker = errand->worker;

	if (errand->prev)
		errand->prev->next = errand->next;
	else
		worker->errands = errand->next;
	if (errand->next)
		errand->next->prev = errand->prev;
	if (errand->over)
		errand->over(errand);
	turn_drop(turn);
	job_worker_look(worker);
	if (worker->given_up && job_worker_is_idle(worker->engine))
		worker->then(worker->engine);
}

bool errand_begin(struct job_worker *worker, void (*fn)(struct request *req),
		  void (*over)(struct errand *errand), struct attempt *attempt)
{
	struct turn *turn = turn_new(sizeof(struct errand), &worker->engine->sched,
				     &worker->engine->application->routes, on_errand_over);
	struct errand *errand = container_of(turn, struct errand, turn);

	if (!turn)
		return false;
	errand->worker = worker;
	errand->over = over;
	errand->attempt = attempt;
	errand->next = worker->errands;
	if (worker->errands)
		worker->errands->prev = errand;
	worker->errands = errand;
	turn->req.co.untold = true;
	turn_begin_with(turn, fn);
	return true;
}

/* What a database that is there says of a statement: it has no room (53), goes down or was asked to
 * end it (57), two were in each other's way (40), or it only reads (25). */
bool errand_may_try_again(const struct errand *errand, const char *what)
{
	static const char passing[][3] = {"53", "57", "40", "25"};
	const char *state = errand->rows.state;

	if (errand->error != -EREMOTEIO && errand->error != -ESTALE)
		return true;
	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
		if (!memcmp(state, passing[i], 2))
			return true;
	if (!memcmp(state, "42", 2))
		log_event(LOG_LEVEL_ERROR, "queue-missing", "instead", "lanes --migrate", "error",
			  pg_message(&errand->rows), NULL);
	else
		log_event(LOG_LEVEL_ERROR, "queue-failed", "at", what, "error",
			  pg_message(&errand->rows), NULL);
	return false;
}

/* A tenth of a second, doubled with each try, up to two; half as much more or less, as others try,
 * too. */
double errand_pause(const struct errand *errand)
{
	int doubled = errand->tries < 5 ? errand->tries : 5;
	double most = 0.1 * (1 << doubled);

	return (most < 2 ? most : 2) * (0.5 + (double)(uv_hrtime() / 1000 % 1000) / 1000);
}

/* When a database comes back all leases may have run out. Their workers are heard of before
 * anybody takes them for dead. */
void errand_failed(const struct errand *errand, const char *what)
{
	struct job_worker *worker = errand->worker;

	if (errand_may_try_again(errand, what))
		worker->sweep_after = uv_now(&worker->engine->loop) + worker->longest_beat;
}

/* Arrays of SQL: which of them run, and how often they were tried. */
static void append_running(const struct job_worker *worker, struct buffer *ids,
			   struct buffer *attempts)
{
	const char *before = "{";

	for (const struct attempt *a = worker->running; a; a = a->next) {
		buffer_format(ids, "%s%lld", before, (long long)a->job.id);
		buffer_format(attempts, "%s%d", before, a->job.attempt);
		before = ",";
	}
	buffer_append_text(ids, *before == '{' ? "{}" : "}");
	buffer_append_text(attempts, *before == '{' ? "{}" : "}");
}

void errand_ask_with(struct request *req, struct errand *errand, const char *sql, bool attempts_too)
{
	struct job_worker *worker = errand->worker;
	struct pg_value who = pg_text(slice_of(worker->name));
	struct buffer ids = {0};
	struct buffer attempts = {0};

	append_running(worker, &ids, &attempts);
	if (ids.failed || attempts.failed) {
		coroutine_fail(&req->co, -ENOMEM);
		gather(req);
	} else if (attempts_too) {
		pg_query(req, &errand->rows, sql, who, pg_text(buffer_slice(&ids)),
			 pg_text(buffer_slice(&attempts)));
	} else {
		pg_query(req, &errand->rows, sql, who, pg_text(buffer_slice(&ids)));
	}
	buffer_free(&ids);
	buffer_free(&attempts);
}

/* What keeps the queue going: heartbeats for what a worker has, and looking after what others had.
 */
#include "await/await.h"
#include "base/log.h"
#include "engine/attempt.h"

/* Of --job-poll: who sweeps now is not too early the next time. */
#define PERIOD 0.9

/* ---- beat ---- */

static void beat(struct request *req)
{
	struct errand *errand = errand_of(req);

	ASYNC_BEGIN(req);
	TRY_AWAIT(req, errand->error,
		  errand_ask_with(req, errand, "SELECT lanes_job_beat($1, $2, $3)", true));
	ASYNC_END(req);
}

/* One that is over hears of it when it is reported. */
static void lose(struct job_worker *worker, int64_t id)
{
	struct attempt *attempt = worker->running;

	while (attempt && (attempt->job.id != id || attempt->ended))
		attempt = attempt->next;
	if (!attempt)
		return;
	board_add(&worker->engine->board->queue.lost, 1);
	log_event(LOG_LEVEL_WARNING, "job-lost", "job", log_number(id), "kind", attempt->job.kind,
		  "attempt", log_number(attempt->job.attempt), NULL);
	attempt_drop(attempt);
}

static void on_beaten(struct errand *errand)
{
	errand->worker->beating = false;
	if (errand->error)
		errand_failed(errand, "heartbeat");
	else
		for (int row = 0; row < errand->rows.count; row++)
			lose(errand->worker, pg_int_at(&errand->rows, row, 0));
}

void upkeep_beat(struct job_worker *worker)
{
	if (worker->beating || !worker->running)
		return;
	worker->beating = true;
	worker->beating = errand_begin(worker, beat, on_beaten, NULL);
}

/* ---- kinds that nobody takes ---- */

enum { STRANGERS_MAX = 100, MD5 = 32 };

/* Those of another program have had a period to be taken by its workers. */
static const char strangers_sql[] =
	"SELECT DISTINCT left(kind, 60), md5(kind) FROM lanes_jobs WHERE state = 'waiting'"
	" AND run_at < clock_timestamp() - make_interval(secs => $3) AND kind <> ALL ($1::text[])"
	" AND md5(kind) <> ALL (string_to_array($2, ',')) LIMIT 10";

static void search(struct request *req)
{
	struct errand *errand = errand_of(req);
	struct job_worker *worker = errand->worker;

	ASYNC_BEGIN(req);
	TRY_AWAIT(req, errand->error,
		  pg_query(req, &errand->rows, strangers_sql, pg_text(buffer_slice(&worker->kinds)),
			   pg_text(buffer_slice(&worker->strangers)),
			   pg_double((double)worker->engine->options->job_poll / 1000)));
	ASYNC_END(req);
}

/* Of each once. */
static void on_found(struct errand *errand)
{
	struct buffer *known = &errand->worker->strangers;

	errand->worker->searching = false;
	for (int row = 0; !errand->error && row < errand->rows.count; row++) {
		struct slice hash = pg_text_at(&errand->rows, row, 1);

		buffer_append_text(known, known->len ? "," : "");
		buffer_append(known, hash.data, hash.len);
		log_event(LOG_LEVEL_WARNING, "job-kind-unknown", "kind",
			  pg_text_at(&errand->rows, row, 0).data, NULL);
	}
}

static void search_strangers(struct job_worker *worker)
{
	if (worker->searching || worker->strangers.failed ||
	    worker->strangers.len >= (size_t)STRANGERS_MAX * (MD5 + 1))
		return;
	worker->searching = true;
	worker->searching = errand_begin(worker, search, on_found, NULL);
}

/* ---- sweep ---- */

static void sweep(struct request *req)
{
	struct errand *errand = errand_of(req);
	const struct options *o = errand->worker->engine->options;

	ASYNC_BEGIN(req);
	TRY_AWAIT(req, errand->error,
		  pg_query(req, &errand->rows, "SELECT * FROM lanes_job_sweep($1, $2)",
			   pg_double((double)o->job_poll / 1000 * PERIOD),
			   pg_double((double)o->job_keep / 1000)));
	ASYNC_END(req);
}

/* Who did not look does not know: it shows none, and another those that there are. */
static void on_swept(struct errand *errand)
{
	struct board_queue *board = &errand->worker->engine->board->queue;

	errand->worker->sweeping = false;
	if (errand->error)
		errand_failed(errand, "sweep");
	board_set(&board->waiting, (uint64_t)pg_int_at(&errand->rows, 0, 2));
	board_set(&board->running, (uint64_t)pg_int_at(&errand->rows, 0, 3));
	board_set(&board->dead, (uint64_t)pg_int_at(&errand->rows, 0, 4));
	if (!errand->error && pg_int_at(&errand->rows, 0, 2))
		search_strangers(errand->worker);
}

void upkeep_sweep(struct job_worker *worker)
{
	if (worker->sweeping || uv_now(&worker->engine->loop) < worker->sweep_after)
		return;
	worker->sweeping = true;
	worker->sweeping = errand_begin(worker, sweep, on_swept, NULL);
}

#include "client/jobs.h"

#include <errno.h>
#include <string.h>
#include <uv.h>

#include "await/await.h"
#include "http/waiting.h"

/* ---- how many wait ---- */

/* A count that took a second is not repeated for ten; one is of no use after a second. */
enum { COUNT_SHARE = 10, STALE_NS = 1000000000 };

/* To count them takes milliseconds where there are many. So it is done when there may be too many,
 * or others may have enqueued some; and not all the time. */
static struct {
	int64_t limit;
	int64_t waiting; /* at most, but for what others have enqueued since */
	uint64_t next;	 /* uv_hrtime() when they may be counted again */
	uint64_t stale;	 /* … and when they have to be */
} depth = {.limit = INT64_MAX};

void jobs_limit_depth(int64_t limit)
{
	depth.limit = limit;
	depth.stale = depth.next = 0;
}

static bool may_be_full(uint64_t now)
{
	return depth.waiting >= depth.limit || now >= depth.stale;
}

static void note_count(int64_t waiting, uint64_t begun)
{
	uint64_t now = uv_hrtime();

	depth.waiting = waiting;
	depth.next = now + (now - begun) * COUNT_SHARE;
	depth.stale = depth.next + STALE_NS;
}

/* ---- enqueue ---- */

static const char enqueue_sql[] =
	"SELECT id, is_new, waiting FROM"
	" lanes_job_enqueue($1, $2::json, $3, $4::integer, $5, $6::integer, $7::bigint)";

static struct pg_value text_or_null(struct slice text)
{
	return text.data ? pg_text(text) : pg_null();
}

/* Beyond a depth of 0 there is only what a key has already. */
static void send_order(struct request *req, struct job_ticket *ticket)
{
	const struct job_order *order = &ticket->order;
	struct pg_value limit = !may_be_full(ticket->begun) ? pg_null()
				: ticket->counts	    ? pg_int(depth.limit)
							    : pg_int(0);

	pg_query(req, &ticket->rows, enqueue_sql, pg_text(slice_of(order->kind)),
		 pg_text(order->payload), text_or_null(order->key), pg_int(order->priority),
		 pg_double(order->delay), order->attempts ? pg_int(order->attempts) : pg_null(),
		 limit);
}

/* What it has come to: 0, or -EAGAIN if too many wait. */
static int take_answer(struct job_ticket *ticket)
{
	const struct pg_rows *rows = &ticket->rows;

	if (ticket->counts)
		note_count(pg_int_at(rows, 0, 2), ticket->begun);
	ticket->id = pg_int_at(rows, 0, 0);
	ticket->is_new = pg_bool_at(rows, 0, 1);
	depth.waiting += ticket->is_new;
	return ticket->id ? 0 : -EAGAIN;
}

static void enqueue(struct request *req, void *frame)
{
	struct job_ticket *ticket = frame;
	int err;

	ASYNC_BEGIN(req);
	ticket->begun = uv_hrtime();
	ticket->counts = may_be_full(ticket->begun) && ticket->begun >= depth.next;
	if (may_be_full(ticket->begun) && !ticket->counts && !ticket->order.key.data) {
		coroutine_fail(&req->co, -EAGAIN);
		return;
	}
	AWAIT(req, send_order(req, ticket));
	err = take_answer(ticket);
	if (err)
		coroutine_fail(&req->co, err);
	ASYNC_END(req);
}

void job_enqueue_order(struct request *req, struct job_ticket *ticket,
		       const struct job_order *order)
{
	ticket->order = *order;
	call(req, enqueue, ticket);
}

void gather_add_job_order(struct request *req, int *outcome, struct job_ticket *ticket,
			  const struct job_order *order)
{
	ticket->order = *order;
	gather_add_call(req, enqueue, ticket, outcome);
}

/* ---- what became of it ---- */

static const char read_sql[] = "SELECT state, attempts, result_type, result, error FROM lanes_jobs"
			       " WHERE id = $1 AND kind = $2";

static enum job_state state_of(struct slice text)
{
	static const char *const names[] = {[JOB_WAITING] = "waiting",
					    [JOB_RUNNING] = "running",
					    [JOB_DONE] = "done",
					    [JOB_DEAD] = "dead",
					    [JOB_CANCELLED] = "cancelled"};
	enum job_state state = JOB_CANCELLED;

	while (state != JOB_UNKNOWN && !slice_is(text, names[state]))
		state--;
	return state;
}

static void read_report(struct request *req, void *frame)
{
	struct job_report *report = frame;
	struct pg_rows *rows = &report->rows;

	ASYNC_BEGIN(req);
	AWAIT(req,
	      pg_query(req, rows, read_sql, pg_int(report->id), pg_text(slice_of(report->kind))));
	report->state = rows->count ? state_of(pg_text_at(rows, 0, 0)) : JOB_UNKNOWN;
	report->attempts = (int)pg_int_at(rows, 0, 1);
	report->result_type = pg_text_at(rows, 0, 2);
	report->result = pg_bytes_at(req, rows, 0, 3);
	report->error = pg_text_at(rows, 0, 4);
	if (!report->result.data && !pg_is_null(rows, 0, 3))
		coroutine_fail(&req->co, -ENOMEM);
	ASYNC_END(req);
}

void job_read(struct request *req, struct job_report *report, const char *kind, int64_t id)
{
	report->kind = kind;
	report->id = id;
	call(req, read_report, report);
}

void job_cancel(struct request *req, struct pg_rows *rows, int64_t id)
{
	pg_query(req, rows, "SELECT lanes_job_cancel($1)", pg_int(id));
}

/* ---- within one ---- */

const struct job_attempt *request_job(const struct request *req)
{
	const struct request_rare *rare = request_root(req)->rare;

	return rare ? rare->job : NULL;
}

bool job_is_lost(const struct request *req)
{
	const struct job_attempt *job = request_job(req);

	return job && atomic_load_explicit(&job->lost, memory_order_relaxed);
}

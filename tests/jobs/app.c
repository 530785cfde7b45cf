/* An application with jobs: what is enqueued by HTTP, done, and asked for. */
#include <lanes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- jobs ---- */

struct work {
	int64_t n;
	double seconds;
};

static const struct field work[] = {
	BODY(INT, struct work, n, .ge = LIMIT(0), .fallback = &(const int64_t){0}),
	BODY(NUMBER, struct work, seconds, .ge = LIMIT(0), .fallback = &(const double){0}),
};

static void nothing(struct request *req)
{
	(void)req;
}

/* Says in a table that it was run: what ran twice is there twice. */
static void note(struct request *req)
{
	const struct work *w = request_input(req);
	const struct job_attempt *job = request_job(req);
	struct pg_rows *rows = FRAME(req, struct pg_rows);
	struct buffer text = {0};

	ASYNC_BEGIN(req);
	log_event(LOG_LEVEL_INFO, "note-begun", NULL);
	AWAIT(req, sleep_for(req, w->seconds));
	AWAIT(req, pg_query(req, rows, "INSERT INTO notes (job, attempt) VALUES ($1, $2::integer)",
			    pg_int(job->id), pg_int(job->attempt)));
	buffer_format(&text, "{\"noted\":%lld}", (long long)w->n);
	reply_text(req, 200, "application/json", &text);
	ASYNC_END(req);
}

/* On a thread, as long as it is wanted. */
static void hold(struct request *req)
{
	const struct work *w = request_input(req);
	const struct timespec moment = {.tv_nsec = 5000000};
	double left = w->seconds;

	log_event(LOG_LEVEL_INFO, "hold-begun", NULL);
	for (; left > 0 && !job_is_lost(req); left -= 0.005)
		nanosleep(&moment, NULL);
	log_event(LOG_LEVEL_INFO, left > 0 ? "hold-lost" : "hold-over", NULL);
	reply_bytes(req, 200, "text/plain", slice_of("held"));
}

static void fail(struct request *req)
{
	reply_bytes(req, 500, "text/plain", slice_of("no \033ink"));
}

static void large(struct request *req)
{
	const struct work *w = request_input(req);
	char *bytes = request_alloc(req, (size_t)w->n + 1);

	if (bytes)
		reply_bytes(req, 200, "application/octet-stream",
			    (struct slice){bytes, (size_t)w->n});
	else
		reply_error(req, 503);
}

static const struct job_kind kinds[] = {
	JOB("nothing", ASYNC, nothing),
	JOB("note", ASYNC, note, .input = INPUT(work), .attempts = 100, .lease = 3, .backoff = 0.1),
	JOB("hold", SYNC, hold, .input = INPUT(work), .lease = 3, .backoff = 0.1),
	JOB("late", SYNC, hold, .input = INPUT(work), .deadline = 0.1, .attempts = 1),
	JOB("fail", ASYNC, fail, .attempts = 3, .backoff = 0.01),
	JOB("large", SYNC, large, .input = INPUT(work), .attempts = 1),
};

/* ---- requests ---- */

struct place {
	struct slice kind;
	int64_t id;
};

struct order {
	struct slice kind;
	struct slice key;
	int64_t priority;
	double delay;
	bool undone; /* in a transaction that is rolled back */
};

static const struct field order[] = {
	PATH(STRING, struct order, kind),
	QUERY(STRING, struct order, key, .optional = true),
	QUERY(INT, struct order, priority, .fallback = &(const int64_t){0}),
	QUERY(NUMBER, struct order, delay, .fallback = &(const double){0}),
	QUERY(BOOL, struct order, undone, .fallback = &(const bool){false}),
};

struct enqueuing {
	struct pg_tx tx;
	struct job_ticket job;
	const char *kind;
};

/* The kind as a string of C. */
static const char *text_of(struct request *req, struct slice text)
{
	char *copy = request_alloc(req, text.len + 1);

	return copy ? memcpy(copy, text.data, text.len) : "";
}

static void reply_id(struct request *req, const struct job_ticket *job)
{
	struct buffer text = {0};

	buffer_format(&text, "{\"id\":%lld,\"new\":%s}", (long long)job->id,
		      job->is_new ? "true" : "false");
	reply_text(req, 202, "application/json", &text);
}

static void enqueue(struct request *req)
{
	const struct order *o = request_input(req);
	struct enqueuing *f = FRAME(req, struct enqueuing);

	ASYNC_BEGIN(req);
	AWAIT(req, request_body(req));
	f->kind = text_of(req, o->kind);
	if (o->undone)
		AWAIT(req, pg_begin(req, &f->tx));
	AWAIT(req, job_enqueue(req, &f->job, f->kind, request_body_bytes(req), .key = o->key,
			       .priority = (int)o->priority, .delay = o->delay));
	if (o->undone)
		AWAIT(req, pg_rollback(req, &f->tx));
	reply_id(req, &f->job);
	ASYNC_END(req);
}

static const struct field place[] = {
	PATH(STRING, struct place, kind),
	PATH(INT, struct place, id),
};

static void look(struct request *req)
{
	static const char *const states[] = {"unknown", "waiting", "running",
					     "done",	"dead",	   "cancelled"};
	const struct place *p = request_input(req);
	struct job_report *report = FRAME(req, struct job_report);
	struct buffer text = {0};

	ASYNC_BEGIN(req);
	AWAIT(req, job_read(req, report, text_of(req, p->kind), p->id));
	if (report->state == JOB_DONE && report->result.len) {
		reply_bytes(req, 200, "application/octet-stream", report->result);
		return;
	}
	buffer_format(&text, "%s %d %.*s", states[report->state], report->attempts,
		      (int)report->error.len, report->error.data);
	reply_text(req, report->state == JOB_UNKNOWN ? 404 : 200, "text/plain", &text);
	ASYNC_END(req);
}

static void give_up(struct request *req)
{
	const struct place *p = request_input(req);
	struct pg_rows *rows = FRAME(req, struct pg_rows);

	ASYNC_BEGIN(req);
	AWAIT(req, job_cancel(req, rows, p->id));
	reply_error(req, pg_bool_at(rows, 0, 0) ? 200 : 409);
	ASYNC_END(req);
}

static const struct route list[] = {
	POST("/{kind}", ASYNC, enqueue, .input = INPUT(order)),
	GET("/{kind}/{id}", ASYNC, look, .input = INPUT(place)),
	DELETE("/{kind}/{id}", ASYNC, give_up, .input = INPUT(place)),
};

static const struct migration tables[] = {
	{1, "CREATE TABLE notes (job bigint, attempt integer, at timestamptz DEFAULT now());"},
	{0}};

int main(int argc, char **argv)
{
	return lanes_main(argc, argv,
			  &(const struct application){.routes = ROUTES(list),
						      .jobs = JOBS(kinds),
						      .migrations = {"notes", tables}});
}

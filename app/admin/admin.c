#include "admin/admin.h"

#include "admin/classroom.h"
#include "admin/control.h"
#include "admin/feed.h"
#include "admin/otlp.h"

static const char TEXT[] = "text/plain; charset=utf-8";

/* What both keep: a process has one. */
static struct admin *prepare(struct setup *setup)
{
	static struct admin kept;
	const struct options *options = setup->options;
	struct admin *state = &kept;

	kept = (struct admin){0};
	state->board = setup->board;
	state->ready_held = (double)options->ready_held / 1000;
	state->ready_pools = options->ready_pools;
	state->slow = (double)options->slow_callback / 1000;
	setup->needs->reads = "/proc"; /* how much memory each worker has */
	setup->state = state;
	return state;
}

static bool prepare_health(struct setup *setup)
{
	prepare(setup);
	return true;
}

static bool prepare_admin(struct setup *setup)
{
	const char *front = setup->options->front;
	struct admin *state = prepare(setup);

	state->feed = feed_open(setup->board);
	state->room = classroom_open();
	if (!state->feed || !state->room) {
		log_complaint("out of memory");
		return false;
	}
	if (setup->options->otlp && !(state->otlp = otlp_open(setup->board, setup->options->otlp)))
		return false;
	if (setup->options->control && !(state->control = control_open(setup->options->control)))
		return false;
	if (!front)
		return true;
	if (front_parse(&state->front, front)) {
		log_complaint("--front: '%.1000s' is not an address and a port", front);
		return false;
	}
	state->has_front = true;
	setup->needs->connects = front_port(&state->front);
	return true;
}

/* GET /healthz: who answers, lives. */
static void healthz(struct request *req)
{
	reply_bytes(req, 200, TEXT, slice_of("ok\n"));
}

/* A prefork process is there to be held. */
static bool serves(const struct worker_state *worker, double held)
{
	return !worker->draining && !worker->unready &&
	       (worker->held <= held || !strcmp(worker->engine, "prefork"));
}

/* Why it does not, as far as that is its database; NULL: it is not. */
static const char *lack_of(const struct worker_state *worker)
{
	const struct database_state *db = &worker->database;

	if (!db->limit || worker->draining)
		return NULL;
	if (db->health == BOARD_DATABASE_DOWN)
		return "the database does not answer";
	if (!db->up || db->tables == BOARD_TABLES_UNKNOWN)
		return "the database has not answered yet";
	return db->tables == BOARD_TABLES_MISSING
		       ? "tables are missing in the database: make migrate makes them"
		       : NULL;
}

/* If not, why may become a reason. */
static bool pool_serves(const struct workers *workers, struct slice pool, double held,
			const char **why)
{
	for (size_t i = 0; i < workers->count; i++) {
		const struct worker_state *worker = &workers->list[i];

		if (!slice_is(pool, worker->pool))
			continue;
		if (serves(worker, held))
			return true;
		*why = *why ? *why : lack_of(worker);
	}
	return false;
}

/* The next name of a list with commas between them; false after the last. */
static bool next_name(const char **list, struct slice *name)
{
	*list += strspn(*list, ",");
	*name = (struct slice){*list, strcspn(*list, ",")};
	*list += name->len;
	return name->len != 0;
}

/* GET /readyz: whether a request would find, in every pool, a worker that takes it. */
static void readyz(struct request *req)
{
	const struct admin *state = request_state(req);
	const char *pools = state->ready_pools;
	const char *why = NULL;
	struct buffer missing = {0};
	struct workers workers;
	struct slice pool;

	if (workers_read(state->board, &workers)) {
		reply_error(req, 503);
		return;
	}
	while (next_name(&pools, &pool)) {
		if (pool_serves(&workers, pool, state->ready_held, &why))
			continue;
		buffer_append_text(&missing, missing.len ? " " : "not ready: ");
		buffer_append(&missing, pool.data, pool.len);
	}
	workers_free(&workers);
	if (!missing.len && !missing.failed) {
		reply_bytes(req, 200, TEXT, slice_of("ready\n"));
		return;
	}
	if (why)
		buffer_format(&missing, " (%s)", why);
	buffer_append_text(&missing, "\n");
	reply_text(req, 503, TEXT, &missing);
	reply_header(req, "Retry-After", slice_of("1"));
}

static const struct field status_fields[] = {
	QUERY(STRING, struct status_form, text, .optional = true),
};

static const struct field trace_fields[] = {
	QUERY(NUMBER, struct trace_span, seconds, .ge = LIMIT(0), .le = LIMIT(60),
	      .fallback = &(const double){10}),
};

static void background(struct request *req)
{
	struct admin *state = request_state(req);

	ASYNC_BEGIN(req);
	gather_add_call(req, watchdog, state, NULL);
	if (state->otlp)
		gather_add_call(req, otlp_send, state->otlp, NULL);
	AWAIT(req, gather(req));
	ASYNC_END(req);
}

enum { PROBES = 2 }; /* the first of the list */

static const struct route list[] = {
	GET("/healthz", ASYNC, healthz),
	GET("/readyz", ASYNC, readyz),
	GET("/status", ASYNC, status, .input = INPUT(status_fields)),
	GET("/metrics", ASYNC, metrics),
	GET("/trace", ASYNC, chrome_trace, .input = INPUT(trace_fields)),
	GET("/events", ASYNC, events),
	GET("/burst", ASYNC, burst, .input = INPUT(burst_fields)),
	GET("/class", ASYNC, class_list),
	POST("/class", ASYNC, class_join, .input = INPUT(class_fields), .body_limit = 1024),
	POST("/control", ASYNC, control, .input = INPUT(control_fields), .body_limit = 1024),
};

const struct application admin = {
	.routes = ROUTES(list, .undocumented = true),
	.prepare = prepare_admin,
	.background = background,
};
const struct application health = {.routes = {.list = list, .count = PROBES, .undocumented = true},
				   .prepare = prepare_health};

bool admin_serves(struct slice path)
{
	for (size_t i = 0; i < admin.routes.count; i++) {
		struct slice ours = slice_of(list[i].path);

		if (path.len >= ours.len && !memcmp(path.data, ours.data, ours.len) &&
		    (path.len == ours.len || path.data[ours.len] == '/'))
			return true;
	}
	return false;
}

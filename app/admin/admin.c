#include "admin/admin.h"

#include <string.h>

#include "admin/top.h"
#include "admin/watchdog.h"
#include "base/log.h"
#include "http/reply.h"
#include "scoreboard/board_reader.h"

static const char TEXT[] = "text/plain; charset=utf-8";

static struct {
	const struct scoreboard *board;
	double ready_held; /* seconds */
	const char *ready_pools;
	uint64_t slow; /* nanoseconds */
	bool has_front;
	struct front front;
} using;

bool admin_prepare(const struct options *options, const struct scoreboard *board,
		   struct sandbox *needs)
{
	using.board = board;
	using.ready_held = (double)options->ready_held / 1000;
	using.ready_pools = options->ready_pools;
	using.slow = (uint64_t)options->slow_callback * 1000000;
	using.has_front = options->front && options->routes == ROUTES_ADMIN;
	needs->reads = "/proc"; /* how much memory each worker has */
	if (!using.has_front)
		return true;
	if (front_parse(&using.front, options->front) == 0) {
		needs->connects = front_port(&using.front);
		return true;
	}
	log_complaint("--front: '%.1000s' is not an address and a port", options->front);
	return false;
}

void admin_opened(struct sched *sched)
{
	watchdog_start(&sched->timers, using.board, using.slow);
}

const struct scoreboard *admin_board(void)
{
	return using.board;
}

const struct front *admin_front(void)
{
	return using.has_front ? &using.front : NULL;
}

double admin_slow(void)
{
	return (double)using.slow / 1e9;
}

/* GET /healthz: who answers, lives. */
static void healthz(struct request *req)
{
	reply_bytes(req, 200, TEXT, slice_of("ok\n"));
}

/* A prefork process is there to be held. */
static bool serves(const struct worker_state *worker)
{
	return !worker->draining && !worker->unready &&
	       (worker->held <= using.ready_held || strcmp(worker->engine, "loop") != 0);
}

static bool pool_serves(const struct workers *workers, struct slice pool)
{
	for (size_t i = 0; i < workers->count; i++)
		if (slice_is(pool, workers->list[i].pool) && serves(&workers->list[i]))
			return true;
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
	const char *pools = using.ready_pools;
	struct buffer missing = {0};
	struct workers workers;
	struct slice pool;

	if (workers_read(using.board, &workers)) {
		reply_error(req, 503);
		return;
	}
	while (next_name(&pools, &pool)) {
		if (pool_serves(&workers, pool))
			continue;
		buffer_append_text(&missing, missing.len ? " " : "not ready: ");
		buffer_append(&missing, pool.data, pool.len);
	}
	workers_free(&workers);
	if (!missing.len && !missing.failed) {
		reply_bytes(req, 200, TEXT, slice_of("ready\n"));
		return;
	}
	buffer_append_text(&missing, "\n");
	reply_text(req, 503, TEXT, &missing);
	reply_header(req, "Retry-After", slice_of("1"));
}

static const struct field trace_fields[] = {
	QUERY(NUMBER, struct trace_span, seconds, .ge = LIMIT(0), .le = LIMIT(60),
	      .fallback = &(const double){10}),
};

enum { PROBES = 2 }; /* the first of the list */

static const struct route list[] = {
	GET("/healthz", ASYNC, healthz),
	GET("/readyz", ASYNC, readyz),
	GET("/status", ASYNC, status),
	GET("/metrics", ASYNC, metrics),
	GET("/trace", ASYNC, chrome_trace, .input = INPUT(trace_fields)),
	GET("/events", ASYNC, events),
	GET("/burst", ASYNC, burst, .input = INPUT(burst_fields)),
};

const struct application admin = {
	.routes = ROUTES(list), .prepare = admin_prepare, .opened = admin_opened, .show = top_run};
const struct application health = {.routes = {.list = list, .count = PROBES},
				   .prepare = admin_prepare};

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

#include "admin/admin.h"

#include <string.h>

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
} admin;

bool admin_use(const struct scoreboard *board, const struct options *options)
{
	admin.board = board;
	admin.ready_held = (double)options->ready_held / 1000;
	admin.ready_pools = options->ready_pools;
	admin.slow = (uint64_t)options->slow_callback * 1000000;
	admin.has_front = options->front && options->routes == ROUTES_ADMIN;
	if (!admin.has_front || front_parse(&admin.front, options->front) == 0)
		return true;
	log_complaint("--front: '%.1000s' is not an address and a port", options->front);
	return false;
}

void admin_opened(struct sched *sched)
{
	watchdog_start(&sched->timers, admin.board, admin.slow);
}

const struct scoreboard *admin_board(void)
{
	return admin.board;
}

const struct front *admin_front(void)
{
	return admin.has_front ? &admin.front : NULL;
}

double admin_slow(void)
{
	return (double)admin.slow / 1e9;
}

/* GET /healthz: who answers, lives. */
static void healthz(struct request *req)
{
	reply_bytes(req, 200, TEXT, slice_of("ok\n"));
}

/* A prefork process is there to be held. */
static bool serves(const struct worker_state *worker)
{
	return !worker->draining &&
	       (worker->held <= admin.ready_held || strcmp(worker->engine, "loop") != 0);
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
	const char *pools = admin.ready_pools;
	struct buffer missing = {0};
	struct workers workers;
	struct slice pool;

	if (workers_read(admin.board, &workers)) {
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
	ASYNC("/healthz", healthz),
	ASYNC("/readyz", readyz),
	ASYNC("/status", status),
	ASYNC("/metrics", metrics),
	ASYNC("/trace", chrome_trace, .input = INPUT(trace_fields)),
	ASYNC("/events", events),
	ASYNC("/burst", burst, .input = INPUT(burst_fields)),
};

const struct routes admin_routes = {list, sizeof(list) / sizeof(list[0])};
const struct routes health_routes = {list, PROBES};

bool admin_serves(struct slice path)
{
	for (size_t i = 0; i < admin_routes.count; i++) {
		const struct route *route = &list[i];

		if (path.len >= route->path_len &&
		    !memcmp(path.data, route->path, route->path_len) &&
		    (path.len == route->path_len || path.data[route->path_len] == '/'))
			return true;
	}
	return false;
}

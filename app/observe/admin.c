#include "admin.h"

#include <string.h>

#include "../http/reply.h"
#include "board_reader.h"
#include "watchdog.h"

static struct {
	const struct scoreboard *board;
	double ready_held; /* seconds */
	uint64_t slow;	   /* nanoseconds */
} admin;

void admin_use(const struct scoreboard *board, const struct options *options)
{
	admin.board = board;
	admin.ready_held = (double)options->ready_held / 1000;
	admin.slow = (uint64_t)options->slow_callback * 1000000;
}

void admin_opened(struct sched *sched)
{
	watchdog_start(&sched->timers, admin.board, admin.slow);
}

const struct scoreboard *admin_board(void)
{
	return admin.board;
}

/* GET /healthz: who answers, lives. */
static void healthz(struct request *req)
{
	reply_bytes(req, 200, "text/plain; charset=utf-8", slice_of("ok\n"));
}

static bool serves(const struct worker_state *worker)
{
	return !strcmp(worker->slot->pool, "loop") && !worker->draining &&
	       worker->held <= admin.ready_held;
}

/* GET /readyz: whether a request would find a loop worker that takes it. */
static void readyz(struct request *req)
{
	struct workers workers;
	bool ready = false;

	workers_read(admin.board, &workers);
	for (size_t i = 0; i < workers.count; i++)
		ready = ready || serves(&workers.list[i]);
	workers_free(&workers);
	if (ready)
		reply_bytes(req, 200, "text/plain; charset=utf-8", slice_of("ready\n"));
	else
		reply_error(req, 503);
}

enum { PROBES = 2 }; /* the first of the list */

static const struct route list[] = {
	ASYNC("/healthz", healthz), ASYNC("/readyz", readyz),	   ASYNC("/status", status),
	ASYNC("/metrics", metrics), ASYNC("/trace", chrome_trace), ASYNC("/events", events),
};

const struct routes admin_routes = {list, sizeof(list) / sizeof(list[0])};
const struct routes health_routes = {list, PROBES};

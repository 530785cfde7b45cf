/*
 * One worker's loop: opening, draining, closing. A request lives in accept.c (its connection
 * comes), conn.c (its bytes), arrival.c and exchange.c (the request itself), and in conn.c again
 * (its answer's bytes): the FastCGI responder turns bytes into events and answers into bytes, libuv
 * moves the bytes.
 */
#include "engine/loop.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/log.h"
#include "engine/accept.h"
#include "engine/arrival.h"
#include "engine/conn.h"
#include "engine/database.h"
#include "engine/doctor.h"
#include "engine/engine.h"
#include "engine/exchange.h"
#include "engine/job_worker.h"
#include "engine/parent.h"
#include "engine/tables.h"
#include "http/mount.h"

enum {
	CPU_THREAD_NICE = 19,
	RUSH = 1 << 20,	      /* bytes that were needed at once, and are worth giving back */
	REQUEST_BYTES = 1008, /* a request's block, more or less */
	LAST_MS = 1000,	      /* for what came when the time to drain was over */
	EXIT_FORCED = 3,
};

/* ---- drain ---- */

/* libuv polls once more: who comes then is left to others. */
static void stop(struct engine *engine, int status)
{
	if (!engine->stopped)
		engine->status = status;
	engine->stopped = true;
	accept_stop(engine);
	uv_stop(&engine->loop);
}

static bool has_requests(const struct engine *engine)
{
	return engine->in_flight || engine->later;
}

/* While the peers are left to end their connections, each of these may bring another request. */
static bool is_drained(const struct engine *engine)
{
	bool listens = engine->listener && engine->listener->fd >= 0;

	if (has_requests(engine) || (engine->jobs && !job_worker_is_idle(engine)))
		return false;
	if (!engine->parting)
		return !engine->conns && !listens;
	if (listens && engine->leaving)
		return false;
	for (struct conn *conn = engine->conns; conn; conn = conn->next)
		if (conn_waiting(conn) || (!conn->lingering && conn_has_input(conn)))
			return false;
	return true;
}

__attribute__((noinline)) static void drain_if_idle(struct engine *engine)
{
	if (engine->stopped || !is_drained(engine))
		return;
	log_event(LOG_LEVEL_INFO, "drained", NULL);
	stop(engine, 0);
}

static void drain_by_force(struct engine *engine, const char *why)
{
	log_event(LOG_LEVEL_WARNING, "ended-by-force", "why", why, "in_flight",
		  log_number((long long)engine->in_flight), NULL);
	stop(engine, EXIT_FORCED);
}

static void drained_too_late(struct engine *engine)
{
	drain_by_force(engine, "drain-timeout");
}

/* Others take the jobs that it has not ended. */
static void on_drain_timeout(uv_timer_t *timer)
{
	struct engine *engine = timer->data;

	if (engine->jobs)
		job_worker_give_back(engine, drained_too_late);
	else
		drained_too_late(engine);
}

/* Ends connections that are idle: the peer has not, or has not been given the time to. What has
 * arrived is answered first. */
static void part(struct engine *engine, int64_t patience)
{
	struct conn *next;

	engine->parting = true;
	for (struct conn *conn = engine->conns; conn; conn = next) {
		next = conn->next;
		if (conn_is_idle(conn) && !conn_waiting(conn) && !conn_has_input(conn))
			conn_close(conn);
	}
	uv_timer_start(&engine->drain_timer, on_drain_timeout, (uint64_t)patience, 0);
}

static void on_drain_idle(uv_timer_t *timer)
{
	struct engine *engine = timer->data;
	int64_t left = engine->options->drain_timeout - engine->options->drain_idle;

	if (left <= 0 && has_requests(engine))
		drained_too_late(engine);
	else
		part(engine, left > 0 ? left : LAST_MS);
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void drain(struct engine *engine, int number)
{
	const struct options *o = engine->options;
	int64_t idle = least(o->drain_idle, o->drain_timeout);

	log_event(LOG_LEVEL_INFO, "draining", "in_flight", log_number((long long)engine->in_flight),
		  "signal", sigabbrev_np(number), NULL);
	engine->draining = true;
	board_set(&engine->board->draining, 1);
	parent_leave();
	if (engine->jobs)
		job_worker_drain(engine);
	/* A master has others take what comes: nobody needs to be sent to them. */
	engine->refusing = o->drain == DRAIN_REFUSE && !parent_is_there();
	if (o->drain == DRAIN_WAIT && listener_is_passed(o->listen))
		accept_stop(engine);
	else
		accept_leave(engine);
	if (engine->jobs || !idle)
		part(engine, o->drain_timeout);
	else
		uv_timer_start(&engine->drain_timer, on_drain_idle, (uint64_t)idle, 0);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct engine *engine = handle->data;

	if (!engine->draining)
		drain(engine, number);
	else if (!parent_is_there())
		drain_by_force(engine, "second-signal");
}

/* ---- the loop ---- */

static void on_settled(void *owner)
{
	struct engine *engine = owner;

	conns_flush(engine);
	if (engine->draining)
		drain_if_idle(engine);
}

static size_t bytes_of(size_t requests, size_t besides)
{
	return requests * REQUEST_BYTES + besides;
}

/* free() keeps what a rush has needed, 128 MB after 100,000 requests, for the next one. Those that
 * are still in flight share pages with it: a last quarter of them may hold all of the memory, and
 * so may connections and the blocks that are kept for the next requests. */
static void give_memory_back(struct engine *engine)
{
	struct budget *budget = &engine->budget;
	size_t held = bytes_of(engine->in_flight, budget->used);
	size_t most = bytes_of(engine->most_in_flight, budget->kind->most);
	size_t left = held + engine->conn_count * sizeof(struct conn);
	bool rush_over = most >= RUSH && held <= most / 4;
	bool fewer = engine->left_held >= RUSH / 64 && left <= engine->left_held / 4;

	if (!rush_over && !fewer)
		return;
	exchange_free_spares(engine);
	malloc_trim(0);
	engine->left_held = left;
	engine->most_in_flight = engine->in_flight;
	budget->kind->most = budget->used;
}

static void on_sweep(uv_timer_t *timer)
{
	struct engine *engine = timer->data;

	conns_sweep(engine);
	give_memory_back(engine);
	application_ask(engine->application, engine->board);
}

static int open_signals(struct engine *engine)
{
	static const int numbers[] = {SIGTERM, SIGUSR1, SIGINT, SIGHUP};
	struct sigaction before;
	int err = 0;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* for the spool, an error like any other */
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && !err; i++) {
		err = uv_signal_init(&engine->loop, &engine->signals[i]);
		engine->signals[i].data = engine;
		/* nohup: whoever started us wants us to survive its terminal */
		if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler == SIG_IGN)
			continue;
		if (!err)
			err = uv_signal_start(&engine->signals[i], on_signal, numbers[i]);
	}
	return err;
}

static int open_engine(struct engine *engine)
{
	const struct options *o = engine->options;
	struct sched_options threads = {
		.threads = (unsigned)o->threads,
		.spare_threads = (unsigned)o->spare_threads,
		.thread_queue = (size_t)o->thread_queue,
		.cpu_threads = (unsigned)o->cpu_threads,
		.cpu_queue = (size_t)o->cpu_queue,
		.cpu_nice = CPU_THREAD_NICE,
		.board = engine->board,
		.settled = on_settled,
		.owner = engine,
	};
	int err;

	uv_timer_init(&engine->loop, &engine->accept_retry);
	uv_timer_init(&engine->loop, &engine->sweep);
	uv_timer_init(&engine->loop, &engine->drain_timer);
	engine->accept_retry.data = engine->sweep.data = engine->drain_timer.data = engine;
	engine->fcgi.events = &arrival_events;
	engine->fcgi.limits = (struct fcgi_limits){
		.max_conns = (uint32_t)o->max_conns,
		.max_reqs = (uint32_t)o->max_reqs,
		.conn_requests = (uint32_t)o->conn_requests,
		.params_bytes = (size_t)o->params_limit,
		.stdin_bytes = (size_t)o->stdin_limit,
	};
	options_of_bodies(o, &engine->bodies);
	application_pools(engine->application, threads.own); /* work() has had them checked */
	err = sched_open(&engine->sched, &engine->loop, &threads);
	if (!err)
		err = database_open(o, &engine->sched) ? UV_ENOMEM : 0;
	if (!err)
		err = open_signals(engine);
	engine->swept = uv_now(&engine->loop);
	if (!err)
		err = uv_timer_start(&engine->sweep, on_sweep, conns_sweep_interval(o),
				     conns_sweep_interval(o));
	return err;
}

static void close_handle(uv_handle_t *handle, void *unused)
{
	(void)unused;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

/* Lets every handle close; what is freed here could as well be left to the end of the process,
 * but then no tool could tell a leak from a habit. */
static void close_engine(struct engine *engine)
{
	while (engine->conns)
		conn_close(engine->conns);
	application_end(engine->background);
	application_end(engine->tables);
	exchange_cancel_later(engine);
	job_worker_close(engine);
	sched_close(&engine->sched);
	uv_walk(&engine->loop, close_handle, NULL);
	uv_run(&engine->loop, UV_RUN_DEFAULT);
	exchange_free_spares(engine);
	router_close(&engine->router);
	uv_loop_close(&engine->loop);
	free(engine->jobs);
}

static int open_work(struct engine *engine)
{
	if (engine->draining)
		return 0;
	return engine->listener ? accept_open(engine) : job_worker_open(engine);
}

/* Requests are taken when the application has started. 0 or a UV_E*: then it has not. */
static int begin(struct engine *engine, const struct application *application)
{
	const struct options *o = engine->options;
	int err;

	engine->tables = tables_begin(application, &engine->sched);
	if (application->start &&
	    !application_run(application, application->start, &engine->sched, 0, &engine->stopped))
		return UV_ECANCELED;
	application_ask(application, engine->board);
	engine->background = application_begin(application, &engine->sched);
	err = open_work(engine);
	if (!err && parent_is_there())
		tables_await(&engine->sched, &engine->draining);
	if (!err && !engine->draining)
		parent_accepts(o->slot);
	if (!err)
		log_event(LOG_LEVEL_INFO, "started", "engine", engine->jobs ? "jobs" : "loop",
			  "threads", log_number(o->threads), "cpu_threads",
			  log_number(o->cpu_threads), NULL);
	return err;
}

/* When the last request has been answered. */
static void finish(struct engine *engine, const struct application *application)
{
	const bool never = false;

	application_end(engine->background);
	engine->background = NULL;
	if (application->stop && engine->status == 0 &&
	    !application_run(application, application->stop, &engine->sched,
			     (uint64_t)engine->options->drain_timeout, &never))
		log_event(LOG_LEVEL_WARNING, "stop-failed", NULL);
}

/* Nobody cancels this thread. Where a process has others, libc changes a thread's cancel type
 * before and behind every call that may wait, unless it is that already: fifty instructions a
 * request. */
static void never_cancel(void)
{
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	/* NOLINTNEXTLINE(cert-pos47-c): it is disabled */
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
}

int loop_run(const struct options *options, struct listener *listener, const char *worker,
	     const struct application *application, const struct scoreboard *board)
{
	struct engine *engine = calloc(1, sizeof(*engine));
	int err = engine ? 0 : UV_ENOMEM;
	int status;

	if (engine && listener)
		err = router_open(&engine->router, &application->routes);
	if (engine)
		engine->router.mount = mount_of(options->mount);
	if (!err)
		err = uv_loop_init(&engine->loop);
	if (!engine || err) {
		log_event(LOG_LEVEL_ERROR, "start-failed", "error", uv_strerror(err), NULL);
		if (engine)
			router_close(&engine->router);
		free(engine);
		return 1;
	}
	engine->options = options;
	engine->listener = listener;
	engine->worker = slice_of(worker);
	engine->scoreboard = board;
	engine->application = application;
	engine->board = board->own;
	engine->budget_kind =
		(struct budget_kind){.name = "worker", .limit = (size_t)options->memory_limit};
	engine->budget.kind = &engine->budget_kind;
	engine->conn_budget = (struct budget_kind){.name = "connection",
						   .of = &engine->budget,
						   .limit = (size_t)options->conn_memory_limit};
	never_cancel();
	accept_make_room(engine);
	err = open_engine(engine);
	doctor_begin(engine->board, options);
	if (!err)
		err = begin(engine, application);
	if (err) {
		log_event(LOG_LEVEL_ERROR, "start-failed", "error", uv_strerror(err), NULL);
		engine->status = 1; /* not stop(): the loop has to run once more, to close */
	} else {
		if (!engine->stopped)
			uv_run(&engine->loop, UV_RUN_DEFAULT);
		finish(engine, application);
	}
	doctor_end();
	close_engine(engine);
	status = engine->status;
	free(engine);
	return status;
}

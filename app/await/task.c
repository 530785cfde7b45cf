#include "task.h"

#include <stddef.h>
#include <uv.h>

#include "../http/reply.h"
#include "../http/router.h"
#include "../observe/trace.h"
#include "await.h"
#include "sched.h"

#define container_of(ptr, type, member) ((type *)((char *)(ptr) - (offsetof(type, member))))

struct sleep {
	struct task task;
	struct timer timer;
	uint64_t due;
};

enum {
	READY_NS = 1000000,	 /* from being woken to being run: less than this is none */
	TIMER_LATE_NS = 2000000, /* what libuv's clock, of milliseconds, may make of a timer */
};

struct work {
	struct task task;
	struct job job;
	struct request *holder; /* the reference the job holds, to the end */
	struct pool *pool;
	void (*fn)(void *arg);
	void *arg;
};

void task_add(struct request *req, struct task *task, void (*cancel)(struct task *task))
{
	task->req = req;
	task->cancel = cancel;
	task->prev = NULL;
	task->next = req->tasks;
	if (req->tasks)
		req->tasks->prev = task;
	req->tasks = task;
	req->pending++;
}

static struct request *task_remove(struct task *task)
{
	struct request *req = task->req;

	if (task->prev)
		task->prev->next = task->next;
	else
		req->tasks = task->next;
	if (task->next)
		task->next->prev = task->prev;
	task->req = NULL;
	req->pending--;
	return req;
}

void task_done(struct task *task)
{
	struct request *req = task_remove(task);

	if (!req->pending && req->suspended)
		sched_ready(req->sched, req);
}

static void cancel_tasks(struct request *req)
{
	while (req->tasks) {
		struct task *task = req->tasks;

		task->cancel(task);
		task_remove(task);
	}
}

void task_cancel_all(struct request *req)
{
	req->cancelled = true;
	cancel_tasks(req);
}

static void finish(struct request *req)
{
	cancel_tasks(req);
	req->ops->finished(req);
}

static void call_handler(void *req)
{
	((struct request *)req)->route->handler(req);
}

/* What FastAPI does with `def`: an async handler around it that awaits a thread. */
static void run_sync(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, run_in_threadpool(req, call_handler, req));
	ASYNC_END(req);
}

/* What it waited for was there at that time. */
static void note_woken(struct request *req, uint64_t when)
{
	if (when > req->woken)
		req->woken = when;
}

/* How long it could have been run, and was not. */
static uint64_t time_ready(const struct request *req, uint64_t now)
{
	uint64_t since = req->woken > req->suspended_since ? req->woken : req->suspended_since;

	return req->woken && now >= since + READY_NS ? now - since : 0;
}

/* The waits of a stream are no part of a picture: it does nothing else. */
static void account_suspension(struct request *req, uint64_t now)
{
	struct board_slot *board = req->sched->options.board;
	uint64_t ready = time_ready(req, now);
	uint64_t woken = now - ready;

	req->times.suspended += now - req->suspended_since;
	if (!req->pooled && !req->reply.streams && woken > req->suspended_since)
		board_span(board, SPAN_AWAIT, req->suspended_since, woken, trace_owner(req));
	if (ready && !req->reply.streams) {
		req->times.ready += ready;
		board_span(board, SPAN_READY, woken, now, trace_owner(req));
	}
	req->pooled = false;
	req->woken = 0;
}

uint64_t task_resume(struct request *req, uint64_t begun)
{
	struct board_slot *board = req->sched->options.board;
	uint64_t ended;
	bool over;

	if (req->suspended)
		account_suspension(req, begun);
	req->suspended = false;
	trace_runs(board, req, begun);
	if (req->route->kind == ROUTE_SYNC)
		run_sync(req);
	else
		req->route->handler(req);
	ended = uv_hrtime();
	req->suspended_since = ended;
	req->times.loop += ended - begun;
	over = req->refused || !req->suspended;
	if (req->refused && !req->reply.begun)
		reply_error(req, 503);
	else if (over && !req->reply.status)
		reply_error(req, 500);
	trace_ran(board, req, begun, ended, over);
	if (over)
		finish(req);
	return ended;
}

void gather(struct request *req)
{
	/* A refused request ends when its handler returns; it must not be in the queue then. */
	if (!req->pending && !req->refused) {
		note_woken(req, 1); /* it has been ready all the time */
		sched_ready(req->sched, req);
	}
}

/* ---- sleep ---- */

/* A loop that had nothing else to do is as late as its timers are. */
static uint64_t rang(const struct sleep *sleep)
{
	uint64_t turn = board_get(&sleep->task.req->sched->options.board->turn_since);

	return turn && turn <= sleep->due ? sleep->due : sleep->due + TIMER_LATE_NS;
}

/* Its memory serves the next sleep: a handler without an end must not grow. */
static void on_sleep_over(struct timer *timer)
{
	struct sleep *sleep = container_of(timer, struct sleep, timer);
	struct request *req = sleep->task.req;

	note_woken(req, rang(sleep));
	task_done(&sleep->task);
	sleep->task.next = req->spare;
	req->spare = &sleep->task;
}

static struct sleep *sleep_alloc(struct request *req)
{
	struct task *spare = req->spare;

	if (!spare)
		return request_alloc(req, sizeof(struct sleep));
	req->spare = spare->next;
	return container_of(spare, struct sleep, task);
}

static void cancel_sleep(struct task *task)
{
	struct sleep *sleep = container_of(task, struct sleep, task);

	timers_remove(&task->req->sched->timers, &sleep->timer);
}

void gather_add_sleep(struct request *req, double seconds)
{
	struct sleep *sleep;

	if (!(seconds > 0) || req->refused)
		return;
	sleep = sleep_alloc(req);
	if (!sleep) {
		req->refused = true;
		return;
	}
	sleep->timer = (struct timer){.fire = on_sleep_over};
	sleep->due = uv_hrtime() + (uint64_t)(seconds * 1e9);
	if (timers_add(&req->sched->timers, &sleep->timer, sleep->due))
		req->refused = true;
	else
		task_add(req, &sleep->task, cancel_sleep);
}

void sleep_for(struct request *req, double seconds)
{
	gather_add_sleep(req, seconds);
	gather(req);
}

/* ---- thread pools ---- */

static void run_work(struct job *job)
{
	struct work *work = container_of(job, struct work, job);

	work->fn(work->arg);
}

/* A job that runs already goes on, and task_job_done() finds that nobody waits for it. Whoever
 * cancels holds a reference too, so this one is never the last. */
static void cancel_work(struct task *task)
{
	struct work *work = container_of(task, struct work, task);

	if (pool_cancel(work->pool, &work->job))
		request_unref(work->holder);
}

static void account_job(struct request *req, const struct work *work)
{
	struct board_slot *board = req->sched->options.board;
	const struct job *job = &work->job;
	uint64_t pool = work->pool == req->sched->cpu ? BOARD_CPU : BOARD_BLOCKING;

	req->times.pool_queue += job->started - job->queued;
	req->times.pool += job->ended - job->started;
	req->pooled = true;
	note_woken(req, job->ended);
	board_span(board, SPAN_POOL_QUEUE | pool << 8, job->queued, job->started, job->owner);
	board_span(board, SPAN_POOL | pool << 8 | (uint64_t)job->thread << 16, job->started,
		   job->ended, job->owner);
}

void task_job_done(struct job *job)
{
	struct work *work = container_of(job, struct work, job);
	struct request *holder = work->holder;

	/* Whose client has gone is not resumed; the loop is about to hear of it. */
	if (work->task.req && !job->dropped) {
		account_job(holder, work);
		task_done(&work->task);
	}
	request_unref(holder);
}

static void run_in_pool(struct request *req, struct pool *pool, void (*fn)(void *arg), void *arg)
{
	struct work *work;

	if (!pool) {
		fn(arg);
		gather(req);
		return;
	}
	work = request_alloc(req, sizeof(*work));
	if (!work) {
		req->refused = true;
		return;
	}
	work->job = (struct job){.run = run_work, .owner = trace_owner(req), .peer = req->peer};
	work->holder = req;
	work->pool = pool;
	work->fn = fn;
	work->arg = arg;
	if (pool_submit(pool, &work->job)) {
		req->refused = true;
		return;
	}
	request_ref(req);
	task_add(req, &work->task, cancel_work);
}

void run_in_threadpool(struct request *req, void (*fn)(void *arg), void *arg)
{
	run_in_pool(req, req->sched->blocking, fn, arg);
}

void run_in_cpu_pool(struct request *req, void (*fn)(void *arg), void *arg)
{
	run_in_pool(req, req->sched->cpu, fn, arg);
}

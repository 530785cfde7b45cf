#include "await/coroutine.h"

#include <uv.h>

#include "await/sched.h"
#include "base/util.h"

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
	struct coroutine *holder; /* the reference the job holds, to the end */
	struct thread_pool *pool;
	void (*fn)(void *arg);
	void *arg;
};

static struct board_slot *board_of(const struct coroutine *co)
{
	return co->sched->options.board;
}

/* ---- tasks ---- */

void task_begin(struct coroutine *co, struct task *task, void (*cancel)(struct task *task))
{
	task->co = co;
	task->cancel = cancel;
	task->prev = NULL;
	task->next = co->tasks;
	if (co->tasks)
		co->tasks->prev = task;
	co->tasks = task;
	co->pending++;
}

static struct coroutine *task_remove(struct task *task)
{
	struct coroutine *co = task->co;

	if (task->prev)
		task->prev->next = task->next;
	else
		co->tasks = task->next;
	if (task->next)
		task->next->prev = task->prev;
	task->co = NULL;
	co->pending--;
	return co;
}

void task_end(struct task *task)
{
	struct coroutine *co = task_remove(task);

	if (!co->pending && co->suspended)
		sched_ready(co->sched, co);
}

void coroutine_end(struct coroutine *co)
{
	sched_unready(co->sched, co);
	while (co->tasks) {
		struct task *task = co->tasks;

		task->cancel(task);
		task_remove(task);
	}
}

void coroutine_cancel(struct coroutine *co)
{
	co->cancelled = true;
	coroutine_end(co);
}

/* ---- to run ---- */

/* What it waited for was there at that time. */
static void note_woken(struct coroutine *co, uint64_t when)
{
	if (when > co->woken)
		co->woken = when;
}

/* How long it could have been run, and was not. */
static uint64_t time_ready(const struct coroutine *co, uint64_t now)
{
	uint64_t since = co->woken > co->since ? co->woken : co->since;

	return co->woken && now >= since + READY_NS ? now - since : 0;
}

static void account_suspension(struct coroutine *co, uint64_t now)
{
	uint64_t ready = time_ready(co, now);
	uint64_t woken = now - ready;

	co->times.suspended += now - co->since;
	if (!co->pooled && !co->untold && (!ready || woken > co->since))
		board_span(board_of(co), SPAN_AWAIT, co->since, woken, co->owner);
	if (ready && !co->untold) {
		co->times.ready += ready;
		board_span(board_of(co), SPAN_READY, woken, now, co->owner);
	}
	co->pooled = false;
	co->woken = 0;
}

uint64_t coroutine_resume(struct coroutine *co, uint64_t now, void (*run)(struct coroutine *co))
{
	struct board_slot *board = board_of(co);
	uint64_t ended;

	if (co->suspended)
		account_suspension(co, now);
	co->suspended = false;
	board_turn_begins(board, now);
	board_begin(&board->running, co->owner, now);
	run(co);
	board_end(&board->running);
	ended = uv_hrtime();
	co->since = ended;
	co->times.loop += ended - now;
	return ended;
}

void coroutine_gather(struct coroutine *co)
{
	/* One that is refused ends when it returns; it must not be in the queue then. */
	if (!co->pending && !co->refused) {
		note_woken(co, 1); /* it has been ready all the time */
		sched_ready(co->sched, co);
	}
}

/* ---- sleep ---- */

/* A loop that had nothing else to do is as late as its timers are. */
static uint64_t rang(const struct sleep *sleep)
{
	uint64_t turn = board_get(&board_of(sleep->task.co)->turn_since);

	return turn && turn <= sleep->due ? sleep->due : sleep->due + TIMER_LATE_NS;
}

/* Its memory serves the next sleep: what has no end must not grow. */
static void on_sleep_over(struct timer *timer)
{
	struct sleep *sleep = container_of(timer, struct sleep, timer);
	struct coroutine *co = sleep->task.co;

	note_woken(co, rang(sleep));
	task_end(&sleep->task);
	sleep->task.next = co->spare;
	co->spare = &sleep->task;
}

static struct sleep *sleep_alloc(struct coroutine *co)
{
	struct task *spare = co->spare;

	if (!spare)
		return co->ops->alloc(co, sizeof(struct sleep));
	co->spare = spare->next;
	return container_of(spare, struct sleep, task);
}

static void cancel_sleep(struct task *task)
{
	struct sleep *sleep = container_of(task, struct sleep, task);

	timers_remove(&task->co->sched->timers, &sleep->timer);
}

void coroutine_add_sleep(struct coroutine *co, double seconds)
{
	struct sleep *sleep;

	if (!(seconds > 0) || co->refused)
		return;
	sleep = sleep_alloc(co);
	if (!sleep) {
		co->refused = true;
		return;
	}
	sleep->timer = (struct timer){.fire = on_sleep_over};
	sleep->due = uv_hrtime() + (uint64_t)(seconds * 1e9);
	if (timers_add(&co->sched->timers, &sleep->timer, sleep->due))
		co->refused = true;
	else
		task_begin(co, &sleep->task, cancel_sleep);
}

/* ---- thread pools ---- */

static void run_work(struct job *job)
{
	struct work *work = container_of(job, struct work, job);

	work->fn(work->arg);
}

/* A job that runs already goes on, and coroutine_job_done() finds that nobody waits for it. Whoever
 * cancels holds a reference too, so this one is never the last. */
static void cancel_work(struct task *task)
{
	struct work *work = container_of(task, struct work, task);

	if (thread_pool_cancel(work->pool, &work->job))
		work->holder->ops->unref(work->holder);
}

static void account_job(struct coroutine *co, const struct work *work)
{
	const struct job *job = &work->job;
	uint64_t pool = work->pool == co->sched->cpu ? BOARD_CPU : BOARD_BLOCKING;

	co->times.pool_queue += job->started - job->queued;
	co->times.pool += job->ended - job->started;
	co->pooled = true;
	note_woken(co, job->ended);
	board_span(board_of(co), SPAN_POOL_QUEUE | pool << 8, job->queued, job->started,
		   job->owner);
	board_span(board_of(co), SPAN_POOL | pool << 8 | (uint64_t)job->thread << 16, job->started,
		   job->ended, job->owner);
}

void coroutine_job_done(struct job *job)
{
	struct work *work = container_of(job, struct work, job);
	struct coroutine *holder = work->holder;

	/* Whose client has gone is not resumed; the loop is about to hear of it. */
	if (work->task.co && !job->dropped) {
		account_job(holder, work);
		task_end(&work->task);
	}
	holder->ops->unref(holder);
}

void coroutine_add_job(struct coroutine *co, enum coroutine_pool which, void (*fn)(void *arg),
		       void *arg)
{
	struct thread_pool *pool = which == POOL_CPU ? co->sched->cpu : co->sched->blocking;
	struct work *work;

	if (co->refused)
		return;
	if (!pool) {
		fn(arg);
		return;
	}
	work = co->ops->alloc(co, sizeof(*work));
	if (!work) {
		co->refused = true;
		return;
	}
	work->job = (struct job){.run = run_work, .owner = co->owner, .peer = co->peer};
	work->holder = co;
	work->pool = pool;
	work->fn = fn;
	work->arg = arg;
	if (thread_pool_submit(pool, &work->job)) {
		co->refused = true;
		return;
	}
	co->ops->ref(co);
	task_begin(co, &work->task, cancel_work);
}

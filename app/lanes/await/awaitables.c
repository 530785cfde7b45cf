/* Awaitables: what a coroutine can wait for. Sleeps, threads, descriptors. */
#include <errno.h>
#include <stdlib.h>
#include <uv.h>

#include "await/coroutine.h"
#include "await/sched.h"
#include "base/log.h"
#include "base/util.h"

struct sleep {
	struct task task;
	struct timer timer;
	struct timers *timers; /* it is among */
	uint64_t due;
};

enum {
	TIMER_LATE_NS = 2000000, /* what libuv's clock, of milliseconds, may make of a timer */
};

struct work {
	struct task task;
	struct job job;
	struct coroutine *holder; /* the reference the job holds, to the end */
	enum board_pool pool;
	void (*fn)(void *arg);
	void *arg;
	const int *error; /* what fn has come to; NULL: it cannot fail */
};

static struct board_slot *board_of(const struct coroutine *co)
{
	return co->sched->options.board;
}

void coroutine_add_end(struct coroutine *co, int error, int *outcome)
{
	if (coroutine_has_failed(co))
		error = co->error;
	if (error)
		coroutine_fail(co, error);
	if (outcome)
		*outcome = error;
}

/* Whether it does not begin: something before it has failed, and that is its outcome, too. */
static bool is_given_up(const struct coroutine *co, int *outcome)
{
	if (!coroutine_has_failed(co))
		return false;
	if (outcome)
		*outcome = co->error;
	return true;
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

	coroutine_woken(co, rang(sleep));
	task_end(&sleep->task, 0);
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

	timers_remove(sleep->timers, &sleep->timer);
}

void coroutine_add_sleep(struct coroutine *co, double seconds, int *outcome)
{
	struct sleep *sleep;

	if (is_given_up(co, outcome))
		return;
	if (!(seconds > 0)) {
		coroutine_add_end(co, 0, outcome);
		return;
	}
	sleep = sleep_alloc(co);
	if (!sleep) {
		coroutine_add_end(co, -ENOMEM, outcome);
		return;
	}
	sleep->timer = (struct timer){.fire = on_sleep_over};
	sleep->timers = &co->sched->timers;
	sleep->due = uv_hrtime() + (uint64_t)(seconds * 1e9);
	if (timers_add(sleep->timers, &sleep->timer, sleep->due))
		coroutine_add_end(co, -ENOMEM, outcome);
	else
		task_begin(co, &sleep->task, cancel_sleep, outcome);
}

/* ---- thread pools ---- */

static void run_work(struct job *job)
{
	struct work *work = container_of(job, struct work, job);

	if (work->holder->ops->subject)
		log_subject = work->holder->ops->subject(work->holder);
	work->fn(work->arg);
	log_subject = NULL;
}

/* A job that runs already goes on, and coroutine_job_done() finds that nobody waits for it. Whoever
 * cancels holds a reference too, so this one is never the last. */
static void cancel_work(struct task *task)
{
	struct work *work = container_of(task, struct work, task);

	if (thread_pool_cancel(work->holder->sched->pools[work->pool], &work->job))
		work->holder->ops->unref(work->holder);
	else
		work->holder->lent = true;
}

static void account_job(struct coroutine *co, const struct work *work)
{
	const struct job *job = &work->job;
	uint64_t pool = work->pool;

	co->times.pool_queue += job->started - job->queued;
	co->times.pool += job->ended - job->started;
	if (job->ended > co->pooled)
		co->pooled = job->ended;
	coroutine_woken(co, job->ended);
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
		task_end(&work->task, work->error ? *work->error : 0);
		work->task.next = holder->done;
		holder->done = &work->task;
	}
	holder->ops->unref(holder);
}

/* As a sleep's, its memory serves the next. */
static struct work *work_alloc(struct coroutine *co)
{
	struct task *spare = co->done;

	if (!spare)
		return co->ops->alloc(co, sizeof(struct work));
	co->done = spare->next;
	return container_of(spare, struct work, task);
}

static int begin_job(struct coroutine *co, enum board_pool pool, void (*fn)(void *arg), void *arg,
		     const int *error, int *outcome)
{
	struct work *work = work_alloc(co);
	int err;

	if (!work)
		return -ENOMEM;
	work->job = (struct job){.run = run_work, .owner = co->owner, .peer = co->peer};
	work->holder = co;
	work->pool = pool;
	work->fn = fn;
	work->arg = arg;
	work->error = error;
	err = thread_pool_submit(co->sched->pools[pool], &work->job);
	if (err) {
		work->task.next = co->done;
		co->done = &work->task;
		return err;
	}
	co->ops->ref(co);
	task_begin(co, &work->task, cancel_work, outcome);
	return 0;
}

void coroutine_add_trial(struct coroutine *co, enum board_pool pool, void (*fn)(void *arg),
			 void *arg, const int *error, int *outcome)
{
	bool threads = co->sched->pool_count != 0;
	int err = 0;

	if (is_given_up(co, outcome))
		return;
	if (threads) {
		err = begin_job(co, pool, fn, arg, error, outcome);
	} else {
		thread_pool_run_here(fn, arg, co->peer);
		err = error ? *error : 0;
	}
	if (err || !threads)
		coroutine_add_end(co, err, outcome);
}

void coroutine_add_job(struct coroutine *co, enum board_pool pool, void (*fn)(void *arg), void *arg,
		       int *outcome)
{
	coroutine_add_trial(co, pool, fn, arg, NULL, outcome);
}

/* ---- descriptors ---- */

/* A block of its own: libuv gives a handle back later. */
struct watch {
	struct task task;
	uv_poll_t poll;
};

static void on_watch_closed(uv_handle_t *handle)
{
	free(container_of(handle, struct watch, poll));
}

static void watch_close(struct watch *watch)
{
	uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = container_of(poll, struct watch, poll);

	(void)events;
	coroutine_woken(watch->task.co, uv_hrtime());
	task_end(&watch->task, status);
	watch_close(watch);
}

static void cancel_watch(struct task *task)
{
	watch_close(container_of(task, struct watch, task));
}

void coroutine_add_fd(struct coroutine *co, int fd, int events, int *outcome)
{
	struct watch *watch;
	int err;

	if (is_given_up(co, outcome))
		return;
	watch = malloc(sizeof(*watch));
	err = watch ? uv_poll_init(co->sched->loop, &watch->poll, fd) : -ENOMEM;
	if (err) {
		free(watch);
		coroutine_add_end(co, err, outcome);
		return;
	}
	err = uv_poll_start(&watch->poll, events, on_event);
	if (err) {
		watch_close(watch);
		coroutine_add_end(co, err, outcome);
		return;
	}
	task_begin(co, &watch->task, cancel_watch, outcome);
}

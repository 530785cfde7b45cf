#include "http/waiting.h"

#include <errno.h>

#include "await/bell.h"
#include "await/sched.h"
#include "base/util.h"
#include "http/router.h"

/* ---- calls ---- */

void call(struct request *req, void (*fn)(struct request *req, void *frame), void *frame)
{
	struct request_rare *rare = request_rare(req);
	struct call *made = rare ? rare->spare_calls : NULL;

	if (made)
		rare->spare_calls = made->caller;
	else if (rare)
		made = req->co.ops->alloc(&req->co, sizeof(*made));
	if (!made) {
		coroutine_fail(&req->co, -ENOMEM);
		coroutine_gather(&req->co); /* for who tries */
		return;
	}
	*made = (struct call){fn, frame, req->call, req->co.line, req->co.tries};
	req->call = made;
	req->co.line = 0;
	req->co.tries = false;
}

__attribute__((noinline)) void request_end_call(struct request *req)
{
	struct call *ended = req->call;

	coroutine_drop_tasks(&req->co);
	request_goes_on(req); /* it does not, and waits no more */
	req->call = ended->caller;
	req->co.line = ended->line;
	req->co.tries = ended->tries;
	ended->caller = req->rare->spare_calls;
	req->rare->spare_calls = ended;
}

/* ---- deadlines ---- */

struct deadline {
	struct timer timer;
	struct request *req;
	struct call *waiter;	/* whose it is; NULL: the handler */
	struct deadline *outer; /* the next of request_rare.deadlines, or of the spare ones */
};

/* Calls beyond this one end, and what that waits for has failed. */
static void give_up(struct request *req, const struct call *waiter, int error)
{
	int failed;

	if (req->call != waiter)
		req->co.error = 0; /* theirs */
	while (req->call != waiter)
		request_end_call(req);
	failed = req->co.error ? req->co.error : error; /* what has failed first */
	req->co.error = error;
	coroutine_drop_tasks(&req->co);
	req->co.error = failed;
}

static void on_late(struct timer *timer)
{
	const struct deadline *late = container_of(timer, struct deadline, timer);
	struct request *req = late->req;
	bool there = req->call == late->waiter && req->co.ready; /* it will go on with it */

	if (there || req->co.cancelled)
		return;
	give_up(req, late->waiter, -ETIMEDOUT);
	sched_ready(req->co.sched, &req->co);
}

static void forget_innermost(struct request_rare *rare)
{
	struct deadline *deadline = rare->deadlines;

	timers_remove(&deadline->req->co.sched->timers, &deadline->timer);
	rare->deadlines = deadline->outer;
	deadline->outer = rare->spare_deadlines;
	rare->spare_deadlines = deadline;
}

/* Few requests have a rare part: inlined, these would cost the others instructions. */
__attribute__((noinline)) void request_goes_on(struct request *req)
{
	struct request_rare *rare = req->rare;

	while (rare->deadlines && rare->deadlines->waiter == req->call)
		forget_innermost(rare);
}

__attribute__((noinline)) void request_end_waits(struct request *req)
{
	while (req->rare->deadlines)
		forget_innermost(req->rare);
}

/* NULL if memory is out. */
static struct deadline *new_deadline(struct request *req, void (*fire)(struct timer *timer),
				     double seconds, uint64_t now)
{
	struct request_rare *rare = request_rare(req);
	struct deadline *made = rare ? rare->spare_deadlines : NULL;
	uint64_t due = now + (uint64_t)(seconds > 0 ? seconds * 1e9 : 0);

	if (made)
		rare->spare_deadlines = made->outer;
	else if (rare)
		made = req->co.ops->alloc(&req->co, sizeof(*made));
	if (!made)
		return NULL;
	*made = (struct deadline){.timer = {.fire = fire}, .req = req};
	return timers_add(&req->co.sched->timers, &made->timer, due) ? NULL : made;
}

/* A call that has just been made has no line yet: who waits is its caller. */
void request_within(struct request *req, double seconds)
{
	bool calls = !req->co.line;
	struct call *waiter = calls ? req->call->caller : req->call;
	struct deadline *made;

	if (!calls && (!req->co.pending || coroutine_has_failed(&req->co)))
		return; /* it goes on as it is */
	made = new_deadline(req, on_late, seconds, uv_hrtime());
	if (made) {
		made->waiter = waiter;
		made->outer = req->rare->deadlines;
		req->rare->deadlines = made;
		return;
	}
	give_up(req, waiter, -ENOMEM);
	coroutine_gather(&req->co);
}

static void on_overdue(struct timer *timer)
{
	struct request *req = container_of(timer, struct deadline, timer)->req;

	if (req->answered || req->co.cancelled)
		return;
	if (req->on_thread) { /* which has its reply, and everything */
		req->ops->instead(req, 504);
		return;
	}
	give_up(req, NULL, -ETIMEDOUT);
	req->co.tries = false;
	req->co.error = -ETIMEDOUT;
	sched_ready(req->co.sched, &req->co);
}

void request_set_deadline(struct request *req, double seconds, uint64_t now)
{
	struct deadline *made = new_deadline(req, on_overdue, seconds, now);

	if (made)
		req->rare->overdue = made;
	else
		coroutine_fail(&req->co, -ENOMEM);
}

__attribute__((noinline)) void request_forget_deadlines(struct request *req)
{
	if (req->rare->overdue)
		timers_remove(&req->co.sched->timers, &req->rare->overdue->timer);
	request_end_waits(req);
}

/* ---- what a handler can wait for ---- */

void gather_add_sleep(struct request *req, double seconds, int *outcome)
{
	coroutine_add_sleep(&req->co, seconds, outcome);
}

void gather_add_thread(struct request *req, void (*fn)(void *arg), void *arg, int *outcome)
{
	const struct thread_pool_options *own = req->route->pool;

	coroutine_add_job(&req->co, own ? sched_own_pool(req->co.sched, own) : BOARD_BLOCKING, fn,
			  arg, outcome);
}

void gather_add_cpu(struct request *req, void (*fn)(void *arg), void *arg, int *outcome)
{
	coroutine_add_job(&req->co, BOARD_CPU, fn, arg, outcome);
}

void gather_add_fd(struct request *req, int fd, int events, int *outcome)
{
	coroutine_add_fd(&req->co, fd, events, outcome);
}

void gather(struct request *req)
{
	coroutine_gather(&req->co);
}

void gather_within(struct request *req, double seconds)
{
	wait_within(req, seconds, gather(req));
}

void sleep_for(struct request *req, double seconds)
{
	gather_add_sleep(req, seconds, NULL);
	gather(req);
}

void run_in_threadpool(struct request *req, void (*fn)(void *arg), void *arg)
{
	gather_add_thread(req, fn, arg, NULL);
	gather(req);
}

void run_in_cpu_pool(struct request *req, void (*fn)(void *arg), void *arg)
{
	gather_add_cpu(req, fn, arg, NULL);
	gather(req);
}

void gather_add_bell(struct request *req, struct bell *bell, int *outcome)
{
	coroutine_add_bell(&req->co, bell, outcome);
}

void wait_for_bell(struct request *req, struct bell *bell)
{
	gather_add_bell(req, bell, NULL);
	gather(req);
}

void await_fd(struct request *req, int fd, int events)
{
	gather_add_fd(req, fd, events, NULL);
	gather(req);
}

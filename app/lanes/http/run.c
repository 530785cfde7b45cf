/*
 * A request's handler, as a coroutine: what is called when, and what is answered where it does not.
 *
 * A handler may wait for a function that waits itself (call). Then there is a chain of calls, of
 * which the last one is what the coroutine goes on with.
 */
#include <errno.h>

#include "await/await.h"
#include "await/sched.h"
#include "base/util.h"
#include "http/body.h"
#include "http/reply.h"
#include "http/router.h"

/* A function that is waited for, and where its caller is to go on. */
struct call {
	void (*fn)(struct request *req, void *frame);
	void *frame;
	struct call *caller; /* NULL: the handler */
	int line;	     /* of the caller */
	bool tries;	     /* … and whether it does */
};

/* Work for when the answer has been sent. */
struct later {
	void (*fn)(struct request *req, void *frame);
	void *frame;
	struct later *next;
};

static struct request *request_of(struct coroutine *co)
{
	return container_of(co, struct request, co);
}

static uint64_t co_resume(struct coroutine *co, uint64_t now)
{
	return request_resume(request_of(co), now);
}

static void *co_alloc(struct coroutine *co, size_t size)
{
	return request_alloc(request_of(co), size);
}

static void co_ref(struct coroutine *co)
{
	request_ref(request_of(co));
}

static void co_unref(struct coroutine *co)
{
	request_unref(request_of(co));
}

const struct coroutine_ops request_coroutine = {
	.resume = co_resume, .alloc = co_alloc, .ref = co_ref, .unref = co_unref};

/* ---- calls ---- */

void call(struct request *req, void (*fn)(struct request *req, void *frame), void *frame)
{
	struct call *made = req->spare_calls;

	if (made)
		req->spare_calls = made->caller;
	else
		made = request_alloc(req, sizeof(*made));
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

/* The caller goes on. */
static void end_call(struct request *req)
{
	struct call *ended = req->call;

	coroutine_drop_tasks(&req->co);
	req->call = ended->caller;
	req->co.line = ended->line;
	req->co.tries = ended->tries;
	ended->caller = req->spare_calls;
	req->spare_calls = ended;
}

static void run_call(struct request *req)
{
	if (req->call)
		req->call->fn(req, req->call->frame);
	else
		req->route->handler(req);
}

/* Until somebody waits, or the handler has returned. A failure goes to the last caller that tries.
 */
static void run_async(struct coroutine *co)
{
	struct request *req = request_of(co);
	struct call *running;

	for (;;) {
		while (coroutine_has_failed(co) && req->call)
			end_call(req);
		if (coroutine_has_failed(co))
			return;
		running = req->call;
		co->suspended = false;
		run_call(req);
		if (coroutine_has_failed(co) || req->call != running)
			continue;
		if (co->suspended || !running)
			return;
		end_call(req);
		if (req->answered && !req->call)
			return;
	}
}

/* ---- the handler ---- */

static void call_handler(void *req)
{
	((struct request *)req)->route->handler(req);
}

/* What FastAPI does with `def`: an async handler around it that awaits a thread. */
static void run_sync(struct coroutine *co)
{
	struct request *req = request_of(co);

	co->suspended = false;
	if (coroutine_has_failed(co))
		return;
	ASYNC_BEGIN(req);
	if (req->body)
		AWAIT(req, request_body(req));
	AWAIT(req, run_in_threadpool(req, call_handler, req));
	ASYNC_END(req);
}

static int status_of(int error)
{
	switch (error) {
	case -ETIMEDOUT:
		return 504;
	case -EMSGSIZE: /* these are a body's */
		return 413;
	case -ETIME:
		return 408;
	case -EPROTO:
		return 400;
	case -ENOSPC:
		return 507;
	default:
		return 503;
	}
}

/* What a request gets whose handler did not answer, or could not go on. */
static void answer_for_it(struct request *req)
{
	if (coroutine_has_failed(&req->co)) {
		req->later = NULL;
		if (!req->reply.begun)
			reply_error(req, status_of(req->co.error));
	} else if (!req->reply.status) {
		reply_error(req, 500);
	}
}

/* ---- after the answer ---- */

bool request_later(struct request *req, void (*fn)(struct request *req, void *frame), void *frame)
{
	struct later **last = &req->later;
	struct later *later = request_alloc(req, sizeof(*later));

	if (!later) {
		coroutine_fail(&req->co, -ENOMEM);
		return false;
	}
	while (*last)
		last = &(*last)->next;
	*later = (struct later){fn, frame, NULL};
	*last = later;
	return true;
}

/* Begins with the next of it, as if a handler without lines had called it. */
static void begin_later(struct request *req)
{
	struct later *later = req->later;

	coroutine_drop_tasks(&req->co);
	if (!later) {
		req->ops->stays(req, false);
		request_unref(req);
		return;
	}
	req->later = later->next;
	req->co.error = 0;
	req->co.suspended = true;
	call(req, later->fn, later->frame);
	sched_ready(req->co.sched, &req->co);
}

/* The answer is there. */
static void finish(struct request *req)
{
	coroutine_drop_tasks(&req->co);
	if (req->body)
		body_drop(req);
	if (!req->later) {
		req->ops->finished(req);
		return;
	}
	request_ref(req);
	req->co.peer = 0; /* its connection may be closed, and the number another's */
	req->ops->stays(req, true);
	req->ops->finished(req);
	req->answered = req->reply.begun = true;
	begin_later(req);
}

/* ---- */

uint64_t request_resume(struct request *req, uint64_t now)
{
	uint64_t ended = coroutine_resume(
		&req->co, now,
		req->route->kind == ROUTE_SYNC && !req->answered ? run_sync : run_async);
	bool over = coroutine_is_over(&req->co);

	if (req->answered) {
		if (over)
			begin_later(req);
		return ended;
	}
	if (over)
		answer_for_it(req);
	req->ops->ran(req, now, ended, over);
	if (over)
		finish(req);
	return ended;
}

/* ---- what a handler can wait for ---- */

void gather_add_sleep(struct request *req, double seconds)
{
	coroutine_add_sleep(&req->co, seconds);
}

void gather_add_thread(struct request *req, void (*fn)(void *arg), void *arg, int *outcome)
{
	coroutine_add_job(&req->co, POOL_BLOCKING, fn, arg, outcome);
}

void gather_add_cpu(struct request *req, void (*fn)(void *arg), void *arg, int *outcome)
{
	coroutine_add_job(&req->co, POOL_CPU, fn, arg, outcome);
}

void gather_add_fd(struct request *req, int fd, int events)
{
	coroutine_add_fd(&req->co, fd, events);
}

void gather(struct request *req)
{
	coroutine_gather(&req->co);
}

void gather_within(struct request *req, double seconds)
{
	coroutine_gather_within(&req->co, seconds);
}

void sleep_for(struct request *req, double seconds)
{
	gather_add_sleep(req, seconds);
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

void await_fd(struct request *req, int fd, int events)
{
	gather_add_fd(req, fd, events);
	gather(req);
}

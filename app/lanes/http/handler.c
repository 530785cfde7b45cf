/* A request's handler, as a coroutine: what is called when, and what is answered where it does not.
 */
#include <errno.h>
#include <string.h>

#include "await/await.h"
#include "await/sched.h"
#include "base/log.h"
#include "base/util.h"
#include "http/body.h"
#include "http/input.h"
#include "http/reply.h"
#include "http/router.h"
#include "http/trace_context.h"
#include "http/waiting.h"

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

static const void *co_subject(struct coroutine *co)
{
	return request_of(co);
}

const struct coroutine_ops request_coroutine = {.resume = co_resume,
						.alloc = co_alloc,
						.ref = co_ref,
						.unref = co_unref,
						.subject = co_subject};

/* ---- stages ---- */

enum stage { FOR_ALL_BEFORE, BEFORE, INPUT, HANDLER, AFTER, FOR_ALL_AFTER, STAGES };

static void call_handler(void *req)
{
	((struct request *)req)->route->handler(req);
}

/* What FastAPI does with `def`: an async handler around it that awaits a thread. */
static void run_sync(struct request *req)
{
	ASYNC_BEGIN(req);
	if (req->body)
		AWAIT(req, request_body(req));
	req->on_thread = true;
	AWAIT(req, run_in_threadpool(req, call_handler, req));
	ASYNC_END(req);
}

/* What is declared of a body is read when all of it is there. */
static void read_input(struct request *req)
{
	const struct input *input = req->route->input;

	ASYNC_BEGIN(req);
	if (req->body && input_takes_body(input))
		AWAIT(req, request_body(req));
	if (!req->body || !input_takes_body(input))
		input_read(req, input, (struct slice){NULL, 0});
	else if (request_body_length(req) && !request_body_bytes(req).data)
		reply_error(req, 413); /* it is on the disk */
	else
		input_read(req, input, request_body_bytes(req));
	ASYNC_END(req);
}

/* Those in which somebody is to be called, a bit each. */
static unsigned stages_of(const struct request *req)
{
	const struct route *route = req->route;
	unsigned stages = 1u << HANDLER;

	if (req->routes && req->routes->before)
		stages |= 1u << FOR_ALL_BEFORE;
	if (req->routes && req->routes->after)
		stages |= 1u << FOR_ALL_AFTER;
	if (route->before)
		stages |= 1u << BEFORE;
	if (route->after)
		stages |= 1u << AFTER;
	if (req->reads_later)
		stages |= 1u << INPUT;
	return stages;
}

/* These are left. Whoever replies before the handler, replies in its place. */
static void leave_stages(struct request *req, unsigned stages)
{
	if (req->reply.status)
		stages &= ~0u << AFTER;
	req->stages = (uint8_t)stages;
}

static enum stage stage_of(const struct request *req)
{
	return req->stages ? (enum stage)__builtin_ctz(req->stages) : STAGES;
}

static void run_stage(struct request *req)
{
	const struct route *route = req->route;

	switch (stage_of(req)) {
	case FOR_ALL_BEFORE:
		req->routes->before(req);
		break;
	case BEFORE:
		route->before(req);
		break;
	case INPUT:
		read_input(req);
		break;
	case HANDLER:
		if (route->kind == ROUTE_SYNC)
			run_sync(req);
		else
			route->handler(req);
		break;
	case AFTER:
		route->after(req);
		break;
	case FOR_ALL_AFTER:
		req->routes->after(req);
		break;
	case STAGES:
		break;
	}
}

static void next_stage(struct request *req)
{
	leave_stages(req, req->stages & (req->stages - 1u)); /* the first is over */
	req->on_thread = false;
	if (!req->stages)
		return;
	coroutine_drop_tasks(&req->co);
	req->co.line = 0;
	/* Who is late writes to the frame of the stage that is over: the next has another. */
	req->frame_lent = req->co.lent;
	if (!req->frame_lent)
		memset(req->frame, 0, sizeof(req->frame));
	if (!req->rare)
		return;
	request_end_waits(req);
	req->rare->large_frame = NULL;
}

/* Of the answer to what has failed. */
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
	case -EPERM:   /* it has replied where it cannot */
	case -EINVAL:  /* it has asked what nobody can be asked */
	case -ENOTSUP: /* … and what its application does not do */
	case -E2BIG:
	case -EREMOTEIO: /* the database has refused a statement */
		return 500;
	case -ENOENT: /* these are of another service */
	case -ECONNRESET:
	case -EFBIG:
	case -EKEYREJECTED:
	case -EBADMSG:
	case -ELOOP:
	case -EACCES:
		return 502;
	default:
		return 503;
	}
}

/* What a client may know of it; NULL: no more than its status says. */
static const char *detail_of(int error)
{
	switch (error) {
	case -ENOTCONN:
		return "the database does not answer";
	case -ENOLINK:
		return "the connection to the database was lost";
	case -ESTALE:
		return "tables are missing in the database: make migrate makes them";
	default:
		return NULL;
	}
}

/* The same for the log, where strerror() would mislead. */
static const char *words_of(int error)
{
	const char *detail = detail_of(error);

	switch (error) {
	case -EFBIG:
		return "more than its limit";
	case -EKEYREJECTED:
		return "TLS: it is not trusted";
	case -EBADMSG:
		return "it does not speak the protocol";
	default:
		return detail ? detail : strerror(-error);
	}
}

/* Which of what it has waited for is why. What has no name says it elsewhere: a full pool, a body.
 */
static void tell_blame(const struct request *req, int status)
{
	char name[COROUTINE_BLAME];

	if (coroutine_blames(&req->co, name))
		log_event(LOG_LEVEL_WARNING, "await-failed", "await", name, "error",
			  words_of(req->co.error), "status", log_number(status), NULL);
}

/* What a request gets whose handler did not answer, or could not go on. A function of its own, or
 * all would pay for its stack. */
__attribute__((noinline)) static void answer_instead(struct request *req)
{
	if (coroutine_has_failed(&req->co)) {
		int status = status_of(req->co.error);
		const char *detail = detail_of(req->co.error);

		if (req->rare)
			req->rare->later = NULL;
		tell_blame(req, status);
		reply_instead(req, status);
		if (detail && !req->reply.begun)
			reply_refusal(req, status, "%s", detail);
		req->co.error = 0;
		req->co.blamed = 0;
	} else {
		reply_instead(req, 500);
	}
}

static void run_call(struct request *req)
{
	if (req->call)
		req->call->fn(req, req->call->frame);
	else
		run_stage(req);
}

/* Until somebody waits, or all have returned. A failure goes to the last caller that tries. */
void request_run(struct coroutine *co)
{
	struct request *req = request_of(co);
	struct call *running;

	if (!req->begun) {
		req->begun = true;
		leave_stages(req, stages_of(req));
		if (req->route->deadline > 0)
			request_set_deadline(req, req->route->deadline, co->since);
	}
	while (req->stages || req->call) { /* later, there are calls only */
		while (coroutine_has_failed(co) && req->call)
			request_end_call(req);
		if (!req->call && !req->stages)
			break;
		running = req->call;
		if (!coroutine_has_failed(co)) {
			if (req->rare)
				request_goes_on(req);
			co->suspended = false;
			run_call(req);
			if (req->call != running || (coroutine_has_failed(co) && running))
				continue;
			if (co->suspended && !coroutine_has_failed(co))
				return;
		}
		if (running) {
			request_end_call(req);
			continue;
		}
		if (coroutine_has_failed(co) || (stage_of(req) >= HANDLER && !req->reply.status))
			answer_instead(req);
		next_stage(req);
	}
	co->suspended = false;
}

/* ---- after the answer ---- */

bool request_later(struct request *req, void (*fn)(struct request *req, void *frame), void *frame)
{
	struct request_rare *rare = request_rare(request_root(req));
	struct later *later = request_alloc(req, sizeof(*later));
	struct later **last;

	if (!rare || !later) {
		coroutine_fail(&req->co, -ENOMEM);
		return false;
	}
	for (last = &rare->later; *last;)
		last = &(*last)->next;
	*later = (struct later){fn, frame, NULL};
	*last = later;
	return true;
}

/* Begins with the next of it, as if a handler without lines had called it. */
static void begin_later(struct request *req)
{
	struct later *later = req->rare->later;

	coroutine_drop_tasks(&req->co);
	if (!later) {
		req->ops->stays(req, false);
		request_unref(req);
		return;
	}
	req->rare->later = later->next;
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
	if (req->rare)
		request_forget_deadlines(req);
	if (!req->rare || !req->rare->later) {
		req->ops->finished(req);
		return;
	}
	request_keep_trace(req);
	request_ref(req);
	req->co.peer = 0; /* its connection may be closed, and the number another's */
	req->ops->stays(req, true);
	req->ops->finished(req);
	req->answered = req->reply.begun = true;
	begin_later(req);
}

uint64_t request_is_answered(struct request *req)
{
	uint64_t now = uv_hrtime();

	req->ops->ran(req, req->times.received, now, true);
	req->ops->finished(req);
	return now;
}

void request_only(struct request *req)
{
	req->begun = true;
	req->stages = 1u << HANDLER;
	if (req->route->deadline > 0)
		request_set_deadline(req, req->route->deadline, uv_hrtime());
}

uint64_t request_resume(struct request *req, uint64_t now)
{
	uint64_t ended;
	bool over;

	log_subject = req;
	ended = coroutine_resume(&req->co, now, request_run);
	log_subject = NULL;
	over = !req->co.suspended;

	if (req->answered) {
		if (over)
			begin_later(req);
		return ended;
	}
	req->ops->ran(req, now, ended, over);
	if (over)
		finish(req);
	return ended;
}

void *request_state(const struct request *req)
{
	return req->routes->state;
}

/*
 * Functions of a request that run beside each other: gather_add_call().
 *
 * Each is a small request of its own, with a coroutine of its own, which nobody has sent and which
 * is not answered. What was asked is the parent's; what it waits for is its own; the parent waits
 * for it as for any task. It goes when it has returned, or is given up, and no thread works for it
 * any more; until then the parent's memory stays.
 */
#include <errno.h>
#include <stdlib.h>

#include "await/sched.h"
#include "base/budget.h"
#include "base/log.h"
#include "base/util.h"
#include "http/waiting.h"

struct beside {
	struct task task;	/* of the parent */
	struct request *parent; /* which may be one of these, too */
	struct request_rare rare;
	struct call call;
	size_t used; /* of req.arena, for what it waits for; else it is full */
	struct request req;
};

static const struct request_ops ops;

static struct beside *beside_of(const struct request *req)
{
	return container_of(req, struct beside, req);
}

struct request *request_root(const struct request *req)
{
	while (req->ops == &ops)
		req = beside_of(req)->parent;
	return (struct request *)req;
}

/* ---- as a request ---- */

static struct slice param(const struct request *req, const char *name)
{
	return request_param(beside_of(req)->parent, name);
}

static bool stream(struct request *req)
{
	(void)req;
	return false;
}

static void release(struct request *req)
{
	struct beside *beside = beside_of(req);
	struct request *parent = beside->parent;

	budget_give(parent->budget, sizeof(*beside));
	free(beside);
	request_unref(parent);
}

static const struct request_ops ops = {.param = param, .stream = stream, .release = release};

/* ---- as a coroutine ---- */

/* It has returned, or is given up. Its body is the parent's. */
static void end(struct beside *beside)
{
	struct coroutine *co = &beside->req.co;
	struct coroutine *parent = &beside->parent->co;

	coroutine_cancel(co);
	parent->times.pool_queue += co->times.pool_queue;
	parent->times.pool += co->times.pool;
	parent->times.fetch += co->times.fetch;
	parent->times.db_queue += co->times.db_queue;
	parent->times.db += co->times.db;
	parent->lent = parent->lent || co->lent;
	if (!parent->blamed)
		parent->blamed = co->blamed;
	beside->req.body = NULL;
	request_unref(&beside->req);
}

static void cancel(struct task *task)
{
	end(container_of(task, struct beside, task));
}

static int outcome_of(const struct request *req)
{
	if (!req->co.error && req->reply.status) {
		log_event(LOG_LEVEL_ERROR, "reply-beside", NULL);
		return -EPERM;
	}
	return req->co.error;
}

static uint64_t resume(struct coroutine *co, uint64_t now)
{
	struct beside *beside = container_of(co, struct beside, req.co);
	struct request *root = request_root(&beside->req);
	uint64_t ended;

	log_subject = root;
	ended = coroutine_resume(co, now, request_run);
	root->co.times.loop += ended - now;
	root->co.since += ended - now; /* it was not waiting */
	if (!co->suspended) {
		coroutine_woken(&beside->parent->co, ended);
		task_end(&beside->task, outcome_of(&beside->req));
		end(beside);
	}
	log_subject = NULL;
	if (!root->answered)
		root->ops->ran(root, now, ended, false);
	return ended;
}

static void *alloc(struct coroutine *co, size_t size)
{
	struct beside *beside = container_of(co, struct beside, req.co);
	size_t at = beside->used;

	size = (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
	if (size > sizeof(beside->req.arena) - at)
		return request_chunk(&beside->req, size);
	beside->used += size;
	return beside->req.arena + at;
}

static void ref(struct coroutine *co)
{
	request_ref(&container_of(co, struct beside, req.co)->req);
}

static void unref(struct coroutine *co)
{
	request_unref(&container_of(co, struct beside, req.co)->req);
}

static const void *subject(struct coroutine *co)
{
	return request_root(&container_of(co, struct beside, req.co)->req);
}

static const struct coroutine_ops coroutine = {
	.resume = resume, .alloc = alloc, .ref = ref, .unref = unref, .subject = subject};

/* ---- */

static void take_over(struct request *req, const struct request *parent)
{
	request_init(req, &ops, parent->co.sched);
	req->co.ops = &coroutine;
	req->co.owner = parent->co.owner;
	req->co.peer = parent->co.peer;
	req->co.untold = true; /* the parent waits meanwhile, and that is shown */
	req->routes = parent->routes;
	req->route = parent->route;
	req->serial = parent->serial;
	req->route_number = parent->route_number;
	req->budget = parent->budget;
	req->method = parent->method;
	req->prefix = parent->prefix;
	req->path = parent->path;
	req->query = parent->query;
	req->path_values = parent->path_values;
	req->input = parent->input;
	req->body = parent->body;
	req->arena_used = sizeof(req->arena);
	req->begun = true;
}

/* NULL if memory is out. */
static struct beside *make(struct request *parent)
{
	struct beside *beside;

	if (!budget_take(parent->budget, sizeof(*beside)))
		return NULL;
	beside = calloc(1, sizeof(*beside));
	if (!beside) {
		budget_give(parent->budget, sizeof(*beside));
		return NULL;
	}
	take_over(&beside->req, parent);
	beside->parent = parent;
	request_ref(parent);
	return beside;
}

void gather_add_call(struct request *req, void (*fn)(struct request *beside, void *frame),
		     void *frame, int *outcome)
{
	struct beside *beside;

	beside = coroutine_has_failed(&req->co) ? NULL : make(req);
	if (!beside) {
		coroutine_fail(&req->co, -ENOMEM);
		if (outcome)
			*outcome = req->co.error;
		return;
	}
	beside->call = (struct call){.fn = fn, .frame = frame};
	beside->req.call = &beside->call;
	beside->req.rare = &beside->rare;
	task_begin(&req->co, &beside->task, cancel, outcome);
	sched_ready(req->co.sched, &beside->req.co);
}

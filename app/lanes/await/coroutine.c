#include "await/coroutine.h"

#include <errno.h>
#include <uv.h>

#include "await/place.h"
#include "await/sched.h"
#include "scoreboard/board_reader.h"

enum { READY_NS = 1000000 }; /* from being woken to being run: less than this is none */

static struct board_slot *board_of(const struct coroutine *co)
{
	return co->sched->options.board;
}

/* ---- tasks ---- */

void task_begin(struct coroutine *co, struct task *task, void (*cancel)(struct task *task),
		int *outcome)
{
	task->co = co;
	task->outcome = outcome;
	task->cancel = cancel;
	task->prev = NULL;
	task->next = co->tasks;
	if (co->tasks)
		co->tasks->prev = task;
	co->tasks = task;
	co->pending++;
}

static void task_remove(struct task *task, int error)
{
	struct coroutine *co = task->co;

	if (task->prev)
		task->prev->next = task->next;
	else
		co->tasks = task->next;
	if (task->next)
		task->next->prev = task->prev;
	if (task->outcome)
		*task->outcome = error;
	task->co = NULL;
	co->pending--;
}

void coroutine_fail(struct coroutine *co, int error)
{
	if (!co->error)
		co->error = error;
}

void task_end(struct task *task, int error)
{
	struct coroutine *co = task->co;

	task_remove(task, error);
	if (error)
		coroutine_fail(co, error);
	if (co->suspended && (!co->pending || coroutine_has_failed(co)))
		sched_ready(co->sched, co);
}

void coroutine_drop_tasks(struct coroutine *co)
{
	while (co->tasks) {
		struct task *task = co->tasks;

		task_remove(task, co->error ? co->error : -ECANCELED);
		task->cancel(task);
	}
	sched_unready(co->sched, co);
}

void coroutine_cancel(struct coroutine *co)
{
	co->cancelled = true;
	coroutine_drop_tasks(co);
	place_leave(co);
}

/* ---- to run ---- */

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
	uint64_t from = co->pooled > co->since ? co->pooled : co->since;

	co->times.suspended += now - co->since;
	if ((!co->pooled || co->woken > co->pooled) && !co->untold && woken > from)
		board_span(board_of(co), SPAN_AWAIT, from, woken, co->owner);
	if (ready && !co->untold) {
		co->times.ready += ready;
		board_span(board_of(co), SPAN_READY, woken, now, co->owner);
	}
	co->pooled = co->woken = 0;
}

bool coroutine_blames(const struct coroutine *co, char *name)
{
	_Static_assert((int)COROUTINE_BLAME == (int)SPAN_NAME, "a name of a span fits");
	if (!co->blamed)
		return false;
	span_thing_name(co->sched->options.board, co->blamed & 0xff, (unsigned)(co->blamed >> 16),
			name);
	return true;
}

uint64_t coroutine_resume(struct coroutine *co, uint64_t now, void (*run)(struct coroutine *co))
{
	struct board_slot *board = board_of(co);
	uint64_t ended;

	if (co->suspended)
		account_suspension(co, now);
	co->since = now;
	board_turn_begins(board, now);
	board_begin(&board->running, co->owner, now);
	run(co);
	board_end(&board->running);
	ended = board_now();
	co->since = ended;
	co->times.loop += ended - now;
	if (co->suspended)
		place_show(co, ended);
	else
		place_leave(co);
	return ended;
}

void coroutine_gather(struct coroutine *co)
{
	/* What has failed already, and is not tried, ends when it returns: it must not be in the
	 * queue then. */
	if (!co->pending && !coroutine_has_failed(co)) {
		coroutine_woken(co, 1); /* it has been ready all the time */
		sched_ready(co->sched, co);
	}
}

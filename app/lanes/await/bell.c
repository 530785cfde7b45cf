#include "await/bell.h"

#include <errno.h>
#include <stdlib.h>
#include <uv.h>

#include "await/coroutine.h"
#include "base/util.h"

struct bell_waiter {
	struct task task;
	struct bell *bell;
	struct bell_waiter *next;
	struct bell_waiter *prev;
};

static void leave(struct bell_waiter *waiter)
{
	if (waiter->prev)
		waiter->prev->next = waiter->next;
	else
		waiter->bell->waiters = waiter->next;
	if (waiter->next)
		waiter->next->prev = waiter->prev;
}

static void cancel(struct task *task)
{
	struct bell_waiter *waiter = container_of(task, struct bell_waiter, task);

	leave(waiter);
	free(waiter);
}

void coroutine_add_bell(struct coroutine *co, struct bell *bell, int *outcome)
{
	struct bell_waiter *waiter = coroutine_has_failed(co) ? NULL : malloc(sizeof(*waiter));

	if (!waiter) {
		coroutine_add_end(co, -ENOMEM, outcome);
		return;
	}
	*waiter = (struct bell_waiter){.bell = bell, .next = bell->waiters};
	if (bell->waiters)
		bell->waiters->prev = waiter;
	bell->waiters = waiter;
	task_begin(co, &waiter->task, cancel, outcome);
}

void bell_ring(struct bell *bell)
{
	uint64_t now = uv_hrtime();
	struct bell_waiter *waiter = bell->waiters;

	bell->waiters = NULL;
	while (waiter) {
		struct bell_waiter *next = waiter->next;

		coroutine_woken(waiter->task.co, now);
		task_end(&waiter->task, 0);
		free(waiter);
		waiter = next;
	}
}

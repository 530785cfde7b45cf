#include "await/timers.h"

#include <errno.h>
#include <stdlib.h>

enum { SMALLEST = 64, NS_PER_MS = 1000000 };

struct timer_entry {
	uint64_t due;
	struct timer *timer;
};

static void place(struct timers *t, size_t at, struct timer_entry entry)
{
	t->heap[at] = entry;
	entry.timer->place = at;
}

static void sift_up(struct timers *t, size_t at, struct timer_entry entry)
{
	for (; at > 1 && entry.due < t->heap[at / 2].due; at /= 2)
		place(t, at, t->heap[at / 2]);
	place(t, at, entry);
}

static void sift_down(struct timers *t, size_t at, struct timer_entry entry)
{
	for (size_t child; (child = 2 * at) <= t->count; at = child) {
		if (child < t->count && t->heap[child + 1].due < t->heap[child].due)
			child++;
		if (entry.due <= t->heap[child].due)
			break;
		place(t, at, t->heap[child]);
	}
	place(t, at, entry);
}

static void on_timer(uv_timer_t *uv);

/* Milliseconds are rounded up, so that nothing fires early; a handle that wakes before the first
 * deadline (libuv's clock is read once per turn) is started again. */
static void arm(struct timers *t)
{
	uint64_t now = uv_hrtime();
	uint64_t due = t->heap[1].due;

	uv_timer_start(&t->uv, on_timer, due > now ? (due - now + NS_PER_MS - 1) / NS_PER_MS : 0,
		       0);
}

static void on_timer(uv_timer_t *uv)
{
	struct timers *t = uv->data;
	uint64_t now = uv_hrtime();

	while (t->count && t->heap[1].due <= now) {
		struct timer *timer = t->heap[1].timer;

		timers_remove(t, timer);
		timer->fire(timer);
	}
	if (t->count)
		arm(t);
}

int timers_open(struct timers *t, uv_loop_t *loop)
{
	*t = (struct timers){0};
	t->uv.data = t;
	return uv_timer_init(loop, &t->uv);
}

static int grow(struct timers *t)
{
	size_t size = t->size ? t->size * 2 : SMALLEST;
	struct timer_entry *heap = realloc(t->heap, size * sizeof(*heap));

	if (!heap)
		return -ENOMEM;
	t->heap = heap;
	t->size = size;
	return 0;
}

/* What a rush has needed goes back. */
static void shrink(struct timers *t)
{
	struct timer_entry *heap = realloc(t->heap, t->size / 2 * sizeof(*heap));

	if (!heap)
		return;
	t->heap = heap;
	t->size /= 2;
}

int timers_add(struct timers *t, struct timer *timer, uint64_t due)
{
	if (t->count + 1 >= t->size && grow(t))
		return -ENOMEM;
	t->count++;
	sift_up(t, t->count, (struct timer_entry){due, timer});
	if (timer->place == 1)
		arm(t);
	return 0;
}

void timers_remove(struct timers *t, struct timer *timer)
{
	size_t at = timer->place;
	struct timer_entry last;

	if (!at)
		return;
	timer->place = 0;
	last = t->heap[t->count--];
	if (last.timer != timer) {
		sift_up(t, at, last);
		sift_down(t, last.timer->place, last);
	}
	if (t->count < t->size / 4 && t->size > SMALLEST)
		shrink(t);
}

void timers_close(struct timers *t)
{
	uv_close((uv_handle_t *)&t->uv, NULL);
	free(t->heap);
}

uint64_t timers_now(void)
{
	return uv_hrtime();
}

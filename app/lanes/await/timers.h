/*
 * Deadlines of one loop: a binary heap above a single uv_timer_t.
 *
 * There is no uv_timer_t per sleep: a libuv handle costs 152 bytes, and its memory may only be
 * freed in a callback. A sleep here is 32 bytes of its request, and just leaves the heap. All
 * functions belong to the loop's thread.
 */
#ifndef LANES_AWAIT_TIMERS_H
#define LANES_AWAIT_TIMERS_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct timer {
	void (*fire)(struct timer *timer);
	size_t place; /* in the heap, from 1; 0: not armed */
};

struct timers {
	struct timer_entry *heap; /* heap[1 … count] */
	size_t count;
	size_t size;
	uv_timer_t uv;
};

/* 0 or a UV_E*. */
int timers_open(struct timers *timers, uv_loop_t *loop);

/* uv_hrtime(), for who has nothing else of libuv. */
uint64_t timers_now(void);

/* Arms the timer: fire() runs once, on the loop, at or after due (uv_hrtime(), nanoseconds), and
 * may arm it again, which does not fail. The timer's memory is the caller's and must stay until it
 * fired or was removed. Returns 0 or -ENOMEM. The timer must not be armed already. */
int timers_add(struct timers *timers, struct timer *timer, uint64_t due);

/* Takes the timer out; nothing happens if it is not armed. */
void timers_remove(struct timers *timers, struct timer *timer);

/* Begins to close the uv handle and frees the heap; run the loop once more after it. */
void timers_close(struct timers *timers);

#endif

/*
 * The scheduler of one loop: which coroutines are ready to go on, and what they can wait for.
 *
 * A coroutine that may go on is put on the ready queue, never resumed on the spot: so no function
 * is re-entered from inside a call it made, and the answers that become ready in one turn of the
 * loop are written together. The queue is run after poll, and again after the timers.
 *
 * All functions belong to the loop's thread.
 */
#ifndef LANES_AWAIT_SCHED_H
#define LANES_AWAIT_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "await/thread_pool.h"
#include "await/timers.h"
#include "scoreboard/scoreboard.h"

struct coroutine;

struct sched_options {
	unsigned threads;	/* of the blocking pool; 0: no pools, jobs run inline (prefork) */
	unsigned spare_threads; /* … and so many more for abandoned jobs */
	size_t thread_queue;
	unsigned cpu_threads;
	size_t cpu_queue;
	int cpu_nice;
	const struct thread_pool_options *own[BOARD_OWN_POOLS]; /* NULL: no more */
	struct board_slot *board; /* where the loop shows itself; NULL: nowhere */
	/* Called when a batch has run; may be NULL. */
	void (*settled)(void *owner);
	void *owner;
};

/* What else lives on a loop, from when it is first needed until the loop is closed. */
struct sched_guest {
	const void *kind;			  /* whose it is: an address of theirs */
	void (*close)(struct sched_guest *guest); /* nothing is there for it afterwards */
	struct sched_guest *next;
};

struct sched {
	struct sched_options options;
	uv_loop_t *loop;
	struct timers timers;
	struct thread_pool *pools[BOARD_POOLS];
	unsigned pool_count; /* 0: jobs run inline */
	struct coroutine *ready_first;
	struct coroutine *ready_last;
	uv_prepare_t prepare;
	uv_check_t check;
	uv_idle_t idle; /* active while something is ready: poll must not block */
	uv_poll_t wake;
	int wake_fd;
	struct sched_guest *guests;
	uint64_t polled; /* uv_hrtime() when the loop last went to poll */
	uint64_t rested; /* … and when it last found nothing to do there; 0: not yet */
	bool deaf;	 /* new connections may be waiting that poll does not tell of */
	uint8_t things[2 * BOARD_THINGS]; /* their numbers, by their names' hashes; 0: none */
	uint8_t seats[BOARD_AWAITS];	  /* of those that are seen to wait, given back: so many */
	unsigned seats_left;
	unsigned seats_used;			   /* ever */
	struct board_await *places[BOARD_WAITERS]; /* that are free, to be seen at: so many */
	unsigned places_left;
};

/* 0 or a UV_E*; after an error nothing is left open but what uv_run() must still close. */
int sched_open(struct sched *sched, uv_loop_t *loop, const struct sched_options *options);

/* Closes everything but the memory of jobs still running on a thread; the loop must run once more
 * before it is closed. */
void sched_close(struct sched *sched);

/* Where one of options.own is in pools; BOARD_POOLS: nowhere. */
enum board_pool sched_own_pool(const struct sched *sched, const struct thread_pool_options *own);

/* The guest of that kind; NULL: there is none. */
struct sched_guest *sched_guest(const struct sched *sched, const void *kind);

/* It lives here from now on. */
void sched_add_guest(struct sched *sched, struct sched_guest *guest);

/* For how many nanoseconds before now (uv_hrtime()) input may have been left unread: the time since
 * the loop last slept in poll. It only sleeps when all that had come was served. */
uint64_t sched_busy(struct sched *sched, uint64_t now);

/* Queues a suspended coroutine to be resumed in the next batch; a second time does nothing … */
void sched_ready(struct sched *sched, struct coroutine *co);

/* … or no longer: nobody wants it any more. */
void sched_unready(struct sched *sched, struct coroutine *co);

#endif

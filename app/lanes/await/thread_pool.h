/*
 * A pool of threads with a bounded queue: where blocking and CPU work goes, so that the loop does
 * not wait for it.
 *
 * Jobs run first in, first out. Threads are started when there is work and no idle thread, up to
 * the limit, and then kept. The limit is for jobs that somebody waits for. A job that is cancelled
 * while it runs is abandoned: it goes on, and no longer counts, as with anyio's abandon_on_cancel.
 * Spare threads replace those that run such jobs. A finished job goes onto a list, and the pool's
 * eventfd becomes readable; the loop then empties the list (thread_pool_reap).
 *
 * It is not libuv's own queue (uv_queue_work), as that has no bound, has four threads, and is
 * shared with what libuv does itself.
 */
#ifndef LANES_AWAIT_THREAD_POOL_H
#define LANES_AWAIT_THREAD_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scoreboard/scoreboard.h"

/* One piece of work. Its memory is the submitter's. From thread_pool_submit() until
 * thread_pool_reap() has handed it back, or thread_pool_cancel() said true, the memory must stay
 * and peer must not be closed. */
struct job {
	void (*run)(struct job *job); /* on the pool's thread */
	struct job *next;
	struct job *prev;
	uint64_t queued;       /* uv_hrtime() at submission */
	uint64_t started;      /* … when a thread took it */
	uint64_t ended;	       /* … when run() returned */
	uint64_t owner;	       /* packed struct span_owner: for whom, on the scoreboard */
	int peer;	       /* descriptor that hangs up when nobody wants it any more; 0: none */
	unsigned thread;       /* number of the thread that ran it, from 0 */
	bool taken;	       /* a thread has it, or has had it */
	bool running;	       /* … and is not done with it */
	atomic_bool abandoned; /* … and was told that nobody waits for it any more */
	bool dropped; /* a thread took it and found that peer had hung up: run() was not called */
};

/* For a pool of its own (struct route) an application sets name, threads and queue, and may set
 * spares and nice. The scheduler sets the rest. */
struct thread_pool_options {
	const char *name;	     /* of the threads (board_is_pool_name()); static */
	unsigned threads;	     /* at most so many at work, at least 1 */
	unsigned spares;	     /* more, in place of those that run abandoned jobs */
	size_t queue;		     /* jobs that may wait for a thread */
	int nice;		     /* of the threads, added to the process's */
	int wake_fd;		     /* an eventfd of the caller, written when jobs are done */
	struct board_threads *board; /* where the pool shows itself */
};

struct thread_pool;

/* Makes a pool; no thread is started yet. NULL if memory is out. */
struct thread_pool *thread_pool_open(const struct thread_pool_options *options);

/* Queues the job. 0, or -EAGAIN if the queue is full or no thread could be started at all. */
int thread_pool_submit(struct thread_pool *pool, struct job *job);

/* Cancels a job. True: no thread had taken it, and it will never run. False: it runs, from now on
 * abandoned, or has run; it comes back through thread_pool_reap(). */
bool thread_pool_cancel(struct thread_pool *pool, struct job *job);

/* Calls fn(arg) where there is no pool; peer as a job's. */
void thread_pool_run_here(void (*fn)(void *arg), void *arg, int peer);

/* On a pool's thread, in run(), or in such a fn: whether somebody still waits for it. */
bool still_wanted(void);

/* All jobs done since the last call, oldest first, linked by next; NULL if none. */
struct job *thread_pool_reap(struct thread_pool *pool);

/* Ends the threads and frees the pool. Queued jobs are dropped. Jobs that are done and were not
 * reaped are handed back in *done, as by thread_pool_reap(). Nothing can interrupt a job that runs:
 * if there is one, this returns false and the pool stays until the end of the process; wake_fd must
 * then stay open. pool may be NULL: then *done is NULL, and the result true. */
bool thread_pool_close(struct thread_pool *pool, struct job **done);

#endif

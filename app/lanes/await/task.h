/*
 * What a handler can wait for.
 *
 * Every function that starts something adds a task to its request. gather() waits for all tasks
 * started so far; sleep_for() and the run_in_… functions are one task and its gather(). The
 * handler is resumed once, by the ready queue, when the last task is done. If a task cannot be
 * started (queue full, memory out) the request is answered with 503 and the handler is not
 * resumed. All functions belong to the loop's thread and to handlers running on it.
 */
#ifndef LANES_AWAIT_TASK_H
#define LANES_AWAIT_TASK_H

#include "http/request.h"

struct task {
	struct request *req; /* NULL when the request no longer waits for it */
	struct task *next;
	struct task *prev;
	void (*cancel)(struct task *task);
};

/* AWAIT(req, sleep_for(req, 1.5)): goes on after that many seconds; asyncio.sleep(). */
void sleep_for(struct request *req, double seconds);

/* AWAIT(req, run_in_threadpool(req, fn, arg)): fn(arg) runs on a thread of the blocking pool, and
 * the handler goes on when it has returned. fn may touch nothing but arg; arg must live as long
 * as the request (frame, request_alloc). */
void run_in_threadpool(struct request *req, void (*fn)(void *arg), void *arg);

/* The same on the CPU pool: one thread per core, of low priority. */
void run_in_cpu_pool(struct request *req, void (*fn)(void *arg), void *arg);

/* Starts a sleep without waiting for it; AWAIT(req, gather(req)) then waits for all of them. */
void gather_add_sleep(struct request *req, double seconds);
void gather(struct request *req);

/* ---- for engines ---- */

/* The request waits for one thing more, until task_done(), or until cancel() was called because it
 * no longer does. The task is the caller's, and lives as long. */
void task_add(struct request *req, struct task *task, void (*cancel)(struct task *task));
void task_done(struct task *task);

/* Runs the handler of req->route, or resumes it: ASYNC on the loop; SYNC through the thread pool.
 * ops->finished() is called when the reply is there, possibly before this returns. begun is
 * uv_hrtime(), or when the handler before this one gave the loop back; returns when this one did.
 * (Reading the clock is a good part of what a request costs.) */
uint64_t task_resume(struct request *req, uint64_t begun);

/* Nobody wants the reply any more: timers stop, queued jobs are dropped unrun, a running one is
 * left to end unheard. The handler is never resumed; the caller then drops its reference. */
void task_cancel_all(struct request *req);

/* Takes a job back that a pool has done. */
struct job;
void task_job_done(struct job *job);

#endif

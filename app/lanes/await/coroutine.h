/*
 * Stackless coroutines: functions that give the loop back while they wait.
 *
 * Such a function remembers a line, starts what it waits for, and returns (AWAIT, below). When that
 * is done it is called again, and jumps to the remembered line. What it waits for are tasks: all
 * that were started, and it goes on once, from the ready queue, when the last of them is done.
 * Whoever embeds a struct coroutine says what is called, and what happens when it has returned for
 * the last time; nothing here knows what the coroutine is for.
 *
 * All functions belong to the loop's thread.
 */
#ifndef LANES_AWAIT_COROUTINE_H
#define LANES_AWAIT_COROUTINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scoreboard/scoreboard.h"

struct coroutine;
struct job;
struct sched;
struct task;

struct coroutine_ops {
	/* Called when it is ready. Calls coroutine_resume(), and then does what the owner has to
	 * do. now is uv_hrtime() as the coroutine before it gave the loop back; the result is when
	 * this one did. So the clock is read once for each: that is a good part of what a request
	 * costs. */
	uint64_t (*resume)(struct coroutine *co, uint64_t now);
	/* Bytes that live as long as it, or NULL if memory is out. */
	void *(*alloc)(struct coroutine *co, size_t size);
	/* A thread works for it: its memory must stay, whatever becomes of it. */
	void (*ref)(struct coroutine *co);
	void (*unref)(struct coroutine *co);
	/* What the log is to say of it: see log_subject. NULL: nothing. */
	const void *(*subject)(struct coroutine *co);
};

/* Where its time went, in nanoseconds. */
struct coroutine_times {
	uint64_t loop;	     /* running */
	uint64_t suspended;  /* from AWAIT to being resumed; the others below are parts of it */
	uint64_t pool_queue; /* waiting for a thread */
	uint64_t pool;	     /* running on a thread */
	uint64_t ready;	     /* from being woken to being run */
	uint64_t fetch;	     /* waiting for other services: a sum, as what follows */
	uint64_t db_queue;   /* … for a connection to the database */
	uint64_t db;	     /* … for the database */
};

/* An AWAIT, as it stands in the source. */
struct await_place {
	const char *what; /* it waits for */
	const char *file;
	const char *function;
	int line;
	unsigned number;		/* on the scoreboard, from 1; 0: none */
	const struct board_slot *board; /* the last that was given its number; NULL: none */
};

struct coroutine {
	const struct coroutine_ops *ops;
	struct sched *sched;	   /* the loop it lives on */
	uint64_t owner;		   /* packed struct span_owner: what the scoreboard calls it */
	int peer;		   /* descriptor that hangs up when nobody wants it; 0: none */
	int line;		   /* where AWAIT left it */
	struct await_place *place; /* that AWAIT; NULL: none yet */
	struct board_await *seat;  /* where it is seen to wait; NULL: it is not */
	bool suspended;		   /* it waits for its tasks */
	bool tries;		   /* it wants to know if what it waits for fails (TRY_AWAIT) */
	bool lent;		   /* a thread still runs a job of it that nobody waits for */
	int error;		   /* what has failed first, a negative errno; 0: nothing */
	bool ready;		   /* it is on the ready queue */
	bool cancelled;		   /* nobody wants it; never resumed */
	bool untold;		   /* its waits are not shown: a stream, background work */
	uint32_t pending;	   /* tasks begun and not ended */
	uint64_t since;		   /* uv_hrtime() when it got the loop, or gave it back */
	uint64_t woken;		   /* … when what it waits for was there; 0: unknown */
	uint64_t pooled; /* … when the last thread was done that it waited for; 0: none */
	uint64_t
		blamed; /* what has failed that has a name: kind and thing, as in a span; 0: none */
	struct task *tasks; /* what has to be cancelled with it */
	struct task *spare; /* sleeps that are over, for the next ones */
	struct task *done;  /* … and jobs */
	struct coroutine *ready_next;
	struct coroutine *ready_prev;
	struct coroutine_times times;
};

/* ---- for whoever embeds one ---- */

/* Runs it, or goes on with it: run(co) is called, and returns when it gives the loop back. now is
 * uv_hrtime(); returns that of the end. */
uint64_t coroutine_resume(struct coroutine *co, uint64_t now, void (*run)(struct coroutine *co));

/* Whether something has failed that it does not try: it is not to go on. */
static inline bool coroutine_has_failed(const struct coroutine *co)
{
	return co->error && !co->tries;
}

/* Whether it has returned for the last time, or must not go on. */
static inline bool coroutine_is_over(const struct coroutine *co)
{
	return coroutine_has_failed(co) || !co->suspended;
}

enum { COROUTINE_BLAME = BOARD_THING + 16 };

/* What has failed that has a name, "db SELECT …", into name, which has COROUTINE_BLAME bytes.
 * False: nothing that has one. */
bool coroutine_blames(const struct coroutine *co, char *name);

/* What it waits for has failed, or could not be begun. The first error is kept. */
void coroutine_fail(struct coroutine *co, int error);

/* Gives up what it still waits for: timers stop, queued jobs are dropped, and nobody hears of the
 * end of a job that runs. Safe to call twice. */
void coroutine_drop_tasks(struct coroutine *co);

/* The same, for one that is not over: it is never resumed. */
void coroutine_cancel(struct coroutine *co);

/* ---- what it can wait for ---- */

/* An outcome, which may be NULL, becomes what the one has come to: 0, or a negative errno; where
 * it was given up, that of what had failed, or -ECANCELED. */

/* Begins to sleep so many seconds; nothing if they are not above 0. */
void coroutine_add_sleep(struct coroutine *co, double seconds, int *outcome);

/* Has fn(arg) run on a thread of the pool; right here, if the loop has none. arg must live as long
 * as the coroutine. It fails with -EAGAIN if the pool is full. */
void coroutine_add_job(struct coroutine *co, enum board_pool pool, void (*fn)(void *arg), void *arg,
		       int *outcome);

/* The same of a fn that may fail: *error is then what it has come to, 0 or a negative errno. */
void coroutine_add_trial(struct coroutine *co, enum board_pool pool, void (*fn)(void *arg),
			 void *arg, const int *error, int *outcome);

/* Waits until one of these events (enum uv_poll_event) is there for a descriptor of the caller's,
 * who keeps it open until then. */
void coroutine_add_fd(struct coroutine *co, int fd, int events, int *outcome);

/* For AWAIT: goes on when all that was begun has ended, or one of it has failed. */
void coroutine_gather(struct coroutine *co);

/* ---- something new to wait for ---- */

/* One thing that a coroutine waits for. Its memory belongs to who began it, and stays until
 * task_end() has returned, or cancel() is called. */
struct task {
	struct coroutine *co; /* NULL when nobody waits for it any more, as in cancel() */
	struct task *next;
	struct task *prev;
	void (*cancel)(struct task *task);
	int *outcome; /* where its error goes: 0, or a negative errno; NULL: nobody asks */
};

/* The coroutine waits for one thing more, until task_end(), or until cancel() was called because it
 * no longer does. outcome may be NULL. */
void task_begin(struct coroutine *co, struct task *task, void (*cancel)(struct task *task),
		int *outcome);

/* It has ended where it was to begin, and is no task. If something before it has failed, that is
 * its outcome, too. */
void coroutine_add_end(struct coroutine *co, int error, int *outcome);

/* It has ended; error is 0 or a negative errno. */
void task_end(struct task *task, int error);

/* What it waits for was there at that time (uv_hrtime()): from then on it is ready. */
static inline void coroutine_woken(struct coroutine *co, uint64_t when)
{
	if (when > co->woken)
		co->woken = when;
}

/* Takes a job back that a pool has done. */
void coroutine_job_done(struct job *job);

#endif

/*
 * What the files of the job worker share: attempts, and errands.
 */
#ifndef LANES_ENGINE_ATTEMPT_H
#define LANES_ENGINE_ATTEMPT_H

#include <uv.h>

#include "base/buffer.h"
#include "client/jobs.h"
#include "engine/engine.h"
#include "engine/turn.h"

struct errand;

struct job_worker {
	struct engine *engine;
	char name[128];		/* of this process: nobody else ever has it */
	struct buffer kinds;	/* arrays of SQL: their names, … */
	struct buffer attempts; /* … how often each is tried, … */
	struct buffer leases;	/* … and seconds */
	uv_timer_t poll;
	uv_timer_t beat;
	uv_timer_t patience;
	struct attempt *running; /* taken, and not reported yet */
	size_t count;		 /* of them */
	struct errand *errands;	 /* that are under way */
	struct buffer strangers; /* md5 of kinds that were warned of, with commas between them */
	uint64_t sweep_after;	 /* uv_now() */
	uint64_t longest_beat;	 /* milliseconds: after so many all workers were heard of */
	bool awake;		 /* there may be something to take */
	bool unsure;		 /* … or be in our name, without our having it */
	bool taking;
	bool beating;
	bool sweeping;
	bool searching;
	bool returning;
	bool given_up; /* what runs no longer counts */
	void (*then)(struct engine *engine);
};

/* A job's turn. */
struct attempt {
	struct turn turn;
	struct job_worker *worker;
	struct attempt *next; /* of worker.running */
	struct attempt *prev;
	struct job_attempt job;
	const struct job_kind *kind;
	uint64_t begun; /* uv_hrtime() */
	bool ended;	/* and is being reported */
};

/* A turn in which something is asked of the database. */
struct errand {
	struct turn turn;
	struct job_worker *worker;
	struct errand *next; /* of worker.errands */
	struct errand *prev;
	void (*over)(struct errand *errand); /* before its memory goes */
	struct attempt *attempt;	     /* it is about; NULL: none */
	struct pg_rows rows;
	struct pg_news news;
	int64_t asked; /* how many jobs */
	int error;     /* what it has failed with; 0: nothing */
	int tries;
};

static inline struct errand *errand_of(struct request *req)
{
	return (struct errand *)req; /* its first member's first */
}

/* Has fn run, which may wait; over may be NULL. False if memory is out. */
bool errand_begin(struct job_worker *worker, void (*fn)(struct request *req),
		  void (*over)(struct errand *errand), struct attempt *attempt);

/* Whether the error is one that goes: the database is away, or busy. Says what else it is. */
bool errand_may_try_again(const struct errand *errand, const char *what);

/* Asks with what the worker has: its name, an array of the jobs' numbers, and maybe one of their
 * attempts. */
void errand_ask_with(struct request *req, struct errand *errand, const char *sql,
		     bool attempts_too);

/* The worker goes on without it. */
void errand_failed(const struct errand *errand, const char *what);

/* Seconds before the next try: up to two, as a rule. */
double errand_pause(const struct errand *errand);

/* Runs the job of a row that was taken, and reports it. */
void attempt_begin(struct job_worker *worker, const struct pg_rows *rows, int row);

/* Nobody wants it any more. */
void attempt_drop(struct attempt *attempt);

/* Says that the worker is alive, and hears what it has lost; nothing if it has nothing. */
void upkeep_beat(struct job_worker *worker);

/* Looks after the queue, unless another worker has. */
void upkeep_sweep(struct job_worker *worker);

/* Takes as many as there is room for. */
void job_worker_look(struct job_worker *worker);

#endif

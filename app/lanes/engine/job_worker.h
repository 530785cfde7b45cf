/*
 * The jobs of a worker without a socket (--engine jobs): which it takes from the queue, runs, and
 * reports. What it says to the database are errands: turns of their own, beside those of the jobs.
 *
 *	take	as many as it has room for, when it was told that there are some, and now and then
 *	report	what one has come to; again and again while the database is away
 *	beat	says that it is alive, and hears what it has lost
 *	sweep	looks after the queue, if no other worker has; and for kinds that nobody takes
 *	news	waits for who enqueues
 *	return	gives back what it does not run
 *
 * Everything here belongs to the loop's thread.
 */
#ifndef LANES_ENGINE_JOB_WORKER_H
#define LANES_ENGINE_JOB_WORKER_H

#include <stdbool.h>

struct application;
struct engine;
struct options;

/* In place of the routes of an application the kinds of its jobs, as routes: for the scoreboard,
 * and to run them. False after a message: there is no database, it has none, or one is none. */
bool job_worker_prepare(const struct options *options, struct application *application);

/* Begins to take jobs. 0 or a UV_E*. */
int job_worker_open(struct engine *engine);

/* Takes no more; engine->jobs is idle, and its owner told (job_worker_settled), when those that run
 * are over. */
void job_worker_drain(struct engine *engine);
bool job_worker_is_idle(const struct engine *engine);

/* Gives up what runs, gives all back, and then, or when the database does not answer for a second,
 * calls then(engine). */
void job_worker_give_back(struct engine *engine, void (*then)(struct engine *engine));

/* Nothing of it is left; NULL engine->jobs is fine. */
void job_worker_close(struct engine *engine);

#endif

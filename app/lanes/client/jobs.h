/*
 * Jobs: heavy work that is put into a queue in PostgreSQL, and done by workers of another kind
 * (--engine jobs), of which there may be any number, on any machine.
 *
 *	AWAIT(req, job_enqueue(req, &f->job, "render", json, .key = key));
 *	reply_header(req, "Location", …f->job.id…);
 *
 * Within a transaction (pg_begin) it is a part of that: the job is there if the data is. The kinds
 * and their handlers are the application's:
 *
 *	static const struct job_kind kinds[] = {
 *		JOB("render", SYNC, render, .input = INPUT(picture), .deadline = 60),
 *	};
 *
 * A handler is that of a request which nobody has sent. Its payload, JSON, is read into
 * request_input() as a body is. What it replies, if that is 2xx, is the job's result. Anything
 *else, and what it fails with, is a failed attempt: there is another one later, or the job is dead.
 *
 * At least once: a job whose worker was killed, or was not heard of for the time of its lease, runs
 * again, though it may have been done. So what it does to others has to be such that doing it twice
 * does no harm.
 */
#ifndef LANES_CLIENT_JOBS_H
#define LANES_CLIENT_JOBS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "client/pg.h"
#include "http/router.h"

struct input;

/* ---- to have something done ---- */

struct job_order {
	const char *kind;
	struct slice payload; /* JSON */
	/* Of one kind and key there is one job, for as long as it is kept: who asks again is given
	 * that. {NULL, 0}: none. */
	struct slice key;
	int priority; /* the highest goes first */
	double delay; /* seconds; not before they have passed */
	int attempts; /* 0: as many as its kind has */
};

/* Of a frame, zeroed. */
struct job_ticket {
	int64_t id;
	bool is_new; /* false: the key had it already */
	struct job_order order;
	bool counts;	/* those that wait, too */
	uint64_t begun; /* uv_hrtime() when it was sent */
	struct pg_rows rows;
};

/* AWAIT(req, job_enqueue(req, &f->job, "render", payload, .priority = 1)). What is in the order
 * lives until that is done. It fails as pg_query() does; and with -EAGAIN (503) if --job-depth of
 * them wait, which is looked at now and then, not each time. */
#define job_enqueue(req, ticket, kind_, payload_, ...)                                             \
	job_enqueue_order(                                                                         \
		req, ticket,                                                                       \
		&(const struct job_order){.kind = (kind_), .payload = (payload_), __VA_ARGS__})
void job_enqueue_order(struct request *req, struct job_ticket *ticket,
		       const struct job_order *order);

/* The same for a gather. */
#define gather_add_job(req, outcome, ticket, kind_, payload_, ...)                                 \
	gather_add_job_order(                                                                      \
		req, outcome, ticket,                                                              \
		&(const struct job_order){.kind = (kind_), .payload = (payload_), __VA_ARGS__})
void gather_add_job_order(struct request *req, int *outcome, struct job_ticket *ticket,
			  const struct job_order *order);

enum job_state { JOB_UNKNOWN, JOB_WAITING, JOB_RUNNING, JOB_DONE, JOB_DEAD, JOB_CANCELLED };

/* Of a frame, zeroed. What it points to lives as pg_rows does. */
struct job_report {
	enum job_state state;
	int attempts;		  /* begun so far */
	struct slice result_type; /* of one that is done */
	struct slice result;
	struct slice error; /* why the last attempt has failed */
	const char *kind;
	int64_t id;
	struct pg_rows rows;
};

/* AWAIT(req, job_read(req, &f->report, "render", id)): what it has come to. It is JOB_UNKNOWN where
 * its kind is another, and when --job-keep has passed since its end. */
void job_read(struct request *req, struct job_report *report, const char *kind, int64_t id);

/* AWAIT(req, job_cancel(req, &f->rows, id)): it is not begun; or its worker hears of it within a
 * third of the lease. pg_bool_at(&f->rows, 0, 0): whether it had not ended. */
void job_cancel(struct request *req, struct pg_rows *rows, int64_t id);

/* ---- to do it ---- */

struct job_kind {
	const char *kind; /* 1 to 40 letters, digits, '-', '_' and '.' */
	void (*handler)(struct request *req);
	enum route_kind runs;
	const struct input *input;		/* BODY fields; NULL: it reads the payload itself */
	const struct thread_pool_options *pool; /* as a route's */
	double deadline; /* seconds for an attempt; one that is late has failed. 0: none */
	double lease;	 /* seconds that its worker may be silent; 0: 30 */
	int attempts;	 /* 0: 5 */
	double backoff;	 /* seconds before the second, doubled with each; 0: 5 */
};

/* clang-format off */
#define JOB(kind_, runs_, handler_, ...) \
	{.kind = (kind_), .handler = (handler_), .runs = ROUTE_##runs_, __VA_ARGS__}
#define JOBS(array) {(array), sizeof(array) / sizeof((array)[0])}
/* clang-format on */

struct job_kinds {
	const struct job_kind *list;
	size_t count;
};

/* One that a handler is at. */
struct job_attempt {
	int64_t id;
	int attempt; /* from 1 */
	const char *kind;
	struct slice payload;
	atomic_bool lost; /* any thread may read it */
};

/* NULL: the handler is that of a request. Lives as long as req. */
const struct job_attempt *request_job(const struct request *req);

/* Whether the worker knows that the job is no longer this attempt's: its lease ran out, and it is
 * another's, or it was cancelled. A handler that waits is not resumed then; one on a thread may ask
 * now and then, and return. Any thread. */
bool job_is_lost(const struct request *req);

/* For the library: how many may wait. */
void jobs_limit_depth(int64_t depth);

#endif

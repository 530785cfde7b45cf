/*
 * What a request is, whoever carried it: the loop engine, the prefork engine or a test.
 *
 * A request is one block of memory: this struct, room for its params, and a small arena for what
 * its handler needs. The engine that received it owns it; tasks that outlive it (a job running in
 * a pool thread) hold a reference. All of it belongs to the loop's thread, except while a SYNC
 * handler runs: then it belongs to that pool thread, and the loop does not touch it.
 */
#ifndef LANES_HTTP_REQUEST_H
#define LANES_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "await/coroutine.h"
#include "base/slice.h"

struct bell;
struct body;
struct budget;
struct call;
struct deadline;
struct deferred;
struct later;
struct job_attempt;
struct json_object;
struct request;
struct route;
struct routes;
struct sched;

enum {
	REQUEST_FRAME_SIZE = 64, /* bytes of a frame that are there for every request */
	/* Bytes of params and arena inside the request's own block. Of a request with few headers
	 * nginx says 220; its input, a sleep and a short answer take the rest. */
	REQUEST_INLINE = 416,
};

/* What an engine does for the requests it carries. */
struct request_ops {
	/* The value of a CGI variable as the web server sent it, or {NULL, 0}. */
	struct slice (*param)(const struct request *req, const char *name);
	/* The handler ran from begun to ended (uv_hrtime()); over: for the last time, and the reply
	 * is there. For observers. Loop thread. */
	void (*ran)(struct request *req, uint64_t begun, uint64_t ended, bool over);
	/* The handler has returned for the last time and the reply is complete. Loop thread. */
	void (*finished)(struct request *req);
	/* Sends the head of a reply that has no end yet; false after another answer. Loop thread,
	 * as are these: what they do, reply.h says. */
	bool (*stream)(struct request *req);
	void (*stream_write)(struct request *req, struct coroutine *writer, struct slice bytes);
	bool (*stream_room)(const struct request *req);
	bool (*stream_wanted)(const struct request *req);
	/* Its handler waits for more of its body, or there is room for more. Loop thread. */
	void (*body_wanted)(struct request *req);
	/* It has work for after its answer, which is about to be sent; or no longer has. Loop
	 * thread. */
	void (*stays)(struct request *req, bool stays);
	/* Answers with that status while the thread of its SYNC handler is still at work. */
	void (*instead)(struct request *req, int status);
	/* The last reference is gone: frees the block. Loop thread. */
	void (*release)(struct request *req);
};

/* Lines of the head that the handler's headers can replace. */
enum { REPLY_TYPE = 1, REPLY_CACHE = 2, REPLY_RETRY = 4, REPLY_VALIDATOR = 8 };

struct reply {
	int status;	       /* 0: not answered yet */
	bool streams;	       /* no length is known: reply_stream() */
	bool begun;	       /* its head was sent */
	bool failed;	       /* a header could not be set: the answer is an error, and stays */
	bool broken : 1;       /* a stream of which something is missing */
	bool retry : 1;	       /* with Retry-After: 1 */
	bool is_json : 1;      /* what owned is */
	unsigned char own : 4; /* REPLY_…: lines that the handler has set itself */
	const char *type;      /* Content-Type */
	struct slice body;     /* static, in the request's arena, or owned by json */
	void *owned;	       /* freed with the request: text, or a json_object; or NULL */
	struct slice headers;  /* further "Name: value\r\n" lines, in the arena */
};

/* When it came, in nanoseconds. Where its time went since, the coroutine knows. */
struct request_times {
	uint64_t received; /* uv_hrtime() when all of the request was there; 0 before */
	/* From nginx's sending to received; before its params are done, when that was, in
	 * milliseconds since the epoch. */
	uint64_t queue;
	bool queue_known; /* nginx said when, and our clock agrees */
};

/* The answer to what has no route. */
struct unrouted {
	int status;
	struct slice
		location; /* where it leads, if that is a 307; of a 404, what it is outside of */
	size_t line_at, line_len; /* that line in reply.headers, for this answer alone */
};

/* Not part of the request's own block, of which there are many. */
struct request_rare {
	struct call *spare_calls; /* that are over, for the next ones */
	struct later *later;	  /* for when the answer has been sent */
	struct deferred *deferred;
	struct deadline *overdue;   /* the route's; NULL: it has none */
	struct deadline *deadlines; /* of what is waited for, innermost first */
	struct deadline *spare_deadlines;
	char *traceparent;	 /* request_traceparent()'s, once it was asked for */
	char *log_id;		 /* the web server's number, for log lines after the answer */
	struct job_attempt *job; /* that it is an attempt of (client/jobs.h); NULL: of none */
	uint32_t *counted;	 /* where the route's requests are counted; NULL: nowhere */
	void *large_frame;
	struct unrouted *unrouted; /* its answer; NULL: it has a route, or another answer */
};

struct request {
	const struct request_ops *ops;
	struct coroutine co;	     /* its handler */
	const struct routes *routes; /* NULL until routed, and if nothing matched */
	const struct route *route;   /* … of these */
	uint64_t serial;	     /* of this worker: what logs call the request */
	uint32_t refs;
	uint16_t route_number; /* of the route in its table, from 1; 0: none */
	uint16_t arena_used;
	bool answered;	       /* the answer has been sent, and this is later */
	bool on_thread;	       /* its SYNC handler is, or waits for one */
	bool frame_lent;       /* a thread may still write to frame */
	bool begun;	       /* its handler has been, or what comes before it */
	uint8_t stages;	       /* functions of its route that are not over, a bit each: handler.c */
	bool reads_later;      /* its route's fields, when the handler is to run */
	bool has_path;	       /* there is a PATH_INFO */
	bool has_sent : 1;     /* there is a LANES_SENT: when nginx sent it */
	bool raw : 1;	       /* path is as it was sent (LANES_PATH), for the router to decode */
	bool started : 1;      /* the engine has: it may answer before its handler has begun */
	struct budget *budget; /* of the memory it takes besides; NULL: none */

	/* What was asked. Borrowed from the params. */
	struct slice method;
	struct slice prefix;	   /* where the application is mounted: "/prefork", often "" */
	struct slice path;	   /* below the prefix: decoded, but if it is raw (http/mount.h) */
	struct slice query;	   /* without '?', still encoded */
	struct slice *path_values; /* of the {names} of its route's path, in their order */

	void *input; /* what the route's fields are read into: request_input() */

	struct reply reply;
	struct request_times times;

	struct body *body;	    /* NULL: its route takes none */
	struct call *call;	    /* what the handler waits for; NULL: it runs itself */
	struct request_rare *rare;  /* what few requests have; NULL: nothing of it yet */
	struct arena_chunk *chunks; /* allocations that did not fit the block */
	_Alignas(max_align_t) unsigned char frame[REQUEST_FRAME_SIZE];
	_Alignas(max_align_t) unsigned char arena[REQUEST_INLINE];
};

extern const struct coroutine_ops request_coroutine;

/* Makes req an empty request with one reference, keeping nothing of what was there. */
void request_init(struct request *req, const struct request_ops *ops, struct sched *sched);

/* Takes one CGI variable into account (REQUEST_METHOD, SCRIPT_NAME, PATH_INFO, QUERY_STRING; and
 * when it was sent, LANES_SENT: nginx's $msec, or HTTP_X_REQUEST_START); others are ignored. The
 * value is borrowed. PATH_INFO wins over SCRIPT_NAME as the path, which then is the prefix; both
 * come decoded (RFC 3875 4.1.5, 4.1.13). LANES_PATH is the path as it was sent, its query left out,
 * and wins over both. */
void request_take_param(struct request *req, struct slice name, struct slice value);

/* Call it after the last one. busy: for how many nanoseconds the worker has been busy, and may have
 * left the request unread. */
void request_params_done(struct request *req, uint64_t busy);

/* Whether it had waited for longer than this (milliseconds; 0: for ever) when it was picked up: who
 * sent it hardly waits any more. */
static inline bool request_is_late(const struct request *req, int64_t timeout)
{
	return timeout && req->times.queue > (uint64_t)timeout * 1000000;
}

/* Whether it came longer ago than this (milliseconds; 0: for ever). now is uv_hrtime(). */
static inline bool request_is_old(const struct request *req, uint64_t now, int64_t age)
{
	return age && now - req->times.received >= (uint64_t)age * 1000000;
}

/* Bytes that live as long as the request, zeroed, or NULL if memory, or its budget, is out. */
void *request_alloc(struct request *req, size_t size);

/* Its rare part, made if it has none; NULL if memory is out. */
struct request_rare *request_rare(struct request *req);

/* A handler's frame, what it keeps across AWAIT: zeroed when it begins, the same at every call. It
 * may have any size; what is beyond REQUEST_FRAME_SIZE is allocated, and aligned as malloc() does:
 * a type that wants more does not compile. Where there is no memory for it the handler returns, and
 * the answer is a 503. */
#define FRAME(req, type)                                                                           \
	__extension__({                                                                            \
		_Static_assert(_Alignof(type) <= _Alignof(max_align_t), "a frame is not aligned"); \
		void *frame_ = request_frame(req, sizeof(type));                                   \
                                                                                                   \
		if (!frame_)                                                                       \
			return;                                                                    \
		(type *)frame_;                                                                    \
	})

/* For FRAME: NULL if memory is out. */
void *request_frame(struct request *req, size_t size);

/* What stands in the path for the {name} of its route: decoded, valid as long as the request.
 * {NULL, 0} if the route has no such name. */
struct slice request_path(const struct request *req, const char *name);

/* What the application keeps: struct routes has it. */
void *request_state(const struct request *req);

/* The value of a CGI variable ("HTTP_USER_AGENT"), or {NULL, 0}, as in work after the answer. Valid
 * until the answer is sent. */
struct slice request_param(const struct request *req, const char *name);

/* Runs the handler of req->route, or goes on with it: ASYNC on the loop; SYNC through the thread
 * pool. When it is over there is a reply, if only an error's, and ops->finished() is called,
 * possibly before this returns. now is uv_hrtime(), or when the handler before this one gave the
 * loop back; returns when this one did. */
uint64_t request_resume(struct request *req, uint64_t now);

/* In its place, if there is a reply already: that is the answer. Returns when that was. */
uint64_t request_is_answered(struct request *req);

/* Call it before request_resume(): neither .before nor .after runs, even if there is a reply
 * already. */
void request_only(struct request *req);

/* ---- what a handler can wait for: AWAIT(req, …) ---- */

/* AWAIT(req, sleep_for(req, 1.5)): goes on after that many seconds; asyncio.sleep(). */
void sleep_for(struct request *req, double seconds);

/* AWAIT(req, run_in_threadpool(req, fn, arg)): fn(arg) runs on a thread of the blocking pool, and
 * the handler goes on when it has returned. fn may touch nothing but arg; arg must live as long
 * as the request (frame, request_alloc). Fails with -EAGAIN if too many wait for a thread. */
void run_in_threadpool(struct request *req, void (*fn)(void *arg), void *arg);

/* The same on the CPU pool: one thread per core, of low priority. */
void run_in_cpu_pool(struct request *req, void (*fn)(void *arg), void *arg);

/* Waits until a descriptor is readable (1) or writable (2), or both (3). It is the handler's, and
 * stays open until then, however the request ends: request_defer() may close it. */
void await_fd(struct request *req, int fd, int events);

/* Waits until the bell is rung (await/bell.h): bell_ring(&bell) lets all go on who wait then. */
void wait_for_bell(struct request *req, struct bell *bell);

/* AWAIT(req, call(req, fn, frame)): fn(req, frame) runs at once, and may AWAIT itself; when it has
 * returned the handler goes on. frame is what it keeps, and lives as long. */
void call(struct request *req, void (*fn)(struct request *req, void *frame), void *frame);

/* AWAIT(req, wait_within(req, 5, request_read(req, &f->piece))): waits for what can be waited for,
 * whatever it is, for so many seconds at most; then that is given up, with all that it waits for,
 * and fails with -ETIMEDOUT. */
#define wait_within(req, seconds, start) ((start), request_within(req, seconds))
void request_within(struct request *req, double seconds);

/* The gather_add_… functions begin something without waiting for it, and AWAIT(req, gather(req))
 * then waits for all of it; gather_within() for so many seconds at most. It fails when one of them
 * does, and with TRY_AWAIT when all have ended. A job may go on after that, and keeps its arg until
 * the request is no more. outcome, which may be NULL, becomes what the one has come to: 0, or a
 * negative errno; if it was given up, or not begun, -ETIMEDOUT, -ECANCELED, or what had failed. */
void gather_add_sleep(struct request *req, double seconds, int *outcome);
void gather_add_thread(struct request *req, void (*fn)(void *arg), void *arg, int *outcome);
void gather_add_cpu(struct request *req, void (*fn)(void *arg), void *arg, int *outcome);
void gather_add_fd(struct request *req, int fd, int events, int *outcome);
void gather_add_bell(struct request *req, struct bell *bell, int *outcome);
void gather(struct request *req);
void gather_within(struct request *req, double seconds);

/* fn(beside, frame) runs beside the others that were added, and may AWAIT itself, with beside in
 * place of req: it is asked what req is asked, and can wait for the same. frame lives until fn has
 * returned, as one of req does. It cannot answer: what it replies goes nowhere, and its outcome
 * becomes -EPERM (500). One of several at a time may wait for the body, and for a stream: another's
 * fails with -EBUSY. What it allocates, defers or does later is the request's. */
void gather_add_call(struct request *req, void (*fn)(struct request *beside, void *frame),
		     void *frame, int *outcome);

/* Has fn(req, frame) run when the answer has been sent, after what was added before. It may AWAIT,
 * and a worker that drains waits for it. What was asked is gone by then, and so is the handler's
 * frame: what fn needs is in frame, from request_alloc(). fn does not run if the library answers
 * with an error in the handler's place. False if memory is out: the handler should return, and the
 * answer is a 503. */
bool request_later(struct request *req, void (*fn)(struct request *req, void *frame), void *frame);

/* Has fn(arg) run on the loop when the request is no more, however it ended, and all its jobs are
 * done; what was deferred last runs first. A frame is gone by then: arg is of request_alloc().
 * False if memory is out: fn(arg) has run already, the handler should return, and the answer is a
 * 503. */
bool request_defer(struct request *req, void (*fn)(void *arg), void *arg);

/* The arg that this fn was deferred with last, of the request's; NULL: it was not. */
void *request_deferred(struct request *req, void (*fn)(void *arg));

/* Loop thread only. */
void request_ref(struct request *req);
void request_unref(struct request *req);

/* For the engine: unref() without ops->release(), which is left to it. True: that was the last
 * reference. */
bool request_drop(struct request *req);

#endif

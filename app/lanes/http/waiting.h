/*
 * What a request waits for, beyond tasks: calls, and deadlines. For http/ alone.
 *
 * A handler may wait for a function that waits itself (call). Then there is a chain of calls, of
 * which the last one is what the coroutine goes on with. Each of them, and the handler, may have
 * deadlines of what it waits for; the last one's are innermost.
 */
#ifndef LANES_HTTP_WAITING_H
#define LANES_HTTP_WAITING_H

#include "http/request.h"

/* A function that is waited for, and where its caller is to go on. */
struct call {
	void (*fn)(struct request *req, void *frame);
	void *frame;
	struct call *caller; /* NULL: the handler */
	int line;	     /* of the caller */
	bool tries;	     /* … and whether it does */
};

/* Runs what the request is at, until somebody waits, or all have returned (handler.c). A failure
 * goes to the last caller that tries; where there is none it stays co->error, or is answered. */
void request_run(struct coroutine *co);

/* Ends the last call, whether it has returned or not: its caller goes on. */
void request_end_call(struct request *req);

/* The last call, or the handler, has what it has waited for: deadlines of that are no more. The
 * request has a rare part. */
void request_goes_on(struct request *req);

/* Nothing is waited for any more: those of all of them. As above. */
void request_end_waits(struct request *req);

/* The request that one of gather_add_call() belongs to; of another, itself (gather_call.c). */
struct request *request_root(const struct request *req);

/* A block of its own; or NULL if memory, or its budget, is out. */
void *request_chunk(struct request *req, size_t size);

/* The route's, of all that the handler does. */
void request_set_deadline(struct request *req, double seconds, uint64_t now);

/* It, and those of waits. As above. */
void request_forget_deadlines(struct request *req);

#endif

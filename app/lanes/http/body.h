/*
 * A request's body: as its handler takes it, whole or piece by piece; and as an engine brings it.
 *
 * Nothing of it is kept that its route's limit does not allow. What has come and was not taken is
 * held in memory, up to a bound; then the engine reads no more of it (body_is_full). Where it must
 * go on, because the whole is waited for or others are on the connection, the rest is in a file
 * without a name, which threads write and read: never on the heap, and never by the loop.
 */
#ifndef LANES_HTTP_BODY_H
#define LANES_HTTP_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/slice.h"

struct request;

/* ---- for handlers ---- */

/* AWAIT(req, request_read(req, &f->piece)): some of the body, from where the last piece ended; it
 * stays until the next call. An empty one: the body has ended.
 *
 * This and request_body() fail, and so the answer is: if more comes than the route's limit,
 * -EMSGSIZE (413); if nothing comes for the body timeout, -ETIME (408); if its length is not what
 * was said, -EPROTO (400); if the disk, or the spool, is full, -ENOSPC (507); anything else is a
 * 503. */
void request_read(struct request *req, struct slice *piece);

/* AWAIT(req, request_body(req)): goes on when all of the body that was not read is there. A SYNC
 * handler begins then. */
void request_body(struct request *req);

/* The body after that, if it is not longer than the memory bound; or {NULL, 0}: it is in a file, to
 * be had from there or by request_read(). */
struct slice request_body_bytes(const struct request *req);

/* The descriptor of that file, for read(), or -1. It stays open as long as the request. What
 * request_read() has given before may be in front of where it begins. */
int request_body_file(const struct request *req);

/* Bytes of the body that have come. */
uint64_t request_body_length(const struct request *req);

/* A new file in that folder, which nobody else can open, and which is gone when it is closed; or a
 * negative errno. The sandbox allows it in --spool only. */
int spool_file(const char *folder);

/* ---- for engines ---- */

/* What the bodies of a worker have in common. */
struct bodies {
	uint64_t limit;	   /* bytes of one whose route names no limit */
	size_t memory;	   /* bytes of one that are in memory while the whole is waited for */
	const char *spool; /* folder of the files; NULL: there are none, and longer ones a 413 */
	struct budget spooled; /* bytes in the files */
	struct budget_kind spool_kind;
	uint64_t timeout; /* nanoseconds that a peer may be silent while more is waited for */
};

/* The routed request has a body. 0, or the status of its refusal: what its CONTENT_LENGTH says is
 * looked at before a byte is there. */
int body_open(struct request *req, struct bodies *bodies);

/* More of it has come; an empty slice: its end. */
void body_came(struct request *req, struct slice bytes);

/* No more of it comes: a negative errno, as above. */
void body_fail(struct request *req, int error);

/* Whether no more should be brought until ops->body_wanted() is called. */
bool body_is_full(const struct request *req);

/* Whether its handler waits for more of it to come. */
bool body_is_wanted(const struct request *req);

/* Whether there is one, and all of it has come. */
bool body_is_whole(const struct request *req);

/* If there is one, no more of it is taken; what was, stays: the answer may be made of it. Safe to
 * call twice. */
void body_drop(struct request *req);

/* Frees what it holds, with its request. */
void body_free(struct request *req);

#endif

/*
 * A request on a FastCGI connection, from BEGIN to END: what the responder tells about it, and how
 * its answer gets onto the connection.
 */
#ifndef LANES_ENGINE_EXCHANGE_H
#define LANES_ENGINE_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "await/coroutine.h"
#include "fcgi/responder.h"
#include "http/request.h"

/* For fcgi_responder_init(); the responder's owner is a struct conn. */
extern const struct fcgi_events exchange_events;

struct conn;
struct engine;

/* A reply without an end; stream.h. */
struct stream {
	struct exchange *next; /* of the connection's streams that have something waiting */
	struct exchange *prev;
	struct buffer bytes; /* to go onto the connection … */
	size_t poured;	     /* … of which these have */
	size_t charged;	     /* to the connection's budget */
	uint64_t since;	     /* uv_now() when it last came to have no more than its limit */
	bool over;	     /* its handler has returned; it ends when nothing waits any more */
	struct task task;    /* the handler, while there is more than the limit */
};

/* One block of memory: the protocol's part of the request and the handler's. */
struct exchange {
	struct fcgi_request fcgi;
	struct conn *conn; /* has a reference */
	bool prepared;
	bool started;
	struct exchange
		*next; /* of those that have arrived, or work after their answer, or spares */
	struct exchange *prev; /* of those that work after their answer */
	struct stream *stream; /* from the moment its head is sent, in the arena; or NULL. The
				* loop's, unlike what the request's reply says */
	struct request req;
};

/* Sends the head, if it is not sent yet, and content, in one record. */
void exchange_send(struct exchange *exchange, const struct request *req, struct slice content);

/* Sends the rest of the reply, and ends the request on its connection. */
void exchange_reply(struct exchange *exchange, const struct request *req);

/* Starts the oldest of engine->arrived, unless its client has gone since it was read. now is
 * uv_hrtime(); returns when the handler gave the loop back. */
uint64_t exchange_start(struct engine *engine, uint64_t now);

/* Ends the connection's streams whose clients are too slow: for the send timeout more than the
 * limit was waiting, or nothing could be put onto the connection. now is uv_now(); held are the
 * milliseconds since the last call that the loop was held, which do not count. True if there was
 * one. */
bool exchange_end_late(struct conn *conn, uint64_t held, uint64_t now);

/* Drops what requests do after their answers. */
void exchange_cancel_later(struct engine *engine);

/* Frees what was kept for requests to come. */
void exchange_free_spares(struct engine *engine);

#endif

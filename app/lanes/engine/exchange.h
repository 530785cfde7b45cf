/*
 * A request on a FastCGI connection, from BEGIN to END: its memory, and how its answer gets onto
 * the connection. arrival.h has what is in between.
 */
#ifndef LANES_ENGINE_EXCHANGE_H
#define LANES_ENGINE_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "await/coroutine.h"
#include "base/util.h"
#include "fcgi/responder.h"
#include "http/request.h"

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
	struct exchange
		*next; /* of those that have arrived, or work after their answer, or spares */
	struct exchange *prev; /* of those that work after their answer */
	struct stream *stream; /* from the moment its head is sent, in the arena; or NULL. The
				* loop's, unlike what the request's reply says */
	struct request req;
};

static inline struct exchange *exchange_of(struct fcgi_request *fcgi)
{
	return container_of(fcgi, struct exchange, fcgi);
}

/* For the responder: a request begins, and nobody wants it any more. */
struct fcgi_request *exchange_begin(struct fcgi_responder *r);
void exchange_gone(struct fcgi_responder *r, struct fcgi_request *fcgi);

/* Sends the head of a reply that has no end yet. */
void exchange_send_head(struct exchange *exchange);

/* Sends the rest of the reply, and ends the request on its connection. */
void exchange_reply(struct exchange *exchange, struct request *req);

/* Answers with that status in place of the handler, which has been started. */
void exchange_answer_instead(struct exchange *exchange, int status);

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

/*
 * Replies of which nobody knows the length. FastCGI has no flow control, and other requests use the
 * same connection. So what a stream's client does not read yet waits in a buffer of the stream:
 * there it delays nobody else, and can be dropped.
 */
#ifndef LANES_ENGINE_STREAM_H
#define LANES_ENGINE_STREAM_H

#include "engine/exchange.h"

static inline size_t stream_waiting(const struct stream *stream)
{
	return stream->bytes.len - stream->poured;
}

/* For request_ops; what they do, reply.h says. */
bool stream_open(struct request *req);
void stream_add(struct request *req, struct coroutine *writer, struct slice bytes);
bool stream_has_room(const struct request *req);
bool stream_is_wanted(const struct request *req);

/* Drops what waits of it. */
void stream_drop(struct exchange *exchange);

/* The last of it is on the connection, and there is no more: ends its request. */
void stream_over(struct exchange *exchange);

/* The request has no stream any more; what waits of it is dropped. */
void stream_end(struct exchange *exchange);

/* Moves what waits in the streams to their connection, in turn, as long as that has room. */
void streams_pour(struct conn *conn);

#endif

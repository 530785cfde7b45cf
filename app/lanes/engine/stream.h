/*
 * Replies without an end. FastCGI has no flow control, and on a stream's connection are others:
 * what its client does not read waits with the stream, where it is in nobody's way, and can be
 * dropped.
 */
#ifndef LANES_ENGINE_STREAM_H
#define LANES_ENGINE_STREAM_H

#include "engine/exchange.h"

static inline size_t stream_waiting(const struct stream *stream)
{
	return stream->bytes.len - stream->poured;
}

/* For request_ops; what they do, reply.h says. */
bool stream_begin(struct request *req);
void stream_add(struct request *req, struct slice bytes);
bool stream_has_room(const struct request *req);
bool stream_is_wanted(const struct request *req);

/* Drops what waits of it. */
void stream_drop(struct exchange *exchange);

/* The last of it is on the connection, and there is no more: ends its request. */
void stream_over(struct exchange *exchange);

/* It has none any more; what waits of it is dropped. */
void stream_end(struct exchange *exchange);

/* Puts onto the connection what its streams have, in turn, as far as it is to go. */
void streams_pour(struct conn *conn);

#endif

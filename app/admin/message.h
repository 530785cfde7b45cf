/*
 * A message of the feed in the making, as JSON. Spans go into it at once, and the other lists
 * behind them.
 */
#ifndef LANES_ADMIN_MESSAGE_H
#define LANES_ADMIN_MESSAGE_H

#include <lanes.h>

#include "admin/bucket.h"

struct message {
	struct buffer *out;
	struct buffer buckets; /* for bucket_append() */
	struct buffer unrecorded;
	struct buffer things;
	bool named[BOARD_THINGS]; /* those that the spans of this worker mention */
	uint64_t lost;
};

/* Into out, whose memory is used again. */
void message_begin(struct message *message, struct buffer *out, const struct workers *workers,
		   uint64_t now);

/* It is sound. */
void message_add_span(struct message *message, const struct worker_state *worker,
		      const struct span *span);

/* Behind the last span of a worker: what those things are called that its spans have by number.
 * Each message says it anew: whoever has missed others understands this one. */
void message_add_names(struct message *message, const struct worker_state *worker);

/* Spans were written over before anybody read them. */
void message_add_unrecorded(struct message *message, const struct worker_state *worker,
			    uint64_t from, uint64_t to);

/* Without memory it is empty. */
void message_end(struct message *message);

#endif

/*
 * What a worker did in a stretch of time, as counts: for a system that does more than could be
 * shown request by request.
 */
#ifndef LANES_ADMIN_BUCKET_H
#define LANES_ADMIN_BUCKET_H

#include <lanes.h>

/* A worker's counters at a moment. */
struct bucket_mark {
	uint64_t at; /* uv_hrtime(); 0: never */
	double busy;
	uint64_t aborted;
	uint64_t answers[BOARD_BUCKETS]; /* of all routes, by how long they took */
};

struct bucket_mark bucket_mark(const struct worker_state *worker);

/* How many answers there were between the two. */
uint64_t bucket_answers(const struct bucket_mark *from, const struct bucket_mark *to);

/* Appends what happened between the two as JSON, with a comma before it if it is not the first of
 * its list; nothing if nothing did. */
void bucket_append(struct buffer *out, const struct worker_state *worker,
		   const struct bucket_mark *from, const struct bucket_mark *to);

#endif

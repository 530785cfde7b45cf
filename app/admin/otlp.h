/*
 * Traces for a collector (OpenTelemetry): what requests did, as OTLP/HTTP in JSON, POSTed to
 * URL/v1/traces while the system runs (--otlp).
 *
 * What waits to be sent, waits on the scoreboard: the rings of the workers. So a collector that is
 * slow or away holds up nothing, and takes no memory: one batch is on its way, and spans that are
 * written over meanwhile are counted as dropped. A request is sent when it is over, whole: a span
 * of the server's kind, and below it what it did.
 *
 * All on the admin worker's loop.
 */
#ifndef LANES_ADMIN_OTLP_H
#define LANES_ADMIN_OTLP_H

#include <lanes.h>

enum {
	OTLP_BATCH =
		262144, /* bytes of JSON, from which on a batch is sent; then the last request's */
	OTLP_WAITING = 8192, /* spans of requests that are not over */
	OTLP_OF_ONE = 512,   /* spans of a request that are sent */
};

/* How far the ring of a slot is read. */
struct otlp_cursor {
	uint64_t pid;
	uint64_t next;
	uint64_t until; /* its head a look ago: what was written since is left to the next one */
};

/* A span of a request that may not be over. They are numbered, and at number % OTLP_WAITING. */
struct otlp_span {
	struct span span;
	unsigned slot;
	bool sent;
	uint64_t before; /* number + 1 of the one before of the same chain; 0: none */
};

/* The next batch, and what it is made from. */
struct otlp_batch {
	const struct scoreboard *board;
	uint64_t salt;	   /* of ids that nobody has given */
	struct buffer out; /* JSON */
	uint64_t spans;	   /* in it */
	bool more;	   /* it was full before all was read */
	bool begun;	   /* the workers' pasts are skipped */
	uint64_t dropped;  /* spans, ever, that were written over before they were read, or sent */
	unsigned slot;	   /* whose turn it is */
	int64_t epoch;	   /* what is to be added to a span's times, nanoseconds */
	bool has_worker;   /* out has its beginning */
	struct otlp_cursor cursors[BOARD_SLOTS];
	uint64_t count;			   /* spans ever noted */
	uint64_t chains[OTLP_WAITING / 2]; /* by request: number + 1 of the last; 0: none */
	struct otlp_span waiting[OTLP_WAITING];
};

/* Reads on, and makes the next one of what is over; batch->spans is 0 if there is nothing. */
void otlp_collect(struct otlp_batch *batch);

struct otlp;

/* To be called before the sandbox. NULL after a message: the URL is none, or memory is out. */
struct otlp *otlp_open(const struct scoreboard *board, const char *url);

/* Sends what there is, for ever: gather_add_call(req, otlp_send, otlp, NULL). */
void otlp_send(struct request *req, void *otlp);

/* For GET /metrics; NULL is fine. */
void append_otlp(struct buffer *out, const struct otlp *otlp);

#endif

/*
 * An HTTP/1 answer as it comes: its status, the few header lines that are of interest, and the
 * beginning of its body. Fed with bytes in pieces of any size; does no I/O.
 *
 * It is the answer to an HTTP/1.0 request: the body ends with its Content-Length, or where the peer
 * closes, and has no chunks. A line longer than ANSWER_LINE is ignored.
 */
#ifndef LANES_CLIENT_ANSWER_H
#define LANES_CLIENT_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ANSWER_BODY = 300,    /* bytes of the body that are kept */
	ANSWER_LINE = 256,    /* bytes of a header line that may be */
	ANSWER_MOST = 262144, /* bytes in all; more is an error */
};

struct answer {
	int status; /* 0: not known yet */
	char worker[48];
	char timing[ANSWER_LINE]; /* Server-Timing, as it came */
	uint64_t serial;	  /* X-Lanes-Request */
	char body[ANSWER_BODY + 1];
	size_t body_kept;

	/* How far it is: for answer_feed(). */
	size_t bytes;
	size_t body_bytes;
	size_t length; /* Content-Length; SIZE_MAX: it ends where the peer closes */
	bool in_body;
	char line[ANSWER_LINE + 1];
	size_t line_len;
};

/* Makes it an empty one. */
void answer_init(struct answer *answer);

enum answer_state { ANSWER_MORE, ANSWER_DONE, ANSWER_BAD, ANSWER_TOO_LONG };

/* Takes bytes; those behind the answer's end are ignored. */
enum answer_state answer_feed(struct answer *answer, const char *bytes, size_t len);

/* Whether the answer is complete if the peer closes now. */
bool answer_ends_here(const struct answer *answer);

#endif

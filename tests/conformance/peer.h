/*
 * The web server's end of one FastCGI connection: sends bytes, sorts the records that come back,
 * and keeps both for a report. Every wait ends: with what was waited for, the end of the
 * connection, or the time that peer_open() was given.
 */
#ifndef TESTS_CONFORMANCE_PEER_H
#define TESTS_CONFORMANCE_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/slice.h"

/* What came for one request, in the order in which the requests' first records came. */
struct answer {
	uint16_t id;
	bool ended;
	bool stdout_closed; /* by an empty record; it may also end with END_REQUEST */
	uint8_t protocol_status;
	uint32_t app_status;
	struct buffer out;
};

struct peer {
	int fd;		  /* -1: not open */
	int timeout;	  /* milliseconds */
	bool closed;	  /* the responder closed, or reset, the connection */
	bool deaf;	  /* does not read, not even while it waits to send */
	size_t read_size; /* bytes to read at once; 0: many */

	struct buffer sent;
	struct buffer received;
	size_t parsed; /* bytes of received that were sorted */

	struct answer *answers;
	size_t answer_count, answer_room;
	size_t ended;	      /* of the answers */
	struct buffer values; /* content of the last GET_VALUES_RESULT */
	size_t values_count;
	bool unknown[256]; /* types that UNKNOWN_TYPE was sent for */
	size_t unknown_count;
	const char *violation; /* what came that nobody may send, or NULL */
};

/* Connects to a path or HOST:PORT. False, with errno, if nobody listens. */
bool peer_open(struct peer *p, const char *address, int timeout);
void peer_close(struct peer *p); /* hangs up; what was seen stays */
void peer_free(struct peer *p);

/* False if the responder closed, or takes no more before the time is over. */
bool peer_send(struct peer *p, struct slice bytes);

/* Waits until the responder has read what was sent, where the system can tell (unix sockets), so
 * that what is sent next comes with its next read. A violation if it does not in time. */
void peer_settle(struct peer *p);

/* Each is true once it is so, and false when the connection or the time has ended before. */
bool peer_ended(struct peer *p, size_t answers);
bool peer_values(struct peer *p, size_t count);
bool peer_unknown(struct peer *p, size_t count);
/* Waits for the end of the connection, wait milliseconds. Does not read if p is deaf. */
bool peer_hung_up(struct peer *p, int wait);

/* The n-th answer for that id, counted from 0, or NULL. */
const struct answer *peer_answer(const struct peer *p, uint16_t id, size_t n);

/* Milliseconds of a clock that is never set. */
int64_t now_ms(void);

/* Writes records as text: a line for each, and its content in hexadecimal; not all of a lot. */
void dump_records(FILE *to, const char *title, struct slice bytes);

#endif

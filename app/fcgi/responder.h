/*
 * One FastCGI connection seen from the application: bytes in, events and bytes out.
 *
 * The responder does no I/O, knows no loop and no clock, and can be fed a stream split anywhere.
 * It carries many requests at once (FCGI_MPXS_CONNS=1). Memory for a request is its owner's: the
 * owner embeds a struct fcgi_request in its own block and hands it out in begin().
 *
 * All functions of one connection are called by one thread. Source for every rule: the FastCGI
 * Specification 1.0; the section is named where the rule is applied.
 */
#ifndef LANES_FCGI_RESPONDER_H
#define LANES_FCGI_RESPONDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../buffer.h"
#include "../slice.h"
#include "params.h"
#include "record.h"

struct fcgi_limits {
	uint32_t max_conns;     /* told to FCGI_GET_VALUES as FCGI_MAX_CONNS */
	uint32_t max_reqs;      /* told to FCGI_GET_VALUES as FCGI_MAX_REQS */
	uint32_t conn_requests; /* at once on one connection; one more gets FCGI_OVERLOADED */
	size_t params_bytes;    /* of one request, as sent */
	size_t stdin_bytes;     /* of one request */
};

/* How a request's input ended. */
enum fcgi_input {
	FCGI_INPUT_OK,
	FCGI_INPUT_PARAMS_TOO_LARGE, /* over limits.params_bytes: answer 431 */
	FCGI_INPUT_PARAMS_MALFORMED, /* lengths that do not fit the stream: answer 400 */
	FCGI_INPUT_STDIN_TOO_LARGE,  /* over limits.stdin_bytes: answer 413 */
	FCGI_INPUT_NO_MEMORY,        /* params could not be stored: answer 503 */
};

/* One request on a connection. The owner allocates it, zeroed, and gives params its storage
 * (fcgi_params_init); all other fields are the responder's own. */
struct fcgi_request {
	struct fcgi_params params; /* complete from ready() on */
	struct fcgi_request *next; /* in its bucket of the responder's table */
	size_t stdin_len;          /* bytes of FCGI_STDIN seen; their content is discarded */
	uint16_t id;
	bool keep_conn;
	bool params_done;
	bool stdin_done;
	bool handed_over; /* ready() was called */
};

/* What the responder tells its owner. The owner may reply from inside ready() and input_failed().
 * It must not free the responder from inside any of them. */
struct fcgi_events {
	/* FCGI_BEGIN_REQUEST of a responder: returns the request to fill, or NULL if there is no
	 * memory for it (the peer is told FCGI_OVERLOADED). */
	struct fcgi_request *(*begin)(void *owner);
	/* The params are complete (FCGI_INPUT_OK), or cannot be had (any other value: the owner
	 * should reply with the error). Called once for a request. STDIN may still be arriving; it
	 * is counted and discarded. */
	void (*ready)(void *owner, struct fcgi_request *request, enum fcgi_input input);
	/* STDIN went over the limit after ready(): the owner should reply with the error (and stop
	 * what it was doing). Called at most once, never after the reply. */
	void (*input_failed)(void *owner, struct fcgi_request *request, enum fcgi_input input);
	/* The peer wants no answer any more (FCGI_ABORT_REQUEST, or the connection is gone). The
	 * responder has forgotten the request already and, if it was an abort, answered it with
	 * FCGI_END_REQUEST; the owner frees it. Also called for requests not yet ready(). */
	void (*gone)(void *owner, struct fcgi_request *request);
};

struct fcgi_responder; /* its fields are in the header so that it can be embedded */

/* Makes an empty connection. limits and events are borrowed and must outlive it. */
void fcgi_responder_init(struct fcgi_responder *r, const struct fcgi_limits *limits,
			 const struct fcgi_events *events, void *owner);

/* Tells gone() for every request still there and frees what the responder holds, out included.
 * Safe to call twice. */
void fcgi_responder_close(struct fcgi_responder *r);

/* Takes all n bytes that arrived. Returns 0, or a negative errno after which the connection must
 * be closed and not fed again: -EPROTO (wrong version, BEGIN on an id in use, a BEGIN body that
 * is too short), -ENOMEM. */
int fcgi_responder_feed(struct fcgi_responder *r, const void *bytes, size_t n);

/* Appends STDOUT records with these bytes to r->out; splits what is over 65,535 bytes, sends
 * nothing for n = 0 (an empty STDOUT would end the stream). */
void fcgi_responder_stdout(struct fcgi_responder *r, struct fcgi_request *request,
			   const void *bytes, size_t n);

/* Ends the STDOUT stream and the request (FCGI_REQUEST_COMPLETE) and forgets it: its id may be
 * used again at once, its late STDIN is ignored, and the owner may free it. */
void fcgi_responder_end(struct fcgi_responder *r, struct fcgi_request *request,
			uint32_t app_status);

/* From now on no request is begun (a BEGIN is ignored) and should_close() turns true when the
 * last active one has ended, whatever the peer's FCGI_KEEP_CONN said. */
void fcgi_responder_shut(struct fcgi_responder *r);

/* True when nothing more can come of this connection: a request without FCGI_KEEP_CONN has ended
 * (section 3.5), or it was shut, and no request is active. Close it once out is flushed; if
 * linger() is true, half-close and read to the end first, or the peer may lose the answer. */
bool fcgi_responder_should_close(const struct fcgi_responder *r);

/* True if the last request ended while its STDIN was still arriving. */
bool fcgi_responder_linger(const struct fcgi_responder *r);

/* Requests begun and not yet ended. */
size_t fcgi_responder_active(const struct fcgi_responder *r);

/* True if the peer owes us something: part of a record, or a request whose params (or BEGIN) are
 * not complete. What a header timeout watches. */
bool fcgi_responder_partial(const struct fcgi_responder *r);

#endif

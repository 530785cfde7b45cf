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

#include "base/buffer.h"
#include "base/slice.h"
#include "fcgi/params.h"
#include "fcgi/record.h"
#include "fcgi/request_table.h"

struct fcgi_limits {
	uint32_t max_conns;	/* told to FCGI_GET_VALUES as FCGI_MAX_CONNS */
	uint32_t max_reqs;	/* told to FCGI_GET_VALUES as FCGI_MAX_REQS */
	uint32_t conn_requests; /* at once on one connection; one more gets FCGI_OVERLOADED */
	size_t params_bytes;	/* of one request, as sent */
	size_t stdin_bytes;	/* of one request whose owner does not take them */
};

/* How a request's input ended. */
enum fcgi_input {
	FCGI_INPUT_OK,
	FCGI_INPUT_PARAMS_TOO_LARGE, /* over limits.params_bytes: answer 431 */
	FCGI_INPUT_STDIN_TOO_LARGE,  /* over limits.stdin_bytes: answer 413 */
	FCGI_INPUT_NO_MEMORY,	     /* params could not be stored: answer 503 */
};

/* One request on a connection. The owner allocates it, zeroed, and gives params its storage
 * (fcgi_params_init); all other fields are the responder's own. */
struct fcgi_request {
	struct fcgi_params params; /* complete from ready(FCGI_INPUT_OK) on; else a part */
	struct fcgi_request *next; /* in its bucket of the responder's table */
	size_t stdin_len;	   /* bytes of FCGI_STDIN seen */
	uint16_t id;
	bool keep_conn;
	bool handed_over; /* ready() was called: further FCGI_PARAMS are ignored */
	bool failed;	  /* the owner was told that the input is not OK, and is not told again */
	bool stdin_done;
	bool stdin_taken; /* its owner takes STDIN: fcgi_responder_take_stdin() */
};

struct fcgi_responder;

/* What the responder tells its owner. The owner may reply from inside ready() and input_failed().
 * It must not free the responder, or take its flow, from inside any of them. */
struct fcgi_events {
	/* FCGI_BEGIN_REQUEST of a responder: returns the request to fill, or NULL if there is no
	 * memory for it (the peer is told FCGI_OVERLOADED). */
	struct fcgi_request *(*begin)(struct fcgi_responder *r);
	/* The params are complete (FCGI_INPUT_OK), or cannot be had (any other value: the owner
	 * should reply with the error). Called once for a request. That they are well-formed is
	 * seen by who reads them (fcgi_params_next). STDIN may still be arriving: see stdin_begins.
	 */
	void (*ready)(struct fcgi_responder *r, struct fcgi_request *request,
		      enum fcgi_input input);
	/* The first content of STDIN comes after ready(OK): the last moment to take it
	 * (fcgi_responder_take_stdin). If nobody does, it is counted and discarded. */
	void (*stdin_begins)(struct fcgi_responder *r, struct fcgi_request *request);
	/* STDIN of a request that takes it; an empty slice is its end. Never after the reply. */
	void (*stdin_came)(struct fcgi_responder *r, struct fcgi_request *request,
			   struct slice bytes);
	/* STDIN went over the limit after ready(), and is not taken: the owner should reply with
	 * the error (and stop what it was doing). Called at most once, never after the reply. */
	void (*input_failed)(struct fcgi_responder *r, struct fcgi_request *request,
			     enum fcgi_input input);
	/* The peer wants no answer any more (FCGI_ABORT_REQUEST, or the connection is gone). The
	 * responder has forgotten the request already and, if it was an abort, answered it with
	 * FCGI_END_REQUEST; the owner frees it. Also called for requests not yet ready(). */
	void (*gone)(struct fcgi_responder *r, struct fcgi_request *request);
};

/* What connections have in common. */
struct fcgi_common {
	struct fcgi_limits limits;
	const struct fcgi_events *events;
};

/* What is on the way on a connection: answers, and a record of which a part has come. An empty one
 * is {0}. out is the owner's to send and to empty, everything else the responder's own. If
 * out.failed is set, by whatever call, the stream of answers is not whole and the connection must
 * be closed. */
struct fcgi_flow {
	struct buffer out; /* bytes for the peer */

	/* The record being read. */
	struct fcgi_header record;
	struct fcgi_request *current; /* its request, if that is active */
	struct fcgi_params values;    /* the body of FCGI_GET_VALUES so far */
	uint16_t content_left;
	uint8_t padding_left;
	uint8_t partial_len;
	unsigned char partial[8]; /* a header, or the body of FCGI_BEGIN_REQUEST, so far */
};

/* One connection. The fields are here so that it can be embedded. What many have while they wait is
 * small: the flow is the owner's, who may have another one in its place, or an empty one that is
 * not to be written to, while nothing is in it; feed() and what answers write to it. */
struct fcgi_responder {
	struct fcgi_flow *flow;
	const struct fcgi_common *common;
	struct fcgi_table active; /* requests begun and not ended */
	uint32_t late : 31;	  /* requests ended or refused that the peer was still sending */
	uint32_t closing : 1;	  /* one without FCGI_KEEP_CONN has ended, or we close */
	uint16_t awaiting;	  /* of the active, those whose params are not complete */
	uint16_t uploads;	  /* those that take STDIN, and it has not ended */
};

/* Makes an empty connection. common and flow are borrowed; the former must outlive it. */
void fcgi_responder_init(struct fcgi_responder *r, const struct fcgi_common *common,
			 struct fcgi_flow *flow);

/* Tells gone() for every request still there and frees what the responder holds. What its flow has,
 * in out and in values, is left to who frees that. Safe to call twice; nothing is begun afterwards.
 */
void fcgi_responder_close(struct fcgi_responder *r);

/* Takes all n bytes that arrived. Returns 0, or a negative errno after which the connection must
 * be closed and not fed again: -EPROTO (wrong version, BEGIN on an id in use, a BEGIN body that
 * is too short), -ENOMEM. */
int fcgi_responder_feed(struct fcgi_responder *r, const void *bytes, size_t n);

/* Why it returned an error, for a log. */
const char *fcgi_responder_fault(const struct fcgi_responder *r);

/* STDIN of this request, which is ready and still active, goes to its owner from now on. False if
 * some of it has come before, and is gone: before its params were complete, or before
 * stdin_begins() has returned. */
bool fcgi_responder_take_stdin(struct fcgi_responder *r, struct fcgi_request *request);

/* Appends STDOUT records with these bytes to flow->out; splits what is over 65,535 bytes, sends
 * nothing for n = 0 (an empty STDOUT would end the stream). */
void fcgi_responder_stdout(struct fcgi_responder *r, const struct fcgi_request *request,
			   const void *bytes, size_t n);

/* The same for content that is put together in flow->out itself: begin, append to it, end with
 * what begin returned. Nothing else of the responder may be called in between. */
static inline size_t fcgi_responder_stdout_begin(struct fcgi_responder *r)
{
	struct buffer *out = &r->flow->out;
	size_t record = out->len;

	if (buffer_reserve(out, FCGI_HEADER_SIZE))
		out->len += FCGI_HEADER_SIZE;
	return record;
}

void fcgi_responder_stdout_end(struct fcgi_responder *r, const struct fcgi_request *request,
			       size_t record);

/* Ends the STDOUT stream and the request (FCGI_REQUEST_COMPLETE) and forgets it: its id may be
 * used again at once, its late STDIN is ignored, and the owner may free it. */
void fcgi_responder_end(struct fcgi_responder *r, struct fcgi_request *request,
			uint32_t app_status);

/* Both in one call: the last of the content is in flow->out, and the request ends. */
void fcgi_responder_finish(struct fcgi_responder *r, struct fcgi_request *request, size_t record,
			   uint32_t app_status);

/* True when nothing more can come of this connection: a request without FCGI_KEEP_CONN has ended
 * (section 3.5), however it ended, and no request is active. Requests begun before
 * that end are still answered; a later BEGIN is ignored, or the connection might never close. Close
 * it once out is flushed; if linger() is true, half-close and read to the end first, or the peer
 * may lose the answer. */
static inline bool fcgi_responder_should_close(const struct fcgi_responder *r)
{
	return r->closing && r->active.count == 0;
}

/* True if, as far as is known, the peer is still sending a request that is no longer active: it
 * ended before its STDIN did, or its BEGIN was refused or ignored. */
static inline bool fcgi_responder_linger(const struct fcgi_responder *r)
{
	return r->late > 0;
}

/* Requests begun and not yet ended. */
static inline size_t fcgi_responder_active(const struct fcgi_responder *r)
{
	return r->active.count;
}

/* True if a request's params are not complete. */
static inline bool fcgi_responder_awaiting(const struct fcgi_responder *r)
{
	return r->awaiting > 0;
}

/* True if a record has not come to its end. */
static inline bool fcgi_flow_has_part(const struct fcgi_flow *flow)
{
	return flow->partial_len | flow->content_left | flow->padding_left;
}

/* True if the peer owes us something: part of a record, or a request whose params (or BEGIN) are
 * not complete. What a header timeout watches. While somebody takes STDIN, which may be slow on
 * either side, a part of a record is nothing that is owed. */
static inline bool fcgi_responder_partial(const struct fcgi_responder *r)
{
	return r->awaiting || (!r->uploads && fcgi_flow_has_part(r->flow));
}

#endif

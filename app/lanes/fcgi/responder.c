/*
 * A connection is read record by record, and nothing is kept of it but what has to wait: a header
 * or a BEGIN body that came in pieces, and a short GET_VALUES body. All other content goes where it
 * belongs (the params of its request, or who takes its STDIN) as it arrives, or nowhere.
 *
 * A record takes effect when its content is complete; its padding is not waited for. The owner may
 * end any request in any callback, so after a callback a request is known only through
 * r->flow->current, which forget() clears.
 */
#include "fcgi/responder.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	VALUES_MAX = 1024, /* bytes of a GET_VALUES body looked at; the three names need 48 */
	END_SIZE = FCGI_HEADER_SIZE * 2 + FCGI_BODY_SIZE, /* an empty STDOUT, and END_REQUEST */
};

static void remember(struct fcgi_responder *r, struct fcgi_request *request)
{
	fcgi_table_add(&r->active, request);
	r->awaiting++;
	r->flow->current = request;
}

/* Every end of a request goes through here. */
static inline void forget(struct fcgi_responder *r, struct fcgi_request *request)
{
	fcgi_table_remove(&r->active, request);
	if (!request->handed_over)
		r->awaiting--;
	if (request->stdin_taken && !request->stdin_done)
		r->uploads--;
	if (!request->keep_conn)
		r->closing = true;
	if (r->flow->current == request)
		r->flow->current = NULL;
}

/* ---- Answers ---- */

/* No padding: it would align content for a peer that parses in place; ours copy headers out. */
static void append_record(struct fcgi_responder *r, enum fcgi_type type, uint16_t id,
			  const void *content, size_t n)
{
	struct fcgi_header header = {.version = FCGI_VERSION,
				     .type = (uint8_t)type,
				     .request_id = id,
				     .content_length = (uint16_t)n};
	char *to = buffer_reserve(&r->flow->out, FCGI_HEADER_SIZE + n);

	if (!to)
		return;
	fcgi_header_encode(&header, to);
	if (n)
		memcpy(to + FCGI_HEADER_SIZE, content, n);
	r->flow->out.len += FCGI_HEADER_SIZE + n;
}

static void append_end(struct fcgi_responder *r, uint16_t id, uint32_t app_status,
		       enum fcgi_protocol_status status)
{
	unsigned char body[FCGI_BODY_SIZE];

	fcgi_end_encode(app_status, status, body);
	append_record(r, FCGI_TYPE_END_REQUEST, id, body, sizeof(body));
}

/* ---- Management records: request id 0 (section 4) ---- */

struct variable {
	const char *name;
	uint32_t value;
};

static void answer_values(struct fcgi_responder *r)
{
	struct variable known[] = {
		{"FCGI_MAX_CONNS", r->common->limits.max_conns},
		{"FCGI_MAX_REQS", r->common->limits.max_reqs},
		{"FCGI_MPXS_CONNS", 1},
	};
	struct buffer content = {0};
	struct slice name, unused;
	size_t at = 0;

	/* Pairs from the first malformed or cut one on are not understood, so not answered. */
	while (fcgi_params_next(&r->flow->values, &at, &name, &unused)) {
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
			char value[11];

			if (!known[i].name || !slice_is(name, known[i].name))
				continue;
			snprintf(value, sizeof(value), "%u", (unsigned int)known[i].value);
			fcgi_params_encode(&content, name, slice_of(value));
			known[i].name = NULL; /* once is enough */
		}
	}
	if (content.failed)
		r->flow->out.failed = true;
	append_record(r, FCGI_TYPE_GET_VALUES_RESULT, FCGI_MANAGEMENT_ID, content.data,
		      content.len);
	buffer_free(&content);
	fcgi_params_free(&r->flow->values);
}

static int take_values(struct fcgi_responder *r, const void *bytes, size_t n)
{
	size_t room = VALUES_MAX - r->flow->values.len;

	return fcgi_params_append(&r->flow->values, bytes, n < room ? n : room, VALUES_MAX);
}

static void end_management(struct fcgi_responder *r)
{
	unsigned char body[FCGI_BODY_SIZE];

	if (r->flow->record.type == FCGI_TYPE_GET_VALUES) {
		answer_values(r);
		return;
	}
	fcgi_unknown_type_encode(r->flow->record.type, body);
	append_record(r, FCGI_TYPE_UNKNOWN, FCGI_MANAGEMENT_ID, body, sizeof(body));
}

/* ---- BEGIN, PARAMS, STDIN, ABORT: in the order in which a request lives (section 5) ---- */

static void refuse(struct fcgi_responder *r, bool keep_conn, enum fcgi_protocol_status status)
{
	append_end(r, r->flow->record.request_id, 0, status);
	r->late++;
	if (!keep_conn)
		r->closing = true;
}

static void begin_request(struct fcgi_responder *r, const void *body)
{
	struct fcgi_request *request;
	struct fcgi_begin begin;
	bool keep_conn;

	if (r->closing) {
		r->late++;
		return;
	}
	begin = fcgi_begin_decode(body);
	keep_conn = begin.flags & FCGI_FLAG_KEEP_CONN;
	if (begin.role != FCGI_ROLE_RESPONDER) {
		refuse(r, keep_conn, FCGI_STATUS_UNKNOWN_ROLE);
		return;
	}
	request = r->active.count < r->common->limits.conn_requests ? r->common->events->begin(r)
								    : NULL;
	if (!request) {
		refuse(r, keep_conn, FCGI_STATUS_OVERLOADED);
		return;
	}
	request->id = r->flow->record.request_id;
	request->keep_conn = keep_conn;
	remember(r, request);
}

static void end_begin(struct fcgi_responder *r)
{
	r->flow->partial_len = 0;
	begin_request(r, r->flow->partial);
}

/* Content over eight bytes is left to later versions of the body, like its reserved bytes. */
static void take_begin(struct fcgi_responder *r, const void *bytes, size_t n)
{
	size_t room = sizeof(r->flow->partial) - r->flow->partial_len;

	if (room == sizeof(r->flow->partial) && n >= room) { /* nearly always; of a known length */
		memcpy(r->flow->partial, bytes, sizeof(r->flow->partial));
		r->flow->partial_len = sizeof(r->flow->partial);
		return;
	}
	if (n > room)
		n = room;
	memcpy(r->flow->partial + r->flow->partial_len, bytes, n);
	r->flow->partial_len += (uint8_t)n;
}

static void hand_over(struct fcgi_responder *r, struct fcgi_request *request, enum fcgi_input input)
{
	request->handed_over = true;
	request->failed = input != FCGI_INPUT_OK;
	r->awaiting--;
	r->common->events->ready(r, request, input);
}

/* PARAMS after the end of their stream are ignored, as the spec has it for any late record: the
 * table that was handed over stays the only one, and other requests do not suffer. */
static void take_params(struct fcgi_responder *r, const void *bytes, size_t n)
{
	struct fcgi_request *request = r->flow->current;
	int error;

	if (request->handed_over)
		return;
	error = fcgi_params_append(&request->params, bytes, n, r->common->limits.params_bytes);
	if (error)
		hand_over(r, request,
			  error == -E2BIG ? FCGI_INPUT_PARAMS_TOO_LARGE : FCGI_INPUT_NO_MEMORY);
}

static void end_params(struct fcgi_responder *r)
{
	struct fcgi_request *request = r->flow->current;

	if (!request->handed_over)
		hand_over(r, request, FCGI_INPUT_OK);
}

bool fcgi_responder_take_stdin(struct fcgi_responder *r, struct fcgi_request *request)
{
	if (request->stdin_len)
		return false;
	request->stdin_taken = true;
	if (!request->stdin_done)
		r->uploads++;
	return true;
}

static void take_stdin(struct fcgi_responder *r, const void *bytes, size_t n)
{
	struct fcgi_request *request = r->flow->current;

	if (request->stdin_done)
		return;
	if (!request->stdin_len && request->handed_over && !request->failed &&
	    !request->stdin_taken)
		r->common->events->stdin_begins(r, request);
	if (r->flow->current != request)
		return;
	request->stdin_len += n;
	if (request->stdin_taken) {
		r->common->events->stdin_came(r, request, (struct slice){bytes, n});
		return;
	}
	if (request->failed || request->stdin_len <= r->common->limits.stdin_bytes)
		return;
	if (!request->handed_over) {
		hand_over(r, request, FCGI_INPUT_STDIN_TOO_LARGE);
		return;
	}
	request->failed = true;
	r->common->events->input_failed(r, request, FCGI_INPUT_STDIN_TOO_LARGE);
}

static void end_stdin(struct fcgi_responder *r)
{
	struct fcgi_request *request = r->flow->current;

	if (request->stdin_done)
		return;
	request->stdin_done = true;
	if (!request->stdin_taken)
		return;
	r->uploads--;
	r->common->events->stdin_came(r, request, (struct slice){NULL, 0});
}

static void abort_request(struct fcgi_responder *r)
{
	struct fcgi_request *request = r->flow->current;

	append_end(r, request->id, 0, FCGI_STATUS_REQUEST_COMPLETE);
	forget(r, request);
	r->common->events->gone(r, request);
}

/* ---- Records ---- */

static int take_content(struct fcgi_responder *r, const void *bytes, size_t n)
{
	if (r->flow->record.request_id == FCGI_MANAGEMENT_ID)
		return r->flow->record.type == FCGI_TYPE_GET_VALUES ? take_values(r, bytes, n) : 0;
	if (r->flow->record.type == FCGI_TYPE_BEGIN_REQUEST)
		take_begin(r, bytes, n);
	else if (r->flow->current && r->flow->record.type == FCGI_TYPE_PARAMS)
		take_params(r, bytes, n);
	else if (r->flow->current && r->flow->record.type == FCGI_TYPE_STDIN)
		take_stdin(r, bytes, n);
	return 0;
}

/* Records of an id that is not active are ignored (section 3.3). Of these, the end of STDIN and an
 * abort say that a request which was ended early has now been sent. */
static void end_inactive(struct fcgi_responder *r)
{
	bool last =
		(r->flow->record.type == FCGI_TYPE_STDIN && r->flow->record.content_length == 0) ||
		r->flow->record.type == FCGI_TYPE_ABORT_REQUEST;

	if (last && r->late)
		r->late--;
}

static void end_record(struct fcgi_responder *r)
{
	bool empty = r->flow->record.content_length == 0;

	if (r->flow->record.request_id == FCGI_MANAGEMENT_ID)
		end_management(r);
	else if (r->flow->record.type == FCGI_TYPE_BEGIN_REQUEST)
		end_begin(r);
	else if (!r->flow->current)
		end_inactive(r);
	else if (r->flow->record.type == FCGI_TYPE_ABORT_REQUEST)
		abort_request(r);
	else if (r->flow->record.type == FCGI_TYPE_PARAMS && empty)
		end_params(r);
	else if (r->flow->record.type == FCGI_TYPE_STDIN && empty)
		end_stdin(r);
}

static int start_record(struct fcgi_responder *r, const void *header)
{
	fcgi_header_decode(&r->flow->record, header);
	r->flow->partial_len = 0;
	if (r->flow->record.version != FCGI_VERSION)
		return -EPROTO;
	r->flow->current = fcgi_table_find(&r->active, r->flow->record.request_id);
	if (r->flow->record.type == FCGI_TYPE_BEGIN_REQUEST &&
	    r->flow->record.request_id != FCGI_MANAGEMENT_ID &&
	    (r->flow->current || r->flow->record.content_length < FCGI_BODY_SIZE))
		return -EPROTO;
	r->flow->content_left = r->flow->record.content_length;
	r->flow->padding_left = r->flow->record.padding_length;
	if (r->flow->content_left == 0)
		end_record(r);
	return 0;
}

/* Stores in *used how many of the n bytes belong to the header. */
static int take_header(struct fcgi_responder *r, const unsigned char *bytes, size_t n, size_t *used)
{
	size_t missing = FCGI_HEADER_SIZE - r->flow->partial_len;

	*used = n < missing ? n : missing;
	if (*used == FCGI_HEADER_SIZE)
		return start_record(r, bytes);
	memcpy(r->flow->partial + r->flow->partial_len, bytes, *used);
	r->flow->partial_len += (uint8_t)*used;
	return r->flow->partial_len == FCGI_HEADER_SIZE ? start_record(r, r->flow->partial) : 0;
}

static int take_body(struct fcgi_responder *r, const unsigned char *bytes, size_t n, size_t *used)
{
	int error;

	*used = n < r->flow->content_left ? n : r->flow->content_left;
	error = take_content(r, bytes, *used);
	r->flow->content_left -= (uint16_t)*used;
	/* That of a request's params ends nothing: an empty record does. */
	if (!error && r->flow->content_left == 0 &&
	    !(r->flow->current && r->flow->record.type == FCGI_TYPE_PARAMS))
		end_record(r);
	return error;
}

static size_t skip_padding(struct fcgi_responder *r, size_t n)
{
	size_t used = n < r->flow->padding_left ? n : r->flow->padding_left;

	r->flow->padding_left -= (uint8_t)used;
	return used;
}

/* ---- A whole request at once ---- */

/* What a web server sends for nearly every request, and in one piece: BEGIN, all params in one
 * record, and the empty records that end params and STDIN. Record by record it would take four
 * hundred instructions more. Returns how many of the n bytes were taken; 0: they are not that. */
static size_t take_whole(struct fcgi_responder *r, const unsigned char *bytes, size_t n)
{
	struct fcgi_flow *flow = r->flow;
	const unsigned char *params = bytes + FCGI_HEADER_SIZE + FCGI_BODY_SIZE;
	const unsigned char *end;
	uint64_t begin, header, id;
	size_t length;

	if (n < FCGI_HEADER_SIZE * 4 + FCGI_BODY_SIZE)
		return 0;
	begin = fcgi_header_number(bytes);
	header = fcgi_header_number(params);
	id = begin & FCGI_HEADER_ID;
	length = (header & FCGI_HEADER_LENGTH) >> 16;
	end = params + FCGI_HEADER_SIZE + length + ((header & FCGI_HEADER_PADDING) >> 8);
	if (!id || begin != (FCGI_HEADER_OF(FCGI_TYPE_BEGIN_REQUEST) | id | FCGI_BODY_SIZE << 16) ||
	    !length ||
	    (header & ~FCGI_HEADER_LENGTH & ~FCGI_HEADER_PADDING) !=
		    (FCGI_HEADER_OF(FCGI_TYPE_PARAMS) | id) ||
	    bytes + n - end < (ptrdiff_t)FCGI_HEADER_SIZE * 2 ||
	    fcgi_header_number(end) != (FCGI_HEADER_OF(FCGI_TYPE_PARAMS) | id) ||
	    fcgi_header_number(end + FCGI_HEADER_SIZE) != (FCGI_HEADER_OF(FCGI_TYPE_STDIN) | id))
		return 0;
	if (fcgi_table_find(&r->active, (uint16_t)(id >> 32)))
		return 0;
	flow->record = (struct fcgi_header){.version = FCGI_VERSION,
					    .type = FCGI_TYPE_BEGIN_REQUEST,
					    .request_id = (uint16_t)(id >> 32),
					    .content_length = FCGI_BODY_SIZE};
	flow->current = NULL;
	begin_request(r, bytes + FCGI_HEADER_SIZE);
	if (!r->flow->current) /* it is refused, and what follows is ignored */
		return FCGI_HEADER_SIZE + FCGI_BODY_SIZE;
	take_params(r, params + FCGI_HEADER_SIZE, length);
	if (r->flow->current)
		end_params(r);
	if (r->flow->current)
		end_stdin(r);
	else if (r->late)
		r->late--;
	return (size_t)(end - bytes) + (size_t)FCGI_HEADER_SIZE * 2;
}

/* ---- The connection ---- */

void fcgi_responder_init(struct fcgi_responder *r, const struct fcgi_common *common,
			 struct fcgi_flow *flow)
{
	*r = (struct fcgi_responder){.common = common, .flow = flow};
}

int fcgi_responder_feed(struct fcgi_responder *r, const void *bytes, size_t n)
{
	struct fcgi_flow *flow = r->flow;
	const unsigned char *at = bytes;
	int error = 0;

	while (n && !error) {
		size_t used;

		if (flow->content_left)
			error = take_body(r, at, n, &used);
		else if (flow->padding_left)
			used = skip_padding(r, n);
		else if (flow->partial_len || !(used = take_whole(r, at, n)))
			error = take_header(r, at, n, &used);
		at += used;
		n -= used;
	}
	return !error && flow->out.failed ? -ENOMEM : error;
}

/* The record at which it stopped is still the current one. */
const char *fcgi_responder_fault(const struct fcgi_responder *r)
{
	if (r->flow->record.version != FCGI_VERSION)
		return "what came is not FastCGI";
	if (r->flow->record.type != FCGI_TYPE_BEGIN_REQUEST || r->flow->out.failed)
		return "memory is out";
	return r->flow->current ? "a request begins whose id is in use"
				: "the begin of a request is cut";
}

void fcgi_responder_end(struct fcgi_responder *r, struct fcgi_request *request, uint32_t app_status)
{
	uint64_t id = (uint64_t)request->id << 32;
	struct buffer *out = &r->flow->out;
	void *to = buffer_reserve(out, END_SIZE);

	if (to) {
		to = fcgi_put_number(to, FCGI_HEADER_OF(FCGI_TYPE_STDOUT) | id);
		to = fcgi_put_number(to, FCGI_HEADER_OF(FCGI_TYPE_END_REQUEST) | id |
						 FCGI_BODY_SIZE << 16);
		/* FCGI_STATUS_REQUEST_COMPLETE is 0. */
		fcgi_put_number(to, (uint64_t)app_status << 32);
		out->len += END_SIZE;
	}
	if (!request->stdin_done)
		r->late++;
	forget(r, request);
}

void fcgi_responder_finish(struct fcgi_responder *r, struct fcgi_request *request, size_t record,
			   uint32_t app_status)
{
	fcgi_responder_stdout_end(r, request, record);
	fcgi_responder_end(r, request, app_status);
}

void fcgi_responder_close(struct fcgi_responder *r)
{
	struct fcgi_request *request;

	r->closing = true;
	while ((request = fcgi_table_any(&r->active))) {
		forget(r, request);
		r->common->events->gone(r, request);
	}
	fcgi_table_free(&r->active);
}

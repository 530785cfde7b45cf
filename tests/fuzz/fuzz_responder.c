/*
 * A whole connection. The input is a script and the stream of a peer: one byte with the mode, one
 * with the script's length n, n bytes of script, the stream. Each byte of the script says how much
 * of the stream arrives next and what the owner does then; when the script is over, what is left
 * of the stream arrives at once.
 *
 * A model keeps count: of everything begun, ended, refused or gone, and of the records that come
 * out of it. Where the owner answers at once, the stream is fed a second time, byte by byte, and
 * must bring the same bytes.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../support/stream.h"
#include "base/util.h"
#include "fcgi/responder.h"

enum { ANSWER_AT_ONCE = 1, STORAGE = 24 };

struct owned {
	struct fcgi_request fcgi;
	struct owned *next;
	int readied;
	int failed;
	char storage[STORAGE];
};

struct model {
	struct fcgi_responder responder;
	struct fcgi_flow flow;
	struct owned *live;
	bool answer_at_once;
	bool no_memory;
	size_t begun, ended, gone;
	struct buffer all; /* every byte that came out */
};

static const struct fcgi_limits LIMITS = {10, 20, 20, 200, 300};

static void release(struct model *m, struct owned *owned)
{
	struct owned **at = &m->live;

	while (*at != owned)
		at = &(*at)->next;
	*at = owned->next;
	fcgi_params_free(&owned->fcgi.params);
	free(owned);
}

static void answer(struct model *m, struct owned *owned)
{
	fcgi_responder_stdout(&m->responder, &owned->fcgi, "hello", 5);
	fcgi_responder_end(&m->responder, &owned->fcgi, 7);
	release(m, owned);
	m->ended++;
}

static struct fcgi_request *on_begin(struct fcgi_responder *r)
{
	struct model *m = container_of(r, struct model, responder);
	struct owned *owned = m->no_memory ? NULL : calloc(1, sizeof(*owned));

	if (!owned)
		return NULL;
	fcgi_params_init(&owned->fcgi.params, owned->storage, sizeof(owned->storage));
	owned->next = m->live;
	m->live = owned;
	m->begun++;
	return &owned->fcgi;
}

static void on_ready(struct fcgi_responder *r, struct fcgi_request *request, enum fcgi_input input)
{
	struct owned *owned = (struct owned *)request;
	struct model *m = container_of(r, struct model, responder);

	assert(owned->readied++ == 0);
	assert(request->failed == (input != FCGI_INPUT_OK));
	assert(request->params.len <= LIMITS.params_bytes);
	if (m->answer_at_once)
		answer(m, owned);
}

static void on_input_failed(struct fcgi_responder *r, struct fcgi_request *request,
			    enum fcgi_input input)
{
	struct owned *owned = (struct owned *)request;

	assert(input == FCGI_INPUT_STDIN_TOO_LARGE && owned->readied && owned->failed++ == 0);
	answer(container_of(r, struct model, responder), owned);
}

static void on_gone(struct fcgi_responder *r, struct fcgi_request *request)
{
	struct model *m = container_of(r, struct model, responder);

	release(m, (struct owned *)request);
	m->gone++;
}

/* Every other id takes its STDIN. */
static void on_stdin_begins(struct fcgi_responder *r, struct fcgi_request *request)
{
	struct model *m = container_of(r, struct model, responder);

	assert(((struct owned *)request)->readied && !request->stdin_len);
	if (request->id & 1)
		assert(fcgi_responder_take_stdin(&m->responder, request));
}

static void on_stdin_came(struct fcgi_responder *r, struct fcgi_request *request,
			  struct slice bytes)
{
	(void)r;
	assert(request->id & 1 && request->stdin_len && request->stdin_done == !bytes.len);
}

static const struct fcgi_events EVENTS = {.begin = on_begin,
					  .ready = on_ready,
					  .stdin_begins = on_stdin_begins,
					  .stdin_came = on_stdin_came,
					  .input_failed = on_input_failed,
					  .gone = on_gone};

/* The counts that must agree whenever the responder is at rest. */
static void check(struct model *m)
{
	size_t live = 0, unready = 0;

	for (const struct owned *owned = m->live; owned; owned = owned->next) {
		live++;
		unready += !owned->readied;
	}
	assert(live == fcgi_responder_active(&m->responder));
	assert(live == m->begun - m->ended - m->gone);
	assert(live <= LIMITS.conn_requests);
	assert(!unready || fcgi_responder_partial(&m->responder));
	assert(!live || !fcgi_responder_should_close(&m->responder));
	buffer_append(&m->all, m->flow.out.data, m->flow.out.len);
	buffer_free(&m->flow.out);
}

/* The request with this number, from the last begun on; NULL if there are not so many. */
static struct owned *numbered(struct model *m, unsigned int number)
{
	struct owned *owned = m->live;

	while (owned && number--)
		owned = owned->next;
	return owned;
}

static void act(struct model *m, uint8_t step)
{
	struct owned *owned = numbered(m, step >> 2 & 7);

	if ((step & 3) == 1 && owned && owned->readied)
		answer(m, owned);
	else if ((step & 3) == 2)
		m->no_memory = !m->no_memory;
}

/* Feeds a copy of its own, so that a read beyond it is seen. */
static int feed(struct model *m, const uint8_t *bytes, size_t n)
{
	uint8_t *piece = malloc(n ? n : 1);
	int error;

	memcpy(piece, bytes, n);
	error = fcgi_responder_feed(&m->responder, piece, n);
	free(piece);
	check(m);
	return error;
}

/* Every record that came out is whole, and there is one end for each request that had one. */
static void check_records(const struct model *m, size_t gone_by_abort)
{
	struct slice left = buffer_slice(&m->all);
	size_t ends = 0, stdout_ends = 0;
	struct record r;

	while (record_take(&r, &left)) {
		assert(r.id ? r.type == FCGI_TYPE_STDOUT || r.type == FCGI_TYPE_END_REQUEST
			    : r.type == FCGI_TYPE_GET_VALUES_RESULT || r.type == FCGI_TYPE_UNKNOWN);
		stdout_ends += r.type == FCGI_TYPE_STDOUT && !r.content.len;
		ends += r.type == FCGI_TYPE_END_REQUEST &&
			r.content.data[4] == FCGI_STATUS_REQUEST_COMPLETE;
	}
	assert(!left.len);
	assert(stdout_ends == m->ended && ends == m->ended + gone_by_abort);
}

static void converse(struct model *m, const uint8_t *script, size_t steps, const uint8_t *stream,
		     size_t n)
{
	const struct fcgi_common common = {.limits = LIMITS, .events = &EVENTS};
	size_t gone_by_abort;
	int error = 0;

	fcgi_responder_init(&m->responder, &common, &m->flow);
	for (size_t i = 0; i < steps && !error; i++) {
		size_t part = script[i] < n ? script[i] : n;

		error = feed(m, stream, part);
		stream += part;
		n -= part;
		if (!m->answer_at_once)
			act(m, script[i]);
		check(m);
	}
	if (!error)
		feed(m, stream, n);
	gone_by_abort = m->gone;
	fcgi_responder_close(&m->responder);
	fcgi_responder_close(&m->responder);
	check(m);
	fcgi_params_free(&m->flow.values);
	assert(!m->live && m->begun == m->ended + m->gone);
	check_records(m, gone_by_abort);
}

/* The owner answers at once: however the stream is cut, the same must come out. */
static void compare(const uint8_t *stream, size_t n, const struct model *with)
{
	uint8_t *ones = malloc(n ? n : 1);
	struct model m = {.answer_at_once = true};

	memset(ones, 1, n);
	converse(&m, ones, n, stream, n);
	assert(slice_equal(buffer_slice(&m.all), buffer_slice(&with->all)));
	buffer_free(&m.all);
	free(ones);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t steps;
	struct model m = {0};

	if (size < 2)
		return 0;
	steps = data[1] < size - 2 ? data[1] : size - 2;
	m.answer_at_once = data[0] & ANSWER_AT_ONCE;
	converse(&m, data + 2, steps, data + 2 + steps, size - 2 - steps);
	if (m.answer_at_once)
		compare(data + 2 + steps, size - 2 - steps, &m);
	buffer_free(&m.all);
	return 0;
}

/*
 * GET /trace?seconds=10: what happened lately, as Chrome Trace Event JSON, which Perfetto and
 * chrome://tracing open.
 *
 * A process is a worker, a thread its loop or a thread of its pools; what runs there is a complete
 * event ("X"). Waits overlap in ways that threads cannot, so they are async events ("b", "e") of
 * the request. A flow ("s", "f") leads from where a request last ran to where it runs next: the
 * arrow's length is how long it waited.
 *
 * It may be many megabytes, so it is made and sent in pieces: the next one when the client has
 * taken the last, and when the loop has been to everybody else.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/status.h"

enum {
	SPANS_AT_ONCE = 64,
	PIECE = 32768,		 /* bytes, but for the last spans of it */
	STEPS = 64,		 /* of a piece that few spans get into */
	REMEMBERED = 1024,	 /* requests whose last place is known, by serial */
	THREADS_OF_POOL = 10000, /* thread ids: 0 is the loop, then each pool has so many */
};

/* Where a request ran last. */
struct place {
	uint32_t serial;
	unsigned thread;
	uint64_t start;
	uint64_t end;
};

struct trace {
	const struct scoreboard *board;
	struct buffer out; /* the piece that is being made */
	bool begun;	   /* with an event */
	bool done;	   /* … and the last one */
	uint64_t since;
	uint64_t flows;
	uint64_t awaited;

	unsigned slot; /* the next to look at */
	bool has_worker;
	struct worker_state worker; /* whose spans we are at: */
	uint64_t next;
	uint64_t end;
	size_t left; /* spans that may be read, whatever the worker says there were */
	struct place places[REMEMBERED];
};

static double microseconds(uint64_t ns)
{
	return (double)ns / 1e3;
}

static void begin_event(struct trace *trace, const char *phase, unsigned thread)
{
	struct buffer *out = &trace->out;

	buffer_format(out, "%s\n{\"ph\":\"%s\",\"pid\":%" PRIu64 ",\"tid\":%u",
		      trace->begun ? "," : "", phase, trace->worker.pid, thread);
	trace->begun = true;
}

static void name_thread(struct trace *trace, unsigned thread, const char *name)
{
	begin_event(trace, "M", thread);
	buffer_append_text(&trace->out, ",\"name\":\"thread_name\",\"args\":{\"name\":");
	json_string(&trace->out, slice_of(name));
	buffer_append_text(&trace->out, "}}");
}

static unsigned pool_thread(enum board_pool pool, unsigned thread)
{
	return (pool + 1) * THREADS_OF_POOL + thread;
}

static void append_names(struct trace *trace)
{
	begin_event(trace, "M", 0);
	buffer_append_text(&trace->out, ",\"name\":\"process_name\",\"args\":{\"name\":");
	json_string(&trace->out, slice_of(trace->worker.name));
	buffer_append_text(&trace->out, "}}");
	name_thread(trace, 0, strcmp(trace->worker.engine, "prefork") ? "loop" : "process");
	for (int p = 0; p < BOARD_POOLS; p++) {
		for (unsigned t = 0; t < trace->worker.pools[p].threads; t++) {
			struct buffer name = {0};

			buffer_format(&name, "%s-%u", trace->worker.pools[p].name, t + 1);
			buffer_append(&name, "", 1);
			name_thread(trace, pool_thread(p, t), name.failed ? "" : name.data);
			buffer_free(&name);
		}
	}
}

static void append_flow(struct trace *trace, const struct place *from, unsigned thread,
			uint64_t start)
{
	/* Inside the slices that they lead from and to, a nanosecond being enough. */
	uint64_t leaves = from->end - 1 < start ? from->end - 1 : start;

	trace->flows++;
	begin_event(trace, "s", from->thread);
	buffer_format(&trace->out,
		      ",\"ts\":%.3f,\"id\":\"%" PRIu64 "-%" PRIu64
		      "\",\"cat\":\"wait\",\"name\":\"wait\"}",
		      microseconds(leaves), trace->worker.pid, trace->flows);
	begin_event(trace, "f", thread);
	buffer_format(&trace->out,
		      ",\"ts\":%.3f,\"id\":\"%" PRIu64 "-%" PRIu64
		      "\",\"cat\":\"wait\",\"name\":\"wait\",\"bp\":\"e\"}",
		      microseconds(start + 1), trace->worker.pid, trace->flows);
}

/* … and what logs call it, if that is known. */
static void append_request(struct trace *trace, uint32_t serial)
{
	buffer_format(&trace->out, ",\"args\":{\"request\":%" PRIu32, serial);
	ids_json(&trace->out, trace->worker.slot, serial);
}

static void append_run(struct trace *trace, const struct span *span)
{
	unsigned thread = span->kind == SPAN_POOL ? pool_thread(span->pool, span->thread) : 0;
	struct place *place = &trace->places[span->owner.serial % REMEMBERED];
	char name[BOARD_ROUTE];
	const char *route = board_route_name(trace->worker.slot, span->owner.route, name);

	begin_event(trace, "X", thread);
	buffer_append_text(&trace->out, ",\"cat\":\"run\",\"name\":");
	json_string(&trace->out, slice_of(*route ? route : "no route"));
	buffer_format(&trace->out, ",\"ts\":%.3f,\"dur\":%.3f", microseconds(span->start),
		      microseconds(span->duration));
	append_request(trace, span->owner.serial);
	if (span->owner.status)
		buffer_format(&trace->out, ",\"status\":%u", span->owner.status);
	buffer_append_text(&trace->out, "}}");
	if (place->end && place->serial == span->owner.serial)
		append_flow(trace, place, thread, span->start);
	*place = (struct place){span->owner.serial, thread, span->start,
				span->start + span->duration};
}

/* From its beginning to its end; id: those of one are drawn into each other. */
static void append_wait(struct trace *trace, const struct span *span, const char *name,
			const char *id)
{
	const uint64_t times[] = {span->start, span->start + span->duration};
	char route[BOARD_ROUTE];

	for (int i = 0; i < 2; i++) {
		begin_event(trace, i ? "e" : "b", 0);
		buffer_append_text(&trace->out, ",\"cat\":\"wait\",\"name\":");
		json_string(&trace->out, slice_of(name));
		buffer_format(&trace->out, ",\"id2\":{\"local\":\"%s\"},\"ts\":%.3f", id,
			      microseconds(times[i]));
		append_request(trace, span->owner.serial);
		buffer_append_text(&trace->out, ",\"route\":");
		json_string(&trace->out, slice_of(board_route_name(trace->worker.slot,
								   span->owner.route, route)));
		buffer_append_text(&trace->out, "}}");
	}
}

/* Waits of a request follow each other; of those that have the name of what is awaited, there may
 * be several at the same time. */
static void append_wait_of(struct trace *trace, const struct span *span)
{
	char name[SPAN_NAME];
	char id[40];

	if (!span_has_thing(span->kind)) {
		snprintf(id, sizeof(id), "%" PRIu32, span->owner.serial);
		append_wait(trace, span, span_name(span->kind), id);
		return;
	}
	snprintf(id, sizeof(id), "%" PRIu32 "-%" PRIu64, span->owner.serial, ++trace->awaited);
	span_thing_name(trace->worker.slot, span->kind, span->thing, name);
	append_wait(trace, span, name, id);
}

static void append_span(struct trace *trace, const struct span *span)
{
	if (!span_is_sound(span) || span->start + span->duration < trace->since)
		return;
	if (span->kind == SPAN_LOOP || span->kind == SPAN_POOL)
		append_run(trace, span);
	else
		append_wait_of(trace, span);
}

/* Goes to the next living worker; false if there is none. */
static bool next_worker(struct trace *trace)
{
	trace->has_worker = false;
	while (!trace->has_worker && trace->slot < scoreboard_slots(trace->board))
		trace->has_worker = worker_read(trace->board, trace->slot++, &trace->worker);
	if (!trace->has_worker)
		return false;
	trace->end = board_head(trace->worker.slot);
	trace->next = trace->end > BOARD_SPANS ? trace->end - BOARD_SPANS : 0;
	trace->left = BOARD_SPANS;
	memset(trace->places, 0, sizeof(trace->places));
	append_names(trace);
	return true;
}

/* False if the worker has no more. */
static bool append_spans(struct trace *trace)
{
	struct span spans[SPANS_AT_ONCE];
	size_t count = 0;

	if (trace->has_worker && trace->next < trace->end && trace->left)
		count = board_spans(trace->worker.slot, &trace->next, spans, SPANS_AT_ONCE, NULL);
	trace->left -= count < trace->left ? count : trace->left;
	for (size_t i = 0; i < count; i++)
		append_span(trace, &spans[i]);
	return count != 0;
}

/* Makes the next piece; false if there is none. */
static bool make_piece(struct trace *trace)
{
	struct buffer *out = &trace->out;
	bool more = !trace->done;

	if (!trace->slot)
		buffer_append_text(out, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[");
	for (int i = 0; i < STEPS && more && out->len < PIECE && !out->failed; i++)
		more = append_spans(trace) || next_worker(trace);
	if (!more && !trace->done)
		buffer_append_text(out, "\n]}\n");
	trace->done = !more;
	if (!out->failed)
		return more || out->len;
	buffer_free(out);
	return false;
}

static void send_piece(struct request *req, struct trace *trace)
{
	stream_write(req, buffer_slice(&trace->out));
	buffer_free(&trace->out);
}

static struct trace *begin_trace(struct request *req)
{
	struct trace *trace = request_alloc(req, sizeof(*trace));
	const struct admin *state = request_state(req);
	const struct trace_span *span = request_input(req);
	uint64_t now = board_now();

	if (!trace) {
		reply_error(req, 503);
		return NULL;
	}
	trace->board = state->board;
	if (now > (uint64_t)(span->seconds * 1e9))
		trace->since = now - (uint64_t)(span->seconds * 1e9);
	return trace;
}

void chrome_trace(struct request *req)
{
	struct trace **trace = request_frame(req, sizeof(struct trace *));

	ASYNC_BEGIN(req);
	*trace = begin_trace(req);
	if (!*trace || !reply_stream(req, 200, "application/json"))
		return;
	while (stream_wanted(req) && make_piece(*trace))
		AWAIT(req, send_piece(req, *trace));
	ASYNC_END(req);
}

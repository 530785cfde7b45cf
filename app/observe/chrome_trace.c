/*
 * GET /trace?seconds=10: what happened lately, as Chrome Trace Event JSON, which Perfetto and
 * chrome://tracing open.
 *
 * A process is a worker, a thread its loop or a thread of its pools; what runs there is a complete
 * event ("X"). Waits overlap in ways that threads cannot, so they are async events ("b", "e") of
 * the request. A flow ("s", "f") leads from where a request last ran to where it runs next: the
 * arrow's length is how long it waited.
 */
#include <inttypes.h>
#include <string.h>

#include "../http/query.h"
#include "../http/reply.h"
#include "admin.h"
#include "board_reader.h"
#include "status.h"

enum {
	SPANS_AT_ONCE = 64,
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
	struct buffer *out;
	const struct worker_state *worker;
	uint64_t since;
	struct place places[REMEMBERED];
	uint64_t flows;
};

static double microseconds(uint64_t ns)
{
	return (double)ns / 1e3;
}

static void begin_event(struct trace *trace, const char *phase, unsigned thread)
{
	struct buffer *out = trace->out;

	buffer_format(out, "%s\n{\"ph\":\"%s\",\"pid\":%" PRIu64 ",\"tid\":%u",
		      !out->failed && out->data[out->len - 1] == '[' ? "" : ",", phase,
		      trace->worker->pid, thread);
}

static void name_thread(struct trace *trace, unsigned thread, const char *name)
{
	begin_event(trace, "M", thread);
	buffer_append_text(trace->out, ",\"name\":\"thread_name\",\"args\":{\"name\":");
	status_string(trace->out, name);
	buffer_append_text(trace->out, "}}");
}

static unsigned pool_thread(enum board_pool pool, unsigned thread)
{
	return (pool + 1) * THREADS_OF_POOL + thread;
}

static void append_names(struct trace *trace)
{
	begin_event(trace, "M", 0);
	buffer_append_text(trace->out, ",\"name\":\"process_name\",\"args\":{\"name\":");
	status_string(trace->out, trace->worker->name);
	buffer_append_text(trace->out, "}}");
	name_thread(trace, 0, strcmp(trace->worker->engine, "loop") ? "process" : "loop");
	for (int p = 0; p < BOARD_POOLS; p++) {
		for (unsigned t = 0; t < trace->worker->pools[p].threads; t++) {
			struct buffer name = {0};

			buffer_format(&name, "%s-%u", board_pool_names[p], t + 1);
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
	buffer_format(trace->out,
		      ",\"ts\":%.3f,\"id\":\"%" PRIu64 "-%" PRIu64
		      "\",\"cat\":\"wait\",\"name\":\"wait\"}",
		      microseconds(leaves), trace->worker->pid, trace->flows);
	begin_event(trace, "f", thread);
	buffer_format(trace->out,
		      ",\"ts\":%.3f,\"id\":\"%" PRIu64 "-%" PRIu64
		      "\",\"cat\":\"wait\",\"name\":\"wait\",\"bp\":\"e\"}",
		      microseconds(start + 1), trace->worker->pid, trace->flows);
}

static void append_run(struct trace *trace, const struct span *span)
{
	unsigned thread = span->kind == SPAN_POOL ? pool_thread(span->pool, span->thread) : 0;
	struct place *place = &trace->places[span->owner.serial % REMEMBERED];

	const char *route = worker_path(trace->worker, span->owner.route);

	begin_event(trace, "X", thread);
	buffer_append_text(trace->out, ",\"cat\":\"run\",\"name\":");
	status_string(trace->out, *route ? route : "no route");
	buffer_format(trace->out, ",\"ts\":%.3f,\"dur\":%.3f,\"args\":{\"request\":%" PRIu32,
		      microseconds(span->start), microseconds(span->duration), span->owner.serial);
	if (span->owner.status)
		buffer_format(trace->out, ",\"status\":%u", span->owner.status);
	buffer_append_text(trace->out, "}}");
	if (place->end && place->serial == span->owner.serial)
		append_flow(trace, place, thread, span->start);
	*place = (struct place){span->owner.serial, thread, span->start,
				span->start + span->duration};
}

static void append_wait(struct trace *trace, const struct span *span, const char *name)
{
	const uint64_t times[] = {span->start, span->start + span->duration};

	for (int i = 0; i < 2; i++) {
		begin_event(trace, i ? "e" : "b", 0);
		buffer_format(trace->out,
			      ",\"cat\":\"wait\",\"name\":\"%s\",\"id2\":{\"local\":\"%" PRIu32
			      "\"},\"ts\":%.3f,\"args\":{\"request\":%" PRIu32 ",\"route\":",
			      name, span->owner.serial, microseconds(times[i]), span->owner.serial);
		status_string(trace->out, worker_path(trace->worker, span->owner.route));
		buffer_append_text(trace->out, "}}");
	}
}

static void append_span(struct trace *trace, const struct span *span)
{
	if (!span_is_sound(span) || span->start + span->duration < trace->since)
		return;
	switch (span->kind) {
	case SPAN_LOOP:
	case SPAN_POOL:
		append_run(trace, span);
		break;
	case SPAN_QUEUE:
		append_wait(trace, span, "queue");
		break;
	case SPAN_AWAIT:
		append_wait(trace, span, "await");
		break;
	case SPAN_POOL_QUEUE:
		append_wait(trace, span, "pool-queue");
		break;
	case SPAN_GONE:
		append_wait(trace, span, "gone");
		break;
	}
}

static void append_worker(struct trace *trace)
{
	const struct board_slot *slot = trace->worker->slot;
	struct span spans[SPANS_AT_ONCE];
	uint64_t end = board_head(slot);
	uint64_t next = end > BOARD_SPANS ? end - BOARD_SPANS : 0;
	size_t left = BOARD_SPANS;
	size_t count;

	append_names(trace);
	memset(trace->places, 0, sizeof(trace->places));
	for (; next < end && left; left -= count < left ? count : left) {
		count = board_spans(slot, &next, spans, SPANS_AT_ONCE, NULL);
		if (!count)
			break;
		for (size_t i = 0; i < count; i++)
			append_span(trace, &spans[i]);
	}
}

void chrome_trace(struct request *req)
{
	struct buffer out = {0};
	struct trace trace = {.out = &out};
	struct workers workers;
	uint64_t now = board_now();
	double seconds;

	if (!query_seconds(req, 10, &seconds))
		return;
	if (workers_read(admin_board(), &workers)) {
		reply_error(req, 503);
		return;
	}
	if (now > (uint64_t)(seconds * 1e9))
		trace.since = now - (uint64_t)(seconds * 1e9);
	buffer_append_text(&out, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[");
	for (size_t i = 0; i < workers.count; i++) {
		trace.worker = &workers.list[i];
		append_worker(&trace);
	}
	buffer_append_text(&out, "\n]}\n");
	workers_free(&workers);
	reply_text(req, 200, "application/json", &out);
}

/* What requests did, as the JSON of OTLP: from the rings of the workers. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "admin/otlp.h"

enum { SPANS_AT_ONCE = 64, INTERNAL = 1, SERVER = 2, CLIENT = 3, CONSUMER = 5 };

/* As splitmix64 does; never 0. */
static uint64_t mix(uint64_t h)
{
	h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
	return (h ^ h >> 31) | 1;
}

/* ---- who waits ---- */

static uint64_t *chain_of(struct otlp_batch *batch, unsigned slot, uint32_t serial)
{
	uint64_t h = mix((uint64_t)slot << 32 | serial) >> 8;

	return &batch->chains[h % (sizeof(batch->chains) / sizeof(batch->chains[0]))];
}

/* The one that a chain leads to; NULL: it ends, as the next was written over. */
static struct otlp_span *waiting(struct otlp_batch *batch, uint64_t link)
{
	return link && link + OTLP_WAITING > batch->count
		       ? &batch->waiting[(link - 1) % OTLP_WAITING]
		       : NULL;
}

static void note(struct otlp_batch *batch, unsigned slot, const struct span *span)
{
	uint64_t *chain = chain_of(batch, slot, span->owner.serial);
	struct otlp_span *place = &batch->waiting[batch->count % OTLP_WAITING];

	if (batch->count >= OTLP_WAITING && !place->sent)
		batch->dropped++;
	*place = (struct otlp_span){.span = *span, .slot = slot, .before = *chain};
	*chain = ++batch->count;
}

/* Its worker is another one now. */
static void forget(struct otlp_batch *batch, unsigned slot)
{
	for (uint64_t link = batch->count; waiting(batch, link); link--) {
		struct otlp_span *span = waiting(batch, link);

		if (span->slot == slot && !span->sent) {
			span->sent = true;
			batch->dropped++;
		}
	}
}

/* ---- JSON ---- */

/* In a list that is open. */
static const char *separator(const struct buffer *out)
{
	return out->len && out->data[out->len - 1] != '[' ? "," : "";
}

static void append_text(struct buffer *out, const char *key, const char *value)
{
	buffer_format(out, "%s{\"key\":\"%s\",\"value\":{\"stringValue\":", separator(out), key);
	json_string(out, slice_of(value));
	buffer_append_text(out, "}}");
}

static void append_number(struct buffer *out, const char *key, uint64_t value)
{
	buffer_format(out, "%s{\"key\":\"%s\",\"value\":{\"intValue\":\"%" PRIu64 "\"}}",
		      separator(out), key, value);
}

static void begin_worker(struct otlp_batch *batch, const struct board_slot *slot)
{
	struct buffer *out = &batch->out;
	char pool[BOARD_NAME];
	char name[40];

	if (batch->has_worker)
		return;
	batch->has_worker = true;
	board_text(pool, slot->pool, sizeof(pool));
	snprintf(name, sizeof(name), "%s-%" PRIu64, pool, board_get(&slot->number));
	buffer_append_text(out, out->len ? "," : "{\"resourceSpans\":[");
	buffer_append_text(out, "{\"resource\":{\"attributes\":[");
	append_text(out, "service.name", program_invocation_short_name);
	append_text(out, "service.instance.id", name);
	append_text(out, "lanes.pool", pool);
	append_number(out, "process.pid", board_get(&slot->pid));
	buffer_append_text(out, "]},\"scopeSpans\":[{\"scope\":{\"name\":\"lanes\"},\"spans\":[");
}

static void end_worker(struct otlp_batch *batch)
{
	if (batch->has_worker)
		buffer_append_text(&batch->out, "]}]}");
	batch->has_worker = false;
}

/* Which trace a request's spans are in, and what they are called. */
struct ids {
	char trace[BOARD_TRACE];
	uint64_t base;
};

static struct ids ids_of(const struct otlp_batch *batch, const struct board_slot *slot,
			 uint32_t serial)
{
	struct request_ids known = board_ids(slot, serial);
	struct ids ids = {.base = mix(batch->salt + (board_get(&slot->pid) << 32 | serial))};

	if (known.trace[0])
		memcpy(ids.trace, known.trace, sizeof(ids.trace));
	else
		snprintf(ids.trace, sizeof(ids.trace), "%016" PRIx64 "%016" PRIx64,
			 mix(batch->salt ^ ids.base), ids.base);
	return ids;
}

static void begin_span(struct otlp_batch *batch, const struct ids *ids, uint64_t number, int kind)
{
	struct buffer *out = &batch->out;

	buffer_format(out, "%s{\"traceId\":\"%s\",\"spanId\":\"%016" PRIx64 "\",\"kind\":%d,",
		      separator(out), ids->trace, mix(ids->base + number), kind);
	if (number)
		buffer_format(out, "\"parentSpanId\":\"%016" PRIx64 "\",", mix(ids->base));
}

static void append_times(struct otlp_batch *batch, uint64_t start, uint64_t end)
{
	buffer_format(&batch->out,
		      "\"startTimeUnixNano\":\"%" PRIu64 "\",\"endTimeUnixNano\":\"%" PRIu64 "\"",
		      start + (uint64_t)batch->epoch, end + (uint64_t)batch->epoch);
}

/* What a request did for a while. */
static void append_part(struct otlp_batch *batch, const struct board_slot *slot,
			const struct ids *ids, uint64_t number, const struct span *span)
{
	struct buffer *out = &batch->out;
	bool calls = span->kind == SPAN_FETCH || span->kind == SPAN_DB;
	char name[SPAN_NAME];

	begin_span(batch, ids, number, calls ? CLIENT : INTERNAL);
	buffer_append_text(out, "\"name\":");
	json_string(out, slice_of(span_has_thing(span->kind)
					  ? span_thing_name(slot, span->kind, span->thing, name)
					  : span_name(span->kind)));
	buffer_append_text(out, ",");
	append_times(batch, span->start, span->start + span->duration);
	buffer_append_text(out, "}");
	batch->spans++;
}

/* The request: its last span has the route and the status. */
static void append_whole(struct otlp_batch *batch, const struct board_slot *slot,
			 const struct ids *ids, const struct span *last, uint64_t start)
{
	struct buffer *out = &batch->out;
	struct request_ids known = board_ids(slot, last->owner.serial);
	char route[BOARD_ROUTE];
	unsigned status = last->owner.status;
	const char *path = strchr(board_route_name(slot, last->owner.route, route), '/');
	bool is_job = *route && !path;

	begin_span(batch, ids, 0, is_job ? CONSUMER : SERVER);
	buffer_append_text(out, "\"name\":");
	json_string(out, slice_of(*route ? route : "no route"));
	buffer_append_text(out, ",");
	append_times(batch, start, last->start + last->duration);
	buffer_append_text(out, ",\"attributes\":[");
	if (path)
		append_text(out, "http.route", path);
	append_number(out, "lanes.request", last->owner.serial);
	if (status && !is_job)
		append_number(out, "http.response.status_code", status);
	if (known.id[0])
		append_text(out, "lanes.id", known.id);
	if (last->kind == SPAN_GONE)
		append_text(out, "error.type", "client-gone");
	buffer_format(out, "]%s}", status >= 500 ? ",\"status\":{\"code\":2}" : "");
	batch->spans++;
}

/* Its last span was noted: all of it. */
static void append_request(struct otlp_batch *batch, unsigned slot, const struct span *last)
{
	const struct board_slot *from = &batch->board->slots[slot];
	struct ids ids = ids_of(batch, from, last->owner.serial);
	uint64_t start = last->start;
	uint64_t number = 0;
	struct otlp_span *span;

	begin_worker(batch, from);
	for (uint64_t link = *chain_of(batch, slot, last->owner.serial);
	     (span = waiting(batch, link)) && !batch->out.failed; link = span->before) {
		if (span->sent || span->slot != slot ||
		    span->span.owner.serial != last->owner.serial)
			continue;
		span->sent = true;
		if (span->span.start < start)
			start = span->span.start;
		if (number < OTLP_OF_ONE)
			append_part(batch, from, &ids, ++number, &span->span);
		else
			batch->dropped++;
	}
	if (!batch->out.failed)
		append_whole(batch, from, &ids, last, start);
}

/* ---- reading ---- */

static bool is_last(const struct span *span)
{
	return span->kind == SPAN_GONE || (span->kind == SPAN_LOOP && span->owner.status);
}

/* Of a worker's ring, up to where it was a look ago. */
static void read_spans(struct otlp_batch *batch, unsigned slot, struct otlp_cursor *cursor)
{
	struct span spans[SPANS_AT_ONCE];

	while (cursor->next < cursor->until && batch->out.len < OTLP_BATCH && !batch->out.failed) {
		uint64_t left = cursor->until - cursor->next;
		size_t count = board_spans(&batch->board->slots[slot], &cursor->next, spans,
					   left < SPANS_AT_ONCE ? (size_t)left : SPANS_AT_ONCE,
					   &batch->dropped);

		for (size_t i = 0; i < count; i++) {
			if (!span_is_sound(&spans[i]))
				continue;
			note(batch, slot, &spans[i]);
			if (is_last(&spans[i]))
				append_request(batch, slot, &spans[i]);
		}
		if (!count)
			break;
	}
	batch->more = batch->more || cursor->next < cursor->until;
}

/* Those that show the system serve no application, and would tell of themselves. */
static bool is_told(const struct otlp_batch *batch, const struct board_slot *slot)
{
	char text[BOARD_PATH];

	if (slot == batch->board->own || !board_get(&slot->pid))
		return false;
	board_text(text, slot->prefix, sizeof(text));
	if (text[0])
		return true;
	board_text(text, slot->engine, sizeof(slot->engine));
	return !strcmp(text, "jobs");
}

static void read_slot(struct otlp_batch *batch, unsigned number)
{
	const struct board_slot *slot = &batch->board->slots[number];
	struct otlp_cursor *cursor = &batch->cursors[number];
	uint64_t pid = board_get(&slot->pid);
	uint64_t head;

	if (!is_told(batch, slot))
		return;
	head = board_head(slot);
	if (cursor->pid != pid) {
		if (cursor->pid)
			forget(batch, number);
		*cursor = (struct otlp_cursor){.pid = pid};
		cursor->next = cursor->until = batch->begun ? 0 : head;
	}
	if (cursor->next > cursor->until || cursor->until > head)
		cursor->next = cursor->until = 0; /* what the worker says has become less */
	read_spans(batch, number, cursor);
	end_worker(batch);
	if (cursor->next == cursor->until)
		cursor->until = head;
}

static int64_t epoch(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - (int64_t)board_now();
}

void otlp_collect(struct otlp_batch *batch)
{
	unsigned slots = scoreboard_slots(batch->board);

	batch->out.len = 0;
	batch->out.failed = false;
	batch->spans = 0;
	batch->more = false;
	batch->epoch = epoch();
	for (unsigned i = 0; i < slots && batch->out.len < OTLP_BATCH && !batch->out.failed; i++) {
		if (batch->slot >= slots)
			batch->slot = 0;
		read_slot(batch, batch->slot++);
	}
	batch->begun = true;
	batch->more = batch->more || batch->out.len >= OTLP_BATCH;
	if (batch->out.len)
		buffer_append_text(&batch->out, "]}");
	if (!batch->out.failed)
		return;
	batch->dropped += batch->spans;
	batch->spans = 0;
	buffer_free(&batch->out);
}

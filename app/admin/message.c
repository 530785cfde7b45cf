#include "admin/message.h"

#include <inttypes.h>
#include <string.h>

#include "admin/status.h"

static double milliseconds(uint64_t ns)
{
	return (double)ns / 1e6;
}

void message_begin(struct message *message, struct buffer *out, const struct workers *workers,
		   uint64_t now)
{
	*message = (struct message){.out = out};
	out->len = 0;
	out->failed = false;
	buffer_format(out, "data: {\"t\":%.3f,\"workers\":", milliseconds(now));
	status_json(out, workers, false);
	buffer_append_text(out, ",\"spans\":[");
}

void message_add_span(struct message *message, const struct worker_state *worker,
		      const struct span *span)
{
	struct buffer *out = message->out;
	char name[BOARD_ROUTE];

	buffer_format(out, "%s{\"w\":", out->data[out->len - 1] == '[' ? "" : ",");
	json_string(out, slice_of(worker->name));
	buffer_format(out, ",\"k\":\"%s\",\"s\":%.3f,\"d\":%.3f,\"r\":%" PRIu32,
		      span_name(span->kind), milliseconds(span->start),
		      milliseconds(span->duration), span->owner.serial);
	if (span->owner.status || span->kind == SPAN_GONE)
		ids_json(out, worker->slot, span->owner.serial);
	buffer_append_text(out, ",\"p\":");
	json_string(out, slice_of(board_route_name(worker->slot, span->owner.route, name)));
	buffer_format(out, ",\"c\":%u", span->owner.status);
	if (span->kind == SPAN_POOL || span->kind == SPAN_POOL_QUEUE)
		buffer_format(out, ",\"pool\":\"%s\",\"th\":%u", worker->pools[span->pool].name,
			      span->thread);
	if (span->thing)
		buffer_format(out, ",\"n\":%u", span->thing);
	message->named[span->thing] = true;
	buffer_append_text(out, "}");
}

static const char *separator(const struct buffer *list)
{
	return list->len ? "," : "";
}

void message_add_names(struct message *message, const struct worker_state *worker)
{
	struct buffer *out = &message->things;
	char name[BOARD_THING];

	for (unsigned n = 1; n < BOARD_THINGS; n++) {
		if (!message->named[n] || !*board_thing_name(worker->slot, n, name))
			continue;
		buffer_format(out, "%s{\"w\":", separator(out));
		json_string(out, slice_of(worker->name));
		buffer_format(out, ",\"n\":%u,\"name\":", n);
		json_string(out, slice_of(name));
		buffer_append_text(out, "}");
	}
	memset(message->named, 0, sizeof(message->named));
}

void message_add_unrecorded(struct message *message, const struct worker_state *worker,
			    uint64_t from, uint64_t to)
{
	struct buffer *out = &message->unrecorded;

	buffer_format(out, "%s{\"w\":", separator(out));
	json_string(out, slice_of(worker->name));
	buffer_format(out, ",\"from\":%.3f,\"to\":%.3f}", milliseconds(from),
		      milliseconds(to > from ? to : from));
}

static void append_list(struct buffer *out, const char *before, struct buffer *list)
{
	buffer_append_text(out, before);
	buffer_append(out, list->data, list->len);
	out->failed = out->failed || list->failed;
	buffer_free(list);
}

void message_end(struct message *message)
{
	struct buffer *out = message->out;

	append_list(out, "],\"things\":[", &message->things);
	append_list(out, "],\"buckets\":[", &message->buckets);
	append_list(out, "],\"unrecorded\":[", &message->unrecorded);
	buffer_format(out, "],\"lost\":%" PRIu64 "}\n\n", message->lost);
	if (out->failed)
		out->len = 0;
}

/*
 * GET /events: what the system does, as server-sent events, ten messages a second; one while
 * nothing happens.
 *
 * There is one feed. A message is made once, by the listener that wakes first when the next one
 * is due, and all listeners send the same text; a newcomer's first message reaches back ten
 * seconds and ends where the feed's next message begins, so nobody misses a span or gets one
 * twice. Who does not read in time misses messages: nothing is kept for him but the last that was
 * sent, until the send timeout ends him. Our own requests are not part of it, or those who watch
 * would watch each other.
 */
#include <inttypes.h>

#include "../await/await.h"
#include "../http/reply.h"
#include "admin.h"
#include "board_reader.h"
#include "status.h"

enum {
	NS_PER_S = 1000000000,
	PERIOD = NS_PER_S / 10,
	HISTORY = 10, /* seconds that the first message reaches back */
	SPANS_AT_ONCE = 64,
	SPANS_MAX = 2000, /* of one worker in one message; older ones are lost */
	KEPT = 8,	  /* messages a listener may be behind; then it skips some */
};

/* How far the feed has read a worker's ring. */
struct cursor {
	uint64_t pid;
	uint64_t next;
};

static struct {
	struct buffer messages[KEPT];
	uint64_t count;	     /* messages made; the last is number count - 1 */
	uint64_t made;	     /* when that was */
	uint64_t due;	     /* when the next is to be made, if there is something to tell */
	struct buffer first; /* what a newcomer gets … */
	uint64_t first_of;   /* … who came when this was the count */
	struct cursor cursors[BOARD_SLOTS];
} feed;

struct listener {
	uint64_t next; /* number of the message it gets next */
};

static double milliseconds(uint64_t ns)
{
	return (double)ns / 1e6;
}

static void append_span(struct buffer *out, const struct worker_state *worker,
			const struct span *span)
{
	static const char *const kinds[] = {
		[SPAN_QUEUE] = "queue", [SPAN_LOOP] = "loop",
		[SPAN_AWAIT] = "await", [SPAN_POOL_QUEUE] = "pool-queue",
		[SPAN_POOL] = "pool",	[SPAN_READY] = "ready",
		[SPAN_GONE] = "gone",
	};

	buffer_format(out, "%s{\"w\":", out->data[out->len - 1] == '[' ? "" : ",");
	status_string(out, worker->name);
	buffer_format(out, ",\"k\":\"%s\",\"s\":%.3f,\"d\":%.3f,\"r\":%" PRIu32 ",\"p\":",
		      kinds[span->kind], milliseconds(span->start), milliseconds(span->duration),
		      span->owner.serial);
	status_string(out, worker_path(worker, span->owner.route));
	buffer_format(out, ",\"c\":%u", span->owner.status);
	if (span->kind == SPAN_POOL || span->kind == SPAN_POOL_QUEUE)
		buffer_format(out, ",\"pool\":\"%s\",\"th\":%u", board_pool_names[span->pool],
			      span->thread);
	buffer_append_text(out, "}");
}

/* The spans from number next to end, those that ended before since left out. Returns where it
 * stopped. */
static uint64_t append_spans(struct buffer *out, const struct worker_state *worker, uint64_t next,
			     uint64_t end, uint64_t since, uint64_t *lost)
{
	struct span spans[SPANS_AT_ONCE];

	if (next > end)
		next = 0; /* what the worker says has become less */
	if (end - next > SPANS_MAX) {
		*lost += end - SPANS_MAX - next;
		next = end - SPANS_MAX;
	}
	for (size_t budget = SPANS_MAX; next < end && budget && !out->failed;) {
		uint64_t left = end - next < budget ? end - next : budget;
		size_t count =
			board_spans(worker->slot, &next, spans,
				    left < SPANS_AT_ONCE ? (size_t)left : SPANS_AT_ONCE, lost);

		for (size_t i = 0; i < count && !out->failed; i++)
			if (span_is_sound(&spans[i]) && spans[i].start + spans[i].duration >= since)
				append_span(out, worker, &spans[i]);
		if (!count)
			break;
		budget -= count;
	}
	return next;
}

static struct cursor *cursor_of(const struct worker_state *worker)
{
	struct cursor *cursor = &feed.cursors[worker->slot - admin_board()->slots];

	if (cursor->pid != worker->pid)
		*cursor = (struct cursor){.pid = worker->pid};
	return cursor;
}

static void begin_message(struct buffer *out, const struct workers *workers, uint64_t now)
{
	out->len = 0;
	out->failed = false;
	buffer_format(out, "data: {\"t\":%.3f,\"workers\":", milliseconds(now));
	status_json(out, workers, false);
	buffer_append_text(out, ",\"spans\":[");
}

static void end_message(struct buffer *out, uint64_t lost)
{
	buffer_format(out, "],\"lost\":%" PRIu64 "}\n\n", lost);
	if (out->failed)
		out->len = 0;
}

static bool is_shown(const struct worker_state *worker)
{
	return worker->slot != admin_board()->own;
}

/* Whether there is nothing to tell: no span, no request anywhere, and the same workers as before.
 */
static bool is_quiet(const struct workers *workers)
{
	size_t known = 0;
	size_t living = 0;

	for (size_t i = 0; i < workers->count; i++) {
		const struct worker_state *worker = &workers->list[i];
		const struct cursor *cursor = &feed.cursors[worker->slot - admin_board()->slots];

		if (!is_shown(worker))
			continue;
		living++;
		if (cursor->pid != worker->pid || cursor->next != board_head(worker->slot) ||
		    worker->in_flight || worker->is_held || worker->draining)
			return false;
	}
	for (size_t i = 0; i < BOARD_SLOTS; i++)
		known += feed.cursors[i].pid != 0;
	return known == living;
}

static void forget_the_dead(void)
{
	for (unsigned i = 0; i < BOARD_SLOTS; i++)
		if (feed.cursors[i].pid && !scoreboard_alive(admin_board(), i))
			feed.cursors[i].pid = 0;
}

/* What happened since the last message. */
static void make_message(const struct workers *workers, uint64_t now)
{
	struct buffer *out = &feed.messages[feed.count % KEPT];
	uint64_t lost = 0;

	begin_message(out, workers, now);
	for (size_t i = 0; i < workers->count; i++) {
		const struct worker_state *worker = &workers->list[i];

		if (is_shown(worker)) {
			struct cursor *cursor = cursor_of(worker);

			cursor->next = append_spans(out, worker, cursor->next,
						    board_head(worker->slot), 0, &lost);
		}
	}
	end_message(out, lost);
	forget_the_dead();
	feed.made = now;
	feed.count++;
}

/* What happened in the ten seconds before the next message. */
static void make_first(uint64_t now)
{
	uint64_t since =
		now > HISTORY * (uint64_t)NS_PER_S ? now - HISTORY * (uint64_t)NS_PER_S : 0;
	struct workers workers;

	if (workers_read(admin_board(), &workers))
		return;
	begin_message(&feed.first, &workers, now);
	for (size_t i = 0; i < workers.count; i++) {
		const struct worker_state *worker = &workers.list[i];
		uint64_t lost = 0; /* nobody was there to lose it */

		if (is_shown(worker)) {
			uint64_t end = cursor_of(worker)->next;
			uint64_t next = end > BOARD_SPANS ? end - BOARD_SPANS : 0;

			append_spans(&feed.first, worker, next, end, since, &lost);
		}
	}
	end_message(&feed.first, 0);
	workers_free(&workers);
	feed.first_of = feed.count;
}

/* Makes the next message if it is due. Messages are due at times all listeners agree on. */
static void turn(void)
{
	uint64_t now = board_now();
	struct workers workers;

	if (now < feed.due)
		return;
	if (workers_read(admin_board(), &workers))
		return;
	if (now - feed.made >= NS_PER_S || !is_quiet(&workers))
		make_message(&workers, now);
	workers_free(&workers);
	feed.due = now - now % PERIOD + PERIOD;
}

static double until_due(void)
{
	uint64_t now = board_now();

	return feed.due > now ? (double)(feed.due - now) / NS_PER_S : 0;
}

static struct slice first_message(struct listener *listener)
{
	turn();
	if (feed.first_of != feed.count)
		make_first(board_now());
	listener->next = feed.count;
	return buffer_slice(&feed.first);
}

static bool send_news(struct request *req, struct listener *listener)
{
	bool wanted = true;

	turn();
	if (!stream_is_read(req))
		return true;
	if (feed.count - listener->next > KEPT)
		listener->next = feed.count - KEPT;
	while (wanted && listener->next < feed.count)
		wanted = stream_write(req, buffer_slice(&feed.messages[listener->next++ % KEPT]));
	return wanted;
}

void events(struct request *req)
{
	struct listener *listener = request_frame(req, sizeof(*listener));
	bool wanted;

	ASYNC_BEGIN(req);
	if (!reply_stream(req, "text/event-stream"))
		return;
	wanted = stream_write(req, first_message(listener));
	while (wanted) {
		AWAIT(req, sleep_for(req, until_due()));
		wanted = send_news(req, listener);
	}
	ASYNC_END(req);
}

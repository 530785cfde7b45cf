#include "admin/feed.h"

#include <stdlib.h>

#include "admin/message.h"

enum {
	NS_PER_S = 1000000000,
	PERIOD = NS_PER_S / 10,
	HISTORY = 10, /* seconds that the first message reaches back */
	SPANS_AT_ONCE = 64,
	SPANS_MAX = 2000, /* of one worker in one message; older ones are lost */

	DENSE_ABOVE = 500, /* answers a second of all workers, from which on they are counted … */
	SINGLE_BELOW = 400,
	SLOW = BOARD_SLOW_NS, /* … but for spans of this length, … */
	SLOW_MAX = 20,	      /* of each worker and message so many; and all that held a loop */
};

/* How far the feed has read a worker's ring, and its counters. */
struct cursor {
	uint64_t pid;
	uint64_t next;
	struct bucket_mark message; /* at the last message */
	struct bucket_mark second;  /* at the last second's end */
};

/* A second, more or less, of the feed. */
struct second {
	uint64_t from;
	uint64_t to;
	bool dense;
	struct buffer buckets; /* what is told of it then */
};

struct feed {
	const struct scoreboard *board;
	struct buffer messages[FEED_KEPT];
	uint64_t count;	     /* messages made; the last is number count - 1 */
	uint64_t made;	     /* when that was */
	uint64_t due;	     /* when the next is to be made, if there is something to tell */
	struct buffer first; /* what a newcomer gets … */
	uint64_t first_of;   /* … who came when this was the count */
	bool dense;
	uint64_t answers;		/* since the last second's end */
	struct second seconds[HISTORY]; /* second number n at n % HISTORY */
	uint64_t second_count;
	uint64_t second_end;
	struct cursor cursors[BOARD_SLOTS];
};

struct feed *feed_open(const struct scoreboard *board)
{
	struct feed *feed = calloc(1, sizeof(*feed));

	if (feed)
		feed->board = board;
	return feed;
}

/* What is told of the spans of a worker. */
struct telling {
	uint64_t since;	    /* those that ended before are left out */
	bool dense;	    /* only slow ones are told … */
	bool past;	    /* … in those seconds that were dense */
	bool unknown_dense; /* as are those of which nobody knows */
	unsigned slow;	    /* told so far */
	uint64_t lost;
	uint64_t resumes; /* where spans are known again behind those that are lost; 0: nowhere */
};

static bool was_dense(const struct feed *feed, uint64_t when, bool unknown)
{
	if (when >= feed->second_end)
		return feed->dense;
	for (size_t i = 0; i < HISTORY; i++)
		if (when >= feed->seconds[i].from && when < feed->seconds[i].to)
			return feed->seconds[i].dense;
	return unknown;
}

static bool is_told(const struct feed *feed, const struct span *span, struct telling *telling)
{
	uint64_t end = span->start + span->duration;

	if (!span_is_sound(span) || end < telling->since)
		return false;
	if (!telling->dense && !(telling->past && was_dense(feed, end, telling->unknown_dense)))
		return true;
	return span->duration >= SLOW && (span->kind == SPAN_LOOP || telling->slow++ < SLOW_MAX);
}

/* The spans from number next to end. Returns where it stopped. */
static uint64_t append_spans(const struct feed *feed, struct message *message,
			     const struct worker_state *worker, uint64_t next, uint64_t end,
			     struct telling *telling)
{
	struct span spans[SPANS_AT_ONCE];
	uint64_t most = telling->dense || telling->past ? BOARD_SPANS : SPANS_MAX;

	if (next > end)
		next = 0; /* what the worker says has become less */
	if (end - next > most) {
		telling->lost += end - most - next;
		next = end - most;
	}
	for (uint64_t budget = most; next < end && budget && !message->out->failed;) {
		uint64_t left = end - next < budget ? end - next : budget;
		size_t count = board_spans(worker->slot, &next, spans,
					   left < SPANS_AT_ONCE ? (size_t)left : SPANS_AT_ONCE,
					   &telling->lost);

		if (count && telling->lost && !telling->resumes)
			telling->resumes = spans[0].start + spans[0].duration;
		for (size_t i = 0; i < count && !message->out->failed; i++)
			if (is_told(feed, &spans[i], telling))
				message_add_span(message, worker, &spans[i]);
		if (!count)
			break;
		budget -= count;
	}
	message_add_names(message, worker);
	return next;
}

static struct cursor *cursor_of(struct feed *feed, const struct worker_state *worker)
{
	struct cursor *cursor = &feed->cursors[worker->slot - feed->board->slots];

	if (cursor->pid != worker->pid)
		*cursor = (struct cursor){.pid = worker->pid};
	return cursor;
}

static bool is_shown(const struct feed *feed, const struct worker_state *worker)
{
	return worker->slot != feed->board->own;
}

/* Whether there is nothing to tell: no span, no request anywhere, and the same workers as before.
 */
static bool is_quiet(const struct feed *feed, const struct workers *workers)
{
	size_t known = 0;
	size_t living = 0;

	for (size_t i = 0; i < workers->count; i++) {
		const struct worker_state *worker = &workers->list[i];
		const struct cursor *cursor = &feed->cursors[worker->slot - feed->board->slots];

		if (!is_shown(feed, worker))
			continue;
		living++;
		if (cursor->pid != worker->pid || cursor->next != board_head(worker->slot) ||
		    worker->in_flight || worker->is_held || worker->draining || worker->stopped)
			return false;
	}
	for (size_t i = 0; i < BOARD_SLOTS; i++)
		known += feed->cursors[i].pid != 0;
	return known == living;
}

static void forget_the_dead(struct feed *feed)
{
	for (unsigned i = 0; i < BOARD_SLOTS; i++)
		if (feed->cursors[i].pid && !scoreboard_alive(feed->board, i))
			feed->cursors[i].pid = 0;
}

/* ---- seconds ---- */

/* Whether so many answers in so much time are too many to tell of each. */
static bool is_dense(bool before, uint64_t answers, uint64_t nanoseconds)
{
	double rate = nanoseconds ? (double)answers * NS_PER_S / (double)nanoseconds : 0;

	return rate > (before ? SINGLE_BELOW : DENSE_ABOVE);
}

static void end_second_of(struct feed *feed, const struct worker_state *worker,
			  struct second *second, bool known)
{
	struct cursor *cursor = cursor_of(feed, worker);
	struct bucket_mark mark = bucket_mark(worker);

	if (second->dense && known && cursor->second.at)
		bucket_append(&second->buckets, worker, &cursor->second, &mark);
	cursor->second = mark;
}

/* Ends a second: what is told of it is known now. Of the time without listeners nothing is. */
static void end_second(struct feed *feed, const struct workers *workers, uint64_t now)
{
	struct second *second = &feed->seconds[feed->second_count++ % HISTORY];
	uint64_t length = now - feed->second_end;
	bool known = length < 2 * (uint64_t)NS_PER_S;

	second->from = known ? feed->second_end : now;
	second->to = now;
	second->buckets.len = 0;
	second->dense = feed->dense = is_dense(feed->dense, feed->answers, length);
	for (size_t i = 0; i < workers->count; i++) {
		if (is_shown(feed, &workers->list[i]))
			end_second_of(feed, &workers->list[i], second, known);
	}
	feed->answers = 0;
	feed->second_end = now;
}

/* ---- messages ---- */

/* What a worker did since the last message. */
static void tell_of(struct feed *feed, struct message *message, const struct worker_state *worker)
{
	struct cursor *cursor = cursor_of(feed, worker);
	struct bucket_mark mark = bucket_mark(worker);
	struct telling telling = {.dense = feed->dense};

	cursor->next = append_spans(feed, message, worker, cursor->next, board_head(worker->slot),
				    &telling);
	message->lost += telling.lost;
	if (telling.lost)
		message_add_unrecorded(message, worker, feed->made,
				       telling.resumes ? telling.resumes : mark.at);
	if (cursor->message.at) {
		feed->answers += bucket_answers(&cursor->message, &mark);
		if (feed->dense)
			bucket_append(&message->buckets, worker, &cursor->message, &mark);
	}
	cursor->message = mark;
}

/* What happened since the last message. */
static void make_message(struct feed *feed, const struct workers *workers, uint64_t now)
{
	struct message message;

	message_begin(&message, &feed->messages[feed->count % FEED_KEPT], workers, now);
	for (size_t i = 0; i < workers->count; i++)
		if (is_shown(feed, &workers->list[i]))
			tell_of(feed, &message, &workers->list[i]);
	message_end(&message);
	if (now - feed->second_end >= NS_PER_S)
		end_second(feed, workers, now);
	else if (feed->answers > DENSE_ABOVE)
		feed->dense = true; /* the rest of this second is no more to be told one by one */
	forget_the_dead(feed);
	feed->made = now;
	feed->count++;
}

/* The seconds that were dense, in buckets. */
static void append_seconds(const struct feed *feed, struct buffer *out, uint64_t since)
{
	for (size_t i = 0; i < HISTORY; i++) {
		const struct second *second = &feed->seconds[(feed->second_count + i) % HISTORY];

		if (!second->dense || second->to < since || !second->buckets.len)
			continue;
		buffer_append_text(out, out->len ? "," : "");
		buffer_append(out, second->buckets.data, second->buckets.len);
	}
}

/* Since when every second is known. */
static uint64_t known_since(const struct feed *feed)
{
	uint64_t since = feed->second_end;

	for (uint64_t n = 1; n <= HISTORY && n <= feed->second_count; n++) {
		const struct second *second = &feed->seconds[(feed->second_count - n) % HISTORY];

		if (second->from == second->to)
			break;
		since = second->from;
	}
	return since;
}

/* How many of the spans from number next to end ended at or after that time. */
static uint64_t spans_since(const struct worker_state *worker, uint64_t next, uint64_t end,
			    uint64_t since)
{
	struct span spans[SPANS_AT_ONCE];
	uint64_t count = 0;

	while (next < end) {
		uint64_t left = end - next;
		size_t got = board_spans(worker->slot, &next, spans,
					 left < SPANS_AT_ONCE ? (size_t)left : SPANS_AT_ONCE, NULL);

		if (!got)
			break;
		for (size_t i = 0; i < got; i++)
			count += spans[i].start + spans[i].duration >= since;
	}
	return count;
}

/* What a worker did in the ten seconds before the next message, as far as its ring reaches, and
 * the seconds are known in which that was too much to tell. */
static void tell_history_of(struct feed *feed, struct message *message,
			    const struct worker_state *worker, uint64_t since)
{
	const struct cursor *cursor = cursor_of(feed, worker);
	uint64_t next = cursor->next >= BOARD_SPANS ? cursor->next - BOARD_SPANS + 1 : 0;
	struct telling telling = {.since = since, .past = true, .lost = next};
	uint64_t unrecorded = 0;

	telling.unknown_dense = spans_since(worker, next, cursor->next, since) > SPANS_MAX;
	append_spans(feed, message, worker, next, cursor->next, &telling);
	if (telling.lost)
		unrecorded = telling.resumes;
	if (telling.unknown_dense && known_since(feed) > unrecorded)
		unrecorded = known_since(feed);
	if (unrecorded > since)
		message_add_unrecorded(message, worker, since, unrecorded);
	if (feed->dense && cursor->second.at && cursor->second.at < cursor->message.at)
		bucket_append(&message->buckets, worker, &cursor->second, &cursor->message);
}

/* What happened in the ten seconds before the next message. */
static void make_first(struct feed *feed, uint64_t now)
{
	uint64_t since =
		now > HISTORY * (uint64_t)NS_PER_S ? now - HISTORY * (uint64_t)NS_PER_S : 0;
	struct message message;
	struct workers workers;

	if (workers_read(feed->board, &workers))
		return;
	message_begin(&message, &feed->first, &workers, now);
	append_seconds(feed, &message.buckets, since);
	for (size_t i = 0; i < workers.count; i++)
		if (is_shown(feed, &workers.list[i]))
			tell_history_of(feed, &message, &workers.list[i], since);
	message_end(&message);
	workers_free(&workers);
	feed->first_of = feed->count;
}

/* Messages are due at times all listeners agree on. */
void feed_turn(struct feed *feed)
{
	uint64_t now = board_now();
	struct workers workers;

	if (now < feed->due)
		return;
	if (workers_read(feed->board, &workers))
		return;
	if (now - feed->made >= NS_PER_S || !is_quiet(feed, &workers))
		make_message(feed, &workers, now);
	workers_free(&workers);
	feed->due = now - now % PERIOD + PERIOD;
}

double feed_until_due(const struct feed *feed)
{
	uint64_t now = board_now();

	return feed->due > now ? (double)(feed->due - now) / NS_PER_S : 0;
}

uint64_t feed_count(const struct feed *feed)
{
	return feed->count;
}

struct slice feed_message(const struct feed *feed, uint64_t number)
{
	return buffer_slice(&feed->messages[number % FEED_KEPT]);
}

struct slice feed_first(struct feed *feed)
{
	if (feed->first_of != feed->count)
		make_first(feed, board_now());
	return buffer_slice(&feed->first);
}

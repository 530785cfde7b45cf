#include "http/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/budget.h"
#include "http/body.h"
#include "http/reply.h"

enum {
	U64_DIGITS = 19,      /* that always fit */
	ELSEWHERE_MS = 10000, /* on the way, or with a worker that was asked before this one */
};

/* More of them, which will be in 2286, and they are something smaller. */
static const uint64_t SECONDS_MAX = 10000000000;

/* What is to be done when the request is no more. */
struct deferred {
	void (*fn)(void *arg);
	void *arg;
	struct deferred *next;
};

struct arena_chunk {
	struct arena_chunk *next;
	size_t size; /* of the whole block */
	_Alignas(max_align_t) unsigned char bytes[];
};

void request_init(struct request *req, const struct request_ops *ops, struct sched *sched)
{
	memset(req, 0, offsetof(struct request, arena));
	req->ops = ops;
	req->co.ops = &request_coroutine;
	req->co.sched = sched;
	req->refs = 1;
}

/* Takes so many digits off the front of the text, at most. */
static uint64_t take_digits(struct slice *text, size_t most)
{
	uint64_t number = 0;

	for (; text->len && most; most--, text->data++, text->len--) {
		unsigned digit = (unsigned char)text->data[0] - (unsigned)'0';

		if (digit > 9)
			break;
		number = number * 10 + digit;
	}
	return number;
}

/* When that was, in milliseconds since the epoch; 0: it says nothing. Seconds as nginx's $msec has
 * them, "1700000000.123"; or, as X-Request-Start comes, with "t=" before them, or so many digits
 * that they are milli-, micro- or nanoseconds. */
static uint64_t milliseconds(struct slice text)
{
	uint64_t number;
	uint64_t thousandths = 0;

	if (text.len > 2 && !memcmp(text.data, "t=", 2))
		text = (struct slice){text.data + 2, text.len - 2};
	number = take_digits(&text, U64_DIGITS);
	if (text.len && text.data[0] == '.') {
		text = (struct slice){text.data + 1, text.len - 1};
		for (int i = 0; i < 3; i++)
			thousandths = thousandths * 10 + take_digits(&text, 1);
		take_digits(&text, text.len);
	}
	if (text.len)
		return 0;
	if (number < SECONDS_MAX)
		return number * 1000 + thousandths;
	while (number >= SECONDS_MAX * 1000)
		number /= 1000;
	return number;
}

/* A clock that disagrees with ours is not believed: this worker cannot have left the request lying
 * for longer than it was busy. */
static void take_queue_time(struct request *req, uint64_t busy)
{
	uint64_t sent = milliseconds(req->sent.len ? req->sent : req->request_start);
	struct timespec now;
	uint64_t ms;

	if (!sent)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	if (ms < sent || ms - sent > busy / 1000000 + ELSEWHERE_MS)
		return;
	req->times.queue = (ms - sent) * 1000000;
	req->times.queue_known = true;
}

void request_take_param(struct request *req, struct slice name, struct slice value)
{
	switch (name.len) {
	case sizeof("PATH_INFO") - 1:
		if (slice_is(name, "PATH_INFO"))
			req->path = value;
		break;
	case sizeof("LANES_SENT") - 1:
		if (slice_is(name, "LANES_PATH"))
			req->raw_path = value;
		else if (slice_is(name, "LANES_SENT"))
			req->sent = value;
		break;
	case sizeof("SCRIPT_NAME") - 1:
		if (slice_is(name, "SCRIPT_NAME"))
			req->prefix = value;
		break;
	case sizeof("QUERY_STRING") - 1:
		if (slice_is(name, "QUERY_STRING"))
			req->query = value;
		break;
	case sizeof("REQUEST_METHOD") - 1:
		if (slice_is(name, "REQUEST_METHOD"))
			req->method = value;
		break;
	case sizeof("HTTP_X_REQUEST_START") - 1:
		if (slice_is(name, "HTTP_X_REQUEST_START"))
			req->request_start = value;
		break;
	default:
		break;
	}
}

void request_params_done(struct request *req, uint64_t busy)
{
	if (!req->path.len) {
		req->path = req->prefix;
		req->prefix = (struct slice){"", 0};
	}
	if (req->raw_path.len)
		req->path = req->raw_path;
	take_queue_time(req, busy);
}

bool request_is_late(const struct request *req, int64_t timeout)
{
	return timeout && req->times.queue > (uint64_t)timeout * 1000000;
}

void *request_alloc(struct request *req, size_t size)
{
	const size_t align = _Alignof(max_align_t);
	struct arena_chunk *chunk;
	size_t at = (req->arena_used + align - 1) / align * align;

	_Static_assert(sizeof(req->arena) % _Alignof(max_align_t) == 0, "at is within the arena");
	if (size <= sizeof(req->arena) - at) {
		req->arena_used = at + size;
		return memset(req->arena + at, 0, size);
	}
	if (size > SIZE_MAX - sizeof(*chunk) || !budget_take(req->budget, sizeof(*chunk) + size))
		return NULL;
	chunk = calloc(1, sizeof(*chunk) + size);
	if (!chunk) {
		budget_give(req->budget, sizeof(*chunk) + size);
		return NULL;
	}
	chunk->size = sizeof(*chunk) + size;
	chunk->next = req->chunks;
	req->chunks = chunk;
	return chunk->bytes;
}

void *request_frame(struct request *req, size_t size)
{
	if (size <= sizeof(req->frame))
		return req->frame;
	if (!req->large_frame)
		req->large_frame = request_alloc(req, size);
	if (!req->large_frame)
		coroutine_fail(&req->co, -ENOMEM);
	return req->large_frame;
}

bool request_defer(struct request *req, void (*fn)(void *arg), void *arg)
{
	struct deferred *deferred = request_alloc(req, sizeof(*deferred));

	if (!deferred) {
		fn(arg);
		coroutine_fail(&req->co, -ENOMEM);
		return false;
	}
	*deferred = (struct deferred){fn, arg, req->deferred};
	req->deferred = deferred;
	return true;
}

struct slice request_param(const struct request *req, const char *name)
{
	return req->ops->param(req, name);
}

void request_ref(struct request *req)
{
	req->refs++;
}

void request_unref(struct request *req)
{
	if (--req->refs)
		return;
	for (struct deferred *deferred = req->deferred; deferred; deferred = deferred->next)
		deferred->fn(deferred->arg);
	if (req->body)
		body_free(req);
	reply_free(req);
	while (req->chunks) {
		struct arena_chunk *chunk = req->chunks;

		req->chunks = chunk->next;
		budget_give(req->budget, chunk->size);
		free(chunk);
	}
	req->ops->release(req);
}

#include "http/request.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/budget.h"
#include "http/body.h"
#include "http/mount.h"
#include "http/reply.h"
#include "http/waiting.h"

enum {
	NS_PER_MS = 1000000,
	NS_PER_S = 1000000000,
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
	size_t all_but_arena = offsetof(struct request, arena);

	/* Not for gcc to know: what it would write in place of the call takes 14 ns, the call 5. */
	__asm__("" : "+r"(all_but_arena));
	memset(req, 0, all_but_arena);
	req->ops = ops;
	req->co.ops = &request_coroutine;
	req->co.sched = sched;
	req->refs = 1;
}

/* Adds the digits at the front of the text to the number; returns what comes after them. */
static const char *take_digits(const char *at, const char *end, uint64_t *number)
{
	uint64_t sum = *number;

	for (; at < end; at++) {
		unsigned digit = (unsigned char)*at - (unsigned)'0';

		if (digit > 9)
			break;
		sum = sum * 10 + digit;
	}
	*number = sum;
	return at;
}

static const char *at_most(const char *at, const char *end, ptrdiff_t n)
{
	return end - at > n ? at + n : end;
}

/* Eight digits at once: neighbours become numbers of two digits, these of four, these of eight.
 * False if one of them is something else. */
static inline bool take_eight(const char *text, uint64_t *number)
{
	const uint64_t zeros = 0x3030303030303030;
	const uint64_t high = 0xf0f0f0f0f0f0f0f0; /* halves of the bytes */
	uint64_t digits;

	memcpy(&digits, text, sizeof(digits));
	digits = le64toh(digits); /* the first is in the lowest byte */
	if ((digits & high) != zeros || ((digits + 0x0606060606060606) & high) != zeros)
		return false;
	digits -= zeros;
	digits = (digits * 10 + (digits >> 8)) & 0x00ff00ff00ff00ff;
	digits = (digits * 100 + (digits >> 16)) & 0x0000ffff0000ffff;
	*number = (digits * 10000 + (digits >> 32)) & 0xffffffff;
	return true;
}

/* The usual form, "1700000000.123", without a look for where it ends: it is in every request, and
 * the same in many. False if it is another. */
static bool take_usual(struct slice text, uint64_t *milliseconds)
{
	enum { POINT = 10, LEN = 14 };
	static _Thread_local char known[LEN];
	static _Thread_local uint64_t known_as;
	char rest[8] = {'0', '0', '0'};
	uint64_t first, last;

	if (text.len != LEN || text.data[POINT] != '.')
		return false;
	if (!memcmp(text.data, known, LEN)) {
		*milliseconds = known_as;
		return true;
	}
	memcpy(rest + 3, text.data + 8, 2);
	memcpy(rest + 5, text.data + POINT + 1, 3);
	if (!take_eight(text.data, &first) || !take_eight(rest, &last))
		return false;
	*milliseconds = first * 100000 + last;
	memcpy(known, text.data, LEN);
	known_as = *milliseconds;
	return true;
}

/* When that was, in milliseconds since the epoch; 0: it says nothing. Seconds as nginx's $msec has
 * them, "1700000000.123"; or, as X-Request-Start comes, with "t=" before them, or so many digits
 * that they are milli-, micro- or nanoseconds. */
static uint64_t milliseconds(struct slice text)
{
	const char *at = text.data;
	const char *end;
	uint64_t number = 0;
	uint64_t thousandths = 0;

	if (!text.len)
		return 0;
	if (take_usual(text, &number))
		return number;
	number = 0;
	end = at + text.len;
	if (text.len > 2 && !memcmp(at, "t=", 2))
		at += 2;
	at = take_digits(at, at_most(at, end, U64_DIGITS), &number);
	if (at < end && *at == '.') {
		const char *first = at + 1;

		at = take_digits(first, at_most(first, end, 3), &thousandths);
		for (ptrdiff_t digits = at - first; digits < 3; digits++)
			thousandths *= 10;
		at = take_digits(at, end, &(uint64_t){0});
	}
	if (at < end)
		return 0;
	if (number < SECONDS_MAX)
		return number * 1000 + thousandths;
	while (number >= SECONDS_MAX * 1000)
		number /= 1000;
	return number;
}

/* Nanoseconds since the epoch. */
__attribute__((noinline)) static uint64_t wall_now(void)
{
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	return (uint64_t)wall.tv_sec * NS_PER_S + (uint64_t)wall.tv_nsec;
}

/* Milliseconds since the epoch, at this uv_hrtime(). How far apart the two clocks are is looked at
 * once in a millisecond; 0 is no time. */
static uint64_t wall_clock(uint64_t now)
{
	static _Thread_local uint64_t looked;
	static _Thread_local uint64_t ahead;

	if (!now || now - looked >= NS_PER_MS) {
		looked = now;
		ahead = wall_now() - now;
	}
	return (now + ahead) / NS_PER_MS;
}

/* A clock that disagrees with ours is not believed: this worker cannot have left the request lying
 * for longer than it was busy. */
static void take_queue_time(struct request *req, uint64_t busy)
{
	uint64_t sent = req->times.queue;
	uint64_t ms, waited;

	req->times.queue = 0;
	if (!sent)
		return;
	ms = wall_clock(req->times.received);
	waited = (ms - sent) * NS_PER_MS;
	if (ms < sent || waited > busy + (uint64_t)ELSEWHERE_MS * NS_PER_MS)
		return;
	req->times.queue = waited;
	req->times.queue_known = true;
}

void request_take_param(struct request *req, struct slice name, struct slice value)
{
	switch (name.len) {
	case sizeof("PATH_INFO") - 1:
		if (!slice_is(name, "PATH_INFO"))
			break;
		req->has_path = value.len != 0;
		if (!req->raw)
			req->path = value;
		break;
	case sizeof("LANES_SENT") - 1:
		if (slice_is(name, "LANES_SENT") && value.len) {
			req->has_sent = true;
			req->times.queue = milliseconds(value);
		} else if (slice_is(name, "LANES_PATH") && value.len) {
			req->raw = true;
			req->path = path_of_target(value);
		}
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
		if (!req->has_sent && slice_is(name, "HTTP_X_REQUEST_START"))
			req->times.queue = milliseconds(value);
		break;
	default:
		break;
	}
}

void request_params_done(struct request *req, uint64_t busy)
{
	if (!req->has_path) {
		if (!req->raw)
			req->path = req->prefix;
		req->prefix = (struct slice){"", 0};
	}
	take_queue_time(req, busy);
}

__attribute__((noinline)) void *request_chunk(struct request *req, size_t size)
{
	struct arena_chunk *chunk;

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

/* NULL if there is no room. */
static inline void *from_arena(struct request *req, size_t size)
{
	const size_t align = _Alignof(max_align_t);
	size_t at = ((size_t)req->arena_used + align - 1) / align * align;

	_Static_assert(sizeof(req->arena) % _Alignof(max_align_t) == 0, "at is within the arena");
	if (size > sizeof(req->arena) - at)
		return NULL;
	req->arena_used = (uint16_t)(at + size);
	return memset(req->arena + at, 0, size);
}

void *request_alloc(struct request *req, size_t size)
{
	void *bytes = from_arena(req, size);
	struct request *root;

	if (bytes)
		return bytes;
	root = request_root(req);
	if (root != req)
		bytes = from_arena(root, size);
	return bytes ? bytes : request_chunk(root, size);
}

struct request_rare *request_rare(struct request *req)
{
	if (!req->rare)
		req->rare = request_alloc(req, sizeof(*req->rare));
	return req->rare;
}

void *request_frame(struct request *req, size_t size)
{
	struct request_rare *rare;

	if (size <= sizeof(req->frame) && !req->frame_lent)
		return req->frame;
	rare = request_rare(req);
	if (rare && !rare->large_frame)
		rare->large_frame = req->co.ops->alloc(&req->co, size);
	if (rare && rare->large_frame)
		return rare->large_frame;
	coroutine_fail(&req->co, -ENOMEM);
	return NULL;
}

bool request_defer(struct request *req, void (*fn)(void *arg), void *arg)
{
	struct request_rare *rare = request_rare(request_root(req));
	struct deferred *deferred = request_alloc(req, sizeof(*deferred));

	if (!rare || !deferred) {
		fn(arg);
		coroutine_fail(&req->co, -ENOMEM);
		return false;
	}
	*deferred = (struct deferred){fn, arg, rare->deferred};
	rare->deferred = deferred;
	return true;
}

/* cppcheck-suppress constParameter ; a function */
void *request_deferred(struct request *req, void (*fn)(void *arg))
{
	const struct request_rare *rare = request_root(req)->rare;
	const struct deferred *deferred = rare ? rare->deferred : NULL;

	while (deferred && deferred->fn != fn)
		deferred = deferred->next;
	return deferred ? deferred->arg : NULL;
}

struct slice request_param(const struct request *req, const char *name)
{
	return req->answered ? (struct slice){NULL, 0} : req->ops->param(req, name);
}

void request_ref(struct request *req)
{
	req->refs++;
}

static void end_rare(struct request *req)
{
	const struct request_rare *rare = req->rare;

	for (struct deferred *deferred = rare->deferred; deferred; deferred = deferred->next)
		deferred->fn(deferred->arg);
	request_forget_deadlines(req);
	if (rare->counted)
		--*rare->counted;
}

bool request_drop(struct request *req)
{
	if (--req->refs)
		return false;
	if (req->rare)
		end_rare(req);
	if (req->body)
		body_free(req);
	if (req->reply.owned)
		reply_free(req);
	while (req->chunks) {
		struct arena_chunk *chunk = req->chunks;

		req->chunks = chunk->next;
		budget_give(req->budget, chunk->size);
		free(chunk);
	}
	return true;
}

void request_unref(struct request *req)
{
	if (request_drop(req))
		req->ops->release(req);
}

/* The head of an answer: written into room that is known to do, as checking each of some thirty
 * pieces would cost more than all of them. */
#include "http/http_status.h"
#include "http/reply.h"

enum {
	U64_DIGITS = 20,
	/* All of the head but the type, the worker's name and further lines: 350 bytes of text, the
	 * longest reason, and twelve numbers. */
	HEAD_FIXED_MAX = 350 + 40 + 12 * (U64_DIGITS + 4),
	USUAL = 128, /* bytes of either part of a head that is ready */
};

static inline char *put(char *at, const char *text)
{
	size_t len = strlen(text);

	memcpy(at, text, len);
	return at + len;
}

static char *put_slice(char *at, struct slice bytes)
{
	if (bytes.len)
		memcpy(at, bytes.data, bytes.len);
	return at + bytes.len;
}

/* A number below 100, with both digits. */
static inline char *put_pair(char *at, uint64_t number)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";

	memcpy(at, &pairs[number * 2], 2);
	return at + 2;
}

/* One below 1,000, with all three. */
static inline char *put_triple(char *at, uint64_t number)
{
	*at = (char)('0' + number / 100);
	return put_pair(at + 1, number % 100);
}

/* One below 10,000, without zeros before it. */
static inline char *put_small(char *at, uint64_t number)
{
	if (number >= 1000)
		return put_pair(put_pair(at, number / 100), number % 100);
	if (number >= 100)
		return put_triple(at, number);
	if (number >= 10)
		return put_pair(at, number);
	*at = (char)('0' + number);
	return at + 1;
}

__attribute__((noinline)) static char *put_large(char *at, uint64_t value)
{
	char pairs[U64_DIGITS];
	char *first = pairs + sizeof(pairs);

	for (; value >= 100; value /= 100)
		put_pair(first -= 2, value % 100);
	at = put_small(at, value);
	return put_slice(at, (struct slice){first, (size_t)(pairs + sizeof(pairs) - first)});
}

static inline char *put_u64(char *at, uint64_t value)
{
	return value < 10000 ? put_small(at, value) : put_large(at, value);
}

/* Milliseconds with three decimals. Most of a request's times are none. */
static char *put_ms(char *at, uint64_t ns)
{
	uint64_t us;

	if (ns < 500)
		return put(at, "0.000");
	us = (ns + 500) / 1000;
	at = put_u64(at, us / 1000);
	*at++ = '.';
	return put_triple(at, us % 1000);
}

/* Waits that few requests have, each where there was one. */
static char *put_awaited(char *at, const struct coroutine_times *times)
{
	if (times->db_queue >= 500)
		at = put_ms(put(at, ", db-queue;dur="), times->db_queue);
	if (times->db)
		at = put_ms(put(at, ", db;dur="), times->db);
	return times->fetch ? put_ms(put(at, ", fetch;dur="), times->fetch) : at;
}

static char *put_times(char *at, const struct request *req)
{
	const struct coroutine_times *times = &req->co.times;
	uint64_t awaited = times->db_queue + times->db + times->fetch;
	uint64_t other = times->pool_queue + times->pool + times->ready + awaited;
	uint64_t await = times->suspended > other ? times->suspended - other : 0;

	at = put(at, "\r\nServer-Timing: ");
	if (req->times.queue_known)
		at = put(put_ms(put(at, "queue;dur="), req->times.queue), ", ");
	at = put_ms(put(at, "loop;dur="), times->loop);
	at = put_ms(put(at, ", await;dur="), await);
	if (times->pool) {
		at = put_ms(put(at, ", pool-queue;dur="), times->pool_queue);
		at = put_ms(put(at, ", pool;dur="), times->pool);
	} else {
		at = put(at, ", pool-queue;dur=0.000, pool;dur=0.000");
	}
	if (awaited)
		at = put_awaited(at, times);
	return times->ready ? put_ms(put(at, ", ready;dur="), times->ready) : at;
}

static char *put_status(char *at, int status)
{
	const struct http_status *known = http_status(status);

	if (known)
		return put_slice(at, (struct slice){known->line, (size_t)known->line_len});
	return put(put_u64(put(at, "Status: "), (uint64_t)status), " Unknown");
}

/* As far as the length of the body. */
static char *put_front(char *at, const struct reply *reply)
{
	at = put_status(at, reply->status);
	if (reply->type && !(reply->own & REPLY_TYPE))
		at = put_slice(put(at, "\r\nContent-Type: "), slice_of(reply->type));
	if (reply->streams && !reply->body.len)
		return put(at, "\r\nX-Accel-Buffering: no");
	return http_status_is_empty(reply->status) ? at : put(at, "\r\nContent-Length: ");
}

/* From there to the number of the request. */
static char *put_back(char *at, const struct reply *reply, struct slice worker)
{
	if (!(reply->own & (REPLY_CACHE | REPLY_VALIDATOR)))
		at = put(at, "\r\nCache-Control: no-store");
	else if (!(reply->own & REPLY_CACHE))
		at = put(at, "\r\nCache-Control: no-cache");
	if (reply->retry && !(reply->own & REPLY_RETRY))
		at = put(at, "\r\nRetry-After: 1");
	at = put_slice(put(at, "\r\nX-Lanes-Worker: "), worker);
	return put(at, "\r\nX-Lanes-Request: ");
}

/* Both, as they were in the last head without a line that few have. The next is nearly always of
 * the same status and type, and copying at once what is the same saves ninety instructions. */
struct usual_head {
	int status; /* 0: there was none */
	const char *type;
	const char *worker;
	uint8_t front_len, back_len;
	char front[USUAL], back[USUAL];
};

static struct usual_head usual; /* one thread of a process answers */

__attribute__((noinline)) static bool make_usual(const struct reply *reply, struct slice worker)
{
	if (!http_status(reply->status) || strlen(reply->type) > USUAL / 3 ||
	    worker.len > USUAL / 3)
		return false;
	usual.status = reply->status;
	usual.type = reply->type;
	usual.worker = worker.data;
	usual.front_len = (uint8_t)(put_front(usual.front, reply) - usual.front);
	usual.back_len = (uint8_t)(put_back(usual.back, reply, worker) - usual.back);
	return true;
}

static bool is_usual(const struct reply *reply, struct slice worker)
{
	if (!reply->type || reply->own || reply->retry || reply->streams)
		return false;
	return (reply->status == usual.status && reply->type == usual.type &&
		worker.data == usual.worker) ||
	       make_usual(reply, worker);
}

/* More than is needed: of a known size, that is some instructions. There is room. */
static char *put_usual(char *at, size_t length)
{
	memcpy(at, usual.front, sizeof(usual.front));
	at = put_u64(at + usual.front_len, length);
	memcpy(at, usual.back, sizeof(usual.back));
	return at + usual.back_len;
}

static char *put_unusual(char *at, const struct reply *reply, struct slice worker)
{
	at = put_front(at, reply);
	if (!http_status_is_empty(reply->status) && (!reply->streams || reply->body.len))
		at = put_u64(at, reply->body.len);
	return put_back(at, reply, worker);
}

void reply_head(const struct request *req, struct slice worker, struct buffer *out)
{
	const struct reply *reply = &req->reply;
	bool alike = is_usual(reply, worker);
	char *start =
		buffer_reserve(out, HEAD_FIXED_MAX + worker.len + reply->headers.len +
					    (alike || !reply->type ? 0 : strlen(reply->type)));
	char *at = start;

	if (!at)
		return;
	at = alike ? put_usual(at, reply->body.len) : put_unusual(at, reply, worker);
	at = put_u64(at, (uint32_t)req->serial);
	at = put_times(at, req);
	at = put(at, "\r\n");
	at = put_slice(at, reply->headers);
	at = put(at, "\r\n");
	out->len += (size_t)(at - start);
}

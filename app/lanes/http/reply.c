#include "http/reply.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "http/http_status.h"
#include "http/waiting.h"

static const char TYPE_JSON[] = "application/json";

enum {
	U64_DIGITS = 20,
	/* All of the head but the type, the worker's name and further lines: 350 bytes of text, the
	 * longest reason, and twelve numbers. */
	HEAD_FIXED_MAX = 350 + 40 + 12 * (U64_DIGITS + 4),
	USUAL = 128, /* bytes of either part of a head that is ready */
};

const char *reply_reason(int status)
{
	const struct http_status *known = http_status(status);

	return known ? known->reason : "Unknown";
}

/* Whether an answer with this status has no body (RFC 9110 15.3.5, 15.4.5). */
static bool is_empty(int status)
{
	return status == 204 || status == 304;
}

void reply_free(struct request *req)
{
	struct reply *reply = &req->reply;

	if (!reply->owned)
		return;
	if (reply->is_json)
		json_object_put(reply->owned);
	else
		free(reply->owned);
	reply->owned = NULL;
}

/* Whether there may be another answer: it is not too late, and no header has failed. What the first
 * one had for itself is gone then. */
static bool drop_reply(struct request *req)
{
	struct reply *reply = &req->reply;
	struct unrouted *first = req->rare ? req->rare->unrouted : NULL;

	if (reply->begun || reply->failed)
		return false;
	reply_free(req);
	if (first && first->line_len) {
		char *at = (char *)reply->headers.data + first->line_at;

		reply->headers.len -= first->line_len;
		memmove(at, at + first->line_len, reply->headers.len - first->line_at);
		first->line_len = 0;
	}
	return true;
}

/* False if there may be no other answer. */
static bool new_reply(struct request *req, int status, const char *type, struct slice body)
{
	struct reply *reply = &req->reply;

	if (reply->status && !drop_reply(req))
		return false;
	reply->status = status;
	reply->type = is_empty(status) ? NULL : type;
	reply->body = is_empty(status) ? (struct slice){"", 0} : body;
	reply->streams = reply->retry = false;
	return true;
}

void reply_bytes(struct request *req, int status, const char *type, struct slice body)
{
	new_reply(req, status, type, body);
}

/* Where json-c finds no memory for the text it leaves out what did not fit, and says nothing: only
 * errno tells. */
void reply_json(struct request *req, int status, struct json_object *json)
{
	size_t len;
	const char *text = NULL;

	errno = 0;
	if (json)
		text = json_object_to_json_string_length(
			json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
	if (!text || errno == ENOMEM) {
		json_object_put(json);
		reply_error(req, 503);
		return;
	}
	if (!new_reply(req, status, TYPE_JSON, (struct slice){text, len})) {
		json_object_put(json);
		return;
	}
	req->reply.owned = json;
	req->reply.is_json = true;
}

void reply_text(struct request *req, int status, const char *type, struct buffer *text)
{
	if (text->failed) {
		buffer_free(text);
		reply_error(req, 503);
		return;
	}
	if (new_reply(req, status, type, buffer_slice(text))) {
		req->reply.owned = text->data;
		req->reply.is_json = false;
	} else {
		buffer_free(text);
	}
	*text = (struct buffer){0};
}

bool reply_stream(struct request *req, int status, const char *type)
{
	return reply_stream_of(req, status, type, 0);
}

bool reply_stream_of(struct request *req, int status, const char *type, size_t length)
{
	if (!new_reply(req, status, type, (struct slice){NULL, length}))
		return false;
	req->reply.streams = true;
	if (slice_is(req->method, "HEAD") || !req->ops->stream(req))
		return false;
	req->reply.body.len = 0;
	req->reply.begun = true;
	req->co.untold = true;
	return true;
}

void stream_write(struct request *req, struct slice bytes)
{
	struct request *root = request_root(req);

	if (root->reply.streams && root->reply.begun && !root->answered) {
		root->ops->stream_write(root, &req->co, bytes);
		return;
	}
	coroutine_fail(&req->co, -EPIPE);
	coroutine_gather(&req->co);
}

bool stream_room(const struct request *req)
{
	const struct request *root = request_root(req);

	return root->ops->stream_room(root);
}

bool stream_wanted(const struct request *req)
{
	const struct request *root = request_root(req);

	return root->ops->stream_wanted(root);
}

/* Not through json-c: these must work when memory is out. */
void reply_error(struct request *req, int status)
{
	const struct http_status *known = http_status(status);

	if (new_reply(req, status, TYPE_JSON,
		      slice_of(known ? known->error : "{\"detail\":\"Unknown\"}")))
		req->reply.retry = status == 503 || status == 429;
}

void reply_instead(struct request *req, int status)
{
	if (req->reply.begun) {
		req->reply.broken = true;
		return;
	}
	reply_free(req);
	if (req->rare)
		req->rare->unrouted = NULL;
	req->reply = (struct reply){0};
	reply_error(req, status);
}

/* ---- headers ---- */

/* There is no answer of the handler's any more. */
static void fail(struct request *req, int status)
{
	reply_instead(req, status);
	req->reply.failed = true;
}

/* A token (RFC 9110 5.6.2). */
static bool is_token(const char *text)
{
	static const char others[] = "!#$%&'*+-.^_`|~";
	const char *at = text;

	while (isalnum((unsigned char)*at) || (*at && strchr(others, *at)))
		at++;
	return at > text && !*at;
}

/* What the web server takes from these is where the answer begins and ends. */
static bool is_ours(const char *name)
{
	static const char *const names[] = {"Status", "Content-Length", "Transfer-Encoding",
					    "Connection"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcasecmp(name, names[i]))
			return true;
	return false;
}

/* A line of ours in whose place this is, if it is one, or that it changes. */
static unsigned char replaced(const char *name)
{
	if (!strcasecmp(name, "Content-Type"))
		return REPLY_TYPE;
	if (!strcasecmp(name, "Cache-Control"))
		return REPLY_CACHE;
	if (!strcasecmp(name, "ETag") || !strcasecmp(name, "Last-Modified"))
		return REPLY_VALIDATOR;
	return strcasecmp(name, "Retry-After") ? 0 : REPLY_RETRY;
}

/* Room for so many bytes more behind the lines; NULL if memory is out. */
static char *add_room(struct request *req, size_t len)
{
	struct slice old = req->reply.headers;
	char *text = request_alloc(req, old.len + len);

	if (!text)
		return NULL;
	if (old.len)
		memcpy(text, old.data, old.len);
	req->reply.headers = (struct slice){text, old.len + len};
	return text + old.len;
}

void reply_header(struct request *req, const char *name, struct slice value)
{
	char *at;

	if (req->reply.begun || req->reply.failed)
		return;
	if (!is_token(name) || is_ours(name)) {
		log_event(LOG_LEVEL_ERROR, "bad-header", "name", name, NULL);
		fail(req, 500);
		return;
	}
	at = add_room(req, strlen(name) + 2 + value.len + 2);
	if (!at) {
		fail(req, 503);
		return;
	}
	at = stpcpy(stpcpy(at, name), ": ");
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.data[i];

		*at++ = c < ' ' || c == 0x7f ? '?' : (char)c;
	}
	memcpy(at, "\r\n", 2);
	req->reply.own |= replaced(name);
}

/* ---- cookies ---- */

/* As Python's http.cookies has it, which FastAPI uses: what may not be in a value is an octal
 * escape between quotes. */
static void append_value(struct buffer *out, struct slice value)
{
	static const char bare[] = "!#$%&'*+-.^_`|~:";
	static const char quoted[] = " ()/<=>?@[]{}";
	struct buffer text = {0};
	bool quotes = false;

	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.data[i];
		bool plain = c < 0x80 && (isalnum(c) || (c && strchr(bare, c)));

		quotes = quotes || !plain;
		if (plain || (c && strchr(quoted, c)))
			buffer_append(&text, &value.data[i], 1);
		else if (c == '"' || c == '\\')
			buffer_format(&text, "\\%c", c);
		else
			buffer_format(&text, "\\%03o", c);
	}
	buffer_append_text(out, quotes ? "\"" : "");
	buffer_append(out, text.data, text.len);
	buffer_append_text(out, quotes ? "\"" : "");
	out->failed = out->failed || text.failed;
	buffer_free(&text);
}

/* False if it would end the attribute, and more. */
static bool append_attribute(struct buffer *out, const char *name, const char *value)
{
	buffer_append_text(out, "; ");
	buffer_append_text(out, name);
	buffer_append_text(out, value);
	return !strpbrk(value, ";\r\n");
}

void reply_cookie(struct request *req, const struct cookie *cookie)
{
	struct buffer out = {0};
	bool good = is_token(cookie->name);

	buffer_append_text(&out, cookie->name);
	buffer_append_text(&out, "=");
	append_value(&out, cookie->value);
	if (cookie->domain)
		good = append_attribute(&out, "Domain=", cookie->domain) && good;
	buffer_append_text(&out, cookie->http_only ? "; HttpOnly" : "");
	if (cookie->max_age)
		buffer_format(&out, "; Max-Age=%" PRId64,
			      cookie->max_age < 0 ? 0 : cookie->max_age);
	good = append_attribute(&out, "Path=", cookie->path ? cookie->path : "/") && good;
	good = append_attribute(&out, "SameSite=", cookie->same_site ? cookie->same_site : "lax") &&
	       good;
	buffer_append_text(&out, cookie->secure ? "; Secure" : "");
	if (good && !out.failed) {
		reply_header(req, "Set-Cookie", buffer_slice(&out));
	} else {
		log_event(LOG_LEVEL_ERROR, "bad-cookie", "name", cookie->name, NULL);
		fail(req, good ? 503 : 500);
	}
	buffer_free(&out);
}

/* ---- the head: written into room that is known to do, as checking each of some thirty pieces
 * would cost more than all of them ---- */

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

/* Two digits for each step. */
static char *put_u64(char *at, uint64_t value)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";
	size_t len = 1;
	char *end;

	if (value < 10) {
		*at = (char)('0' + value);
		return at + 1;
	}
	for (uint64_t limit = 10; len < U64_DIGITS && value >= limit; limit *= 10)
		len++;
	end = at + len;
	for (char *last = end; last > at + 1; value /= 100)
		memcpy(last -= 2, &pairs[value % 100 * 2], 2);
	if (len % 2)
		*at = (char)('0' + value);
	return end;
}

/* Milliseconds with three decimals. Most of a request's times are none. */
static char *put_ms(char *at, uint64_t ns)
{
	uint64_t us;
	unsigned rest;

	if (ns < 500)
		return put(at, "0.000");
	us = (ns + 500) / 1000;
	rest = us % 1000;
	at = put_u64(at, us / 1000);
	*at++ = '.';
	*at++ = (char)('0' + rest / 100);
	*at++ = (char)('0' + rest / 10 % 10);
	*at++ = (char)('0' + rest % 10);
	return at;
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
	return is_empty(reply->status) ? at : put(at, "\r\nContent-Length: ");
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
 * the same status and type, and copying at once what is the same takes a third of the time. */
static _Thread_local struct {
	int status; /* 0: there was none */
	const char *type;
	const char *worker;
	uint8_t front_len, back_len;
	char front[USUAL], back[USUAL];
} usual;

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
	if (!is_empty(reply->status) && (!reply->streams || reply->body.len))
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

struct slice reply_body(const struct request *req)
{
	return slice_is(req->method, "HEAD") ? (struct slice){"", 0} : req->reply.body;
}

void reply_write(struct request *req, struct slice worker, struct buffer *out)
{
	struct slice body = reply_body(req);

	if (!req->reply.begun)
		reply_head(req, worker, out);
	buffer_append(out, body.data, body.len);
	reply_free(req);
}

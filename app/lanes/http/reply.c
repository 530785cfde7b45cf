#include "http/reply.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

static const char TYPE_JSON[] = "application/json";

enum {
	U64_DIGITS = 20,
	/* All of the head but the type, the worker's name and further lines: 290 bytes of text, the
	 * longest reason, and nine numbers. */
	HEAD_FIXED_MAX = 290 + 40 + 9 * (U64_DIGITS + 4),
};

#define STATUS(code, reason)                                                                       \
	{                                                                                          \
		code, reason, "{\"detail\":\"" reason "\"}"                                        \
	}

/* The usual ones come first. Python's words, as FastAPI has them. */
static const struct status {
	int code;
	const char *reason;
	const char *error; /* the body of reply_error() */
} statuses[] = {
	STATUS(200, "OK"),
	STATUS(400, "Bad Request"),
	STATUS(404, "Not Found"),
	STATUS(405, "Method Not Allowed"),
	STATUS(422, "Unprocessable Entity"),
	STATUS(503, "Service Unavailable"),
	STATUS(307, "Temporary Redirect"),
	STATUS(201, "Created"),
	STATUS(202, "Accepted"),
	STATUS(204, "No Content"),
	STATUS(301, "Moved Permanently"),
	STATUS(302, "Found"),
	STATUS(303, "See Other"),
	STATUS(304, "Not Modified"),
	STATUS(308, "Permanent Redirect"),
	STATUS(401, "Unauthorized"),
	STATUS(403, "Forbidden"),
	STATUS(406, "Not Acceptable"),
	STATUS(408, "Request Timeout"),
	STATUS(409, "Conflict"),
	STATUS(410, "Gone"),
	STATUS(411, "Length Required"),
	STATUS(412, "Precondition Failed"),
	STATUS(413, "Request Entity Too Large"),
	STATUS(414, "Request-URI Too Long"),
	STATUS(415, "Unsupported Media Type"),
	STATUS(421, "Misdirected Request"),
	STATUS(423, "Locked"),
	STATUS(428, "Precondition Required"),
	STATUS(429, "Too Many Requests"),
	STATUS(431, "Request Header Fields Too Large"),
	STATUS(500, "Internal Server Error"),
	STATUS(501, "Not Implemented"),
	STATUS(502, "Bad Gateway"),
	STATUS(504, "Gateway Timeout"),
	STATUS(507, "Insufficient Storage"),
};

static const struct status *find_status(int code)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i].code == code)
			return &statuses[i];
	return NULL;
}

const char *reply_reason(int status)
{
	const struct status *known = find_status(status);

	return known ? known->reason : "Unknown";
}

void reply_free(struct request *req)
{
	if (req->reply.json)
		json_object_put(req->reply.json);
	free(req->reply.owned);
	req->reply = (struct reply){0};
}

/* Lines that were added before there was a reply are for this one; those of a reply that is
 * replaced go with it. */
void reply_bytes(struct request *req, int status, const char *type, struct slice body)
{
	struct slice headers = req->reply.status ? (struct slice){NULL, 0} : req->reply.headers;

	if (req->reply.begun)
		return;
	reply_free(req);
	req->reply.headers = headers;
	req->reply.status = status;
	req->reply.type = type;
	req->reply.body = body;
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
	reply_bytes(req, status, TYPE_JSON, (struct slice){text, len});
	req->reply.json = json;
}

void reply_text(struct request *req, int status, const char *type, struct buffer *text)
{
	if (text->failed) {
		buffer_free(text);
		reply_error(req, 503);
		return;
	}
	reply_bytes(req, status, type, buffer_slice(text));
	req->reply.owned = text->data;
	*text = (struct buffer){0};
}

bool reply_stream(struct request *req, const char *type)
{
	if (!req->ops->stream) {
		reply_error(req, 501);
		return false;
	}
	reply_bytes(req, 200, type, (struct slice){"", 0});
	req->reply.streams = true;
	req->co.untold = true;
	return !slice_is(req->method, "HEAD") && stream_write(req, (struct slice){"", 0});
}

bool stream_write(struct request *req, struct slice bytes)
{
	return req->ops->stream(req, bytes);
}

bool stream_is_read(const struct request *req)
{
	return req->ops->stream_is_read(req);
}

void stream_drained(struct request *req)
{
	req->ops->stream_drained(req);
}

/* Adds a line, or changes nothing if memory is out. */
static bool add_line(struct request *req, const char *name, struct slice value)
{
	struct slice old = req->reply.headers;
	size_t name_len = strlen(name);
	size_t len = old.len + name_len + 2 + value.len + 2;
	char *text = request_alloc(req, len);
	char *at = text;

	if (!text)
		return false;
	if (old.len)
		memcpy(at, old.data, old.len);
	at += old.len;
	memcpy(at, name, name_len);
	at += name_len;
	*at++ = ':';
	*at++ = ' ';
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.data[i];

		*at++ = c < ' ' || c > '~' ? '?' : (char)c;
	}
	*at++ = '\r';
	*at++ = '\n';
	req->reply.headers = (struct slice){text, len};
	return true;
}

/* Not through json-c: these must work when memory is out. */
void reply_error(struct request *req, int status)
{
	const struct status *known = find_status(status);

	reply_bytes(req, status, TYPE_JSON,
		    slice_of(known ? known->error : "{\"detail\":\"Unknown\"}"));
	if ((status == 503 || status == 429) &&
	    (!req->reply.headers.len || !add_line(req, "Retry-After", slice_of("1"))))
		req->reply.headers = slice_of("Retry-After: 1\r\n");
}

void reply_header(struct request *req, const char *name, struct slice value)
{
	if (!add_line(req, name, value))
		reply_error(req, 503);
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

static char *put_u64(char *at, uint64_t value)
{
	char digits[U64_DIGITS];
	size_t first = sizeof(digits);

	if (value < 10) {
		*at = (char)('0' + value);
		return at + 1;
	}
	do {
		digits[--first] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	memcpy(at, digits + first, sizeof(digits) - first);
	return at + sizeof(digits) - first;
}

/* Milliseconds with three decimals. Most of a request's times are none. */
static char *put_ms(char *at, uint64_t ns)
{
	uint64_t us = (ns + 500) / 1000;

	if (!us)
		return put(at, "0.000");
	at = put_u64(at, us / 1000);
	*at++ = '.';
	*at++ = (char)('0' + us / 100 % 10);
	*at++ = (char)('0' + us / 10 % 10);
	*at++ = (char)('0' + us % 10);
	return at;
}

static char *put_times(char *at, const struct request *req)
{
	const struct coroutine_times *times = &req->co.times;
	uint64_t other = times->pool_queue + times->pool + times->ready;
	uint64_t await = times->suspended > other ? times->suspended - other : 0;

	at = put(at, "\r\nServer-Timing: ");
	if (req->times.queue_known)
		at = put(put_ms(put(at, "queue;dur="), req->times.queue), ", ");
	at = put_ms(put(at, "loop;dur="), times->loop);
	at = put_ms(put(at, ", await;dur="), await);
	at = put_ms(put(at, ", pool-queue;dur="), times->pool_queue);
	at = put_ms(put(at, ", pool;dur="), times->pool);
	return times->ready ? put_ms(put(at, ", ready;dur="), times->ready) : at;
}

void reply_head(const struct request *req, const char *worker, struct buffer *out)
{
	const struct reply *reply = &req->reply;
	struct slice type = slice_of(reply->type ? reply->type : "");
	struct slice name = slice_of(worker);
	char *start =
		buffer_reserve(out, HEAD_FIXED_MAX + type.len + name.len + reply->headers.len);
	char *at = start;

	if (!at)
		return;
	at = put_u64(put(at, "Status: "), (uint64_t)reply->status);
	*at++ = ' ';
	at = put(at, reply_reason(reply->status));
	if (reply->type)
		at = put_slice(put(at, "\r\nContent-Type: "), type);
	if (reply->streams)
		at = put(at, "\r\nX-Accel-Buffering: no");
	else
		at = put_u64(put(at, "\r\nContent-Length: "), reply->body.len);
	at = put(at, "\r\nCache-Control: no-store\r\nX-Lanes-Worker: ");
	at = put_u64(put(put_slice(at, name), "\r\nX-Lanes-Request: "), (uint32_t)req->serial);
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

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

const char *reply_reason(int status)
{
	const struct http_status *known = http_status(status);

	return known ? known->reason : "Unknown";
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
	reply->type = http_status_is_empty(status) ? NULL : type;
	reply->body = http_status_is_empty(status) ? (struct slice){"", 0} : body;
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

/* ---- the whole ---- */

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

/*
 * Answers. A handler calls exactly one of these before it returns for the last time; a second
 * call replaces the first, unless that is a stream, whose head has been sent. Headers and cookies
 * are the request's, and go out with whichever it is. The bytes are put together by the engine, at
 * the end (reply_head). An answer of 204 or 304 has no body.
 */
#ifndef LANES_HTTP_REPLY_H
#define LANES_HTTP_REPLY_H

#include <json-c/json_types.h>

#include "base/buffer.h"
#include "http/request.h"

/* Answers with a JSON value as FastAPI writes it: no spaces, "/" not escaped. Takes over json;
 * NULL (json-c found no memory) answers 503 instead. */
void reply_json(struct request *req, int status, struct json_object *json);

/* Answers with bytes that live as long as the request; type is a static string. */
void reply_bytes(struct request *req, int status, const char *type, struct slice body);

/* Answers with text put together in a buffer, whose memory it takes over. A buffer that failed
 * answers 503 instead. */
void reply_text(struct request *req, int status, const char *type, struct buffer *text);

/* Begins an answer of which nobody knows the end, and sends its head at once, with the headers that
 * were set. True: go on with stream_write(), and return when there is no more. False: the handler
 * has nothing left to do, as after a HEAD, or beyond --max-streams (a 503). ASYNC handlers only;
 * type is a static string. One that fails, or is left unread, is cut off: its connection is closed,
 * which a web server tells its client. Where others are on that (HAProxy), and from a prefork
 * process, it ends like any other. */
bool reply_stream(struct request *req, int status, const char *type);

/* The same for one of so many bytes (0: nobody knows), which the head says. It must be written
 * whole: the web server takes less for an answer that was broken off, as the client does. */
bool reply_stream_of(struct request *req, int status, const char *type, size_t length);

/* AWAIT(req, stream_write(req, bytes)): sends bytes (copied), and goes on when there is room for
 * more: at once, unless the client has left more than --stream-limit unread. If it leaves so much
 * for --send-timeout, or goes, the handler is not resumed. Fails if memory is out, and then nothing
 * was sent; and where there is no stream. */
void stream_write(struct request *req, struct slice bytes);

/* Whether nothing waits for the client, for a stream that would rather leave something out. */
bool stream_room(const struct request *req);

/* False: the worker drains, or the stream is older than --stream-age, and one that has no end of
 * its own should end. Not every web server tells that a client has gone; one that is there comes
 * again. */
bool stream_wanted(const struct request *req);

/* Answers {"detail":"<the status's reason>"}, the form of every error FastAPI makes itself;
 * 503 and 429 bring Retry-After: 1. */
void reply_error(struct request *req, int status);

/* The same with a detail of its own, printf-like and of at most 511 bytes: what FastAPI's
 * HTTPException(status, detail) answers. */
void reply_refusal(struct request *req, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Adds a header line, before the answer or after it; of one name there may be several. It stays,
 * whichever answer follows, but not when the library answers in the handler's place. Content-Type,
 * Cache-Control and Retry-After take the place of the library's own; without one, Cache-Control is
 * no-store, or no-cache beside an ETag or Last-Modified. In the value a control
 * character, which a line must not have, is sent as '?'. If memory is out the answer is a 503, as a
 * redirect without its Location would be worse; if the name is none, or one that says where the
 * answer ends, like Content-Length, a 500. */
void reply_header(struct request *req, const char *name, struct slice value);

struct cookie {
	const char *name;
	struct slice value;
	int64_t max_age;       /* seconds; 0: until the browser is closed; below: it is deleted */
	const char *path;      /* NULL: "/" */
	const char *domain;    /* NULL: this host alone */
	const char *same_site; /* "strict", "lax", "none"; NULL: "lax" */
	bool secure;
	bool http_only;
};

/* Adds a Set-Cookie line, as FastAPI's set_cookie() writes it. */
void reply_cookie(struct request *req, const struct cookie *cookie);

/* For the library: answers with an error in place of the handler, of whom nothing is left. */
void reply_instead(struct request *req, int status);

/* "Not Found" for 404 …; "Unknown" for a status that is none. */
const char *reply_reason(int status);

/* Appends what precedes the body in a CGI response (RFC 3875 6.3): Status, Content-Type,
 * Content-Length (a stream of no known length has none, and tells nginx not to buffer it),
 * Cache-Control, X-Lanes-Worker, X-Lanes-Request (its serial, as the scoreboard has it),
 * Server-Timing, further lines, empty line. worker is "<pool>-<slot>", the same bytes each time.
 * One thread of a process calls it: the loop's. */
void reply_head(const struct request *req, struct slice worker, struct buffer *out);

/* The body to send after the head: empty for HEAD. */
struct slice reply_body(const struct request *req);

/* Appends both, or without the head, if that was sent; and frees what the reply owns. */
void reply_write(struct request *req, struct slice worker, struct buffer *out);

/* Frees what the reply owns; safe to call twice. */
void reply_free(struct request *req);

#endif

#include "http/condition.h"

#include <stdio.h>

#include "http/reply.h"
#include "http/request.h"

static bool begins(struct slice text, const char *with)
{
	size_t len = strlen(with);

	return text.len >= len && !memcmp(text.data, with, len);
}

static struct slice after(struct slice text, size_t n)
{
	return (struct slice){text.data + n, text.len - n};
}

/* Blanks, and empty elements, which a list may have (RFC 9110 5.6.1.2). */
static struct slice without_blanks(struct slice list)
{
	while (list.len && strchr(" \t,", *list.data))
		list = after(list, 1);
	return list;
}

/* Takes the next entity-tag off a list, without what says that it is weak (RFC 9110 8.8.3). False
 * where there is none. */
static bool take_tag(struct slice *list, struct slice *tag, bool *weak)
{
	struct slice left = without_blanks(*list);
	const char *end;

	*weak = begins(left, "W/");
	if (*weak)
		left = after(left, 2);
	if (!begins(left, "\""))
		return false;
	left = after(left, 1);
	end = memchr(left.data, '"', left.len);
	if (!end)
		return false;
	*tag = (struct slice){left.data, (size_t)(end - left.data)};
	*list = after(left, tag->len + 1);
	return true;
}

/* "*" is any that there is. Weak ones are equal for If-None-Match only (RFC 9110 13.1.1, 13.1.2).
 */
static bool is_among(struct slice list, struct slice tag, bool also_weak)
{
	struct slice other;
	bool weak;

	if (slice_is(list, "*"))
		return true;
	while (take_tag(&list, &other, &weak))
		if (slice_equal(other, tag) && (also_weak || !weak))
			return true;
	return false;
}

static bool is_read(const struct request *req)
{
	return slice_is(req->method, "GET") || slice_is(req->method, "HEAD");
}

static bool reply_unchanged(struct request *req)
{
	if (is_read(req))
		reply_bytes(req, 304, NULL, slice_of(""));
	else
		reply_error(req, 412);
	return true;
}

bool reply_etag(struct request *req, struct slice tag)
{
	char *quoted = request_alloc(req, tag.len + 2);
	struct slice wanted = request_param(req, "HTTP_IF_MATCH");

	if (!quoted) {
		reply_error(req, 503);
		return true;
	}
	quoted[0] = quoted[tag.len + 1] = '"';
	memcpy(quoted + 1, tag.data, tag.len);
	reply_header(req, "ETag", (struct slice){quoted, tag.len + 2});
	if (wanted.data && !is_among(wanted, tag, false)) {
		reply_error(req, 412);
		return true;
	}
	return is_among(request_param(req, "HTTP_IF_NONE_MATCH"), tag, true) &&
	       reply_unchanged(req);
}

/* The forms that a date may have (RFC 9110 5.6.7). -1: it is none. */
static time_t parse_date(struct slice text)
{
	static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT",
					    "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"};
	char date[64];

	snprintf(date, sizeof(date), "%.*s", (int)text.len, text.data);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]) && text.len < sizeof(date); i++) {
		struct tm tm = {0};
		const char *end = strptime(date, forms[i], &tm);

		if (end && !*end)
			return timegm(&tm);
	}
	return -1;
}

bool reply_modified(struct request *req, time_t when)
{
	time_t since = parse_date(request_param(req, "HTTP_IF_MODIFIED_SINCE"));
	time_t now = time(NULL);
	char date[64];
	struct tm tm;

	when = when < now ? when : now; /* RFC 9110 8.8.2.1 */
	gmtime_r(&when, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	reply_header(req, "Last-Modified", slice_of(date));
	/* RFC 9110 13.1.3 */
	return !request_param(req, "HTTP_IF_NONE_MATCH").data && is_read(req) && since >= 0 &&
	       since >= when && reply_unchanged(req);
}

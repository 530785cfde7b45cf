#include "http/router.h"

#include <string.h>

#include "http/input.h"
#include "http/percent.h"
#include "http/reply.h"

enum {
	USUAL_PATH = 256, /* bytes of a path that are decoded on the stack */
};

static const struct input_source no_source;

static const struct route *find(const struct routes *routes, struct slice path)
{
	/* Python's regular expressions let `$` match before a final newline. */
	if (path.len && path.data[path.len - 1] == '\n')
		path.len--;
	for (size_t i = 0; i < routes->count; i++) {
		const struct route *route = &routes->list[i];

		if (route->path_len == path.len && !memcmp(route->path, path.data, path.len))
			return route;
	}
	return NULL;
}

/* Starlette quotes the whole URL, with these left alone. '%' is among them where the text is as the
 * client has escaped it. */
static size_t quote(char *out, struct slice text, bool escaped)
{
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    (c && strchr("_.-~:/#?=@[]!$&'()*+,;", c)) || (c == '%' && escaped)) {
			out[len++] = (char)c;
		} else {
			out[len++] = '%';
			out[len++] = "0123456789ABCDEF"[c >> 4];
			out[len++] = "0123456789ABCDEF"[c & 15];
		}
	}
	return len;
}

static void redirect(struct request *req, struct slice path)
{
	char *location = request_alloc(req, 3 * (req->prefix.len + path.len + req->query.len) + 1);
	size_t len;

	if (!location) {
		reply_error(req, 503);
		return;
	}
	len = quote(location, req->prefix, false);
	len += quote(location + len, path, false);
	if (req->query.len) {
		location[len++] = '?';
		len += quote(location + len, req->query, true);
	}
	reply_bytes(req, 307, NULL, (struct slice){"", 0});
	reply_header(req, "Location", (struct slice){location, len});
}

static struct slice without_trailing_slashes(struct slice path)
{
	while (path.len && path.data[path.len - 1] == '/')
		path.len--;
	return path;
}

static bool answer_miss(const struct routes *routes, struct request *req, struct slice path)
{
	struct slice shorter = without_trailing_slashes(path);

	if (shorter.len && shorter.len < path.len && find(routes, shorter))
		redirect(req, shorter);
	else
		reply_error(req, 404);
	return false;
}

const char *router_prepare(const struct routes *routes)
{
	const char *wrong = NULL;

	for (size_t i = 0; i < routes->count && !wrong; i++)
		if (routes->list[i].input)
			wrong = input_prepare(routes->list[i].input);
	return wrong;
}

bool router_route(const struct routes *routes, struct request *req)
{
	char usual[USUAL_PATH];
	struct slice path = req->path;

	if (req->raw_path.len && memchr(path.data, '%', path.len)) {
		char *decoded = path.len > sizeof(usual) ? request_alloc(req, path.len) : usual;

		if (!decoded) {
			reply_error(req, 503);
			return false;
		}
		path = percent_decode(path, decoded, path.len);
	}
	req->route = find(routes, path);
	if (!req->route)
		return answer_miss(routes, req, path);
	req->route_number = (uint16_t)(req->route - routes->list + 1);
	if (slice_is(req->method, "GET") || slice_is(req->method, "HEAD"))
		return !req->route->input || input_read(req, req->route->input, &no_source);
	reply_error(req, 405);
	reply_header(req, "Allow", slice_of("GET"));
	return false;
}

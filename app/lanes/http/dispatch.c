/* A request meets the router: what is found, and what is answered where nothing is. */
#include <string.h>

#include "http/input.h"
#include "http/percent.h"
#include "http/reply.h"
#include "http/router.h"

enum {
	USUAL_PATH = 256, /* bytes of a path that are decoded on the stack */
};

static const char *const method_names[METHODS] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

static enum method method_of(struct slice name)
{
	for (int method = METHOD_GET; method < METHODS; method++)
		if (slice_is(name, method_names[method]))
			return method;
	return slice_is(name, "HEAD") ? METHOD_GET : METHODS;
}

/* ---- answers of our own ---- */

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

/* The path with its slashes taken off its end, or one added; false if memory is out. */
static bool other_path(struct request *req, struct slice path, struct slice *other)
{
	char *longer;

	*other = path;
	while (other->len && other->data[other->len - 1] == '/')
		other->len--;
	if (other->len < path.len)
		return true;
	longer = request_alloc(req, path.len + 1);
	if (!longer)
		return false;
	memcpy(longer, path.data, path.len);
	longer[path.len] = '/';
	*other = (struct slice){longer, path.len + 1};
	return true;
}

static void answer_miss(const struct router *router, struct request *req, struct slice path)
{
	struct slice other;
	struct router_match match;

	if (!path.len) {
		reply_error(req, 404);
		return;
	}
	if (!other_path(req, path, &other)) {
		reply_error(req, 503);
		return;
	}
	router_find(router, METHODS, other, &match);
	if (match.allowed)
		redirect(req, other);
	else
		reply_error(req, 404);
}

/* "GET, POST" */
static void add_allow(struct request *req, unsigned allowed, const char *more)
{
	char text[64];
	char *at = text;

	for (int method = METHOD_GET; method < METHODS; method++)
		if (allowed & 1u << method)
			at = stpcpy(stpcpy(at, at == text ? "" : ", "), method_names[method]);
	stpcpy(at, more);
	reply_header(req, "Allow", slice_of(text));
}

static void answer_options(struct request *req)
{
	reply_bytes(req, 204, NULL, (struct slice){"", 0});
}

/* What OPTIONS asks for where functions run before or after all handlers: they see it, and may
 * answer in its place. */
static const struct route options_route = GET("", ASYNC, answer_options);

/* True: it has a route all the same. */
static bool answer_method(const struct router *router, struct request *req, unsigned allowed)
{
	bool gets = allowed & 1u << METHOD_GET;

	if (!slice_is(req->method, "OPTIONS")) {
		reply_error(req, 405);
		add_allow(req, allowed, "");
		return false;
	}
	add_allow(req, allowed, gets ? ", HEAD, OPTIONS" : ", OPTIONS");
	if (!router->routes->before && !router->routes->after) {
		answer_options(req);
		return false;
	}
	req->routes = router->routes;
	req->route = &options_route;
	return !req->reply.status;
}

/* Decodes the path if nobody has; false if memory is out. */
static bool decode_path(struct request *req, char usual[USUAL_PATH], struct slice *path)
{
	char *decoded = usual;

	*path = req->path;
	if (!req->raw || !memchr(path->data, '%', path->len))
		return true;
	if (path->len > USUAL_PATH)
		decoded = request_alloc(req, path->len);
	if (decoded)
		*path = percent_decode(*path, decoded, path->len);
	return decoded;
}

/* The values of the path become the request's; false if memory is out. */
static bool keep_values(struct request *req, const struct router_match *match)
{
	size_t bytes = 0;
	char *at;

	if (!match->count)
		return true;
	for (size_t i = 0; i < match->count; i++)
		bytes += match->values[i].len;
	req->path_values = request_alloc(req, match->count * sizeof(struct slice) + bytes);
	if (!req->path_values)
		return false;
	at = (char *)(req->path_values + match->count);
	for (size_t i = 0; i < match->count; i++) {
		memcpy(at, match->values[i].data, match->values[i].len);
		req->path_values[i] = (struct slice){at, match->values[i].len};
		at += match->values[i].len;
	}
	return true;
}

/* False if there are as many of the route's requests as there may be. */
static bool count_in(const struct router *router, struct request *req, uint32_t route)
{
	uint32_t *in_flight = &router->in_flight[route];
	struct request_rare *rare;

	if (!req->route->most)
		return true;
	rare = request_rare(req);
	if (!rare || *in_flight >= req->route->most)
		return false;
	++*in_flight;
	rare->counted = in_flight;
	return true;
}

bool router_route(const struct router *router, struct request *req)
{
	char usual[USUAL_PATH];
	struct slice path;
	struct router_match match;

	if (!decode_path(req, usual, &path)) {
		reply_error(req, 503);
		return false;
	}
	if (!router_find(router, method_of(req->method), path, &match)) {
		if (match.allowed)
			return answer_method(router, req, match.allowed);
		answer_miss(router, req, path);
		return false;
	}
	req->routes = router->routes;
	req->route = &router->routes->list[match.route];
	req->route_number = (uint16_t)(match.route < UINT16_MAX ? match.route + 1 : 0);
	if (!count_in(router, req, match.route) || !keep_values(req, &match)) {
		reply_error(req, 503);
		return false;
	}
	if (req->route->input && route_takes_body(req->route) &&
	    input_takes_body(req->route->input))
		return true; /* it is read when the body is there */
	return !req->route->input || input_read(req, req->route->input, (struct slice){NULL, 0});
}

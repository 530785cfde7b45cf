/* A request meets the router: what is found, and what is answered where nothing is. */
#include <string.h>

#include "http/input.h"
#include "http/mount.h"
#include "http/openapi.h"
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

/* Where a redirect leads; data is NULL if memory is out. */
static struct slice location_of(struct request *req, struct slice path)
{
	char *location = request_alloc(req, 3 * (req->prefix.len + path.len + req->query.len) + 1);
	size_t len;

	if (!location)
		return (struct slice){NULL, 0};
	len = quote(location, req->prefix, false);
	len += quote(location + len, path, false);
	if (req->query.len) {
		location[len++] = '?';
		len += quote(location + len, req->query, true);
	}
	return (struct slice){location, len};
}

static bool is_document(const struct router *router, struct slice path)
{
	return router->documents && slice_is(path, ROUTER_DOCUMENT);
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

/* Whether SCRIPT_NAME may be the beginning of what the application knows, and not the mount. */
static bool may_join(const struct router *router, const struct request *req)
{
	return !router->mount.data && req->prefix.len;
}

/* SCRIPT_NAME and the path. It may be answered then: memory is out. */
static struct slice join(struct request *req, struct slice path)
{
	struct slice whole = mount_join(req, path);

	if (!whole.data)
		reply_error(req, 503);
	return whole;
}

/* Whether there is something, whatever the method. */
static bool is_known(const struct router *router, struct request *req, struct slice path)
{
	struct router_match match;

	router_find(router, METHODS, path, &match);
	if (!match.allowed && !is_document(router, path) && may_join(router, req))
		router_find(router, METHODS, join(req, path), &match);
	return match.allowed || is_document(router, path);
}

/* The status of a path that no route has, and where that leads. */
static int miss(const struct router *router, struct request *req, struct slice path,
		struct slice *location)
{
	struct slice other;

	if (!path.len && !req->prefix.len)
		return 404;
	if (!other_path(req, path, &other))
		return 503;
	if (!is_known(router, req, other))
		return 404;
	*location = location_of(req, other);
	return location->data ? 307 : 503;
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

/* No route has the path, or none the method. */
static void answer(struct request *req, int status, struct slice location)
{
	if (status < 400)
		reply_bytes(req, status, NULL, (struct slice){"", 0});
	else if (location.len)
		reply_refusal(req, status,
			      "%.*s, where this is mounted, has no such path (--mount)",
			      (int)location.len, location.data);
	else
		reply_error(req, status);
	if (status == 307)
		reply_header(req, "Location", location);
}

static void answer_in_handler(struct request *req)
{
	struct unrouted *unrouted = req->rare->unrouted;

	unrouted->line_at = req->reply.headers.len;
	answer(req, unrouted->status, unrouted->location);
	unrouted->line_len = req->reply.headers.len - unrouted->line_at;
}

/* Where functions run before or after all handlers, they see what has no route, too, and may answer
 * it. */
static const struct route unrouted_route = GET("", ASYNC, answer_in_handler);

/* On a thread: it is made anew for each request. */
static const struct route document = GET("", SYNC, openapi_answer);

/* It is answered with this, but by who sees everything, if there is somebody. True: it has a route
 * all the same. */
static bool route_answer(const struct router *router, struct request *req, int status,
			 struct slice location)
{
	struct request_rare *rare;
	struct unrouted *what;

	if (!router->routes->before && !router->routes->after) {
		answer(req, status, location);
		return false;
	}
	rare = request_rare(req);
	what = request_alloc(req, sizeof(*what));
	if (!rare || !what) {
		reply_error(req, 503);
		return false;
	}
	*what = (struct unrouted){.status = status, .location = location};
	rare->unrouted = what;
	req->routes = router->routes;
	req->route = &unrouted_route;
	return true;
}

static bool route_unrouted(const struct router *router, struct request *req, struct slice path,
			   unsigned allowed)
{
	bool options = slice_is(req->method, "OPTIONS");
	struct slice location = {NULL, 0};
	int status = !allowed ? miss(router, req, path, &location) : options ? 204 : 405;

	if (allowed)
		add_allow(req, allowed,
			  !options		       ? ""
			  : allowed & 1u << METHOD_GET ? ", HEAD, OPTIONS"
						       : ", OPTIONS");
	/* If there is an answer, memory is out. */
	return !req->reply.status && route_answer(router, req, status, location);
}

/* Nothing has the path and the method, or it is the document's. True: it has a route all the same.
 */
static bool route_miss(const struct router *router, struct request *req, struct slice path,
		       const struct router_match *match)
{
	if (!is_document(router, path))
		return route_unrouted(router, req, path, match->allowed);
	if (match->method != METHOD_GET)
		return route_unrouted(router, req, path, match->allowed | 1u << METHOD_GET);
	req->routes = router->routes;
	req->route = &document;
	return true;
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

/* Fields are read when the body is there, or what runs before the handler has. */
static bool reads_later(const struct request *req)
{
	const struct route *route = req->route;

	return req->routes->before || req->routes->after || route->before || route->after ||
	       (route_takes_body(route) && input_takes_body(route->input));
}

/* The path becomes the whole one, if there is a route that has that. */
static bool find_joined(const struct router *router, struct request *req, struct slice *path,
			struct router_match *match)
{
	struct slice whole = join(req, *path);
	bool found = router_find(router, match->method, whole, match);

	if (match->allowed) {
		*path = req->path = whole;
		req->prefix = (struct slice){"", 0};
		req->raw = false;
	}
	return found;
}

/* What is below the mount becomes req->path, and that, decoded, the path. Returns 0, 404 or 503. */
static int find_path(const struct router *router, struct request *req, char usual[USUAL_PATH],
		     struct slice *path)
{
	bool usually = req->path.len && !req->prefix.len && !router->mount.data;
	int status = usually ? 0 : mount_enter(router->mount, req);

	return status ? status : decode_path(req, usual, path) ? 0 : 503;
}

bool router_route(const struct router *router, struct request *req)
{
	char usual[USUAL_PATH];
	struct slice path;
	struct router_match match;
	int status = find_path(router, req, usual, &path);
	bool found;

	if (status == 404)
		return route_answer(router, req, status, router->mount);
	if (status) {
		reply_error(req, status);
		return false;
	}
	found = router_find(router, method_of(req->method), path, &match);
	if (!match.allowed && may_join(router, req) && !is_document(router, path))
		found = find_joined(router, req, &path, &match);
	if (!found || (match.count && match.method == METHOD_GET && is_document(router, path)))
		return route_miss(router, req, path, &match);
	req->routes = router->routes;
	req->route = &router->routes->list[match.route];
	req->route_number = (uint16_t)(match.route < UINT16_MAX ? match.route + 1 : 0);
	if (!count_in(router, req, match.route) || !keep_values(req, &match)) {
		reply_error(req, 503);
		return false;
	}
	if (!req->route->input)
		return true;
	req->reads_later = reads_later(req);
	return req->reads_later || input_read(req, req->route->input, (struct slice){NULL, 0});
}

/*
 * From a request's path and method to its handler, as Starlette 0.26 routes (FastAPI 0.92).
 *
 * A path matches whole, percent-decoded once (by us only if the web server has not done it),
 * case-sensitively; a path that only has slashes too
 * many at its end is redirected (307); a known path with a method other than GET or HEAD is a 405.
 */
#ifndef LANES_HTTP_ROUTER_H
#define LANES_HTTP_ROUTER_H

#include <stdbool.h>
#include <stddef.h>

#include "http/request.h"

/* Where a handler runs: what `def` and `async def` decide in FastAPI. */
enum route_kind {
	ROUTE_SYNC,  /* the whole handler on a thread of the blocking pool */
	ROUTE_ASYNC, /* on the loop, which it gives back with AWAIT */
};

struct route {
	const char *path;
	size_t path_len;
	enum route_kind kind;
	void (*handler)(struct request *req);
	const struct input *input; /* what the handler is given (http/input.h); NULL: nothing */
};

/* clang-format off */
#define ROUTE(path_, kind_, handler_, ...) \
	{.path = (path_), .path_len = sizeof(path_) - 1, .kind = (kind_), .handler = (handler_), __VA_ARGS__}
#define SYNC(path, handler, ...)  ROUTE(path, ROUTE_SYNC, handler, __VA_ARGS__)
#define ASYNC(path, handler, ...) ROUTE(path, ROUTE_ASYNC, handler, __VA_ARGS__)
/* clang-format on */

struct routes {
	const struct route *list;
	size_t count;
};

/* Looks at what the routes' handlers are given, and compiles what has to be. Returns NULL, or what
 * is wrong with which field (static). Main thread, at the start. */
const char *router_prepare(const struct routes *routes);

/* Finds the handler, and reads what it is given: true with req->route set; false when the request
 * has been answered with 404, 405, 307, or what input_read() says. */
bool router_route(const struct routes *routes, struct request *req);

#endif

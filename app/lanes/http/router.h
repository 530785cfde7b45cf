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
};

/* clang-format off */
#define SYNC(path, handler)  {path, sizeof(path) - 1, ROUTE_SYNC, handler}
#define ASYNC(path, handler) {path, sizeof(path) - 1, ROUTE_ASYNC, handler}
/* clang-format on */

struct routes {
	const struct route *list;
	size_t count;
};

/* Finds the handler: true with req->route set; false when the request has been answered with 404,
 * 405 or 307. */
bool router_route(const struct routes *routes, struct request *req);

#endif

/*
 * From a request's path and method to its handler, as Starlette 0.26 routes (FastAPI 0.92).
 *
 * A path is matched whole, percent-decoded once (by us only if the web server has not done it) and
 * case-sensitively, by the first route that has it. "{name}" stands for a segment, "{name:path}",
 * at the end, for the rest. HEAD is answered by GET's handler, OPTIONS with what there is; another
 * method is a 405. A path that has a slash too many or too few at its end is redirected (307).
 *
 * Where the mount is not known, SCRIPT_NAME is taken for it, unless the path below is of no route
 * and the whole of one.
 */
#ifndef LANES_HTTP_ROUTER_H
#define LANES_HTTP_ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "await/thread_pool.h"
#include "http/request.h"

struct field;

#define ROUTER_DOCUMENT "/openapi.json"

/* Where a handler runs: what `def` and `async def` decide in FastAPI. */
enum route_kind {
	ROUTE_SYNC,  /* the whole handler on a thread of the blocking pool */
	ROUTE_ASYNC, /* on the loop, which it gives back with AWAIT */
};

enum method { METHOD_GET, METHOD_POST, METHOD_PUT, METHOD_PATCH, METHOD_DELETE, METHODS };

struct route {
	const char *path; /* "/orders/{id}", "/files/{path:path}" */
	void (*handler)(struct request *req);
	enum method method;
	enum route_kind kind;
	const struct input *input; /* what the handler is given (http/input.h); NULL: nothing */
	uint64_t body_limit;	   /* bytes of a body; 0: what --stdin-limit says */
	unsigned most;		   /* requests of it at once; one more is a 503. 0: any */
	/* Threads of its own, where its blocking work waits and runs; NULL: those of all. Several
	 * routes may have the same. */
	const struct thread_pool_options *pool;
	/* Seconds for all of a request; a later one is a 504. 0: none. While the thread of a SYNC
	 * handler is at work, that is without what runs after it. */
	double deadline;
	void (*before)(struct request *req); /* as those of all routes, but for this one */
	void (*after)(struct request *req);

	/* What /openapi.json tells of it besides. Whatever is NULL, or 0, is left out. */
	const char *name;	     /* the handler's, of which operationId and summary are made */
	const char *summary;	     /* … if that is not to be it */
	const char *description;     /* Markdown */
	const char *const *tags;     /* WORDS("orders", "shop") */
	const struct field *answers; /* ITEM_OBJECT(struct order, fields), or another ITEM_… */
	const char *gives;	     /* the answer's media type, if it is not JSON */
	/* The media type of a body that has no fields; of one with .body_limit it is
	 * "application/octet-stream". */
	const char *takes;
	int status;	   /* of the answer, if not 200 */
	bool undocumented; /* it is not told of */
};

/* GET("/orders/{id}", ASYNC, read_order): a route; further fields may follow. */
/* clang-format off */
#define ROUTE(m, p, k, h, ...) \
	{.path = (p), .handler = (h), .name = #h, .method = METHOD_##m, .kind = ROUTE_##k, __VA_ARGS__}
#define GET(p, k, h, ...)      ROUTE(GET, p, k, h, __VA_ARGS__)
#define POST(p, k, h, ...)     ROUTE(POST, p, k, h, __VA_ARGS__)
#define PUT(p, k, h, ...)      ROUTE(PUT, p, k, h, __VA_ARGS__)
#define PATCH(p, k, h, ...)    ROUTE(PATCH, p, k, h, __VA_ARGS__)
#define DELETE(p, k, h, ...)   ROUTE(DELETE, p, k, h, __VA_ARGS__)
/* clang-format on */

/* Whether its handler may have the body (http/body.h); another's is discarded. */
static inline bool route_takes_body(const struct route *route)
{
	return route->body_limit || (route->method >= METHOD_POST && route->method <= METHOD_PATCH);
}

struct routes {
	const struct route *list;
	size_t count;
	/* Run before the handlers of all routes; where one replies, the handler does not run. And
	 * after them, when the reply is there: it can be looked at, get headers, or be replaced;
	 * but for a stream's, which is on its way. They run around a 404, 405, 307 or 422, too.
	 * They are ASYNC, may AWAIT, and have frames of their own. They see OPTIONS, too, with all
	 * of its methods in Allow, and may answer it (CORS). What the route's fields are read into
	 * is not there before. */
	void (*before)(struct request *req);
	void (*after)(struct request *req);
	void *state; /* request_state() */
	/* GET /openapi.json, which every application answers that has no route of just that path:
	 * before one with names that has it, too, such as /{path:path}. */
	const char *title;	 /* NULL: the program's name */
	const char *version;	 /* NULL: "0.1.0" */
	const char *description; /* Markdown; NULL: none */
	bool undocumented;	 /* there is no such answer */
};

/* ROUTES(list): of an array; further fields may follow. */
/* clang-format off */
#define ROUTES(array, ...) \
	{.list = (array), .count = sizeof(array) / sizeof((array)[0]), __VA_ARGS__}
/* clang-format on */

/* The routes, made ready to be looked up: whole paths, and the edges of a tree of segments for
 * those that have names, are in one hash table. */
struct router {
	const struct routes *routes;
	struct slice mount;	   /* http/mount.h; to be set after router_open(), if it is known */
	struct router_node *nodes; /* of the tree; number 0 is its root */
	uint32_t node_count;
	struct router_edge *edges; /* open addressing */
	uint32_t edge_mask;
	uint32_t *next;	     /* of each route, the next of the same shape; UINT32_MAX: none */
	uint32_t variable;   /* the first route that has names; UINT32_MAX: none */
	bool documents;	     /* ROUTER_DOCUMENT is answered by the library */
	uint32_t *in_flight; /* of each route, requests that are not released yet */
};

enum {
	ROUTE_NAMES = 8,     /* that a route's path may have */
	ROUTE_SEGMENTS = 32, /* … and segments, if it has names */
};

/* 0; or, after a message on stderr, -EINVAL if a path is none, or -ENOMEM. routes is borrowed. */
int router_open(struct router *router, const struct routes *routes);

/* Safe to call twice, and on {0}. */
void router_close(struct router *router);

struct router_match {
	enum method method;
	uint32_t route;			  /* number in the list, from 0; UINT32_MAX: none */
	unsigned allowed;		  /* methods of all routes that have the path, a bit each */
	size_t count;			  /* of values */
	struct slice values[ROUTE_NAMES]; /* what stands for the names, borrowed from the path */
};

/* The first route that has this path, decoded, and this method (METHODS: none has it). All of
 * match->allowed is known if there is no such route. */
bool router_find(const struct router *router, enum method method, struct slice path,
		 struct router_match *match);

/* Finds the handler: true with req->route set; false when the request has been answered: with 404,
 * 405, 307, 422, 503, or OPTIONS' 204. */
bool router_route(const struct router *router, struct request *req);

#endif

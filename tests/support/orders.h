/*
 * The application of tests/oracle/orders.py in C: routes with inputs of every kind, which are
 * answered as they were read. A request is answered here and at once, without an engine.
 */
#ifndef TESTS_SUPPORT_ORDERS_H
#define TESTS_SUPPORT_ORDERS_H

#include <stdbool.h>

#include "http/input.h"
#include "http/router.h"

enum { ORDERS_HEADERS_MAX = 8 };

struct order_header {
	struct slice name; /* "X-Token" */
	struct slice value;
};

struct orders_request {
	struct slice method;
	struct slice path; /* decoded */
	struct slice query;
	struct order_header headers[ORDERS_HEADERS_MAX];
	size_t header_count;
	struct slice body; /* data is NULL if there is none */
	bool fills_arena;  /* all that is needed from then on has to be allocated */
};

extern const struct routes orders_routes;

/* The router; false after a message. */
bool orders_open(void);
void orders_close(void);

/* Answers into req, which the caller unrefs. The answer is a reply with a status; of what was read,
 * 200. Returns the route's fields, or NULL if there is none. */
const struct input *orders_answer(struct request *req, const struct orders_request *asked);

#endif

/*
 * Query parameters, validated as FastAPI 0.92 with pydantic 1 validates them (Starlette:
 * urllib.parse.parse_qsl with keep_blank_values; pydantic: float(text), int(text), ge, le).
 *
 * Each function returns true with the value, or false after it has answered req itself: 422 with
 * pydantic's error list, or 503 if memory is out. For a repeated scalar the last one counts.
 */
#ifndef LANES_HTTP_QUERY_H
#define LANES_HTTP_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/request.h"

struct seconds_list {
	double *seconds; /* lives as long as the request */
	size_t count;
};

/* seconds: a float, 0 to 60; fallback if the query has none. */
bool query_seconds(struct request *req, double fallback, double *seconds);

/* seconds repeated 1 to 1000 times; the count fallbacks if the query has none. */
bool query_seconds_list(struct request *req, const double *fallback, size_t count,
			struct seconds_list *list);

/* n: an integer, 0 to 1000000000. */
bool query_n(struct request *req, uint64_t fallback, uint64_t *n);

/* Answers 422: the parameter is not what it should be, in pydantic's words or ours (msg, type). */
void query_refuse(struct request *req, const char *name, const char *msg, const char *type);

#endif

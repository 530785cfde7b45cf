/*
 * Name-value pairs (FastCGI Specification, section 3.4): of FCGI_PARAMS, and of FCGI_GET_VALUES.
 *
 * The stream as it was sent is the table: its pieces are put together in one run of bytes, and
 * looking up walks it. A request has some twenty pairs in half a kilobyte and is asked for a few
 * of them once, so an index would cost more memory and time than it saves.
 */
#ifndef LANES_FCGI_PARAMS_H
#define LANES_FCGI_PARAMS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/budget.h"
#include "base/buffer.h"
#include "base/slice.h"

struct fcgi_params {
	char *data;
	struct budget *budget; /* of which it is; NULL: of none */
	uint32_t len;
	uint32_t size : 31; /* bytes data has room for */
	uint32_t heap : 1;  /* data is our own, not the owner's storage */
};

/* Makes p empty, without a budget. storage is borrowed and used until it is full; it may be NULL
 * with size 0. */
void fcgi_params_init(struct fcgi_params *p, char *storage, size_t size);

/* Adds the next n bytes of the stream. Returns 0, or, changing nothing, -E2BIG if it would become
 * longer than limit, or 2 GB, -ENOMEM, also if the budget does not have it. */
int fcgi_params_append(struct fcgi_params *p, const void *bytes, size_t n, size_t limit);

/* Gives the pair at *at and moves *at behind it; start with 0. False at the end, and then *at is
 * p->len; also at a pair that says that it is longer than the stream, and then it is not. The
 * slices are borrowed, valid until p is appended to or freed. */
bool fcgi_params_next(const struct fcgi_params *p, size_t *at, struct slice *name,
		      struct slice *value);

/* The value of the first pair with this name, as FCGX_GetParam has it, or {NULL, 0}. A value that
 * is present and empty has data that is not NULL. Borrowed as above. */
struct slice fcgi_params_get(const struct fcgi_params *p, const char *name);

/* Frees what is not the owner's and makes p empty, without storage; safe to call twice. */
void fcgi_params_free(struct fcgi_params *p);

/* Appends one pair to out. Name and value are shorter than 2^31 bytes. */
void fcgi_params_encode(struct buffer *out, struct slice name, struct slice value);

#endif

/*
 * The active requests of one connection, by id. The usual connection has one; a web server that
 * multiplexes has a thousand. So there is a single chain until the third request, and a hash table
 * above it from then on.
 */
#ifndef LANES_FCGI_REQUEST_TABLE_H
#define LANES_FCGI_REQUEST_TABLE_H

#include <stdint.h>

struct fcgi_request;

/* An empty one is {0}. */
struct fcgi_table {
	union {
		struct fcgi_request *first;   /* without buckets: the chain */
		struct fcgi_request **chains; /* [buckets] */
	};
	uint16_t buckets; /* a power of two, or 0 */
	uint16_t count;	  /* requests in it */
	uint16_t empty;	  /* so many chains, from the first on, are */
};

/* The request with this id, or NULL. */
struct fcgi_request *fcgi_table_find(const struct fcgi_table *t, uint16_t id);

/* Adds a request whose id is not in it yet. Cannot fail: without memory the chains stay long. */
void fcgi_table_add(struct fcgi_table *t, struct fcgi_request *request);

/* Takes out a request that is in it. */
void fcgi_table_remove(struct fcgi_table *t, struct fcgi_request *request);

/* Any request, or NULL if it is empty. All of them are found in one pass over the chains. */
struct fcgi_request *fcgi_table_any(struct fcgi_table *t);

/* Frees the chains of an empty table; safe to call twice. */
void fcgi_table_free(struct fcgi_table *t);

#endif

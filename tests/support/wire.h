/*
 * A request as bytes, and answers out of bytes: for FastCGI, with the params that our nginx sends,
 * and for HTTP. No I/O.
 */
#ifndef TESTS_SUPPORT_WIRE_H
#define TESTS_SUPPORT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

/* Appends one GET of a "PATH?QUERY", as request 1. */
void wire_request(struct buffer *out, bool http, const char *target, bool keep);

/* The head of an HTTP request that is a POST, whose body of that many bytes follows. */
void wire_post(struct buffer *out, const char *target, const char *type, size_t length, bool keep);

/* Gives the FastCGI request at bytes (made by wire_request, n bytes) another id. */
void wire_set_id(char *bytes, size_t n, uint16_t id);

enum wire_kind {
	WIRE_MORE, /* not whole yet */
	WIRE_PART, /* of an answer; ok is false if it says that the answer is an error */
	WIRE_END,  /* of an answer */
	WIRE_NONSENSE,
};

struct wire_piece {
	enum wire_kind kind;
	size_t used; /* bytes it took */
	uint16_t id;
	bool ok;
	size_t head; /* HTTP: how many of the bytes are the head, and the rest is the body */
};

/* The value of a header in the first bytes of an HTTP message, its head, or {NULL, 0}; the name as
 * "Content-Length: ". */
struct slice wire_header(const char *bytes, size_t head, const char *name);

/* A part ("pool-queue") of a value of Server-Timing, in milliseconds; -1 if it is not there. */
double wire_timing(const char *value, const char *part);

/* What the n bytes begin with. */
struct wire_piece wire_fastcgi(const char *bytes, size_t n);
struct wire_piece wire_http(const char *bytes, size_t n);

#endif

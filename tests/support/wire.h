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

/* Appends one GET. id is from 1 on; HTTP knows only 1. */
void wire_request(struct buffer *out, bool http, const char *path, const char *query, bool keep);

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
};

/* What the n bytes begin with. */
struct wire_piece wire_fastcgi(const char *bytes, size_t n);
struct wire_piece wire_http(const char *bytes, size_t n);

#endif

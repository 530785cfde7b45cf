/*
 * JSON as json.loads() of Python 3.11 reads it: what it takes beyond RFC 8259 (NaN, Infinity; of
 * equal names the last one counts), and what it says of the rest, word for word.
 *
 * Different from Python: values stand in each other at most JSON_DEPTH deep (Python's limit depends
 * on who called it). What is deeper is -EBADMSG, as for Python a number of more than 4300 digits.
 */
#ifndef LANES_HTTP_INPUT_JSON_H
#define LANES_HTTP_INPUT_JSON_H

#include "http/json_document.h"

enum {
	JSON_DEPTH = 900,
};

struct json_error {
	const char *msg;
	size_t position; /* characters before it */
};

/* Where what is read gets its memory, which need not be zeroed; NULL: there is none. */
struct json_memory {
	void *(*alloc)(void *of, size_t size);
	void *of;
};

/* That of a request, whose budget it is. Loop thread. */
struct json_memory json_memory_of(struct request *req);

/* Reads the text. Returns 0; -EINVAL and why it is no JSON; -EBADMSG if
 * it cannot even be looked at; or -ENOMEM. The value borrows from the text. */
int json_read(struct json_memory memory, struct slice text, struct json_value **value,
	      struct json_error *error);

#endif

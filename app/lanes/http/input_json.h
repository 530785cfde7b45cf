/*
 * JSON as json.loads() of Python 3.11 reads it: what it takes beyond RFC 8259 (NaN, Infinity; of
 * equal names the last one counts), and what it says of the rest, word for word.
 *
 * Different from Python: values stand in each other at most JSON_DEPTH deep (Python's limit depends
 * on who called it). What is deeper is -EBADMSG, as for Python a number of more than 4300 digits.
 */
#ifndef LANES_HTTP_INPUT_JSON_H
#define LANES_HTTP_INPUT_JSON_H

#include "http/input_value.h"

enum {
	JSON_DEPTH = 900,
};

struct json_error {
	const char *msg;
	size_t position; /* characters before it */
};

/* Reads the text into the request's memory. Returns 0; -EINVAL and why it is no JSON; -EBADMSG if
 * it cannot even be looked at; or -ENOMEM. The value borrows from the text. */
int json_read(struct request *req, struct slice text, struct value **value,
	      struct json_error *error);

#endif

/*
 * A value as the client gave it, and how it becomes a member: what pydantic 1 accepts for the kind
 * of its field, and its words for what it does not.
 *
 * A text from a query or a form is a string.
 */
#ifndef LANES_HTTP_INPUT_VALUE_H
#define LANES_HTTP_INPUT_VALUE_H

#include "http/input.h"
#include "http/input_problems.h"
#include "http/json_document.h"

/* The body of a 400. */
#define INPUT_NOT_READ "{\"detail\":\"There was an error parsing the body\"}"

/* One request's input, while it is read. */
struct reading {
	struct request *req;
	struct problems problems;
	bool no_memory; /* then nothing else counts */
	bool no_text;	/* there is half a surrogate pair in a string, which Python can keep */
};

/* The value becomes the member of that field in to, or a problem at that place. */
void value_take(struct reading *r, const struct field *field, const struct json_value *value,
		const struct location *at, char *to);

/* There is no value for the field. */
void value_missing(struct reading *r, const struct field *field, const struct location *at,
		   char *to);

/* An object's members of that name as an array, or NULL if memory is out. */
const struct json_value *value_members(struct reading *r, const struct json_value *object,
				       const char *name);

/* The value as an object, or NULL after a problem. */
const struct json_value *value_as_object(struct reading *r, const struct json_value *value,
					 const struct location *at);

/* An object's members become those of a struct. */
void value_take_object(struct reading *r, const struct field *fields, size_t count,
		       const struct json_value *value, const struct location *at, char *to);

#endif

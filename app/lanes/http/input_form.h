/* A form as Starlette 0.26 reads it: a body that is urlencoded, or multipart/form-data. */
#ifndef LANES_HTTP_INPUT_FORM_H
#define LANES_HTTP_INPUT_FORM_H

#include "http/input_value.h"

/* Reads the body into an object, whose members are strings and files; of a body of another type it
 * is empty. Returns NULL, or the answer's body if it cannot be read: a 400. Where memory is out, r
 * says it. */
const char *form_read(struct reading *r, struct slice type, struct slice body,
		      const struct json_value **form);

#endif

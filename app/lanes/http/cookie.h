/* The Cookie header as Starlette 0.26 reads it (requests.py, cookie_parser). Pure functions, any
 * thread. Text is Latin-1. */
#ifndef LANES_HTTP_COOKIE_H
#define LANES_HTTP_COOKIE_H

#include <stdbool.h>

#include "base/slice.h"

/* Takes the next cookie off the header; name and value point into it, the value still quoted. False
 * when none is left. */
bool cookie_next(struct slice *header, struct slice *name, struct slice *value);

/* Takes quotes away, and the backslashes within, into out, which has room for the text
 * (http.cookies, _unquote). */
struct slice cookie_unquote(struct slice text, char *out);

#endif

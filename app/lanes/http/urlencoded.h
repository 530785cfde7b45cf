/*
 * application/x-www-form-urlencoded text, read as urllib.parse.parse_qsl reads it with
 * keep_blank_values: pairs are separated by "&" only, empty ones do not count, and a pair without
 * "=" has an empty value. Pure functions, any thread.
 */
#ifndef LANES_HTTP_URLENCODED_H
#define LANES_HTTP_URLENCODED_H

#include <stdbool.h>

#include "base/slice.h"

/* Takes the next pair off the text; name and value point into it, still encoded. Returns false
 * when none is left. */
bool urlencoded_next(struct slice *text, struct slice *name, struct slice *value);

/* The same for a body, as python-multipart 0.0.5 reads it: ";" separates, too, where no "&"
 * follows, and a name at the end counts only with its "=". */
bool urlencoded_next_of_form(struct slice *text, struct slice *name, struct slice *value);

/* True if the text is as it would be decoded. */
bool urlencoded_is_plain(struct slice text);

/* Decodes "+" and "%XX" into out, which has room for URLENCODED_GROWTH times the text, and returns
 * what it wrote: UTF-8, for Python takes bytes beyond ASCII that are not escaped for Latin-1, and
 * replaces escaped ones that are no UTF-8 by U+FFFD. Invalid escapes stay as they are. */
struct slice urlencoded_decode(struct slice text, char *out);
enum { URLENCODED_GROWTH = 3 };

/* True if the text, decoded, is the word: a name of up to URLENCODED_NAME letters, digits and "_".
 */
bool urlencoded_is(struct slice text, const char *word);
enum { URLENCODED_NAME = 32 };

#endif

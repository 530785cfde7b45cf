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

/* Decodes "+" and "%XX" into out, which has room for text.len bytes, and returns what it wrote.
 * Invalid escapes stay as they are; so does invalid UTF-8, which Python makes U+FFFD. */
struct slice urlencoded_decode(struct slice text, char *out);

/* True if the text, decoded, is the word: a name of up to 32 letters, digits and "_". */
bool urlencoded_is(struct slice text, const char *word);

#endif

/* UTF-8 as Python decodes it with errors="replace". Pure functions, any thread. */
#ifndef LANES_BASE_UTF8_H
#define LANES_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
	UTF8_REPLACEMENT = 0xfffd,
	UTF8_MAX = 4, /* bytes of a character */
};

/* Takes one character off a text that is not empty. False for bytes that are none: then as many are
 * taken as Python replaces by one U+FFFD, which *c is. Surrogates are no characters. */
bool utf8_next(struct slice *text, uint32_t *c);

/* Writes the character and returns what follows it. */
char *utf8_put(char *at, uint32_t c);

bool utf8_is_valid(struct slice text);
bool utf8_is_ascii(struct slice text);

/* The same, but halves of surrogate pairs may be among its characters (Python: "surrogatepass"). */
bool utf8_is_nearly_valid(struct slice text);

/* The characters of a text that is valid, or nearly. */
size_t utf8_length(struct slice text);

/* Latin-1 as UTF-8, in out, which has room for twice its length. */
struct slice utf8_of_latin1(struct slice text, char *out);

/* Copies the text, with what is no character replaced, into out, which has room for three times
 * its length. */
struct slice utf8_replace(struct slice text, char *out);

#endif

/* Percent-encoding (RFC 3986 2.1), as Python's urllib.parse has it. */
#ifndef LANES_HTTP_PERCENT_H
#define LANES_HTTP_PERCENT_H

#include <stddef.h>

#include "base/slice.h"

/* Decodes every %XX once; a '%' without two hex digits stays. Returns the bytes in out, or
 * {NULL, 0} if they do not fit size. */
struct slice percent_decode(struct slice text, char *out, size_t size);

/* Escapes all bytes but slashes and unreserved characters (RFC 3986 2.3). Returns the bytes in out,
 * which has room for three times the text. */
size_t percent_encode(struct slice text, char *out);

/* The value of a hexadecimal digit, or -1. */
int hex_digit(char c);

#endif

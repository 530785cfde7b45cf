/*
 * Numbers as Python reads and prints them: what float(text) and int(text) of CPython 3.11 accept,
 * and repr(float). Pure functions, any thread.
 *
 * Text is UTF-8. Python strips Unicode white space, takes the decimal digits of every script and
 * one "_" between two digits. Source: CPython 3.11, Objects/floatobject.c, Objects/longobject.c,
 * Python/dtoa.c; pydantic 1.10, validators.py.
 */
#ifndef LANES_HTTP_NUMBER_H
#define LANES_HTTP_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
	FLOAT_TEXT_SIZE = 32, /* room for any float_text(), which writes at most 24 bytes */
	U128_TEXT_SIZE = 40,  /* room for any u128_text(), which writes at most 39 bytes */
};

__extension__ typedef unsigned __int128 u128;

/* float(text): returns 0 and the value (infinities and NaN included, correctly rounded), or
 * -EINVAL where Python raises ValueError. */
int python_float(struct slice text, double *value);

/* int(text) as pydantic calls it: returns 0 and the value; -ERANGE and INT64_MIN or INT64_MAX for
 * one beyond 64 bits; or -EINVAL where Python raises ValueError or the text is longer than 4300
 * characters. */
int python_int(struct slice text, int64_t *value);

/* Takes one character off the text and returns the ASCII character that stands for it in a number:
 * a digit for those of every script, a blank for white space, "?" for what no number contains. NUL
 * is returned only at the end of the text. */
char number_character(struct slice *text);

/* repr(value): the shortest digits that read back as the same value. Returns the length; the
 * text has no NUL. */
size_t float_text(double value, char out[FLOAT_TEXT_SIZE]);

/* The value in decimal. Returns the length; the text has no NUL. */
size_t u128_text(u128 value, char out[U128_TEXT_SIZE]);

#endif

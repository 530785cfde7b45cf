/*
 * Points in time as pydantic 1 reads and Python prints them (datetime_parse.py, isoformat()): ISO
 * 8601 with or without a time zone, or seconds since 1970 as a number (milliseconds, if it is
 * large). Pure functions, any thread.
 */
#ifndef LANES_HTTP_DATETIME_H
#define LANES_HTTP_DATETIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
	DATETIME_TEXT_SIZE = 40, /* room for any datetime_text(), which writes at most 32 bytes */
};

struct datetime {
	/* Since 1970-01-01T00:00:00, in UTC; without a zone, as that clock on the wall shows it. */
	int64_t microseconds;
	int16_t offset; /* minutes, east of Greenwich */
	bool zoned;	/* it says in which zone */
};

/* Returns 0, -EINVAL if it is none, or -EDOM for NaN. */
int datetime_read(struct slice text, struct datetime *value);

/* That many seconds since 1970, or milliseconds … as pydantic guesses. 0, or -EDOM for NaN. */
int datetime_of_number(double number, struct datetime *value);

/* "2026-11-28T13:00:00.250000+01:00"; the fraction if there is one, the zone if it is known.
 * Returns the length; the text has no NUL. */
size_t datetime_text(const struct datetime *value, char out[DATETIME_TEXT_SIZE]);

#endif

/*
 * A regular expression that a text has to match from its beginning, as with Python's re.match(). It
 * is the part of Python's language that means the same everywhere:
 *
 *	a  \.  .  [a-z_]  [^,]  (a|b)  (?:a|b)  a*  a+  a?  a{2}  a{2,}  a{,3}  a{2,3}  ^  $
 *
 * A character is one of Unicode, "." is any but a newline, and "$" is also before a newline at the
 * end. There is no \d, \w, \s (Python's take every script: write [0-9]), no flag, back-reference or
 * look-around. It is compiled once, at the start. Matching needs no memory, and one pass over
 * the text, whatever that is.
 */
#ifndef LANES_HTTP_PATTERN_H
#define LANES_HTTP_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum {
	PATTERN_STEPS =
		256, /* that a pattern may have: about one a character, repeated ones each */
	PATTERN_RANGES = 64,
};

struct pattern_step {
	uint8_t op;
	bool negated;	/* SET */
	int16_t jump;	/* SPLIT, JUMP: how far */
	uint32_t c;	/* CHAR; SET: its first range */
	uint16_t count; /* SET: its ranges */
};

struct pattern {
	const char *text;
	int count; /* of steps; 0: not compiled */
	int range_count;
	struct pattern_step steps[PATTERN_STEPS];
	struct pattern_range {
		uint32_t first;
		uint32_t last;
	} ranges[PATTERN_RANGES];
};

/* Compiles pattern->text. Returns NULL, or what is wrong with it. Main thread, before all others.
 */
const char *pattern_compile(struct pattern *pattern);

/* Whether the text (UTF-8) begins with what is meant. Any thread. */
bool pattern_matches(const struct pattern *pattern, struct slice text);

#endif

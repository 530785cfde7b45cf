/*
 * What is tried with each front, at each mount: a column of the matrix for each. A case asserts
 * what is expected of that front; what it finds worth telling stands in the matrix.
 */
#ifndef TESTS_FRONTS_CASES_H
#define TESTS_FRONTS_CASES_H

#include "fronts.h"

struct case_ {
	const char *name; /* of the test */
	const char
		*title; /* of the column; NULL: it has none, and only fronts with TLS are tried */
	void (*run)(const struct front *front);
	bool once; /* with tests/once (stage_on) */
};

extern const struct case_ cases[];
extern const size_t case_count;

/* With each supervisor. */
extern const struct case_ supervisor_cases[];
extern const size_t supervisor_case_count;

/* What the last case said, or "". */
extern char case_said[64];
void case_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif

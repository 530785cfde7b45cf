/*
 * What every test program shares: a registry of CUnit suites, one per module, and a main() that
 * runs all of them, or those whose "suite" or "suite/test" contains a word given as argument, and
 * prints one line per test and the closing "N passed, N failed". If some could not be judged, the
 * closing line is "N passed, N failed, N skipped", and above it a line for each says why.
 */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include <CUnit/CUnit.h>

struct test {
	const char *name; /* the rule the test is about */
	void (*run)(void);
};

struct suite {
	const char *name; /* the module */
	const struct test *tests;
	int count;
	int (*setup)(void);   /* may be NULL; non-zero fails the suite */
	int (*cleanup)(void); /* may be NULL; non-zero fails the suite */
};

/* Says that the running test cannot be judged on this machine, whatever Lanes does: the reason,
 * printf-like. The test may return then. It fails all the same if an assertion did. */
void not_judged(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Runs the suites; returns the exit status for main(). */
int harness_main(int argc, char **argv, const struct suite *const *suites, int count);

#endif

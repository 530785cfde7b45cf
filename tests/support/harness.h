/*
 * What every test program shares: a registry of CUnit suites, one per module, and a main() that
 * runs all of them, or those whose "suite/test" contains a word given as argument, and none that
 * contains one given with a - before it. It prints one line per test and the closing "N passed,
 * N failed". If some could not be judged, the closing line is "N passed, N failed, N skipped", and
 * above it a line for each says why.
 */
#ifndef TESTS_SUPPORT_HARNESS_H
#define TESTS_SUPPORT_HARNESS_H

#include <CUnit/CUnit.h>
#include <stdbool.h>

struct test {
	const char *name; /* the rule the test is about */
	void (*run)(void);
	const void *data; /* for a run that serves many: harness_test()->data */
};

/* How many elements an array has. */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A test without data need not say so, nor a suite without set-up. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

struct suite {
	const char *name; /* the module */
	const struct test *tests;
	int count;
	int (*setup)(void);   /* may be NULL; non-zero fails the suite */
	int (*cleanup)(void); /* may be NULL; non-zero fails the suite */
	void (*before)(void); /* each test, and … */
	void (*after)(void);  /* … each, however it ended; may be NULL */
};

/* Says that the running test cannot be judged on this machine, whatever Lanes does: the reason,
 * printf-like. The test may return then. It fails all the same if an assertion did. */
void not_judged(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The test that runs. */
const struct test *harness_test(void);

/* True if that is there, at the moment or after some seconds. If it is not, the running test is not
 * judged: files that may be open at once; the part of a core that each of as many threads as there
 * are cores gets, of the lowest priority, for those tests that compute. */
bool needs_files(long count);
bool needs_cores(double share);

/* A limit on time: CU_ASSERT() for what a busy machine misses. A test that missed one is run again,
 * until it keeps all, or misses some however quiet the machine is before and after it, and fails;
 * if the machine is not quiet for long, the test is not judged. So it has to be one that can be run
 * again. */
#define IN_TIME(condition) harness_in_time((condition), #condition, __FILE__, __LINE__)
void harness_in_time(bool kept, const char *condition, const char *file, int line);

/* Runs the suites; returns the exit status for main(). A test that takes longer than so many
 * seconds (0: as long as it likes) fails, and ends the program: it would hold up all others. */
int harness_main(int argc, char **argv, const struct suite *const *suites, int count,
		 unsigned seconds);

#endif

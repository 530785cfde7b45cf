#include "harness.h"

#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"

/* Late: it missed a limit on time, and nothing else is wrong. */
enum verdict { PASSED, FAILED, NOT_JUDGED, LATE, VERDICTS };

static const char *const words[VERDICTS] = {"ok  ", "FAIL", "skip"};

enum {
	LATE_MOST = 4,	/* times that a test is late on a quiet machine, after the first time */
	LOST_MOST = 20, /* seconds to wait for a quiet machine */
};
static const double QUIET = 0.9; /* of a core */

/* About the test that runs. */
static const struct test *running;
static void (*first)(void); /* of its suite's: before; or NULL */
static char reason[256];    /* why it is not judged, or "" */
static char missed[1024];   /* the limits that it missed, a line for each */
static char hung[256];	    /* what to say if it does not end */
static unsigned most;	    /* seconds that it may take; 0: any */

static bool chosen(const char *suite, const char *test, int argc, char **argv)
{
	char whole[256];
	bool all = true;
	bool named = false;

	snprintf(whole, sizeof(whole), "%s/%s", suite, test);
	for (int i = 1; i < argc; i++) {
		if (*argv[i] != '-')
			all = false, named = named || strstr(whole, argv[i]);
		else if (strstr(whole, argv[i] + 1))
			return false;
	}
	return all || named;
}

static void print_failures(CU_pFailureRecord failure)
{
	for (; failure; failure = failure->pNext)
		printf("    %s:%u: %s\n", failure->strFileName ? failure->strFileName : "?",
		       failure->uiLineNumber, failure->strCondition ? failure->strCondition : "?");
}

void not_judged(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
}

const struct test *harness_test(void)
{
	return running;
}

bool needs_files(long count)
{
	long allowed = machine_files();

	if (allowed < count)
		not_judged("only %ld open files are allowed", allowed);
	return allowed >= count;
}

bool needs_cores(double wanted)
{
	double deadline = now() + LOST_MOST;
	double share;

	do
		share = machine_share();
	while (share < wanted && now() < deadline);
	if (share < wanted)
		not_judged("this machine gave %.2f of a core", share);
	return share >= wanted;
}

void harness_in_time(bool kept, const char *condition, const char *file, int line)
{
	size_t len = strlen(missed);

	if (!kept)
		snprintf(missed + len, sizeof(missed) - len, "    %s:%d: %s\n", file, line,
			 condition);
}

static enum verdict attempt(CU_pSuite suite, CU_pTest test)
{
	reason[0] = missed[0] = '\0';
	CU_clear_previous_results();
	CU_run_test(suite, test);
	if (CU_get_number_of_tests_failed() || CU_get_number_of_failures() ||
	    CU_get_number_of_suites_failed())
		return FAILED;
	if (reason[0])
		return NOT_JUDGED;
	return missed[0] ? LATE : PASSED;
}

/* What is late on a quiet machine is too slow; on a busy one it means nothing. */
static enum verdict judge(CU_pSuite suite, CU_pTest test)
{
	enum verdict verdict = attempt(suite, test);
	double lost = 0; /* seconds in which the machine was busy */
	int late = 0;

	while (verdict == LATE && late < LATE_MOST && lost < LOST_MOST) {
		double begin = now();
		double share = machine_share();
		double then;

		verdict = attempt(suite, test);
		if (verdict != LATE)
			break;
		then = machine_share();
		share = then < share ? then : share;
		if (share >= QUIET) {
			late++;
			continue;
		}
		lost += now() - begin;
		not_judged("this machine gave %.2f of a core", share);
	}
	if (verdict != LATE)
		return verdict;
	return late == LATE_MOST ? FAILED : NOT_JUDGED;
}

/* Says what is hung, and nothing after it: its threads may hold any lock. */
static void on_alarm(int number)
{
	(void)number;
	_exit(write(STDOUT_FILENO, hung, strlen(hung)) < 0 ? 2 : 1);
}

/* What comes before a test is a part of it: where that fails for good, the test is not begun. */
static void run_running(void)
{
	if (first)
		first();
	running->run();
}

static enum verdict run_test(CU_pSuite registry, const struct suite *suite, const struct test *test)
{
	CU_pTest registered = CU_add_test(registry, test->name, run_running);
	double start = now();
	enum verdict verdict;

	snprintf(hung, sizeof(hung), "FAIL %s: %s (not done after %u s)\n", suite->name, test->name,
		 most);
	running = test;
	first = suite->before;
	alarm(most);
	verdict = judge(registry, registered);
	alarm(0);
	printf("%s %s: %s (%.2f s)\n", words[verdict], suite->name, test->name, now() - start);
	print_failures(CU_get_failure_list());
	if (verdict != PASSED)
		fputs(missed, stdout);
	fflush(stdout);
	return verdict;
}

/* Runs those tests of a suite that are chosen, and adds up. What was not judged is also written to
 * the list. */
static void run_suite(const struct suite *suite, int argc, char **argv, int *counts, FILE *list)
{
	CU_pSuite registry =
		CU_add_suite_with_setup_and_teardown(suite->name, NULL, NULL, NULL, suite->after);
	bool ready = false;

	for (int t = 0; t < suite->count; t++) {
		const struct test *test = &suite->tests[t];
		enum verdict verdict;

		if (!chosen(suite->name, test->name, argc, argv))
			continue;
		if (!ready && suite->setup && suite->setup()) {
			printf("FAIL %s: the suite's set-up failed\n", suite->name);
			counts[FAILED]++;
			break;
		}
		ready = true;
		verdict = run_test(registry, suite, test);
		counts[verdict]++;
		if (verdict == NOT_JUDGED)
			fprintf(list, "not judged  %s: %s (%s)\n", suite->name, test->name, reason);
	}
	if (ready && suite->cleanup && suite->cleanup()) {
		printf("FAIL %s: the suite's clean-up failed\n", suite->name);
		counts[FAILED]++;
	}
}

int harness_main(int argc, char **argv, const struct suite *const *suites, int count,
		 unsigned seconds)
{
	int counts[VERDICTS] = {0};
	char *unjudged = NULL;
	size_t size;
	FILE *list = open_memstream(&unjudged, &size);

	if (!list || CU_initialize_registry() != CUE_SUCCESS)
		return 2;
	most = seconds;
	signal(SIGALRM, on_alarm);
	for (int s = 0; s < count; s++)
		run_suite(suites[s], argc, argv, counts, list);
	CU_cleanup_registry();
	fclose(list);
	printf("%s%d passed, %d failed", unjudged, counts[PASSED], counts[FAILED]);
	if (counts[NOT_JUDGED])
		printf(", %d skipped", counts[NOT_JUDGED]);
	putchar('\n');
	free(unjudged);
	return counts[FAILED] || !(counts[PASSED] + counts[NOT_JUDGED]);
}

#include "harness.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static double now_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool chosen(const char *suite, const char *test, int argc, char **argv)
{
	char whole[256];

	snprintf(whole, sizeof(whole), "%s/%s", suite, test);
	for (int i = 1; i < argc; i++)
		if (strstr(whole, argv[i]))
			return true;
	return argc < 2;
}

static void print_failures(CU_pFailureRecord failure)
{
	for (; failure; failure = failure->pNext)
		printf("    %s:%u: %s\n", failure->strFileName ? failure->strFileName : "?",
		       failure->uiLineNumber, failure->strCondition ? failure->strCondition : "?");
}

static bool run_test(CU_pSuite registry, const struct suite *suite, const struct test *test)
{
	CU_pTest registered = CU_add_test(registry, test->name, test->run);
	double start = now_seconds();
	bool passed;

	CU_clear_previous_results();
	CU_run_test(registry, registered);
	passed = CU_get_number_of_tests_failed() == 0 && CU_get_number_of_failures() == 0 &&
		 CU_get_number_of_suites_failed() == 0;
	printf("%s %s: %s (%.2f s)\n", passed ? "ok  " : "FAIL", suite->name, test->name,
	       now_seconds() - start);
	print_failures(CU_get_failure_list());
	fflush(stdout);
	return passed;
}

int harness_main(int argc, char **argv, const struct suite *const *suites, int count)
{
	int passed = 0;
	int failed = 0;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return 2;
	for (int s = 0; s < count; s++) {
		CU_pSuite registry = CU_add_suite(suites[s]->name, NULL, NULL);
		bool ready = false;

		for (int t = 0; t < suites[s]->count; t++) {
			const struct test *test = &suites[s]->tests[t];

			if (!chosen(suites[s]->name, test->name, argc, argv))
				continue;
			if (!ready && suites[s]->setup && suites[s]->setup()) {
				printf("FAIL %s: the suite's set-up failed\n", suites[s]->name);
				failed++;
				break;
			}
			ready = true;
			if (run_test(registry, suites[s], test))
				passed++;
			else
				failed++;
		}
		if (ready && suites[s]->cleanup && suites[s]->cleanup()) {
			printf("FAIL %s: the suite's clean-up failed\n", suites[s]->name);
			failed++;
		}
	}
	CU_cleanup_registry();
	printf("%d passed, %d failed\n", passed, failed);
	return failed || !passed;
}

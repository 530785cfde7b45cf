/* The library stands without its demonstration. */
#include <stdio.h>
#include <string.h>

#include "../support/harness.h"
#include "../support/process.h"

extern const struct suite *const guide_suites[] __attribute__((weak));

static void its_own_tests_pass_without_the_demonstration(void)
{
	static struct outcome outcome;
	char directory[DIRECTORY_SIZE];

	if (!guide_suites) {
		not_judged("this tree has no demonstration that could be removed");
		return;
	}
	CU_ASSERT_FATAL(directory_make(directory));
	run(&outcome, (const char *[]){"tests/integration/library.sh", directory, NULL}, NULL, -1);
	CU_ASSERT_EQUAL(outcome.status, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.out, "the library's own tests"));
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.out, "\nok   limits: "));
	if (outcome.status)
		printf("%s%s\n", outcome.out, outcome.errors);
	directory_remove(directory);
}

static const struct test tests[] = {
	{"its own tests pass without the demonstration",
	 its_own_tests_pass_without_the_demonstration},
};

const struct suite library_suite = {"library", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL};

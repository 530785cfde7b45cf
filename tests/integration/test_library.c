/* The library stands without its demonstration. */
#include <stdio.h>
#include <string.h>

#include "../support/harness.h"
#include "../support/process.h"

extern const struct suite *const guide_suites[] __attribute__((weak));

static void its_own_tests_pass_without_the_demonstration(void)
{
	static struct outcome outcome;
	const char *directory;

	if (!guide_suites) {
		not_judged("this tree has no demonstration that could be removed");
		return;
	}
	directory = directory_make();
	CU_ASSERT(succeeds(&outcome, STRINGS("tests/integration/library.sh", directory), NULL));
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.out, "the library's own tests"));
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.out, "\nok   limits: "));
	directory_remove(directory);
}

static const struct test tests[] = {
	{"its own tests pass without the demonstration",
	 its_own_tests_pass_without_the_demonstration},
};

const struct suite library_suite = {"library", tests, COUNT(tests)};

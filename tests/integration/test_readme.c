/* What the README promises can be typed: the endpoint it adds is added, built and asked. */
#include <stdio.h>
#include <string.h>

#include "../harness.h"
#include "process.h"
#include "raw.h"

static void the_example_endpoint_works(void)
{
	char directory[DIRECTORY_SIZE];
	char built[DIRECTORY_SIZE + 16];
	struct outcome outcome;
	struct worker worker;
	struct raw raw;

	CU_ASSERT_FATAL(directory_make(directory));
	run(&outcome, (const char *[]){"tests/integration/readme_example.sh", directory, NULL},
	    NULL, -1);
	CU_ASSERT_EQUAL(outcome.status, 0);
	if (outcome.status)
		printf("%s%s\n", outcome.out, outcome.errors);
	snprintf(built, sizeof(built), "%s/build/lanes", directory);
	CU_ASSERT_FATAL(worker_start_program(&worker, built, NULL, NULL));
	CU_ASSERT(raw_open(&raw, worker.socket));
	CU_ASSERT(raw_get(&raw, 1, "/hello", "seconds=0.25"));
	CU_ASSERT(raw_answers(&raw, "{\"mode\":\"hello\",\"detail\":\"slept 0.25 s\"}\n"));
	CU_ASSERT(raw_get(&raw, 2, "/hello", "seconds=long"));
	CU_ASSERT(raw_answers(&raw, "STDOUT 2 Status: 422 "));
	raw_close(&raw);
	worker_stop(&worker);
	directory_remove(directory);
}

static const struct test tests[] = {
	{"the example of an added endpoint is built and answers", the_example_endpoint_works},
};

const struct suite readme_suite = {"readme", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL};

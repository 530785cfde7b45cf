/* What the README says can be typed: the first thing a reader tries, and the endpoint it adds. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "../harness.h"
#include "process.h"
#include "raw.h"
#include "system.h"

enum { SYSTEMS = 5, TRIES = 10, TOO_LATE = 2 };

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

static void a_local_does_not_survive_an_await(void)
{
	char directory[DIRECTORY_SIZE];
	struct outcome outcome;

	CU_ASSERT_FATAL(directory_make(directory));
	run(&outcome,
	    (const char *[]){"tests/integration/readme_example.sh", directory, "spoilt", NULL},
	    NULL, -1);
	CU_ASSERT_NOT_EQUAL(outcome.status, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.errors, "may be used uninitialized"));
	directory_remove(directory);
}

/* Fifty times in all: systems side by side, since most of it is waiting. */
static void the_first_screen_shows_what_it_says(void)
{
	static struct system systems[SYSTEMS];
	char logs[SYSTEMS][DIRECTORY_SIZE + 16];
	pid_t readers[SYSTEMS];
	int status;

	for (int i = 0; i < SYSTEMS; i++) {
		char port[8];
		char tries[8];

		CU_ASSERT_FATAL(system_start(&systems[i], &(struct system_options){.workers = 2}));
		snprintf(port, sizeof(port), "%u", (unsigned)systems[i].port);
		snprintf(tries, sizeof(tries), "%d", TRIES);
		snprintf(logs[i], sizeof(logs[i]), "%s/tries.log", systems[i].run_dir);
		readers[i] =
			process_start((const char *[]){"tests/integration/readme_first_screen.sh",
						       systems[i].run_dir, port, tries, NULL},
				      NULL, logs[i]);
	}
	for (int i = 0; i < SYSTEMS; i++) {
		struct outcome outcome;

		waitpid(readers[i], &status, 0);
		CU_ASSERT(status == 0 || status == TOO_LATE << 8);
		IN_TIME(status == 0);
		if (status) {
			run(&outcome, (const char *[]){"cat", logs[i], NULL}, NULL, -1);
			printf("%s", outcome.out);
		}
		CU_ASSERT(system_stop(&systems[i]));
	}
}

static const struct test tests[] = {
	{"the first screen, tried fifty times, shows what it says",
	 the_first_screen_shows_what_it_says},
	{"the example of an added endpoint is built and answers", the_example_endpoint_works},
	{"a local that is to survive an AWAIT does not build", a_local_does_not_survive_an_await},
};

const struct suite readme_suite = {"readme", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL};

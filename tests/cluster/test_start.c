/* Who may start a cluster, how it ends, and what there is of it on paper. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "../support/client.h"
#include "../support/harness.h"
#include "cluster.h"

/* All of it, and a Ctrl-C of which nothing is left: who asks then is refused. */
static void of_a_user(void)
{
	if (!cluster_start_as("nobody", STRINGS("HOSTS=1")))
		return;
	CU_ASSERT(!strncmp(cluster_answerer(), "host1-", 6));
	CU_ASSERT_EQUAL(get(&cluster, "/readyz")->status, 200);
	CU_ASSERT(cluster_stop());
	CU_ASSERT_EQUAL(get(&cluster, "/")->status, 0);
}

/* kill -9 of the script takes all of it along, too. */
static void killed(void)
{
	pid_t worker;

	if (!cluster_start(STRINGS("HOSTS=1")))
		return;
	worker = cluster_worker("host1", 1);
	CU_ASSERT_FATAL(worker > 0);
	cluster_kill();
	CU_ASSERT(EVENTUALLY(kill(worker, 0) != 0 || process_ended(worker)));
	CU_ASSERT(EVENTUALLY(get(&cluster, "/")->status == 0));
}

static void refusals(void)
{
	static const char *const wrong[][2] = {
		{"HOSTS=0", "HOSTS=0: a whole number from 1 to 200 is wanted"},
		{"FRONT=apache", "FRONT=apache: haproxy or nginx is wanted"},
		{"PROGRAM=/nowhere", "/nowhere is missing"},
	};
	static struct outcome outcome;

	for (size_t i = 0; i < COUNT(wrong); i++) {
		run_script(&outcome, "spawn/cluster.sh",
			   STRINGS(wrong[i][0], "RUN_DIR=/tmp/none-of-these"));
		CU_ASSERT(was_refused(&outcome, wrong[i][1]));
	}
	run(&outcome, STRINGS("spawn/cluster.sh", "state"), STRINGS("RUN_DIR=/tmp/none-of-these"),
	    -1);
	CU_ASSERT(was_refused(&outcome, "no cluster runs in /tmp/none-of-these"));
}

/* README.md quotes it. */
static void on_paper(void)
{
	static struct outcome outcome;
	const char *readme = file_text("tests/cluster/README.md");
	const char *line = outcome.out;

	CU_ASSERT_FATAL(succeeds(&outcome, STRINGS("python3", "tests/cluster/simulate.py"), NULL));
	while (*line) {
		size_t len = strcspn(line, "\n");

		if (len && !strstr(readme, textf("\n%.*s\n", (int)len, line)))
			CU_FAIL_FATAL("tests/cluster/README.md does not quote it");
		line += len + (line[len] != 0);
	}
}

static const struct test tests[] = {
	{"a plain user has one, and Ctrl-C leaves nothing", of_a_user},
	{"kill -9 leaves nothing", killed},
	{"what is wrong is said in one line", refusals},
	{"what README.md quotes of simulate.py is what it says", on_paper},
};

const struct suite start_suite = {"start", tests, COUNT(tests)};

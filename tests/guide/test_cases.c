/*
 * The guide's real-world examples, app/cases. What they answer is compared with what FastAPI
 * answers (tests/oracle/cases_exchanges.py), on loops and on processes. And what they depend on is
 * made to fail: mail servers, gateways and suppliers, files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../support/client.h"
#include "../support/harness.h"

enum { NOT_HERE = 77 };

static struct system sys;
static const char *files; /* folder */
static uint16_t mail_port;
static const char *prefix; /* below which the pool is */

static const char *const *environment(void)
{
	static const char *variables[5];

	variables[0] = textf("LANES_FILES=%s", files);
	variables[1] = textf("LANES_MAIL=smtp://127.0.0.1:%d", mail_port);
	variables[2] = "LANES_MAIL_TIMEOUT=20";
	variables[3] = textf("LANES_OUTSIDE=%s/outside", sys.url);
	return variables;
}

static int start(const char *at)
{
	prefix = at;
	files = directory_make_for_all();
	mail_port = port_free();
	return !system_start(&sys, SYSTEM(.workers = 1, .prefork = 2,
					  .environment = STRINGS(environment()[0], environment()[1],
								 environment()[2])));
}

static int set_up(void)
{
	return start("");
}

static int set_up_prefork(void)
{
	return start("/prefork");
}

static int tear_down(void)
{
	int left = !system_stop(&sys);

	directory_remove(files);
	return left;
}

/* ---- beside FastAPI ---- */

static void exchanges(struct outcome *outcome, const char *what, const char *url)
{
	run(outcome,
	    STRINGS("/usr/bin/python3", "-B", "tests/oracle/cases_exchanges.py", what, url),
	    environment(), -1);
	if (outcome->status != NOT_HERE)
		printf("    %s", outcome->out);
	if (outcome->status && outcome->status != NOT_HERE)
		printf("%s\n", outcome->errors);
}

static void answers_are_fastapis(void)
{
	static struct outcome outcome;

	exchanges(&outcome, "compare", textf("%s%s", sys.url, prefix));
	CU_ASSERT_EQUAL(outcome.status, 0);
}

/* What they are compared with is still what FastAPI answers. */
static void they_are_as_recorded(void)
{
	static struct outcome outcome;

	exchanges(&outcome, "check", NULL);
	if (outcome.status == NOT_HERE)
		not_judged("FastAPI 0.92 is not here");
	else
		CU_ASSERT_EQUAL(outcome.status, 0);
}

static const struct test tests[] = {
	{"they answer what FastAPI answers", answers_are_fastapis},
	{"what FastAPI answers is as recorded", they_are_as_recorded},
};

const struct suite cases_suite = {"cases", tests, COUNT(tests), set_up, tear_down};

const struct suite cases_prefork_suite = {"cases-prefork", tests, 1, set_up_prefork, tear_down};

/* Alerts and dashboard (spawn/monitoring): they ask for what /metrics says. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../support/client.h"
#include "../support/harness.h"
#include "../support/process.h"
#include "../support/system.h"

static struct outcome outcome;

static bool has_promtool(void)
{
	bool has = access("/usr/bin/promtool", X_OK) == 0;

	if (!has)
		not_judged("there is no promtool: spawn/deps.sh monitoring");
	return has;
}

static void the_rules_are_sound(void)
{
	if (!has_promtool())
		return;
	CU_ASSERT(succeeds(
		&outcome,
		STRINGS("/usr/bin/promtool", "check", "rules", "spawn/monitoring/alerts.yml"),
		NULL));
}

static void each_alert_comes_when_it_should(void)
{
	run(&outcome,
	    STRINGS("/bin/sh", "-c",
		    "for a in $(sed -n 's/.*alert: //p' spawn/monitoring/alerts.yml); do "
		    "grep -q \"\\\"$a fires\\\"\" tests/monitoring/alerts.test.yml && "
		    "grep -q \"\\\"$a does not\\\"\" tests/monitoring/alerts.test.yml || echo $a; "
		    "done"),
	    NULL, -1);
	CU_ASSERT_STRING_EQUAL(outcome.out, "");
	if (!has_promtool())
		return;
	CU_ASSERT(succeeds(
		&outcome,
		STRINGS("/usr/bin/promtool", "test", "rules", "tests/monitoring/alerts.test.yml"),
		NULL));
}

/* A system that has all kinds of workers, and has done what there is to measure. */
static void every_metric_they_name_is_printed(void)
{
	const char *directory = directory_make();
	const char *metrics = textf("%s/metrics", directory);
	const char *rules = textf("%s/rules.yml", directory);
	struct system sys;

	CU_ASSERT_FATAL(system_start(
		&sys,
		SYSTEM(.prefork = 1, .environment = STRINGS("DATABASE=private", "JOB_WORKERS=1",
							    "LANES_OTLP=http://127.0.0.1:1"))));
	CU_ASSERT_EQUAL(get(&sys, "/cases/quotes?item=tea")->status, 200);
	CU_ASSERT_EQUAL(get(&sys, "/cases/orders")->status, 200);
	CU_ASSERT(EVENTUALLY(strstr(get(&sys, "/metrics")->body, "\nlanes_jobs{")));
	CU_ASSERT(file_write(metrics, get(&sys, "/metrics")->body));
	run(&outcome, STRINGS("/usr/bin/python3", "-B", "tests/monitoring/names.py", metrics), NULL,
	    -1);
	CU_ASSERT_EQUAL(outcome.status, 0);
	CU_ASSERT_STRING_EQUAL(outcome.errors, "");
	CU_ASSERT(file_write(rules, outcome.out));
	CU_ASSERT(system_stop(&sys));
	if (has_promtool())
		CU_ASSERT(succeeds(&outcome, STRINGS("/usr/bin/promtool", "check", "rules", rules),
				   NULL));
	directory_remove(directory);
}

static const struct test tests[] = {
	{"the rules are sound", the_rules_are_sound},
	{"each alert comes when it should, and not when it should not",
	 each_alert_comes_when_it_should},
	{"every metric that they name is printed", every_metric_they_name_is_printed},
};

const struct suite monitoring_suite = {"monitoring", tests, COUNT(tests)};

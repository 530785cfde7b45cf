/* What a container is given, and what the README types. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/client.h"
#include "../support/harness.h"
#include "stage.h"
#include "suites.h"

static const char *const name = "limited";

static bool is_ready(void)
{
	return get(&front, "/readyz")->status == 200;
}

static bool start(const char *const *options)
{
	stage_off();
	return stage_run(name, options) && WITHIN(SLOW_START, is_ready());
}

/* A core is a loop worker, whatever the machine has; what the environment says is so. */
static void settings_are_in_the_environment(void)
{
	const char *text;

	if (!stage_possible())
		return;
	CU_ASSERT_FATAL(start(STRINGS("--cpus", "1", "-e", "THREADS=7", "-e", "LANES_CPU_QUEUE=3",
				      "-e", "ADMIN_FROM=0.0.0.0/0")));
	text = get(&front, "/status?text")->body;
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nloop-1 "));
	CU_ASSERT_PTR_NULL(strstr(text, "\nloop-2 "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, " 0/7 "));
	CU_ASSERT_STRING_EQUAL(
		in_container(name, "cat /tmp/lanes/pids/environment/LANES_CPU_QUEUE"), "3");
}

/* Only those of a published port may be asked what is inside, if they were named. */
static void others_are_not_shown_what_is_inside(void)
{
	if (!stage_possible())
		return;
	stage_off();
	CU_ASSERT_FATAL(stage_run(name, STRINGS(NULL)));
	CU_ASSERT_FATAL(WITHIN(SLOW_START, get(&front, "/")->status == 200));
	CU_ASSERT_EQUAL(get(&front, "/status")->status, 403);
	CU_ASSERT_EQUAL(get(&front, "/metrics")->status, 403);
}

static const char *restarts(void)
{
	return in_container(name, "grep -c event=started /tmp/lanes/worker.log");
}

/* Who takes more is ended by the kernel, and the system goes on. */
static void memory_is_limited(void)
{
	static const char limit[] = "cat /sys/fs/cgroup/memory.max 2>/dev/null ||"
				    " cat /sys/fs/cgroup/memory/memory.limit_in_bytes";
	static const char greedy[] = "head -c 600000000 /dev/zero | tail >/dev/null";
	long started;

	if (!stage_possible())
		return;
	CU_ASSERT_FATAL(start(
		STRINGS("--memory", "300m", "-e", "WORKERS=2", "-e", "ADMIN_FROM=0.0.0.0/0")));
	CU_ASSERT_EQUAL_FATAL(atol(in_container(name, limit)), 300L << 20);
	started = atol(restarts());
	CU_ASSERT_EQUAL(podman(STRINGS("exec", name, "sh", "-c", greedy))->status, 137);
	CU_ASSERT(is_ready());
	CU_ASSERT_EQUAL(atol(restarts()), started);
}

/* ---- the README ---- */

/* Types a command, until it does: the system takes a moment to start. */
static bool does(const char *command)
{
	struct outcome outcome;

	return EVENTUALLY((run(&outcome, STRINGS("sh", "-c", command), NULL, -1), !outcome.status));
}

/* The example, with this port for 8080, and without what builds and what never ends. */
static void the_readme_is_right(void)
{
	static const char prepare[] =
		"tests/documents/block container spawn/kubernetes/README.md |"
		" sed -e '/^make /d' -e 's/logs -f/logs/' -e 's/ *#.*//' -e 's/:8080:/:'$PORT':/'"
		" -e ':a' -e '/\\\\$/{N;s/\\\\\\n//;ta' -e '}'";
	struct outcome outcome;
	int count = 0;

	if (!stage_possible())
		return;
	stage_off();
	run(&outcome, STRINGS("sh", "-c", prepare),
	    STRINGS(textf("PORT=%u", (unsigned)port_free())), -1);
	CU_ASSERT_EQUAL_FATAL(outcome.status, 0);
	for (const char *line = strtok(outcome.out, "\n"); line; line = strtok(NULL, "\n")) {
		if (!does(line)) {
			printf("    does not do: %s\n", line);
			CU_FAIL("a command of the README");
		}
		count++;
	}
	CU_ASSERT(count >= 5);
	CU_ASSERT_STRING_EQUAL(inspected("lanes", "{{.State.ExitCode}}"), "0");
	stage_off();
}

/* What was built on this machine runs in the image only where that is the same Debian. */
static bool is_same_debian(void)
{
	bool same = file_has("/etc/os-release", "VERSION_CODENAME=bookworm");

	if (!same)
		not_judged("this machine is another Debian than the image");
	return same;
}

static void another_service_stands_on_it(void)
{
	static const char build[] = "mkdir -p \"$0/build\" && cp \"$1\" \"$0/build\" &&"
				    " tests/documents/block 'another service' |"
				    " podman build -q --tag orders -f - \"$0\"";
	struct outcome outcome;

	if (!stage_possible() || !is_same_debian())
		return;
	CU_ASSERT_FATAL(succeeds(
		&outcome, STRINGS("sh", "-c", build, directory_make(), built("orders")), NULL));
	stage_off();
	CU_ASSERT_FATAL(stage_run_image("orders", name, STRINGS(NULL)));
	CU_ASSERT(WITHIN(SLOW_START, get(&front, "/openapi.json")->status == 200));
	CU_ASSERT_PTR_NOT_NULL(strstr(get(&front, "/openapi.json")->body, "\"/orders"));
}

/* ---- the manifests ---- */

static bool has_kubernetes(void)
{
	bool has = accepts("/usr/bin/python3 -c 'import kubernetes'", "");

	if (!has)
		not_judged("python3-kubernetes is not here");
	return has;
}

static void they_fit(void)
{
	struct outcome outcome;

	if (has_kubernetes())
		CU_ASSERT(succeeds(
			&outcome, STRINGS("tests/containers/manifests", "check", program()), NULL));
}

/* What the image has not, no container can start. */
static void commands_are_in_the_image(void)
{
	struct outcome outcome;

	if (!has_kubernetes() || !stage_possible())
		return;
	CU_ASSERT_FATAL(
		succeeds(&outcome, STRINGS("tests/containers/manifests", "commands"), NULL));
	for (const char *word = strtok(outcome.out, "\n"); word; word = strtok(NULL, "\n"))
		CU_ASSERT(PODMAN("run", "--rm", "localhost/lanes", "sh", "-c",
				 textf("command -v %s", word)));
}

static const struct test of_limits[] = {
	{"its settings are in the environment, and a core is a worker",
	 settings_are_in_the_environment},
	{"others are not shown what is inside", others_are_not_shown_what_is_inside},
	{"who takes more memory than it may is ended, and it goes on", memory_is_limited},
	{"what the README types", the_readme_is_right},
	{"another service stands on it", another_service_stands_on_it},
};
static const struct test of_manifests[] = {
	{"they fit the schema, each other, the options, and the time to end", they_fit},
	{"their commands are in the image", commands_are_in_the_image},
};

const struct suite limits_suite = {"limits", of_limits, COUNT(of_limits)};
const struct suite manifests_suite = {"manifests", of_manifests, COUNT(of_manifests)};

/* A whole system in a container, and the pod of spawn/kubernetes: what both do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/client.h"
#include "../support/harness.h"
#include "stage.h"
#include "suites.h"

enum { CLIENTS = 16, SOME = 200, WORKERS = 2 };

static const struct place *place_of_test(void)
{
	return harness_test()->data;
}

/* ---- what is in it ---- */

static bool line_is(const char *text, const char *line)
{
	return strstr(textf("\n%s\n", text), textf("\n%s\n", line));
}

static void nothing_is_allowed(void)
{
	const char *name = place_of_test()->container;

	if (!stage_on(place_of_test()))
		return;
	CU_ASSERT_EQUAL(get(&front, "/async/await-one?seconds=0")->status, 200);
	CU_ASSERT_STRING_EQUAL(in_container(name, "id -u"), "10001\n");
	CU_ASSERT(line_is(in_container(name, "cat /proc/1/status"), "NoNewPrivs:\t1"));
	CU_ASSERT(line_is(in_container(name, "cat /proc/1/status"), "CapBnd:\t0000000000000000"));
	CU_ASSERT(line_is(in_container(name, "cat /proc/1/status"), "Seccomp:\t2"));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(in_container(name, "touch /usr/new || :"), "Read-only file system"));
	CU_ASSERT_PTR_NOT_NULL(strstr(in_container(name, "gcc --version || :"), "not found"));
}

/* What was started beside it, and lost its parent. */
static void orphans_are_reaped(void)
{
	const char *name = place_of_test()->container;
	int pid;

	if (!stage_on(place_of_test()))
		return;
	pid = atoi(in_container(name, "(sleep 600 >/dev/null 2>&1 & echo $!)"));
	CU_ASSERT_FATAL(pid > 1);
	CU_ASSERT_STRING_EQUAL(in_container(name, textf("cut -d' ' -f 4 /proc/%d/stat", pid)),
			       "1\n");
	in_container(name, textf("kill %d", pid));
	CU_ASSERT(EVENTUALLY(PODMAN("exec", name, "sh", "-c", textf("! [ -e /proc/%d ]", pid))));
}

/* ---- workers come and go ---- */

struct pids {
	pid_t of[WORKERS];
};

static struct pids workers(void)
{
	struct pids pids;

	for (int i = 0; i < WORKERS; i++)
		pids.of[i] = worker_pid(&inside, textf("loop-%d", i + 1));
	return pids;
}

static bool all_new(const struct pids *before)
{
	struct pids pids = workers();
	bool new = true;

	for (int i = 0; i < WORKERS; i++)
		new = new &&pids.of[i];
	for (int i = 0; i < WORKERS * WORKERS; i++)
		new = new &&pids.of[i / WORKERS] != before->of[i % WORKERS];
	return new;
}

static struct load *send_some(const char *target, const char *type, struct slice content)
{
	return load_system(&front, PLAN(.target = target, .type = type, .content = content,
					.connections = CLIENTS, .repeat = true, .pause = 5000000));
}

static void none_is_lost(struct load *load)
{
	const struct load_result *result = load_wait(load);

	CU_ASSERT_EQUAL(result->failed, 0);
	CU_ASSERT_EQUAL(result->resent, 0);
	CU_ASSERT(result->sent > SOME);
}

static void killed_worker_is_replaced(void)
{
	const char *name = place_of_test()->container;
	struct load *gets;
	pid_t pid;

	if (!stage_on(place_of_test()))
		return;
	gets = send_some("/async/await-one?seconds=0.02", NULL, slice_of(""));
	CU_ASSERT(load_goes_on(gets, SOME));
	pid = worker_pid(&inside, "loop-1");
	CU_ASSERT(pid > 1);
	CU_ASSERT(PODMAN("exec", name, "sh", "-c", textf("kill -9 %d", (int)pid)));
	CU_ASSERT(EVENTUALLY(worker_pid(&inside, "loop-1") > 1 &&
			     worker_pid(&inside, "loop-1") != pid));
	CU_ASSERT(load_goes_on(gets, SOME));
	none_is_lost(gets);
}

static void hup_replaces(void)
{
	const char *name = place_of_test()->container;
	struct load *gets, *posts;
	struct pids before;

	if (!stage_on(place_of_test()))
		return;
	gets = send_some("/async/await-one?seconds=0.02", NULL, slice_of(""));
	posts = send_some("/cases/json-stats", "application/json", slice_of("[1,2]"));
	before = workers();
	CU_ASSERT(load_goes_on(gets, SOME) && load_goes_on(posts, SOME));
	CU_ASSERT(PODMAN("kill", "-s", "HUP", name));
	CU_ASSERT(EVENTUALLY(all_new(&before)));
	CU_ASSERT(load_goes_on(gets, SOME) && load_goes_on(posts, SOME));
	none_is_lost(gets);
	none_is_lost(posts);
}

/* ---- the end ---- */

static long in_flight(void)
{
	static const char metric[] = "\nlanes_requests_in_flight{worker=\"loop-";
	const char *at = get(&inside, "/metrics")->body;
	long sum = 0;

	while ((at = strstr(at, metric)))
		sum += strtol(strchr(at += sizeof(metric), '}') + 1, NULL, 10);
	return sum;
}

static struct load *wait_somewhere(void)
{
	struct load *load = load_system(&front, PLAN(.target = "/async/await-one?seconds=3",
						     .connections = CLIENTS, .patience = PATIENCE));

	CU_ASSERT(EVENTUALLY(in_flight() == CLIENTS));
	return load;
}

static void all_are_answered(struct load *load)
{
	CU_ASSERT_EQUAL(load_wait(load)->answered, CLIENTS);
}

/* 137 would be who was killed when the time was over. */
static void ends_well(const char *name)
{
	CU_ASSERT_STRING_EQUAL(inspected(name, "{{.State.Status}}"), "exited");
	CU_ASSERT_STRING_EQUAL(inspected(name, "{{.State.ExitCode}}"), "0");
}

static void term_drains(void)
{
	const char *name = whole_system.container;
	struct load *load;

	if (!stage_on(&whole_system))
		return;
	load = wait_somewhere();
	CU_ASSERT(PODMAN("stop", "-t", "40", name));
	all_are_answered(load);
	ends_well(name);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(podman(STRINGS("logs", "--tail", "60", name))->errors, "event=drained"));
	stage_off();
}

static void a_pod_drains(void)
{
	static const char *const others[] = {"workers", "health", "admin"};
	struct outcome hook;
	pid_t hooks[COUNT(others)];
	struct load *load;

	if (!stage_on(&pod))
		return;
	load = wait_somewhere();
	/* As Kubernetes does: all hooks at once, and each container is told when its own is over.
	 */
	for (size_t i = 0; i < COUNT(others); i++) {
		CU_ASSERT_FATAL(succeeds(
			&hook, STRINGS("tests/containers/manifests", "hook", others[i]), NULL));
		hooks[i] =
			process_start(STRINGS("podman", "exec", textf("lanes-pod-0-%s", others[i]),
					      "sh", "-c", hook.out),
				      NULL, "/dev/null");
	}
	CU_ASSERT_FATAL(
		succeeds(&hook, STRINGS("tests/containers/manifests", "hook", "nginx"), NULL));
	/* nginx, as pid 1, takes its hook with it. */
	podman(STRINGS("exec", "lanes-pod-0-nginx", "sh", "-c", hook.out));
	all_are_answered(load);
	CU_ASSERT(
		EVENTUALLY(!strcmp(inspected("lanes-pod-0-nginx", "{{.State.Status}}"), "exited")));
	ends_well("lanes-pod-0-nginx");
	for (size_t i = 0; i < COUNT(others); i++) {
		CU_ASSERT(EVENTUALLY(process_ended(hooks[i])));
		CU_ASSERT(PODMAN("stop", "-t", "20", textf("lanes-pod-0-%s", others[i])));
		ends_well(textf("lanes-pod-0-%s", others[i]));
	}
	stage_off();
}

/* ---- each by itself ---- */

static bool healthy(const char *name)
{
	PODMAN("healthcheck", "run", name);
	return !strcmp(inspected(name, "{{.State.Health.Status}}"), "healthy");
}

static void it_becomes_healthy(void)
{
	const char *name = whole_system.container;

	if (!stage_on(&whole_system))
		return;
	CU_ASSERT(EVENTUALLY(healthy(name)));
	get(&front, "/async/await-one?seconds=0.007");
	CU_ASSERT(
		EVENTUALLY(strstr(podman(STRINGS("logs", name))->errors, "seconds=0.007") != NULL));
	CU_ASSERT_PTR_NOT_NULL(strstr(podman(STRINGS("logs", name))->errors, "event=started"));
	CU_ASSERT_STRING_EQUAL(podman(STRINGS("logs", name))->out, "");
}

/* Each probe's path, at its port in the pod; and what the autoscaler counts. */
static void probes_are_answered(void)
{
	struct outcome outcome;
	const char *line;

	if (!stage_on(&pod))
		return;
	CU_ASSERT_FATAL(succeeds(&outcome, STRINGS("tests/containers/manifests", "probes"), NULL));
	for (line = strtok(outcome.out, "\n"); line; line = strtok(NULL, "\n")) {
		const struct system *port = strncmp(line, "9090 ", 5) ? &front : &inside;

		CU_ASSERT_EQUAL(get(port, strchr(line, ' ') + 1)->status, 200);
	}
}

static void the_autoscaler_has_its_metric(void)
{
	struct outcome outcome;

	if (!stage_on(&pod))
		return;
	CU_ASSERT_FATAL(succeeds(&outcome, STRINGS("tests/containers/manifests", "series"), NULL));
	outcome.out[strcspn(outcome.out, "\n")] = '\0';
	CU_ASSERT_PTR_NOT_NULL(strstr(get(&inside, "/metrics")->body,
				      textf("\n%s{worker=\"loop-2\"", outcome.out)));
}

/* Whose process has that number here is another container's. */
static void no_other_process_is_taken_for_a_worker(void)
{
	if (!stage_on(&pod))
		return;
	CU_ASSERT_PTR_NOT_NULL(strstr(get(&inside, "/metrics")->body,
				      "\nlanes_worker_memory_bytes{worker=\"admin-1\""));
	CU_ASSERT_PTR_NULL(strstr(get(&inside, "/metrics")->body,
				  "\nlanes_worker_memory_bytes{worker=\"loop-1\""));
}

static void what_is_inside_stays_there(void)
{
	static const char *const paths[] = {"/status", "/metrics", "/readyz"};

	if (!stage_on(&pod))
		return;
	for (size_t i = 0; i < COUNT(paths); i++)
		CU_ASSERT_EQUAL(get(&front, paths[i])->status, 404);
}

static const struct test of_containers[] = {
	{"it becomes healthy, and says all on stderr", it_becomes_healthy},
	{"it is nobody in particular, and its root read-only", nothing_is_allowed, &whole_system},
	{"an orphan is reaped", orphans_are_reaped, &whole_system},
	{"a worker that is killed has a successor, and no GET is lost", killed_worker_is_replaced,
	 &whole_system},
	{"HUP replaces the workers, and nothing is lost", hup_replaces, &whole_system},
	{"TERM: requests in flight are answered, then status 0", term_drains},
};
static const struct test of_pods[] = {
	{"its probes are answered", probes_are_answered},
	{"the autoscaler's metric is there", the_autoscaler_has_its_metric},
	{"no other process is taken for a worker", no_other_process_is_taken_for_a_worker},
	{"what is for the cluster is not at its port", what_is_inside_stays_there},
	{"it is nobody in particular, and its root read-only", nothing_is_allowed, &pod},
	{"an orphan is reaped", orphans_are_reaped, &pod},
	{"a worker that is killed has a successor, and no GET is lost", killed_worker_is_replaced,
	 &pod},
	{"HUP replaces the workers, and nothing is lost", hup_replaces, &pod},
	{"its hooks and TERM: requests in flight are answered, then status 0", a_pod_drains},
};

const struct suite container_suite = {"container", of_containers, COUNT(of_containers)};
const struct suite pod_suite = {"pod", of_pods, COUNT(of_pods)};

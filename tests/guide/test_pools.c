/* Pools whose workers die, as those see it who watch the system. */
#include <json-c/json.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/client.h"
#include "../support/harness.h"

TEST_SYSTEM(lanes)

static size_t log_count(const char *text)
{
	return system_log_count(&lanes, "worker.log", text);
}

/* From now on no worker can start; those that run go on. Or again, they can. */
static void replace_program(const char *path)
{
	const char *new = system_file(&lanes, "lanes.new");
	struct outcome outcome;

	CU_ASSERT(succeeds(&outcome, STRINGS("cp", path, new), NULL));
	CU_ASSERT_EQUAL(rename(new, system_file(&lanes, "lanes")), 0);
}

struct dying {
	struct system_options options;
	const char *worker;
	const char *pool;
	const char *target;
	unsigned processes;
};

static void a_pool_dies(void)
{
	const struct dying *d = harness_test()->data;
	const struct response *response;

	CU_ASSERT_EQUAL(get(&lanes, "/readyz")->status, 200);
	CU_ASSERT(script_works(&lanes, "status.sh", NULL));
	replace_program("/bin/false");
	for (unsigned i = 1; i <= d->processes; i++)
		kill(worker_pid(&lanes, textf("%s-%u", d->pool, i)), SIGKILL);
	CU_ASSERT(EVENTUALLY((response = get(&lanes, "/readyz"))->status == 503));
	CU_ASSERT_STRING_EQUAL(response->body, textf("not ready: %s\n", d->pool));
	CU_ASSERT_STRING_EQUAL(header(response, "Retry-After"), "1");
	/* Twice delayed: as often as it may die without, and seconds have passed. */
	CU_ASSERT(EVENTUALLY(log_count("event=start-delayed") >= 2 * d->processes));
	CU_ASSERT(log_count(textf("worker=%s-master pid=", d->worker)) >= 2);
	CU_ASSERT_EQUAL(script(&lanes, "status.sh", NULL)->status, 1);
	replace_program(program());
	CU_ASSERT(EVENTUALLY(get(&lanes, "/readyz")->status == 200));
	CU_ASSERT_EQUAL(get(&lanes, d->target)->status, 200);
	CU_ASSERT(script_works(&lanes, "status.sh", NULL));
	/* What belongs to a system works after that as before. */
	CU_ASSERT(script_works(&lanes, "scale.sh", "WORKERS=2"));
	CU_ASSERT(script_works(&lanes, "restart.sh", NULL));
	CU_ASSERT(script_works(&lanes, "scale.sh", "WORKERS=1"));
	CU_ASSERT_EQUAL(get(&lanes, "/")->status, 200);
}

/* A system that is stopped while its workers cannot start. */
static void stopped_while_dying(void)
{
	replace_program("/bin/false");
	kill(system_worker(&lanes, 1), SIGKILL);
	CU_ASSERT(EVENTUALLY(log_count("event=start-delayed") >= 1));
}

/* ---- exercises ---- */

static size_t workers_that_answer(const char *target, size_t requests)
{
	const struct load_result *result;

	result = load_wait(load_system(&lanes, PLAN(.target = target, .connections = requests)));
	CU_ASSERT_EQUAL(result->answered, requests);
	return result->workers;
}

static void exercises_with(int workers)
{
	pid_t before;

	CU_ASSERT_FATAL(system_start(&lanes, SYSTEM(.workers = workers, .prefork = workers)));
	CU_ASSERT_EQUAL(workers_that_answer("/exercise/async/await-one?seconds=0.1", 20), 1);
	CU_ASSERT_EQUAL(workers_that_answer("/exercise/prefork/async/await-one?seconds=0.1", 10),
			2);
	CU_ASSERT_STRING_EQUAL(header(get(&lanes, "/exercise/"), "X-Lanes-Worker"), "exercise-1");
	CU_ASSERT_EQUAL(get(&lanes, "/exercise/async/await%2Done?seconds=0")->status, 200);
	CU_ASSERT_STRING_EQUAL(header(get(&lanes, "/exercise/sync/noawait/"), "Location"),
			       "/exercise/sync/noawait");
	CU_ASSERT_STRING_EQUAL(header(get(&lanes, "/exercise/prefork"), "Location"),
			       "/exercise/prefork/");
	before = worker_pid(&lanes, "exercise-1");
	CU_ASSERT(script_works(&lanes, "restart.sh", NULL));
	CU_ASSERT(worker_pid(&lanes, "exercise-1") > 0 &&
		  worker_pid(&lanes, "exercise-1") != before);
	CU_ASSERT_EQUAL(get(&lanes, "/exercise/prefork/")->status, 200);
	CU_ASSERT(system_stop(&lanes));
}

static void exercises(void)
{
	exercises_with(1);
	exercises_with(2);
	exercises_with(8);
}

/* No application is less ready for it. */
static void an_exercise_pool_dies(void)
{
	replace_program("/bin/false");
	kill(worker_pid(&lanes, "exercise-1"), SIGKILL);
	CU_ASSERT(EVENTUALLY(log_count("event=start-delayed") >= 1));
	CU_ASSERT_EQUAL(get(&lanes, "/readyz")->status, 200);
	CU_ASSERT_EQUAL(script(&lanes, "status.sh", NULL)->status, 1);
}

/* ---- where nginx leads to each ---- */

static const char *text_of(struct json_object *object, const char *key)
{
	struct json_object *value;

	CU_ASSERT_FATAL(json_object_object_get_ex(object, key, &value));
	return json_object_get_string(value); /* NULL for null */
}

static void answers_below_its_prefix(const char *pool, const char *prefix)
{
	const char *target = textf("%s/async/await-one?seconds=0", prefix);
	const char *worker = header(get(&lanes, target), "X-Lanes-Worker");
	const char *number = strrchr(worker, '-');

	CU_ASSERT_FATAL(number != NULL);
	CU_ASSERT_EQUAL(number - worker, (ptrdiff_t)strlen(pool));
	CU_ASSERT(!strncmp(worker, pool, strlen(pool)));
}

static void prefixes(void)
{
	static const char *const none[] = {"admin", "health"};
	struct json_object *document = json_tokener_parse(get(&lanes, "/status")->body);
	struct json_object *workers;
	size_t led_to = 0;
	size_t not_led_to = 0;

	CU_ASSERT_FATAL(json_object_object_get_ex(document, "workers", &workers));
	for (size_t i = 0; i < json_object_array_length(workers); i++) {
		struct json_object *worker = json_object_array_get_idx(workers, i);
		const char *pool = text_of(worker, "pool");
		const char *prefix = text_of(worker, "prefix");

		if (prefix) {
			answers_below_its_prefix(pool, prefix);
			led_to++;
		} else {
			CU_ASSERT(!strcmp(pool, none[0]) || !strcmp(pool, none[1]));
			not_led_to++;
		}
	}
	CU_ASSERT_EQUAL(led_to, 7); /* two of them for exercises with processes, one outside */
	CU_ASSERT_EQUAL(not_led_to, 2);
	json_object_put(document);
}

static const struct test tests[] = {
	{"a prefork pool that dies is started again without end, slowly; /readyz names it",
	 a_pool_dies, &(const struct dying){{.prefork = 2}, "prefork", "prefork", "/prefork/", 2}},
	{"and so is the loop's", a_pool_dies,
	 &(const struct dying){{.cpu = 1}, "loop-1", "loop", "/", 1}},
	{"a system can be stopped while its workers die", stopped_while_dying,
	 SYSTEM(.workers = 1)},
	{"exercises have one loop worker and two processes, however many others there are",
	 exercises},
	{"and are nothing that readiness waits for", an_exercise_pool_dies, SYSTEM(.workers = 1)},
	{"below the prefix that /status tells of a worker, its pool answers", prefixes,
	 SYSTEM(.workers = 1, .prefork = 1, .cpu = 1)},
};

const struct suite pools_suite = {"pools", tests, COUNT(tests), .before = before, .after = after};

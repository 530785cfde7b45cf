/* POSTs, which nobody may send a second time: whether each is executed once while workers are
 * replaced, scaled and killed. tests/once writes each into a file. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../support/harness.h"
#include "../support/once.h"
#include "faults.h"

enum {
	CLIENTS = 32,
	KEYS = 200000,
	REQUESTS = 100000,
	MOST = 4,
	WORKERS = 2,
	SOON = 6, /* seconds; --drain-idle is 20 */
};

/* Who serves them, and where. */
struct place {
	int workers, prefork;
	const char *front;  /* in nginx's place; or NULL */
	const char *prefix; /* of its paths */
	bool judged;	    /* p99, in a full run */
};
static const struct place *place;

static struct system sys;
static const char *folder;
static char file[DIRECTORY_SIZE + 16];
static struct load *gets, *posts;
static struct load_result sum; /* of all, and of the POSTs */
static size_t posted;
static int phase;

static void before(void)
{
	folder = directory_make_for_all();
	CU_ASSERT_EQUAL_FATAL(chmod(folder, 0755), 0);
	snprintf(file, sizeof(file), "%s/executed", folder);
	CU_ASSERT_FATAL(file_write(file, ""));
	CU_ASSERT_EQUAL_FATAL(chmod(file, 0666), 0);
	sum = (struct load_result){0};
	posted = 0;
	place = harness_test()->data;
	if (place->front)
		setenv("FRONT", place->front, 1);
	CU_ASSERT_FATAL(system_start(
		&sys, SYSTEM(.workers = place->workers, .prefork = place->prefork,
			     .environment = STRINGS(textf("PROGRAM=%s", built("once-app")),
						    textf("LANES_ONCE=%s", file), "LOG_MB=4096"))));
	unsetenv("FRONT");
}

static void after(void)
{
	CU_ASSERT(system_stop(&sys));
	directory_remove(folder);
}

/* ---- the load ---- */

static void begin_load(bool may_fail)
{
	gets = load_system(&sys, PLAN(.target = textf("%s/", place->prefix), .connections = CLIENTS,
				      .repeat = true, .may_fail = may_fail));
	posts = load_system(&sys, PLAN(.target = textf("%s/once/%d-{}", place->prefix, ++phase),
				       .connections = CLIENTS, .repeat = true, .keys = KEYS,
				       .type = "text/plain", .may_fail = may_fail));
}

/* The 99th percentile of its GETs and of its POSTs, in milliseconds. */
struct slowest {
	double gets, posts;
};

static struct slowest end_load(const char *what)
{
	const struct load_result *result = load_wait(gets);
	struct slowest slowest;

	tell(textf("GETs, %s", what), result);
	slowest.gets = 1e3 * latency_quantile(&result->answers, 0.99);
	load_add(&sum, result);
	result = load_wait(posts);
	tell(textf("POSTs, %s", what), result);
	CU_ASSERT(result->sent < KEYS);
	slowest.posts = 1e3 * latency_quantile(&result->answers, 0.99);
	posted += result->sent;
	load_add(&sum, result);
	return slowest;
}

static void none_was_lost(void)
{
	size_t twice;
	size_t count = once_executed(file, &twice);

	printf("    %zu requests, %zu failed, %zu refused; %zu POSTs, %zu executed, %zu twice\n",
	       sum.sent, sum.failed, sum.refused, posted, count, twice);
	CU_ASSERT_EQUAL(sum.answered, sum.sent);
	CU_ASSERT_EQUAL(sum.failed + sum.refused + sum.resent, 0);
	CU_ASSERT_EQUAL(count, posted);
	CU_ASSERT_EQUAL(twice, 0);
}

/* ---- the faults ---- */

static void is_slower(const char *what, double before, double busy)
{
	printf("    p99 of %s: %.1f ms before, at most %.1f ms while workers are replaced\n", what,
	       before, busy);
	IN_TIME(!in_full() || !place->judged || busy <= 2 * before);
}

static void replacements(void)
{
	size_t share = scaled(REQUESTS) / MOST;
	int times = place->judged || in_full() ? 3 : 1;
	struct slowest before;
	struct slowest busy = {0};

	begin_load(false);
	CU_ASSERT(load_goes_on(posts, share / 2));
	before = end_load("before");
	for (int i = 0; i < times; i++) {
		struct slowest slowest;
		double at;

		begin_load(false);
		CU_ASSERT(load_goes_on(posts, share / 8));
		at = now();
		CU_ASSERT(script_works(&sys, "restart.sh", textf("PROGRAM=%s", built("once-app"))));
		/* The front has ended its connections, and left none to be closed under a POST. */
		IN_TIME(now() - at < SOON);
		CU_ASSERT(load_goes_on(posts, share / 8));
		slowest = end_load("while all workers are replaced");
		busy.gets = slowest.gets > busy.gets ? slowest.gets : busy.gets;
		busy.posts = slowest.posts > busy.posts ? slowest.posts : busy.posts;
	}
	is_slower("GETs", before.gets, busy.gets);
	is_slower("POSTs", before.posts, busy.posts);
	CU_ASSERT(!place->judged || sum.sent >= scaled(REQUESTS));
	CU_ASSERT_EQUAL(system_log_count(&sys, "worker.log", "ended-by-force"), 0);
	none_was_lost();
}

/* From one socket, the only one that nginx knows. */
static void scalings(void)
{
	static const char *const steps[] = {"WORKERS=8", "WORKERS=1", "WORKERS=3", "WORKERS=2"};

	for (size_t i = 0; i < COUNT(steps); i++) {
		begin_load(false);
		CU_ASSERT(load_goes_on(posts, scaled(REQUESTS) / 20));
		CU_ASSERT(script_works(&sys, "scale.sh", steps[i]));
		CU_ASSERT(load_goes_on(posts, scaled(REQUESTS) / 20));
		end_load(steps[i]);
	}
	none_was_lost();
}

/* Each is answered, or a 502; nginx gives none to another worker. */
static void kills(void)
{
	double end_at = now() + fault_seconds(20);
	size_t count;
	size_t twice;
	int killed = 0;

	begin_load(true);
	srand(1);
	while (now() < end_at) {
		pid_t pid = 0;

		CU_ASSERT_FATAL(EVENTUALLY((pid = system_worker(&sys, 1 + rand() % WORKERS)) > 0));
		kill(pid, SIGKILL);
		killed++;
		block(0.5);
	}
	end_load("kill -9 every half second");
	count = once_executed(file, &twice);
	printf("    %d killed; %zu POSTs, %zu executed, %zu twice\n", killed, posted, count, twice);
	CU_ASSERT_EQUAL(sum.answered + sum.failed + sum.refused, sum.sent);
	CU_ASSERT_EQUAL(sum.unanswered, 0);
	/* Nothing else is a failure, as nginx has it. */
	CU_ASSERT(EVENTUALLY(system_log_count(&sys, "access.log", "\"status\":502") == sum.failed));
	CU_ASSERT_EQUAL(twice, 0);
	CU_ASSERT(count <= posted && count + sum.failed >= posted);
}

static const struct place two = {.workers = WORKERS, .prefix = "", .judged = true};
static const struct place one = {.workers = 1, .prefix = ""};
static const struct place processes = {.prefork = WORKERS, .prefix = "/prefork"};
static const struct place haproxy = {.workers = WORKERS, .front = "haproxy", .prefix = ""};

static const struct test tests[] = {
	{"three replacements of all workers: no request fails, each POST is executed once",
	 replacements, &two},
	{"of an only worker: the same", replacements, &one},
	{"of prefork processes: the same", replacements, &processes},
	{"behind HAProxy: the same", replacements, &haproxy},
	{"make scale 8, 1, 3, 2 of one: the same", scalings, &one},
	{"kill -9 of a random worker: each POST is answered or a 502, none is executed twice",
	 kills, &two},
};

const struct suite posts_suite = {"posts", tests, COUNT(tests), .before = before, .after = after};

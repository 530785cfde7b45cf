/* Thousands at once, and workers that die or are replaced while there is work. */
#include <signal.h>
#include <stdio.h>

#include "../support/client.h"
#include "../support/harness.h"

enum {
	SLEEPERS = 10000,
	MOST_BYTES = 1400,
	LEFT_KB = 4096,
	ROUNDS = 3,
	LINKS = 16,
	LINK_REQUESTS = 1000
};

TEST_SYSTEM(sys)

/* Without the doctor: called to a turn that a busy machine makes long, it takes memory for a while.
 */
static void ten_thousand_sleep_in_one_worker(void)
{
	struct load *burst;
	const struct load_result *r;
	pid_t pid = system_worker(&sys, 1);
	long before;
	long each;

	if (!needs_connections(SLEEPERS))
		return;
	get(&sys, "/async/await-one?seconds=0");
	before = process_private_kb(pid);
	burst = load_system(&sys,
			    PLAN(.target = "/async/await-one?seconds=8", .connections = SLEEPERS));
	CU_ASSERT(EVENTUALLY(process_sockets(pid) > SLEEPERS));
	IN_TIME(load_answered(burst) == 0); /* so all of them are asleep */
	each = (process_private_kb(pid) - before) * 1024 / SLEEPERS;
	r = load_wait(burst);
	CU_ASSERT_EQUAL(r->answered, SLEEPERS);
	CU_ASSERT_EQUAL(r->workers, 1);
	CU_ASSERT(each < MOST_BYTES || !MEMORY_COUNTS);
	/* What the rush took is given back; connections that nginx keeps are 1 MB at most. */
	CU_ASSERT(!MEMORY_COUNTS || EVENTUALLY(process_private_kb(pid) < before + LEFT_KB));
	printf("    10,000 x 8 s by one process: %.3f s, %ld bytes each\n", r->last, each);
}

/* One request in five outlasts the others, and keeps the pages that it shares with them. */
static void a_rush_in_two_steps_leaves_no_memory_taken(void)
{
	static struct raw links[LINKS];
	struct worker worker;
	long before;

	CU_ASSERT_FATAL(worker_start(&worker, NULL, NULL));
	before = process_private_kb(worker.pid);
	for (int i = 0; i < LINKS; i++) {
		CU_ASSERT_FATAL(raw_open(&links[i], worker.socket));
		for (int id = 1; id <= LINK_REQUESTS; id++)
			CU_ASSERT(raw_get(&links[i], id, "/async/await-one",
					  id % 5 ? "seconds=1" : "seconds=3.5"));
	}
	for (int i = 0; i < LINKS; i++) {
		CU_ASSERT(raw_answers(&links[i], "END 1000 0 COMPLETE"));
		raw_close(&links[i]);
	}
	CU_ASSERT(!MEMORY_COUNTS || EVENTUALLY(process_private_kb(worker.pid) < before + LEFT_KB));
	worker_stop(&worker);
}

/* Few requests can be a rush, too: a hundred, of a thousand sleeps each. */
static void a_few_large_requests_leave_no_memory_taken(void)
{
	enum { REQUESTS = 100, SLEEPS = 1000, TAKEN_KB = 8192 };

	struct buffer query = {0};
	struct worker worker;
	struct raw raw;
	long before;

	for (int i = 0; i < SLEEPS; i++)
		buffer_append_text(&query, "seconds=60&");
	buffer_append(&query, "", 1);
	CU_ASSERT_FATAL(worker_start(&worker, NULL, NULL));
	CU_ASSERT_FATAL(raw_open(&raw, worker.socket));
	CU_ASSERT(raw_get(&raw, 9999, "/", "") && raw_answers(&raw, "END 9999 0 COMPLETE"));
	before = process_private_kb(worker.pid);
	for (int id = 1; id <= REQUESTS; id++)
		CU_ASSERT(raw_get(&raw, id, "/async/await-many", query.data));
	CU_ASSERT(!MEMORY_COUNTS || EVENTUALLY(process_private_kb(worker.pid) > before + TAKEN_KB));
	raw_close(&raw);
	CU_ASSERT(!MEMORY_COUNTS || EVENTUALLY(process_private_kb(worker.pid) < before + 1024));
	buffer_free(&query);
	worker_stop(&worker);
}

struct replacement {
	struct system_options options;
	const char *target;
	int number; /* the signal */
};

/* Ends worker 1 a few times by a signal; every time another comes and is given work. */
static void replace_under_load(void)
{
	const struct replacement *how = harness_test()->data;
	struct load *load =
		load_system(&sys, PLAN(.target = how->target, .connections = 24, .repeat = true));
	const struct load_result *r;

	for (int i = 0; i < ROUNDS; i++) {
		pid_t old = system_worker(&sys, 1);
		pid_t fresh = 0;

		CU_ASSERT_FATAL(load_goes_on(load, 500));
		CU_ASSERT_FATAL(old > 0);
		kill(old, how->number);
		CU_ASSERT(EVENTUALLY((fresh = system_worker(&sys, 1)) > 0 && fresh != old));
		CU_ASSERT(EVENTUALLY(process_sockets(fresh) > 1));
		CU_ASSERT(load_goes_on(load, 500));
	}
	r = load_wait(load);
	CU_ASSERT_EQUAL(r->failed, 0);
	CU_ASSERT_EQUAL(r->resent, 0);
	if (how->number != SIGKILL)
		CU_ASSERT(EVENTUALLY(system_log_has(&sys, "event=drained")));
}

static const struct test tests[] = {
	{"10,000 requests sleep in one worker, under 1,400 bytes each, and leave no memory taken",
	 ten_thousand_sleep_in_one_worker,
	 SYSTEM(.workers = 1, .environment = STRINGS("LANES_DOCTOR=off"))},
	{"16,000 requests that end in two steps leave no memory taken",
	 a_rush_in_two_steps_leaves_no_memory_taken},
	{"nor do a few large requests", a_few_large_requests_leave_no_memory_taken},
	{"a killed worker comes back, and no GET fails", replace_under_load,
	 &(const struct replacement){{.workers = 2}, "/", SIGKILL}},
	{"a draining worker's requests move to its sibling", replace_under_load,
	 &(const struct replacement){{.workers = 2}, "/async/await-one?seconds=0.01", SIGTERM}},
	{"when the only worker drains, requests wait for its successor", replace_under_load,
	 &(const struct replacement){{.workers = 1}, "/async/await-one?seconds=0.01", SIGTERM}},
};

const struct suite load_suite = {"load", tests, COUNT(tests), .before = before, .after = after};

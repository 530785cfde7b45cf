/* Too much at once: more load than there are threads, a loop that is held, clients that go away,
 * and no descriptors left. */
#include <stdio.h>

#include "../support/harness.h"
#include "faults.h"

TEST_SYSTEM(sys)

/* ---- ten times more than the pools take ---- */

/* 2 workers of 2 threads take 40 requests of 0.1 s a second; 40 come every 0.1 s. With a queue of 2
 * behind the threads, one that is accepted takes 0.1 to 0.2 s. */
enum { TICKS_A_SECOND = 10, AT_ONCE = 40, TICKS_MAX = 100 };
static const double ACCEPTED_TAKE = 0.2;

static void overload(struct load_result *sum, double seconds)
{
	static struct load *bursts[TICKS_MAX];
	double start = now();
	int count = 0;

	while (now() - start < seconds && count < TICKS_MAX) {
		bursts[count++] =
			load_system(&sys, PLAN(.target = "/sync/noawait?seconds=0.1",
					       .connections = AT_ONCE, .may_refuse = true));
		block(start + (double)count / TICKS_A_SECOND - now());
	}
	*sum = (struct load_result){0};
	for (int i = 0; i < count; i++) {
		load_add(sum, load_wait(bursts[i]));
	}
}

static void overload_is_borne(void)
{
	struct load_result result;
	const struct response *r;
	pid_t pid = system_worker(&sys, 1);
	long before = process_private_kb(pid);
	long after;

	overload(&result, fault_seconds(10));
	after = process_private_kb(pid);
	tell("10 times the load", &result);
	CU_ASSERT_EQUAL(result.answered + result.refused, result.sent);
	CU_ASSERT(result.answered > 0 && result.refused > result.answered);
	CU_ASSERT(after < before + 1024 || !MEMORY_COUNTS);
	block(1);
	r = get(&sys, "/sync/noawait?seconds=0.1");
	printf("    memory of a worker: %ld KB before, %ld KB after; a second later: %d in %.3f "
	       "s\n",
	       before, after, r->status, r->seconds);
	CU_ASSERT_EQUAL(r->status, 200);
	IN_TIME(latency_quantile(&result.refusals, 0.5) < 0.05);
	IN_TIME(latency_quantile(&result.answers, 0.5) < ACCEPTED_TAKE + 0.05);
	IN_TIME(r->seconds < ACCEPTED_TAKE);
}

static void ten_times_the_load(void)
{
	struct load_result unmeasured;

	overload(&unmeasured, 0.5); /* all threads are there */
	overload_is_borne();
}

/* ---- a held loop ---- */

enum { WAITING = 2000 };

static void two_thousand_wait_for_a_held_loop(void)
{
	struct load *holder;
	struct scoreboard board;
	const struct board_slot *held;

	if (!needs_connections(WAITING))
		return;
	CU_ASSERT_FATAL(board_open(&board, &sys));
	held = board_find(&board, "loop", 1);
	holder = load_system(&sys,
			     PLAN(.target = "/async/bad-blocking?seconds=3", .connections = 1));
	CU_ASSERT(EVENTUALLY(board_get(&held->turn_since)));
	all_answered(load_system(&sys, PLAN(.target = "/async/await-one?seconds=0.001",
					    .connections = WAITING)),
		     "2,000 clients of a loop held for 3 s");
	all_answered(holder, "who holds it");
	scoreboard_close(&board);
}

/* ---- clients that go away ---- */

enum { SLEEPERS = 1000 };

struct gone {
	struct system_options options;
	const char *target;
};

static const struct board_slot *slot;

/* Cuts 1,000 requests; nothing of them is left. */
static void clients_go_away(void)
{
	const char *target = ((const struct gone *)harness_test()->data)->target;
	uint64_t aborted = board_get(&slot->aborted);
	struct load *burst = load_system(&sys, PLAN(.target = target, .connections = SLEEPERS));
	uint64_t head;
	double cut;
	double took;

	CU_ASSERT(EVENTUALLY(board_get(&slot->in_flight) == SLEEPERS || load_answered(burst)));
	IN_TIME(!load_answered(burst));
	cut = now();
	load_hang_up(burst);
	while (board_get(&slot->in_flight) && now() < cut + PATIENCE)
		block(0.0005);
	took = now() - cut;
	printf("    %s: 1,000 requests gone %.0f ms after the cut\n", target, took * 1e3);
	IN_TIME(board_get(&slot->aborted) == aborted + SLEEPERS);
	/* What had begun to run on a thread ends there; nothing that waited is ever begun. */
	CU_ASSERT_EQUAL(board_get(&slot->pools[BOARD_BLOCKING].queued), 0);
	CU_ASSERT(EVENTUALLY(!board_get(&slot->pools[BOARD_BLOCKING].running)));
	IN_TIME(now() - cut < 3);
	/* No timer fires: nobody is resumed, which would be on record. */
	head = board_get(&slot->head);
	block(2.1);
	CU_ASSERT_EQUAL(board_get(&slot->head), head);
	CU_ASSERT_EQUAL(get(&sys, "/")->status, 200);
	IN_TIME(took < 0.1);
}

static void gone_clients_leave_nothing(void)
{
	struct scoreboard board;

	if (!needs_connections(SLEEPERS))
		return;
	CU_ASSERT_FATAL(board_open(&board, &sys));
	slot = board_find(&board, "loop", 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(slot);
	clients_go_away();
	scoreboard_close(&board);
}

/* ---- no descriptors ---- */

enum { FEW = 40, MANY = 4096 };

static void no_descriptors(void)
{
	pid_t pid = system_worker(&sys, 1);
	struct load *burst;

	CU_ASSERT_FATAL(limit_descriptors(pid, FEW));
	burst = load_system(&sys, PLAN(.target = "/async/await-one?seconds=0.05",
				       .connections = 200, .repeat = true));
	CU_ASSERT(EVENTUALLY(system_log_has(&sys, "event=accept-failed")));
	CU_ASSERT(load_goes_on(burst, 500));
	block(fault_seconds(5));
	CU_ASSERT(limit_descriptors(pid, MANY));
	CU_ASSERT(load_goes_on(burst, 500));
	all_answered(burst, "40 descriptors for 200 clients");
	CU_ASSERT_EQUAL(system_worker(&sys, 1), pid);
}

static const struct test tests[] = {
	{"ten times the load: 503 at once for most, the others in their time", ten_times_the_load,
	 SYSTEM(.workers = 2, .threads = 2, .environment = STRINGS("LANES_THREAD_QUEUE=2"))},
	{"2,000 clients wait 3 s for the only loop: no 502", two_thousand_wait_for_a_held_loop,
	 SYSTEM(.workers = 1)},
	{"1,000 sleepers are cut: none in flight after 100 ms, no timer left",
	 gone_clients_leave_nothing,
	 &(const struct gone){{.threads = 4}, "/async/await-one?seconds=2"}},
	{"1,000 jobs are cut: the queued ones never run", gone_clients_leave_nothing,
	 &(const struct gone){{.threads = 4}, "/sync/noawait?seconds=1.5"}},
	{"descriptors run out: the worker serves those it has, and recovers", no_descriptors,
	 SYSTEM(.workers = 1)},
};

const struct suite load_faults_suite = {"overload", tests, COUNT(tests), .before = before,
					.after = after};

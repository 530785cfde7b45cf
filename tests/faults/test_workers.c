/* Workers that are killed, stopped and replaced while 64 clients ask without a pause. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "../support/harness.h"
#include "faults.h"

enum { CLIENTS = 64, WORKERS = 4, RESTART_REQUESTS = 50000, SHORTEST = 3000 };

TEST_SYSTEM(sys)

static struct load *load(const char *target)
{
	return load_system(&sys, PLAN(.target = target, .connections = CLIENTS, .repeat = true));
}

static void a_kill_every_second(void)
{
	struct load *burst = load("/async/await-one?seconds=0.005");
	double end_at;
	int kills = 0;

	srand(1);
	end_at = now() + fault_seconds(60);
	while (now() < end_at) {
		pid_t pid = 0;

		CU_ASSERT_FATAL(EVENTUALLY((pid = system_worker(&sys, 1 + rand() % WORKERS)) > 0));
		kill(pid, SIGKILL);
		kills++;
		block(1);
	}
	printf("    %d workers killed\n", kills);
	CU_ASSERT_EQUAL(all_answered(burst, "kill -9 every second")->resent, 0);
}

/* What the stopped worker has waits for it; what comes goes to the others. */
static void a_stop_of_three_seconds(void)
{
	struct load *burst = load("/async/await-one?seconds=0.005");
	const struct load_result *result;
	size_t before;
	size_t meanwhile;
	pid_t pid;

	CU_ASSERT(load_goes_on(burst, SHORTEST / 2));
	pid = system_worker(&sys, 2);
	CU_ASSERT_FATAL(pid > 0);
	kill(pid, SIGSTOP);
	block(0.5); /* by then, who is stuck is stuck */
	before = load_answered(burst);
	block(2.5);
	meanwhile = load_answered(burst) - before;
	kill(pid, SIGCONT);
	CU_ASSERT(load_goes_on(burst, SHORTEST / 2));
	printf("    %zu answered in 2.5 s by the three others\n", meanwhile);
	IN_TIME(meanwhile > SHORTEST / 4);
	result = all_answered(burst, "SIGSTOP for 3 s");
	CU_ASSERT_EQUAL(result->workers, WORKERS);
	CU_ASSERT_EQUAL(result->resent, 0);
}

static void restarts(void)
{
	struct load *burst = load("/");
	size_t requests = scaled(RESTART_REQUESTS);
	int count = 0;

	while (count < (in_full() ? 3 : 1) || load_answered(burst) < requests) {
		CU_ASSERT_FATAL(script_works(&sys, "restart.sh", NULL));
		count++;
	}
	printf("    %d restarts of %d workers\n", count, WORKERS);
	CU_ASSERT_EQUAL(all_answered(burst, "make restart in a loop")->resent, 0);
}

/* Whoever has them is there until they are answered. */
static void sleepers(void)
{
	const char *target = textf("/async/await-one?seconds=%g", fault_seconds(45));
	struct load *sleeping = load_system(&sys, PLAN(.target = target, .connections = CLIENTS));

	CU_ASSERT(script_works(&sys, "restart.sh", NULL));
	CU_ASSERT(script_works(&sys, "scale.sh", "WORKERS=1"));
	CU_ASSERT_EQUAL(all_answered(sleeping, "sleepers during make restart and scale")->resent,
			0);
}

static void scaling(void)
{
	struct load *burst = load("/");
	size_t requests = scaled(RESTART_REQUESTS);
	const char *more = in_full() ? "WORKERS=8" : "WORKERS=3";
	int count = 0;

	while (count < (in_full() ? 3 : 1) || load_answered(burst) < requests) {
		CU_ASSERT_FATAL(script_works(&sys, "scale.sh", more));
		CU_ASSERT_FATAL(script_works(&sys, "restart.sh", NULL));
		CU_ASSERT_FATAL(script_works(&sys, "scale.sh", "WORKERS=1"));
		count++;
	}
	printf("    %d times from 1 worker to %s and back\n", count, more);
	CU_ASSERT_EQUAL(all_answered(burst, "make scale and make restart in a loop")->resent, 0);
}

static const struct test tests[] = {
	{"kill -9 of a random one of 4 workers every second: no GET fails", a_kill_every_second,
	 SYSTEM(.workers = WORKERS)},
	{"SIGSTOP of a worker for 3 s: nobody is lost, others go on", a_stop_of_three_seconds,
	 SYSTEM(.workers = WORKERS)},
	{"make restart in a loop: no request fails, none is sent again", restarts,
	 SYSTEM(.workers = WORKERS)},
	{"make restart and scale: who sleeps for 45 s is answered", sleepers, SYSTEM(.workers = 2)},
	{"make scale 1, 8, 1 and make restart in a loop: no request fails, none is sent again",
	 scaling, SYSTEM(.workers = 1)},
};

const struct suite workers_suite = {"workers", tests, COUNT(tests), .before = before,
				    .after = after};

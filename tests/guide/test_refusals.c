/* What nginx makes of a worker's refusal: whether another one is asked. */
#include <signal.h>

#include "../support/client.h"
#include "../support/harness.h"

enum { REQUESTS = 20 };

TEST_SYSTEM(sys)
static struct worker alone;

/* Lines of nginx's log with this text: it writes them up to a second later. */
static size_t logged(const char *text)
{
	return system_log_count(&sys, "access.log", text);
}

static void overload_stays_where_it_is(void)
{
	const struct load_result *result =
		load_wait(load_system(&sys, PLAN(.target = "/sync/noawait?seconds=1",
						 .connections = 40, .may_refuse = true)));

	CU_ASSERT_EQUAL(result->failed, 0);
	CU_ASSERT(result->refused >= 40 - 3 * 2);
	CU_ASSERT(EVENTUALLY(logged("\"upstream_status\":\"503\"") == result->refused));
	CU_ASSERT_EQUAL(logged("503, "), 0);
}

/* In place of the first worker and its master, below which nobody refuses: one that has none. */
static bool alone_start(void)
{
	pid_t master = process_status(system_worker(&sys, 1), "PPid");

	kill(master, SIGTERM);
	return EVENTUALLY(process_open(master, "") <= 0) &&
	       worker_start(&alone,
			    STRINGS("--listen", system_file(&sys, "worker-1.sock"), "--listen-mode",
				    "0666", "--drain", "refuse", "--drain-idle", "5"),
			    NULL);
}

/* It lets go of its socket: what it refuses comes by connections that nginx keeps. */
static void a_draining_worker_is_passed_by(void)
{
	struct load *burst;
	int refused = 0;

	CU_ASSERT_FATAL(alone_start());
	burst = load_system(&sys, PLAN(.target = "/async/await-one?seconds=3", .connections = 10));
	CU_ASSERT_EQUAL(load_wait(load_system(&sys, PLAN(.target = "/async/await-one?seconds=0.2",
							 .connections = 60)))
				->answered,
			60);
	kill(alone.pid, SIGTERM);
	CU_ASSERT(EVENTUALLY(file_has(alone.log, "event=draining")));
	for (int i = 0; i < REQUESTS; i++) {
		int status = request(&sys, "POST", "/")->status;

		/* 502: it met a kept connection that the worker was closing. */
		CU_ASSERT(status == 405 || status == 503 || status == 502);
		refused += status == 503;
	}
	for (int i = 0; i < REQUESTS; i++)
		CU_ASSERT_EQUAL(get(&sys, "/")->status, 200);
	IN_TIME(refused > 0);
	IN_TIME(EVENTUALLY(logged("\"upstream_status\":\"429, 200\"") > 0));
	CU_ASSERT_EQUAL(load_wait(burst)->answered, 10);
	CU_ASSERT_EQUAL(worker_wait(&alone), 0);
}

static void alone_end(void)
{
	worker_stop(&alone);
	after();
}

static const struct test tests[] = {
	{"what a worker refuses because its queue is full, no other is asked",
	 overload_stays_where_it_is,
	 SYSTEM(.workers = 3, .threads = 1, .environment = STRINGS("LANES_THREAD_QUEUE=1"))},
	{"what it refuses because it drains another answers, but a POST",
	 a_draining_worker_is_passed_by, SYSTEM(.workers = 2)},
};

const struct suite refusals_suite = {"refusals", tests, COUNT(tests), .before = before,
				     .after = alone_end};

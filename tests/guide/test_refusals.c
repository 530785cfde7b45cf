/* What nginx makes of a worker's refusal: whether another one is asked. */
#include <signal.h>

#include "../support/client.h"
#include "../support/harness.h"

enum { REQUESTS = 20 };

TEST_SYSTEM(sys)

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

static void a_draining_worker_is_passed_by(void)
{
	struct load *burst =
		load_system(&sys, PLAN(.target = "/async/await-one?seconds=5", .connections = 20));
	int refused = 0;

	CU_ASSERT(EVENTUALLY(process_sockets(system_worker(&sys, 1)) > 5));
	kill(system_worker(&sys, 1), SIGTERM);
	CU_ASSERT(EVENTUALLY(system_log_has(&sys, "event=draining")));
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
	CU_ASSERT_EQUAL(load_wait(burst)->answered, 20);
}

static const struct test tests[] = {
	{"what a worker refuses because its queue is full, no other is asked",
	 overload_stays_where_it_is,
	 SYSTEM(.workers = 3, .threads = 1, .environment = STRINGS("LANES_THREAD_QUEUE=1"))},
	{"what it refuses because it drains another answers, but a POST",
	 a_draining_worker_is_passed_by,
	 SYSTEM(.workers = 2, .environment = STRINGS("LANES_DRAIN=refuse"))},
};

const struct suite refusals_suite = {"refusals", tests, COUNT(tests), .before = before,
				     .after = after};

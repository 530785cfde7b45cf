/* A volley whose memory is refused, and the addresses it may be aimed at. What becomes of requests
 * is tested against a peer (tests/integration/test_burst.c). */
#include <arpa/inet.h>
#include <errno.h>

#include "../harness.h"
#include "await/volley.h"
#include "memory.h"

static uv_loop_t loop;
static struct sched sched;

static int set_up(void)
{
	return uv_loop_init(&loop) || sched_open(&sched, &loop, &(struct sched_options){0});
}

static int tear_down(void)
{
	sched_close(&sched);
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop);
}

static void a_front_is_an_address_and_a_port(void)
{
	static const char *const bad[] = {
		"",	 "127.0.0.1",	   "127.0.0.1:",   "127.0.0.1:0", "127.0.0.1:65536",
		":80",	 "localhost:80",   "127.0.0.1:8o", "::1:80",	  "[::1:80",
		"[]:80", "127.0.0.1:80 1",
	};
	struct front front;

	CU_ASSERT_EQUAL(front_parse(&front, "127.0.0.1:8080"), 0);
	CU_ASSERT_EQUAL(front.address.v4.sin_family, AF_INET);
	CU_ASSERT_EQUAL(front_port(&front), 8080);
	CU_ASSERT_EQUAL(ntohl(front.address.v4.sin_addr.s_addr), INADDR_LOOPBACK);
	CU_ASSERT_EQUAL(front_parse(&front, "[::1]:1"), 0);
	CU_ASSERT_EQUAL(front.address.v6.sin6_family, AF_INET6);
	CU_ASSERT_EQUAL(front_port(&front), 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(front_parse(&front, bad[i]), -EINVAL);
}

static void done(void *arg)
{
	(void)arg;
	CU_FAIL("nobody asked");
}

static void memory_may_be_out(void)
{
	struct front front;
	struct volley *volley;

	CU_ASSERT_EQUAL(front_parse(&front, "127.0.0.1:8080"), 0);
	memory_fail_after(0);
	CU_ASSERT_EQUAL(volley_open(&volley, &sched, 1, 1), -ENOMEM);
	memory_restore();
	CU_ASSERT_EQUAL_FATAL(volley_open(&volley, &sched, 1, 1), 0);
	volley_add(volley, 0, 1, slice_of("/"));
	memory_fail_after(0);
	CU_ASSERT_EQUAL(volley_fire(volley, &front, done, NULL), -ENOMEM);
	memory_restore();
	volley_drop(volley);
}

static void there_are_only_so_many(void)
{
	struct volley *volleys[VOLLEYS_MAX];
	struct volley *one_more;

	for (int i = 0; i < VOLLEYS_MAX; i++)
		CU_ASSERT_EQUAL_FATAL(volley_open(&volleys[i], &sched, 1, 1), 0);
	CU_ASSERT_EQUAL(volley_open(&one_more, &sched, 1, 1), -EAGAIN);
	for (int i = 0; i < VOLLEYS_MAX; i++)
		volley_drop(volleys[i]);
	CU_ASSERT_EQUAL_FATAL(volley_open(&one_more, &sched, 1, 1), 0);
	volley_drop(one_more);
}

static const struct test tests[] = {
	{"it is aimed at an address and a port", a_front_is_an_address_and_a_port},
	{"memory may be out", memory_may_be_out},
	{"there are only so many at once", there_are_only_so_many},
};

const struct suite volley_suite = {"volley", tests, sizeof(tests) / sizeof(tests[0]), set_up,
				   tear_down};

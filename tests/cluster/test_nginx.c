/* The same hosts behind nginx, which asks nobody how he is. */
#include "../support/harness.h"
#include "cluster.h"

static int tear_down(void)
{
	return !cluster_stop();
}

static bool running(void)
{
	static bool tried, runs;

	if (!tried) {
		tried = true;
		runs = cluster_start(STRINGS("FRONT=nginx"));
	} else if (!runs) {
		not_judged("there is no cluster");
	}
	return runs;
}

/* A GET is what notices. */
static void unplugged(void)
{
	struct lost lost;

	if (!running())
		return;
	traffic_begin();
	cluster_unplug("host2");
	block(6);
	CU_ASSERT(traffic_goes_on());
	cluster_plug("host2");
	CU_ASSERT(traffic_goes_on());
	lost = traffic_end();
	result("nginx: a host is unplugged", &lost, "by requests", "");
	CU_ASSERT_EQUAL(lost.gets_lost, 0);
}

static void upgraded(void)
{
	struct lost lost;

	if (!running())
		return;
	traffic_begin();
	CU_ASSERT(cluster_does(STRINGS("upgrade")));
	CU_ASSERT(traffic_goes_on());
	lost = traffic_end();
	result("nginx: an upgrade of all hosts", &lost, "", "");
	CU_ASSERT_EQUAL(lost.gets_lost + lost.posts_lost, 0);
}

/* nginx is told by a reload, of which each closes the connections of clients that are idle: a
 * request may be on its way there. A client that does not send it again loses it. */
static void comes_and_goes(void)
{
	struct lost lost;

	if (!running())
		return;
	traffic_begin();
	CU_ASSERT(cluster_does(STRINGS("add", "4")));
	CU_ASSERT(traffic_goes_on());
	CU_ASSERT(cluster_does(STRINGS("remove", "4")));
	CU_ASSERT(traffic_goes_on());
	lost = traffic_end();
	result("nginx: a host is added, and removed", &lost, "", "");
	CU_ASSERT(lost.gets_lost + lost.posts_lost <= 2 * CONNECTIONS);
}

static void a_503_is_not_moved(void)
{
	if (running())
		cluster_moves_no_503();
}

static const struct test tests[] = {
	{"a host is unplugged: no GET is lost", unplugged},
	{"all hosts are upgraded, one after the other: nothing is lost", upgraded},
	{"a handler's 503 has asked one worker", a_503_is_not_moved},
	{"a host is added, and removed: what its reloads close is lost, at most", comes_and_goes},
};

const struct suite nginx_suite = {"nginx", tests, COUNT(tests), NULL, tear_down};

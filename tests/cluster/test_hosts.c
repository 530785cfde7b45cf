/* Three hosts behind HAProxy: what goes wrong with one of them, and what is done to them while they
 * serve. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/harness.h"
#include "cluster.h"

static int set_up(void)
{
	return 0;
}

static int tear_down(void)
{
	return !cluster_stop();
}

/* One cluster serves all tests. */
static bool running(void)
{
	static bool tried, runs;

	if (!tried) {
		tried = true;
		runs = cluster_start(NULL);
	} else if (!runs) {
		not_judged("there is no cluster");
	}
	return runs;
}

/* Whether a front takes so many workers of a host for up; both are asked, so the clock stops at the
 * later one. */
static bool counts_up(const char *host, int wanted)
{
	return cluster_up("front1", host) == wanted &&
	       (cluster_up("front2", host) == wanted || cluster_up("front2", host) < 0);
}

static bool answers(const char *host)
{
	return !strncmp(cluster_answerer(), host, strlen(host));
}

/* A text for the table, which stays. */
static const char *seconds_since(double at)
{
	return strdup(textf("%.2f s", now() - at));
}

/* From before the cable is pulled to the moment at which both fronts know. */
static void unplugged(void)
{
	struct lost lost;
	const char *detection, *back;
	double at, noticed, returned;

	if (!running())
		return;
	traffic_begin();
	at = cluster_unplug("host2");
	CU_ASSERT(EVENTUALLY(counts_up("host2", 0)));
	noticed = now() - at;
	detection = seconds_since(at);
	CU_ASSERT(traffic_goes_on());
	/* Until the last that waited for it has found another one. */
	block(5);
	CU_ASSERT(traffic_goes_on());
	at = cluster_plug("host2");
	CU_ASSERT(EVENTUALLY(counts_up("host2", WORKERS)));
	CU_ASSERT(EVENTUALLY(answers("host2")));
	returned = now() - at;
	back = seconds_since(at);
	CU_ASSERT(traffic_goes_on());
	lost = traffic_end();
	result("a host is unplugged", &lost, detection, back);
	CU_ASSERT_EQUAL(lost.gets_lost, 0);
	IN_TIME(noticed < 1);
	IN_TIME(returned < 2);
	/* Who waited for it does not wait for its return. */
	IN_TIME(lost.longest < 4);
}

/* What it has waits for it; a watchdog would kill it. */
static void frozen(void)
{
	struct lost lost;
	const char *detection, *back;
	pid_t pid;
	double at;

	if (!running())
		return;
	pid = cluster_worker("host1", 1);
	CU_ASSERT_FATAL(pid > 0);
	traffic_begin();
	at = now();
	kill(pid, SIGSTOP);
	CU_ASSERT(EVENTUALLY(counts_up("host1", WORKERS - 1)));
	detection = seconds_since(at);
	CU_ASSERT(traffic_goes_on());
	at = now();
	kill(pid, SIGCONT);
	CU_ASSERT(EVENTUALLY(counts_up("host1", WORKERS)));
	back = seconds_since(at);
	CU_ASSERT(traffic_goes_on());
	lost = traffic_end();
	result("a worker is stopped (SIGSTOP), and goes on", &lost, detection, back);
	CU_ASSERT_EQUAL(lost.gets_lost + lost.posts_lost, 0);
}

/* Its GETs go to others, its POSTs are told an error, and its master starts another one. */
static void frozen_and_killed(void)
{
	struct lost lost;
	const char *detection, *back;
	pid_t pid;
	double at;

	if (!running())
		return;
	pid = cluster_worker("host1", 1);
	CU_ASSERT_FATAL(pid > 0);
	traffic_begin();
	at = now();
	kill(pid, SIGSTOP);
	CU_ASSERT(EVENTUALLY(counts_up("host1", WORKERS - 1)));
	detection = seconds_since(at);
	at = now();
	kill(pid, SIGKILL);
	CU_ASSERT(EVENTUALLY(counts_up("host1", WORKERS)));
	back = seconds_since(at);
	CU_ASSERT(traffic_goes_on());
	lost = traffic_end();
	result("… and is killed", &lost, detection, back);
	CU_ASSERT_EQUAL(lost.gets_lost, 0);
}

static void comes_and_goes(void)
{
	struct lost lost;
	const char *back;
	double at;

	if (!running())
		return;
	traffic_begin();
	at = now();
	CU_ASSERT(cluster_does(STRINGS("add", "4")));
	CU_ASSERT(EVENTUALLY(answers("host4")));
	back = strdup(textf("serves %s after the command", seconds_since(at)));
	CU_ASSERT(traffic_goes_on());
	CU_ASSERT(cluster_does(STRINGS("remove", "4")));
	CU_ASSERT(traffic_goes_on());
	lost = traffic_end();
	result("a host is added, and removed", &lost, "", back);
	CU_ASSERT_EQUAL(lost.gets_lost + lost.posts_lost, 0);
}

struct workers {
	pid_t pids[HOSTS][WORKERS];
};

static struct workers all_workers(void)
{
	struct workers all;

	for (int h = 0; h < HOSTS; h++)
		for (int w = 0; w < WORKERS; w++)
			all.pids[h][w] = cluster_worker(textf("host%d", h + 1), w + 1);
	return all;
}

static bool all_gone(const struct workers *all)
{
	bool gone = true;

	for (int h = 0; h < HOSTS; h++)
		for (int w = 0; w < WORKERS; w++)
			gone = gone && kill(all->pids[h][w], 0) != 0;
	return gone;
}

static void upgraded(void)
{
	struct workers before;
	struct lost lost;
	const char *took;
	double at;

	if (!running())
		return;
	before = all_workers();
	traffic_begin();
	at = now();
	CU_ASSERT(cluster_does(STRINGS("upgrade")));
	took = strdup(textf("all after %s", seconds_since(at)));
	CU_ASSERT(EVENTUALLY(all_gone(&before)));
	CU_ASSERT(traffic_goes_on());
	lost = traffic_end();
	result("an upgrade of all hosts", &lost, "", took);
	CU_ASSERT_EQUAL(lost.gets_lost + lost.posts_lost, 0);
}

/* The old ones are asked on, on connections that HAProxy has, until it ends these. */
static void replaced(void)
{
	struct workers before;
	struct lost lost;
	const char *took;
	double at;

	if (!running())
		return;
	before = all_workers();
	traffic_begin();
	at = now();
	CU_ASSERT(cluster_does(STRINGS("hup")));
	CU_ASSERT(EVENTUALLY(all_gone(&before)));
	took = strdup(textf("all after %s", seconds_since(at)));
	CU_ASSERT(traffic_goes_on());
	lost = traffic_end();
	result("… by a HUP for each master alone", &lost, "", took);
	CU_ASSERT_EQUAL(lost.gets_lost + lost.posts_lost, 0);
}

/* 50 ms each way, and one frame of twenty is lost: what is sent comes after all. A check that loses
 * its first frame has failed; two in a row, and others get the requests for a moment. */
static void slow_cable(void)
{
	struct lost lost;

	if (!running())
		return;
	CU_ASSERT_FATAL(cluster_slow("host3", 50, 5));
	traffic_begin();
	for (int i = 0; i < 5; i++)
		CU_ASSERT(traffic_goes_on());
	block(10);
	CU_ASSERT(cluster_fast("host3"));
	lost = traffic_end();
	CU_ASSERT(EVENTUALLY(counts_up("host3", WORKERS)));
	result("a cable with 50 ms each way and 5 % loss", &lost, "", "");
	CU_ASSERT_EQUAL(lost.gets_lost, 0);
}

static void a_503_is_not_moved(void)
{
	if (running())
		cluster_moves_no_503();
}

/* Its connections end with it; who comes anew finds the other one. */
static void front_unplugged(void)
{
	struct lost lost;
	const char *detection;
	double at;

	if (!running())
		return;
	if (cluster_up("front2", "host1") < 0) {
		not_judged("there is one front only: keepalived is not installed");
		return;
	}
	traffic_begin();
	at = cluster_unplug("front1");
	CU_ASSERT(EVENTUALLY(*cluster_answerer()));
	detection = seconds_since(at);
	CU_ASSERT(traffic_goes_on());
	block(3);
	cluster_plug("front1");
	CU_ASSERT(traffic_goes_on());
	lost = traffic_end();
	result("the front that has the address is unplugged", &lost, detection, "");
}

static const struct test tests[] = {
	{"a host is unplugged: no GET is lost, it is noticed within 1 s, and serves within 2 s of "
	 "its return",
	 unplugged},
	{"a slow cable that loses frames: no GET is lost", slow_cable},
	{"a worker is stopped: others go on, and when it does, nothing was lost", frozen},
	{"a stopped worker is killed: no GET is lost", frozen_and_killed},
	{"a host is added, and removed: nothing is lost", comes_and_goes},
	{"all hosts are upgraded, one after the other: nothing is lost", upgraded},
	{"a HUP for each master, of which HAProxy is not told: nothing is lost", replaced},
	{"a handler's 503 has asked one worker", a_503_is_not_moved},
	{"a front is unplugged: the other one has its address", front_unplugged},
};

const struct suite hosts_suite = {"hosts", tests, COUNT(tests), set_up, tear_down};

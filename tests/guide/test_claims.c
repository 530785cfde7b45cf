/*
 * The guide, sentence by sentence: what it claims about behaviour is measured here, on the loop and
 * on blocking processes where they differ, and on the original where C and Python do. The numbers
 * are printed below each test.
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/machine.h"
#include "../support/system.h"
#include "../support/volley.h"
#include "guide/tasks.h"
#include "oracle.h"

enum {
	SHOTS = 256,
	LIMIT = 300,
	SUMS = 4,	  /* CPU requests at the same moment */
	SUM_N = 80000000, /* and what each computes: some hundredths of a second */
	SCALING_SECONDS = 20,
	QUIET_ROUNDS = 5,
	TRIVIAL = 200,
};

#define SUM	      "/async/cpu-bound?n=80000000" /* SUM_N of them */
#define SUM_OF_PYTHON "/async/cpu-bound?n=1000000"

static const double COMPUTES = 0.1; /* of a core: with less, sums take for ever */

/* One worker of every kind, and two of every kind with few threads. */
static struct system one;
static struct system two;

static const char *const single[] = {"CPU_THREADS=1", NULL};

static int setup(void)
{
	return !systems_start(
		&one, SYSTEM(.workers = 1, .prefork = 1, .cpu = 1), &two,
		SYSTEM(.workers = 2, .prefork = 2, .threads = 2, .environment = single));
}

static int cleanup(void)
{
	return !systems_stop(&one, &two);
}

/* Fires; all have to be answered. Returns the seconds until they are. */
static double fire(const char *url, struct shot *shots, size_t count)
{
	struct volley v = {.url = url, .shots = shots, .count = count, .limit = LIMIT};

	volley_send(&v);
	CU_ASSERT_EQUAL(volley_failed(&v), 0);
	return volley_seconds(&v);
}

static void aim_all(struct shot *shots, size_t count, const char *target)
{
	for (size_t i = 0; i < count; i++)
		shot_aim(&shots[i], 0, "%s", target);
}

/* The seconds that as many of the same requests take, sent at the same moment. */
static double together(const char *url, size_t count, const char *target)
{
	struct shot shots[SHOTS];

	aim_all(shots, count, target);
	return fire(url, shots, count);
}

/* Fires a burst, and "/" a tenth of a second later: returns how long that took. */
static double bystander(const struct system *system, size_t count, const char *target)
{
	struct shot shots[SHOTS];

	aim_all(shots, count, target);
	shot_aim(&shots[count], 0.1, "/");
	fire(system->url, shots, count + 1);
	return shot_seconds(&shots[count]);
}

/* ---- waiting ---- */

static void sync_blocks_the_worker(void)
{
	double process = together(one.url, 3, "/prefork/sync/noawait?seconds=0.3");
	double loop = together(one.url, 3, "/sync/noawait?seconds=0.3");

	printf("    3 x 0.3 s: one blocking process %.3f s, one loop worker %.3f s\n", process,
	       loop);
	CU_ASSERT(process >= 0.89);
	CU_ASSERT(loop >= 0.29);
	IN_TIME(loop < 0.6); /* each blocks a thread */
}

static void sync_keeps_the_loop_responsive(void)
{
	double delay = bystander(&one, 30, "/sync/noawait?seconds=0.5");

	printf("    \"/\" beside 30 blocked threads: %.1f ms\n", delay * 1000);
	IN_TIME(delay < 0.25);
}

static void await_frees_the_loop(void)
{
	double loop = together(one.url, 100, "/async/await-one?seconds=0.5");
	double process = together(one.url, 3, "/prefork/async/await-one?seconds=0.3");
	double delay = bystander(&one, 100, "/async/await-one?seconds=0.5");

	printf("    100 x 0.5 s: one loop worker %.3f s, \"/\" meanwhile %.1f ms; "
	       "3 x 0.3 s: one blocking process %.3f s\n",
	       loop, delay * 1000, process);
	CU_ASSERT(loop >= 0.49);
	IN_TIME(loop < 1.2);
	IN_TIME(delay < 0.25);
	CU_ASSERT(process >= 0.89); /* await is worth nothing without somebody to go on with */
}

static void note_threads(void *most, size_t answered)
{
	long threads = process_status(system_worker(&two, 1), "Threads");

	(void)answered;
	if (threads > *(long *)most)
		*(long *)most = threads;
}

static void awaiting_needs_no_threads(void)
{
	struct shot shots[SHOTS];
	long before = 0;
	long during = 0;
	struct volley v = {two.url, shots, 200, LIMIT, note_threads, &during};

	note_threads(&before, 0);
	aim_all(shots, v.count, "/async/await-one?seconds=0.5");
	volley_send(&v);
	printf("    threads of a loop worker: %ld before, %ld with 100 requests that wait\n",
	       before, during);
	CU_ASSERT_EQUAL(volley_failed(&v), 0);
	CU_ASSERT(before >= 1);
	CU_ASSERT_EQUAL(during, before);
}

static void gather_takes_the_longest(void)
{
	double loop = together(one.url, 1, "/async/await-many?seconds=0.2&seconds=0.6&seconds=0.4");
	double process = together(one.url, 1,
				  "/prefork/async/await-many?seconds=0.2&seconds=0.6&seconds=0.4");

	printf("    0.2, 0.6 and 0.4 s: loop %.3f s, blocking process %.3f s\n", loop, process);
	CU_ASSERT(loop >= 0.59);
	IN_TIME(loop < 1);
	CU_ASSERT(process >= 0.59);
	IN_TIME(process < 1);
}

/* ---- threads ---- */

static void a_threadpool_keeps_the_loop_responsive(void)
{
	double wrapped = together(one.url, 20, "/async/wrap-blocking?seconds=0.5");
	double delay = bystander(&one, 20, "/async/wrap-blocking?seconds=0.5");

	printf("    20 x 0.5 s wrapped: %.3f s, \"/\" meanwhile %.1f ms\n", wrapped, delay * 1000);
	CU_ASSERT(wrapped >= 0.49);
	IN_TIME(wrapped < 0.9);
	IN_TIME(delay < 0.25);
}

static void the_pool_is_limited(void)
{
	double limited = together(two.url, 8, "/async/wrap-blocking?seconds=0.3");
	double awaited = together(two.url, 8, "/async/await-one?seconds=0.3");

	printf("    8 x 0.3 s on 2 workers of 2 threads: wrapped %.3f s, awaited %.3f s\n", limited,
	       awaited);
	CU_ASSERT(limited >= 0.59);
	IN_TIME(awaited < 0.55);
}

static void bad_blocking_stalls_everyone(void)
{
	double loop = together(one.url, 4, "/async/bad-blocking?seconds=0.2");
	double delay = bystander(&one, 1, "/async/bad-blocking?seconds=0.6");

	printf("    4 x 0.2 s bad: %.3f s; \"/\" beside one of 0.6 s: %.0f ms\n", loop,
	       delay * 1000);
	CU_ASSERT(loop >= 0.79);
	IN_TIME(delay >= 0.4);
}

static void more_workers_only_hide_bad_blocking(void)
{
	double hidden = bystander(&two, 1, "/async/bad-blocking?seconds=0.6");
	double found = bystander(&two, 2, "/async/bad-blocking?seconds=0.6");

	printf("    \"/\" on two workers: beside one bad %.0f ms, beside two %.0f ms\n",
	       hidden * 1000, found * 1000);
	IN_TIME(hidden < 0.3);
	IN_TIME(found >= 0.4);
}

static void patterns_can_be_mixed(void)
{
	struct shot shots[4];
	double all;

	shot_aim(&shots[0], 0, "/sync/noawait?seconds=0.5");
	shot_aim(&shots[1], 0, "/async/await-one?seconds=0.5");
	shot_aim(&shots[2], 0, "/async/await-many?seconds=0.5&seconds=0.25");
	shot_aim(&shots[3], 0, "/async/wrap-blocking?seconds=0.5");
	all = fire(one.url, shots, 4);
	printf("    def, async def, gather and thread of 0.5 s on one worker: %.3f s\n", all);
	CU_ASSERT(all >= 0.49);
	IN_TIME(all < 0.9);
}

/* ---- computing ---- */

/* Computes as one request does, as often as was asked; as low in priority as a worker's threads. */
static void *compute(void *times)
{
	setpriority(PRIO_PROCESS, (id_t)gettid(), 19);
	for (int i = *(int *)times; i > 0; i--)
		cpu_bound_task(SUM_N);
	return NULL;
}

/* Seconds for SUMS of them on this many bare threads, which divide it. */
static double bare(int threads)
{
	int times = SUMS / threads;
	pthread_t ids[SUMS];
	double begin = now();

	for (int i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, compute, &times))
			abort();
	for (int i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	return now() - begin;
}

static void keep_least(double *least, double seconds)
{
	if (*least == 0 || seconds < *least)
		*least = seconds;
}

/* Compares a way to compute with one that has this many cores, in turns, and keeps the fastest of
 * each: what they do when nobody else has the machine. The second has to get to be the wanted times
 * as fast. A round counts against it if two bare threads of C were faster than that right before
 * and after; without enough of them the machine was too busy. */
static void check_cores(const char *slow_url, const char *fast_url, const char *target, int cores,
			double wanted)
{
	double begin = now();
	double slow = 0, fast = 0, one_bare = 0, two_bare = 0;
	bool used = false;
	int rounds = 0;
	int quiet = 0;

	for (; !used && quiet < QUIET_ROUNDS && now() - begin < SCALING_SECONDS; rounds++) {
		double before = bare(2);
		double after;

		keep_least(&fast, together(fast_url, SUMS, target));
		after = bare(2);
		keep_least(&slow, together(slow_url, SUMS, target));
		keep_least(&one_bare, bare(1));
		keep_least(&two_bare, before < after ? before : after);
		/* A slow one that was disturbed must not make the other seem fast. */
		used = rounds >= 2 && slow / fast >= wanted && slow / fast < 1.1 * cores;
		quiet += fmin(one_bare / before, one_bare / after) >= 1.05 * wanted;
	}
	printf("    %d sums at once: %.3f s on one core, %.3f s on two, %.2f times as fast "
	       "(bare threads: %.2f)\n",
	       SUMS, slow, fast, slow / fast, one_bare / two_bare);
	CU_ASSERT(used || quiet < QUIET_ROUNDS);
	if (!used)
		not_judged("this machine gave two cores in %d of %d rounds", quiet, rounds);
}

static bool needs_two_cores(void)
{
	if (machine_cores() < 2)
		not_judged("this machine has one core");
	return machine_cores() >= 2 && needs_cores(COMPUTES);
}

/* Seconds for as many requests, one after the other. */
static double in_turn(const char *url, size_t count, const char *target)
{
	double sum = 0;

	while (count--)
		sum += together(url, 1, target);
	return sum;
}

static void async_does_not_make_CPU_faster(void)
{
	double process = 0;
	double loop = 0;

	if (!needs_cores(COMPUTES))
		return;
	/* One process, no more than one of its threads at work: what is awaited has to be computed
	 * all the same. */
	for (int i = 0; i < 5; i++) {
		keep_least(&process, together(one.url, 1, "/prefork" SUM));
		keep_least(&loop, together(one.url, 1, SUM));
	}
	printf("    one sum: awaited %.3f s, in a blocking process %.3f s\n", loop, process);
	IN_TIME(loop > process * 0.7);
}

static void processes_use_the_cores(void)
{
	if (needs_two_cores())
		check_cores(one.url, two.url, "/prefork" SUM, 2, 1.6);
}

static void threads_use_the_cores_in_C(void)
{
	int cores = machine_cores() < SUMS ? machine_cores() : SUMS;
	struct system narrow;

	if (!needs_two_cores())
		return;
	CU_ASSERT_FATAL(system_start(&narrow, SYSTEM(.workers = 1, .environment = single)));
	check_cores(narrow.url, one.url, SUM, cores, 1.8);
	CU_ASSERT(system_stop(&narrow));
}

static void threads_do_not_in_Python(void)
{
	const char *url = oracle_start();
	double alone = 0;
	double crowd = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(url);
	for (int i = 0; i < 5; i++) {
		keep_least(&alone, in_turn(url, SUMS, SUM_OF_PYTHON));
		keep_least(&crowd, together(url, SUMS, SUM_OF_PYTHON));
	}
	oracle_stop();
	printf("    FastAPI, %d sums: one thread %.3f s, %d threads %.3f s, %.2f times as fast\n",
	       SUMS, alone, SUMS, crowd, alone / crowd);
	IN_TIME(alone / crowd < 1.4);
}

/* The 99th percentile of "/" on the loop pool, one every 8 ms, while a pool computes. */
static double p99_beside(const char *pool)
{
	struct shot shots[SHOTS];
	double sorted[TRIVIAL];

	for (int i = 0; i < TRIVIAL; i++)
		shot_aim(&shots[i], 0.1 + 0.008 * i, "/");
	for (int i = 0; i < 24; i++)
		shot_aim(&shots[TRIVIAL + i], 0, "%s" SUM, pool);
	fire(one.url, shots, TRIVIAL + 24);
	for (int i = 0; i < TRIVIAL; i++) {
		double seconds = shot_seconds(&shots[i]);
		int k;

		for (k = i; k > 0 && sorted[k - 1] > seconds; k--)
			sorted[k] = sorted[k - 1];
		sorted[k] = seconds;
	}
	return sorted[TRIVIAL * 99 / 100 - 1];
}

struct p99 {
	const char *pool;
	double limit;
};

static void p99_stays_low(void)
{
	const struct p99 *p = harness_test()->data;
	double best = 1;

	if (!needs_cores(COMPUTES))
		return;
	for (int i = 0; i < 5 && best >= p->limit; i++) {
		double p99 = p99_beside(p->pool);

		best = p99 < best ? p99 : best;
	}
	printf("    p99 of \"/\" meanwhile: %.1f ms\n", best * 1000);
	IN_TIME(best < p->limit);
}

static const struct test tests[] = {
	{"sync blocks the worker until it completes", sync_blocks_the_worker},
	{"sync handlers run in a threadpool, so the loop stays responsive",
	 sync_keeps_the_loop_responsive},
	{"await frees the loop", await_frees_the_loop},
	{"awaiting needs no threads", awaiting_needs_no_threads},
	{"gather takes the longest", gather_takes_the_longest},
	{"a threadpool keeps the loop responsive", a_threadpool_keeps_the_loop_responsive},
	{"the pool is limited", the_pool_is_limited},
	{"bad-blocking stalls everyone on that worker", bad_blocking_stalls_everyone},
	{"more workers only hide bad-blocking", more_workers_only_hide_bad_blocking},
	{"def and async def can be mixed", patterns_can_be_mixed},
	{"async does not make CPU faster", async_does_not_make_CPU_faster},
	{"processes use the cores", processes_use_the_cores},
	{"CPU threads use the cores in C, there is no GIL", threads_use_the_cores_in_C},
	{"CPU threads share one core in FastAPI", threads_do_not_in_Python},
	{"heavy CPU work in a pool of processes hurts nobody", p99_stays_low,
	 &(const struct p99){"/cpu-pool", 0.02}},
	/* Held by the sums, the loop would take as long as all of them: a second. */
	{"CPU work on a thread keeps the loop responsive", p99_stays_low,
	 &(const struct p99){"", 0.1}},
};

const struct suite claims_suite = {"claims", tests, COUNT(tests), setup, cleanup};

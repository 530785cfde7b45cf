/* What the guide is about: who waits for whom, on one worker and on two. */
#include <stdio.h>
#include <string.h>

#include "../support/client.h"
#include "../support/harness.h"

#define AWAITED "{\"mode\":\"async\",\"detail\":\"async_io_task("

enum { PROCESSES_MAX = 64 };

static struct system one; /* one worker */
static struct system two; /* two of them */

static int setup(void)
{
	return !systems_start(&one, SYSTEM(.workers = 1), &two, SYSTEM(.workers = 2));
}

static int cleanup(void)
{
	return !systems_stop(&one, &two);
}

/* Starts requests and waits until the worker has as many connections. */
static struct load *in_flight(const char *target, size_t count)
{
	struct load *burst = load_system(&one, PLAN(.target = target, .connections = count));
	pid_t pid = system_worker(&one, 1);

	CU_ASSERT(EVENTUALLY(process_sockets(pid) > (long)count));
	return burst;
}

static void a_thousand_await_together(void)
{
	const struct load_result *r;

	if (!needs_connections(1000))
		return;
	r = load_wait(
		load_system(&one, PLAN(.target = "/async/await-one?seconds=1",
				       .body = AWAITED "1.0s) done\"}", .connections = 1000)));
	CU_ASSERT_EQUAL(r->answered, 1000);
	CU_ASSERT_EQUAL(r->workers, 1);
	CU_ASSERT(r->first >= 0.99);
	IN_TIME(r->last < 1.5);
	printf("    1,000 x 1 s by one process: %.3f s\n", r->last);
}

static void gather_takes_the_longest(void)
{
	const struct response *r = get(&one, "/async/await-many?seconds=0.4&seconds=0.8&seconds=0.2"
					     "&seconds=0.8&seconds=0.8");

	CU_ASSERT_EQUAL(r->status, 200);
	CU_ASSERT(r->seconds >= 0.79);
	IN_TIME(r->seconds < 1.6); /* the sum is 3.0 */
}

static void threads_are_limited_and_the_loop_is_free(void)
{
	struct load *forty = in_flight("/sync/noawait?seconds=2", 40);
	const struct response *r = get(&one, "/async/await-one?seconds=0");
	const struct load_result *result;

	CU_ASSERT_EQUAL(r->status, 200);
	IN_TIME(r->seconds < 0.5);
	r = get(&one, "/sync/noawait?seconds=0");
	CU_ASSERT_EQUAL(r->status, 200);
	IN_TIME(timing(r, "pool-queue") > 500); /* until one of the forty was done */
	/* The loop's, the forty, and the doctor's. */
	CU_ASSERT(process_status(system_worker(&one, 1), "Threads") <= 42);
	result = load_wait(forty);
	CU_ASSERT_EQUAL(result->answered, 40);
	IN_TIME(result->last < 3.5); /* all at once, not in turns */
}

/* The longest that "/" took while one worker was being blocked for two seconds; and the longest
 * it lay unread. */
static void watch_bad_blocking(const struct system *system, double *longest, double *queue)
{
	struct load *bad = load_system(
		system, PLAN(.target = "/async/bad-blocking?seconds=2", .connections = 1));

	*longest = *queue = 0;
	while (!load_answered(bad)) {
		const struct response *r = get(system, "/");

		CU_ASSERT_EQUAL(r->status, 200);
		if (r->status != 200)
			break;
		*longest = r->seconds > *longest ? r->seconds : *longest;
		*queue = timing(r, "queue") > *queue ? timing(r, "queue") : *queue;
	}
	CU_ASSERT_EQUAL(load_wait(bad)->answered, 1);
}

static void bad_blocking_holds_the_only_worker(void)
{
	double longest, queue;

	watch_bad_blocking(&one, &longest, &queue);
	IN_TIME(longest > 1);
	IN_TIME(queue > 1000);
}

static void a_second_worker_takes_over(void)
{
	double longest, queue;

	watch_bad_blocking(&two, &longest, &queue);
	IN_TIME(longest < 1);
}

/* Through nginx: a client that goes takes its work with it. */
static void work_of_clients_that_went_is_dropped(void)
{
	struct system narrow;
	struct load *first;
	struct load *gone;
	const struct load_result *result;
	const struct response *r;
	pid_t pid;

	CU_ASSERT_FATAL(system_start(
		&narrow, SYSTEM(.threads = 1, .environment = STRINGS("LANES_THREAD_QUEUE=10"))));
	pid = system_worker(&narrow, 1);
	first = load_system(&narrow, PLAN(.target = "/sync/noawait?seconds=2", .connections = 1));
	CU_ASSERT(EVENTUALLY(process_status(pid, "Threads") == 2));
	gone = load_system(&narrow, PLAN(.target = "/sync/noawait?seconds=9", .connections = 10));
	CU_ASSERT(EVENTUALLY(process_sockets(pid) > 11));
	load_hang_up(gone);
	CU_ASSERT(EVENTUALLY(process_sockets(pid) < 11));
	r = get(&narrow, "/sync/noawait?seconds=0");
	CU_ASSERT_EQUAL(r->status, 200);
	IN_TIME(r->seconds < 6); /* any of the ten would have taken nine */
	result = load_wait(first);
	CU_ASSERT_EQUAL(result->answered, 1);
	/* One runs, ten may wait, and the rest is refused. */
	result = load_wait(load_system(&narrow, PLAN(.target = "/sync/noawait?seconds=0.1",
						     .connections = 30, .may_fail = true)));
	CU_ASSERT(result->answered >= 11);
	CU_ASSERT(result->failed > 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result->failure, "HTTP/1.1 503 "));
	CU_ASSERT(system_stop(&narrow));
}

/* Seconds that all of a system's processes computed so far. */
static double computed(const struct system *system)
{
	pid_t pids[PROCESSES_MAX];
	int count = processes_in(system->run_dir, NULL, pids, PROCESSES_MAX);
	double sum = 0;

	CU_ASSERT(count > 0 && count <= PROCESSES_MAX);
	for (int i = 0; i < count && i < PROCESSES_MAX; i++)
		sum += process_seconds(pids[i]);
	return sum;
}

/* However busy the machine is: what others compute does not count. */
static void nothing_to_do_takes_nothing(void)
{
	double before;

	CU_ASSERT_EQUAL(get(&two, "/")->status, 200);
	before = computed(&two);
	block(2);
	before = computed(&two) - before;
	printf("    two idle workers, nginx and admin, 2 s: %.2f s of computing\n", before);
	CU_ASSERT(before < 0.2);
}

static const struct test tests[] = {
	{"1,000 concurrent awaits take as long as one, in one process", a_thousand_await_together},
	{"gather takes as long as the longest", gather_takes_the_longest},
	{"40 threads block, the 41st waits, the loop is free",
	 threads_are_limited_and_the_loop_is_free},
	{"bad-blocking holds everyone on the only worker", bad_blocking_holds_the_only_worker},
	{"while one worker is blocked another one answers", a_second_worker_takes_over},
	{"work of clients that went is dropped, and a full queue refuses",
	 work_of_clients_that_went_is_dropped},
	{"a system that has nothing to do computes nothing", nothing_to_do_takes_nothing},
};

const struct suite concurrency_suite = {"concurrency", tests, COUNT(tests), setup, cleanup};

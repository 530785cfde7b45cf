/*
 * Hours in minutes: all endpoints, clients that go away, workers that are killed, replaced, added
 * and removed at random, for SOAK_MINUTES. Worker 1, nginx's master, the cpu and the prefork
 * workers live through all of it. At the end of every minute the traffic pauses, and what they and
 * the whole system hold is counted; the most they held in the first third of the time is what they
 * may hold at the end.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "../support/harness.h"
#include "faults.h"

enum {
	CPU_THREADS = 2,
	WORKERS = 3,
	MOST_WORKERS = 5,
	GONE_CLIENTS = 60, /* more than a pool has threads */
	KEPT_BY_NGINX = 2 * 64,
	FILES_SLACK = 4, /* of all processes: nginx's master has one more after its first reload */
	MEMORY_SLACK_KB = 1024,
	THREADS_OF_A_WORKER = 1 + 40 + CPU_THREADS,
	PROCESSES_MAX = 128,
};

static const struct load_plan traffic[] = {
	{.target = "/", .connections = 2, .repeat = true},
	{.target = "/async/await-one?seconds=0.02", .connections = 24, .repeat = true},
	{.target = "/async/await-many?seconds=0.1&seconds=0.05&seconds=0",
	 .connections = 8,
	 .repeat = true},
	{.target = "/sync/noawait?seconds=0.03", .connections = 8, .repeat = true},
	{.target = "/async/wrap-blocking?seconds=0.03", .connections = 8, .repeat = true},
	{.target = "/async/bad-blocking?seconds=0.002", .connections = 2, .repeat = true},
	{.target = "/cpu-pool/async/cpu-bound?n=20000", .connections = 1, .repeat = true},
	{.target = "/prefork/async/await-one?seconds=0.05", .connections = 2, .repeat = true},
};

enum { STREAMS = COUNT(traffic) };

static struct system sys;
static int workers = WORKERS;
static int kills, drains, scales, gone;
static struct load_result sum;

struct holding {
	long kb; /* memory of its own */
	long files;
	long sockets;
	long threads;
	long processes;
};

static void add_holding(struct holding *holding, pid_t pid)
{
	long sockets = process_sockets(pid);

	holding->kb += process_private_kb(pid);
	holding->sockets += sockets;
	holding->files += process_open(pid, "") - sockets;
	holding->threads += process_status(pid, "Threads");
	holding->processes++;
}

static struct holding hold_of_all(void)
{
	struct holding holding = {0};
	pid_t pids[PROCESSES_MAX];
	int count = processes_in(sys.run_dir, NULL, pids, PROCESSES_MAX);

	for (int i = 0; i < count && i < PROCESSES_MAX; i++)
		add_holding(&holding, pids[i]);
	return holding;
}

static struct holding hold_of_first(void)
{
	struct holding holding = {0};

	add_holding(&holding, system_worker(&sys, 1));
	return holding;
}

static void clients_go_away(void)
{
	static const char *const targets[] = {"/async/await-one?seconds=20",
					      "/sync/noawait?seconds=0.2",
					      "/async/wrap-blocking?seconds=0.2"};
	struct load *burst =
		load_system(&sys, PLAN(.target = targets[rand() % 3], .connections = GONE_CLIENTS));

	block(0.05);
	load_hang_up(burst);
	gone += GONE_CLIENTS;
}

/* Not worker 1. */
static void end_a_worker(int number)
{
	pid_t pid = system_worker(&sys, 2 + rand() % (workers - 1));

	if (pid > 0)
		kill(pid, number);
}

static void change_workers(int to)
{
	if (to == workers)
		return;
	CU_ASSERT(script_works(&sys, "scale.sh", textf("WORKERS=%d", to)));
	workers = to;
	scales++;
}

static void something_happens(void)
{
	switch (rand() % 8) {
	case 0:
	case 1:
		end_a_worker(SIGKILL);
		kills++;
		break;
	case 2:
	case 3:
		end_a_worker(SIGTERM);
		drains++;
		break;
	case 4:
		change_workers(2 + rand() % (MOST_WORKERS - 1));
		break;
	default:
		clients_go_away();
	}
}

static void a_minute(double end)
{
	struct load *bursts[STREAMS];

	for (int i = 0; i < STREAMS; i++)
		bursts[i] = load_system(&sys, &traffic[i]);
	while (now() < end) {
		something_happens();
		block(0.5 + rand() % 1000 * 0.002);
	}
	for (int i = 0; i < STREAMS; i++) {
		load_add(&sum, load_wait(bursts[i]));
	}
	change_workers(WORKERS);
}

/* Whoever was replaced is there again, and the jobs of clients that went have ended. */
static void settle(void)
{
	struct scoreboard board;

	CU_ASSERT_FATAL(board_open(&board, &sys));
	for (unsigned i = 1; i <= WORKERS; i++) {
		const struct board_slot *slot = board_find(&board, "loop", i);

		CU_ASSERT(EVENTUALLY(system_worker(&sys, (int)i) > 0));
		CU_ASSERT(slot && EVENTUALLY(board_get(&slot->in_flight) == 0 &&
					     board_get(&slot->pools[BOARD_BLOCKING].running) == 0));
	}
	scoreboard_close(&board);
}

static void keep_most(struct holding *most, const struct holding *holding)
{
	most->kb = holding->kb > most->kb ? holding->kb : most->kb;
	most->files = holding->files > most->files ? holding->files : most->files;
	most->processes = holding->processes;
}

static void report(double minute, const struct holding *one, const struct holding *all)
{
	printf("    %5.1f min: %zu sent, %zu answered, %zu refused, %zu failed, %zu sent again; "
	       "%d kills, %d drains, %d scalings, %d clients gone; worker 1: %ld KB, %ld+%ld "
	       "descriptors (files+sockets), %ld threads; all %ld processes: %ld KB, %ld+%ld, "
	       "%ld\n",
	       minute, sum.sent, sum.answered, sum.refused, sum.failed, sum.resent, kills, drains,
	       scales, gone, one->kb, one->files, one->sockets, one->threads, all->processes,
	       all->kb, all->files, all->sockets, all->threads);
	fflush(stdout);
}

/* Sockets are the kept connections, which nginx bounds; all else has to be what it was. */
static void compare(const struct holding *then, const struct holding *at_end, long files_slack)
{
	CU_ASSERT(at_end->kb <= then->kb + then->kb / 10 + MEMORY_SLACK_KB || !MEMORY_COUNTS);
	CU_ASSERT_EQUAL(at_end->processes, then->processes);
	CU_ASSERT(at_end->files <= then->files + files_slack);
}

static void all_is_flat(void)
{
	double minutes = atof(getenv("SOAK_MINUTES"));
	double start = now();
	struct holding one, all, first_one = {0}, first_all = {0};
	pid_t first;
	int number = 0;

	srand(1);
	CU_ASSERT_FATAL(system_start(&sys, SYSTEM(.workers = WORKERS, .prefork = 2, .cpu = 1,
						  .environment = STRINGS("CPU_THREADS=2"))));
	first = system_worker(&sys, 1);
	do {
		double end = start + 60.0 * ++number;

		a_minute(end < start + 60 * minutes ? end : start + 60 * minutes);
		settle();
		one = hold_of_first();
		all = hold_of_all();
		if (number == 1 || number <= minutes / 3) {
			keep_most(&first_one, &one);
			keep_most(&first_all, &all);
		}
		report((now() - start) / 60, &one, &all);
	} while (now() < start + 60 * minutes);
	CU_ASSERT_EQUAL(system_worker(&sys, 1), first);
	CU_ASSERT_EQUAL(sum.failed, 0);
	CU_ASSERT_EQUAL(sum.starved, 0);
	CU_ASSERT_EQUAL(sum.answered, sum.sent);
	compare(&first_one, &one, 0);
	compare(&first_all, &all, FILES_SLACK);
	CU_ASSERT(one.threads <= THREADS_OF_A_WORKER);
	CU_ASSERT(one.sockets <= 1 + KEPT_BY_NGINX);
	CU_ASSERT(system_stop(&sys));
}

static const struct test tests[] = {
	{"memory, descriptors and threads are flat, nothing is lost", all_is_flat},
};

const struct suite soak_suite = {"soak", tests, COUNT(tests)};

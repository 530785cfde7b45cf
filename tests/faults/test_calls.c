/* System calls that fail, at every place from which the worker and its libuv call them. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "../support/harness.h"
#include "injected.h"

enum { LINKS = 24, MEMORY_SLACK_KB = 2048, SITES_OF_A_LOOP = 7, STARTS_MAX = 400 };

static struct injected in;
static struct raw links[LINKS];
static size_t fortunes[FORTUNES];

/* A request on every connection, then the answers. */
static void ask_all(unsigned round)
{
	for (unsigned i = 0; i < LINKS; i++) {
		unsigned kind = (i + round) % KINDS;

		if (links[i].fd < 0 && !raw_open(&links[i], in.worker.socket))
			raw_close(&links[i]);
		if (links[i].fd >= 0)
			raw_get(&links[i], 1, kinds[kind].path, kinds[kind].query);
	}
	for (unsigned i = 0; i < LINKS; i++)
		if (links[i].fd >= 0)
			fortunes[fortune_of(&links[i], kinds[(i + round) % KINDS].answer)]++;
	if (round % 4 == 3) {
		raw_close(&links[round % LINKS]); /* that site has to be visited, too */
		links[round % LINKS].fd = -1;
	}
}

static void fail_every(unsigned every, double seconds)
{
	double end = now() + seconds;

	memset(fortunes, 0, sizeof(fortunes));
	atomic_store(&in.control->failed, 0);
	atomic_store(&in.control->every, every);
	for (unsigned round = 0; now() < end; round++)
		ask_all(round);
	atomic_store(&in.control->every, 0);
	printf("    every %u. call of a site fails (%u did): %zu answered, %zu refused, %zu "
	       "closed, %zu silent, %zu wrong\n",
	       every, atomic_load(&in.control->failed), fortunes[ANSWERED], fortunes[REFUSED],
	       fortunes[CLOSED], fortunes[SILENT], fortunes[WRONG]);
	CU_ASSERT(fortunes[ANSWERED] > 0);
	CU_ASSERT_EQUAL(fortunes[SILENT], 0);
	CU_ASSERT_EQUAL(fortunes[WRONG], 0);
}

static void tell_sites(void)
{
	int count = 0;

	printf("    call sites that failed:");
	for (int i = 0; i < SITES_MAX; i++) {
		const struct site *site = &in.control->sites[i];

		if (!atomic_load(&site->failed))
			continue;
		printf(" %s %u/%u", site->call, atomic_load(&site->failed),
		       atomic_load(&site->calls));
		count++;
	}
	printf("\n    %d of them\n", count);
	CU_ASSERT(count >= SITES_OF_A_LOOP);
}

static void calls_fail_under_load(void)
{
	static const unsigned every[] = {50, 11, 5, 3};
	enum { RATES = COUNT(every) };
	long before;
	long after;

	if (!injected_possible())
		return;
	CU_ASSERT_FATAL(injected_prepare(&in) && injected_start(&in));
	for (int i = 0; i < LINKS; i++)
		links[i].fd = -1;
	for (unsigned round = 0; round < 20; round++)
		ask_all(round); /* warm */
	before = process_private_kb(in.worker.pid);
	for (int i = 0; i < RATES; i++)
		fail_every(every[i], fault_seconds(40) / RATES);
	tell_sites();
	for (int i = 0; i < LINKS; i++)
		if (links[i].fd >= 0)
			raw_close(&links[i]);
	CU_ASSERT(as_good_as_new(&in));
	after = process_private_kb(in.worker.pid);
	printf("    memory: %ld KB before, %ld KB after\n", before, after);
	CU_ASSERT(after < before + MEMORY_SLACK_KB);
	/* And while it drains. */
	atomic_store(&in.control->every, 3);
	kill(in.worker.pid, SIGTERM);
	CU_ASSERT_EQUAL(worker_wait(&in.worker), 0);
	injected_remove(&in);
}

static const char *failed_call(void)
{
	for (int i = 0; i < SITES_MAX; i++)
		if (atomic_load(&in.control->sites[i].failed))
			return in.control->sites[i].call;
	return "none";
}

/* One call of the whole life of a worker fails. It says so and ends, or lives as if nothing was. */
static bool one_fails(unsigned nth, size_t *refusals)
{
	bool failed;
	struct raw raw;

	CU_ASSERT_FATAL(injected_prepare(&in));
	atomic_store(&in.control->nth, nth);
	if (injected_start(&in)) {
		/* It may be this very connection, or this very answer. */
		for (int i = 0; i < 3; i++) {
			enum fortune fortune = SILENT;

			CU_ASSERT(raw_open(&raw, in.worker.socket));
			raw_get(&raw, 1, kinds[i + 2].path, kinds[i + 2].query);
			fortune = fortune_of(&raw, kinds[i + 2].answer);
			CU_ASSERT(fortune == ANSWERED || fortune == REFUSED || fortune == CLOSED);
			if (fortune != CLOSED)
				raw_close(&raw);
		}
		kill(in.worker.pid, SIGTERM);
		CU_ASSERT_EQUAL(worker_wait(&in.worker), 0);
	} else {
		int status = worker_wait(&in.worker);
		bool said = file_has(in.worker.log, "lanes:") ||
			    file_has(in.worker.log, "event=start-failed");

		CU_ASSERT(status == 1 && said);
		if (status != 1 || !said)
			printf("    call %u, %s: status %d\n", nth, failed_call(), status);
		(*refusals)++;
	}
	failed = atomic_load(&in.control->failed);
	injected_remove(&in);
	return failed;
}

static void any_call_of_a_life_fails(void)
{
	unsigned step = in_full() ? 1 : 4;
	size_t refusals = 0;
	unsigned nth = 1;

	if (!injected_possible())
		return;
	while (nth < STARTS_MAX && one_fails(nth, &refusals))
		nth += step;
	printf("    %u calls in a life; %zu of those tried kept it from starting, with a message\n",
	       nth, refusals);
	CU_ASSERT(nth < STARTS_MAX);
}

static const struct test tests[] = {
	{"calls fail under load at every site: no crash, no leak, no silence",
	 calls_fail_under_load},
	{"any one call fails, from the first to the last: an error message, or service",
	 any_call_of_a_life_fails},
};

const struct suite calls_suite = {"calls", tests, COUNT(tests)};

/* Allocations that fail: the k-th one of a request, for every k there is. */
#include <signal.h>
#include <stdio.h>

#include "../support/harness.h"
#include "injected.h"

enum { ALLOCATIONS_MAX = 400 };

static struct injected in;

/* Sends a whole request over a new connection, with the k-th allocation from its acceptance on
 * failing. */
static enum fortune ask(const char *request, const char *expected, int k)
{
	enum fortune fortune;
	struct raw raw;

	atomic_store(&in.control->starved, 0);
	atomic_store(&in.control->memory, k);
	CU_ASSERT_FATAL(raw_open(&raw, in.worker.socket));
	raw_send(&raw, request);
	fortune = fortune_of(&raw, expected);
	if (raw.fd >= 0)
		raw_close(&raw);
	return fortune;
}

static void every_allocation_of(const char *name, const char *request, const char *expected)
{
	size_t fortunes[FORTUNES] = {0};
	int k = 0;

	do {
		k++;
		fortunes[ask(request, expected, k)]++;
	} while (atomic_load(&in.control->starved) && k < ALLOCATIONS_MAX);
	atomic_store(&in.control->memory, 0);
	printf("    %s: %d allocations: %zu answered, %zu refused, %zu closed, %zu silent, "
	       "%zu wrong\n",
	       name, k - 1, fortunes[ANSWERED], fortunes[REFUSED], fortunes[CLOSED],
	       fortunes[SILENT], fortunes[WRONG]);
	CU_ASSERT(k > 1 && k < ALLOCATIONS_MAX);
	CU_ASSERT_EQUAL(fortunes[SILENT] + fortunes[WRONG], 0);
}

#define GET "request 1 keep REQUEST_METHOD=GET&PATH_INFO=%s&QUERY_STRING=%s"

static void any_allocation_may_fail(void)
{
	if (!injected_possible())
		return;
	CU_ASSERT_FATAL(injected_prepare(&in) && injected_start(&in));
	for (size_t i = 0; i < KINDS; i++)
		every_allocation_of(kinds[i].path, textf(GET, kinds[i].path, kinds[i].query),
				    kinds[i].answer);
	every_allocation_of("params on the heap",
			    textf(GET "&HTTP_COOKIE=%03000d", kinds[1].path, kinds[1].query, 0),
			    kinds[1].answer);
	CU_ASSERT(as_good_as_new(&in));
	kill(in.worker.pid, SIGTERM);
	CU_ASSERT_EQUAL(worker_wait(&in.worker), 0);
	injected_remove(&in);
}

static const struct test tests[] = {
	{"the k-th allocation of a request fails, for every k: 503 or closed, never a crash",
	 any_allocation_may_fail},
};

const struct suite memory_suite = {"memory", tests, COUNT(tests)};

/*
 * Work for clients that are gone is not begun: a worker is held, ten clients ask it for five
 * seconds each and leave before it can look, and the next one does not wait for any of them.
 */
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "../support/harness.h"
#include "../support/process.h"
#include "../support/raw.h"

enum { MANY = 10 };

static struct worker worker;
static struct raw holder;
static struct raw other = {.fd = -1};

static bool is_read(const struct raw *raw)
{
	int unread;

	return ioctl(raw->fd, SIOCOUTQ, &unread) == 0 && unread == 0;
}

static void begin_free(const char *const *options)
{
	CU_ASSERT_FATAL(worker_start(&worker, options, NULL));
	CU_ASSERT_FATAL(raw_open(&holder, worker.socket));
}

/* A worker, of the engine that the test's data is, that is held for a second from now on. */
static void begin(void)
{
	const char *engine = harness_test()->data;

	begin_free(STRINGS("--engine", engine, "--threads", "1", "--queue-timeout", "0.5"));
	CU_ASSERT(raw_send(&holder, "request 1 REQUEST_METHOD=GET&PATH_INFO=/async/bad-blocking&"
				    "QUERY_STRING=seconds=1"));
	CU_ASSERT(EVENTUALLY(is_read(&holder)));
}

static void after(void)
{
	raw_close(&holder);
	raw_close(&other);
	worker_stop(&worker);
}

/* … which would be thirty seconds later, if any of that work were done. */
static void the_next_one_is_served(const char *path)
{
	double start = now();
	struct raw next;

	CU_ASSERT_FATAL(raw_open(&next, worker.socket));
	CU_ASSERT(raw_gets(&next, 1, path, "seconds=0", "END 1 0 COMPLETE"));
	CU_ASSERT_PTR_NOT_NULL(strstr(next.text.data, "Status: 200 OK"));
	CU_ASSERT(now() - start < 25);
	raw_close(&next);
}

static void come_and_go(void)
{
	struct raw raw;

	for (int i = 0; i < MANY; i++) {
		CU_ASSERT_FATAL(raw_open(&raw, worker.socket));
		CU_ASSERT(raw_get(&raw, 1, "/async/bad-blocking", "seconds=30"));
		raw_close(&raw);
	}
}

static void the_gone_are_not_served(void)
{
	begin();
	come_and_go();
	the_next_one_is_served("/async/await-one");
}

/* Their requests are in the worker's hands already: poll had told of them before it was held. */
static void a_request_read_before_its_client_left(void)
{
	struct raw others[MANY];

	begin_free(NULL);
	for (int i = 0; i < MANY; i++) {
		CU_ASSERT_FATAL(raw_open(&others[i], worker.socket));
		CU_ASSERT(raw_gets(&others[i], 1, "/", "", "END 1 0 COMPLETE"));
	}
	/* All of them in one turn of the loop, which the first one then holds. */
	CU_ASSERT(raw_get(&holder, 1, "/async/bad-blocking", "seconds=0.5"));
	CU_ASSERT(EVENTUALLY(is_read(&holder)));
	CU_ASSERT(raw_get(&holder, 2, "/async/bad-blocking", "seconds=1"));
	for (int i = 0; i < MANY; i++)
		CU_ASSERT(raw_get(&others[i], 2, "/async/bad-blocking", "seconds=30"));
	CU_ASSERT(EVENTUALLY(is_read(&holder)));
	for (int i = 0; i < MANY; i++)
		raw_close(&others[i]);
	the_next_one_is_served("/async/await-one");
}

/* On one connection, as HAProxy sends them: those that are aborted before they are read … */
static void aborted_before_they_are_read(void)
{
	begin();
	CU_ASSERT_FATAL(raw_open(&other, worker.socket));
	for (int id = 1; id <= MANY; id++)
		CU_ASSERT(raw_get(&other, id, "/async/bad-blocking", "seconds=30"));
	for (int id = 1; id <= MANY; id++)
		CU_ASSERT(raw_send(&other, textf("abort %d", id)));
	the_next_one_is_served("/async/await-one");
	CU_ASSERT(raw_answers(&other, "END 10 0 COMPLETE"));
	CU_ASSERT_PTR_NULL(strstr(other.text.data, "STDOUT"));
}

/* … and those that are when the first of them holds the loop. */
static void aborted_while_one_of_them_runs(void)
{
	begin_free(NULL);
	CU_ASSERT_FATAL(raw_open(&other, worker.socket));
	CU_ASSERT(raw_send(&other,
			   "request 1 keep REQUEST_METHOD=GET&PATH_INFO=/async/bad-blocking&"
			   "QUERY_STRING=seconds=1, "
			   "request 2 keep REQUEST_METHOD=GET&PATH_INFO=/async/bad-blocking&"
			   "QUERY_STRING=seconds=30"));
	CU_ASSERT(EVENTUALLY(is_read(&other)));
	CU_ASSERT(raw_send(&other, "abort 2"));
	the_next_one_is_served("/async/await-one");
	CU_ASSERT(raw_answers(&other, "END 1 0 COMPLETE"));
	CU_ASSERT_PTR_NULL(strstr(other.text.data, "STDOUT 2"));
}

/* The loop cannot hear of their leaving, but the thread can see it. */
static void queued_jobs_beside_a_held_loop(void)
{
	begin_free(STRINGS("--threads", "1"));
	CU_ASSERT_FATAL(raw_open(&other, worker.socket));
	CU_ASSERT(raw_get(&holder, 1, "/sync/noawait", "seconds=0.5"));
	CU_ASSERT(EVENTUALLY(is_read(&holder)));
	for (int id = 1; id <= MANY; id++)
		CU_ASSERT(raw_get(&other, id, "/sync/noawait", "seconds=30"));
	CU_ASSERT(EVENTUALLY(is_read(&other)));
	CU_ASSERT(raw_get(&holder, 2, "/async/bad-blocking", "seconds=1"));
	CU_ASSERT(EVENTUALLY(is_read(&holder)));
	raw_close(&other);
	the_next_one_is_served("/sync/noawait");
}

/* What a thread does already cannot be stopped; another takes its place. */
static void a_thread_that_works_for_nobody(void)
{
	begin_free(STRINGS("--threads", "1"));
	CU_ASSERT(raw_get(&holder, 1, "/sync/noawait", "seconds=0"));
	CU_ASSERT(raw_answers(&holder, "END 1 0 COMPLETE")); /* the thread is there */
	CU_ASSERT(raw_get(&holder, 1, "/sync/noawait", "seconds=30"));
	CU_ASSERT(raw_get(&holder, 2, "/async/await-one", "seconds=0.05"));
	CU_ASSERT(raw_answers(&holder, "END 2 0 COMPLETE")); /* and has the job by now */
	raw_close(&holder);
	the_next_one_is_served("/sync/noawait");
}

/* ---- late ones ---- */

/* Asks for "/", as of so many seconds ago. */
static void ask(struct raw *raw, const char *name, int ago)
{
	struct timespec sent;

	clock_gettime(CLOCK_REALTIME, &sent);
	CU_ASSERT_FATAL(raw_open(raw, worker.socket));
	CU_ASSERT(raw_send(raw, textf("request 1 keep REQUEST_METHOD=GET&PATH_INFO=/&%s=%lld.%03ld",
				      name, (long long)sent.tv_sec - ago, sent.tv_nsec / 1000000)));
}

static void what_waited_for_too_long_is_refused(void)
{
	struct raw late;

	begin();
	ask(&late, "LANES_SENT", 0);
	ask(&other, "HTTP_X_REQUEST_START", 0);
	CU_ASSERT(raw_answers(&late, "END 1 0 COMPLETE"));
	CU_ASSERT(raw_answers(&late, "Status: 503 Service Unavailable"));
	CU_ASSERT(raw_answers(&late, "Retry-After: 1\r\n"));
	CU_ASSERT(raw_answers(&late, "Server-Timing: queue;dur="));
	raw_close(&late);
	CU_ASSERT(raw_answers(&other, "Status: 503 Service Unavailable"));
}

static bool is_served_an_hour_late(void)
{
	struct raw raw;
	bool served;

	ask(&raw, "LANES_SENT", 3500);
	CU_ASSERT(raw_answers(&raw, "END 1 0 COMPLETE"));
	served = strstr(raw.text.data, "Status: 200 OK") != NULL;
	CU_ASSERT(!served || strstr(raw.text.data, "Server-Timing: loop;dur="));
	raw_close(&raw);
	return served;
}

/* Who has had a rest, and was held for a second since, has kept nobody waiting for an hour. */
static void no_clock_that_is_off_is_believed(void)
{
	begin();
	CU_ASSERT(raw_answers(&holder, "END 1 0 COMPLETE"));
	CU_ASSERT(EVENTUALLY(is_served_an_hour_late()));
}

static const struct test tests[] = {
	{"a held loop does not serve them when it is free again", the_gone_are_not_served, "loop"},
	{"nor does a prefork worker", the_gone_are_not_served, "prefork"},
	{"nor those whose requests poll had told of before", a_request_read_before_its_client_left},
	{"nor those that are aborted before they are read", aborted_before_they_are_read, "loop"},
	{"nor those that are aborted while one of them runs", aborted_while_one_of_them_runs},
	{"nor does a thread, though the loop is held", queued_jobs_beside_a_held_loop},
	{"nor does the next one wait for a thread that works for nobody",
	 a_thread_that_works_for_nobody},
	{"a loop refuses what waited for longer than --queue-timeout",
	 what_waited_for_too_long_is_refused, "loop"},
	{"a prefork worker does, too", what_waited_for_too_long_is_refused, "prefork"},
	{"a loop that was free believes no clock that is an hour off",
	 no_clock_that_is_off_is_believed, "loop"},
	{"nor does a prefork worker that was", no_clock_that_is_off_is_believed, "prefork"},
};

const struct suite gone_suite = {"gone", tests, COUNT(tests), .after = after};

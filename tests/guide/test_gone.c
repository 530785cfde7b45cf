/*
 * Work for clients that are gone is not begun: a worker is held, ten clients ask it for five
 * seconds each and leave before it can look, and the next one does not wait for any of them.
 */
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "../support/harness.h"
#include "../support/process.h"
#include "../support/raw.h"

enum { MANY = 10 };

static struct worker worker;
static struct raw holder;

static bool is_read(const struct raw *raw)
{
	int unread;

	return ioctl(raw->fd, SIOCOUTQ, &unread) == 0 && unread == 0;
}

/* A worker that is held for a second from now on. */
static void begin(const char *engine)
{
	const char *const options[] = {"--engine",	  engine, "--threads", "1",
				       "--queue-timeout", "0.5",  NULL};

	CU_ASSERT_FATAL(worker_start(&worker, options, NULL));
	CU_ASSERT_FATAL(raw_open(&holder, worker.socket));
	CU_ASSERT(raw_send(&holder, "request 1 REQUEST_METHOD=GET&PATH_INFO=/async/bad-blocking&"
				    "QUERY_STRING=seconds=1"));
	CU_ASSERT(EVENTUALLY(is_read(&holder)));
}

static void end(void)
{
	raw_close(&holder);
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

static void a_loop_does_not_serve_the_gone(void)
{
	begin("loop");
	come_and_go();
	the_next_one_is_served("/async/await-one");
	end();
}

static void a_process_does_not_serve_the_gone(void)
{
	begin("prefork");
	come_and_go();
	the_next_one_is_served("/async/await-one");
	end();
}

/* Their requests are in the worker's hands already: poll had told of them before it was held. */
static void a_request_read_before_its_client_left(void)
{
	struct raw others[MANY];

	CU_ASSERT_FATAL(worker_start(&worker, NULL, NULL));
	CU_ASSERT_FATAL(raw_open(&holder, worker.socket));
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
	end();
}

/* On one connection, as HAProxy sends them: those that are aborted before they are read … */
static void aborted_before_they_are_read(void)
{
	struct raw other;

	begin("loop");
	CU_ASSERT_FATAL(raw_open(&other, worker.socket));
	for (int id = 1; id <= MANY; id++)
		CU_ASSERT(raw_get(&other, id, "/async/bad-blocking", "seconds=30"));
	for (int id = 1; id <= MANY; id++) {
		char script[32];

		snprintf(script, sizeof(script), "abort %d", id);
		CU_ASSERT(raw_send(&other, script));
	}
	the_next_one_is_served("/async/await-one");
	CU_ASSERT(raw_answers(&other, "END 10 0 COMPLETE"));
	CU_ASSERT_PTR_NULL(strstr(other.text.data, "STDOUT"));
	raw_close(&other);
	end();
}

/* … and those that are when the first of them holds the loop. */
static void aborted_while_one_of_them_runs(void)
{
	struct raw other;

	CU_ASSERT_FATAL(worker_start(&worker, NULL, NULL));
	CU_ASSERT_FATAL(raw_open(&holder, worker.socket));
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
	raw_close(&other);
	end();
}

/* The loop cannot hear of their leaving, but the thread can see it. */
static void queued_jobs_beside_a_held_loop(void)
{
	struct raw other;

	CU_ASSERT_FATAL(worker_start(&worker, (const char *const[]){"--threads", "1", NULL}, NULL));
	CU_ASSERT_FATAL(raw_open(&holder, worker.socket));
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
	end();
}

/* What a thread does already cannot be stopped; another takes its place. */
static void a_thread_that_works_for_nobody(void)
{
	CU_ASSERT_FATAL(worker_start(&worker, (const char *const[]){"--threads", "1", NULL}, NULL));
	CU_ASSERT_FATAL(raw_open(&holder, worker.socket));
	CU_ASSERT(raw_get(&holder, 1, "/sync/noawait", "seconds=0"));
	CU_ASSERT(raw_answers(&holder, "END 1 0 COMPLETE")); /* the thread is there */
	CU_ASSERT(raw_get(&holder, 1, "/sync/noawait", "seconds=30"));
	CU_ASSERT(raw_get(&holder, 2, "/async/await-one", "seconds=0.05"));
	CU_ASSERT(raw_answers(&holder, "END 2 0 COMPLETE")); /* and has the job by now */
	raw_close(&holder);
	the_next_one_is_served("/sync/noawait");
	worker_stop(&worker);
}

/* ---- late ones ---- */

/* Asks for "/", as of so many seconds ago. */
static void ask(struct raw *raw, const char *name, int ago)
{
	char script[160];
	struct timespec sent;

	clock_gettime(CLOCK_REALTIME, &sent);
	snprintf(script, sizeof(script),
		 "request 1 keep REQUEST_METHOD=GET&PATH_INFO=/&%s=%lld.%03ld", name,
		 (long long)sent.tv_sec - ago, sent.tv_nsec / 1000000);
	CU_ASSERT_FATAL(raw_open(raw, worker.socket));
	CU_ASSERT(raw_send(raw, script));
}

static void refuses_what_waited_for_too_long(const char *engine)
{
	struct raw late;
	struct raw other;

	begin(engine);
	ask(&late, "LANES_SENT", 0);
	ask(&other, "HTTP_X_REQUEST_START", 0);
	CU_ASSERT(raw_answers(&late, "END 1 0 COMPLETE"));
	CU_ASSERT(raw_answers(&late, "Status: 503 Service Unavailable"));
	CU_ASSERT(raw_answers(&late, "Retry-After: 1\r\n"));
	CU_ASSERT(raw_answers(&late, "Server-Timing: queue;dur="));
	raw_close(&late);
	CU_ASSERT(raw_answers(&other, "Status: 503 Service Unavailable"));
	raw_close(&other);
	end();
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
static void believes_no_clock_that_is_off(const char *engine)
{
	begin(engine);
	CU_ASSERT(raw_answers(&holder, "END 1 0 COMPLETE"));
	CU_ASSERT(EVENTUALLY(is_served_an_hour_late()));
	end();
}

static void a_loop_refuses_what_is_late(void)
{
	refuses_what_waited_for_too_long("loop");
}

static void a_process_refuses_what_is_late(void)
{
	refuses_what_waited_for_too_long("prefork");
}

static void a_loop_believes_no_wrong_clock(void)
{
	believes_no_clock_that_is_off("loop");
}

static void a_process_believes_no_wrong_clock(void)
{
	believes_no_clock_that_is_off("prefork");
}

static const struct test tests[] = {
	{"a held loop does not serve them when it is free again", a_loop_does_not_serve_the_gone},
	{"nor does a prefork worker", a_process_does_not_serve_the_gone},
	{"nor those whose requests poll had told of before", a_request_read_before_its_client_left},
	{"nor those that are aborted before they are read", aborted_before_they_are_read},
	{"nor those that are aborted while one of them runs", aborted_while_one_of_them_runs},
	{"nor does a thread, though the loop is held", queued_jobs_beside_a_held_loop},
	{"nor does the next one wait for a thread that works for nobody",
	 a_thread_that_works_for_nobody},
	{"a loop refuses what waited for longer than --queue-timeout", a_loop_refuses_what_is_late},
	{"a prefork worker does, too", a_process_refuses_what_is_late},
	{"a loop that was free believes no clock that is an hour off",
	 a_loop_believes_no_wrong_clock},
	{"nor does a prefork worker that was", a_process_believes_no_wrong_clock},
};

const struct suite gone_suite = {"gone", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL};

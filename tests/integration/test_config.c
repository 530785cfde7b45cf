/* One file of settings: for the program (--config, --check-config). */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/process.h"
#include "../support/raw.h"

static const char *folder;
static const char *file; /* the settings */
static struct outcome outcome;

static void holds(const char *text)
{
	CU_ASSERT_FATAL(file_write(file, text));
}

static void begin(void)
{
	folder = directory_make_for_all();
	file = textf("%s/lanes.conf", folder);
}

static void end(void)
{
	directory_remove(folder);
}

/* ---- the program ---- */

static void check(const char *const *environment)
{
	run(&outcome, STRINGS(program(), "--config", file, "--check-config"), environment, -1);
}

static void a_check_says_what_is_wrong(void)
{
	holds("threads = 20\nlisten = worker.sock\n");
	check(NULL);
	CU_ASSERT_EQUAL(outcome.status, 0);
	CU_ASSERT_STRING_EQUAL(outcome.out, textf("%s: no errors\n", file));
	CU_ASSERT_STRING_EQUAL(outcome.errors, "");
	CU_ASSERT_EQUAL(access("worker.sock", F_OK), -1);
	holds("threads = 0\nmount = a/\n");
	check(STRINGS("LANES_NICE=x"));
	CU_ASSERT_EQUAL(outcome.status, 2);
	CU_ASSERT_STRING_EQUAL(outcome.out, "");
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.errors, textf("%s:1: threads: '0' is not", file)));
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.errors, textf("%s:2: mount: 'a/' is not", file)));
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.errors, ": LANES_NICE: 'x' is not"));
}

static void it_says_what_a_start_would_stumble_over(void)
{
	holds(textf("ca = %s/ca.pem\nspool = %s/spool\ndatabase = host=\n", folder, folder));
	check(STRINGS("FCGI_WEB_SERVER_ADDRS=10.0.0.0/8, nobody"));
	CU_ASSERT_EQUAL(outcome.status, 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.errors, "\"nobody\" is no IP address"));
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.errors, "ca.pem: No such file"));
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.errors, "spool: No such file"));
	holds("engine = jobs\n");
	check(NULL);
	CU_ASSERT_EQUAL(outcome.status, 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.errors, "there is no database"));
}

/* ---- a master ---- */

static bool answers_as(const struct worker *master, const char *worker)
{
	struct raw raw = {0};
	bool is = raw_open(&raw, master->socket) &&
		  raw_tells(&raw, "request 1 REQUEST_METHOD=GET&PATH_INFO=/", "END 1 0 COMPLETE") &&
		  strstr(raw.text.data, textf("X-Lanes-Worker: %s", worker));

	raw_close(&raw);
	return is;
}

static void a_hup_reads_it_anew(void)
{
	struct worker master;
	size_t bad;

	holds("pool = before\nprocesses = 2\n");
	CU_ASSERT_FATAL(worker_start(&master, STRINGS("--config", file), NULL));
	CU_ASSERT(EVENTUALLY(file_lines(master.log, " event=ready workers=2") == 1));
	CU_ASSERT(EVENTUALLY(answers_as(&master, "before-2")));
	holds("pool = after\nprocesses = 2\n");
	kill(master.pid, SIGHUP);
	CU_ASSERT(EVENTUALLY(file_lines(master.log, " event=replaced ") == 1));
	CU_ASSERT(EVENTUALLY(answers_as(&master, "after-1")));

	holds("pool = after\nprocesses = 2\nthreads = none\n");
	kill(master.pid, SIGHUP);
	CU_ASSERT(EVENTUALLY(file_lines(master.log, " event=replace-failed ") == 1));
	bad = file_lines(master.log, textf("%s:3: threads: 'none' is not", file));
	CU_ASSERT_EQUAL(bad, 1);
	CU_ASSERT(EVENTUALLY(answers_as(&master, "after-2")));
	CU_ASSERT_EQUAL(worker_end(&master), 0);
}

static const struct test tests[] = {
	{"a check says what is wrong", a_check_says_what_is_wrong},
	{"it says what a start would stumble over", it_says_what_a_start_would_stumble_over},
	{"a HUP reads it anew; what is wrong replaces nobody", a_hup_reads_it_anew},
};

const struct suite config_suite = {"config", tests, COUNT(tests), .before = begin, .after = end};

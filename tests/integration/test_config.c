/* One file of settings: for the program (--config, --check-config), and for a whole system
 * (CONFIG). */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../support/client.h"
#include "../support/harness.h"
#include "../support/process.h"
#include "../support/raw.h"
#include "../support/system.h"

static const char *folder;
static char file[DIRECTORY_SIZE + 16]; /* the settings */
static struct outcome outcome;

static void holds(const char *text)
{
	CU_ASSERT_FATAL(file_write(file, text));
}

static void begin(void)
{
	folder = directory_make_for_all();
	snprintf(file, sizeof(file), "%s/lanes.conf", folder);
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
	holds(textf("ca = %s/ca.pem\nspool = %s/spool\ndatabase = host=\nlisten = 127.0.0.1:http\n",
		    folder, folder));
	check(STRINGS("FCGI_WEB_SERVER_ADDRS=10.0.0.0/8, nobody"));
	CU_ASSERT_EQUAL(outcome.status, 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.errors, "\"nobody\" is no IP address"));
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.errors, "ca.pem: No such file"));
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.errors, "spool: No such file"));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(outcome.errors, "127.0.0.1:http: not an IP address and port"));
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

/* ---- a system ---- */

static struct system sys;

/* What all have, and more lines. */
static void system_holds(const char *more)
{
	holds(textf("PORT = %d # nginx's\nWORKERS = 1\nPREFORK_WORKERS = 0\nCPU_WORKERS = 0\n%s",
		    (int)sys.port, more));
}

static void start_system(const char *more, const char *setting)
{
	system_at(&sys, port_free(), textf("%s/run", folder));
	system_holds(more);
	run_script(&outcome, "spawn/start.sh",
		   STRINGS(sys.run_dir_variable, textf("CONFIG=%s", file), setting));
	if (outcome.status)
		printf("%s", outcome.errors);
	CU_ASSERT_EQUAL_FATAL(outcome.status, 0);
}

static bool knows_name(const char *name)
{
	const char *bytes =
		textf("GET /healthz HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", name);
	char answer[4096];

	exchange(&sys, "127.0.0.1", bytes, strlen(bytes), answer, sizeof(answer));
	return !strncmp(answer, "HTTP/1.1 200 ", 13);
}

static bool has_threads(int count)
{
	return strstr(get(&sys, "/status")->body, textf("\"limit\":%d,", count)) != NULL;
}

/* Restarts it, and returns what that said. */
static const char *restarted(int status)
{
	const struct outcome *said = script(&sys, "restart.sh", NULL);

	CU_ASSERT_EQUAL(said->status, status);
	return status ? said->errors : said->out;
}

static void a_system_reads_it(void)
{
	start_system("threads = 7\nSERVER_NAMES = one.test\nheader-timeout = 9\n", "LOG_MB=5");
	CU_ASSERT(has_threads(7));
	CU_ASSERT(knows_name("one.test"));
	CU_ASSERT(file_has(system_file(&sys, "options"), "header-timeout = 9"));
	CU_ASSERT(!file_has(system_file(&sys, "options"), "SERVER_NAMES"));
	CU_ASSERT(file_has(system_file(&sys, "pids/settings"), "LOG_MB=5"));
	CU_ASSERT(system_stop(&sys));
}

static void a_restart_reads_it_anew(void)
{
	const char *said;
	pid_t nginx;

	start_system("threads = 7\n", NULL);
	nginx = system_noted(&sys, "nginx");
	said = restarted(0);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "nginx.conf: unchanged\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "options unchanged\n"));
	system_holds("threads = 8\nSERVER_NAMES = two.test\nLOG_MB = 3\nWORKERS = 2\n");
	said = restarted(0);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "nginx.conf: read anew by nginx\n< "));
	CU_ASSERT_PTR_NOT_NULL(strstr(said, " \"\" two.test;\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "other options: threads\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(said, " says another WORKERS: make scale changes that\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(said, " says another LOG_MB: it counts from the next "));
	CU_ASSERT(has_threads(8));
	CU_ASSERT(EVENTUALLY(knows_name("two.test")));
	CU_ASSERT_EQUAL(system_noted(&sys, "nginx"), nginx);
	system_holds("");
	restarted(0);
	CU_ASSERT(has_threads(40));
	CU_ASSERT(EVENTUALLY(!knows_name("two.test")));
	CU_ASSERT(system_stop(&sys));
}

/* Whoever is started again later, too. */
static void what_is_wrong_changes_nothing(void)
{
	static const struct {
		const char *line, *why;
	} wrong[] = {
		{"threads = none", ":5: THREADS=none: a whole number from 1 to 1024 is wanted\n"},
		{"send-timeout = x", ":5: send-timeout: 'x' is not a number of seconds"},
		{"bogus = 1", ":5: 'bogus' is not an option that a file may have"},
		{"BOGUS = 1", ":5: no variable of a CONFIG is called BOGUS\n"},
		{"slot = 2", ":5: slot differs from pool to pool"},
		{"SERVER_NAMES = *a", "server name \"*a\" is invalid"},
	};
	pid_t worker;

	start_system("", NULL);
	worker = system_worker(&sys, 1);
	for (size_t i = 0; i < COUNT(wrong); i++) {
		system_holds(wrong[i].line);
		CU_ASSERT_PTR_NOT_NULL(strstr(restarted(1), wrong[i].why));
		CU_ASSERT_EQUAL(system_worker(&sys, 1), worker);
		CU_ASSERT(!file_has(system_file(&sys, "options"), wrong[i].line));
		CU_ASSERT(access(system_file(&sys, "options.new"), F_OK) != 0);
	}
	kill(worker, SIGKILL);
	CU_ASSERT(EVENTUALLY(system_worker(&sys, 1) > 0 && system_worker(&sys, 1) != worker &&
			     get(&sys, "/")->status == 200));
	CU_ASSERT(system_stop(&sys));
}

/* Only a start can say that: who serves goes on, and whoever is started again is as they are. */
static void what_does_not_start_changes_nothing(void)
{
	pid_t worker;

	start_system("", NULL);
	worker = system_worker(&sys, 1);
	system_holds("address-space = 10\n");
	CU_ASSERT_PTR_NOT_NULL(strstr(restarted(1), "loop-1 has no successor, and serves on"));
	CU_ASSERT_EQUAL(system_worker(&sys, 1), worker);
	CU_ASSERT(!file_has(system_file(&sys, "options"), "address-space"));
	CU_ASSERT_EQUAL(get(&sys, "/")->status, 200);
	CU_ASSERT(system_stop(&sys));
}

static void a_check_of_all_says_each_error(void)
{
	system_at(&sys, port_free(), textf("%s/run", folder));
	system_holds("");
	run_script(&outcome, "spawn/check-config.sh", STRINGS(textf("CONFIG=%s", file)));
	CU_ASSERT_EQUAL(outcome.status, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.out, textf("%s: no errors\n", file)));
	system_holds("BODY_KB = x\nthreads = 0\nnice = 2\nBOGUS = 2\npool-size = 1\n");
	run_script(&outcome, "spawn/check-config.sh",
		   STRINGS(textf("CONFIG=%s", file), "LOG_MB=x"));
	CU_ASSERT_EQUAL(outcome.status, 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.errors, textf("%s:5: BODY_KB=x: ", file)));
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.errors, textf("%s:6: THREADS=0: ", file)));
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.errors, textf("%s:7: nice differs ", file)));
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.errors, textf("%s:8: no variable of ", file)));
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.errors, textf("%s:9: 'pool-size' is not ", file)));
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.errors, ": LOG_MB=x: "));
	CU_ASSERT_EQUAL(access(sys.run_dir, F_OK), -1);
}

static const struct test tests[] = {
	{"a check says what is wrong", a_check_says_what_is_wrong},
	{"it says what a start would stumble over", it_says_what_a_start_would_stumble_over},
	{"a HUP reads it anew; what is wrong replaces nobody", a_hup_reads_it_anew},
	{"a system reads it", a_system_reads_it},
	{"a restart reads it anew, and says what changed", a_restart_reads_it_anew},
	{"what is wrong changes nothing", what_is_wrong_changes_nothing},
	{"what does not start changes nothing", what_does_not_start_changes_nothing},
	{"a check of all says each error", a_check_of_all_says_each_error},
};

const struct suite config_suite = {"config", tests, COUNT(tests), .before = begin, .after = end};

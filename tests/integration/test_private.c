/* A database of the system's own (DATABASE), and those that somebody else has (DATABASE_URL,
 * MAIL_URL). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/client.h"
#include "../support/harness.h"
#include "../support/postgres.h"
#include "../support/system.h"

static struct outcome outcome;

TEST_SYSTEM(sys)

#define PRIVATE SYSTEM(.environment = STRINGS("DATABASE=private"))
#define KEPT                                                                                       \
	STRINGS(sys.port_variable, sys.run_dir_variable, "WORKERS=1", "PREFORK_WORKERS=0",         \
		"DATABASE=kept")

/* What a system's database answers, as its workers' role; folder is where the socket is. */
static const char *ask_in(const struct system *system, const char *folder, const char *sql)
{
	struct postgres postgres;

	snprintf(postgres.url, sizeof(postgres.url), "postgresql://lanes@/lanes?host=%s/%s",
		 system->run_dir, folder);
	return postgres_ask(&postgres, sql);
}

static const char *ask(const struct system *system, const char *sql)
{
	return ask_in(system, "database", sql);
}

static bool fails(const char *answer)
{
	return !strncmp(answer, "error: ", 7);
}

/* The PostgreSQL that database.sh looks after, or 0. */
static pid_t postmaster(const struct system *system)
{
	pid_t parent = system_noted(system, "database");
	pid_t pid = atoi(file_text(textf("/proc/%d/task/%d/children", parent, parent)));

	return process_is(pid, "postgres") ? pid : 0;
}

static bool is_private(const char *path, mode_t mode)
{
	struct stat file;

	return stat(path, &file) == 0 && (file.st_mode & 07777) == mode;
}

/* ---- what is there ---- */

static void it_serves_the_workers_and_nobody_else(void)
{
	const char *url = "pids/environment/LANES_DATABASE";
	const char *status = script(&sys, "status.sh", NULL)->out;

	CU_ASSERT_PTR_NOT_NULL(strstr(status, "\ndatabase "));
	CU_ASSERT_STRING_EQUAL(ask(&sys, "SELECT current_user || ' in ' || current_database()"),
			       "lanes in lanes");
	CU_ASSERT_STRING_EQUAL(ask(&sys, "SHOW is_superuser"), "off");
	CU_ASSERT_STRING_EQUAL(ask(&sys, "SHOW listen_addresses"), "");
	CU_ASSERT_STRING_EQUAL(ask(&sys, "SHOW fsync"), "on");
	CU_ASSERT_STRING_EQUAL(ask(&sys, "SHOW server_encoding"), "UTF8");
	CU_ASSERT_STRING_EQUAL(ask(&sys, "CREATE TABLE own (id int)"), "");
	CU_ASSERT(is_private(system_file(&sys, "database"), 0700));
	CU_ASSERT(is_private(system_file(&sys, "database.log"), 0640));
	CU_ASSERT(is_private(system_file(&sys, url), 0600));
	CU_ASSERT_STRING_EQUAL(file_text(system_file(&sys, url)),
			       "postgresql://lanes@/lanes?host=/proc/self/cwd/database");
	CU_ASSERT(script_works(&sys, "restart.sh", NULL));
	CU_ASSERT(script_works(&sys, "scale.sh", "WORKERS=2"));
	CU_ASSERT_STRING_EQUAL(ask(&sys, "SELECT count(*) FROM own"), "0");
}

static void as_many_connections_as_workers_may_have(void)
{
	CU_ASSERT(atoi(ask(&sys, "SHOW max_connections")) >= 2 * 100);
}

static void it_is_restarted_when_it_dies(void)
{
	pid_t died = postmaster(&sys);

	CU_ASSERT_FATAL(died > 0);
	CU_ASSERT_STRING_EQUAL(ask(&sys, "CREATE TABLE kept AS SELECT 7 AS seven"), "");
	kill(died, SIGKILL);
	CU_ASSERT(EVENTUALLY(postmaster(&sys) != died &&
			     !strcmp(ask(&sys, "SELECT seven FROM kept"), "7")));
	/* Workers are ready again once they have noticed. */
	CU_ASSERT(EVENTUALLY(script(&sys, "status.sh", NULL)->status == 0));
}

/* Nobody looks after it then: it ends, and the system is not whole. */
static void it_does_not_outlive_its_script(void)
{
	pid_t pid = postmaster(&sys);

	CU_ASSERT_FATAL(pid > 0);
	kill(system_noted(&sys, "database"), SIGKILL);
	CU_ASSERT(EVENTUALLY(!process_is(pid, "postgres")));
	CU_ASSERT_EQUAL(script(&sys, "status.sh", NULL)->status, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(script(&sys, "status.sh", NULL)->out, "dead"));
}

static void two_side_by_side(void)
{
	struct system other;

	CU_ASSERT_FATAL(system_start(&other, PRIVATE));
	CU_ASSERT_STRING_EQUAL(ask(&other, "CREATE TABLE own (id int)"), "");
	CU_ASSERT(fails(ask(&sys, "SELECT * FROM own")));
	CU_ASSERT(system_stop(&other));
	CU_ASSERT_STRING_EQUAL(ask(&sys, "SELECT 1"), "1");
}

/* A transaction that is open does not hold up the end; neither does a second signal. */
static void a_stop_waits_for_nobody(void)
{
	const char *command =
		textf("exec psql -qh %s -U lanes lanes -c 'BEGIN; SELECT pg_sleep(3600)'",
		      system_file(&sys, "database"));
	pid_t pid = process_start(STRINGS("sh", "-c", command), NULL, "/dev/null");

	CU_ASSERT(EVENTUALLY(
		atoi(ask(&sys, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%3600%'")) >
		1));
	CU_ASSERT(script_works(&sys, "stop.sh", NULL));
	waitpid(pid, NULL, 0);
	CU_ASSERT_NOT_EQUAL(access(system_file(&sys, "database"), F_OK), 0);
	CU_ASSERT(file_has(system_file(&sys, "database.log"), "fast shutdown"));
}

/* ---- kept ---- */

static bool start_kept(void)
{
	run_script(&outcome, "spawn/start.sh", KEPT);
	if (outcome.status)
		fprintf(stderr, "    %s", outcome.errors);
	return outcome.status == 0;
}

static const char *ask_kept(const char *sql)
{
	return ask_in(&sys, "database-kept", sql);
}

/* A process in that directory, as the user that has the database; it waits to be killed. */
static pid_t somebody_in(const char *directory)
{
	const char *as =
		geteuid() ? "" : "setpriv --reuid=www-data --regid=www-data --init-groups ";
	pid_t pid = process_start(
		STRINGS("sh", "-c", textf("cd %s && exec %ssleep 3600", directory, as)), NULL,
		"/dev/null");

	CU_ASSERT(EVENTUALLY(process_is(pid, "sleep")));
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void what_is_kept_is_there_again(void)
{
	system_at(&sys, port_free(), directory_make());
	CU_ASSERT_FATAL(start_kept());
	CU_ASSERT_STRING_EQUAL(ask_kept("CREATE TABLE kept AS SELECT 7 AS seven"), "");
	CU_ASSERT(script_works(&sys, "stop.sh", NULL));
	/* One that is not kept has nothing to do with it. */
	run_script(&outcome, "spawn/start.sh",
		   STRINGS(sys.port_variable, sys.run_dir_variable, "DATABASE=private"));
	CU_ASSERT_EQUAL(outcome.status, 0);
	CU_ASSERT(fails(ask(&sys, "SELECT seven FROM kept")));
	CU_ASSERT(script_works(&sys, "stop.sh", NULL));
	CU_ASSERT_FATAL(start_kept());
	CU_ASSERT_STRING_EQUAL(ask_kept("SELECT seven FROM kept"), "7");
	CU_ASSERT(script_works(&sys, "stop.sh", NULL));
	CU_ASSERT(
		succeeds(&outcome, STRINGS("rm", "-r", system_file(&sys, "database-kept")), NULL));
	CU_ASSERT(system_stop(&sys));
}

static bool has_listener(void)
{
	for (const char *at = get(&sys, "/metrics")->body;
	     (at = strstr(at, "\nlanes_db_listeners{")); at++)
		if (strstr(at, "} 1\n") && strstr(at, "} 1\n") < strchr(at + 1, '\n'))
			return true;
	return false;
}

/* A stream has no end by itself: a second after nginx was told to stop, its worker ends it. */
static void a_stop_ends_streams(void)
{
	const char *got = system_file(&sys, "got");
	pid_t client = process_start(
		STRINGS("curl", "-sNi", "--noproxy", "*", textf("%s/cases/events", sys.url)), NULL,
		got);
	int status;

	CU_ASSERT_FATAL(EVENTUALLY(has_listener()));
	CU_ASSERT(script_works(&sys, "stop.sh", NULL));
	CU_ASSERT(waitpid(client, &status, 0) == client && status == 0);
	unlink(got);
}

/* Everything was killed, as when the machine is switched off; and the number that PostgreSQL noted
 * is another process's by now. */
static void it_recovers_what_was_killed(void)
{
	const char *note = "database-kept/data/postmaster.pid";
	pid_t pids[64];
	pid_t other;
	int count;

	system_at(&sys, port_free(), directory_make());
	CU_ASSERT_FATAL(start_kept());
	CU_ASSERT_STRING_EQUAL(ask_kept("CREATE TABLE kept AS SELECT 7 AS seven"), "");
	do {
		count = processes_in(sys.run_dir, NULL, pids, 64);
		for (int i = 0; i < count && i < 64; i++)
			kill(pids[i], SIGKILL);
	} while (count);
	CU_ASSERT(EVENTUALLY(script(&sys, "status.sh", NULL)->status == 3));
	CU_ASSERT_EQUAL(access(system_file(&sys, note), F_OK), 0);
	other = somebody_in("/");
	CU_ASSERT(succeeds(
		&outcome,
		STRINGS("sed", "-i", textf("1s/.*/%d/", (int)other), system_file(&sys, note)),
		NULL));
	CU_ASSERT_FATAL(start_kept());
	CU_ASSERT_STRING_EQUAL(ask_kept("SELECT seven FROM kept"), "7");
	end(other);
	CU_ASSERT(script_works(&sys, "stop.sh", NULL));

	/* But if somebody works in it, two would spoil it. */
	other = somebody_in(system_file(&sys, "database-kept/data"));
	run_script(&outcome, "spawn/start.sh", KEPT);
	CU_ASSERT(was_refused(&outcome, "works in database-kept/data"));
	end(other);
	CU_ASSERT(file_write(system_file(&sys, "database-kept/data/PG_VERSION"), "9.1\n"));
	run_script(&outcome, "spawn/start.sh", KEPT);
	CU_ASSERT(was_refused(&outcome, "PostgreSQL 9.1 is missing: "));
	CU_ASSERT(
		succeeds(&outcome, STRINGS("rm", "-r", system_file(&sys, "database-kept")), NULL));
	CU_ASSERT(system_stop(&sys));
}

/* ---- who starts it, and where ---- */

/* Root's own folders are for root only, and the database is www-data's. */
static void below_a_folder_that_is_closed(void)
{
	const char *closed = directory_make();
	pid_t pid;

	chmod(closed, 0700);
	system_at(&sys, port_free(), textf("%s/run", closed));
	run_script(&outcome, "spawn/start.sh",
		   STRINGS(sys.port_variable, sys.run_dir_variable, "DATABASE=private"));
	CU_ASSERT_EQUAL(outcome.status, 0);
	CU_ASSERT_STRING_EQUAL(ask(&sys, "SELECT 1"), "1");
	pid = postmaster(&sys);
	CU_ASSERT_FATAL(pid > 0);
	kill(pid, SIGKILL);
	CU_ASSERT(EVENTUALLY(postmaster(&sys) != pid && !strcmp(ask(&sys, "SELECT 1"), "1")));
	CU_ASSERT(script_works(&sys, "stop.sh", NULL));
	directory_remove(closed);
}

/* A script of spawn, as this user. */
static void as_user(const char *user, const char *script)
{
	run(&outcome,
	    STRINGS("setpriv", textf("--reuid=%s", user), "--regid=nogroup", "--clear-groups",
		    textf("spawn/%s", script)),
	    STRINGS(sys.port_variable, sys.run_dir_variable, "WORKERS=1", "DATABASE=private"), -1);
}

static void a_user_has_one_of_his_own(void)
{
	const char *directory;

	if (geteuid()) {
		not_judged("only root can become other users");
		return;
	}
	directory = directory_make_for_all();
	chmod(directory, 0777 | S_ISVTX);
	system_at(&sys, port_free(), textf("%s/run", directory));
	as_user("nobody", "start.sh");
	CU_ASSERT_EQUAL(outcome.status, 0);
	CU_ASSERT_STRING_EQUAL(ask(&sys, "SELECT 1"), "1");
	as_user("nobody", "stop.sh");
	CU_ASSERT_EQUAL(outcome.status, 0);
	CU_ASSERT_EQUAL(processes_in(sys.run_dir, NULL, NULL, 0), 0);
	/* PostgreSQL wants a user to have a name. */
	CU_ASSERT(succeeds(&outcome, STRINGS("rm", "-r", sys.run_dir), NULL));
	as_user("61234", "start.sh");
	CU_ASSERT(was_refused(&outcome, "could not look up effective user ID 61234"));
	CU_ASSERT_EQUAL(processes_in(sys.run_dir, NULL, NULL, 0), 0);
	directory_remove(directory);
}

/* The language of whoever starts it need not be there. */
static void the_callers_locale_is_missing(void)
{
	CU_ASSERT_STRING_EQUAL(ask(&sys, "SELECT datctype FROM pg_database "
					 "WHERE datname = current_database()"),
			       "C.UTF-8");
}

/* Starts it on a disk of so many MB, that nobody else sees, and which is gone afterwards. */
static const char SMALL_DISK[] =
	"mount -t tmpfs -o \"size=${2}m,mode=755\" none \"$1\" 2>/dev/null || exit 77\n"
	"exec spawn/start.sh";

static void a_full_disk(void)
{
	system_at(&sys, port_free(), directory_make());
	for (int mb = 12; mb <= 60; mb += 16) {
		run(&outcome,
		    STRINGS("unshare", "--mount", "sh", "-c", SMALL_DISK, "sh", sys.run_dir,
			    textf("%d", mb)),
		    STRINGS(sys.port_variable, sys.run_dir_variable, "DATABASE=private"), -1);
		if (outcome.status == 77 || (geteuid() && outcome.status == 1)) {
			not_judged("a disk cannot be mounted");
			break;
		}
		CU_ASSERT(was_refused(&outcome, "no space left: a new database takes 64 MB"));
		CU_ASSERT_EQUAL(processes_in(sys.run_dir, NULL, NULL, 0), 0);
	}
	directory_remove(sys.run_dir);
}

/* ---- tables and jobs ---- */

static void tables_are_there_before_workers(void)
{
	const struct outcome *said;

	CU_ASSERT_STRING_EQUAL(ask(&sys, "SELECT count(*) FROM lanes_jobs"), "0");
	CU_ASSERT_PTR_NOT_NULL(strstr(script(&sys, "migrate.sh", NULL)->out, "nothing to do"));
	CU_ASSERT_NOT_EQUAL(access(system_file(&sys, "new"), F_OK), 0);
	CU_ASSERT_STRING_EQUAL(script(&sys, "jobs.sh", NULL)->out,
			       "no jobs wait, run or are dead\n");
	said = script(&sys, "jobs.sh", "RETRY=7");
	CU_ASSERT(was_refused(said, "job 7"));
	CU_ASSERT_STRING_EQUAL(ask(&sys, "SELECT id FROM lanes_job_enqueue('x', '{}')"), "1");
	run_script(&outcome, "spawn/jobs.sh",
		   STRINGS(sys.port_variable, sys.run_dir_variable, "RETRY=1", "DROP=1"));
	CU_ASSERT(was_refused(&outcome, "RETRY=1, and DROP=1: one of them is wanted"));
	CU_ASSERT_STRING_EQUAL(ask(&sys, "SELECT state FROM lanes_jobs"), "waiting");
	CU_ASSERT_PTR_NOT_NULL(strstr(script(&sys, "jobs.sh", NULL)->out,
				      "\nx: no worker of this program takes jobs of this kind\n"));
	CU_ASSERT_EQUAL(script(&sys, "jobs.sh", "DROP=1")->status, 0);
	CU_ASSERT_EQUAL(script(&sys, "jobs.sh", "DROP=all-dead")->status, 0);
}

/* A database that another program has brought further than this one is. */
static void tables_of_a_later_program(void)
{
	system_at(&sys, port_free(), directory_make());
	CU_ASSERT_FATAL(start_kept());
	CU_ASSERT_STRING_EQUAL(ask_kept("UPDATE lanes_migrations SET version = 1000"), "");
	CU_ASSERT(was_refused(script(&sys, "migrate.sh", NULL), "1000"));
	CU_ASSERT(script_works(&sys, "stop.sh", NULL));
	run_script(&outcome, "spawn/start.sh", KEPT);
	CU_ASSERT(was_refused(&outcome, "the tables cannot be made: "));
	CU_ASSERT(
		succeeds(&outcome, STRINGS("rm", "-r", system_file(&sys, "database-kept")), NULL));
	CU_ASSERT(system_stop(&sys));
}

static void without_a_database_they_say_so(void)
{
	static const char *const scripts[] = {"migrate.sh", "jobs.sh"};

	for (size_t i = 0; i < COUNT(scripts); i++)
		CU_ASSERT(
			was_refused(script(&sys, scripts[i], NULL),
				    "there is no database: make run DATABASE=private brings one"));
	CU_ASSERT(was_refused(script(&sys, "scale.sh", "JOB_WORKERS=1"), "there is no database"));
}

/* Where no system runs, the tables are made in the database that is named. */
static void tables_in_a_database_of_others(void)
{
	struct postgres postgres;

	CU_ASSERT_FATAL(postgres_open(&postgres, NULL));
	system_at(&sys, port_free(), directory_make());
	CU_ASSERT_EQUAL(script(&sys, "migrate.sh", textf("DATABASE_URL=%s", postgres.url))->status,
			0);
	CU_ASSERT_STRING_EQUAL(postgres_ask(&postgres, "SELECT count(*) FROM lanes_jobs"), "0");
	CU_ASSERT(was_refused(script(&sys, "migrate.sh", NULL), "nothing is running"));
	directory_remove(sys.run_dir);
	postgres_close(&postgres);
}

static bool jobs_are(const char *state, const char *count)
{
	return !strcmp(
		ask(&sys, textf("SELECT count(*) FROM lanes_jobs WHERE state = '%s'", state)),
		count);
}

static bool enqueue(const char *kind, const char *payload, int count)
{
	return !fails(
		ask(&sys, textf("SELECT lanes_job_enqueue('%s', '%s') FROM generate_series(1, %d)",
				kind, payload, count)));
}

/* With tests/jobs/app.c. */
static void workers_for_jobs(void)
{
	pid_t worker;

	CU_ASSERT_FATAL(system_start(
		&sys, SYSTEM(.environment = STRINGS("DATABASE=private", "JOB_WORKERS=1",
						    textf("PROGRAM=%s", built("jobs-app"))))));
	CU_ASSERT(enqueue("nothing", "{}", 10));
	CU_ASSERT(EVENTUALLY(jobs_are("done", "10")));
	CU_ASSERT_NOT_EQUAL(access(system_file(&sys, "none"), F_OK), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(script(&sys, "scale.sh", "JOB_WORKERS=2")->out,
				      "2 worker(s) for jobs, 1 before"));
	CU_ASSERT_PTR_NOT_NULL(strstr(script(&sys, "status.sh", NULL)->out, "\njobs-2 "));
	worker = system_noted(&sys, "jobs-1");
	worker = atoi(file_text(textf("/proc/%d/task/%d/children", worker, worker)));
	CU_ASSERT_FATAL(worker > 0);
	kill(worker, SIGKILL);
	CU_ASSERT(script_works(&sys, "restart.sh", textf("PROGRAM=%s", built("jobs-app"))));
	CU_ASSERT_PTR_NOT_NULL(strstr(script(&sys, "scale.sh", "JOB_WORKERS=1")->out,
				      "1 worker(s) for jobs, 2 before"));
	CU_ASSERT(enqueue("nothing", "{}", 10));
	CU_ASSERT(EVENTUALLY(jobs_are("done", "20")));

	/* What runs is done before the end. */
	CU_ASSERT(enqueue("hold", "{\"seconds\": 4}", 1));
	CU_ASSERT(EVENTUALLY(jobs_are("running", "1")));
	CU_ASSERT(script_works(&sys, "stop.sh", NULL));
	CU_ASSERT(system_log_has(&sys, "event=hold-over"));
	CU_ASSERT(system_stop(&sys));
}

/* ---- those of others ---- */

static void bad_values(void)
{
	static const char *const bad[][3] = {
		{"DATABASE=yes", NULL, "DATABASE=yes: private or kept is wanted"},
		{"DATABASE_URL=mysql://u:s3cr3t@h/x", NULL, "DATABASE_URL: postgresql://USER:"},
		{"DATABASE_URL=postgresql://u:s3cr3t@h/x", "DATABASE=private",
		 "one of them is wanted"},
		{"LANES_DATABASE=postgresql://u:s3cr3t@h/x", "DATABASE=kept",
		 "one of them is wanted"},
		{"JOB_WORKERS=1", NULL, "JOB_WORKERS=1: they want a database"},
		{"JOB_WORKERS=-1", "DATABASE=private", "JOB_WORKERS=-1: a whole number"},
		{"MAIL_URL=http://u:s3cr3t@h/", NULL, "MAIL_URL: smtp://HOST or"},
	};

	system_at(&sys, port_free(), directory_make());
	for (size_t i = 0; i < COUNT(bad); i++) {
		run_script(&outcome, "spawn/start.sh",
			   STRINGS(sys.port_variable, sys.run_dir_variable, bad[i][0], bad[i][1]));
		CU_ASSERT(was_refused(&outcome, bad[i][2]));
		CU_ASSERT_PTR_NULL(strstr(outcome.errors, "s3cr3t"));
		CU_ASSERT_EQUAL(processes_in(sys.run_dir, NULL, NULL, 0), 0);
	}
	directory_remove(sys.run_dir);
}

/* Whether a process has this in its environment. */
static bool has(pid_t pid, const char *variable)
{
	return succeeds(&outcome,
			STRINGS("grep", "-zqxF", variable, textf("/proc/%d/environ", pid)), NULL);
}

/* What was seen of any process's command line, until the shell is killed: its loop is a process of
 * its own, which would go on. */
static const char WATCH[] =
	"while kill -0 $$; do cat /proc/[0-9]*/cmdline; done 2>/dev/null | tr '\\0' '\\n' | "
	"grep -a --line-buffered s3cr3[t]";

static void passwords_are_for_workers_only(void)
{
	static const char url[] = "DATABASE_URL=postgresql://u:s3cr3t@127.0.0.1:9/x";
	static const char mail[] = "MAIL_URL=smtp://u:s3cr3t@127.0.0.1:9";
	const char *folder = directory_make();
	const char *seen = textf("%s/seen", folder);
	pid_t watcher = process_start(STRINGS("sh", "-c", WATCH), NULL, seen);

	CU_ASSERT_FATAL(system_start(&sys, SYSTEM(.environment = STRINGS(url, mail))));
	CU_ASSERT(script_works(&sys, "restart.sh", NULL));
	CU_ASSERT(script_works(&sys, "scale.sh", "WORKERS=2"));
	kill(watcher, SIGKILL);
	waitpid(watcher, NULL, 0);
	CU_ASSERT_STRING_EQUAL(file_text(seen), "");
	/* The last that was started. */
	CU_ASSERT(
		has(system_worker(&sys, 1), "LANES_DATABASE=postgresql://u:s3cr3t@127.0.0.1:9/x"));
	CU_ASSERT(has(system_worker(&sys, 1), "LANES_MAIL=smtp://u:s3cr3t@127.0.0.1:9"));
	run(&outcome,
	    STRINGS("grep", "-rID", "skip", "s3cr3t", sys.run_dir, "--exclude-dir=environment"),
	    NULL, -1);
	CU_ASSERT_STRING_EQUAL(outcome.out, "");
	CU_ASSERT(is_private(system_file(&sys, "pids/environment/LANES_DATABASE"), 0600));
	CU_ASSERT(is_private(system_file(&sys, "pids/environment/LANES_MAIL"), 0600));
	CU_ASSERT(system_stop(&sys));
	directory_remove(folder);
}

static const struct test tests[] = {
	{"it serves the workers, and nobody else", it_serves_the_workers_and_nobody_else, PRIVATE},
	{"as many connections as the workers may have", as_many_connections_as_workers_may_have,
	 SYSTEM(.workers = 2,
		.environment = STRINGS("DATABASE=private", "LANES_DATABASE_CONNECTIONS=100"))},
	{"killed, it is back with its rows", it_is_restarted_when_it_dies, PRIVATE},
	{"it does not outlive its script", it_does_not_outlive_its_script, PRIVATE},
	{"two side by side", two_side_by_side, PRIVATE},
	{"a stop waits for nobody's transaction", a_stop_waits_for_nobody, PRIVATE},
	{"a stop ends streams whole", a_stop_ends_streams, PRIVATE},
	{"what is kept is there again", what_is_kept_is_there_again},
	{"kept, and everything killed: it recovers; two in one are refused",
	 it_recovers_what_was_killed},
	{"below a folder that its user may not enter", below_a_folder_that_is_closed},
	{"a user has one of his own; without a name, one line", a_user_has_one_of_his_own},
	{"a caller's locale that is missing does no harm", the_callers_locale_is_missing,
	 SYSTEM(.environment = STRINGS("DATABASE=private", "LC_ALL=xx_YY.UTF-8"))},
	{"its tables are there before the workers are", tables_are_there_before_workers, PRIVATE},
	{"tables of a later program are left alone", tables_of_a_later_program},
	{"without a database, what needs one says so", without_a_database_they_say_so,
	 SYSTEM(.workers = 1)},
	{"tables are made in a database of others", tables_in_a_database_of_others},
	{"workers for jobs are started, scaled and replaced, and drain at the end",
	 workers_for_jobs},
	{"a full disk: one line, and nothing is left", a_full_disk},
	{"bad values: one line without a password, and nothing is left", bad_values},
	{"passwords are for workers only", passwords_are_for_workers_only},
};

const struct suite private_suite = {"private", tests, COUNT(tests), .before = before,
				    .after = after};

/* The scripts that start and stop a system, and the way without them. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/client.h"
#include "../support/harness.h"

static struct outcome outcome;

TEST_SYSTEM(sys)

static void bad_values(void)
{
	static const char *const bad[][2] = {
		{"WORKERS=0", "WORKERS=0"},
		{"WORKERS=many", "WORKERS=many"},
		{"PORT=http", "PORT=http"},
		{"PORT=70000", "PORT=70000"},
		{"THREADS=-1", "THREADS=-1"},
		{"CPU_THREADS=1.5", "CPU_THREADS=1.5"},
		{"PROGRAM=/nowhere/lanes", "/nowhere/lanes is missing"},
		{"BODY_KB=1M", "BODY_KB=1M"},
		{"LISTEN=everywhere", "LISTEN=everywhere: an address is wanted"},
		{"ADMIN_FROM=all;", "addresses and networks are wanted"},
		{"ENVIRONMENT=A;B", "names of variables are wanted"},
		{"ENVIRONMENT=NOWHERE_SET", "ENVIRONMENT names NOWHERE_SET, which is not set"},
		/* Only the worker knows this one. */
		{"LANES_BACKLOG=many", "LANES_BACKLOG: 'many'"},
	};
	const char *directory = directory_make();

	system_at(&sys, port_free(), textf("%s/run", directory));
	for (size_t i = 0; i < COUNT(bad); i++) {
		pid_t left;

		run_script(&outcome, "spawn/start.sh",
			   STRINGS(sys.port_variable, sys.run_dir_variable, "WORKERS=1",
				   "PREFORK_WORKERS=0", "CPU_WORKERS=0", bad[i][0]));
		CU_ASSERT(was_refused(&outcome, bad[i][1]));
		CU_ASSERT_EQUAL(processes_in(sys.run_dir, NULL, &left, 1), 0);
	}
	directory_remove(directory);
}

static void bad_directories(void)
{
	const struct {
		const char *below;
		const char *said;
	} bad[] = {
		{textf("%0*d", DIRECTORY_SIZE, 0), "too long"},
		{"", "holds other files"},
		{"LICENSE", "not a directory"},
	};
	const char *directory = directory_make();

	run(&outcome, STRINGS("cp", "LICENSE", directory), NULL, -1);
	for (size_t i = 0; i < COUNT(bad); i++) {
		run_script(&outcome, "spawn/start.sh",
			   STRINGS(textf("PORT=%d", port_free()),
				   textf("RUN_DIR=%s/%s", directory, bad[i].below)));
		CU_ASSERT(was_refused(&outcome, bad[i].said));
	}
	directory_remove(directory);
}

static void ports_and_directories_in_use(void)
{
	const char *other = directory_make();

	CU_ASSERT(was_refused(script(&sys, "start.sh", textf("RUN_DIR=%s/run", other)), "in use"));
	CU_ASSERT_NOT_EQUAL(access(textf("%s/run", other), F_OK), 0);
	CU_ASSERT(was_refused(script(&sys, "start.sh", textf("PORT=%d", port_free())),
			      "already running"));
	CU_ASSERT_EQUAL(get(&sys, "/")->status, 200);
	directory_remove(other);
}

static void status_and_stop(void)
{
	static const char *const runs[] = {"loop-1", "loop-2", "nginx", ": none but this one\n"};
	const struct outcome *status = script(&sys, "status.sh", NULL);
	struct stat file;

	CU_ASSERT_EQUAL(status->status, 0);
	for (size_t i = 0; i < COUNT(runs); i++)
		CU_ASSERT_PTR_NOT_NULL(strstr(status->out, runs[i]));
	CU_ASSERT(script_works(&sys, "stop.sh", NULL));
	status = script(&sys, "status.sh", NULL);
	CU_ASSERT_EQUAL(status->status, 3);
	CU_ASSERT_PTR_NOT_NULL(strstr(status->out, "nothing is running"));
	CU_ASSERT(script_works(&sys, "stop.sh", NULL));
	CU_ASSERT(stat(system_file(&sys, "worker.log"), &file) == 0 && file.st_size > 0);
}

/* ---- any number of cores ---- */

/* Puts a program of that name, which says the number whatever it is asked, into the directory. PATH
 * with that first. */
static const char *path_with(const char *name, unsigned number, const char *directory)
{
	CU_ASSERT(
		file_write(textf("%s/%s", directory, name), textf("#!/bin/sh\necho %u\n", number)));
	return textf("PATH=%s:%s", directory, getenv("PATH"));
}

static unsigned times_in(const char *text, const char *sought)
{
	unsigned count = 0;

	while ((text = strstr(text, sought))) {
		text += strlen(sought);
		count++;
	}
	return count;
}

static void starts_with_defaults_on(unsigned cores)
{
	const char *directory = directory_make();
	const char *path = path_with("nproc", cores, directory);
	const char *status;

	CU_ASSERT_FATAL(
		system_start(&sys, SYSTEM(.environment = STRINGS(path, "WORKERS", "PREFORK_WORKERS",
								 "CPU_WORKERS", "CPU_THREADS"))));
	status = get(&sys, "/status")->body;
	CU_ASSERT_PTR_NOT_NULL(strstr(status, textf("\"name\":\"loop-%u\"", cores)));
	CU_ASSERT_PTR_NOT_NULL(strstr(status, textf("\"name\":\"prefork-%u\"", cores)));
	/* cpu, exercises, outside, admin, health */
	CU_ASSERT_EQUAL(times_in(status, "\"name\":"), 2 * cores + 7);
	CU_ASSERT(system_log_has(&sys, textf("cpu_threads=%u", cores)));
	CU_ASSERT_EQUAL(get(&sys, "/")->status, 200);
	CU_ASSERT(system_stop(&sys));
	directory_remove(directory);
}

static void defaults_on_many_cores(void)
{
	starts_with_defaults_on(1);
	starts_with_defaults_on(96);
}

static void defaults_on_more_cores_than_workers(void)
{
	const char *directory = directory_make();
	const char *path = path_with("nproc", 1000, directory);
	const char *run_dir = textf("RUN_DIR=%s/run", directory);

	/* Only once the settings are all right. */
	run_script(&outcome, "spawn/start.sh",
		   STRINGS(path, run_dir, "PROGRAM=/nowhere/lanes", "WORKERS", "PREFORK_WORKERS",
			   "CPU_WORKERS", "CPU_THREADS"));
	CU_ASSERT(was_refused(&outcome, "/nowhere/lanes is missing"));
	run_script(&outcome, "spawn/start.sh", STRINGS(path, run_dir, "WORKERS=257"));
	CU_ASSERT(was_refused(&outcome, "WORKERS=257: a whole number from 1 to 256 is wanted"));
	directory_remove(directory);
}

static void compiler_for_32_bits(void)
{
	/* What it makes of __SIZEOF_POINTER__. */
	const char *directory = directory_make();
	const char *path = path_with("cc", 4, directory);

	run(&outcome,
	    STRINGS("make", "--no-print-directory",
		    textf("BUILD=%s/build", path_from_here(directory)), "CC=cc", "all"),
	    STRINGS(path, "MAKEFLAGS", "SANITIZER", "CFLAGS"), -1);
	CU_ASSERT(outcome.status > 0);
	CU_ASSERT_STRING_EQUAL(outcome.out, "");
	CU_ASSERT_EQUAL(strncmp(outcome.errors, "Lanes needs a 64-bit machine\n", 29), 0);
	directory_remove(directory);
}

/* Requests in flight are answered before nginx and the workers go. */
static void stop_answers_what_is_in_flight(void)
{
	struct load *burst;

	CU_ASSERT_FATAL(system_start(&sys, SYSTEM(.workers = 1)));
	burst = load_system(&sys, PLAN(.target = "/async/await-one?seconds=1", .connections = 50));
	CU_ASSERT(EVENTUALLY(process_sockets(system_worker(&sys, 1)) > 50));
	CU_ASSERT(system_stop(&sys));
	CU_ASSERT_EQUAL(load_wait(burst)->answered, 50);
}

/* make run, ended by a signal that it can handle, and by one that it cannot; the shell says where
 * its input and output go. */
static void foreground_ends_with(int number, const char *redirections)
{
	pid_t pid;
	pid_t left;

	system_at(&sys, port_free(), directory_make());
	pid = process_start(STRINGS("sh", "-c", textf("exec spawn/run.sh %s", redirections)),
			    STRINGS(sys.run_dir_variable, sys.port_variable, "WORKERS=1"),
			    system_file(&sys, "run.log"));
	CU_ASSERT(EVENTUALLY(get(&sys, "/")->status == 200));
	CU_ASSERT_EQUAL(waitpid(pid, NULL, WNOHANG), 0);
	kill(pid, number);
	waitpid(pid, NULL, 0);
	CU_ASSERT(EVENTUALLY(processes_in(sys.run_dir, NULL, &left, 1) == 0));
	CU_ASSERT(EVENTUALLY(access(system_file(&sys, "pids"), F_OK) != 0));
	directory_remove(sys.run_dir);
}

static void foreground_ends_with_a_signal(void)
{
	foreground_ends_with(SIGINT, "");
	foreground_ends_with(SIGTERM, "");
}

static void foreground_leaves_nothing_when_killed(void)
{
	foreground_ends_with(SIGKILL, "");
}

static void foreground_needs_no_terminal(void)
{
	foreground_ends_with(SIGTERM, "<&- >&- 2>&-");
	foreground_ends_with(SIGTERM, ">/dev/full 2>&1");
}

/* ---- odd circumstances ---- */

/* A folder of the same name elsewhere must not be taken for the project's. */
static void cdpath(void)
{
	const char *directory = directory_make();

	run(&outcome, STRINGS("cp", "-r", "spawn", directory), NULL, -1);
	run_script(&outcome, "spawn/status.sh",
		   STRINGS(textf("CDPATH=%s", directory), "RUN_DIR=run/none"));
	CU_ASSERT_EQUAL(outcome.status, 3);
	CU_ASSERT_PTR_NULL(strstr(outcome.out, directory));
	directory_remove(directory);
}

/* As in a container whose first process asks for no child's status: we do not, either. */
static void scaling_below_a_parent_that_does_not_reap(void)
{
	CU_ASSERT_FATAL(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	CU_ASSERT_FATAL(system_start(&sys, SYSTEM(.workers = 2)));
	CU_ASSERT(script_works(&sys, "scale.sh", "WORKERS=1"));
	CU_ASSERT(script_works(&sys, "restart.sh", NULL));
	CU_ASSERT(system_stop(&sys));
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

/* Nothing is reloaded: nginx's processes are the same as before. */
static void scaling_to_what_there_is(void)
{
	pid_t before[8] = {0};
	pid_t after[8] = {0};

	processes_in(sys.run_dir, "nginx", before, 8);
	CU_ASSERT(script_works(&sys, "scale.sh", "WORKERS=2"));
	processes_in(sys.run_dir, "nginx", after, 8);
	CU_ASSERT(before[0] && !memcmp(before, after, sizeof(before)));
}

/* Its worker has gone with it; there is nobody who could start another. */
static void a_master_that_is_dead(void)
{
	CU_ASSERT_FATAL(kill(system_noted(&sys, "loop-2"), SIGKILL) == 0);
	CU_ASSERT(was_refused(script(&sys, "scale.sh", "WORKERS=3"), "loop-2 is dead: "));
	CU_ASSERT(was_refused(script(&sys, "restart.sh", NULL),
			      "loop-2 is dead: make stop, make start"));
}

static void nginx_has_nothing_to_complain_of(void)
{
	struct stat file;

	CU_ASSERT(stat(system_file(&sys, "error.log"), &file) == 0 && file.st_size == 0);
}

/* Runs a command as a third one. */
static void as_third(const struct system *sys, const char *command, const char *option,
		     const char *path)
{
	run(&outcome,
	    STRINGS("setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups", command,
		    option, path),
	    STRINGS(sys->run_dir_variable), -1);
}

/* As root: a user whose group has another name, and what a third one sees of the system. */
static void other_users(void)
{
	if (geteuid()) {
		not_judged("only root can become other users");
		return;
	}
	CU_ASSERT_FATAL(system_start(
		&sys, SYSTEM(.workers = 1, .environment = STRINGS("RUN_USER=nobody"))));
	as_third(&sys, "test", "-x", sys.run_dir);
	if (outcome.status == 0) {
		as_third(&sys, "spawn/status.sh", NULL, NULL);
		CU_ASSERT_EQUAL(outcome.status, 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(outcome.out, "another user's system: root's"));
		CU_ASSERT_PTR_NOT_NULL(strstr(outcome.out, "loop-1"));
		as_third(&sys, "spawn/stop.sh", NULL, NULL);
		CU_ASSERT(was_refused(&outcome, "belongs to another user, root"));
	}
	CU_ASSERT(system_stop(&sys));
}

/* ---- nothing is magic ---- */

/* What the README says, on another port and in a folder of its own, and with a path that is denied;
 * as root with the additions that it names. The folder pids is how the guard knows that something
 * may be running here. */
static const char PLAIN_WAY[] =
	"block=$(tests/documents/block 'the plain way' |\n"
	"	sed -e \"s/8081/$2/g\" -e 's,/path/to/build/lanes,./lanes,' "
	"-e 's,location / {,location /async/bad-blocking { deny all; } &,')\n"
	"[ \"$(id -u)\" != 0 ] || block=$(printf '%s\\n' \"$block\" |\n"
	"	sed -e 's/^spawn-fcgi /&-u www-data -U www-data /' -e 's/^pid /user www-data; "
	"&/')\n"
	"cp \"$3\" \"$1/lanes\"\n"
	"mkdir \"$1/pids\"\n"
	"chmod 755 \"$1\"\n"
	"cd \"$1\"\n"
	"eval \"$block\"\n";

static void the_plain_way(void)
{
	pid_t pids[8];

	system_at(&sys, port_free(), directory_make());
	CU_ASSERT(succeeds(&outcome,
			   STRINGS("sh", "-ec", PLAIN_WAY, "sh", sys.run_dir, textf("%d", sys.port),
				   program()),
			   NULL));
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.out, "async_io_task(0.5s) done"));
	CU_ASSERT_STRING_EQUAL(get(&sys, "/async/cpu-bound?n=10")->body, "{\"sum_sq\":285}");
	CU_ASSERT_EQUAL(get(&sys, "/async/await-one/")->status, 307);
	CU_ASSERT_EQUAL(get(&sys, "/nowhere")->status, 404);
	CU_ASSERT_EQUAL(get(&sys, "/async/await%2Done?seconds=0")->status, 200);
	CU_ASSERT_EQUAL(get(&sys, "/async/%62ad-blocking?seconds=0")->status, 403);
	CU_ASSERT_EQUAL(get(&sys, "/async/%2562ad-blocking?seconds=0")->status, 404);
	CU_ASSERT_EQUAL(load_wait(load_system(&sys, PLAN(.target = "/sync/noawait?seconds=0.2",
							 .connections = 160)))
				->answered,
			160);
	CU_ASSERT_EQUAL(processes_in(sys.run_dir, "lanes", pids, 8), 4);
	for (int i = 0; i < 4; i++)
		kill(pids[i], SIGTERM);
	CU_ASSERT(EVENTUALLY(processes_in(sys.run_dir, "lanes", pids, 8) == 0));
	run(&outcome, STRINGS("sh", "-c", "kill $(cat \"$1/nginx.pid\")", "sh", sys.run_dir), NULL,
	    -1);
	CU_ASSERT(EVENTUALLY(processes_in(sys.run_dir, NULL, pids, 8) == 0));
	directory_remove(sys.run_dir);
}

static const struct test tests[] = {
	{"bad values: one line, and nothing is left", bad_values},
	{"bad RUN_DIRs: one line, and nothing is touched", bad_directories},
	{"a port or RUN_DIR in use: one line, and who was there goes on",
	 ports_and_directories_in_use, SYSTEM(.workers = 1)},
	{"status says what runs, stop leaves nothing but logs", status_and_stop,
	 SYSTEM(.workers = 2)},
	{"1 core and 96: as many workers by default, all on the scoreboard",
	 defaults_on_many_cores},
	{"1000 cores: the defaults are values that are allowed",
	 defaults_on_more_cores_than_workers},
	{"a compiler for 32 bits is refused in one line", compiler_for_32_bits},
	{"stop answers the requests in flight first", stop_answers_what_is_in_flight},
	{"in the foreground: SIGINT and SIGTERM stop everything", foreground_ends_with_a_signal},
	{"in the foreground: nothing is left even after SIGKILL",
	 foreground_leaves_nothing_when_killed},
	{"in the foreground: input and output may be closed or full", foreground_needs_no_terminal},
	{"CDPATH leads nowhere else", cdpath},
	{"scale and restart below a parent that does not reap",
	 scaling_below_a_parent_that_does_not_reap},
	{"scale to as many workers as there are touches nothing", scaling_to_what_there_is,
	 SYSTEM(.workers = 2)},
	{"a master that is dead is told of", a_master_that_is_dead, SYSTEM(.workers = 2)},
	{"nginx has nothing to complain of", nginx_has_nothing_to_complain_of,
	 SYSTEM(.workers = 1, .cpu = 1)},
	{"another user's system is shown, and left alone", other_users},
	{"without the scripts, as the README says", the_plain_way},
};

const struct suite spawn_suite = {"spawn", tests, COUNT(tests), .before = before, .after = after};

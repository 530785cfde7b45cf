/* What the scripts believe, of the files that they find and of the processes that they meet. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/system.h"

static struct outcome outcome;

TEST_SYSTEM(sys)

/* ---- files ---- */

static void settings_are_not_executed(void)
{
	const char *settings = system_file(&sys, "pids/settings");
	const char *made = system_file(&sys, "executed.log");

	CU_ASSERT(file_write(settings, textf("PORT=$(touch %s)\n", made)));
	CU_ASSERT(was_refused(script(&sys, "status.sh", NULL), "PORT=$(touch "));
	CU_ASSERT(file_write(settings, textf("touch %s\n", made)));
	CU_ASSERT(was_refused(script(&sys, "scale.sh", "WORKERS=2"), "no setting is called touch"));
	CU_ASSERT_NOT_EQUAL(access(made, F_OK), 0);
}

static const char *const all[] = {"spawn/start.sh", "spawn/status.sh", "spawn/stop.sh"};

static void all_refuse(const char *run_dir, const char *why)
{
	for (size_t i = 0; i < COUNT(all); i++) {
		run_script(&outcome, all[i], STRINGS(textf("RUN_DIR=%s", run_dir)));
		CU_ASSERT(was_refused(&outcome, why));
	}
}

static void what_others_may_write(void)
{
	const char *directory = directory_make();
	const char *below = textf("%s/run", directory);

	CU_ASSERT_FATAL(chmod(directory, 0777) == 0);
	all_refuse(directory, "others may write");
	all_refuse(below, "others may write");
	/* Whoever may write to it can only make new names there. */
	CU_ASSERT_FATAL(chmod(directory, 01777) == 0 && mkdir(below, 0755) == 0);
	CU_ASSERT(file_write(textf("%s/old.log", below), ""));
	run_script(&outcome, "spawn/stop.sh", STRINGS(textf("RUN_DIR=%s", below)));
	CU_ASSERT_EQUAL(outcome.status, 0);
	directory_remove(directory);
}

/* As root: somebody who is not trusted made it. */
static void what_others_own(void)
{
	const char *directory;
	const char *below;

	if (geteuid()) {
		not_judged("only root can change the owner of a file");
		return;
	}
	directory = directory_make();
	CU_ASSERT_FATAL(chown(directory, 1, 1) == 0);
	below = textf("%s/run", directory);
	all_refuse(directory, "belongs to another user");
	all_refuse(below, "is not safe");
	CU_ASSERT_FATAL(mkdir(below, 0755) == 0);
	all_refuse(below, "is not safe");
	directory_remove(directory);
}

/* Who makes RUN_DIR after start.sh has seen that there is none: a mkdir that does it for him. */
static void what_others_make_meanwhile(void)
{
	static const char mkdir_for_another[] =
		"#!/bin/sh\n/bin/mkdir \"$@\" && chown daemon \"$2\"\n";
	const char *directory;

	if (geteuid()) {
		not_judged("only root can change the owner of a file");
		return;
	}
	directory = directory_make();
	CU_ASSERT(file_write(textf("%s/mkdir", directory), mkdir_for_another));
	run_script(&outcome, "spawn/start.sh",
		   STRINGS(textf("PATH=%s:%s", directory, getenv("PATH")),
			   textf("RUN_DIR=%s/run", directory), textf("PORT=%d", port_free())));
	CU_ASSERT(was_refused(&outcome, "belongs to another user"));
	CU_ASSERT_EQUAL(rmdir(textf("%s/run", directory)), 0); /* nothing was put there */
	directory_remove(directory);
}

/* ---- processes ---- */

/* One that only seems to be ours: its name, and the folder in which it works. */
static pid_t stranger(const char *directory)
{
	const char *program_path = textf("%s/nginx", directory);
	pid_t pid;

	run(&outcome, STRINGS("cp", "/bin/sleep", program_path), NULL, -1);
	pid = fork();
	if (pid == 0) {
		setsid();
		if (chdir(directory) == 0)
			execl(program_path, "nginx", "600", (char *)NULL);
		_exit(127);
	}
	CU_ASSERT(EVENTUALLY(processes_in(directory, "nginx", (pid_t[1]){0}, 1) == 1));
	unlink(program_path);
	return pid;
}

static void end_stranger(pid_t pid)
{
	CU_ASSERT_EQUAL(waitpid(pid, NULL, WNOHANG), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void a_name_proves_nothing(void)
{
	pid_t pid;

	system_at(&sys, port_free(), directory_make());
	pid = stranger(sys.run_dir);
	CU_ASSERT_EQUAL(script(&sys, "status.sh", NULL)->status, 3);
	CU_ASSERT(script_works(&sys, "start.sh", "WORKERS=1"));
	CU_ASSERT(script_works(&sys, "stop.sh", NULL));
	end_stranger(pid);
	directory_remove(sys.run_dir);
}

/* When the process started, as its note says it. */
static unsigned long long started(pid_t pid)
{
	const char *at = strrchr(file_text(textf("/proc/%d/stat", (int)pid)), ')');

	for (int i = 0; at && i < 20; i++) /* the 22nd, of which the name is the second */
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) : 0;
}

/* Leaves a RUN_DIR as a crash does, and what stop does then ends nobody. */
static void stop_ends_no_stranger(const struct system *sys, const char *boot, const char *note)
{
	static const char *const names[] = {"nginx", "loop-1", "admin", "logs"};

	mkdir(sys->run_dir, 0755); /* unless it is there */
	CU_ASSERT_FATAL(mkdir(system_file(sys, "pids"), 0755) == 0);
	CU_ASSERT(file_write(system_file(sys, "pids/boot"), boot));
	for (size_t i = 0; i < COUNT(names); i++)
		CU_ASSERT(file_write(textf("%s/pids/%s.pid", sys->run_dir, names[i]), note));
	CU_ASSERT_EQUAL(script(sys, "status.sh", NULL)->status, 3);
	/* It would wait for a stranger without end. */
	CU_ASSERT(succeeds(&outcome, STRINGS("timeout", "-s", "KILL", "60", "spawn/stop.sh"),
			   STRINGS(sys->run_dir_variable)));
}

/* A crash leaves its pid files; their numbers are other processes' by now, or were before the
 * machine was started anew. */
static void a_number_proves_nothing(void)
{
	char boot[64];
	pid_t pid;

	CU_ASSERT_FATAL(system_start(&sys, SYSTEM(.workers = 1)));
	snprintf(boot, sizeof(boot), "%s", file_text(system_file(&sys, "pids/boot")));
	CU_ASSERT_STRING_NOT_EQUAL_FATAL(boot, "");
	CU_ASSERT_FATAL(system_stop(&sys));

	CU_ASSERT_FATAL(mkdir(sys.run_dir, 0755) == 0);
	pid = stranger(sys.run_dir);
	stop_ends_no_stranger(&sys, boot, textf("%d 12345\n", (int)pid));
	stop_ends_no_stranger(&sys, boot, textf("%d\n", (int)pid));
	stop_ends_no_stranger(&sys, "another\n", textf("%d %llu\n", (int)pid, started(pid)));
	end_stranger(pid);
	directory_remove(sys.run_dir);
}

/* Even with its folder gone, and with the process that started the others. */
static void what_is_ours_is_found(void)
{
	pid_t left;
	pid_t nginx[4] = {0};

	CU_ASSERT_FATAL(system_start(&sys, SYSTEM(.workers = 1)));
	CU_ASSERT(processes_in(sys.run_dir, "nginx", nginx, 4) > 1);
	kill(nginx[0], SIGKILL); /* the first is the oldest: the master */
	CU_ASSERT(EVENTUALLY(kill(nginx[0], 0) != 0));
	CU_ASSERT(system_stop(&sys));

	CU_ASSERT_FATAL(system_start(&sys, SYSTEM(.workers = 1)));
	directory_remove(sys.run_dir);
	CU_ASSERT(script_works(&sys, "stop.sh", NULL));
	CU_ASSERT_EQUAL(processes_in(sys.run_dir, NULL, &left, 1), 0);
}

/* ---- what they hold ---- */

static void nothing_is_inherited(void)
{
	static const char command[] = "exec 37</etc/passwd; exec spawn/start.sh";
	pid_t pids[32];
	int count;

	system_at(&sys, port_free(), directory_make());
	CU_ASSERT(succeeds(&outcome, STRINGS("bash", "-c", command),
			   STRINGS(sys.run_dir_variable, sys.port_variable, "WORKERS=1")));
	count = processes_in(sys.run_dir, NULL, pids, 32);
	CU_ASSERT(count > 8); /* four masters, their workers, and nginx's */
	for (int i = 0; i < count; i++) {
		CU_ASSERT(process_open(pids[i], "/etc/passwd") <= 0); /* -1: another user's */
		CU_ASSERT_EQUAL(process_status(pids[i], "NoNewPrivs"), 1);
		CU_ASSERT(file_has(textf("/proc/%d/limits", (int)pids[i]),
				   "Max core file size        0 "));
	}
	CU_ASSERT(script_works(&sys, "stop.sh", NULL));
	directory_remove(sys.run_dir);
}

static const struct test tests[] = {
	{"settings are read, not executed", settings_are_not_executed, SYSTEM(.workers = 1)},
	{"a RUN_DIR that others may write, or its place, is refused", what_others_may_write},
	{"a RUN_DIR of another user's, or in his folder, is refused", what_others_own},
	{"and one that another user has made meanwhile", what_others_make_meanwhile},
	{"a process's name and folder do not make it ours", a_name_proves_nothing},
	{"a number in a pid file does not make it ours", a_number_proves_nothing},
	{"what is ours is found without its master, and without its folder", what_is_ours_is_found},
	{"processes inherit no descriptor, gain no privileges and leave no core",
	 nothing_is_inherited},
};

const struct suite ownership_suite = {"ownership", tests, COUNT(tests), .before = before,
				      .after = after};

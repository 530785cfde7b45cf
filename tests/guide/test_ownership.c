/* What the scripts believe, of the files that they find and of the processes that they meet. */
#include <fcntl.h>
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

static void write_file(const char *directory, const char *name, const char *text)
{
	char path[DIRECTORY_SIZE + 64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(text, file);
	fclose(file);
}

/* ---- files ---- */

static void settings_are_not_executed(void)
{
	struct system sys;
	char made[DIRECTORY_SIZE + 32];
	char text[2 * DIRECTORY_SIZE];

	CU_ASSERT_FATAL(system_start(&sys, &(struct system_options){.workers = 1}));
	snprintf(made, sizeof(made), "%s/executed.log", sys.run_dir);
	snprintf(text, sizeof(text), "PORT=$(touch %s)\n", made);
	write_file(sys.run_dir, "pids/settings", text);
	run_script(&outcome, "spawn/status.sh", (const char *[]){sys.run_dir_variable, NULL});
	CU_ASSERT(was_refused(&outcome, "PORT=$(touch "));
	snprintf(text, sizeof(text), "touch %s\n", made);
	write_file(sys.run_dir, "pids/settings", text);
	run_script(&outcome, "spawn/scale.sh",
		   (const char *[]){sys.run_dir_variable, "WORKERS=2", NULL});
	CU_ASSERT(was_refused(&outcome, "no setting is called touch"));
	CU_ASSERT_NOT_EQUAL(access(made, F_OK), 0);
	CU_ASSERT(system_stop(&sys));
}

static const char *const all[] = {"spawn/start.sh", "spawn/status.sh", "spawn/stop.sh"};

static void all_refuse(const char *run_dir, const char *why)
{
	char variable[2 * DIRECTORY_SIZE];

	snprintf(variable, sizeof(variable), "RUN_DIR=%s", run_dir);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		run_script(&outcome, all[i], (const char *[]){variable, NULL});
		CU_ASSERT(was_refused(&outcome, why));
	}
}

static void what_others_may_write(void)
{
	char directory[DIRECTORY_SIZE];
	char below[DIRECTORY_SIZE + 16];

	CU_ASSERT_FATAL(directory_make(directory));
	snprintf(below, sizeof(below), "%s/run", directory);
	CU_ASSERT_FATAL(chmod(directory, 0777) == 0);
	all_refuse(directory, "others may write");
	all_refuse(below, "others may write");
	/* Whoever may write to it can only make new names there. */
	CU_ASSERT_FATAL(chmod(directory, 01777) == 0 && mkdir(below, 0755) == 0);
	write_file(below, "old.log", "");
	snprintf(below, sizeof(below), "RUN_DIR=%s/run", directory);
	run_script(&outcome, "spawn/stop.sh", (const char *[]){below, NULL});
	CU_ASSERT_EQUAL(outcome.status, 0);
	directory_remove(directory);
}

/* As root: somebody who is not trusted made it. */
static void what_others_own(void)
{
	char directory[DIRECTORY_SIZE];
	char below[DIRECTORY_SIZE + 8];

	if (geteuid()) {
		not_judged("only root can change the owner of a file");
		return;
	}
	CU_ASSERT_FATAL(directory_make(directory) && chown(directory, 1, 1) == 0);
	snprintf(below, sizeof(below), "%s/run", directory);
	all_refuse(directory, "belongs to another user");
	all_refuse(below, "is not safe");
	CU_ASSERT_FATAL(mkdir(below, 0755) == 0);
	all_refuse(below, "is not safe");
	directory_remove(directory);
}

/* Who makes RUN_DIR after start.sh has seen that there is none: a mkdir that does it for him. */
static void what_others_make_meanwhile(void)
{
	char directory[DIRECTORY_SIZE];
	char command[3 * DIRECTORY_SIZE + 128];

	if (geteuid()) {
		not_judged("only root can change the owner of a file");
		return;
	}
	CU_ASSERT_FATAL(directory_make(directory));
	write_file(directory, "mkdir", "#!/bin/sh\n/bin/mkdir \"$@\" && chown daemon \"$2\"\n");
	snprintf(command, sizeof(command),
		 "chmod +x %s/mkdir; PATH=%s:$PATH RUN_DIR=%s/run PORT=%u exec spawn/start.sh",
		 directory, directory, directory, (unsigned)port_free());
	run(&outcome, (const char *[]){"sh", "-c", command, NULL}, NULL, -1);
	CU_ASSERT(was_refused(&outcome, "belongs to another user"));
	snprintf(command, sizeof(command), "rmdir %s/run", directory);
	run(&outcome, (const char *[]){"sh", "-c", command, NULL}, NULL, -1);
	CU_ASSERT_EQUAL(outcome.status, 0); /* nothing was put there */
	directory_remove(directory);
}

/* ---- processes ---- */

/* One that only seems to be ours: its name, and the folder in which it works. */
static pid_t stranger(const char *directory)
{
	char program_path[DIRECTORY_SIZE + 16];
	pid_t pid;

	snprintf(program_path, sizeof(program_path), "%s/nginx", directory);
	run(&outcome, (const char *[]){"cp", "/bin/sleep", program_path, NULL}, NULL, -1);
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
	char directory[DIRECTORY_SIZE];
	char variables[2][DIRECTORY_SIZE + 16];
	pid_t pid;

	CU_ASSERT_FATAL(directory_make(directory));
	snprintf(variables[0], sizeof(variables[0]), "RUN_DIR=%s", directory);
	snprintf(variables[1], sizeof(variables[1]), "PORT=%u", (unsigned)port_free());
	pid = stranger(directory);
	run_script(&outcome, "spawn/status.sh", (const char *[]){variables[0], NULL});
	CU_ASSERT_EQUAL(outcome.status, 3);
	run_script(&outcome, "spawn/start.sh",
		   (const char *[]){variables[0], variables[1], "WORKERS=1", NULL});
	CU_ASSERT_EQUAL(outcome.status, 0);
	run_script(&outcome, "spawn/stop.sh", (const char *[]){variables[0], NULL});
	CU_ASSERT_EQUAL(outcome.status, 0);
	end_stranger(pid);
	directory_remove(directory);
}

/* When the process started, as its note says it. */
static unsigned long long started(pid_t pid)
{
	char path[64];
	char text[512];
	unsigned long long ticks = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	if (file && fgets(text, sizeof(text), file)) {
		const char *at = strrchr(text, ')');

		for (int i = 0; at && i < 20; i++) /* the 22nd, of which the name is the second */
			at = strchr(at + 1, ' ');
		ticks = at ? strtoull(at, NULL, 10) : 0;
	}
	if (file)
		fclose(file);
	return ticks;
}

/* Leaves a RUN_DIR as a crash does, and what stop does then ends nobody. */
static void stop_ends_no_stranger(const struct system *sys, const char *boot, const char *note)
{
	static const char *const names[] = {"nginx", "loop-1", "admin", "logs"};
	char path[DIRECTORY_SIZE + 32];

	mkdir(sys->run_dir, 0755); /* unless it is there */
	snprintf(path, sizeof(path), "%s/pids", sys->run_dir);
	CU_ASSERT_FATAL(mkdir(path, 0755) == 0);
	write_file(sys->run_dir, "pids/boot", boot);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "pids/%s.pid", names[i]);
		write_file(sys->run_dir, path, note);
	}
	run_script(&outcome, "spawn/status.sh", (const char *[]){sys->run_dir_variable, NULL});
	CU_ASSERT_EQUAL(outcome.status, 3);
	/* It would wait for a stranger without end. */
	run(&outcome, (const char *[]){"timeout", "-s", "KILL", "60", "spawn/stop.sh", NULL},
	    (const char *[]){sys->run_dir_variable, NULL}, -1);
	CU_ASSERT_EQUAL(outcome.status, 0);
}

/* A crash leaves its pid files; their numbers are other processes' by now, or were before the
 * machine was started anew. */
static void a_number_proves_nothing(void)
{
	struct system sys;
	char text[64];
	char boot[64] = "";
	char path[DIRECTORY_SIZE + 32];
	FILE *file;
	pid_t pid;

	CU_ASSERT_FATAL(system_start(&sys, &(struct system_options){.workers = 1}));
	snprintf(path, sizeof(path), "%s/pids/boot", sys.run_dir);
	file = fopen(path, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_PTR_NOT_NULL(fgets(boot, sizeof(boot), file));
	fclose(file);
	CU_ASSERT_FATAL(system_stop(&sys));

	CU_ASSERT_FATAL(mkdir(sys.run_dir, 0755) == 0);
	pid = stranger(sys.run_dir);
	snprintf(text, sizeof(text), "%d 12345\n", (int)pid);
	stop_ends_no_stranger(&sys, boot, text);
	snprintf(text, sizeof(text), "%d\n", (int)pid);
	stop_ends_no_stranger(&sys, boot, text);
	snprintf(text, sizeof(text), "%d %llu\n", (int)pid, started(pid));
	stop_ends_no_stranger(&sys, "another\n", text);
	end_stranger(pid);
	directory_remove(sys.run_dir);
}

/* Even with its folder gone, and with the process that started the others. */
static void what_is_ours_is_found(void)
{
	struct system sys;
	pid_t left;
	pid_t nginx[4] = {0};

	CU_ASSERT_FATAL(system_start(&sys, &(struct system_options){.workers = 1}));
	CU_ASSERT(processes_in(sys.run_dir, "nginx", nginx, 4) > 1);
	kill(nginx[0], SIGKILL); /* the first is the oldest: the master */
	CU_ASSERT(EVENTUALLY(kill(nginx[0], 0) != 0));
	CU_ASSERT(system_stop(&sys));

	CU_ASSERT_FATAL(system_start(&sys, &(struct system_options){.workers = 1}));
	directory_remove(sys.run_dir);
	run_script(&outcome, "spawn/stop.sh", (const char *[]){sys.run_dir_variable, NULL});
	CU_ASSERT_EQUAL(outcome.status, 0);
	CU_ASSERT_EQUAL(processes_in(sys.run_dir, NULL, &left, 1), 0);
}

/* ---- what they hold ---- */

static bool has_open(pid_t pid, const char *path)
{
	char link[64];
	char target[256];

	for (int fd = 0; fd < 64; fd++) {
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)pid, fd);
		n = readlink(link, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		if (!strcmp(target, path))
			return true;
	}
	return false;
}

static bool leaves_no_core(pid_t pid)
{
	char path[64];
	char line[128];
	bool none = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/limits", (int)pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		none = none || !strncmp(line, "Max core file size        0 ", 28);
	if (file)
		fclose(file);
	return none;
}

static void nothing_is_inherited(void)
{
	char directory[DIRECTORY_SIZE];
	char command[3 * DIRECTORY_SIZE + 128];
	char variable[DIRECTORY_SIZE + 16];
	pid_t pids[32];
	int count;

	CU_ASSERT_FATAL(directory_make(directory));
	snprintf(variable, sizeof(variable), "RUN_DIR=%s", directory);
	snprintf(command, sizeof(command),
		 "exec 37</etc/passwd; RUN_DIR=%s PORT=%u WORKERS=1 exec spawn/start.sh", directory,
		 (unsigned)port_free());
	run(&outcome, (const char *[]){"bash", "-c", command, NULL}, NULL, -1);
	CU_ASSERT_EQUAL(outcome.status, 0);
	count = processes_in(directory, NULL, pids, 32);
	CU_ASSERT(count > 8); /* four masters, their workers, and nginx's */
	for (int i = 0; i < count; i++) {
		CU_ASSERT(!has_open(pids[i], "/etc/passwd"));
		CU_ASSERT_EQUAL(process_status(pids[i], "NoNewPrivs"), 1);
		CU_ASSERT(leaves_no_core(pids[i]));
	}
	run_script(&outcome, "spawn/stop.sh", (const char *[]){variable, NULL});
	CU_ASSERT_EQUAL(outcome.status, 0);
	directory_remove(directory);
}

static const struct test tests[] = {
	{"settings are read, not executed", settings_are_not_executed},
	{"a RUN_DIR that others may write, or its place, is refused", what_others_may_write},
	{"a RUN_DIR of another user's, or in his folder, is refused", what_others_own},
	{"and one that another user has made meanwhile", what_others_make_meanwhile},
	{"a process's name and folder do not make it ours", a_name_proves_nothing},
	{"a number in a pid file does not make it ours", a_number_proves_nothing},
	{"what is ours is found without its master, and without its folder", what_is_ours_is_found},
	{"processes inherit no descriptor, gain no privileges and leave no core",
	 nothing_is_inherited},
};

const struct suite ownership_suite = {"ownership", tests, sizeof(tests) / sizeof(tests[0]), NULL,
				      NULL};

#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_GROUPS = 64, LAST_WORDS = 2000 };

static struct group {
	pid_t pid; /* the command's, which is the number of the group and the session; 0: none */
	const char *name; /* of its log; NULL: it has none */
} groups[MAX_GROUPS];

static sigset_t ending; /* the signals that end the program; they wait while groups changes */

static void die(const char *what, int error)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(error));
	exit(1);
}

/* ---- the end ---- */

static void kill_group(struct group *group)
{
	kill(-group->pid, SIGKILL);
}

/* A process becomes our child before its parent's end can be seen: as long as there is one of the
 * group, there is one to wait for. */
static void reap_group(struct group *group)
{
	while (waitpid(-group->pid, NULL, 0) > 0)
		;
	group->pid = 0;
}

static void for_each_group(void (*act)(struct group *group))
{
	for (size_t i = 0; i < MAX_GROUPS; i++)
		if (groups[i].pid)
			act(&groups[i]);
}

static void end_all(void)
{
	sigprocmask(SIG_BLOCK, &ending, NULL);
	for_each_group(kill_group);
	for_each_group(reap_group);
}

/* The signal comes again when this returns, and then does what it does by default. */
static void on_signal(int number)
{
	end_all();
	raise(number);
}

void groups_init(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

	sigemptyset(&ending);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(&ending, numbers[i]);
	action.sa_mask = ending;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &action, NULL);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1))
		die("PR_SET_CHILD_SUBREAPER", errno);
	atexit(end_all);
}

static struct group *find(pid_t pid)
{
	for (size_t i = 0; i < MAX_GROUPS; i++)
		if (groups[i].pid == pid)
			return &groups[i];
	die("groups", pid ? ESRCH : ENOSPC);
	return NULL;
}

void group_end(pid_t pid)
{
	struct group *group = find(pid);

	sigprocmask(SIG_BLOCK, &ending, NULL);
	kill_group(group);
	reap_group(group);
	sigprocmask(SIG_UNBLOCK, &ending, NULL);
}

/* ---- the start ---- */

static pid_t spawn(const char *name, const char *command,
		   const posix_spawn_file_actions_t *descriptors)
{
	char *const arguments[] = {"sh", "-c", (char *)command, NULL};
	struct group *group = find(0);
	posix_spawnattr_t attributes;
	sigset_t none;
	int error;

	sigemptyset(&none);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attributes, &none);
	sigprocmask(SIG_BLOCK, &ending, NULL);
	error = posix_spawn(&group->pid, "/bin/sh", descriptors, &attributes, arguments, environ);
	sigprocmask(SIG_UNBLOCK, &ending, NULL);
	posix_spawnattr_destroy(&attributes);
	if (error)
		die(command, error);
	group->name = name;
	return group->pid;
}

static void log_path(char path[64], const char *name)
{
	snprintf(path, 64, "%s.log", name);
}

pid_t group_start(const char *name, const char *command)
{
	posix_spawn_file_actions_t descriptors;
	char log[64];
	pid_t pid;

	log_path(log, name);
	setenv("NAME", name, 1);
	posix_spawn_file_actions_init(&descriptors);
	posix_spawn_file_actions_addopen(&descriptors, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&descriptors, STDOUT_FILENO, log,
					 O_WRONLY | O_CREAT | O_TRUNC, 0644);
	posix_spawn_file_actions_adddup2(&descriptors, STDOUT_FILENO, STDERR_FILENO);
	pid = spawn(name, command, &descriptors);
	posix_spawn_file_actions_destroy(&descriptors);
	return pid;
}

pid_t group_start_piped(const char *command, FILE **out)
{
	posix_spawn_file_actions_t descriptors;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) || !(*out = fdopen(ends[0], "r")))
		die(command, errno);
	posix_spawn_file_actions_init(&descriptors);
	posix_spawn_file_actions_adddup2(&descriptors, ends[1], STDOUT_FILENO);
	pid = spawn(NULL, command, &descriptors);
	posix_spawn_file_actions_destroy(&descriptors);
	close(ends[1]);
	return pid;
}

/* ---- meanwhile ---- */

/* It stays a zombie, so that its number stays the group's. */
static bool has_ended(pid_t pid, siginfo_t *info)
{
	info->si_pid = 0;
	return !waitid(P_PID, (id_t)pid, info, WEXITED | WNOHANG | WNOWAIT) && info->si_pid;
}

bool group_ended(pid_t pid, int ms)
{
	/* poll() waits, too, where there is no descriptor. */
	struct pollfd end = {.fd = pidfd_open(pid, 0), .events = POLLIN};
	siginfo_t info;

	poll(&end, 1, ms);
	if (end.fd >= 0)
		close(end.fd);
	return has_ended(pid, &info);
}

static void explain_end(const struct group *group)
{
	siginfo_t info;

	if (has_ended(group->pid, &info))
		fprintf(stderr, "%s %s %d\n", group->name,
			info.si_code == CLD_EXITED ? "ended with status" : "was ended by signal",
			info.si_status);
}

void group_explain(pid_t pid)
{
	const struct group *group;
	char path[64];
	char line[LAST_WORDS];
	FILE *log;

	if (!pid)
		return;
	group = find(pid);
	explain_end(group);
	log_path(path, group->name);
	log = fopen(path, "r");
	if (!log)
		return;
	fprintf(stderr, "the end of bench/run/%s:\n", path);
	/* What is left of the line in which the end begins is skipped. */
	if (fseek(log, -LAST_WORDS, SEEK_END) || !fgets(line, sizeof(line), log))
		rewind(log);
	while (fgets(line, sizeof(line), log))
		fprintf(stderr, "\t%s", line);
	fclose(log);
}

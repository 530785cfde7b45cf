#include "process.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"

enum { LONGEST_DIRECTORY = 80, DIRECTORIES = 512 };

void process_prepare(void)
{
	char seconds[16];

	machine_files();
	snprintf(seconds, sizeof(seconds), "%d", SLOW_START / 2);
	setenv("START_TIMEOUT", seconds, 1);
}

bool poll_again(double deadline)
{
	nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	return now() < deadline;
}

const char *program(void)
{
	static char path[PATH_MAX];
	const char *given = getenv("PROGRAM");

	if (!path[0] && !realpath(given ? given : "build/lanes", path)) {
		perror(given ? given : "build/lanes");
		exit(2);
	}
	return path;
}

const char *textf(const char *format, ...)
{
	static char texts[32][8192];
	static unsigned turn;
	char *text = texts[turn++ % 32];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(texts[0]), format, arguments);
	va_end(arguments);
	return text;
}

const char *built(const char *name)
{
	return textf("%.*s%s", (int)(strrchr(program(), '/') + 1 - program()), program(), name);
}

const char *path_from_here(const char *path)
{
	static char from_here[PATH_MAX + 1];
	char here[PATH_MAX];
	size_t len = getcwd(here, sizeof(here)) ? strlen(here) : 0;

	if (!len || strncmp(path, here, len) || path[len] != '/')
		return path;
	snprintf(from_here, sizeof(from_here), ".%s", path + len);
	return from_here;
}

/* ---- the guard ---- */

/* Those that others started there, such as supervisors. */
static void end_all(const char *directory)
{
	pid_t pids[64];
	int count = processes_in(directory, NULL, pids, 64);

	for (int i = 0; i < count && i < 64; i++)
		kill(pids[i], SIGKILL);
}

static void clean_up(const char *directory)
{
	static const char script[] = "export STOP_TIMEOUT=0 RUN_DIR=\"$1\"; [ ! -d \"$1\" ] || { [ "
				     "! -d \"$1/pids\" ] || "
				     "spawn/stop.sh; rm -rf -- \"$1\"; spawn/stop.sh; }";
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", script, "guard", directory, (char *)NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
	end_all(directory);
}

/* Forgets those that are gone; how many there are left. */
static int still_there(char seen[][DIRECTORY_SIZE], int count)
{
	int left = 0;

	for (int i = 0; i < count; i++)
		if (access(seen[i], F_OK) == 0)
			memmove(seen[left++], seen[i], DIRECTORY_SIZE);
	return left;
}

/* Learns the directories through a pipe, and acts at its end. A signal is not meant for it. */
static void guard(int names)
{
	static char seen[DIRECTORIES + 1][DIRECTORY_SIZE];
	FILE *list = fdopen(names, "r");
	int null = open("/dev/null", O_RDWR);
	int count = 0;

	setsid();
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	while (fgets(seen[count], DIRECTORY_SIZE, list)) {
		seen[count][strcspn(seen[count], "\n")] = '\0';
		if (++count > DIRECTORIES && (count = still_there(seen, count)) > DIRECTORIES)
			count--;
	}
	for (int i = 0; i < count; i++)
		clean_up(seen[i]);
	_exit(0);
}

static void guard_tell(const char *directory)
{
	static int pipe_end = -1;
	int ends[2];
	char line[DIRECTORY_SIZE + 1];
	int len = snprintf(line, sizeof(line), "%s\n", directory);

	if (pipe_end < 0) {
		if (pipe2(ends, O_CLOEXEC))
			abort();
		fflush(NULL);
		if (fork() == 0) {
			close(ends[1]);
			guard(ends[0]);
		}
		close(ends[0]);
		pipe_end = ends[1];
	}
	if (write(pipe_end, line, (size_t)len) != len)
		abort();
}

static const char *directory_make_as(char path[DIRECTORY_SIZE])
{
	if (!mkdtemp(path)) {
		perror(path);
		exit(2);
	}
	guard_tell(path);
	return path;
}

static char *next_path(void)
{
	static char paths[DIRECTORIES][DIRECTORY_SIZE];
	static unsigned turn;

	return paths[turn++ % DIRECTORIES];
}

/* The sockets in it may have 107 bytes: below a program with a long path there is no room for them.
 */
const char *directory_make(void)
{
	char *path = next_path();
	const char *slash = strrchr(program(), '/');
	int len = snprintf(path, DIRECTORY_SIZE, "%.*s/test.XXXXXX", (int)(slash - program()),
			   program());

	if (len > LONGEST_DIRECTORY)
		snprintf(path, DIRECTORY_SIZE, "/tmp/lanes-test.XXXXXX");
	return directory_make_as(path);
}

const char *directory_make_for_all(void)
{
	char *path = next_path();

	snprintf(path, DIRECTORY_SIZE, "/tmp/lanes-test.XXXXXX");
	return directory_make_as(path);
}

void directory_remove(const char *path)
{
	struct outcome outcome;

	run(&outcome, STRINGS("rm", "-rf", "--", path), NULL, -1);
	if (getenv("F") && !strcmp(getenv("F"), path))
		unsetenv("F");
}

/* ---- commands ---- */

static void set_environment(const char *const *environment)
{
	for (; environment && *environment; environment++) {
		const char *equals = strchr(*environment, '=');

		if (!equals)
			unsetenv(*environment);
		else
			putenv((char *)*environment);
	}
}

/* In the child. Who started us may have ignored or blocked signals: a shell does, for what it runs
 * in the background, and a program that was started so could not be interrupted. */
static void usual_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child. The parent's death is ours. */
static void become(const char *const *arguments, const char *const *environment, int input, int out,
		   int errors)
{
	if (input < 0)
		input = open("/dev/null", O_RDONLY);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	usual_signals();
	dup2(input, 0);
	dup2(out, 1);
	dup2(errors, 2);
	close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC); /* libcurl's, too */
	set_environment(environment);
	execvp(arguments[0], (char *const *)arguments);
	perror(arguments[0]);
	_exit(127);
}

static int wait_for_end(pid_t pid, int seconds)
{
	double deadline = now() + seconds;
	bool killed = false;
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (poll_again(deadline))
			continue;
		killed = true;
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		break;
	}
	if (killed)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* For what a process and all that it starts say: each adds to the end. No pipe, as one that is left
 * in the background may keep its end open. */
static int open_said(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	fcntl(fd, F_SETFL, O_APPEND);
	return fd;
}

static void read_back(int fd, char *text, size_t size)
{
	ssize_t n = pread(fd, text, size - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	close(fd);
}

void run(struct outcome *outcome, const char *const *arguments, const char *const *environment,
	 int input)
{
	int out = open_said("out");
	int errors = open_said("errors");
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		become(arguments, environment, input, out, errors);
	outcome->status = pid < 0 ? -1 : wait_for_end(pid, SLOW_START);
	read_back(out, outcome->out, sizeof(outcome->out));
	read_back(errors, outcome->errors, sizeof(outcome->errors));
}

bool succeeds(struct outcome *outcome, const char *const *arguments, const char *const *environment)
{
	run(outcome, arguments, environment, -1);
	if (outcome->status)
		printf("    status %d: %s%s\n", outcome->status, outcome->out, outcome->errors);
	return outcome->status == 0;
}

bool accepts(const char *command, const char *input)
{
	FILE *to = popen(command, "we");
	bool taken = to && fputs(input, to) >= 0;

	return to && !pclose(to) && taken;
}

void run_script(struct outcome *outcome, const char *name, const char *const *environment)
{
	run(outcome, STRINGS(name), environment, -1);
}

const struct outcome *shell(const char *command)
{
	static struct outcome outcome;

	run(&outcome, STRINGS("/bin/sh", "-c", "cd \"$F\" && eval \"$0\"", command), NULL, -1);
	return &outcome;
}

bool says(const char *command, const char *text)
{
	const struct outcome *outcome = shell(command);
	bool found = strstr(outcome->out, text) != NULL;

	if (!found)
		printf("    %s\n    says: %s%s\n", command, outcome->out, outcome->errors);
	return found;
}

bool was_refused(const struct outcome *outcome, const char *what)
{
	const char *end = strchr(outcome->errors, '\n');
	bool was = outcome->status > 0 && strstr(outcome->errors, what) && end && !end[1];

	if (!was)
		printf("    status %d: %s", outcome->status, outcome->errors);
	return was;
}

pid_t process_start(const char *const *arguments, const char *const *environment,
		    const char *log_path)
{
	int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		become(arguments, environment, -1, log, log);
	close(log);
	return pid;
}

bool process_ended(pid_t pid)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid;
}

/* ---- workers without nginx ---- */

const char *file_text(const char *path)
{
	static struct buffer text;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0;
	char *to;

	text.len = 0;
	while (fd >= 0 && (to = buffer_reserve(&text, 65536)) && (n = read(fd, to, 65536)) > 0)
		text.len += (size_t)n;
	if (fd >= 0)
		close(fd);
	buffer_append(&text, "", 1);
	return text.data;
}

bool file_has(const char *path, const char *text)
{
	return strstr(file_text(path), text) != NULL;
}

size_t file_lines(const char *path, const char *text)
{
	size_t count = 0;

	for (const char *at = file_text(path); (at = strstr(at, text)); at += strcspn(at, "\n"))
		count++;
	return count;
}

bool file_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");
	bool written = file && fputs(text, file) >= 0;

	if (file && !strncmp(text, "#!", 2))
		fchmod(fileno(file), 0755);
	return file && !fclose(file) && written;
}

bool worker_start(struct worker *worker, const char *const *options, const char *const *environment)
{
	return worker_start_program(worker, program(), options, environment);
}

bool worker_start_program(struct worker *worker, const char *path, const char *const *options,
			  const char *const *environment)
{
	const char *arguments[32] = {path, "--drain-idle", "0", "--listen", worker->socket};
	int count = 5;

	worker->pid = 0;
	worker->directory = directory_make();
	snprintf(worker->socket, sizeof(worker->socket), "%s/worker.sock", worker->directory);
	snprintf(worker->log, sizeof(worker->log), "%s/worker.log", worker->directory);
	while (options && *options && count < 31)
		arguments[count++] = *options++;
	worker->pid = process_start(arguments, environment, worker->log);
	return WITHIN(SLOW_START,
		      file_has(worker->log, "event=started") || process_ended(worker->pid)) &&
	       file_has(worker->log, "event=started");
}

int worker_wait(struct worker *worker)
{
	int status = wait_for_end(worker->pid, PATIENCE);

	worker->pid = 0;
	return status;
}

void worker_stop(struct worker *worker)
{
	if (worker->pid > 0) {
		kill(worker->pid, SIGKILL);
		waitpid(worker->pid, NULL, 0);
	}
	worker->pid = 0;
	if (worker->directory)
		directory_remove(worker->directory);
	worker->directory = NULL;
}

int worker_end(struct worker *worker)
{
	int status;

	kill(worker->pid, SIGTERM);
	status = worker_wait(worker);
	worker_stop(worker);
	return status;
}

/* ---- /proc ---- */

/* In a buffer of its own, not textf()'s: who waits for something asks often. */
static const char *in_proc(pid_t pid, const char *name)
{
	static char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return path;
}

long process_open(pid_t pid, const char *text)
{
	DIR *dir = opendir(in_proc(pid, "fd"));
	char target[PATH_MAX];
	struct dirent *entry;
	long count = 0;

	if (!dir)
		return -1;
	while ((entry = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		target[n > 0 ? n : 0] = '\0';
		count += n > 0 && strstr(target, text);
	}
	closedir(dir);
	return count;
}

long process_sockets(pid_t pid)
{
	return process_open(pid, "socket:");
}

static long read_field(pid_t pid, const char *name, const char *field)
{
	const char *at = strstr(file_text(in_proc(pid, name)), field);

	return at ? atol(at + strlen(field)) : -1;
}

long process_status(pid_t pid, const char *field)
{
	char line[32];

	snprintf(line, sizeof(line), "\n%s:", field);
	return read_field(pid, "status", line);
}

double process_seconds(pid_t pid)
{
	unsigned long user;
	unsigned long system;

	if (sscanf(file_text(in_proc(pid, "stat")),
		   "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
		   &system) != 2)
		return 0;
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

long process_private_kb(pid_t pid)
{
	return read_field(pid, "smaps_rollup", "\nAnonymous:");
}

bool process_is(pid_t pid, const char *name)
{
	const char *comm = file_text(in_proc(pid, "comm"));
	size_t len = strlen(name);

	return !strncmp(comm, name, len) && !strcmp(comm + len, "\n");
}

static bool lives_in(pid_t pid, const char *directory, const char *name)
{
	char target[PATH_MAX];
	size_t len = strlen(directory);
	ssize_t n = readlink(in_proc(pid, "cwd"), target, sizeof(target) - 1);

	if (n < 0)
		return false;
	target[n] = '\0';
	return !strncmp(target, directory, len) &&
	       (!target[len] || target[len] == '/' || !strcmp(target + len, " (deleted)")) &&
	       (!name || process_is(pid, name));
}

int processes_in(const char *directory, const char *name, pid_t *pids, int max)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int count = 0;

	while (dir && (entry = readdir(dir))) {
		pid_t pid = atoi(entry->d_name);

		if (pid <= 0 || !lives_in(pid, directory, name))
			continue;
		if (count < max)
			pids[count] = pid;
		count++;
	}
	if (dir)
		closedir(dir);
	return count;
}

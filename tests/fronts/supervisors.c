#include "supervisors.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/client.h"
#include "../support/harness.h"
#include "base/buffer.h"

#define ROW(title, ...)                                                                            \
	{                                                                                          \
		.name = (title), DEBIAN_NGINX, .workers = SUPERVISED,                              \
		.supervisor = &(const struct supervisor){__VA_ARGS__},                             \
	}
#define SPAWN	   .program = "/usr/bin/spawn-fcgi", .row = "spawn-fcgi"
#define MULTIWATCH .program = "/usr/bin/multiwatch", .row = "multiwatch", .holds = true
#define RUNIT                                                                                      \
	.program = "/usr/bin/runsvdir", .row = "runit", .file = "run",                             \
	.path = "/etc/sv/worker-1/run", .daemon = STRINGS("runsvdir", "etc/service")
#define S6                                                                                         \
	.program = "/usr/bin/s6-svscan", .row = "s6", .file = "run",                               \
	.path = "/etc/s6/worker-1/run", .daemon = STRINGS("s6-svscan", "run/service"),             \
	.running = "run/service/.s6-svscan/control"
#define SUPERVISORD                                                                                \
	.program = "/usr/bin/supervisord", .row = "supervisord", .file = "worker-1.conf",          \
	.path = "/etc/supervisor/conf.d/worker-1.conf",                                            \
	.daemon = STRINGS("supervisord", "-n", "-c", "supervisord.conf"),                          \
	.running = "supervisor.sock", .holds = true
#define ALONE	  .workers = 1
#define MASTER	  .workers = 2, .master = true, .replaces = true
#define CONTAINER .program = "/usr/bin/unshare", .row = "pid 1"

const struct front supervised[] = {
	ROW("spawn-fcgi", SPAWN, ALONE, .forgets = true),
	ROW("spawn-fcgi, the master", SPAWN, MASTER),
	ROW("spawn-fcgi, multiwatch", MULTIWATCH, .workers = 2, .replaces = true),
	ROW("runit", RUNIT, ALONE),
	ROW("runit, the master", RUNIT, MASTER),
	ROW("s6", S6, ALONE),
	ROW("s6, the master", S6, MASTER),
	ROW("supervisord", SUPERVISORD, .workers = 2, .replaces = true),
	ROW("supervisord, the master", SUPERVISORD, MASTER),
	ROW("pid 1", CONTAINER, ALONE),
	ROW("pid 1, the master", CONTAINER, MASTER),
};
const size_t supervised_count = COUNT(supervised);

/* ---- the README ---- */

static const char *example(const char *name)
{
	static struct outcome outcome;

	return succeeds(&outcome, STRINGS("tests/documents/block", name, "spawn/README.md"), NULL)
		       ? outcome.out
		       : "";
}

/* The commands of a supervisor are a row of a table: start, replace, restart, stop. */
static const char *const columns[] = {"start", "replace", "restart", "stop"};

/* The command in a column of its row, or the second one there. Lives as textf(); NULL: there is
 * none. */
static const char *command_of(const struct supervisor *s, const char *what, bool second)
{
	const char *cell = strstr(file_text("spawn/README.md"), textf("\n| %s |", s->row));
	const char *end;

	if (!cell)
		return NULL;
	cell += strlen(s->row) + 5;
	for (size_t i = 0; i < COUNT(columns) && strcmp(columns[i], what); i++)
		cell = strstr(cell, " | ") + 3;
	end = cell + strcspn(cell, "|\n");
	cell = strchr(cell, '`');
	for (int marks = 0; second && marks < 2; marks++)
		cell = strchr(cell + 1, '`');
	return cell && cell < end ? textf("%.*s", (int)strcspn(cell + 1, "`"), cell + 1) : NULL;
}

/* ---- typing ---- */

static pid_t start_in_stage(const char *command)
{
	static const char script[] = "cd \"$0\"\n"
				     "export SVDIR=\"$0/etc/service\" PATH=\"$2:$PATH\"\n"
				     "eval \"$1\"\n";

	return stage_start(
		STRINGS("sh", "-ec", script, stage.run_dir, command, stage_file("stand-ins")),
		"supervisor.log");
}

pid_t supervisor_type(const struct supervisor *s, const char *what, int service)
{
	const char *command = command_of(
		s, what, !s->master && !strcmp(what, "replace") && command_of(s, what, true));

	if (!command)
		command = textf("%s; tail --pid=$(cat worker-1.pid) -f /dev/null; %s",
				command_of(s, "stop", false), command_of(s, "start", false));
	return start_in_stage(stage_text(command, service));
}

bool supervisor_typed(pid_t pid)
{
	int status = -1;

	if (pid <= 0 || !EVENTUALLY(process_ended(pid)))
		return false;
	waitpid(pid, &status, 0);
	return status == 0;
}

/* ---- start, end ---- */

static bool make_folders(void)
{
	static const char *const folders[] = {
		"etc",	       "etc/sv",      "etc/sv/worker-1", "etc/sv/worker-2",
		"etc/service", "etc/s6",      "etc/s6/worker-1", "etc/s6/worker-2",
		"run",	       "run/service", "etc/supervisor",	 "etc/supervisor/conf.d",
		"stand-ins"};
	bool made = true;

	for (size_t i = 0; i < COUNT(folders); i++)
		made = made && stage_folder(folders[i]);
	return made;
}

/* A container is made by what stands in for docker. */
static bool write_files(const struct supervisor *s)
{
	struct outcome outcome;
	bool written = succeeds(&outcome,
				STRINGS("install", "-m", "755", "tests/fronts/docker",
					stage_file("stand-ins/docker")),
				NULL);

	for (int service = 1; s->file && service <= SERVICES; service++) {
		const char *path = stage_text(s->path, service) + strlen(stage.run_dir) + 1;

		written = written && stage_write(example(s->file), service, textf("%s", path));
	}
	if (!strcmp(s->row, "supervisord"))
		written = written && stage_write(file_text("/etc/supervisor/supervisord.conf"), 1,
						 "supervisord.conf");
	return written;
}

static bool start_daemon(const struct supervisor *s)
{
	const char *command = "exec";

	if (!s->daemon)
		return true;
	for (const char *const *word = s->daemon; *word; word++)
		command = textf("%s %s", command, *word);
	start_in_stage(command);
	return !s->running || EVENTUALLY(access(stage_file(s->running), F_OK) == 0);
}

bool supervisor_start(const struct supervisor *s)
{
	bool started = make_folders() && write_files(s) && start_daemon(s);

	for (int service = 1; started && service <= SERVICES; service++)
		started = supervisor_typed(supervisor_type(s, "start", service));
	return started && WITHIN(PATIENCE / 3,
				 access(stage_file(textf("worker-%d.sock", SERVICES)), F_OK) == 0);
}

static bool kill_all(void)
{
	pid_t pids[64];
	int count = processes_in(stage.run_dir, NULL, pids, 64);

	for (int i = 0; i < count && i < 64; i++)
		kill(pids[i], SIGKILL);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return count == 0;
}

void supervisor_end(void)
{
	if (!EVENTUALLY(kill_all()))
		printf("    processes in %s do not end\n", stage.run_dir);
}

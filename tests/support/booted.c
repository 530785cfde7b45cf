#include "booted.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *folder;
static pid_t script;
static char number[16]; /* of its first process, here */
static int own_network = -1;

enum { WORDS = 16 };

/* The words that enter it, and then this command. */
static void enter(const char **words, const char *command)
{
	static const char *const entered[] = {"nsenter", "--mount", "--pid",  "--net",
					      "--uts",	 "--ipc",   "--root", "--wd"};
	int count = 0;

	for (; count < (int)(sizeof(entered) / sizeof(entered[0])); count++)
		words[count] = entered[count];
	words[count++] = "--target";
	words[count++] = number;
	words[count++] = "timeout";
	words[count++] = "600";
	words[count++] = "sh";
	words[count++] = "-c";
	words[count++] = command;
	words[count] = NULL;
}

const struct outcome *machine_does(const char *command)
{
	static struct outcome outcome;
	const char *words[WORDS];

	enter(words, command);
	run(&outcome, words, NULL, -1);
	return &outcome;
}

bool machine_did(const char *command)
{
	const struct outcome *outcome = machine_does(command);

	if (outcome->status)
		printf("    %s: status %d: %s%s\n", command, outcome->status, outcome->out,
		       outcome->errors);
	return outcome->status == 0;
}

bool machine_says(const char *command, const char *text)
{
	const struct outcome *outcome = machine_does(command);
	bool found = strstr(outcome->out, text) != NULL;

	if (!found)
		printf("    %s: %s%s\n", command, outcome->out, outcome->errors);
	return found;
}

const char *machine_file(const char *path)
{
	return textf("/proc/%s/root%s", number, path);
}

pid_t machine_begins(const char *command)
{
	const char *words[WORDS];

	enter(words, command);
	return process_start(words, NULL, textf("%s/begun.log", folder));
}

/* ---- boot and end ---- */

static bool read_number(void)
{
	snprintf(number, sizeof(number), "%.15s", file_text(textf("%s/pid", folder)));
	number[strcspn(number, "\n")] = '\0';
	return *number;
}

/* Its system bus is not there: systemctl asks process 1 itself. */
static bool is_up(void)
{
	const char *state = machine_does("systemctl is-system-running")->out;

	return !strcmp(state, "running\n") || !strcmp(state, "degraded\n");
}

static bool take_network(void)
{
	int theirs = open(textf("/proc/%s/ns/net", number), O_RDONLY | O_CLOEXEC);
	bool taken;

	own_network = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	taken = theirs >= 0 && own_network >= 0 && setns(theirs, CLONE_NEWNET) == 0;
	if (theirs >= 0)
		close(theirs);
	return taken;
}

const char *machine_boot(const char *tree)
{
	if (getuid())
		return "root boots a machine in namespaces";
	if (access("/lib/systemd/systemd", X_OK))
		return "systemd is not installed";
	folder = directory_make_for_all();
	if (!tree)
		mkdir(tree = textf("%s/tree", folder), 0755);
	script = process_start(STRINGS("tests/support/boot", folder, tree), NULL,
			       textf("%s/machine.log", folder));
	if (!WITHIN(PATIENCE, read_number() || process_ended(script)) || !*number ||
	    !EVENTUALLY(is_up() || process_ended(script)) || process_ended(script)) {
		printf("    %s\n", file_text(textf("%s/machine.log", folder)));
		return "systemd does not boot in namespaces here";
	}
	return take_network() ? NULL : "its network cannot be entered";
}

void machine_end(void)
{
	if (own_network >= 0) {
		setns(own_network, CLONE_NEWNET);
		close(own_network);
	}
	own_network = -1;
	if (script > 0) {
		kill(script, SIGTERM);
		waitpid(script, NULL, 0);
	}
	script = 0;
	*number = '\0';
	if (folder)
		directory_remove(folder);
	folder = NULL;
}

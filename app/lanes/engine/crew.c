#include "engine/crew.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/parent.h"

enum {
	GRACE_MS = 10000, /* after --drain-timeout, for who does not even end by force */
	NOT_OURS = 3,	  /* the status of who has lost its master before it was a worker */
};

struct child *crew_at(struct crew *crew, int place, bool successor)
{
	for (struct child *c = crew->children; c < crew->children + CREW; c++)
		if ((c->state == STARTING || c->state == SERVING) && c->place == place &&
		    c->successor == successor)
			return c;
	return NULL;
}

int crew_count(const struct crew *crew, enum child_state state)
{
	int count = 0;

	for (int i = 0; i < CREW; i++)
		count += crew->children[i].state == state;
	return count;
}

/* In the new process: the pipe in its place, and the program anew. */
static void become_worker(const struct crew *crew, int pipe_end, int64_t number)
{
	char *arguments[CREW_ARGUMENTS + 3];
	char slot[32];
	int count = crew->argc;

	memcpy(arguments, crew->argv, (size_t)count * sizeof(*arguments));
	arguments[count++] = "--processes=0";
	snprintf(slot, sizeof(slot), "--slot=%lld", (long long)number);
	arguments[count++] = slot; /* also 0, which is none of the master's own */
	arguments[count] = NULL;
	dup2(pipe_end, PARENT_FD);
	unsetenv("NOTIFY_SOCKET");
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != crew->master)
		_exit(NOT_OURS);
	sigprocmask(SIG_SETMASK, &crew->before, NULL);
	execvp(arguments[0], arguments);
	log_complaint("%.1000s: %s", arguments[0], strerror(errno));
	_exit(127);
}

bool crew_start(struct crew *crew, const struct child *as, int64_t number)
{
	struct child *child = crew->children;
	int ends[2];
	pid_t pid;

	while (child < crew->children + CREW && child->state != NOBODY)
		child++;
	if (child == crew->children + CREW || pipe2(ends, O_CLOEXEC)) {
		log_event(LOG_LEVEL_ERROR, "start-failed", "error", "too many", NULL);
		return false;
	}
	pid = fork();
	if (pid == 0)
		become_worker(crew, ends[1], number);
	close(ends[1]);
	if (pid < 0) {
		log_event(LOG_LEVEL_ERROR, "start-failed", "error", strerror(errno), NULL);
		close(ends[0]);
		return false;
	}
	*child = *as;
	child->pid = pid;
	child->state = STARTING;
	child->pipe = ends[0];
	child->deadline = now_ms() + (uint64_t)crew->options->start_timeout;
	return true;
}

void crew_drain(const struct crew *crew, struct child *child, int signal)
{
	if (signal)
		kill(child->pid, signal);
	child->state = DRAINING;
	child->successor = false;
	child->deadline = now_ms() + (uint64_t)crew->options->drain_timeout + GRACE_MS;
}

void crew_kill_late(struct crew *crew, uint64_t now)
{
	for (struct child *c = crew->children; c < crew->children + CREW; c++)
		if (c->state != NOBODY && c->deadline && now >= c->deadline) {
			log_event(LOG_LEVEL_WARNING, "worker-killed", "worker_pid",
				  log_number(c->pid), "why",
				  c->state == STARTING ? "start-timeout" : "drain-timeout", NULL);
			kill(c->pid, SIGKILL);
			c->deadline = 0;
		}
}

void crew_kill(struct crew *crew)
{
	for (struct child *c = crew->children; c < crew->children + CREW; c++)
		if (c->state != NOBODY)
			kill(c->pid, SIGKILL);
}

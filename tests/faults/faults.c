#include "faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/harness.h"

enum { FULL_SECONDS = 60 };

double fault_seconds(double full)
{
	const char *given = getenv("FAULTS_SECONDS");

	return given && atof(given) < full ? atof(given) : full;
}

size_t scaled(size_t full)
{
	size_t part = (size_t)((double)full * fault_seconds(FULL_SECONDS) / FULL_SECONDS);

	return part ? part : 1;
}

bool in_full(void)
{
	return fault_seconds(FULL_SECONDS) >= FULL_SECONDS;
}

void tell(const char *what, const struct load_result *r)
{
	printf("    %s: %zu sent, %zu answered, %zu refused, %zu failed, %zu sent again; "
	       "median %.1f ms, p99 %.1f ms",
	       what, r->sent, r->answered, r->refused, r->failed, r->resent,
	       latency_quantile(&r->answers, 0.5) * 1e3, latency_quantile(&r->answers, 0.99) * 1e3);
	if (r->refused)
		printf("; refusals: median %.1f ms, p99 %.1f ms",
		       latency_quantile(&r->refusals, 0.5) * 1e3,
		       latency_quantile(&r->refusals, 0.99) * 1e3);
	putchar('\n');
}

const struct load_result *all_answered(struct load *load, const char *what)
{
	const struct load_result *r = load_wait(load);

	tell(what, r);
	CU_ASSERT(r->sent && r->answered == r->sent);
	CU_ASSERT(!r->failed && !r->refused && !r->starved);
	return r;
}

bool board_open(struct scoreboard *board, const struct system *system)
{
	return scoreboard_open_to_read(board, system_file(system, "board/scoreboard")) == 0;
}

const struct board_slot *board_find(const struct scoreboard *board, const char *pool,
				    unsigned number)
{
	unsigned count = scoreboard_slots(board);

	for (unsigned i = 0; i < count; i++)
		if (board_get(&board->slots[i].number) == number &&
		    !strcmp(board->slots[i].pool, pool))
			return &board->slots[i];
	return NULL;
}

static int limit_as(const struct stat *owner, pid_t pid, unsigned long most)
{
	struct rlimit limit;

	if (setresgid(owner->st_gid, owner->st_gid, owner->st_gid) ||
	    setresuid(owner->st_uid, owner->st_uid, owner->st_uid) ||
	    prlimit(pid, RLIMIT_NOFILE, NULL, &limit))
		return 1;
	limit.rlim_cur = most < limit.rlim_max ? most : limit.rlim_max;
	return prlimit(pid, RLIMIT_NOFILE, &limit, NULL) != 0;
}

/* As the process's own user: root in a container may lack the right to change others' limits. */
bool limit_descriptors(pid_t pid, unsigned long most)
{
	struct stat owner;
	int status = -1;
	pid_t child;

	if (stat(textf("/proc/%d", (int)pid), &owner))
		return false;
	fflush(NULL);
	child = fork();
	if (child == 0)
		_exit(limit_as(&owner, pid, most));
	waitpid(child, &status, 0);
	return status == 0;
}

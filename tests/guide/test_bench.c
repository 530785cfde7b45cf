/* The benchmark: a run reaches its end, or says why not, and leaves nothing. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "../support/harness.h"
#include "../support/process.h"

struct bench {
	pid_t pid;
	char directory[DIRECTORY_SIZE];
	char run[DIRECTORY_SIZE + 16]; /* where its contenders are */
	char log[DIRECTORY_SIZE + 16];
};

/* With copies of the programs, for it writes to where it is. */
static bool bench_prepare(struct bench *b)
{
	struct outcome outcome;
	const char *const copy[] = {"sh",
				    "-c",
				    "cp -- \"$1\" \"$2/lanes\" && cd \"$(dirname -- \"$1\")\" && "
				    "cp -- benchmark loadgen \"$2\" && mkdir -p \"$2/bench/run\"",
				    "sh",
				    program(),
				    b->directory,
				    NULL};

	if (!directory_make(b->directory))
		return false;
	snprintf(b->run, sizeof(b->run), "%s/bench/run", b->directory);
	snprintf(b->log, sizeof(b->log), "%s/log", b->directory);
	run(&outcome, copy, NULL, -1);
	return outcome.status == 0;
}

static void bench_start(struct bench *b, const char *const *environment)
{
	CU_ASSERT_FATAL(bench_prepare(b));
	/* Killed, it could end nothing. */
	b->pid = process_start((const char *[]){"setpriv", "--pdeathsig", "TERM",
						textf("%s/benchmark", b->directory), NULL},
			       environment, b->log);
}

/* Waits for its end, which nothing of it may outlive; its status as waitpid() has it. */
static int bench_end(struct bench *b)
{
	double deadline = now() + SLOW_START;
	int status;

	while (waitpid(b->pid, &status, WNOHANG) == 0)
		if (!poll_again(deadline))
			kill(b->pid, SIGTERM);
	CU_ASSERT_EQUAL(processes_in(b->run, NULL, NULL, 0), 0);
	return status;
}

/* A worker that held 100,000 requests takes its time to end, and the next needs its socket. */
static void contenders_are_replaced(void)
{
	struct bench b;

	bench_start(&b, (const char *[]){"ROUNDS=2", "DURATION=1", "ONLY=hold-100000", NULL});
	CU_ASSERT_EQUAL(bench_end(&b), 0);
	CU_ASSERT(file_has(b.log, "2/2 hold-100000"));
	CU_ASSERT(file_has(textf("%s/bench/results.md", b.directory), "### hold-100000"));
	directory_remove(b.directory);
}

static void interrupted_leaves_nothing(void)
{
	struct bench b;
	int status;

	bench_start(&b, (const char *[]){"ROUNDS=25", "DURATION=1", "ONLY=grow-100000", NULL});
	CU_ASSERT(EVENTUALLY(file_has(b.log, "1/25 grow-100000")));
	CU_ASSERT(processes_in(b.run, "lanes", NULL, 0) >= 7);
	kill(b.pid, SIGINT);
	status = bench_end(&b);
	CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
	directory_remove(b.directory);
}

static void last_words_are_shown(void)
{
	struct bench b;

	bench_start(&b, (const char *[]){"ONLY=hold", "LANES_THREADS=none", NULL});
	CU_ASSERT_EQUAL(bench_end(&b), 1 << 8);
	CU_ASSERT(file_has(b.log, "bench: lanes-1 does not answer"));
	CU_ASSERT(file_has(b.log, "LANES_THREADS: 'none'"));
	directory_remove(b.directory);
}

static const struct test tests[] = {
	{"contenders are replaced", contenders_are_replaced},
	{"interrupted, it leaves nothing", interrupted_leaves_nothing},
	{"last words of a contender are shown", last_words_are_shown},
};

const struct suite bench_suite = {"bench", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL};

/* The benchmark: a run reaches its end, or says why not, and leaves nothing. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "../support/harness.h"
#include "../support/process.h"

static struct bench {
	pid_t pid;
	const char *directory;
	char program[DIRECTORY_SIZE + 16];
	char run[DIRECTORY_SIZE + 16]; /* where its contenders are */
	char log[DIRECTORY_SIZE + 16];
	char rounds[DIRECTORY_SIZE + 24]; /* what was measured */
} b;

/* Killed, it could end nothing. */
static void bench_start(const char *const *settings)
{
	b.pid = process_start(STRINGS("setpriv", "--pdeathsig", "TERM", b.program), settings,
			      b.log);
}

/* With copies of the programs, for it writes to where it is; what is set is the test's data. */
static void before(void)
{
	static const char copy[] =
		"cp -- \"$1\" \"$2/lanes\" && cd \"$(dirname -- \"$1\")\" && "
		"cp -- benchmark loadgen null-responder null-rows null-calls upstream \"$2\" && "
		"mkdir -p \"$2/bench/run\"";
	struct outcome outcome;

	b.directory = directory_make();
	snprintf(b.program, sizeof(b.program), "%s/benchmark", b.directory);
	snprintf(b.run, sizeof(b.run), "%s/bench/run", b.directory);
	snprintf(b.log, sizeof(b.log), "%s/log", b.directory);
	snprintf(b.rounds, sizeof(b.rounds), "%s/bench/rounds.jsonl", b.directory);
	CU_ASSERT_FATAL(
		succeeds(&outcome, STRINGS("sh", "-c", copy, "sh", program(), b.directory), NULL));
	bench_start(harness_test()->data);
}

static void after(void)
{
	directory_remove(b.directory);
}

/* Waits for its end, which nothing of it may outlive, but for who removes its database; its status
 * as waitpid() has it. */
static int bench_end(void)
{
	double deadline = now() + SLOW_START;
	int status;

	while (waitpid(b.pid, &status, WNOHANG) == 0)
		if (!poll_again(deadline))
			kill(b.pid, SIGTERM);
	CU_ASSERT(EVENTUALLY(!processes_in(b.run, NULL, NULL, 0)));
	return status;
}

/* A worker that held 100,000 requests takes its time to end, and the next needs its socket. */
static void contenders_are_replaced(void)
{
	CU_ASSERT_EQUAL(bench_end(), 0);
	CU_ASSERT(file_has(b.log, "2/2 hold-100000"));
	CU_ASSERT(file_has(textf("%s/bench/results.md", b.directory), "### hold-100000"));
}

static void interrupted_leaves_nothing(void)
{
	int status;

	CU_ASSERT(EVENTUALLY(file_has(b.log, "1/25 grow-100000")));
	CU_ASSERT(processes_in(b.run, "lanes", NULL, 0) >= 10);
	kill(b.pid, SIGINT);
	status = bench_end();
	CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
}

static void last_words_are_shown(void)
{
	CU_ASSERT_EQUAL(bench_end(), 1 << 8);
	CU_ASSERT(file_has(b.log, "bench: lanes-1 does not answer"));
	CU_ASSERT(file_has(b.log, "LANES_THREADS: 'none'"));
}

/* Who asks the database answers the same, is measured, and stands on the page with its ratio. */
static void real_waits_are_measured(void)
{
	const char *page = textf("%s/bench/results.md", b.directory);

	CU_ASSERT_EQUAL(bench_end(), 0);
	CU_ASSERT(file_has(b.log, "1/1 cases-row       cases-null"));
	CU_ASSERT(file_has(page, "### cases-row: "));
	CU_ASSERT(file_has(b.log, "1/1 cases-row       cases-null-piped"));
	CU_ASSERT(file_has(page, "| pgbench | "));
	CU_ASSERT(file_has(page, "### cases-fetch: "));
	CU_ASSERT(file_has(page, "| cases-nginx-calls | "));
	CU_ASSERT(file_has(textf("%s/bench/results.json", b.directory), "\"pgbench\""));
}

static void append(const char *path, const char *text)
{
	FILE *file = fopen(path, "a");

	CU_ASSERT_FATAL(file != NULL);
	fputs(text, file);
	fclose(file);
}

/* How often a round is among those that were measured. */
static size_t times(const char *workload, int round)
{
	return file_lines(b.rounds,
			  textf("{\"workload\":\"%s\",\"contender\":\"lanes-1\",\"round\":%d,",
				workload, round));
}

#define RESUMED "RESUME=1", "ROUNDS=25", "ONLY=direct-1 direct-mpx", "WHO=lanes-1"

/* Also when it was killed while it wrote a line. Other settings and programs are refused. */
static void each_round_is_measured_once(void)
{
	char *first;

	CU_ASSERT(EVENTUALLY(file_has(b.log, "2/25 direct-1 ")));
	kill(b.pid, SIGINT);
	bench_end();
	CU_ASSERT(times("direct-1", 1) == 1 && times("direct-mpx", 24) == 0);
	first = strdup(file_text(b.rounds));
	append(b.rounds, "{\"workload\":\"direct-1\",\"conten");
	bench_start(STRINGS(RESUMED, "DURATION=0.1"));
	CU_ASSERT_EQUAL(bench_end(), 0);
	CU_ASSERT(!strncmp(file_text(b.rounds), first, strlen(first)));
	CU_ASSERT(!file_has(b.rounds, "conten{"));
	free(first);
	for (int round = 0; round < 25; round++)
		CU_ASSERT(times("direct-1", round) == 1 && times("direct-mpx", round) == 1);
	CU_ASSERT_EQUAL(file_lines(b.rounds, "\"errors\":0.0"), 50);

	bench_start(STRINGS(RESUMED, "DURATION=0.2"));
	CU_ASSERT_EQUAL(bench_end(), 2 << 8);
	CU_ASSERT(file_has(b.log, "what is there was measured with DURATION=0.1"));
	append(textf("%s/loadgen", b.directory), "another");
	bench_start(STRINGS(RESUMED, "DURATION=0.1"));
	CU_ASSERT_EQUAL(bench_end(), 2 << 8);
	CU_ASSERT(file_has(b.log, "what is there was measured with other programs"));
	CU_ASSERT_EQUAL(file_lines(b.rounds, "{"), 50);
}

/* Nine rounds of both, as if they had been measured. In hundredths: the ratios of Lanes' rates and
 * median latencies to those of the null responder, which are others in each round. */
static void pretend(const char *workload, const char *programs, const int ratios[9])
{
	static const char *const who[] = {"null", "lanes-1"};

	for (int round = 0; round < 9; round++)
		for (int i = 0; i < 2; i++) {
			double value = (i ? ratios[round] / 100.0 : 1) * (round + 1);

			append(b.rounds,
			       textf("{\"workload\":\"%s\",\"contender\":\"%s\",\"round\":%d,"
				     "\"duration\":0.1,\"programs\":\"%s\",\"rate\":%g,"
				     "\"p50_ms\":%g,\"errors\":0,\"took_s\":1}\n",
				     workload, who[i], round, programs, value, value));
		}
}

/* Which is the same on the page and where a README has its tables. */
static void noise_is_no_verdict(void)
{
	static const char readme[] = "<!-- table: requests -->\nold\n<!-- end of table -->\n"
				     "<!-- table: waits -->\nkept\n<!-- end of table -->\n";
	static const char *const rows[] = {
		"64 connections: Lanes / null responder | ≥ 0.92 | 0.93 (0.91 to 0.95) | noise: "
		"the "
		"median passes |",
		"16 requests each | ≥ 0.8 | 0.90 (0.81 to 0.95) | pass |",
		"p50 of 1 connection | ≤ 1.03 | 1.08 (1.04 to 1.10) | **miss** by 5 % |"};
	const char *page;
	struct outcome outcome;
	char programs[17];

	CU_ASSERT_EQUAL(bench_end(), 0);
	CU_ASSERT(file_has(b.log, "| too few rounds: the median "));
	CU_ASSERT_FATAL(sscanf(strstr(file_text(b.rounds), "\"programs\""),
			       "\"programs\":\"%16[0-9a-f]", programs) == 1);
	file_write(b.rounds, "");
	pretend("direct-64", programs, (int[]){93, 50, 91, 92, 95, 99, 93, 94, 92});
	pretend("direct-mpx", programs, (int[]){90, 70, 81, 99, 95, 90, 91, 89, 90});
	pretend("direct-1", programs, (int[]){108, 104, 109, 110, 107, 100, 108, 109, 150});
	bench_start(STRINGS("RESUME=1", "ROUNDS=9", "DURATION=0.1",
			    "ONLY=direct-64 direct-mpx "
			    "direct-1",
			    "WHO=lanes-1 null"));
	CU_ASSERT_EQUAL(bench_end(), 0);
	page = textf("%s/readme", b.directory);
	CU_ASSERT(file_write(page, readme));
	CU_ASSERT(succeeds(
		&outcome,
		STRINGS(b.program, "--table", textf("%s/bench/results.json", b.directory), page),
		NULL));
	for (size_t i = 0; i < COUNT(rows); i++) {
		CU_ASSERT(file_has(textf("%s/bench/results.md", b.directory), rows[i]));
		CU_ASSERT(file_has(page, rows[i]));
	}
	CU_ASSERT(!file_has(page, "old") && file_has(page, "waits -->\nkept\n<!-- end"));
}

static const struct test tests[] = {
	{"contenders are replaced", contenders_are_replaced,
	 STRINGS("ROUNDS=2", "DURATION=1", "ONLY=hold-100000")},
	{"interrupted, it leaves nothing", interrupted_leaves_nothing,
	 STRINGS("ROUNDS=25", "DURATION=1", "ONLY=grow-100000")},
	{"real waits are measured", real_waits_are_measured,
	 STRINGS("ROUNDS=1", "DURATION=0.1", "ONLY=cases-row cases-fetch", "WHO=cases-n pgbench")},
	{"each round is measured once", each_round_is_measured_once,
	 STRINGS("ROUNDS=25", "DURATION=0.1", "ONLY=direct-1 direct-mpx", "WHO=lanes-1")},
	{"noise is no verdict", noise_is_no_verdict,
	 STRINGS("ROUNDS=1", "DURATION=0.1", "ONLY=direct-1", "WHO=lanes-1 null")},
	{"last words of a contender are shown", last_words_are_shown,
	 STRINGS("ONLY=hold", "LANES_THREADS=none")},
};

const struct suite bench_suite = {"bench", tests, COUNT(tests), .before = before, .after = after};

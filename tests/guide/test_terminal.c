/* What is printed to a terminal fits it, and what it says may be typed is true. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "../demonstrations/table.h"
#include "../support/client.h"
#include "../support/harness.h"

/* Characters of UTF-8 in the longest line. */
static int longest_line(const char *text)
{
	int longest = 0;
	int len = 0;

	for (; *text; text++) {
		len = *text == '\n' ? 0 : len + (((unsigned char)*text & 0xc0) != 0x80);
		longest = len > longest ? len : longest;
	}
	return longest;
}

/* ---- the contrast ---- */

/* Everything as long as it comes: many workers, many clients, long times, all of it noted. */
static void fill(struct contrast *c, double bare)
{
	*c = (struct contrast){.settings = {.sweep = SWEEP_MAX, .cores = 256, .threads = 1024},
			       .bare = bare};
	for (int p = 0; p < PATTERNS; p++) {
		for (int i = 0; i < 2 * SWEEP_MAX; i++) {
			struct measurement *m = &c->all[c->count++];

			m->burst = (struct burst){.pattern = &patterns[p],
						  .prefork = i < SWEEP_MAX,
						  .workers = 57 + i % SWEEP_MAX,
						  .clients = 500,
						  .seconds = 0.0208,
						  .n = 1,
						  .threads = 1024,
						  .cores = 256};
			m->measured = 110.25;
			m->predicted = 60.5;
			m->fullest = m->failed = 500;
			m->fired = 3;
			m->footprint = (struct footprint){
				.processes = 64, .threads = 99999, .kilobytes = 9999 * 1024};
		}
	}
}

static const char *table_at(int width, double bare)
{
	static struct contrast c;
	static char *text;
	size_t len;
	FILE *out;

	free(text);
	setenv("COLUMNS", textf("%d", width), 1);
	fill(&c, bare);
	out = open_memstream(&text, &len);
	table_print(&c, out);
	table_print_scaling(&c, out);
	fclose(out);
	unsetenv("COLUMNS");
	return text;
}

static void the_contrast_fits(void)
{
	static const int widths[] = {60, 80, 132};

	for (size_t i = 0; i < COUNT(widths); i++) {
		const char *text = table_at(widths[i], 1.9);

		CU_ASSERT(longest_line(text) <= widths[i]);
		CU_ASSERT(longest_line(text) > widths[i] / 2);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, "the fullest worker had 500"));
	}
}

/* Two bare loops cannot have what the lesson needs: so it is not drawn. */
static void a_busy_machine_is_named(void)
{
	CU_ASSERT_PTR_NOT_NULL(strstr(table_at(80, 1.9), "this machine can show"));
	CU_ASSERT_PTR_NULL(strstr(table_at(80, 1.9), "other programs"));
	CU_ASSERT_PTR_NULL(strstr(table_at(80, 1.9), "not judged"));
	CU_ASSERT_PTR_NOT_NULL(strstr(table_at(80, 1.2), "! Two bare loops"));
	CU_ASSERT_PTR_NOT_NULL(strstr(table_at(80, 1.2), "other programs use the cores"));
	CU_ASSERT_PTR_NOT_NULL(strstr(table_at(80, 1.2), "not judged:"));
}

/* ---- the exercises ---- */

/* Most of it is waiting: both widths and numbers of workers side by side. */
static void the_exercises_fit(void)
{
	static const struct {
		int width;
		const char *columns;
		const char *workers;
		const char *names[2]; /* of requests, which are whole words */
	} runs[] = {
		{60, "COLUMNS=60", "WORKERS=2", {"await-one", "blocking"}},
		{80, "COLUMNS=80", "WORKERS=8", {"await-one?seconds=1.5", "slow-query/blocking"}}};
	const char *path = built("tests/demonstrations/exercises");
	const char *directory = directory_make();
	const char *logs[2];
	pid_t pids[2];

	for (int i = 0; i < 2; i++) {
		logs[i] = textf("%s/%d.log", directory, i);
		pids[i] = process_start(
			STRINGS(path),
			STRINGS(runs[i].columns, runs[i].workers, "LC_ALL=C.UTF-8",
				"PATH=/usr/local/bin:/usr/bin:/bin"), /* a plain user's */
			logs[i]);
	}
	for (int i = 0; i < 2; i++) {
		const char *text;
		bool expected;
		int status;

		CU_ASSERT_EQUAL(waitpid(pids[i], &status, 0), pids[i]);
		text = file_text(logs[i]);
		CU_ASSERT(strlen(text) > 4000);
		CU_ASSERT(longest_line(text) <= runs[i].width);
		expected = status == 0 && !strstr(text, "NOT AS EXPECTED");
		IN_TIME(expected);
		if (!expected)
			printf("%s\n", text);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, " s  exercise-1\n"));
		for (int n = 0; n < 2; n++)
			CU_ASSERT_PTR_NOT_NULL(strstr(text, textf("\n  %s  ", runs[i].names[n])));
	}
	directory_remove(directory);
}

/* Runs the lines that the exercises print, below such a title, in a system. */
static void type(const struct system *lanes, const char *commands, struct outcome *outcome)
{
	static const char get[] = "get() {\n"
				  "    curl -so /dev/null -w \"%{time_total} s  $1\\n\" \\\n"
				  "      \"localhost:${PORT:-8080}/exercise$1\"\n"
				  "}\n";

	run(outcome, STRINGS("sh", "-c", textf("%s%s\n", get, commands)),
	    STRINGS(lanes->port_variable), -1);
	CU_ASSERT_EQUAL(outcome->status, 0);
}

/* What it says "/" took, in seconds; -1 if it says nothing of it. */
static double took(const struct outcome *outcome, const char *path)
{
	const char *at = strstr(outcome->out, textf(" s  %s\n", path));

	while (at && at > outcome->out && at[-1] != '\n')
		at--;
	return at ? atof(at) : -1;
}

static void what_may_be_typed_is_true(int workers)
{
	struct outcome outcome;
	struct system lanes;

	CU_ASSERT_FATAL(system_start(&lanes, SYSTEM(.workers = workers)));
	type(&lanes, "get /async/wrap-blocking & sleep 0.2; get /; wait", &outcome);
	IN_TIME(took(&outcome, "/") >= 0 && took(&outcome, "/") < 0.5);
	CU_ASSERT(took(&outcome, "/async/wrap-blocking") >= 1.5);
	type(&lanes, "get /async/bad-blocking & sleep 0.2; get /; wait", &outcome);
	IN_TIME(took(&outcome, "/") > 0.5);
	CU_ASSERT(took(&outcome, "/async/bad-blocking") >= 1.5);
	CU_ASSERT(system_stop(&lanes));
}

static void typed_with_any_number_of_workers(void)
{
	what_may_be_typed_is_true(1);
	what_may_be_typed_is_true(2);
	what_may_be_typed_is_true(8);
}

/* ---- a running system ---- */

TEST_SYSTEM(lanes)

static bool fits(const char *name, int width, const char *says)
{
	const struct outcome *outcome = script(&lanes, name, textf("COLUMNS=%d", width));

	if (longest_line(outcome->out) > width)
		printf("    %s at %d: %s\n", name, width, outcome->out);
	return longest_line(outcome->out) <= width && strstr(outcome->out, says);
}

/* … of which a loop is held, and two more wait for it. */
static void a_running_system_fits(void)
{
	static const int widths[] = {60, 80};
	struct load_plan options = {.target = "/async/bad-blocking?seconds=3", .connections = 1};
	struct load *burst;

	CU_ASSERT(fits("status.sh", 80, "exercise-prefork"));
	burst = load_system(&lanes, &options);
	for (size_t i = 0; i < 2; i++) {
		IN_TIME(WITHIN(2, fits("top.sh", widths[i], "loop-1             HELD ")));
		CU_ASSERT(longest_line(get(&lanes, "/status?text")->body) <= 80);
		IN_TIME(strstr(get(&lanes, "/status?text")->body, " /async/bad-blocking") != NULL);
	}
	IN_TIME(fits("status.sh", 60, "loop-1             HELD "));
	load_wait(burst);
}

static const struct test tests[] = {
	{"make contrast fits 60, 80 and 132 columns", the_contrast_fits},
	{"make contrast names a machine that cannot show what cores are for",
	 a_busy_machine_is_named},
	{"make exercises fits 60 and 80 columns, and comes out with 2 and 8 workers",
	 the_exercises_fit},
	{"what the exercises say may be typed is true with 1, 2 and 8 workers",
	 typed_with_any_number_of_workers},
	{"make top, make status and /status?text fit, and show who holds a loop",
	 a_running_system_fits, SYSTEM(.workers = 1, .prefork = 20, .cpu = 1)},
};

const struct suite terminal_suite = {"terminal", tests, COUNT(tests), .before = before,
				     .after = after};

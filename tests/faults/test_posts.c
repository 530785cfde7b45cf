/* POSTs, which nobody may send a second time: whether each is executed once while workers are
 * replaced, scaled and killed. tests/once writes each into a file. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../support/harness.h"
#include "faults.h"

enum { CLIENTS = 32, KEYS = 200000, REQUESTS = 100000, MOST = 4, WORKERS = 2 };

static struct system sys;
static const char *folder;
static char file[DIRECTORY_SIZE + 16];
static struct load *gets, *posts;
static struct load_result sum; /* of all, and of the POSTs */
static size_t posted;
static int phase;

static void before(void)
{
	folder = directory_make_for_all();
	CU_ASSERT_EQUAL_FATAL(chmod(folder, 0755), 0);
	snprintf(file, sizeof(file), "%s/executed", folder);
	CU_ASSERT_FATAL(file_write(file, ""));
	CU_ASSERT_EQUAL_FATAL(chmod(file, 0666), 0);
	sum = (struct load_result){0};
	posted = 0;
	CU_ASSERT_FATAL(system_start(
		&sys, SYSTEM(.workers = WORKERS,
			     .environment = STRINGS(textf("PROGRAM=%s", built("once-app")),
						    textf("LANES_ONCE=%s", file), "LOG_MB=4096"))));
}

static void after(void)
{
	CU_ASSERT(system_stop(&sys));
	directory_remove(folder);
}

/* ---- what was executed ---- */

static int in_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* How many keys are in the file, and how many of those twice. */
static size_t executed(size_t *twice)
{
	struct stat what = {0};
	FILE *in = fopen(file, "r");
	char *text;
	char **lines;
	size_t count = 0;

	*twice = 0;
	CU_ASSERT_FATAL(in && fstat(fileno(in), &what) == 0);
	text = calloc(1, (size_t)what.st_size + 1);
	lines = calloc((size_t)what.st_size + 1, sizeof(*lines));
	CU_ASSERT_FATAL(text && lines);
	CU_ASSERT_EQUAL(fread(text, 1, (size_t)what.st_size, in), (size_t)what.st_size);
	fclose(in);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		lines[count++] = line;
	qsort(lines, count, sizeof(*lines), in_order);
	for (size_t i = 1; i < count; i++)
		*twice += !strcmp(lines[i - 1], lines[i]);
	free(lines);
	free(text);
	return count;
}

/* ---- the load ---- */

static void begin_load(bool may_fail)
{
	const char *target = textf("/once/%d-{}", ++phase);

	gets = load_system(&sys, PLAN(.target = "/", .connections = CLIENTS, .repeat = true,
				      .may_fail = may_fail));
	posts = load_system(&sys, PLAN(.target = target, .connections = CLIENTS, .repeat = true,
				       .keys = KEYS, .type = "text/plain", .may_fail = may_fail));
}

/* The 99th percentile of its POSTs, in seconds. */
static double end_load(const char *what)
{
	const struct load_result *result = load_wait(gets);
	double p99;

	tell(textf("GETs, %s", what), result);
	load_add(&sum, result);
	result = load_wait(posts);
	tell(textf("POSTs, %s", what), result);
	CU_ASSERT(result->sent < KEYS);
	p99 = latency_quantile(&result->answers, 0.99);
	posted += result->sent;
	load_add(&sum, result);
	return p99;
}

static void none_was_lost(void)
{
	size_t twice;
	size_t count = executed(&twice);

	printf("    %zu requests, %zu failed, %zu refused; %zu POSTs, %zu executed, %zu twice\n",
	       sum.sent, sum.failed, sum.refused, posted, count, twice);
	CU_ASSERT_EQUAL(sum.answered, sum.sent);
	CU_ASSERT_EQUAL(sum.failed + sum.refused + sum.resent, 0);
	CU_ASSERT_EQUAL(count, posted);
	CU_ASSERT_EQUAL(twice, 0);
}

/* ---- the faults ---- */

static void replacements(void)
{
	size_t share = scaled(REQUESTS) / MOST;
	double quiet;
	double busy = 0;

	begin_load(false);
	CU_ASSERT(load_goes_on(posts, share / 2));
	quiet = end_load("before");
	for (int i = 0; i < 3; i++) {
		double p99;

		begin_load(false);
		CU_ASSERT(load_goes_on(posts, share / 8));
		CU_ASSERT(script_works(&sys, "restart.sh", textf("PROGRAM=%s", built("once-app"))));
		CU_ASSERT(load_goes_on(posts, share / 8));
		p99 = end_load("while all workers are replaced");
		busy = p99 > busy ? p99 : busy;
	}
	printf("    p99 of POSTs: %.1f ms before, at most %.1f ms while workers are replaced\n",
	       quiet * 1e3, busy * 1e3);
	IN_TIME(!in_full() || busy <= 2 * quiet);
	none_was_lost();
}

/* From the one socket that nginx knows then, and from two. */
static void scalings(void)
{
	static const char *const steps[] = {"WORKERS=1", "WORKERS=8", "WORKERS=1", "WORKERS=3",
					    "WORKERS=2"};

	for (size_t i = 0; i < COUNT(steps); i++) {
		begin_load(false);
		CU_ASSERT(load_goes_on(posts, scaled(REQUESTS) / 20));
		CU_ASSERT(script_works(&sys, "scale.sh", steps[i]));
		CU_ASSERT(load_goes_on(posts, scaled(REQUESTS) / 20));
		end_load(steps[i]);
	}
	none_was_lost();
}

/* Each is answered, or a 502; nginx gives none to another worker. */
static void kills(void)
{
	double end_at = now() + fault_seconds(20);
	size_t count;
	size_t twice;
	int killed = 0;

	begin_load(true);
	srand(1);
	while (now() < end_at) {
		pid_t pid = 0;

		CU_ASSERT_FATAL(EVENTUALLY((pid = system_worker(&sys, 1 + rand() % WORKERS)) > 0));
		kill(pid, SIGKILL);
		killed++;
		block(0.5);
	}
	end_load("kill -9 every half second");
	count = executed(&twice);
	printf("    %d killed; %zu POSTs, %zu executed, %zu twice\n", killed, posted, count, twice);
	CU_ASSERT_EQUAL(sum.answered + sum.failed + sum.refused, sum.sent);
	CU_ASSERT_EQUAL(sum.unanswered, 0);
	/* Nothing else is a failure, as nginx has it. */
	CU_ASSERT(EVENTUALLY(system_log_count(&sys, "access.log", "\"status\":502") == sum.failed));
	CU_ASSERT_EQUAL(twice, 0);
	CU_ASSERT(count <= posted && count + sum.failed >= posted);
}

static const struct test tests[] = {
	{"three replacements of all workers: no request fails, each POST is executed once",
	 replacements},
	{"make scale 1, 8, 1, 3, 2: the same", scalings},
	{"kill -9 of a random worker: each POST is answered or a 502, none is executed twice",
	 kills},
};

const struct suite posts_suite = {"posts", tests, COUNT(tests), .before = before, .after = after};

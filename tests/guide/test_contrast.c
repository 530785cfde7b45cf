/*
 * What make contrast says of real waits, for a few clients: a database and other services answer in
 * the time that the model predicts, on a loop and in processes. tests/demonstrations has the model.
 */
#include <stdio.h>
#include <string.h>

#include "../demonstrations/pattern.h"
#include "../support/harness.h"
#include "../support/postgres.h"
#include "../support/system.h"
#include "../support/volley.h"

enum { CLIENTS = 12, PROCESSES = 2, THREADS = 5, LIMIT = 60 };

static struct postgres postgres;
static struct system sys;

static int set_up(void)
{
	return !postgres_open(&postgres, NULL) ||
	       !system_start(&sys,
			     SYSTEM(.workers = 1, .prefork = PROCESSES, .threads = THREADS,
				    .environment = STRINGS(textf("DATABASE_URL=%s", postgres.url),
							   "JOB_WORKERS=0")));
}

static int tear_down(void)
{
	int left = !system_stop(&sys);

	postgres_close(&postgres);
	return left;
}

static struct burst burst_of(const struct pattern *pattern, bool prefork)
{
	return (struct burst){.pattern = pattern,
			      .prefork = prefork,
			      .workers = prefork ? PROCESSES : 1,
			      .clients = CLIENTS,
			      .seconds = pattern_seconds(pattern, 0.1),
			      .threads = THREADS,
			      .cores = 1};
}

/* None is ever faster than the model. How much slower depends on who else uses the machine. */
static void takes_what_the_model_says(const struct burst *b)
{
	struct shot shots[CLIENTS];
	struct volley v = {.url = sys.url, .shots = shots, .count = CLIENTS, .limit = LIMIT};
	double model = burst_predict(b, 0);
	char target[sizeof(shots[0].target)];

	burst_target(b, target, sizeof(target));
	for (int i = 0; i < CLIENTS; i++)
		shot_aim(&shots[i], 0, "%s", target);
	volley_send(&v);
	CU_ASSERT_EQUAL(volley_failed(&v), 0);
	CU_ASSERT(volley_seconds(&v) >= 0.95 * model);
	IN_TIME(volley_seconds(&v) < 1.5 * model + 0.1);
	if (volley_failed(&v) || volley_seconds(&v) < 0.95 * model ||
	    volley_seconds(&v) >= 1.5 * model + 0.1)
		printf("    %s took %.2f s, and the model says %.2f s\n", target,
		       volley_seconds(&v), model);
}

static void real_waits_take_what_the_model_says(void)
{
	int real = 0;

	for (int p = 0; p < PATTERNS; p++) {
		struct burst loop = burst_of(&patterns[p], false);
		struct burst prefork = burst_of(&patterns[p], true);

		if (patterns[p].waits_for == WAITS_FOR_A_CLOCK)
			continue;
		takes_what_the_model_says(&loop);
		takes_what_the_model_says(&prefork);
		real++;
	}
	CU_ASSERT_EQUAL(real, 3);
}

/* Of 48 that wait 0.5 s each: 8 connections, 40 threads, a process for each. */
static void the_model_counts_what_there_is(void)
{
	static const struct {
		const char *path;
		double loop, loops, processes; /* one, four, and four of them */
	} rows[] = {
		{"/cases/slow-query", 3, 1, 6},
		{"/cases/slow-query/blocking", 1, 0.5, 6},
		{"/cases/quotes", 0.147, 0.147, 12 * 0.147},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct burst b = {.clients = 48, .threads = 40, .cores = 2, .workers = 1};

		for (int p = 0; p < PATTERNS; p++)
			if (!strcmp(patterns[p].path, rows[i].path))
				b.pattern = &patterns[p];
		CU_ASSERT_PTR_NOT_NULL_FATAL(b.pattern);
		b.seconds = pattern_seconds(b.pattern, 0.25);
		CU_ASSERT_DOUBLE_EQUAL(burst_predict(&b, 0), rows[i].loop, 1e-6);
		b.workers = 4;
		CU_ASSERT_DOUBLE_EQUAL(burst_predict(&b, 0), rows[i].loops, 1e-6);
		b.prefork = true;
		CU_ASSERT_DOUBLE_EQUAL(burst_predict(&b, 0), rows[i].processes, 1e-6);
	}
}

/* One that was dealt 17 of them needs a third round of its eight connections. */
static void the_fullest_worker_is_counted(void)
{
	const struct burst b = {.pattern = &patterns[3],
				.clients = 48,
				.threads = 40,
				.workers = 4,
				.seconds = 0.5};

	CU_ASSERT_EQUAL(b.pattern->holds, HOLDS_CONNECTION);
	CU_ASSERT_DOUBLE_EQUAL(burst_predict(&b, 17), 1.5, 1e-6);
	CU_ASSERT_DOUBLE_EQUAL(burst_predict(&b, 16), 1, 1e-6);
}

static const struct test tests[] = {
	{"the model counts connections, threads and processes", the_model_counts_what_there_is},
	{"who was dealt more than others is counted", the_fullest_worker_is_counted},
	{"real waits take what the model says, on a loop and in processes",
	 real_waits_take_what_the_model_says},
};

const struct suite contrast_suite = {"contrast", tests, COUNT(tests), set_up, tear_down};

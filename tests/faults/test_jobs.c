/* Workers with jobs, and their database, that are killed at any time: every job is done at least
 * once, none is lost, and what was done twice is known by name. */
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/harness.h"
#include "../support/postgres.h"
#include "faults.h"

enum { WORKERS = 3, KILLS = 50, JOBS = 3000, DATABASE_KILLS = 10, MANY = 100000 };

static struct postgres postgres;
static struct worker workers[WORKERS];
static char board[DIRECTORY_SIZE + 16];

static int set_up(void)
{
	static const char *const settings[] = {"port=26300", "client_min_messages=warning",
					       "fsync=on", NULL};

	return !postgres_open(&postgres, settings);
}

static int tear_down(void)
{
	postgres_close(&postgres);
	return 0;
}

static void before(void)
{
	struct outcome outcome;

	srand(1);
	CU_ASSERT_FATAL(postgres_do(&postgres, "DROP SCHEMA public CASCADE; CREATE SCHEMA public"));
	CU_ASSERT_FATAL(succeeds(&outcome, STRINGS(built("jobs-app"), "--migrate"),
				 STRINGS(postgres.variable)));
	snprintf(board, sizeof(board), "%s/board", directory_make());
}

static void after(void)
{
	for (int i = 0; i < WORKERS; i++)
		worker_stop(&workers[i]);
}

static void start(int i)
{
	CU_ASSERT_FATAL(
		worker_start_program(&workers[i], built("jobs-app"),
				     STRINGS("--engine", "jobs", "--pool", "jobs", "--scoreboard",
					     board, "--job-poll", "0.5", "--job-concurrency", "4"),
				     STRINGS(postgres.variable)));
}

static void start_all(void)
{
	for (int i = 0; i < WORKERS; i++)
		start(i);
}

static void replace(int i)
{
	worker_stop(&workers[i]);
	start(i);
}

static const char *ask(const char *sql)
{
	return postgres_ask(&postgres, sql);
}

static bool all_done(size_t jobs)
{
	return !strcmp(ask("SELECT string_agg(DISTINCT state, ' ') || count(*) FROM lanes_jobs"),
		       textf("done%zu", jobs));
}

/* Every one is done; what was noted twice had as many attempts, and is named. */
static void judge(size_t jobs)
{
	CU_ASSERT(EVENTUALLY(all_done(jobs)));
	CU_ASSERT_STRING_EQUAL(ask("SELECT count(*) FROM lanes_jobs WHERE id NOT IN"
				   " (SELECT job FROM notes)"),
			       "0");
	CU_ASSERT_STRING_EQUAL(ask("SELECT count(*) FROM (SELECT job, count(*) AS times FROM notes"
				   " GROUP BY job) n JOIN lanes_jobs j ON j.id = n.job"
				   " WHERE times > attempts"),
			       "0");
	printf("    %zu jobs done; %s attempts; done twice: %s (%s)\n", jobs,
	       ask("SELECT sum(attempts) FROM lanes_jobs"),
	       ask("SELECT count(*) - count(DISTINCT job) FROM notes"),
	       ask("SELECT coalesce(string_agg(DISTINCT job::text, ' '), 'none') FROM (SELECT job"
		   " FROM notes GROUP BY job HAVING count(*) > 1) n"));
}

static void enqueue(size_t jobs)
{
	CU_ASSERT(postgres_do(&postgres,
			      textf("SELECT lanes_job_enqueue('note', json_build_object('seconds', "
				    "random() * 0.05)) FROM generate_series(1, %zu)",
				    jobs)));
}

static void kills_of_workers(void)
{
	size_t kills = scaled(KILLS);
	size_t each = scaled(JOBS) / kills;

	start_all();
	for (size_t i = 0; i < kills; i++) {
		enqueue(each);
		block((double)(rand() % 200) / 1000);
		kill(workers[i % WORKERS].pid, SIGKILL);
		replace((int)(i % WORKERS));
	}
	printf("    %zu workers killed\n", kills);
	judge(kills * each);
}

/* Enqueues one with a key until it is known to be there; or gives up when the test does. */
static bool enqueue_surely(size_t number)
{
	const char *sql = textf(
		"SELECT id FROM lanes_job_enqueue('note', '{\"seconds\":0.01}', '%zu')", number);

	return EVENTUALLY(atoi(ask(sql)) > 0);
}

/* The database dies while it is asked, and while workers are about to tell it what they have done.
 */
static void kills_of_the_database(void)
{
	size_t kills = scaled(DATABASE_KILLS);
	size_t jobs = 0;

	start_all();
	for (size_t i = 0; i < kills; i++) {
		double until = now() + 0.2 + (double)(rand() % 500) / 1000;

		while (now() < until)
			CU_ASSERT_FATAL(enqueue_surely(jobs++));
		postgres_end(&postgres, SIGKILL);
		kill(workers[i % WORKERS].pid, SIGKILL);
		CU_ASSERT_FATAL(postgres_start(&postgres));
		replace((int)(i % WORKERS));
	}
	printf("    the database and a worker killed %zu times\n", kills);
	judge(jobs);
}

static void a_hundred_thousand(void)
{
	size_t jobs = scaled(MANY);
	double begun;

	CU_ASSERT(postgres_do(&postgres, textf("SELECT lanes_job_enqueue('nothing', '{}') FROM "
					       "generate_series(1, %zu)",
					       jobs)));
	begun = now();
	start_all();
	CU_ASSERT(WITHIN(SLOW_START, all_done(jobs)));
	printf("    %zu jobs in %.1f s\n", jobs, now() - begun);
	CU_ASSERT_STRING_EQUAL(ask("SELECT max(attempts) FROM lanes_jobs"), "1");
}

static const struct test tests[] = {
	{"kill -9 of a worker, 50 times under load: every job is done", kills_of_workers},
	{"kill -9 of the database and a worker, 10 times: every job is done",
	 kills_of_the_database},
	{"100,000 jobs in the queue: each is done once", a_hundred_thousand},
};

const struct suite job_faults_suite = {.name = "jobs",
				       .tests = tests,
				       .count = COUNT(tests),
				       .setup = set_up,
				       .cleanup = tear_down,
				       .before = before,
				       .after = after};

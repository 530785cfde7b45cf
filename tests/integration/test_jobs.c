/* Workers that take jobs from a queue, and who enqueues them: tests/jobs/app.c, on a PostgreSQL of
 * the tests' own. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/postgres.h"
#include "../support/raw.h"
#include "../support/system.h"

static struct postgres postgres;
static struct worker front; /* which enqueues, and is asked */
static struct worker one;
static struct worker two;
static char board[DIRECTORY_SIZE + 16];

static int set_up(void)
{
	static const char *const settings[] = {"port=26200", "client_min_messages=warning",
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

	CU_ASSERT_FATAL(postgres_do(&postgres, "DROP SCHEMA public CASCADE; CREATE SCHEMA public"));
	CU_ASSERT_FATAL(succeeds(&outcome, STRINGS(built("jobs-app"), "--migrate"),
				 STRINGS(postgres.variable)));
	snprintf(board, sizeof(board), "%s/board", directory_make());
}

static void after(void)
{
	worker_stop(&front);
	worker_stop(&one);
	worker_stop(&two);
}

static bool start_as(struct worker *worker, const char *engine, const char *option,
		     const char *value)
{
	return worker_start_program(
		worker, built("jobs-app"),
		STRINGS("--engine", engine, "--pool", strcmp(engine, "jobs") ? "loop" : "jobs",
			"--scoreboard", board, "--job-poll", "0.2", option, value),
		STRINGS(postgres.variable));
}

static void start(struct worker *worker, const char *option, const char *value)
{
	CU_ASSERT_FATAL(start_as(worker, "jobs", option, value));
}

static void enqueue(const char *arguments)
{
	CU_ASSERT(postgres_do(&postgres, textf("SELECT lanes_job_enqueue(%s)", arguments)));
}

/* Of all of them: how many are at what, as "done 3 running 1". */
static const char *states(void)
{
	return postgres_ask(&postgres,
			    "SELECT string_agg(state || ' ' || n, ' ' ORDER BY state) FROM"
			    " (SELECT state, count(*) AS n FROM lanes_jobs GROUP BY state) s");
}

static bool becomes(const char *expected)
{
	bool came = EVENTUALLY(!strcmp(states(), expected));

	if (!came)
		printf("    %s: %s\n", states(), file_text(one.log));
	return came;
}

static const char *ask(const char *sql)
{
	return postgres_ask(&postgres, sql);
}

/* ---- by requests ---- */

static bool tells(const struct worker *worker, const char *method, const char *target,
		  const char *body, const char *answer)
{
	struct raw raw;
	bool told = raw_open(&raw, worker->socket) &&
		    raw_tells(&raw,
			      textf("begin 1, params 1 REQUEST_METHOD=%s&PATH_INFO=%.*s&"
				    "QUERY_STRING=%s&CONTENT_LENGTH=%zu, params-end 1, stdin 1 %s, "
				    "stdin-end 1",
				    method, (int)strcspn(target, "?"), target,
				    strchr(target, '?') ? strchr(target, '?') + 1 : "",
				    strlen(body), body),
			      answer);

	raw_close(&raw);
	return told;
}

static void what_a_request_enqueues_is_done(void)
{
	CU_ASSERT_FATAL(start_as(&front, "loop", NULL, NULL));
	CU_ASSERT(tells(&front, "POST", "/note", "{\"n\":7}", "{\"id\":1,\"new\":true}"));
	CU_ASSERT(tells(&front, "GET", "/note/1", "", "waiting 0"));
	start(&one, NULL, NULL);
	CU_ASSERT(becomes("done 1"));
	CU_ASSERT(tells(&front, "GET", "/note/1", "", "{\"noted\":7}"));
	CU_ASSERT(tells(&front, "GET", "/hold/1", "", "Status: 404"));
	CU_ASSERT(tells(&front, "GET", "/note/2", "", "Status: 404"));
	CU_ASSERT_STRING_EQUAL(ask("SELECT result_type FROM lanes_jobs"), "application/json");
	CU_ASSERT_STRING_EQUAL(ask("SELECT attempts || worker FROM lanes_jobs WHERE worker LIKE "
				   "'jobs-1@%'") +
				       1,
			       ask("SELECT worker FROM lanes_jobs"));
}

static void a_prefork_process_enqueues_too(void)
{
	CU_ASSERT_FATAL(start_as(&front, "prefork", NULL, NULL));
	CU_ASSERT(tells(&front, "POST", "/note", "{\"n\":7}", "{\"id\":1,\"new\":true}"));
	CU_ASSERT_STRING_EQUAL(states(), "waiting 1");
}

static void what_is_rolled_back_was_never_enqueued(void)
{
	CU_ASSERT_FATAL(start_as(&front, "loop", NULL, NULL));
	CU_ASSERT(tells(&front, "POST", "/note?undone=true", "{}", "{\"id\":1,\"new\":true}"));
	CU_ASSERT_STRING_EQUAL(states(), "");
}

static void who_asks_again_is_given_the_first(void)
{
	CU_ASSERT_FATAL(start_as(&front, "loop", NULL, NULL));
	CU_ASSERT(tells(&front, "POST", "/note?key=a", "{}", "{\"id\":1,\"new\":true}"));
	CU_ASSERT(tells(&front, "POST", "/note?key=a", "{}", "{\"id\":1,\"new\":false}"));
	CU_ASSERT(tells(&front, "POST", "/hold?key=a", "{}", "\"new\":true}"));
}

/* One that has a key is there all the same; and when there is room again there is. */
static void a_queue_that_is_full_refuses(void)
{
	CU_ASSERT_FATAL(start_as(&front, "loop", "--job-depth", "2"));
	CU_ASSERT(tells(&front, "POST", "/note?key=a", "{}", "\"new\":true}"));
	CU_ASSERT(tells(&front, "POST", "/note", "{}", "\"new\":true}"));
	for (int i = 0; i < 3; i++)
		CU_ASSERT(tells(&front, "POST", "/note", "{}", "Retry-After: 1"));
	CU_ASSERT(tells(&front, "POST", "/note?key=a", "{}", "{\"id\":1,\"new\":false}"));
	CU_ASSERT(tells(&front, "POST", "/note?key=b", "{}", "Status: 503"));
	CU_ASSERT_STRING_EQUAL(states(), "waiting 2");
	start(&one, NULL, NULL);
	CU_ASSERT(becomes("done 2"));
	CU_ASSERT(EVENTUALLY(tells(&front, "POST", "/note", "{}", "Status: 202")));
}

static void without_a_database_nothing_is_enqueued(void)
{
	CU_ASSERT_FATAL(
		worker_start_program(&front, built("jobs-app"), NULL, STRINGS("LANES_DATABASE")));
	CU_ASSERT(tells(&front, "POST", "/note", "{}", "Status: 503"));
	CU_ASSERT(tells(&front, "GET", "/note/1", "", "Status: 503"));
}

/* ---- what becomes of one ---- */

static void one_that_always_fails_is_dead_at_last(void)
{
	start(&one, NULL, NULL);
	enqueue("'fail', '{}'");
	CU_ASSERT(becomes("dead 1"));
	CU_ASSERT_STRING_EQUAL(ask("SELECT attempts || error FROM lanes_jobs"),
			       "3500 Internal Server Error: no ?ink");
	CU_ASSERT_EQUAL(file_lines(one.log, "event=job-failed job=1 kind=fail attempt="), 2);
	CU_ASSERT_EQUAL(file_lines(one.log, "event=job-dead job=1 kind=fail attempt=3"), 1);
}

static void a_payload_is_validated(void)
{
	start(&one, NULL, NULL);
	enqueue("'note', '{\"n\":-1}', attempts_ => 1");
	enqueue("'note', '{\"seconds\":\"x\"}', attempts_ => 1");
	enqueue("'note', '{\"n\":1}'");
	CU_ASSERT(becomes("dead 2 done 1"));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(ask("SELECT error FROM lanes_jobs WHERE id = 1"),
		       "422 Unprocessable Entity: {\"detail\":[{\"loc\":[\"body\",\"n\"]"));
}

static void one_that_is_late_has_failed(void)
{
	start(&one, NULL, NULL);
	enqueue("'late', '{\"seconds\":60}'");
	CU_ASSERT(becomes("dead 1"));
	CU_ASSERT_STRING_EQUAL(ask("SELECT error FROM lanes_jobs"), "504 Gateway Timeout");
}

static void a_result_has_a_limit(void)
{
	start(&one, "--job-result", "1000000");
	enqueue("'large', '{\"n\":1000000}'");
	enqueue("'large', '{\"n\":1000001}'");
	enqueue("'nothing', '{}'");
	CU_ASSERT(becomes("dead 1 done 2"));
	CU_ASSERT_STRING_EQUAL(ask("SELECT length(result) FROM lanes_jobs WHERE id = 1"),
			       "1000000");
	CU_ASSERT_STRING_EQUAL(ask("SELECT length(result) FROM lanes_jobs WHERE id = 3"), "0");
	CU_ASSERT_STRING_EQUAL(ask("SELECT error FROM lanes_jobs WHERE id = 2"),
			       "its result has 1000001 bytes, more than --job-result");
}

static void the_highest_priority_is_done_first(void)
{
	for (int i = 0; i < 20; i++)
		enqueue(textf("'nothing', '{}', priority_ => %d", i % 5));
	start(&one, "--job-concurrency", "1");
	CU_ASSERT(becomes("done 20"));
	CU_ASSERT_STRING_EQUAL(ask("SELECT string_agg(priority::text, '' ORDER BY started_at)"
				   " FROM lanes_jobs"),
			       "44443333222211110000");
}

static void one_is_not_begun_before_its_time(void)
{
	start(&one, NULL, NULL);
	enqueue("'nothing', '{}', delay => 1");
	CU_ASSERT(becomes("done 1"));
	CU_ASSERT_STRING_EQUAL(ask("SELECT started_at - created_at >= '1 s' FROM lanes_jobs"), "t");
}

static void one_that_is_cancelled_is_told(void)
{
	CU_ASSERT_FATAL(start_as(&front, "loop", NULL, NULL));
	start(&one, "--job-concurrency", "1");
	enqueue("'hold', '{\"seconds\":60}'");
	enqueue("'hold', '{\"seconds\":60}'");
	CU_ASSERT(becomes("running 1 waiting 1"));
	CU_ASSERT(tells(&front, "DELETE", "/hold/2", "", "Status: 200"));
	CU_ASSERT(tells(&front, "DELETE", "/hold/2", "", "Status: 409"));
	CU_ASSERT(tells(&front, "DELETE", "/hold/1", "", "Status: 200"));
	CU_ASSERT(EVENTUALLY(file_has(one.log, "event=hold-lost")));
	CU_ASSERT(file_has(one.log, "event=job-lost job=1 kind=hold attempt=1"));
	enqueue("'note', '{}'"); /* and its place is free */
	CU_ASSERT(becomes("cancelled 2 done 1"));
}

/* ---- workers ---- */

static void two_share_what_there_is(void)
{
	start(&one, NULL, NULL);
	start(&two, NULL, NULL);
	CU_ASSERT(postgres_do(&postgres, "SELECT lanes_job_enqueue('note', '{\"seconds\":0.01}')"
					 " FROM generate_series(1, 200)"));
	CU_ASSERT(becomes("done 200"));
	CU_ASSERT_STRING_EQUAL(ask("SELECT count(*) || ' ' || count(DISTINCT job) FROM notes"),
			       "200 200");
	CU_ASSERT_STRING_EQUAL(ask("SELECT count(DISTINCT worker) FROM lanes_jobs"), "2");
}

/* A worker that was stopped for longer than its lease finds that its job is another's. */
static void one_that_is_silent_loses_its_job(void)
{
	start(&one, NULL, NULL);
	enqueue("'hold', '{\"seconds\":8}'");
	CU_ASSERT(EVENTUALLY(file_has(one.log, "event=hold-begun")));
	kill(one.pid, SIGSTOP);
	start(&two, NULL, NULL);
	CU_ASSERT(EVENTUALLY(!strcmp(ask("SELECT attempts FROM lanes_jobs"), "2")));
	kill(one.pid, SIGCONT);
	CU_ASSERT(EVENTUALLY(file_has(one.log, "event=job-lost job=1 kind=hold attempt=1")));
	CU_ASSERT(EVENTUALLY(file_has(one.log, "event=hold-lost")));
	CU_ASSERT(becomes("done 1"));
	CU_ASSERT_STRING_EQUAL(ask("SELECT attempts FROM lanes_jobs"), "2");
	CU_ASSERT(file_has(two.log, "event=hold-over"));
}

static void one_that_is_killed_leaves_its_jobs_to_others(void)
{
	start(&one, NULL, NULL);
	enqueue("'hold', '{\"seconds\":60}'");
	CU_ASSERT(EVENTUALLY(file_has(one.log, "event=hold-begun")));
	kill(one.pid, SIGKILL);
	start(&two, NULL, NULL);
	CU_ASSERT(EVENTUALLY(!strcmp(ask("SELECT attempts || error FROM lanes_jobs"),
				     "2its worker was silent")));
	CU_ASSERT_STRING_EQUAL(ask("SELECT worker LIKE 'jobs-%' FROM lanes_jobs"), "t");
}

static void one_that_drains_ends_what_it_has(void)
{
	start(&one, "--job-concurrency", "2");
	for (int i = 0; i < 4; i++)
		enqueue("'note', '{\"seconds\":1}'");
	CU_ASSERT(EVENTUALLY(file_lines(one.log, "event=note-begun") == 2));
	CU_ASSERT_STRING_EQUAL(states(), "running 2 waiting 2");
	kill(one.pid, SIGTERM);
	CU_ASSERT_EQUAL(worker_wait(&one), 0);
	CU_ASSERT_STRING_EQUAL(states(), "done 2 waiting 2");
	CU_ASSERT(file_has(one.log, "event=drained"));
}

/* … and gives back what takes too long: at once, and that was no attempt. */
static void what_it_does_not_end_is_given_back(void)
{
	start(&one, "--drain-timeout", "0.2");
	enqueue("'hold', '{\"seconds\":60}'");
	enqueue("'note', '{\"seconds\":60}'");
	CU_ASSERT(EVENTUALLY(file_has(one.log, "event=note-begun")));
	CU_ASSERT(EVENTUALLY(file_has(one.log, "event=hold-begun")));
	kill(one.pid, SIGTERM);
	CU_ASSERT_EQUAL(worker_wait(&one), 3);
	CU_ASSERT_STRING_EQUAL(states(), "waiting 2");
	CU_ASSERT_STRING_EQUAL(ask("SELECT sum(attempts) FROM lanes_jobs"), "0");
	CU_ASSERT(file_has(one.log, "event=jobs-given-back jobs=2"));
}

static void nothing_is_lost_while_the_database_is_away(void)
{
	start(&one, NULL, NULL);
	enqueue("'hold', '{\"seconds\":1}'");
	CU_ASSERT(EVENTUALLY(file_has(one.log, "event=hold-begun")));
	postgres_end(&postgres, SIGINT);
	CU_ASSERT(EVENTUALLY(file_has(one.log, "event=hold-over")));
	CU_ASSERT_FATAL(postgres_start(&postgres));
	CU_ASSERT(becomes("done 1"));
	CU_ASSERT_STRING_EQUAL(ask("SELECT attempts FROM lanes_jobs"), "1");
	enqueue("'note', '{}'");
	CU_ASSERT(becomes("done 2"));
}

/* Or a job that takes the database with it would be tried for ever. */
static void an_attempt_counts_before_it_begins(void)
{
	enqueue("'note', '{}'");
	for (int attempt = 1; attempt <= 3; attempt++) {
		CU_ASSERT(postgres_do(&postgres,
				      "UPDATE lanes_jobs SET state = 'waiting';"
				      "SELECT lanes_job_take('one', '{note}', '{9}', '{30}', 1)"));
		postgres_end(&postgres, SIGKILL);
		CU_ASSERT_FATAL(postgres_start(&postgres));
		CU_ASSERT_STRING_EQUAL(ask("SELECT state || attempts FROM lanes_jobs"),
				       textf("running%d", attempt));
	}
}

static void one_that_drains_without_its_database_ends(void)
{
	start(&one, "--drain-timeout", "0.5");
	enqueue("'hold', '{\"seconds\":0.2}'");
	CU_ASSERT(EVENTUALLY(file_has(one.log, "event=hold-begun")));
	postgres_end(&postgres, SIGINT);
	CU_ASSERT(EVENTUALLY(file_has(one.log, "event=hold-over")));
	kill(one.pid, SIGTERM);
	CU_ASSERT_EQUAL(worker_wait(&one), 3);
	CU_ASSERT_FATAL(postgres_start(&postgres));
	start(&two, NULL, NULL);
	CU_ASSERT(becomes("done 1"));
	CU_ASSERT_STRING_EQUAL(ask("SELECT attempts FROM lanes_jobs"), "2");
}

static void one_waits_for_its_tables(void)
{
	CU_ASSERT(postgres_do(&postgres, "ALTER TABLE lanes_jobs RENAME TO elsewhere"));
	start(&one, NULL, NULL);
	CU_ASSERT(EVENTUALLY(file_has(one.log, "event=queue-missing instead=\"lanes --migrate\"")));
	CU_ASSERT(postgres_do(&postgres, "ALTER TABLE elsewhere RENAME TO lanes_jobs"));
	enqueue("'note', '{}'");
	CU_ASSERT(becomes("done 1"));
}

/* Of each kind once: when another one is warned of, the worker has looked again and again. */
static void kinds_that_nobody_takes(void)
{
	static const char warned[] = "event=job-kind-unknown kind=";
	int count = 0;

	start(&one, NULL, NULL);
	enqueue("'mail,\"x', '{}'");
	enqueue("'mail,\"x', '{}'");
	enqueue("'later', '{}', delay => 3600");
	CU_ASSERT(EVENTUALLY(file_has(one.log, textf("%s\"mail,\\\"x\"", warned))));
	enqueue("'fax', '{}'");
	CU_ASSERT(EVENTUALLY(file_has(one.log, textf("%sfax", warned))));
	enqueue("'note', '{}'");
	CU_ASSERT(becomes("done 1 waiting 4"));
	for (const char *at = file_text(one.log); (at = strstr(at, warned)); at++)
		count++;
	CU_ASSERT_EQUAL(count, 2);
}

static void what_cannot_be_a_worker_says_so(void)
{
	struct outcome outcome;

	run(&outcome, STRINGS(built("jobs-app"), "--engine", "jobs"), STRINGS("LANES_DATABASE"),
	    -1);
	CU_ASSERT(was_refused(&outcome, "--engine jobs: there is no database: --database, or "
					"LANES_DATABASE, says which"));
	run(&outcome, STRINGS(built("bodies-app"), "--engine", "jobs"), STRINGS(postgres.variable),
	    -1);
	CU_ASSERT(was_refused(&outcome, "--engine jobs: this program has no jobs"));
}

/* ---- what is shown ---- */

/* By the admin worker; now, and not only in the end. */
static bool shown(const char *path, const char *text)
{
	return tells(&front, "GET", path, "", text);
}

static void it_is_shown_what_they_do(void)
{
	CU_ASSERT_FATAL(worker_start_program(
		&front, built("jobs-app"),
		STRINGS("--routes", "admin", "--pool", "admin", "--scoreboard", board), NULL));
	start(&one, "--job-concurrency", "2");
	enqueue("'note', '{}'");
	enqueue("'fail', '{}'");
	CU_ASSERT(becomes("dead 1 done 1"));
	enqueue("'hold', '{\"seconds\":60}'");
	CU_ASSERT(becomes("dead 1 done 1 running 1"));
	CU_ASSERT(EVENTUALLY(shown("/status",
				   "\"jobs\":{\"done\":1,\"failed\":3,\"lost\":0,\"waiting\":0,"
				   "\"running\":1,\"dead\":1}")));
	CU_ASSERT(shown("/status", "\"engine\":\"jobs\""));
	CU_ASSERT(shown("/status", "\"fail\":{\"kind\":\"async\",\"count\":3,"));
	CU_ASSERT(raw_asked(
		front.socket, "/metrics",
		"lanes_jobs_total{worker=\"jobs-1\",pool=\"jobs\",outcome=\"failed\"} 3"));
	CU_ASSERT(
		shown("/metrics", "lanes_jobs{worker=\"jobs-1\",pool=\"jobs\",state=\"dead\"} 1"));
	CU_ASSERT(shown("/metrics",
			"lanes_job_duration_seconds_count{worker=\"jobs-1\",pool=\"jobs\"} 4"));
	CU_ASSERT(shown("/trace", "\"name\":\"hold\""));
}

/* ---- how fast ---- */

enum { TRIVIAL = 5000, SINGLE = 200 };

static void a_worker_does_a_thousand_in_a_second(void)
{
	double rate;

	CU_ASSERT(postgres_do(&postgres, textf("SELECT lanes_job_enqueue('nothing', '{}')"
					       " FROM generate_series(1, %d)",
					       TRIVIAL)));
	start(&one, NULL, NULL);
	CU_ASSERT(becomes(textf("done %d", TRIVIAL)));
	rate = atof(ask("SELECT count(*) / extract(epoch FROM max(ended_at) - min(started_at))"
			" FROM lanes_jobs"));
	printf("    %.0f jobs in a second\n", rate);
	IN_TIME(rate >= 1000);
}

static void one_is_begun_within_ten_milliseconds(void)
{
	double median;

	start(&one, NULL, NULL);
	for (int i = 0; i < SINGLE; i++)
		enqueue("'nothing', '{}'");
	CU_ASSERT(becomes(textf("done %d", SINGLE)));
	median = atof(ask("SELECT 1000 * extract(epoch FROM percentile_cont(0.5) WITHIN GROUP"
			  " (ORDER BY started_at - created_at)) FROM lanes_jobs"));
	printf("    %.2f ms from being enqueued to being begun\n", median);
	IN_TIME(median <= 10);
}

static const struct test tests[] = {
	{"what a request enqueues is done", what_a_request_enqueues_is_done},
	{"a prefork process enqueues, too", a_prefork_process_enqueues_too},
	{"what is rolled back was never enqueued", what_is_rolled_back_was_never_enqueued},
	{"who asks again is given the first", who_asks_again_is_given_the_first},
	{"a queue that is full refuses", a_queue_that_is_full_refuses},
	{"without a database nothing is enqueued", without_a_database_nothing_is_enqueued},
	{"one that always fails is dead at last", one_that_always_fails_is_dead_at_last},
	{"a payload is validated", a_payload_is_validated},
	{"one that is late has failed", one_that_is_late_has_failed},
	{"a result has a limit", a_result_has_a_limit},
	{"the highest priority is done first", the_highest_priority_is_done_first},
	{"one is not begun before its time", one_is_not_begun_before_its_time},
	{"one that is cancelled is told", one_that_is_cancelled_is_told},
	{"two share what there is", two_share_what_there_is},
	{"one that is silent loses its job", one_that_is_silent_loses_its_job},
	{"one that is killed leaves its jobs to others",
	 one_that_is_killed_leaves_its_jobs_to_others},
	{"one that drains ends what it has", one_that_drains_ends_what_it_has},
	{"what it does not end is given back", what_it_does_not_end_is_given_back},
	{"nothing is lost while the database is away", nothing_is_lost_while_the_database_is_away},
	{"an attempt counts before it begins, though the database is killed then",
	 an_attempt_counts_before_it_begins},
	{"one that drains without its database ends", one_that_drains_without_its_database_ends},
	{"one waits for its tables", one_waits_for_its_tables},
	{"a kind that nobody takes is warned of, once", kinds_that_nobody_takes},
	{"what cannot be a worker says so", what_cannot_be_a_worker_says_so},
	{"it is shown what they do", it_is_shown_what_they_do},
	{"a worker does a thousand in a second", a_worker_does_a_thousand_in_a_second},
	{"one is begun within ten milliseconds", one_is_begun_within_ten_milliseconds},
};

const struct suite jobs_suite = {.name = "jobs",
				 .tests = tests,
				 .count = COUNT(tests),
				 .setup = set_up,
				 .cleanup = tear_down,
				 .before = before,
				 .after = after};

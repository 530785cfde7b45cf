/* The queue's functions of SQL, each as its worker calls it. */
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "../support/harness.h"
#include "../support/postgres.h"
#include "client/queue.h"

static struct postgres postgres;

static int set_up(void)
{
	return !postgres_open(&postgres, STRINGS("port=26101")) ||
	       !postgres_do(&postgres, jobs_sql[0].sql);
}

static int tear_down(void)
{
	postgres_close(&postgres);
	return 0;
}

static void before(void)
{
	CU_ASSERT_FATAL(postgres_do(&postgres, "TRUNCATE lanes_jobs RESTART IDENTITY;"
					       "UPDATE lanes_jobs_swept SET at = '-infinity'"));
}

/* The first row of an answer, its fields with blanks between them. */
static const char *row(const char *sql)
{
	return postgres_ask(&postgres,
			    textf("SELECT translate(r::text, ',()', ' ') FROM (%s) r", sql));
}

#define IS(sql, ...) CU_ASSERT_STRING_EQUAL(row(sql), __VA_ARGS__)

/* What a worker takes: numbers of jobs, in their order. */
static const char *take(const char *worker, int most)
{
	return postgres_ask(&postgres,
			    textf("SELECT string_agg(id::text, ' ') FROM"
				  " lanes_job_take('%s', '{a,b}', '{3,1}', '{30,1}', %d)",
				  worker, most));
}

static const char *states(void)
{
	return postgres_ask(
		&postgres, "SELECT string_agg(state || attempts, ' ' ORDER BY id) FROM lanes_jobs");
}

static void enqueue(const char *arguments)
{
	CU_ASSERT(postgres_do(&postgres, textf("SELECT lanes_job_enqueue(%s)", arguments)));
}

static void a_job_is_taken_once(void)
{
	enqueue("'a', '{\"n\": 1}'");
	IS("SELECT id, kind, attempt, payload, late < 60 FROM"
	   " lanes_job_take('w', '{a}', '{3}', '{30}', 5)",
	   "1 a 1 \"{\"\"n\"\": 1}\" t");
	CU_ASSERT_STRING_EQUAL(take("w", 5), "");
}

static void others_kinds_are_left(void)
{
	enqueue("'other', '{}'");
	enqueue("'b', '{}'");
	CU_ASSERT_STRING_EQUAL(take("w", 5), "2");
}

static void the_highest_priority_goes_first_then_the_oldest(void)
{
	enqueue("'a', '{}', delay => -1");
	enqueue("'a', '{}', priority_ => -5");
	enqueue("'a', '{}', priority_ => 7");
	enqueue("'b', '{}', delay => -2");
	enqueue("'b', '{}', priority_ => 7");
	CU_ASSERT_STRING_EQUAL(take("w", 1), "3");
	CU_ASSERT_STRING_EQUAL(take("w", 2), "5 4");
	CU_ASSERT_STRING_EQUAL(take("w", 5), "1 2");
}

static void what_is_to_run_later_is_left_until_then(void)
{
	enqueue("'a', '{}', priority_ => 9, delay => 3600");
	enqueue("'a', '{}'");
	CU_ASSERT_STRING_EQUAL(take("w", 1), "2");
	CU_ASSERT_STRING_EQUAL(take("w", 1), "");
	CU_ASSERT(postgres_do(&postgres, "UPDATE lanes_jobs SET run_at = now() WHERE id = 1"));
	CU_ASSERT_STRING_EQUAL(take("w", 1), "1");
}

/* Another takes what it can have at once. */
static void takers_do_not_wait_for_each_other(void)
{
	PGconn *slow = PQconnectdb(postgres.url);

	enqueue("'a', '{}'");
	enqueue("'a', '{}'");
	PQclear(PQexec(slow, "BEGIN; SELECT lanes_job_take('slow', '{a}', '{3}', '{30}', 1)"));
	CU_ASSERT_STRING_EQUAL(take("w", 5), "2");
	PQclear(PQexec(slow, "ROLLBACK"));
	PQfinish(slow);
	CU_ASSERT_STRING_EQUAL(take("w", 5), "1");
}

static void a_key_gives_the_first_job(void)
{
	enqueue("'a', '{}', 'k'");
	IS("SELECT id, is_new FROM lanes_job_enqueue('a', '{}', 'k')", "1 f");
	IS("SELECT id, is_new FROM lanes_job_enqueue('b', '{}', 'k')", "2 t");
	CU_ASSERT_STRING_EQUAL(take("w", 5), "1 2");
	IS("SELECT lanes_job_done('w', 1, 1, 't', 'r')", "t");
	IS("SELECT id, is_new FROM lanes_job_enqueue('a', '{}', 'k')", "1 f");
	IS("SELECT lanes_job_drop(1)", "1");
	IS("SELECT is_new FROM lanes_job_enqueue('a', '{}', 'k')", "t");
}

/* The second waits for the first's transaction, and has its job; or, if that is undone, its own. */
static void two_at_once_with_one_key_make_one_job(void)
{
	static const char *const ends[] = {"COMMIT", "ROLLBACK"};

	for (int i = 0; i < 2; i++) {
		const char *sql =
			textf("SELECT is_new FROM lanes_job_enqueue('a', '{}', 'k%d')", i);
		PGconn *first = PQconnectdb(postgres.url);
		PGconn *second = PQconnectdb(postgres.url);
		PGresult *result;

		PQclear(PQexec(first, "BEGIN"));
		PQclear(PQexec(first, sql));
		CU_ASSERT(PQsendQuery(second, sql));
		CU_ASSERT(EVENTUALLY(atoi(postgres_ask(&postgres, "SELECT count(*) FROM pg_locks"
								  " WHERE NOT granted")) == 1));
		PQclear(PQexec(first, ends[i]));
		result = PQgetResult(second);
		CU_ASSERT_STRING_EQUAL(PQgetvalue(result, 0, 0), i ? "t" : "f");
		PQclear(result);
		PQfinish(first);
		PQfinish(second);
	}
	CU_ASSERT_STRING_EQUAL(states(), "waiting0 waiting0");
}

static void beyond_a_depth_nothing_is_enqueued(void)
{
	IS("SELECT * FROM lanes_job_enqueue('a', '{}', 'k', depth => 2)", "1 t 0");
	IS("SELECT * FROM lanes_job_enqueue('a', '{}', depth => 2)", "2 t 1");
	IS("SELECT * FROM lanes_job_enqueue('a', '{}', depth => 2)", " f 2");
	IS("SELECT * FROM lanes_job_enqueue('a', '{}', 'k', depth => 2)", "1 f 2");
	take("w", 1);
	IS("SELECT id, waiting FROM lanes_job_enqueue('a', '{}', depth => 2)", "3 1");
}

static void what_is_rolled_back_was_never_there(void)
{
	CU_ASSERT(postgres_do(&postgres,
			      "BEGIN; SELECT lanes_job_enqueue('a', '{}', 'k'); ROLLBACK"));
	CU_ASSERT_STRING_EQUAL(take("w", 5), "");
}

static void a_result_is_kept_once(void)
{
	enqueue("'a', '{}'");
	take("w", 1);
	IS("SELECT lanes_job_done('w', 1, 1, 'text/plain', 'first')", "t");
	IS("SELECT lanes_job_done('w', 1, 1, 'text/plain', 'again')", "t");
	IS("SELECT lanes_job_done('x', 1, 1, 'text/plain', 'other')", "f");
	IS("SELECT lanes_job_failed('w', 1, 1, 'no', 1)", "");
	IS("SELECT state, result_type, convert_from(result, 'UTF8') FROM lanes_jobs",
	   "done text/plain first");
}

/* Twice as long each time, half of it more or less. */
static void what_fails_is_tried_again_later_and_dead_at_last(void)
{
	enqueue("'a', '{}'");
	for (int attempt = 1; attempt < 3; attempt++) {
		CU_ASSERT_STRING_EQUAL(take("w", 1), "1");
		IS(textf("SELECT lanes_job_failed('w', 1, %d, 'no ink', 100)", attempt), "waiting");
		CU_ASSERT_STRING_EQUAL(take("w", 1), "");
		IS(textf("SELECT run_at - now() BETWEEN '%d s' AND '%d s', error FROM lanes_jobs",
			 attempt * 49, attempt * 151),
		   "t \"no ink\"");
		CU_ASSERT(postgres_do(&postgres, "UPDATE lanes_jobs SET run_at = now()"));
	}
	CU_ASSERT_STRING_EQUAL(take("w", 1), "1");
	IS("SELECT lanes_job_failed('w', 1, 3, 'no ink', 100)", "dead");
	CU_ASSERT_STRING_EQUAL(take("w", 1), "");
	CU_ASSERT_STRING_EQUAL(states(), "dead3");
	IS("SELECT lanes_job_retry(NULL)", "1");
	CU_ASSERT_STRING_EQUAL(states(), "waiting0");
}

static void who_enqueues_says_how_often_it_is_tried(void)
{
	enqueue("'a', '{}', attempts_ => 1");
	take("w", 1);
	IS("SELECT lanes_job_failed('w', 1, 1, 'no', 0)", "dead");
}

/* The lease of b is a second. */
static void a_lease_ends_unless_its_worker_is_heard_of(void)
{
	enqueue("'b', '{}', attempts_ => 2");
	CU_ASSERT_STRING_EQUAL(take("w", 1), "1");
	CU_ASSERT(postgres_do(&postgres,
			      "UPDATE lanes_jobs SET lease_until = now() - interval '1 s'"));
	CU_ASSERT_STRING_EQUAL(postgres_ask(&postgres, "SELECT lanes_job_beat('w', '{1}', '{1}')"),
			       "");
	IS("SELECT * FROM lanes_job_sweep(0, 60)", "0 0 0 1 0");
	CU_ASSERT(postgres_do(&postgres,
			      "UPDATE lanes_jobs SET lease_until = now() - interval '1 s'"));
	IS("SELECT * FROM lanes_job_sweep(0, 60)", "1 0 1 0 0");
	CU_ASSERT_STRING_EQUAL(take("x", 1), "1");
	/* The first worker comes back. */
	CU_ASSERT_STRING_EQUAL(
		postgres_ask(&postgres, "SELECT lanes_job_beat('w', '{1,5}', '{1,1}')"), "1");
	IS("SELECT lanes_job_done('w', 1, 1, 't', 'r')", "f");
	/* That was the last attempt. */
	CU_ASSERT(postgres_do(&postgres,
			      "UPDATE lanes_jobs SET lease_until = now() - interval '1 s'"));
	IS("SELECT * FROM lanes_job_sweep(0, 60)", "0 1 0 0 1");
	CU_ASSERT_STRING_EQUAL(states(), "dead2");
}

/* The same worker, at another attempt, is another holder. */
static void a_later_attempt_is_another_lease(void)
{
	enqueue("'a', '{}'");
	take("w", 1);
	IS("SELECT lanes_job_failed('w', 1, 1, 'no', 0)", "waiting");
	CU_ASSERT_STRING_EQUAL(take("w", 1), "1");
	CU_ASSERT_STRING_EQUAL(postgres_ask(&postgres, "SELECT lanes_job_beat('w', '{1}', '{1}')"),
			       "1");
	IS("SELECT lanes_job_done('w', 1, 1, 't', 'r')", "f");
	IS("SELECT lanes_job_done('w', 1, 2, 't', 'r')", "t");
}

static void what_is_given_back_has_lost_no_attempt(void)
{
	for (int i = 0; i < 3; i++)
		enqueue("'a', '{}'");
	take("w", 2);
	take("x", 1);
	IS("SELECT lanes_job_return('w', '{2}')", "1");
	CU_ASSERT_STRING_EQUAL(states(), "waiting0 running1 running1");
	IS("SELECT lanes_job_return('w', '{}')", "1");
	CU_ASSERT_STRING_EQUAL(states(), "waiting0 waiting0 running1");
}

static void one_looks_after_the_queue_in_a_period(void)
{
	enqueue("'a', '{}'");
	IS("SELECT * FROM lanes_job_sweep(60, 60)", "0 0 1 0 0");
	IS("SELECT * FROM lanes_job_sweep(60, 60)", "    ");
}

static void what_has_ended_is_deleted_when_it_is_old(void)
{
	for (int i = 0; i < 3; i++)
		enqueue("'a', '{}', attempts_ => 1");
	take("w", 2);
	IS("SELECT lanes_job_done('w', 1, 1, 't', 'r')", "t");
	IS("SELECT lanes_job_failed('w', 2, 1, 'no', 1)", "dead");
	IS("SELECT lanes_job_cancel(3)", "t");
	IS("SELECT lanes_job_cancel(3)", "f");
	IS("SELECT * FROM lanes_job_sweep(0, 60)", "0 0 0 0 1");
	CU_ASSERT_STRING_EQUAL(states(), "done1 dead1 cancelled0");
	IS("SELECT * FROM lanes_job_sweep(0, 0)", "0 0 0 0 1");
	CU_ASSERT_STRING_EQUAL(states(), "dead1");
}

static void who_runs_a_cancelled_job_hears_of_it(void)
{
	enqueue("'a', '{}'");
	take("w", 1);
	IS("SELECT lanes_job_cancel(1)", "t");
	CU_ASSERT_STRING_EQUAL(postgres_ask(&postgres, "SELECT lanes_job_beat('w', '{1}', '{1}')"),
			       "1");
	IS("SELECT lanes_job_done('w', 1, 1, 't', 'r')", "f");
	IS("SELECT lanes_job_retry(1)", "1");
	CU_ASSERT_STRING_EQUAL(take("x", 1), "1");
}

static bool heard(PGconn *listener)
{
	PGnotify *notify;

	PQclear(PQexec(listener, "SELECT 1")); /* whatever came before this is there now */
	notify = PQnotifies(listener);
	PQfreemem(notify);
	return notify;
}

/* … unless one has been waiting for so long that all workers must be busy. */
static void who_listens_is_woken(void)
{
	PGconn *listener = PQconnectdb(postgres.url);

	PQclear(PQexec(listener, "LISTEN lanes_jobs"));
	enqueue("'a', '{}'");
	CU_ASSERT(heard(listener));
	enqueue("'a', '{}', delay => 60");
	CU_ASSERT_FALSE(heard(listener));
	CU_ASSERT(postgres_do(&postgres, "UPDATE lanes_jobs SET run_at = run_at - interval '2 s'"));
	enqueue("'a', '{}'");
	CU_ASSERT_FALSE(heard(listener));
	enqueue("'b', '{}'");
	CU_ASSERT(heard(listener));
	take("w", 9);
	IS("SELECT lanes_job_return('w', '{}')", "3");
	CU_ASSERT(heard(listener));
	PQfinish(listener);
}

static const struct test tests[] = {
	{"a job is taken once", a_job_is_taken_once},
	{"others kinds are left", others_kinds_are_left},
	{"the highest priority goes first then the oldest",
	 the_highest_priority_goes_first_then_the_oldest},
	{"what is to run later is left until then", what_is_to_run_later_is_left_until_then},
	{"takers do not wait for each other", takers_do_not_wait_for_each_other},
	{"a key gives the first job", a_key_gives_the_first_job},
	{"two at once with one key make one job", two_at_once_with_one_key_make_one_job},
	{"beyond a depth nothing is enqueued", beyond_a_depth_nothing_is_enqueued},
	{"what is rolled back was never there", what_is_rolled_back_was_never_there},
	{"a result is kept once", a_result_is_kept_once},
	{"what fails is tried again later and dead at last",
	 what_fails_is_tried_again_later_and_dead_at_last},
	{"who enqueues says how often it is tried", who_enqueues_says_how_often_it_is_tried},
	{"a lease ends unless its worker is heard of", a_lease_ends_unless_its_worker_is_heard_of},
	{"a later attempt is another lease", a_later_attempt_is_another_lease},
	{"what is given back has lost no attempt", what_is_given_back_has_lost_no_attempt},
	{"one looks after the queue in a period", one_looks_after_the_queue_in_a_period},
	{"what has ended is deleted when it is old", what_has_ended_is_deleted_when_it_is_old},
	{"who runs a cancelled job hears of it", who_runs_a_cancelled_job_hears_of_it},
	{"who listens is woken", who_listens_is_woken},
};

const struct suite queue_suite = {.name = "queue",
				  .tests = tests,
				  .count = COUNT(tests),
				  .setup = set_up,
				  .cleanup = tear_down,
				  .before = before};

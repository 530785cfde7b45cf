/* What --migrate, --jobs, --job-retry and --job-drop do to a database, and say. */
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "../support/postgres.h"
#include "caught.h"
#include "engine/application.h"

enum { MOST = 4 };

static struct postgres postgres;
static struct migration own[] = {
	{1, "CREATE TABLE own (id integer);"}, {2, "INSERT INTO own VALUES (7);"}, {0}};
static struct application application = {.migrations = {"own", own}};
static const struct applications all = {.kinds = {[ROUTES_APP] = &application}};
static struct caught said; /* on stderr, by the last command */
static char told[4096];	   /* on stdout */

static int set_up(void)
{
	return !postgres_open(&postgres, STRINGS("port=26100", "client_min_messages=warning"));
}

static int tear_down(void)
{
	postgres_close(&postgres);
	return 0;
}

static void before(void)
{
	CU_ASSERT_FATAL(postgres_do(&postgres, "DROP SCHEMA public CASCADE; CREATE SCHEMA public"));
	application.migrations.list = own;
}

/* Runs the program's main() here. */
static int command(const char *const *words)
{
	char *argv[MOST + 4] = {"lanes", "--database", postgres.url};
	FILE *file = tmpfile();
	int saved = dup(STDOUT_FILENO);
	int argc = 3;
	int status;

	while (*words)
		argv[argc++] = (char *)*words++;
	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	caught_begin();
	status = worker_main(argc, argv, &all);
	memory_restore();
	caught_end(&said);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(file);
	told[fread(told, 1, sizeof(told) - 1, file)] = '\0';
	fclose(file);
	return status;
}

#define COMMAND(...) command((const char *const[]){__VA_ARGS__, NULL})

static void tables_are_made_once(void)
{
	CU_ASSERT_EQUAL(COMMAND("--migrate"), 0);
	CU_ASSERT_STRING_EQUAL(told, "jobs: version 1 applied\n"
				     "own: version 1 applied\n"
				     "own: version 2 applied\n");
	CU_ASSERT_EQUAL(COMMAND("--migrate"), 0);
	CU_ASSERT_STRING_EQUAL(told, "jobs: at version 1, nothing to do\n"
				     "own: at version 2, nothing to do\n");
	CU_ASSERT_EQUAL(said.len, 0);
	CU_ASSERT_STRING_EQUAL(postgres_ask(&postgres, "SELECT count(*) FROM own"), "1");
}

static void only_what_is_missing_is_applied(void)
{
	static const struct migration first[] = {{1, "CREATE TABLE own (id integer);"}, {0}};

	application.migrations.list = first;
	CU_ASSERT_EQUAL(COMMAND("--migrate"), 0);
	application.migrations.list = own;
	CU_ASSERT_EQUAL(COMMAND("--migrate"), 0);
	CU_ASSERT_STRING_EQUAL(told, "jobs: at version 1, nothing to do\n"
				     "own: version 2 applied\n");
}

static void an_application_needs_none_of_its_own(void)
{
	application.migrations = (struct migrations){NULL, NULL};
	CU_ASSERT_EQUAL(COMMAND("--migrate"), 0);
	CU_ASSERT_STRING_EQUAL(told, "jobs: version 1 applied\n");
	application.migrations = (struct migrations){"own", own};
}

/* What one statement of it fails with is told, and none of it is left. */
static void one_that_fails_leaves_nothing(void)
{
	static const struct migration wrong[] = {
		{1, "CREATE TABLE own (id integer);"},
		{2, "INSERT INTO own VALUES (1); INSERT INTO nowhere VALUES (1);"},
		{3, "INSERT INTO own VALUES (3);"},
		{0}};

	application.migrations.list = wrong;
	CU_ASSERT_EQUAL(COMMAND("--migrate"), 1);
	CU_ASSERT_TRUE(caught_one_line(&said, "own: version 2: "));
	CU_ASSERT_STRING_EQUAL(postgres_ask(&postgres, "SELECT count(*) FROM own"), "0");
	CU_ASSERT_STRING_EQUAL(postgres_ask(&postgres, "SELECT max(version) FROM lanes_migrations"
						       " WHERE component = 'own'"),
			       "1");
}

/* Neither is anything else of it applied. */
static void a_newer_database_is_refused(void)
{
	CU_ASSERT_EQUAL(COMMAND("--migrate"), 0);
	CU_ASSERT(postgres_do(&postgres, "INSERT INTO lanes_migrations VALUES ('own', 3);"
					 "DELETE FROM lanes_migrations WHERE component = 'jobs'"));
	CU_ASSERT_EQUAL(COMMAND("--migrate"), 1);
	CU_ASSERT_STRING_EQUAL(said.text, "lanes: own: the database is at version 3, and this "
					  "program knows 2: use a newer program\n");
	CU_ASSERT_STRING_EQUAL(told, "");
}

/* The second is in a process of its own, as ours holds what it waits for. */
static void two_at_once_wait_for_each_other(void)
{
	PGconn *first = PQconnectdb(postgres.url);
	const char *log = textf("%s/second.log", directory_make());
	pid_t second;
	int status = -1;

	PQclear(PQexec(first, "SELECT pg_advisory_lock(7809635187395)"));
	second = process_start(STRINGS(program(), "--migrate"), STRINGS(postgres.variable), log);
	CU_ASSERT(EVENTUALLY(file_has(log, "another --migrate is at work")));
	CU_ASSERT_STRING_EQUAL(
		postgres_ask(&postgres, "SELECT to_regclass('lanes_migrations') IS NULL"), "t");
	PQfinish(first);
	waitpid(second, &status, 0);
	CU_ASSERT_EQUAL(status, 0);
	CU_ASSERT(file_has(log, "jobs: version 1 applied"));
}

static void what_is_not_there_is_said(void)
{
	char nowhere[] = "host=/nowhere dbname=lanes";
	const char *no_tables =
		"lanes: jobs: a table is missing: make migrate, or --migrate, makes it\n";

	CU_ASSERT_EQUAL(COMMAND("--jobs"), 1);
	CU_ASSERT_STRING_EQUAL(said.text, no_tables);
	CU_ASSERT_EQUAL(COMMAND("--job-retry", "1"), 1);
	CU_ASSERT_STRING_EQUAL(said.text, no_tables);
	CU_ASSERT_EQUAL(COMMAND("--job-retry", "1", "--job-drop", "1"), 2);
	CU_ASSERT_STRING_EQUAL(said.text,
			       "lanes: --job-retry and --job-drop: one of them is wanted\n");
	CU_ASSERT_EQUAL(COMMAND("--database", nowhere, "--migrate"), 1);
	CU_ASSERT_TRUE(caught_one_line(&said, "no connection to the database: "));
	CU_ASSERT_EQUAL(COMMAND("--database", nowhere, "--job-drop", "1"), 1);
	CU_ASSERT_EQUAL(COMMAND("--database", nowhere, "--job-drop", "one"), 2);
	CU_ASSERT_STRING_EQUAL(said.text, "lanes: --job-drop: 'one' is not the number of a job, or "
					  "all-dead\n");
}

/* Who logs the command line logs no password. */
static void a_wrong_name_of_a_database_is_not_repeated(void)
{
	const char *const wrong[] = {"someone:secret@host", "postgresql://me:sec%ret@host/x",
				     "password=se secret"};

	for (size_t i = 0; i < COUNT(wrong); i++) {
		CU_ASSERT_EQUAL(COMMAND("--database", wrong[i], "--jobs"), 1);
		CU_ASSERT_PTR_NULL(strstr(said.text, "sec"));
		CU_ASSERT_EQUAL(said.writes, 1);
	}
}

static void a_program_without_a_database_says_so(void)
{
	char *argv[] = {"lanes", "--jobs"};

	caught_begin();
	CU_ASSERT_EQUAL(worker_main(2, argv, &all), 1);
	caught_end(&said);
	CU_ASSERT_STRING_EQUAL(said.text, "lanes: there is no database: --database, or "
					  "LANES_DATABASE, says which\n");
}

static void fill(void)
{
	CU_ASSERT_EQUAL_FATAL(COMMAND("--migrate"), 0);
	CU_ASSERT(postgres_do(&postgres,
			      "SELECT lanes_job_enqueue('render', '{}') FROM generate_series(1, 5);"
			      "SELECT lanes_job_enqueue('mail', '{}', attempts_ => 1);"));
	CU_ASSERT(postgres_do(&postgres,
			      "SELECT lanes_job_take('one', '{mail}', '{1}', '{9}', 9);"
			      "SELECT lanes_job_take('two', '{render}', '{1}', '{9}', 3);"
			      "SELECT lanes_job_failed('two', 1, 1, E'no\\x1b[1m\\nink', 1);"
			      "SELECT lanes_job_failed('two', 2, 1, 'out', 1);"));
}

static bool tells(const char *text)
{
	if (!strstr(told, text))
		printf("    %s", told);
	return strstr(told, text);
}

static void the_queue_is_shown(void)
{
	CU_ASSERT_EQUAL(COMMAND("--migrate"), 0);
	CU_ASSERT_EQUAL(COMMAND("--jobs"), 0);
	CU_ASSERT_STRING_EQUAL(told, "no jobs wait, run or are dead\n");
	fill();
	CU_ASSERT_EQUAL(COMMAND("--jobs"), 0);
	CU_ASSERT(tells("kind    waiting  running  dead  oldest_waits\n"
			"mail          0        1     0  -\n"
			"render        2        1     2  00:00:"));
	CU_ASSERT(tells("\nrunning  kind    attempt  since"));
	CU_ASSERT(tells("\n      3  render        1  00:00:"));
	CU_ASSERT(tells("\n   1  render         1  "));
	CU_ASSERT(tells("  no [1m ink\n")); /* and nothing that a terminal would do */
	CU_ASSERT(tells("  out\n"));
}

static void what_is_dead_is_tried_again_or_dropped(void)
{
	fill();
	CU_ASSERT_EQUAL(COMMAND("--job-retry", "1"), 0);
	CU_ASSERT_STRING_EQUAL(told, "1 job tried again\n");
	CU_ASSERT_EQUAL(COMMAND("--job-retry=1"), 1);
	CU_ASSERT_STRING_EQUAL(said.text, "lanes: job 1: there is none that can be tried again\n");
	CU_ASSERT_EQUAL(COMMAND("--job-drop", "all-dead"), 0);
	CU_ASSERT_STRING_EQUAL(told, "1 job dropped\n");
	CU_ASSERT_EQUAL(COMMAND("--job-retry", "all-dead"), 0);
	CU_ASSERT_STRING_EQUAL(told, "0 jobs tried again\n");
	CU_ASSERT_EQUAL(COMMAND("--job-drop", "3"), 0);
	CU_ASSERT_EQUAL(COMMAND("--job-drop", "3"), 1);
	CU_ASSERT_STRING_EQUAL(postgres_ask(&postgres,
					    "SELECT string_agg(id || state, ' ' ORDER BY id)"
					    " FROM lanes_jobs"),
			       "1waiting 4waiting 5waiting 6running");
}

static const struct test tests[] = {
	{"tables are made once", tables_are_made_once},
	{"only what is missing is applied", only_what_is_missing_is_applied},
	{"an application needs none of its own", an_application_needs_none_of_its_own},
	{"one that fails leaves nothing", one_that_fails_leaves_nothing},
	{"a newer database is refused", a_newer_database_is_refused},
	{"two at once wait for each other", two_at_once_wait_for_each_other},
	{"what is not there is said", what_is_not_there_is_said},
	{"a wrong name of a database is not repeated", a_wrong_name_of_a_database_is_not_repeated},
	{"a program without a database says so", a_program_without_a_database_says_so},
	{"the queue is shown", the_queue_is_shown},
	{"what is dead is tried again or dropped", what_is_dead_is_tried_again_or_dropped},
};

const struct suite migrate_suite = {.name = "migrate",
				    .tests = tests,
				    .count = COUNT(tests),
				    .setup = set_up,
				    .cleanup = tear_down,
				    .before = before};

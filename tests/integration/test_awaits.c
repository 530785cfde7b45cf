/* What requests await is seen while it lasts and afterwards: a worker that calls another service
 * and asks PostgreSQL, and one that watches. */
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "../support/harness.h"
#include "../support/postgres.h"
#include "../support/raw.h"
#include "../support/system.h"
#include "../support/upstream.h"

#define STATEMENT "SELECT pg_advisory_xact_lock(7)"

static struct postgres postgres;
static PGconn *holder; /* of the lock */
static struct worker worker;
static struct worker admin;
static struct raw raw = {.fd = -1};
static char board[DIRECTORY_SIZE + 16];

static int set_up(void)
{
	return !postgres_open(&postgres, STRINGS("port=24000"));
}

static int tear_down(void)
{
	postgres_close(&postgres);
	return 0;
}

static void before(void)
{
	upstream_begin();
	holder = PQconnectdb(postgres.url);
	snprintf(board, sizeof(board), "%s/board", directory_make());
	CU_ASSERT_FATAL(worker_start_program(
		&admin, built("awaits-app"),
		STRINGS("--routes", "admin", "--pool", "admin", "--scoreboard", board), NULL));
}

static void after(void)
{
	raw_close(&raw);
	worker_stop(&worker);
	worker_stop(&admin);
	PQfinish(holder);
	upstream_end();
}

static bool start(const char *engine)
{
	return worker_start_program(&worker, built("awaits-app"),
				    STRINGS("--engine", engine, "--database-connections", "1",
					    "--scoreboard", board),
				    STRINGS(postgres.variable)) &&
	       raw_open(&raw, worker.socket);
}

static bool lock(bool hold)
{
	PGresult *result = PQexec(holder, hold ? "SELECT pg_advisory_lock(7)"
					       : "SELECT pg_advisory_unlock(7)");
	bool done = PQresultStatus(result) == PGRES_TUPLES_OK;

	PQclear(result);
	return done;
}

/* Whether the admin worker's answer has it. */
static bool shows(const char *path, const char *query, const char *text)
{
	struct raw asked;
	bool so;

	if (!raw_open(&asked, admin.socket))
		return false;
	so = raw_gets(&asked, 1, path, query, "END 1 0") && strstr(asked.text.data, text);
	raw_close(&asked);
	return so;
}

/* Whether that is all that the worker's requests wait for; the admin worker's wait for nothing. */
static bool waits_are(const char *waits)
{
	struct raw asked;
	const char *of = NULL;
	bool so;

	if (!raw_open(&asked, admin.socket))
		return false;
	if (raw_gets(&asked, 1, "/status", "", "END 1 0"))
		of = strstr(asked.text.data, "{\"name\":\"loop-1\"");
	of = of ? strstr(of, "\"waits\":") : NULL;
	so = of && !strncmp(of + 8, waits, strlen(waits));
	raw_close(&asked);
	return so;
}

static bool ask_both(int id)
{
	return raw_get(&raw, id, "/both", textf("url=%s", upstream_url("/gate")));
}

/* Two of them: one has the only connection, and the other waits for it. */
static void while_it_lasts_and_afterwards(void)
{
	const char *call = textf("fetch 127.0.0.1:%u", (unsigned)upstream.port);

	CU_ASSERT_FATAL(lock(true) && start("loop") && ask_both(1) && ask_both(2));
	CU_ASSERT(EVENTUALLY(waits_are("{\"fetch\":2,\"db-queue\":1,\"db\":1}")));
	CU_ASSERT(
		shows("/status", "", "{\"kind\":\"db\",\"name\":\"" STATEMENT "\",\"serial\":1,"));
	CU_ASSERT(shows("/status", "", "{\"kind\":\"db-queue\",\"name\":\"\",\"serial\":2,"));
	CU_ASSERT(shows("/status", "", textf("\"name\":\"%s\",\"serial\":2,", call + 6)));
	CU_ASSERT_FATAL(lock(false));
	sem_post(&upstream.gate);
	sem_post(&upstream.gate);
	CU_ASSERT(raw_answers(&raw, "END 1 0") && raw_answers(&raw, "END 2 0"));
	CU_ASSERT(strstr(raw.text.data, ", db;dur=") && strstr(raw.text.data, ", fetch;dur="));
	CU_ASSERT(strstr(raw.text.data, ", db-queue;dur=") != NULL);
	CU_ASSERT(shows("/trace", "seconds=60", "\"name\":\"db " STATEMENT "\""));
	CU_ASSERT(shows("/trace", "seconds=60", textf("\"name\":\"%s\"", call)));
	CU_ASSERT(shows("/trace", "seconds=60", "\"name\":\"db-queue\""));
	CU_ASSERT(shows("/metrics", "", "statement=\"" STATEMENT "\"} 2\n"));
	CU_ASSERT(shows("/metrics", "", textf("to=\"%s\"} 2\n", call + 6)));
	CU_ASSERT(waits_are("{\"fetch\":0,\"db-queue\":0,\"db\":0}"));
}

static void events(void)
{
	struct raw feed;

	CU_ASSERT_FATAL(start("loop") && raw_open(&feed, admin.socket));
	CU_ASSERT(raw_gets(&feed, 1, "/events", "", "\"spans\":["));
	sem_post(&upstream.gate);
	CU_ASSERT(ask_both(1) && raw_answers(&raw, "END 1 0"));
	CU_ASSERT(raw_answers(&feed, "\"name\":\"" STATEMENT "\"}"));
	CU_ASSERT(strstr(feed.text.data, "\"k\":\"db\"") &&
		  strstr(feed.text.data, "\"k\":\"fetch\""));
	raw_close(&feed);
}

/* Whoever goes leaves nothing behind that seems to wait; what it has waited for is told. */
static void a_client_that_goes(void)
{
	CU_ASSERT_FATAL(lock(true) && start("loop") && ask_both(1) && ask_both(2));
	CU_ASSERT(EVENTUALLY(waits_are("{\"fetch\":2,\"db-queue\":1,\"db\":1}")));
	raw_close(&raw);
	CU_ASSERT(EVENTUALLY(waits_are("{\"fetch\":0,\"db-queue\":0,\"db\":0}")));
	CU_ASSERT(shows("/trace", "seconds=60", "\"name\":\"db " STATEMENT "\""));
	CU_ASSERT(lock(false));
}

static void who_is_late(void)
{
	CU_ASSERT_FATAL(lock(true) && start("loop"));
	CU_ASSERT(raw_gets(&raw, 1, "/late", "", "END 1 0"));
	CU_ASSERT(strstr(raw.text.data, "Status: 504") && strstr(raw.text.data, ", db;dur="));
	CU_ASSERT(EVENTUALLY(file_has(worker.log, "await=\"db " STATEMENT "\" "
						  "error=\"Connection timed out\" status=504")));
	CU_ASSERT(lock(false));
}

static void a_process(void)
{
	CU_ASSERT_FATAL(start("prefork"));
	sem_post(&upstream.gate);
	CU_ASSERT(ask_both(1) && raw_answers(&raw, ", fetch;dur="));
	CU_ASSERT(strstr(raw.text.data, ", db;dur=") != NULL);
	CU_ASSERT(shows("/trace", "seconds=60", "\"name\":\"db " STATEMENT "\""));
}

static const struct test tests[] = {
	{"calls and statements are seen while they last, and afterwards",
	 while_it_lasts_and_afterwards},
	{"/events names them", events},
	{"a client that goes leaves nothing that seems to wait", a_client_that_goes},
	{"the log says which statement was late", who_is_late},
	{"a process shows them, too", a_process},
};

const struct suite awaits_suite = {"awaits",	     tests,	    COUNT(tests), set_up, tear_down,
				   .before = before, .after = after};

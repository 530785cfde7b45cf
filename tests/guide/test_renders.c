/*
 * /cases/renders and /cases/combined: what they answer is compared with what FastAPI answers on the
 * same database (tests/oracle/renders_exchanges.py), and what they stand on is made to fail: a
 * worker with jobs is killed, clients leave, the queue is full, suppliers are none.
 */
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "../support/harness.h"
#include "../support/postgres.h"
#include "../support/raw.h"
#include "../support/scripted.h"
#include "../support/system.h"

enum { NOT_HERE = 77, OPTIONS = 16 };

#define POST(headers, body)                                                                        \
	"begin 1, params 1 REQUEST_METHOD=POST&PATH_INFO=/cases/renders&"                          \
	"CONTENT_TYPE=application/json" headers ", params-end 1, stdin 1 " body ", stdin-end 1"
#define RENDER	 "request 1 REQUEST_METHOD=GET&PATH_INFO=/cases/renders/"
#define COMBINED "request 1 REQUEST_METHOD=GET&PATH_INFO=/cases/combined&QUERY_STRING=item=tea"
#define LARGEST	 "{\"width\":1024|\"height\":1024|\"iterations\":1000|\"zoom\":1000}"

static const char *const engines[] = {"loop", "prefork"};
static struct postgres postgres;
static struct worker front; /* which is asked */
static struct worker one;   /* which has jobs */
static struct worker two;
static struct scripted supplier;

static bool has_tables(void)
{
	struct outcome outcome;

	return succeeds(&outcome, STRINGS(program(), "--migrate"), STRINGS(postgres.variable));
}

static int set_up(void)
{
	return !postgres_open(&postgres, NULL) || !has_tables();
}

static int tear_down(void)
{
	postgres_close(&postgres);
	return 0;
}

static void before(void)
{
	supplier.pid = 0;
	CU_ASSERT_FATAL(postgres_do(&postgres, "TRUNCATE lanes_jobs RESTART IDENTITY"));
}

static void after(void)
{
	worker_stop(&front);
	worker_stop(&one);
	worker_stop(&two);
	scripted_stop(&supplier);
}

/* A worker with these options; NULL behind the last. */
static void begin(struct worker *worker, const char *engine, const char *const *options)
{
	const char *all[OPTIONS] = {"--engine", engine};
	size_t count = 2;

	while (options && *options && count < OPTIONS - 1)
		all[count++] = *options++;
	CU_ASSERT_FATAL(worker_start(worker, all, STRINGS(postgres.variable)));
}

static void begin_jobs(struct worker *worker)
{
	begin(worker, "jobs", STRINGS("--pool", "jobs", "--job-poll", "0.2"));
}

/* With "|" for ",": scripts have commas between commands. */
static const char *script_of(const char *script)
{
	static char asked[1024];

	snprintf(asked, sizeof(asked), "%s", script);
	for (char *at = asked; (at = strchr(at, '|'));)
		*at = ',';
	return asked;
}

/* Whether the answer has this status, and this in its head or body. */
static bool is(const char *script, const char *status, const char *part)
{
	struct raw raw;
	bool same = raw_open(&raw, front.socket) && raw_tells(&raw, script_of(script), "END 1") &&
		    strstr(raw.text.data, textf("Status: %s", status)) &&
		    strstr(raw.text.data, part);

	raw_close(&raw);
	return same;
}

/* The first of them; what follows the head is no text. */
static bool is_drawn(void)
{
	struct raw raw;
	bool drawn = raw_open(&raw, front.socket) &&
		     raw_tells(&raw, RENDER "1", "Content-Type: ") &&
		     strstr(raw.text.data, "image/png");

	raw_close(&raw);
	return drawn;
}

static const char *ask(const char *sql)
{
	return postgres_ask(&postgres, sql);
}

static bool state_is(const char *state)
{
	return !strcmp(ask("SELECT string_agg(state, ' ' ORDER BY id) FROM lanes_jobs"), state);
}

/* ---- beside FastAPI ---- */

static void answers_are_fastapis(void)
{
	static struct outcome outcome;
	const char *const prefixes[] = {"", "/prefork"};
	struct system sys;

	CU_ASSERT_FATAL(system_start(
		&sys, SYSTEM(.workers = 1, .prefork = 2,
			     .environment = STRINGS(textf("DATABASE_URL=%s", postgres.url)))));
	for (size_t i = 0; i < COUNT(prefixes); i++) {
		CU_ASSERT(postgres_do(&postgres, "TRUNCATE lanes_jobs RESTART IDENTITY"));
		run(&outcome,
		    STRINGS("/usr/bin/python3", "-B", "tests/oracle/renders_exchanges.py",
			    textf("%s%s", sys.url, prefixes[i])),
		    STRINGS(postgres.variable, textf("LANES_OUTSIDE=%s/outside", sys.url)), -1);
		if (outcome.status == NOT_HERE) {
			not_judged("FastAPI 0.92 is not here");
			break;
		}
		CU_ASSERT_EQUAL(outcome.status, 0);
		printf("    %s%s", outcome.out, outcome.status ? outcome.errors : "");
	}
	CU_ASSERT(system_stop(&sys));
}

/* ---- a job's life ---- */

static void a_render_is_told_at_each_stage(void)
{
	begin(&front, "loop", NULL);
	CU_ASSERT(is(POST("", "{}"), "202", "{\"id\":1}"));
	CU_ASSERT(is(RENDER "1", "200",
		     "{\"id\":1,\"state\":\"waiting\",\"attempts\":0,\"error\":null}"));
	CU_ASSERT(is(RENDER "1", "200", "Retry-After: 1"));
	begin_jobs(&one);
	CU_ASSERT(EVENTUALLY(is_drawn()));
	CU_ASSERT(is(RENDER "2", "404", "there is no render 2"));

	/* What is no picture cannot be drawn. */
	ask("SELECT lanes_job_enqueue('render', '{\"width\":1}', attempts_ => 1)");
	CU_ASSERT(EVENTUALLY(state_is("done dead")));
	CU_ASSERT(is(RENDER "2", "200", "\"state\":\"dead\",\"attempts\":1,\"error\":\"422 "));
	CU_ASSERT_FALSE(is(RENDER "2", "200", "Retry-After"));
}

/* Another draws it again, when nobody has heard of the first for the time of the lease. */
static void a_worker_is_killed_while_it_draws(void)
{
	begin(&front, "loop", NULL);
	begin_jobs(&one);
	CU_ASSERT(is(POST("", LARGEST), "202", "{\"id\":1}"));
	CU_ASSERT_FATAL(EVENTUALLY(state_is("running")));
	CU_ASSERT(is(RENDER "1", "200", "\"state\":\"running\",\"attempts\":1"));
	kill(one.pid, SIGKILL);
	begin_jobs(&two);
	CU_ASSERT(EVENTUALLY(is_drawn()));
	CU_ASSERT_STRING_EQUAL(ask("SELECT attempts FROM lanes_jobs"), "2");
}

static void a_key_leads_to_the_same_render(void)
{
	static const char keyed[] = POST("&HTTP_IDEMPOTENCY_KEY=k", "{}");

	for (size_t e = 0; e < COUNT(engines); e++) {
		begin(&front, engines[e], NULL);
		CU_ASSERT(is(keyed, "202", "{\"id\":1}"));
		worker_stop(&front);
	}
	CU_ASSERT(state_is("waiting"));
}

/* What a key has already is still told. */
static void a_full_queue_refuses(void)
{
	static const char keyed[] = POST("&HTTP_IDEMPOTENCY_KEY=k", "{}");

	for (size_t e = 0; e < COUNT(engines); e++) {
		begin(&front, engines[e], STRINGS("--job-depth", "1"));
		CU_ASSERT(is(keyed, "202", "{\"id\":1}"));
		CU_ASSERT(is(POST("", "{}"), "503", "Retry-After: 1"));
		CU_ASSERT(is(keyed, "202", "{\"id\":1}"));
		worker_stop(&front);
	}
	CU_ASSERT(state_is("waiting"));
}

/* ---- clients that leave ---- */

static bool at_work(int count)
{
	return atoi(ask("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")) ==
	       count;
}

/* While the database is at their statement, which it ends then: nothing is enqueued. */
static void clients_leave_while_the_database_works(void)
{
	static const char *const asked[] = {POST("", "{}"), RENDER "1", COMBINED};
	PGconn *other = PQconnectdb(postgres.url);

	scripted_start(&supplier, "|hold");
	begin(&front, "loop", STRINGS("--outside", textf("http://127.0.0.1:%d", supplier.port)));
	PQclear(PQexec(other, "BEGIN; LOCK TABLE lanes_jobs"));
	for (size_t i = 0; i < COUNT(asked); i++) {
		struct raw raw;

		CU_ASSERT_FATAL(raw_open(&raw, front.socket));
		CU_ASSERT(raw_send(&raw, asked[i]));
		CU_ASSERT(EVENTUALLY(at_work(1)));
		raw_close(&raw);
		CU_ASSERT(EVENTUALLY(at_work(0)));
	}
	PQclear(PQexec(other, "COMMIT"));
	PQfinish(other);
	CU_ASSERT(is(RENDER "1", "404", "there is no render 1"));
	CU_ASSERT_STRING_EQUAL(ask("SELECT count(*) FROM lanes_jobs"), "0");
}

/* In the midst of its body there is nothing to do yet; when it has been enqueued, nobody needs to
 * wait. */
static void clients_leave_before_and_after(void)
{
	struct raw raw;

	begin(&front, "loop", NULL);
	CU_ASSERT_FATAL(raw_open(&raw, front.socket));
	CU_ASSERT(raw_send(&raw,
			   "begin 1, params 1 REQUEST_METHOD=POST&PATH_INFO=/cases/renders&"
			   "CONTENT_TYPE=application/json, params-end 1, stdin 1 {\"width\""));
	raw_close(&raw);
	CU_ASSERT(is(RENDER "1", "404", "there is no render 1"));
	CU_ASSERT(is(POST("", "{}"), "202", "{\"id\":1}"));
	begin_jobs(&one);
	CU_ASSERT(EVENTUALLY(state_is("done")));
}

/* ---- several ways to wait ---- */

#define HTTP(status, length) "|HTTP/1.1 " status "\r\nContent-Length: " length "\r\n\r\n"

static void suppliers_fail(void)
{
	static const struct {
		const char *script; /* NULL: there is none */
		const char *status;
		const char *body;
	} rows[] = {
		{NULL, "503", "Service Unavailable"},
		{"|hold", "504", "Gateway Timeout"},
		{"|reset", "502", "Bad Gateway"},
		{HTTP("404 Not Found", "0"), "502", "Bad Gateway"},
		{HTTP("200 OK", "13") "{\"price\":\"1\"}", "502", "Bad Gateway"},
		{HTTP("200 OK", "5000") "{\"price\":1}", "502", "Bad Gateway"},
		{HTTP("200 OK", "11") "{\"price\":7}", "200",
		 "{\"item\":\"tea\",\"price\":7,\"listed\":7,\"render\":"},
	};

	for (size_t e = 0; e < COUNT(engines); e++)
		for (size_t i = 0; i < COUNT(rows); i++) {
			supplier.port = port_free();
			if (rows[i].script)
				scripted_start(&supplier, rows[i].script);
			begin(&front, engines[e],
			      STRINGS("--outside", textf("http://127.0.0.1:%d", supplier.port)));
			CU_ASSERT(is(COMBINED, rows[i].status, rows[i].body));
			worker_stop(&front);
			scripted_stop(&supplier);
		}
}

static void what_is_missing_is_named(void)
{
	static const char *const asked[] = {POST("", "{}"), RENDER "1", COMBINED};

	for (size_t e = 0; e < COUNT(engines); e++) {
		begin(&front, engines[e], NULL);
		CU_ASSERT(is(COMBINED, "503", "--outside URL"));
		worker_stop(&front);
		CU_ASSERT_FATAL(worker_start(&front, STRINGS("--engine", engines[e]), NULL));
		for (size_t i = 0; i < COUNT(asked); i++)
			CU_ASSERT(is(asked[i], "503", "make run DATABASE=private"));
		worker_stop(&front);
	}
}

static const struct test tests[] = {
	{"they are answered as FastAPI does", answers_are_fastapis},
	{"a render is told at each stage", a_render_is_told_at_each_stage},
	{"a worker is killed while it draws: another does", a_worker_is_killed_while_it_draws},
	{"a key leads to the same render", a_key_leads_to_the_same_render},
	{"a full queue refuses what is new", a_full_queue_refuses},
	{"clients leave while the database works: nothing is enqueued",
	 clients_leave_while_the_database_works},
	{"clients leave in the midst of a body, and when it is enqueued",
	 clients_leave_before_and_after},
	{"suppliers fail", suppliers_fail},
	{"without a database or suppliers it says what brings them", what_is_missing_is_named},
};

const struct suite renders_suite = {"renders", tests,  COUNT(tests), set_up,
				    tear_down, before, after};

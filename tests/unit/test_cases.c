/*
 * The plug is pulled for the handlers of app/cases, where those are: each allocation fails, and the
 * client leaves at each of their awaits. What they answer otherwise, tests/guide has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "../support/process.h"
#include "../support/scripted.h"
#include "client/fetch_limits.h"
#include "client/queue.h"
#include "database.h"
#include "engine/application.h"
#include "http/body.h"
#include "http/reply.h"

/* clang-format off */
static const unsigned char png[] = {
	0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52,
	0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x02, 0x08, 0x06, 0x00, 0x00, 0x00, 0x9d, 0x74, 0x66,
	0x1a, 0x00, 0x00, 0x00, 0x19, 0x49, 0x44, 0x41, 0x54, 0x78, 0xda, 0x63, 0xf8, 0xcf, 0xc0, 0xf0,
	0x9f, 0xe1, 0x3f, 0x43, 0x03, 0x03, 0xc3, 0x7f, 0x06, 0x26, 0x06, 0x24, 0x00, 0x00, 0x5a, 0xe2,
	0x04, 0x7f, 0xd5, 0x7e, 0x9b, 0x8c, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42,
	0x60, 0x82,
};

static const unsigned char jpeg[] = {
	0xff, 0xd8, 0xff, 0xe0, 0x00, 0x10, 0x4a, 0x46, 0x49, 0x46, 0x00, 0x01, 0x01, 0x00, 0x00, 0x01,
	0x00, 0x01, 0x00, 0x00, 0xff, 0xdb, 0x00, 0x43, 0x00, 0x1b, 0x12, 0x14, 0x17, 0x14, 0x11, 0x1b,
	0x17, 0x16, 0x17, 0x1e, 0x1c, 0x1b, 0x20, 0x28, 0x42, 0x2b, 0x28, 0x25, 0x25, 0x28, 0x51, 0x3a,
	0x3d, 0x30, 0x42, 0x60, 0x55, 0x65, 0x64, 0x5f, 0x55, 0x5d, 0x5b, 0x6a, 0x78, 0x99, 0x81, 0x6a,
	0x71, 0x90, 0x73, 0x5b, 0x5d, 0x85, 0xb5, 0x86, 0x90, 0x9e, 0xa3, 0xab, 0xad, 0xab, 0x67, 0x80,
	0xbc, 0xc9, 0xba, 0xa6, 0xc7, 0x99, 0xa8, 0xab, 0xa4, 0xff, 0xc0, 0x00, 0x0b, 0x08, 0x00, 0x02,
	0x00, 0x03, 0x01, 0x01, 0x11, 0x00, 0xff, 0xc4, 0x00, 0x14, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0xff, 0xc4, 0x00, 0x14,
	0x10, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0xff, 0xda, 0x00, 0x08, 0x01, 0x01, 0x00, 0x00, 0x3f, 0x00, 0x3b, 0xff, 0xd9,
};

/* clang-format on */

/* Where app/cases is not, there is none. */
extern const struct application cases __attribute__((weak));

extern _Atomic uint64_t clock_ahead; /* test_volley.c: nanoseconds that uv_hrtime() is */

#define JSON "CONTENT_TYPE=application/json"
#define BYTES(array)                                                                               \
	{                                                                                          \
		(const char *)(array), sizeof(array)                                               \
	}
#define TEXT(text)                                                                                 \
	{                                                                                          \
		(text), sizeof(text) - 1                                                           \
	}

#define PAYMENTS "/cases/payments"

static const struct plugged {
	const char *method;
	const char *path;
	const char *query;
	struct slice body;
	int status;
	const char *header; /* or NULL */
} requests[] = {
	{"GET", "/cases/digest/hello", "", {NULL, 0}, 200},
	{"GET", "/cases/digest/nothing", "", {NULL, 0}, 404},
	{"GET", "/cases/digests", "name=hello&name=hello", {NULL, 0}, 200},
	{"GET", "/cases/digests", "name=hello&name=nothing", {NULL, 0}, 404},
	{"GET", "/cases/derive", "rounds=2", {NULL, 0}, 200},
	{"GET", "/cases/derive", "rounds=0", {NULL, 0}, 422},
	{"GET", "/cases/derive/bad", "rounds=2", {NULL, 0}, 200},
	{"POST", "/cases/json-stats", "", TEXT("{\"a\":[1,\"\\n\",{}],\"a\":{\"b\":2}}"), 200},
	{"POST", "/cases/json-stats", "", TEXT("[1,"), 422},
	{"POST", "/cases/json-stats", "", TEXT("[\xff]"), 400},
	{"POST", "/cases/thumbnail", "width=2", BYTES(png), 200},
	{"POST", "/cases/thumbnail", "width=2", BYTES(jpeg), 200},
	{"POST", "/cases/thumbnail", "width=2", {(const char *)png, 40}, 422},
	{"POST", "/cases/thumbnail", "width=2", {(const char *)jpeg, 100}, 422},
	{"POST", "/cases/thumbnail", "", TEXT("text"), 415},
	{"POST", "/cases/mail", "",
	 TEXT("{\"to\":\"a@b.c\",\"subject\":\"\xc3\xa9\",\"text\":\"t\"}"), 503},
	{"POST", "/cases/mail", "", TEXT("{\"to\":\"a@b.c\",\"subject\":\"a\\nb\",\"text\":\"t\"}"),
	 422},
	{"POST", "/cases/mail", "later=1",
	 TEXT("{\"to\":\"a@b.c\",\"subject\":\"s\",\"text\":\"t\"}"), 202},
	{"POST", PAYMENTS, "", TEXT("{\"order\":\"a\",\"amount\":5}"), 201},
};

/* Of those that need a database, or keep connections of another kind; and /job is what a worker for
 * jobs runs. Of the renders, 1 is done and 2 is dead. */
static const struct plugged stored[] = {
	{"POST", "/cases/renders", "", TEXT("{\"width\":16,\"x\":0.1}"), 202},
	{"POST", "/cases/renders", "", TEXT("{\"width\":15}"), 422},
	{"GET", "/cases/renders/1", "", {NULL, 0}, 200},
	{"GET", "/cases/renders/2", "", {NULL, 0}, 200},
	{"GET", "/cases/renders/999999", "", {NULL, 0}, 404},
	{"GET", "/cases/combined", "item=tea", {NULL, 0}, 200},
	{"GET", "/cases/quotes", "item=tea&within=10", {NULL, 0}, 200},
	{"POST", "/job", "", TEXT("{\"width\":16,\"height\":16}"), 200},
	{"POST", "/cases/orders", "", TEXT("{\"item\":\"tea\",\"quantity\":2}"), 201},
	{"GET", "/cases/orders/1", "", {NULL, 0}, 200},
	{"GET", "/cases/orders", "limit=2", {NULL, 0}, 200},
	{"GET", "/cases/slow-query", "seconds=0.001", {NULL, 0}, 200},
	{"GET", "/cases/slow-query/blocking", "seconds=0.001", {NULL, 0}, 200},
	{"GET", "/cases/slow-query/bad", "seconds=0.001", {NULL, 0}, 200},
};

/* Who listens, and hears of an order: what he has missed, or one that comes when he waits for it.
 * Where something fails, he tries again. */
static const struct plugged listened[] = {
	{"GET", "/cases/events", "", {NULL, 0}, 200, "HTTP_LAST_EVENT_ID=0-0"},
	{"GET", "/cases/events", "", {NULL, 0}, 200},
};

static const char supplier[] = "|HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 13\r\n\r\n"
			       "{\"price\":950}";

static const char gateway[] = "|HTTP/1.1 201 Created\r\nConnection: close\r\n"
			      "Content-Length: 17\r\n\r\n{\"payment\":\"p-1\"}";

static const struct requests {
	const struct plugged *list;
	size_t count;
	bool database;
	bool listens;
} all[] = {
	{requests, COUNT(requests), false, false},
	{stored, COUNT(stored), true, false},
	{listened, COUNT(listened), true, true},
};

static char folder[] = "/tmp/lanes-cases.XXXXXX";
static char port_1[] = "smtp://127.0.0.1:1"; /* where nobody is */
static char outside[64];
static struct scripted suppliers;
static struct scripted gateways;
static struct route list[32];
static struct routes with_job = {.list = list};
static struct router router;
static struct bodies bodies = {.limit = 1 << 20,
			       .memory = 65536,
			       .spooled = {.kind = &bodies.spool_kind},
			       .timeout = 1000000000};
static void (*fail)(long n); /* NULL: nothing does */
static long fail_after;
static int runs;
static int leave_after; /* so many runs; 0: it stays */
static bool has_left;
static int resumed; /* after that */
static bool has_ordered;

/* As the program does, and the queue has something. */
static bool has_tables(void)
{
	return postgres_do(&postgres, jobs_sql[0].sql) &&
	       postgres_do(&postgres, cases.migrations.list[0].sql) &&
	       postgres_do(&postgres,
			   "INSERT INTO orders (item, quantity) VALUES ('tea', 1), ('milk', 2)") &&
	       postgres_do(&postgres,
			   "SELECT lanes_job_enqueue('render', '{}') FROM generate_series(1, 2);"
			   "UPDATE lanes_jobs SET state = 'done', result = 'PNG' WHERE id = 1;"
			   "UPDATE lanes_jobs SET state = 'dead', error = 'no ink' WHERE id = 2");
}

/* Where the option --outside points to. */
static void go_out_to(const struct scripted *whom)
{
	snprintf(outside, sizeof(outside), "http://127.0.0.1:%d", whom->port);
}

static int open_cases(void)
{
	static char *arguments[] = {"lanes",	 "--files", folder,	  "--mail",	port_1,
				    "--outside", outside,   "--database", postgres.url, NULL};
	static struct options options;
	struct sandbox needs = {0};
	struct setup setup = {.options = &options, .needs = &needs};

	if (!mkdtemp(folder) || !file_write(textf("%s/hello", folder), "hello"))
		return 1;
	if (!&cases)
		return 0;
	scripted_start(&suppliers, supplier);
	scripted_start(&gateways, gateway);
	go_out_to(&suppliers);
	fetch_prepare();
	if (database_set_up() || !has_tables())
		return 1;
	if (options_parse(&options, &cases.options, COUNT(arguments) - 1, arguments) ||
	    !cases.prepare(&setup))
		return 1;
	with_job.count = cases.routes.count;
	memcpy(list, cases.routes.list, with_job.count * sizeof(*list));
	for (size_t i = 0; i < with_job.count; i++)
		list[i].pool = NULL; /* which is not there */
	list[with_job.count++] = (struct route)POST("/job", ASYNC, cases.jobs.list[0].handler,
						    .input = cases.jobs.list[0].input);
	return router_open(&router, &with_job);
}

static int close_cases(void)
{
	router_close(&router);
	scripted_stop(&suppliers);
	scripted_stop(&gateways);
	if (&cases)
		database_tear_down();
	return unlink(textf("%s/hello", folder)) || rmdir(folder);
}

/* When somebody listens, there is an order. */
static void order_for_listener(void)
{
	if (!enough || has_ordered || !board_get(&board.database.listeners))
		return;
	has_ordered = true;
	CU_ASSERT(postgres_do(&postgres, "INSERT INTO orders (item, quantity) VALUES ('tea', 1);"
					 "NOTIFY orders"));
}

static void count_run(struct request *req, bool over)
{
	resumed += has_left;
	runs++;
	order_for_listener();
	if (over || runs != leave_after)
		return;
	has_left = true;
	coroutine_cancel(&req->co);
	body_drop(req);
}

/* Asks. Allocations are needed: the arena is full. */
static struct request *ask_for(const struct plugged *asked)
{
	static const char *given[] = {JSON, "HTTP_IDEMPOTENCY_KEY=k", NULL, NULL};
	struct request *req = request_new(NULL);

	req->method = slice_of(asked->method);
	req->path = slice_of(asked->path);
	req->query = slice_of(asked->query);
	req->arena_used = sizeof(req->arena);
	given[2] = asked->header;
	variables = given;
	body_bytes = asked->body;
	go_out_to(strcmp(asked->path, PAYMENTS) ? &suppliers : &gateways);
	if (fail)
		fail(fail_after);
	if (router_route(&router, req) && route_takes_body(req->route)) {
		int status = body_open(req, &bodies);

		if (status)
			reply_error(req, status);
	}
	if (req->reply.status)
		on_finished(req);
	else
		request_resume(req, uv_hrtime());
	return req;
}

/* Asks, and waits until all of it is over. Returns the status; 0: the client has left. */
static int serve(const struct plugged *asked, int leave)
{
	int before = released;
	struct request *req;

	runs = 0;
	leave_after = leave;
	has_left = has_ordered = false;
	streamed.len = 0;
	answered = 0;
	req = ask_for(asked);
	while (!answered && !has_left && released == before)
		turn_until(&runs, runs + 1);
	if (has_left)
		request_unref(req);
	turn_until(&released, before + 1);
	memory_restore();
	body_bytes.data = NULL;
	variables = NULL;
	return answered;
}

static void begin_asking(const struct requests *these)
{
	if (these->database)
		begin_pg(2, NULL);
	else
		begin(2, 20);
	after_run = count_run;
	enough = these->listens ? "data: " : NULL;
	resumed = 0;
}

static void end_asking(const struct requests *these, int requests_made)
{
	after_run = NULL;
	enough = NULL;
	if (these->database)
		end_pg(requests_made);
	else
		end(requests_made);
}

/* Whatever the request before did to a connection. */
static void await_database(const struct requests *these)
{
	if (these->database)
		TURN_UNTIL(board_get(&board.database.connections) > 0 &&
			   board_get(&board.database.busy) == 0);
}

/* Runs it for each, where app/cases is. */
static void for_each(void (*run)(const struct requests *these, const struct plugged *asked))
{
	for (size_t t = 0; &cases && t < COUNT(all); t++)
		for (size_t i = 0; i < all[t].count; i++)
			run(&all[t], &all[t].list[i]);
}

static void answers(const struct requests *these, const struct plugged *asked)
{
	begin_asking(these);
	CU_ASSERT_EQUAL(serve(asked, 0), asked->status);
	end_asking(these, 1);
}

static void each_answers(void)
{
	for_each(answers);
}

/* A 503, or as if nothing had failed. libcurl has other words for it now and then. */
static bool is_right(const struct plugged *asked, int status)
{
	return status == asked->status || status == 503 ||
	       ((status == 500 || status == 502) &&
		(!strcmp(asked->path, "/cases/combined") || !strcmp(asked->path, PAYMENTS)));
}

/* The k-th fails, and none after it; or all after it. */
static void fail_each(const struct requests *these, const struct plugged *asked,
		      void (*how)(long n))
{
	long count;

	begin_asking(these);
	count = memory_allocations();
	serve(asked, 0);
	count = memory_allocations() - count;
	for (fail_after = 0; fail_after < count; fail_after++) {
		long files = process_open(getpid(), "");
		int status;

		fail = how;
		status = serve(asked, 0);
		fail = NULL;
		if (!is_right(asked, status))
			printf("    %s, %ld: %d\n", asked->path, fail_after, status);
		CU_ASSERT(is_right(asked, status));
		await_database(these);
		if (!these->database) /* whose connections are opened and closed */
			CU_ASSERT_EQUAL(process_open(getpid(), ""), files);
	}
	CU_ASSERT_EQUAL(serve(asked, 0), asked->status);
	end_asking(these, (int)count + 2);
}

static void fails_each(const struct requests *these, const struct plugged *asked)
{
	if (these->listens)
		return;
	fail_each(these, asked, memory_fail_once_after);
	fail_each(these, asked, memory_fail_after);
}

static void any_allocation_may_fail(void)
{
	for_each(fails_each);
}

static void leaves_at_each(const struct requests *these, const struct plugged *asked)
{
	int awaits = 0;

	begin_asking(these);
	CU_ASSERT_EQUAL(serve(asked, 0), asked->status); /* what is opened once is open */
	do {
		long files = process_open(getpid(), "");

		serve(asked, ++awaits);
		await_database(these);
		if (!these->database)
			CU_ASSERT_EQUAL(process_open(getpid(), ""), files);
	} while (has_left);
	CU_ASSERT_EQUAL(answered, asked->status);
	CU_ASSERT_EQUAL(resumed, 0);
	end_asking(these, awaits + 1);
}

static void a_client_may_leave_at_each_await(void)
{
	for_each(leaves_at_each);
}

static int sent(const char *text)
{
	const char *at = streamed.data;
	int count = 0;

	while (at &&
	       (at = memmem(at, (size_t)(streamed.data + streamed.len - at), text, strlen(text)))) {
		at += strlen(text);
		count++;
	}
	return count;
}

/* Of two, one reads for both. */
static void who_hears_nothing_has_a_comment(void)
{
	static const char comment[] = ":\n\n";
	uint64_t before;

	if (!&cases)
		return;
	begin_asking(&all[2]);
	has_ordered = true; /* there is none */
	enough = comment;
	for (int i = 1; i <= 2; i++) {
		ask_for(&listened[1]);
		TURN_UNTIL(sent("event-stream") == i);
	}
	clock_ahead = 5000000000;
	before = board_get(&board.database.statements);
	TURN_UNTIL(board_get(&board.database.statements) > before); /* it looks */
	CU_ASSERT_EQUAL(finished, 0);
	clock_ahead = 15000000000;
	turn_until(&finished, 2);
	clock_ahead = 0;
	CU_ASSERT_EQUAL(sent(comment), 2);
	end_asking(&all[2], 2);
}

static const struct test tests[] = {
	{"each answers", each_answers},
	{"any allocation may fail", any_allocation_may_fail},
	{"a client may leave at each await", a_client_may_leave_at_each_await},
	{"who hears nothing for long has a comment", who_hears_nothing_has_a_comment},
};

const struct suite cases_suite = {"cases",    tests,	   COUNT(tests),
				  open_cases, close_cases, database_before};

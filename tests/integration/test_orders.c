/* The example of app/examples, as its clients see it. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "../harness.h"
#include "process.h"
#include "raw.h"

static struct worker worker;
static struct raw raw;

static const char *orders(void)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s", program());
	strcpy(strrchr(path, '/'), "/orders");
	return path;
}

static void begin(const char *engine)
{
	CU_ASSERT_FATAL(worker_start_program(&worker, orders(),
					     (const char *[]){"--engine", engine, NULL}, NULL));
	CU_ASSERT_FATAL(raw_open(&raw, worker.socket));
}

static void end(void)
{
	raw_close(&raw);
	worker_stop(&worker);
}

/* A POST with a body; token NULL: without one. */
static bool post(int id, const char *path, const char *token, const char *body)
{
	char script[1024];

	snprintf(script, sizeof(script),
		 "begin %d keep, params %d "
		 "REQUEST_METHOD=POST&PATH_INFO=%s&CONTENT_TYPE=application/json"
		 "&CONTENT_LENGTH=%zu%s%s, params-end %d, stdin %d %s, stdin-end %d",
		 id, id, path, strlen(body), token ? "&HTTP_AUTHORIZATION=" : "",
		 token ? token : "", id, id, body, id);
	return raw_send(&raw, script);
}

static void create(int id)
{
	CU_ASSERT(post(id, "/orders", "Bearer secret", "{\"item\":\"tea\",\"quantity\":3}"));
	CU_ASSERT(raw_answers(&raw, "Status: 201 Created"));
	CU_ASSERT(raw_answers(&raw, "Location: /orders/1\r\n"));
	CU_ASSERT(raw_answers(&raw,
			      "{\"id\":1,\"item\":\"tea\",\"quantity\":3,\"confirmed\":false}"));
}

static void an_order_is_created_and_read(void)
{
	static const char *const engines[] = {"loop", "prefork"};

	for (int i = 0; i < 2; i++) {
		begin(engines[i]);
		create(1);
		CU_ASSERT(raw_get(&raw, 2, "/orders/1", ""));
		CU_ASSERT(raw_answers(&raw, "STDOUT 2 Status: 200 OK"));
		CU_ASSERT(raw_get(&raw, 3, "/orders/2", ""));
		CU_ASSERT(raw_answers(&raw, "STDOUT 3 Status: 404 "));
		end();
	}
}

static void what_is_wrong_with_it_is_a_422(void)
{
	begin("loop");
	CU_ASSERT(post(1, "/orders", "Bearer secret", "{\"quantity\":0}"));
	CU_ASSERT(raw_answers(
		&raw, "{\"detail\":[{\"loc\":[\"body\",\"item\"],\"msg\":\"field required\","
		      "\"type\":\"value_error.missing\"},{\"loc\":[\"body\",\"quantity\"],"));
	CU_ASSERT(post(2, "/orders", "Bearer secret", "{"));
	CU_ASSERT(raw_answers(&raw, "value_error.jsondecode"));
	CU_ASSERT(raw_get(&raw, 3, "/orders", "limit=0&least=x"));
	CU_ASSERT(raw_answers(&raw, "STDOUT 3 Status: 422 "));
	end();
}

static void who_has_no_token_changes_nothing(void)
{
	begin("loop");
	CU_ASSERT(post(1, "/orders", NULL, "{\"item\":\"tea\",\"quantity\":3}"));
	CU_ASSERT(raw_answers(&raw, "STDOUT 1 Status: 401 Unauthorized"));
	CU_ASSERT(raw_answers(&raw, "WWW-Authenticate: Bearer\r\n"));
	CU_ASSERT(post(2, "/orders", "Bearer secrets", "{\"item\":\"tea\",\"quantity\":3}"));
	CU_ASSERT(raw_answers(&raw, "STDOUT 2 Status: 401 "));
	CU_ASSERT(raw_get(&raw, 3, "/orders", ""));
	CU_ASSERT(raw_answers(&raw, "\r\n\r\n[]\n"));
	end();
}

static void orders_are_listed_by_what_is_asked(void)
{
	begin("loop");
	create(1);
	CU_ASSERT(post(2, "/orders", "Bearer secret", "{\"item\":\"salt\",\"quantity\":30}"));
	CU_ASSERT(raw_answers(&raw, "Location: /orders/2\r\n"));
	CU_ASSERT(raw_get(&raw, 3, "/orders", "least=4&limit=1"));
	CU_ASSERT(raw_answers(
		&raw, "[{\"id\":2,\"item\":\"salt\",\"quantity\":30,\"confirmed\":false}]\n"));
	end();
}

static void an_estimate_asks_two_at_the_same_time(void)
{
	begin("loop");
	create(1);
	CU_ASSERT(raw_get(&raw, 2, "/orders/1/estimate", ""));
	CU_ASSERT(raw_answers(&raw, "{\"price\":28.50,\"days\":2}"));
	end();
}

static void a_letter_is_written_after_the_answer(void)
{
	begin("loop");
	create(1);
	CU_ASSERT(post(2, "/orders/1/confirm", "Bearer secret", ""));
	CU_ASSERT(raw_answers(&raw, "\"confirmed\":true}"));
	CU_ASSERT(raw_answers(&raw, "END 2 0 COMPLETE"));
	CU_ASSERT_FALSE(file_has(worker.log, "event=confirmed"));
	raw_close(&raw);
	worker_stop(&worker); /* which waits for it */
}

static const struct test tests[] = {
	{"an order is created, and read", an_order_is_created_and_read},
	{"what is wrong with it is a 422", what_is_wrong_with_it_is_a_422},
	{"who has no token changes nothing", who_has_no_token_changes_nothing},
	{"orders are listed by what is asked", orders_are_listed_by_what_is_asked},
	{"an estimate asks two at the same time", an_estimate_asks_two_at_the_same_time},
	{"a letter is written after the answer", a_letter_is_written_after_the_answer},
};

const struct suite orders_suite = {"orders", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL};

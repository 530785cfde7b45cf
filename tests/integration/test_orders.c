/* The example of app/examples, as its clients see it. */
#include <string.h>
#include <sys/stat.h>

#include "../support/harness.h"
#include "../support/raw.h"
#include "../support/system.h"

static struct worker worker;
static struct raw raw = {.fd = -1};

/* A worker with the options that are the test's data. */
static void before(void)
{
	CU_ASSERT_FATAL(worker_start_program(&worker, built("orders"), harness_test()->data, NULL));
	CU_ASSERT_FATAL(raw_open(&raw, worker.socket));
}

static void after(void)
{
	raw_close(&raw);
	worker_stop(&worker);
}

/* A POST with a body; token NULL: without one. */
static bool post(int id, const char *path, const char *token, const char *body)
{
	return raw_send(&raw,
			textf("begin %d keep, params %d "
			      "REQUEST_METHOD=POST&PATH_INFO=%s&CONTENT_TYPE=application/json"
			      "&CONTENT_LENGTH=%zu%s%s, params-end %d, stdin %d %s, stdin-end %d",
			      id, id, path, strlen(body), token ? "&HTTP_AUTHORIZATION=" : "",
			      token ? token : "", id, id, body, id));
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
	create(1);
	CU_ASSERT(raw_gets(&raw, 2, "/orders/1", "", "STDOUT 2 Status: 200 OK"));
	CU_ASSERT(raw_gets(&raw, 3, "/orders/2", "", "STDOUT 3 Status: 404 "));
}

static void what_is_wrong_with_it_is_a_422(void)
{
	CU_ASSERT(post(1, "/orders", "Bearer secret", "{\"quantity\":0}"));
	CU_ASSERT(raw_answers(
		&raw, "{\"detail\":[{\"loc\":[\"body\",\"item\"],\"msg\":\"field required\","
		      "\"type\":\"value_error.missing\"},{\"loc\":[\"body\",\"quantity\"],"));
	CU_ASSERT(post(2, "/orders", "Bearer secret", "{"));
	CU_ASSERT(raw_answers(&raw, "value_error.jsondecode"));
	CU_ASSERT(raw_gets(&raw, 3, "/orders", "limit=0&least=x", "STDOUT 3 Status: 422 "));
}

static void who_has_no_token_changes_nothing(void)
{
	CU_ASSERT(post(1, "/orders", NULL, "{\"item\":\"tea\",\"quantity\":3}"));
	CU_ASSERT(raw_answers(&raw, "STDOUT 1 Status: 401 Unauthorized"));
	CU_ASSERT(raw_answers(&raw, "WWW-Authenticate: Bearer\r\n"));
	CU_ASSERT(post(2, "/orders", "Bearer secrets", "{\"item\":\"tea\",\"quantity\":3}"));
	CU_ASSERT(raw_answers(&raw, "STDOUT 2 Status: 401 "));
	CU_ASSERT(raw_gets(&raw, 3, "/orders", "", "\r\n\r\n[]\n"));
}

static void orders_are_listed_by_what_is_asked(void)
{
	create(1);
	CU_ASSERT(post(2, "/orders", "bearer secret", "{\"item\":\"salt\",\"quantity\":30}"));
	CU_ASSERT(raw_answers(&raw, "Location: /orders/2\r\n"));
	CU_ASSERT(raw_gets(&raw, 3, "/orders", "least=4&limit=1",
			   "[{\"id\":2,\"item\":\"salt\",\"quantity\":30,\"confirmed\":false}]\n"));
}

static void an_estimate_asks_two_at_the_same_time(void)
{
	create(1);
	CU_ASSERT(raw_gets(&raw, 2, "/orders/1/estimate", "", "{\"price\":28.50,\"days\":2}"));
}

static void a_letter_is_written_after_the_answer(void)
{
	create(1);
	CU_ASSERT(post(2, "/orders/1/confirm", "Bearer secret", ""));
	CU_ASSERT(raw_answers(&raw, "\"confirmed\":true}"));
	CU_ASSERT(raw_answers(&raw, "END 2 0 COMPLETE"));
	CU_ASSERT_FALSE(file_has(worker.log, "event=confirmed"));
}

static const char tea[] = "{\"item\":\"tea\",\"quantity\":3}";

/* One order is taken, and one more is one too many. */
static void takes_one(const char *token)
{
	CU_ASSERT(post(1, "/orders", token, tea));
	CU_ASSERT(raw_answers(&raw, "STDOUT 1 Status: 201 Created"));
	CU_ASSERT(post(2, "/orders", token, tea));
	CU_ASSERT(raw_answers(&raw, "STDOUT 2 Status: 507 "));
}

static void it_has_an_option_of_its_own(void)
{
	struct outcome outcome;

	takes_one("Bearer secret");
	run(&outcome, STRINGS(built("orders"), "--orders-max", "0"), NULL, -1);
	CU_ASSERT(was_refused(&outcome, "--orders-max: '0' is not a whole number from 1 to 1000"));
	run(&outcome, STRINGS(built("orders"), "--help"), NULL, -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.out, "\nOptions of orders:\n  --orders-max N "));
}

/* ---- as a system ---- */

static struct system shop;

/* The worker has the token, and the option, that the system was started with. */
static void serves_as_told(int worker_slot)
{
	CU_ASSERT_FATAL(raw_open(&raw, textf("%s/worker-%d.sock", shop.run_dir, worker_slot)));
	takes_one("Bearer hush  hush");
	CU_ASSERT(post(3, "/orders", "Bearer secret", tea));
	CU_ASSERT(raw_answers(&raw, "STDOUT 3 Status: 401 "));
	raw_close(&raw);
}

/* A script, called by somebody who knows only where the system is. */
static void changed_by(const char *name, const char *variable)
{
	struct outcome outcome;

	run_script(&outcome, name,
		   STRINGS(shop.run_dir_variable, "PROGRAM", "LANES_ORDERS_MAX=7", variable));
	CU_ASSERT_EQUAL(outcome.status, 0);
}

/* What a POST with so long a body gets through nginx. */
static void posting_is(size_t body, const char *status)
{
	const char *data = textf("%s%*s", tea, (int)(body - strlen(tea)), "");
	struct outcome outcome;

	run(&outcome,
	    STRINGS("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-d", data, "-H",
		    "Content-Type: application/json", "-H", "Authorization: Bearer hush  hush",
		    textf("%s/orders", shop.url)),
	    NULL, -1);
	CU_ASSERT_STRING_EQUAL(outcome.out, status);
}

static void a_system_keeps_what_it_was_started_with(void)
{
	struct stat file;

	CU_ASSERT_FATAL(system_start(
		&shop,
		SYSTEM(.workers = 2,
		       .environment = STRINGS(textf("PROGRAM=%s", built("orders")),
					      "ENVIRONMENT=ORDERS_TOKEN", "BODY_KB=1",
					      "ORDERS_TOKEN=hush  hush", "LANES_ORDERS_MAX=1"))));
	CU_ASSERT_EQUAL_FATAL(stat(system_file(&shop, "pids/environment/ORDERS_TOKEN"), &file), 0);
	CU_ASSERT_EQUAL(file.st_mode & 0777, 0600);
	changed_by("spawn/scale.sh", "WORKERS=1");
	serves_as_told(1);
	posting_is(1024, "507");
	posting_is(1025, "413");
	changed_by("spawn/scale.sh", "WORKERS=2");
	serves_as_told(2);
	changed_by("spawn/restart.sh", NULL);
	serves_as_told(1);
	serves_as_told(2);
	changed_by("spawn/status.sh", NULL);
	CU_ASSERT(system_stop(&shop));
}

static const struct test tests[] = {
	{"it has an option of its own", it_has_an_option_of_its_own, STRINGS("--orders-max=1")},
	{"a process of it has it, too", it_has_an_option_of_its_own,
	 STRINGS("--orders-max=1", "--engine", "prefork")},
	{"a system keeps what it was started with", a_system_keeps_what_it_was_started_with},
	{"an order is created, and read", an_order_is_created_and_read},
	{"an order is created, and read, by a process, too", an_order_is_created_and_read,
	 STRINGS("--engine", "prefork")},
	{"what is wrong with it is a 422", what_is_wrong_with_it_is_a_422},
	{"who has no token changes nothing", who_has_no_token_changes_nothing},
	{"orders are listed by what is asked", orders_are_listed_by_what_is_asked},
	{"an estimate asks two at the same time", an_estimate_asks_two_at_the_same_time},
	{"a letter is written after the answer", a_letter_is_written_after_the_answer},
};

const struct suite orders_suite = {"orders", tests, COUNT(tests), .before = before, .after = after};

/* What a client gets through nginx: bodies, errors, headers. */
#include <stdio.h>
#include <string.h>

#include "../support/client.h"
#include "../support/harness.h"

#define SLEPT(kind, s)		"{\"mode\":\"" kind "\",\"detail\":\"" s " done\"}"
#define INVALID(where, message) "{\"detail\":[{\"loc\":[\"query\"," where "],\"msg\":" message "}]}"
#define NO_FLOAT		"\"value is not a valid float\",\"type\":\"type_error.float\""
#define NO_INTEGER		"\"value is not a valid integer\",\"type\":\"type_error.integer\""
#define TOO_LOW                                                                                    \
	"\"ensure this value is greater than or equal to 0\",\"type\":\"value_error.number.not_"   \
	"ge\",\"ctx\":{\"limit_value\":0}"
#define TOO_HIGH(limit)                                                                            \
	"\"ensure this value is less than or equal to " limit "\",\"type\":\"value_error.number."  \
	"not_le\",\"ctx\":{\"limit_value\":" limit "}"

struct example {
	const char *target;
	int status;
	const char *body;
};

SUITE_SYSTEM(sys, .workers = 1)

static void check(const struct example *examples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct response *r = get(&sys, examples[i].target);

		CU_ASSERT_EQUAL(r->status, examples[i].status);
		CU_ASSERT_STRING_EQUAL(r->body, examples[i].body);
		if (r->status != examples[i].status || strcmp(r->body, examples[i].body))
			printf("    %s: %d %s\n", examples[i].target, r->status, r->body);
	}
}

/* The sleeping ones at the same time: bad-blocking goes last, or the others would wait for it. */
static void answers_as_the_guide(void)
{
	static const struct load_plan sleeping[] = {
		{.target = "/sync/noawait",
		 .body = SLEPT("sync", "blocking_io_task(1.5s)"),
		 .connections = 1},
		{.target = "/async/await-one",
		 .body = SLEPT("async", "async_io_task(1.5s)"),
		 .connections = 1},
		{.target = "/async/await-many",
		 .body = "{\"mode\":\"async_concurrent\",\"details\":[\"async_io_task(1.0s) done\","
			 "\"async_io_task(1.5s) done\",\"async_io_task(0.5s) done\"]}",
		 .connections = 1},
		{.target = "/async/wrap-blocking",
		 .body = SLEPT("async_wrapped_blocking", "blocking_io_task(1.5s)"),
		 .connections = 1},
		{.target = "/async/bad-blocking",
		 .body = "{\"mode\":\"async_bad\",\"detail\":\"blocked event loop for 1.5s\"}",
		 .connections = 1},
	};
	enum { COUNT = COUNT(sleeping) };
	static const struct example quick[] = {
		{"/", 200,
		 "{\"sync\":\"/sync/noawait\",\"async_one\":\"/async/await-one\","
		 "\"async_many\":\"/async/await-many\",\"wrap_blocking\":\"/async/wrap-blocking\","
		 "\"bad_blocking\":\"/async/bad-blocking\",\"cpu_bound\":\"/async/cpu-bound\"}"},
		{"/async/cpu-bound", 200, "{\"sum_sq\":333328333350000}"},
	};
	const bool secure = !strncmp(sys.url, "https", 5); /* one after the other then */
	struct load *bursts[COUNT];
	const struct load_result *result;

	for (size_t i = 0; i < COUNT && !secure; i++)
		bursts[i] = load_system(&sys, &sleeping[i]);
	for (size_t i = 0; i < COUNT; i++) {
		if (secure) {
			check(&(struct example){sleeping[i].target, 200, sleeping[i].body}, 1);
			continue;
		}
		result = load_wait(bursts[i]);
		CU_ASSERT_EQUAL(result->answered, 1);
		CU_ASSERT(result->first >= 1.49);
	}
	check(quick, COUNT(quick));
}

static void answers_with_parameters(void)
{
	static const struct example examples[] = {
		{"/sync/noawait?seconds=0", 200, SLEPT("sync", "blocking_io_task(0.0s)")},
		{"/async/await-one?seconds=0.25", 200, SLEPT("async", "async_io_task(0.25s)")},
		{"/async/await-one?seconds=1e-5", 200, SLEPT("async", "async_io_task(1e-05s)")},
		{"/async/await-one?seconds=3&seconds=%2B0.01&Seconds=x&other=1", 200,
		 SLEPT("async", "async_io_task(0.01s)")},
		{"/async/await-many?seconds=0.1&seconds=0", 200,
		 "{\"mode\":\"async_concurrent\",\"details\":[\"async_io_task(0.1s) done\","
		 "\"async_io_task(0.0s) done\"]}"},
		{"/async/wrap-blocking?seconds=0.01", 200,
		 SLEPT("async_wrapped_blocking", "blocking_io_task(0.01s)")},
		{"/async/bad-blocking?seconds=0.01", 200,
		 "{\"mode\":\"async_bad\",\"detail\":\"blocked event loop for 0.01s\"}"},
		{"/async/cpu-bound?n=0", 200, "{\"sum_sq\":0}"},
		/* over 64 bits */
		{"/async/cpu-bound?n=4000000", 200, "{\"sum_sq\":21333325333334000000}"},
	};

	check(examples, COUNT(examples));
}

static void refuses_as_the_guide(void)
{
	static const struct example examples[] = {
		{"/nowhere", 404, "{\"detail\":\"Not Found\"}"},
		{"/Async/await-one", 404, "{\"detail\":\"Not Found\"}"},
		{"/async/await-one?seconds=abc", 422, INVALID("\"seconds\"", NO_FLOAT)},
		{"/async/await-one?seconds=", 422, INVALID("\"seconds\"", NO_FLOAT)},
		{"/async/await-one?seconds=0x1p3", 422, INVALID("\"seconds\"", NO_FLOAT)},
		{"/sync/noawait?seconds=-1", 422, INVALID("\"seconds\"", TOO_LOW)},
		{"/async/bad-blocking?seconds=nan", 422, INVALID("\"seconds\"", TOO_LOW)},
		{"/async/wrap-blocking?seconds=60.1", 422, INVALID("\"seconds\"", TOO_HIGH("60"))},
		{"/async/await-many?seconds=1&seconds=x", 422, INVALID("\"seconds\",1", NO_FLOAT)},
		{"/async/cpu-bound?n=1.5", 422, INVALID("\"n\"", NO_INTEGER)},
		{"/async/cpu-bound?n=1000000001", 422, INVALID("\"n\"", TOO_HIGH("1000000000"))},
	};

	check(examples, COUNT(examples));
}

static void other_methods_are_not_allowed(void)
{
	static const char *const methods[] = {"POST", "PUT", "DELETE", "PATCH"};

	for (size_t i = 0; i < COUNT(methods); i++) {
		const struct response *r = request(&sys, methods[i], "/async/await-one");

		CU_ASSERT_EQUAL(r->status, 405);
		CU_ASSERT_STRING_EQUAL(header(r, "Allow"), "GET");
		CU_ASSERT_STRING_EQUAL(r->body, "{\"detail\":\"Method Not Allowed\"}");
	}
}

static void options_says_which_there_are(void)
{
	const struct response *r = request(&sys, "OPTIONS", "/async/await-one?seconds=x");

	CU_ASSERT_EQUAL(r->status, 204);
	CU_ASSERT_STRING_EQUAL(header(r, "Allow"), "GET, HEAD, OPTIONS");
	CU_ASSERT_STRING_EQUAL(r->body, "");
}

static void a_trailing_slash_is_redirected(void)
{
	const struct response *r = get(&sys, "/async/await-one/?seconds=1&x=%20");
	const char *location = header(r, "Location");
	const char *path = "/async/await-one?seconds=1&x=%20";

	CU_ASSERT_EQUAL(r->status, 307);
	CU_ASSERT(strlen(location) >= strlen(path) &&
		  !strcmp(location + strlen(location) - strlen(path), path));
}

static void head_is_a_get_without_body(void)
{
	const struct response *r = request(&sys, "HEAD", "/async/cpu-bound?n=10");

	CU_ASSERT_EQUAL(r->status, 200);
	CU_ASSERT_STRING_EQUAL(r->body, "");
	CU_ASSERT_STRING_EQUAL(header(r, "Content-Length"), "14");
}

static void every_answer_carries_our_headers(void)
{
	static const char *const targets[] = {"/", "/async/await-one?seconds=0", "/nowhere",
					      "/async/await-one?seconds=x"};
	static const char *const parts[] = {"queue", "loop", "await", "pool-queue", "pool"};

	for (size_t i = 0; i < COUNT(targets); i++) {
		const struct response *r = get(&sys, targets[i]);

		CU_ASSERT_STRING_EQUAL(header(r, "Content-Type"), "application/json");
		CU_ASSERT_STRING_EQUAL(header(r, "Cache-Control"), "no-store");
		if (sys.foreign) {
			CU_ASSERT_STRING_NOT_EQUAL(header(r, "X-Lanes-Worker"), "");
		} else {
			CU_ASSERT_STRING_EQUAL(header(r, "X-Lanes-Worker"), "loop-1");
			CU_ASSERT_STRING_EQUAL(header(r, "Server"), sys.front ? "" : "nginx");
		}
		for (size_t p = 0; p < COUNT(parts); p++)
			CU_ASSERT(timing(r, parts[p]) >= 0 || system_differs(parts[p]));
	}
}

static void server_timing_says_where_the_time_went(void)
{
	const struct response *r = get(&sys, "/async/await-one?seconds=0.2");

	CU_ASSERT(timing(r, "await") >= 199 && timing(r, "await") <= r->seconds * 1000);
	CU_ASSERT(timing(r, "pool") == 0);
	IN_TIME(timing(r, "loop") < 100);
	r = get(&sys, "/sync/noawait?seconds=0.2");
	CU_ASSERT(timing(r, "pool") >= 199 && timing(r, "pool") <= r->seconds * 1000);
	IN_TIME(timing(r, "await") < 100);
	r = get(&sys, "/async/wrap-blocking?seconds=0.2");
	CU_ASSERT(timing(r, "pool") >= 199 && timing(r, "pool") <= r->seconds * 1000);
	r = get(&sys, "/async/bad-blocking?seconds=0.2");
	CU_ASSERT(timing(r, "loop") >= 199 && timing(r, "loop") <= r->seconds * 1000);
	CU_ASSERT(timing(r, "await") == 0);
}

static void errors_of_nginx_look_like_ours(void)
{
	static char target[30000] = "/?";
	const struct response *r;

	if (sys.front || sys.foreign)
		return;
	memset(target + 2, 'x', sizeof(target) - 3);
	r = get(&sys, target);
	CU_ASSERT_EQUAL(r->status, 414);
	CU_ASSERT_STRING_EQUAL(r->body, "{\"detail\":\"Request-URI Too Long\"}");
	CU_ASSERT_STRING_EQUAL(header(r, "Content-Type"), "application/json");
}

static const struct test tests[] = {
	{"every endpoint answers what the guide's does", answers_as_the_guide},
	{"every endpoint takes its parameters", answers_with_parameters},
	{"bad requests are refused as FastAPI refuses them", refuses_as_the_guide},
	{"a method other than GET is a 405", other_methods_are_not_allowed},
	{"a trailing slash is redirected, the query kept", a_trailing_slash_is_redirected},
	{"OPTIONS says which methods there are", options_says_which_there_are},
	{"HEAD is a GET without the body", head_is_a_get_without_body},
	{"every answer carries our headers", every_answer_carries_our_headers},
	{"Server-Timing says where the time went", server_timing_says_where_the_time_went},
	{"errors of nginx look like ours", errors_of_nginx_look_like_ours},
};

const struct suite endpoints_suite = {"endpoints", tests, COUNT(tests), set_up, tear_down};

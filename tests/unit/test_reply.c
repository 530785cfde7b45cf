#include <json-c/json.h>
#include <string.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "../support/mock.h"
#include "../support/process.h"
#include "http/reply.h"

static const struct request_ops ops = MOCK_OPS(mock_no_param);
static struct request req; /* of the test */

static void open_request(void)
{
	request_init(&req, &ops, NULL);
}

static void close_request(void)
{
	request_unref(&req);
}

/* Lives as textf(). */
static const char *head(void)
{
	struct buffer head = {0};
	const char *text;

	reply_head(&req, slice_of("loop-1"), &head);
	text = textf("%.*s", (int)head.len, head.data);
	buffer_free(&head);
	return text;
}

static void head_is(const char *expected)
{
	CU_ASSERT_STRING_EQUAL(head(), expected);
}

static bool head_has(const char *text)
{
	return strstr(head(), text);
}

static void refused(int status, const char *reason)
{
	CU_ASSERT_EQUAL(req.reply.status, status);
	CU_ASSERT_TRUE(slice_is(req.reply.body, textf("{\"detail\":\"%s\"}", reason)));
}

/* Another in its place, where a test has several. */
static void next_request(void)
{
	close_request();
	open_request();
}

#define REST  "Cache-Control: no-store\r\n" LANES
#define LANES "X-Lanes-Worker: loop-1\r\n" MEASURED
#define MEASURED                                                                                   \
	"X-Lanes-Request: 0\r\n"                                                                   \
	"Server-Timing: loop;dur=0.000, await;dur=0.000, "                                         \
	"pool-queue;dur=0.000, pool;dur=0.000\r\n"

static void the_head_is_a_cgi_response(void)
{
	reply_bytes(&req, 200, "text/html", slice_of("<p>"));
	head_is("Status: 200 OK\r\nContent-Type: text/html\r\nContent-Length: 3\r\n" REST "\r\n");
	CU_ASSERT_TRUE(slice_is(reply_body(&req), "<p>"));
}

static void without_a_type_there_is_no_type_line(void)
{
	reply_bytes(&req, 307, NULL, (struct slice){"", 0});
	reply_header(&req, "Location", slice_of("/x"));
	head_is("Status: 307 Temporary Redirect\r\nContent-Length: 0\r\n" REST
		"Location: /x\r\n\r\n");
}

static void head_has_the_length_but_no_body(void)
{
	req.method = slice_of("HEAD");
	reply_error(&req, 404);
	CU_ASSERT_TRUE(head_has("\r\nContent-Length: 22\r\n"));
	CU_ASSERT_EQUAL(reply_body(&req).len, 0);
}

/* One after another, of two kinds that are prepared and one that is not. */
static void a_head_is_its_own(void)
{
	for (int i = 0; i < 3; i++) {
		next_request();
		reply_bytes(&req, 200, "text/html", slice_of("<p>"));
		head_is("Status: 200 OK\r\nContent-Type: text/html\r\nContent-Length: 3\r\n" REST
			"\r\n");
		next_request();
		reply_error(&req, 404);
		head_is("Status: 404 Not Found\r\nContent-Type: application/json\r\n"
			"Content-Length: 22\r\n" REST "\r\n");
		next_request();
		reply_bytes(&req, 200, "text/html", slice_of(""));
		reply_header(&req, "Content-Type", slice_of("text/css"));
		head_is("Status: 200 OK\r\nContent-Length: 0\r\n" REST
			"Content-Type: text/css\r\n\r\n");
		next_request();
		reply_bytes(&req, 200, "text/css", slice_of("p{}"));
		head_is("Status: 200 OK\r\nContent-Type: text/css\r\nContent-Length: 3\r\n" REST
			"\r\n");
	}
}

/* Whatever is in it, and as long as it likes to be. */
static void the_head_has_room_for_all(void)
{
	static char long_text[3000];
	struct buffer expected = {0};
	struct buffer head = {0};

	memset(long_text, 'x', sizeof(long_text) - 1);
	reply_bytes(&req, 200, long_text, (struct slice){"", 0});
	reply_header(&req, "A", slice_of(long_text));
	reply_head(&req, slice_of(long_text), &head);
	buffer_append_text(&expected,
			   textf("Status: 200 OK\r\nContent-Type: %s\r\nContent-Length: 0\r\n"
				 "Cache-Control: no-store\r\nX-Lanes-Worker: %s\r\n" MEASURED,
				 long_text, long_text));
	buffer_append_text(&expected, textf("A: %s\r\n\r\n", long_text));
	CU_ASSERT_TRUE(slice_equal(buffer_slice(&head), buffer_slice(&expected)));
	buffer_free(&head);
	buffer_free(&expected);
}

static void lengths_are_whole_numbers(void)
{
	static const struct {
		size_t len;
		const char *line;
	} cases[] = {
		{9, "\r\nContent-Length: 9\r\n"},
		{10, "\r\nContent-Length: 10\r\n"},
		{11, "\r\nContent-Length: 11\r\n"},
		{SIZE_MAX, "\r\nContent-Length: 18446744073709551615\r\n"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		next_request();
		reply_bytes(&req, 200, NULL, (struct slice){"", cases[i].len});
		CU_ASSERT_TRUE(head_has(cases[i].line));
	}
}

/* It is taken over, or freed if there is something wrong with it. */
static void a_text_is_taken_over(void)
{
	struct buffer text = {0};

	buffer_append_text(&text, "a text");
	reply_text(&req, 201, "text/plain", &text);
	CU_ASSERT_PTR_NULL(text.data);
	CU_ASSERT_EQUAL(req.reply.status, 201);
	CU_ASSERT_TRUE(slice_is(req.reply.body, "a text"));
	next_request();
	buffer_append_text(&text, "a text");
	text.failed = true;
	reply_text(&req, 200, "text/plain", &text);
	CU_ASSERT_PTR_NULL(text.data);
	refused(503, "Service Unavailable");
}

static void json_has_no_spaces_and_no_escaped_slashes(void)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "a/b", json_object_new_string("c/d"));
	json_object_object_add(json, "n", json_object_new_int(1));
	reply_json(&req, 200, json);
	CU_ASSERT_TRUE(slice_is(req.reply.body, "{\"a/b\":\"c/d\",\"n\":1}"));
	CU_ASSERT_STRING_EQUAL(req.reply.type, "application/json");
}

static void no_json_is_503(void)
{
	reply_json(&req, 200, NULL);
	refused(503, "Service Unavailable");
}

static void json_that_was_cut_is_503(void)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "a", json_object_new_string("some text"));
	memory_fail_after(0);
	reply_json(&req, 200, json);
	memory_restore();
	refused(503, "Service Unavailable");
}

static void an_error_tells_its_reason(void)
{
	static const int statuses[] = {400, 404, 405, 413, 429, 431, 500, 503};

	for (size_t i = 0; i < COUNT(statuses); i++) {
		next_request();
		reply_error(&req, statuses[i]);
		refused(statuses[i], reply_reason(statuses[i]));
		CU_ASSERT_EQUAL(head_has("\r\nRetry-After: 1\r\n"),
				statuses[i] == 503 || statuses[i] == 429);
	}
}

static void every_status_we_send_has_a_reason(void)
{
	CU_ASSERT_STRING_EQUAL(reply_reason(200), "OK");
	CU_ASSERT_STRING_EQUAL(reply_reason(307), "Temporary Redirect");
	CU_ASSERT_STRING_EQUAL(reply_reason(422), "Unprocessable Entity");
	CU_ASSERT_STRING_EQUAL(reply_reason(403), "Forbidden");
	CU_ASSERT_STRING_EQUAL(reply_reason(429), "Too Many Requests");
	CU_ASSERT_STRING_EQUAL(reply_reason(299), "Unknown");
}

/* As in RFC 9110, and those that came later. */
static void no_status_is_unknown(void)
{
	static const short others[] = {421, 422, 423, 424, 425, 426, 428, 429,
				       431, 451, 506, 507, 508, 510, 511};
	static const short last[] = {103, 208, 308, 418, 505};

	for (short hundreds = 1; hundreds <= 5; hundreds++)
		for (short status = (short)(hundreds * 100); status <= last[hundreds - 1]; status++)
			CU_ASSERT_TRUE(status == 306 ||
				       strcmp(reply_reason(status), "Unknown") != 0);
	for (size_t i = 0; i < COUNT(others); i++)
		CU_ASSERT_STRING_NOT_EQUAL(reply_reason(others[i]), "Unknown");
	CU_ASSERT_STRING_EQUAL(reply_reason(416), "Requested Range Not Satisfiable");
	CU_ASSERT_STRING_EQUAL(reply_reason(425), "Too Early");
	CU_ASSERT_STRING_EQUAL(reply_reason(451), "Unavailable For Legal Reasons");
}

static void some_have_no_body(void)
{
	static const int statuses[] = {204, 304};

	for (size_t i = 0; i < 2; i++) {
		next_request();
		reply_error(&req, statuses[i]);
		CU_ASSERT_EQUAL(reply_body(&req).len, 0);
		CU_ASSERT_FALSE(head_has("\r\nContent-"));
	}
}

static void every_error_has_a_body(void)
{
	reply_error(&req, 403);
	CU_ASSERT_TRUE(slice_is(req.reply.body, "{\"detail\":\"Forbidden\"}"));
	CU_ASSERT_TRUE(head_has("Status: 403 Forbidden\r\n"));
}

static void headers_are_of_whichever_answer_comes(void)
{
	reply_header(&req, "X-First", slice_of("1"));
	reply_json(&req, 200, json_object_new_int(7));
	reply_header(&req, "X-Second", slice_of("2"));
	reply_header(&req, "X-Second", slice_of("3"));
	reply_error(&req, 404);
	CU_ASSERT_TRUE(slice_is(req.reply.headers, "X-First: 1\r\nX-Second: 2\r\nX-Second: 3\r\n"));
	CU_ASSERT_TRUE(slice_is(req.reply.body, "{\"detail\":\"Not Found\"}"));
}

static void nothing_is_left_of_whose_place_is_taken(void)
{
	reply_header(&req, "Content-Type", slice_of("text/csv"));
	reply_header(&req, "Set-Cookie", slice_of("a=b"));
	reply_bytes(&req, 200, NULL, slice_of("a,b"));
	reply_instead(&req, 503);
	head_is("Status: 503 Service Unavailable\r\nContent-Type: application/json\r\n"
		"Content-Length: 32\r\nCache-Control: no-store\r\nRetry-After: 1\r\n" LANES "\r\n");
}

static void some_headers_replace_our_own(void)
{
	reply_header(&req, "content-type", slice_of("application/problem+json"));
	reply_header(&req, "Cache-Control", slice_of("max-age=60"));
	reply_header(&req, "Retry-After", slice_of("30"));
	reply_error(&req, 503);
	head_is("Status: 503 Service Unavailable\r\nContent-Length: 32\r\n" LANES
		"content-type: application/problem+json\r\n"
		"Cache-Control: max-age=60\r\nRetry-After: 30\r\n\r\n");
}

/* What would end a line, or the head, or say another length. */
static void a_name_that_is_none_is_500(void)
{
	static const char *const names[] = {
		"", "A B", "A:", "A\r\nB", "Status", "content-length", "Connection", "\xc3\xbc"};

	for (size_t i = 0; i < COUNT(names); i++) {
		next_request();
		reply_header(&req, "X-First", slice_of("1"));
		reply_header(&req, names[i], slice_of("1"));
		reply_json(&req, 200, json_object_new_int(7));
		reply_header(&req, "X-Second", slice_of("2"));
		refused(500, "Internal Server Error");
		CU_ASSERT_EQUAL(req.reply.headers.len, 0);
	}
}

/* The expected are FastAPI's, with its set_cookie(). */
static void cookies_are_python_s(void)
{
	reply_cookie(&req, &(struct cookie){.name = "plain", .value = slice_of("a.b-c|~")});
	reply_cookie(&req, &(struct cookie){.name = "id",
					    .value = slice_of("a \"b\",\\;=\n"),
					    .max_age = 60,
					    .path = "/x",
					    .domain = "example.org",
					    .same_site = "strict",
					    .secure = true,
					    .http_only = true});
	reply_cookie(&req, &(struct cookie){.name = "gone", .max_age = -1});
	reply_error(&req, 404);
	CU_ASSERT_TRUE(
		slice_is(req.reply.headers,
			 "Set-Cookie: plain=a.b-c|~; Path=/; SameSite=lax\r\n"
			 "Set-Cookie: id=\"a \\\"b\\\"\\054\\\\\\073=\\012\"; Domain=example.org; "
			 "HttpOnly; Max-Age=60; Path=/x; SameSite=strict; Secure\r\n"
			 "Set-Cookie: gone=; Max-Age=0; Path=/; SameSite=lax\r\n"));
}

static void a_cookie_cannot_be_two(void)
{
	static const struct cookie cookies[] = {
		{.name = "a; b"},
		{.name = "a", .path = "/; Secure"},
		{.name = "a", .domain = "x\r\nB: c"},
		{.name = "a", .same_site = "lax;"},
	};

	for (size_t i = 0; i < COUNT(cookies); i++) {
		next_request();
		reply_cookie(&req, &cookies[i]);
		reply_bytes(&req, 200, NULL, slice_of(""));
		CU_ASSERT_EQUAL(req.reply.status, 500);
		CU_ASSERT_EQUAL(req.reply.headers.len, 0);
	}
}

static void a_begun_stream_is_not_replaced(void)
{
	reply_bytes(&req, 200, "text/plain", slice_of(""));
	req.reply.begun = true;
	reply_error(&req, 500);
	CU_ASSERT_EQUAL(req.reply.status, 200);
	CU_ASSERT_TRUE(req.reply.begun);
	CU_ASSERT_EQUAL(req.reply.body.len, 0);
}

static void a_second_reply_replaces_the_first(void)
{
	reply_error(&req, 503);
	reply_json(&req, 200, json_object_new_int(7));
	reply_json(&req, 200, json_object_new_int(8));
	CU_ASSERT_TRUE(slice_is(req.reply.body, "8"));
	CU_ASSERT_FALSE(head_has("Retry-After"));
	reply_error(&req, 404);
	CU_ASSERT_EQUAL(req.reply.status, 404);
}

static void a_header_value_cannot_end_its_line(void)
{
	reply_bytes(&req, 200, NULL, (struct slice){"", 0});
	reply_header(&req, "A", (struct slice){"a\r\nB: c\0d\x7f\x80 ~", 13});
	CU_ASSERT_TRUE(slice_is(req.reply.headers, "A: a??B: c?d?\x80 ~\r\n"));
}

static void a_header_without_memory_is_503(void)
{
	request_alloc(&req, REQUEST_INLINE);
	reply_bytes(&req, 307, NULL, (struct slice){"", 0});
	memory_fail_after(0);
	reply_header(&req, "Location", slice_of("/x"));
	memory_restore();
	CU_ASSERT_EQUAL(req.reply.status, 503);
	reply_bytes(&req, 307, NULL, (struct slice){"", 0});
	CU_ASSERT_EQUAL(req.reply.status, 503);
}

static void durations_are_milliseconds_with_three_decimals(void)
{
	reply_error(&req, 404);
	req.times = (struct request_times){.queue_known = true, .queue = 1234567};
	req.co.times = (struct coroutine_times){
		.loop = 499, .suspended = 2000000000, .pool_queue = 500, .pool = 1999000000};
	CU_ASSERT_TRUE(head_has("Server-Timing: queue;dur=1.235, loop;dur=0.000, "
				"await;dur=1.000, pool-queue;dur=0.001, "
				"pool;dur=1999.000\r\n"));
}

static void waiting_for_the_loop_is_no_awaiting(void)
{
	req.serial = (UINT64_C(1) << 32) + 17;
	reply_error(&req, 404);
	CU_ASSERT_FALSE(head_has("ready"));
	req.co.times =
		(struct coroutine_times){.suspended = 30000000, .pool = 5000000, .ready = 20000000};
	CU_ASSERT_TRUE(head_has("X-Lanes-Request: 17\r\n"));
	CU_ASSERT_TRUE(head_has("await;dur=5.000, pool-queue;dur=0.000, pool;dur=5.000, "
				"ready;dur=20.000\r\n"));
}

static void what_is_not_known_is_not_said(void)
{
	reply_error(&req, 404);
	CU_ASSERT_TRUE(head_has("Server-Timing: loop;dur="));
	req.times.queue_known = true;
	CU_ASSERT_TRUE(head_has("Server-Timing: queue;dur=0.000, loop;dur="));
}

static void what_was_awaited_by_name_is_said_where_it_was(void)
{
	reply_error(&req, 404);
	req.co.times = (struct coroutine_times){.suspended = 60000000, .db = 20000000};
	CU_ASSERT_TRUE(head_has("await;dur=40.000, pool-queue;dur=0.000, pool;dur=0.000, "
				"db;dur=20.000\r\n"));
	req.co.times.db_queue = 499;
	CU_ASSERT_FALSE(head_has("db-queue"));
	req.co.times = (struct coroutine_times){.suspended = 60000000, .fetch = 50000000};
	CU_ASSERT_TRUE(head_has("await;dur=10.000, pool-queue;dur=0.000, pool;dur=0.000, "
				"fetch;dur=50.000\r\n"));
	/* At the same time. */
	req.co.times = (struct coroutine_times){.suspended = 60000000,
						.db_queue = 5000000,
						.db = 20000000,
						.fetch = 50000000,
						.ready = 1000000};
	CU_ASSERT_TRUE(head_has("await;dur=0.000, pool-queue;dur=0.000, pool;dur=0.000, "
				"db-queue;dur=5.000, db;dur=20.000, fetch;dur=50.000, "
				"ready;dur=1.000\r\n"));
}

static void waiting_is_never_negative(void)
{
	reply_error(&req, 404);
	req.co.times = (struct coroutine_times){.suspended = 1000000, .pool = 3000000};
	CU_ASSERT_TRUE(head_has("await;dur=0.000,"));
}

static void a_stream_has_no_length(void)
{
	mock_streams = 0;
	reply_header(&req, "X-First", slice_of("1"));
	CU_ASSERT_TRUE(reply_stream(&req, 201, "text/event-stream"));
	CU_ASSERT_EQUAL(mock_streams, 1);
	/* It is too late for a header. */
	reply_header(&req, "X-Second", slice_of("2"));
	head_is("Status: 201 Created\r\nContent-Type: text/event-stream\r\n"
		"X-Accel-Buffering: no\r\n" REST "X-First: 1\r\n\r\n");
	request_unref(&req);
	/* HEAD is told the same, and wants no more. */
	request_init(&req, &ops, NULL);
	req.method = slice_of("HEAD");
	CU_ASSERT_FALSE(reply_stream(&req, 200, "text/event-stream"));
	CU_ASSERT_EQUAL(mock_streams, 1);
	CU_ASSERT_TRUE(head_has("X-Accel-Buffering: no\r\n"));
}

static void a_stream_may_have_one(void)
{
	req.method = slice_of("HEAD");
	CU_ASSERT_FALSE(reply_stream_of(&req, 200, "text/plain", 7));
	head_is("Status: 200 OK\r\nContent-Type: text/plain\r\n"
		"Content-Length: 7\r\n" REST "\r\n");
	CU_ASSERT_EQUAL(reply_body(&req).len, 0);
	req.method = slice_of("GET");
	CU_ASSERT_TRUE(reply_stream_of(&req, 200, "text/plain", 7));
	CU_ASSERT_EQUAL(reply_body(&req).len, 0); /* at its end */
}

static void free_twice_does_no_harm(void)
{
	reply_json(&req, 200, json_object_new_int(1));
	reply_free(&req);
	reply_free(&req);
	CU_ASSERT_PTR_NULL(req.reply.owned);
}

static const struct test tests[] = {
	{"the head is a CGI response", the_head_is_a_cgi_response},
	{"a head has nothing of the one before", a_head_is_its_own},
	{"without a type there is no type line", without_a_type_there_is_no_type_line},
	{"HEAD has the length but no body", head_has_the_length_but_no_body},
	{"the head has room for all", the_head_has_room_for_all},
	{"lengths are whole numbers", lengths_are_whole_numbers},
	{"a text is taken over", a_text_is_taken_over},
	{"JSON has no spaces and no escaped slashes", json_has_no_spaces_and_no_escaped_slashes},
	{"no JSON is 503", no_json_is_503},
	{"JSON that was cut for lack of memory is 503", json_that_was_cut_is_503},
	{"an error tells its reason", an_error_tells_its_reason},
	{"every status we send has a reason", every_status_we_send_has_a_reason},
	{"every error has a body", every_error_has_a_body},
	{"no status of RFC 9110 is unknown", no_status_is_unknown},
	{"204 and 304 have no body", some_have_no_body},
	{"headers are of whichever answer comes", headers_are_of_whichever_answer_comes},
	{"nothing is left of whose place is taken", nothing_is_left_of_whose_place_is_taken},
	{"some headers replace our own", some_headers_replace_our_own},
	{"a header's name that is none is 500", a_name_that_is_none_is_500},
	{"cookies are Python's", cookies_are_python_s},
	{"a cookie cannot be two", a_cookie_cannot_be_two},
	{"a stream that has begun is not replaced", a_begun_stream_is_not_replaced},
	{"a second reply replaces the first", a_second_reply_replaces_the_first},
	{"a header value cannot end its line", a_header_value_cannot_end_its_line},
	{"a header without memory is 503", a_header_without_memory_is_503},
	{"durations are milliseconds with three decimals",
	 durations_are_milliseconds_with_three_decimals},
	{"the queue is left out when nobody said", what_is_not_known_is_not_said},
	{"waiting for the loop is no awaiting", waiting_for_the_loop_is_no_awaiting},
	{"what was awaited by name is said where it was",
	 what_was_awaited_by_name_is_said_where_it_was},
	{"waiting is never negative", waiting_is_never_negative},
	{"a stream has no length", a_stream_has_no_length},
	{"unless it says so", a_stream_may_have_one},
	{"free twice does no harm", free_twice_does_no_harm},
};

const struct suite reply_suite = {"reply", tests, COUNT(tests), .before = open_request,
				  .after = close_request};

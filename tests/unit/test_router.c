/* The rules are Starlette's: starlette/routing.py 0.26, probed with raw requests. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "../support/mock.h"
#include "../support/process.h"
#include "http/input.h"
#include "http/reply.h"
#include "http/router.h"

static void handler(struct request *req)
{
	(void)req;
}

static const struct request_ops ops = MOCK_OPS(mock_no_param);
static struct request req; /* of the test */
static const struct route list[] = {
	GET("/", ASYNC, handler), /* 0 */
	GET("/sync/noawait", SYNC, handler),
	GET("/async/await-one", ASYNC, handler), /* 2 */
	GET("/50%", ASYNC, handler),
	GET("/orders", ASYNC, handler), /* 4 */
	POST("/orders", ASYNC, handler),
	GET("/orders/new", ASYNC, handler), /* 6 */
	GET("/orders/{id}", ASYNC, handler),
	DELETE("/orders/{id}", ASYNC, handler), /* 8 */
	PUT("/orders/last", ASYNC, handler),
	GET("/orders/{order}/items/{item}", ASYNC, handler), /* 10 */
	PATCH("/{what}/{id}/items/first", ASYNC, handler),
	GET("/files/{path:path}", ASYNC, handler), /* 12 */
	GET("/slash/", ASYNC, handler),
	POST("/only/{x}", ASYNC, handler), /* 14 */
	GET("/files/late", ASYNC, handler),
};
static const struct routes routes = ROUTES(list);
static struct router router;

static int set_up(void)
{
	return router_open(&router, &routes);
}

static int tear_down(void)
{
	router_close(&router);
	return 0;
}

static void ask(struct request *req, const char *method, struct slice path)
{
	request_init(req, &ops, NULL);
	req->method = slice_of(method);
	req->path = path;
}

/* As it was sent. */
static bool ask_raw(struct request *req, const char *method, const char *path, const char *query)
{
	ask(req, method, slice_of(path));
	req->raw = req->path.len != 0;
	req->query = slice_of(query);
	return router_route(&router, req);
}

/* "7, id=x": which route it was, and those values of its path that are expected, too. */
static void expect_route(const char *expected)
{
	char name[32];
	int used;

	CU_ASSERT_EQUAL(req.reply.status, 0);
	CU_ASSERT_EQUAL(req.route - list, atoi(expected));
	CU_ASSERT_EQUAL(req.route_number, atoi(expected) + 1);
	while ((expected = strstr(expected, ", ")) &&
	       sscanf(expected, ", %31[^=]=%n", name, &used)) {
		size_t len = strcspn(expected += used, ",");
		struct slice value = {expected, len};

		CU_ASSERT_TRUE(slice_equal(request_path(&req, name), value));
	}
}

/* "405 Allow: GET": the status and the headers. */
static void expect_refusal(const char *expected)
{
	const struct reply *reply = &req.reply;
	const char *body = reply->status < 400
				   ? ""
				   : textf("{\"detail\":\"%s\"}", reply_reason(reply->status));

	CU_ASSERT_TRUE(slice_is(reply->headers,
				strlen(expected) > 3 ? textf("%s\r\n", expected + 4) : ""));
	CU_ASSERT_EQUAL(reply->status, atoi(expected));
	CU_ASSERT_EQUAL(!reply->type, reply->status < 400);
	CU_ASSERT_TRUE(slice_is(reply->body, body));
}

/* Rows of "METHOD PATH[?QUERY] -> ROUTE" or "… -> STATUS HEADER". */
static void check_rows(void)
{
	for (const char *const *row = harness_test()->data; *row; row++) {
		unsigned failures = CU_get_number_of_failures();
		const char *arrow = strstr(*row, " -> ");
		const char *blank = strchr(*row, ' ');
		const char *asked = textf("%.*s", (int)(arrow - blank - 1), blank + 1);
		const char *query = strchr(asked, '?');
		const char *method = textf("%.*s", (int)(blank - *row), *row);
		const char *path = textf("%.*s", (int)strcspn(asked, "?"), asked);

		if (ask_raw(&req, method, path, query ? query + 1 : ""))
			expect_route(arrow + 4);
		else
			expect_refusal(arrow + 4);
		request_unref(&req);
		if (CU_get_number_of_failures() > failures)
			printf("    of: %s\n", *row);
	}
}

#define ROWS(...) check_rows, STRINGS(__VA_ARGS__)

static void an_absent_path_is_not_found(void)
{
	ask(&req, "GET", (struct slice){NULL, 0});
	CU_ASSERT_FALSE(router_route(&router, &req));
	CU_ASSERT_EQUAL(req.reply.status, 404);
	request_unref(&req);
}

/* … or as CGI has it: by the web server. */
static void what_came_decoded_is_not_decoded_again(void)
{
	static const char *const paths[] = {"/async/await%2Done", "/async/await-one"};

	for (size_t i = 0; i < 2; i++) {
		ask(&req, "GET", slice_of(paths[i]));
		CU_ASSERT_EQUAL(router_route(&router, &req), i);
		CU_ASSERT_EQUAL(req.reply.status, i ? 0 : 404);
		request_unref(&req);
	}
}

static void any_number_of_escaped_slashes_is_redirected(void)
{
	char path[2048] = "/sync/noawait";

	for (size_t len = strlen(path); len + 4 < sizeof(path); len += 3)
		memcpy(path + len, "%2F", 4);
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_FALSE(ask_raw(&req, "GET", path, ""));
		expect_refusal("307 Location: /sync/noawait");
		request_unref(&req);
		memset(path + 13, '/', 300);
	}
}

static void the_prefix_is_in_the_location(void)
{
	static const char *const prefixes[][2] = {
		{"/prefork", "307 Location: /prefork/sync/noawait"},
		{"/100% sure", "307 Location: /100%25%20sure/sync/noawait"}};

	for (size_t i = 0; i < 2; i++) {
		ask(&req, "GET", slice_of("/sync/noawait/"));
		req.prefix = slice_of(prefixes[i][0]);
		CU_ASSERT_FALSE(router_route(&router, &req));
		expect_refusal(prefixes[i][1]);
		request_unref(&req);
	}
}

/* A longer one than usual is decoded into memory. */
static void a_path_without_memory_is_503(void)
{
	static char path[3000];

	memset(path, 'x', sizeof(path) - 1);
	memcpy(path, "/%41", 4);
	memory_fail_after(0);
	CU_ASSERT_FALSE(ask_raw(&req, "GET", path, ""));
	memory_restore();
	CU_ASSERT_EQUAL(req.reply.status, 503);
	request_unref(&req);
}

/* In the worst case each byte becomes three. */
static void a_location_has_room_for_all_of_the_query(void)
{
	char query[300] = {0};
	char location[1000] = "307 Location: /sync/noawait?";

	memset(query, '"', sizeof(query) - 1);
	for (size_t i = 0; i + 1 < sizeof(query); i++)
		strcat(location, "%22");
	CU_ASSERT_FALSE(ask_raw(&req, "GET", "/sync/noawait/", query));
	expect_refusal(location);
	request_unref(&req);
}

static void a_redirect_without_memory_is_503(void)
{
	static char query[2000];

	memset(query, 'q', sizeof(query) - 1);
	for (long k = 0; k < 3; k++) {
		memory_fail_after(k);
		CU_ASSERT_FALSE(ask_raw(&req, "GET", "/sync/noawait%2F", query));
		memory_restore();
		CU_ASSERT_EQUAL(req.reply.status, k < 2 ? 503 : 307);
		request_unref(&req);
	}
}

static void see(struct request *req)
{
	(void)req;
}

#define ALL  "Allow: GET, POST, HEAD, OPTIONS\r\n"
#define SOME "Allow: GET, POST\r\n"

/* Who runs before or after all handlers sees that, too, and what has no route at all. */
static void or_those_who_see_everything_do(void)
{
	static const struct route list[] = {POST("/orders", ASYNC, see),
					    GET("/orders", ASYNC, see)};
	static const struct {
		const char *method, *path;
		int status;
		const char *headers, *instead; /* of another answer in its place */
	} asked[] = {{"OPTIONS", "/orders", 204, ALL "A: 1\r\n", ALL "A: 1\r\nB: 2\r\n"},
		     {"DELETE", "/orders", 405, SOME "A: 1\r\n", SOME "A: 1\r\nB: 2\r\n"},
		     {"GET", "/orders/", 307, "A: 1\r\nLocation: /orders\r\n", "A: 1\r\nB: 2\r\n"},
		     {"GET", "/nothing", 404, "A: 1\r\n", "A: 1\r\nB: 2\r\n"}};
	const struct routes before = ROUTES(list, .before = see);
	const struct routes after = ROUTES(list, .after = see);

	for (size_t i = 0; i < 8; i++) {
		const struct routes *routes = i % 2 ? &before : &after;
		struct router opened;

		CU_ASSERT_EQUAL_FATAL(router_open(&opened, routes), 0);
		ask(&req, asked[i / 2].method, slice_of(asked[i / 2].path));
		CU_ASSERT_FATAL(router_route(&opened, &req));
		CU_ASSERT_PTR_EQUAL(req.routes, routes);
		CU_ASSERT_FALSE(route_takes_body(req.route));
		reply_header(&req, "A", slice_of("1"));
		req.route->handler(&req);
		CU_ASSERT_EQUAL(req.reply.status, asked[i / 2].status);
		CU_ASSERT_TRUE(slice_is(req.reply.headers, asked[i / 2].headers));
		reply_header(&req, "B", slice_of("2"));
		reply_error(&req, 401);
		CU_ASSERT_TRUE(slice_is(req.reply.headers, asked[i / 2].instead));
		request_unref(&req);
		router_close(&opened);
	}
}

struct order_id {
	int64_t id;
};

static int opens(const struct route *route)
{
	const struct routes of = {.list = route, .count = 1};
	struct router opened;
	int err = router_open(&opened, &of);

	router_close(&opened);
	return err;
}

static void so_is_a_field_that_the_path_does_not_have(void)
{
	static const struct field fields[] = {PATH(INT, struct order_id, id)};
	static const char *const paths[] = {"/orders", "/orders/{order}", "/orders/{id}"};

	for (size_t i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(
			opens(&(struct route)GET(paths[i], ASYNC, handler, .input = INPUT(fields))),
			i < 2 ? -EINVAL : 0);
}

static void a_path_that_is_none_is_refused_at_the_start(void)
{
	const char **path = STRINGS("", "orders", "/{", "/{}", "/a{id}", "/{id}x", "/{a}{b}",
				    "/{path:path}/more", "/{:path}", "/{a:int}",
				    "/{1}/{2}/{3}/{4}/{5}/{6}/{7}/{8}/{9}");

	for (; *path; path++)
		CU_ASSERT_EQUAL(opens(&(struct route)GET(*path, ASYNC, handler)), -EINVAL);
}

static void there_are_only_so_many_requests_of_a_route(void)
{
	static const struct route limited[] = {GET("/two", ASYNC, handler, .most = 2),
					       GET("/any", ASYNC, handler)};
	static const struct routes of = ROUTES(limited);
	struct router limits;
	struct request reqs[4];

	CU_ASSERT_EQUAL_FATAL(router_open(&limits, &of), 0);
	for (int i = 0; i < 4; i++) {
		ask(&reqs[i], "GET", slice_of(i < 3 ? "/two" : "/any"));
		CU_ASSERT_EQUAL(router_route(&limits, &reqs[i]), i != 2);
	}
	CU_ASSERT_EQUAL(reqs[2].reply.status, 503);
	request_unref(&reqs[2]);
	request_unref(&reqs[0]);
	ask(&reqs[0], "GET", slice_of("/two"));
	CU_ASSERT_TRUE(router_route(&limits, &reqs[0]));
	for (int i = 0; i < 4; i++)
		if (i != 2)
			request_unref(&reqs[i]);
	router_close(&limits);
}

static void a_router_without_memory_says_so(void)
{
	for (long k = 0; k < 4; k++) {
		struct router none;

		memory_fail_after(k);
		CU_ASSERT_EQUAL(router_open(&none, &routes), -ENOMEM);
		memory_restore();
		router_close(&none);
	}
}

/* A thousand routes, of which some have names. */
enum { COUNT = 1000 };
static struct route many[COUNT];
static char paths[COUNT][32];

static void make_many(struct routes *of, size_t count)
{
	for (int i = 0; i < COUNT; i++) {
		snprintf(paths[i], sizeof(paths[i]), i % 2 ? "/r%d/{id}" : "/a/r%d", i);
		many[i] = (struct route)GET(paths[i], ASYNC, handler);
	}
	*of = (struct routes){.list = many, .count = count};
}

static bool is_found(const struct router *big, int i)
{
	char path[32];
	bool found;

	snprintf(path, sizeof(path), i % 2 ? "/r%d/x" : "/a/r%d", i);
	ask(&req, "GET", slice_of(path));
	found = router_route(big, &req) && req.route == &many[i];
	request_unref(&req);
	return found;
}

static void there_may_be_any_number_of_routes(void)
{
	struct routes of;
	struct router big;
	int wrong = 0;

	make_many(&of, COUNT);
	CU_ASSERT_EQUAL_FATAL(router_open(&big, &of), 0);
	for (int i = 0; i < COUNT; i++)
		wrong += !is_found(&big, i);
	CU_ASSERT_EQUAL(wrong, 0);
	router_close(&big);
}

/* CPU time of so many requests to the first ten, all of which are found. */
static double time_of(size_t count)
{
	struct timespec from;
	struct timespec to;
	struct routes of;
	struct router some;

	make_many(&of, count);
	CU_ASSERT_EQUAL_FATAL(router_open(&some, &of), 0);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	for (int i = 0; i < 20000; i++)
		if (!is_found(&some, i % 10))
			CU_ASSERT_TRUE(false);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	router_close(&some);
	return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

static void a_thousand_routes_cost_no_more_than_ten(void)
{
	time_of(10);
	IN_TIME(time_of(1000) < 1.3 * time_of(10));
}

static const struct test tests[] = {
	{"paths match whole and case-sensitively",
	 ROWS("GET / -> 0", "GET /sync/noawait -> 1", "GET /async/await-one -> 2",
	      "GET /sync/noawai -> 404", "GET /sync/noawaitt -> 404", "GET /Sync/noawait -> 404",
	      "GET sync/noawait -> 404", "GET /sync -> 404", "GET  -> 404")},
	{"an absent path is not found", an_absent_path_is_not_found},
	{"slashes and dots are not tidied",
	 ROWS("GET //sync/noawait -> 404", "GET /sync//noawait -> 404",
	      "GET /sync/./noawait -> 404", "GET /async/../sync/noawait -> 404")},
	{"escapes are decoded once, before matching",
	 ROWS("GET /async/await%2Done -> 2", "GET %2fsync%2Fnoawait -> 1",
	      "GET /%73ync/noawait -> 1", "GET /sync%252Fnoawait -> 404",
	      "GET /sync/noawait% -> 404", "GET /sync/noawait%zz -> 404",
	      "GET /sync/noawait%00 -> 404", "GET /%C0%AFsync -> 404",
	      "GET /async/await+one -> 404")},
	{"what came decoded is not decoded again", what_came_decoded_is_not_decoded_again},
	{"one final newline is ignored",
	 ROWS("GET /sync/noawait%0A -> 1", "GET /%0a -> 0", "GET /sync/noawait%0A%0A -> 404",
	      "GET /%0A/sync/noawait -> 404", "GET %0A -> 404")},
	{"HEAD is routed like GET", ROWS("HEAD /sync/noawait -> 1")},
	{"other methods are 405",
	 ROWS("POST /sync/noawait -> 405 Allow: GET", "get / -> 405 Allow: GET",
	      "GETT / -> 405 Allow: GET", " / -> 405 Allow: GET",
	      "BREW /sync/noawait%0A -> 405 Allow: GET")},
	{"an unknown path is 404 for every method", ROWS("POST /nothing -> 404")},
	{"trailing slashes are redirected",
	 ROWS("GET /sync/noawait/ -> 307 Location: /sync/noawait",
	      "GET /sync/noawait/// -> 307 Location: /sync/noawait",
	      "GET /sync/noawait%2F/%2f -> 307 Location: /sync/noawait",
	      "HEAD /sync/noawait/ -> 307 Location: /sync/noawait")},
	{"a redirect comes before the method",
	 ROWS("POST /sync/noawait/ -> 307 Location: /sync/noawait")},
	{"slashes alone are no redirect to the root",
	 ROWS("GET // -> 404", "GET /// -> 404", "GET /%2F -> 404", "GET /nothing/ -> 404")},
	{"any number of escaped slashes is redirected",
	 any_number_of_escaped_slashes_is_redirected},
	{"the query is kept as sent", ROWS("GET /async/await-one/?seconds=1&b=%2F%zz+c?d#e -> 307 "
					   "Location: /async/await-one?seconds=1&b=%2F%zz+c?d#e")},
	{"the location is quoted",
	 ROWS("GET /async/await%2Done/?\"<>\\^`{|} \x01\x7f\xff\r\n -> 307 Location: "
	      "/async/await-one?%22%3C%3E%5C%5E%60%7B%7C%7D%20%01%7F%FF%0D%0A",
	      "GET /sync/noawait%0A/ -> 307 Location: /sync/noawait%0A",
	      "GET /sync/noawait/?azAZ09_.-~:/%#?=@[]!$&'()*+,; -> 307 Location: "
	      "/sync/noawait?azAZ09_.-~:/%#?=@[]!$&'()*+,;")},
	{"the prefix is in the location", the_prefix_is_in_the_location},
	{"a path that was decoded is quoted again", ROWS("GET /50%25/ -> 307 Location: /50%25")},
	{"a path without memory is 503", a_path_without_memory_is_503},
	{"a location has room for all of the query", a_location_has_room_for_all_of_the_query},
	{"a redirect without memory is 503", a_redirect_without_memory_is_503},
	{"a path has a route for each method",
	 ROWS("GET /orders -> 4", "HEAD /orders -> 4", "POST /orders -> 5", "DELETE /orders/7 -> 8",
	      "PUT /orders/last -> 9", "PATCH /orders/7/items/first -> 11")},
	{"the first that matches wins",
	 ROWS("GET /orders/new -> 6", "GET /orders/newer -> 7", "GET /orders/last -> 7",
	      "DELETE /orders/new -> 8", "GET /orders/7/items/first -> 10",
	      "GET /files/late -> 12")},
	{"a segment has a name",
	 ROWS("GET /orders/7 -> 7, id=7", "GET /orders/a%20b%2dc -> 7, id=a b-c",
	      "GET /orders/7/items/x -> 10, order=7, item=x, id=", "GET /orders/7%0A -> 7, id=7\n",
	      "GET /orders/%0A/items/x -> 10, order=\n", "GET /orders//items/x -> 404")},
	{"the rest of a path has a name",
	 ROWS("GET /files/a/b//c -> 12, path=a/b//c", "GET /files/ -> 12, path=",
	      "GET /files/a/ -> 12, path=a/", "GET /files/a%0A -> 12, path=a",
	      "GET /files/a%0Ab -> 404", "GET /files/a%0A%0A -> 404")},
	{"Allow has all methods of a path",
	 ROWS("PUT /orders -> 405 Allow: GET, POST", "POST /orders/new -> 405 Allow: GET, DELETE",
	      "POST /orders/last -> 405 Allow: GET, PUT, DELETE",
	      "HEAD /only/1 -> 405 Allow: POST")},
	{"OPTIONS says what there is",
	 ROWS("OPTIONS /orders -> 204 Allow: GET, POST, HEAD, OPTIONS",
	      "OPTIONS /only/1 -> 204 Allow: POST, OPTIONS", "OPTIONS /nothing -> 404")},
	{"or those who see everything do", or_those_who_see_everything_do},
	{"a missing slash is redirected",
	 ROWS("GET /slash -> 307 Location: /slash/", "GET /orders/7/ -> 307 Location: /orders/7",
	      "GET /files -> 307 Location: /files/")},
	{"a path that is none is refused at the start",
	 a_path_that_is_none_is_refused_at_the_start},
	{"so is a field that the path does not have", so_is_a_field_that_the_path_does_not_have},
	{"there are only so many requests of a route", there_are_only_so_many_requests_of_a_route},
	{"a router without memory says so", a_router_without_memory_says_so},
	{"there may be any number of routes", there_may_be_any_number_of_routes},
	{"a thousand routes cost no more than ten", a_thousand_routes_cost_no_more_than_ten},
};

const struct suite router_suite = {"router", tests, COUNT(tests), set_up, tear_down};

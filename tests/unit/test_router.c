/* The rules are Starlette's: starlette/routing.py 0.26, probed with raw requests. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "../support/mock.h"
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
	GET("/", ASYNC, handler),
	GET("/sync/noawait", SYNC, handler),
	GET("/async/await-one", ASYNC, handler),
};
static const struct route odd_list[] = {GET("/50%", ASYNC, handler)};
static const struct routes odd_routes = ROUTES(odd_list);
static const struct routes routes = ROUTES(list);

static struct router router;
static struct router odd_router;

static int set_up(void)
{
	return router_open(&router, &routes) || router_open(&odd_router, &odd_routes);
}

static int tear_down(void)
{
	router_close(&router);
	router_close(&odd_router);
	return 0;
}

/* As it was sent. */
static bool ask(struct request *req, const char *method, struct slice path, const char *query)
{
	request_init(req, &ops, NULL);
	req->method = slice_of(method);
	req->path = path;
	req->raw = req->path.len != 0;
	req->query = slice_of(query);
	return router_route(&router, req);
}

static void found(const char *path, size_t index)
{
	CU_ASSERT_TRUE(ask(&req, "GET", slice_of(path), ""));
	CU_ASSERT_PTR_EQUAL(req.route, &list[index]);
	CU_ASSERT_EQUAL(req.reply.status, 0);
	request_unref(&req);
}

static void not_found(const char *path)
{
	CU_ASSERT_FALSE(ask(&req, "GET", slice_of(path), ""));
	CU_ASSERT_EQUAL(req.reply.status, 404);
	CU_ASSERT_TRUE(slice_is(req.reply.body, "{\"detail\":\"Not Found\"}"));
	request_unref(&req);
}

static void not_allowed(const char *method, const char *path)
{
	CU_ASSERT_FALSE(ask(&req, method, slice_of(path), ""));
	CU_ASSERT_EQUAL(req.reply.status, 405);
	CU_ASSERT_TRUE(slice_is(req.reply.body, "{\"detail\":\"Method Not Allowed\"}"));
	CU_ASSERT_TRUE(slice_is(req.reply.headers, "Allow: GET\r\n"));
	request_unref(&req);
}

static void redirected(const char *method, const char *path, const char *query,
		       const char *location)
{
	CU_ASSERT_FALSE(ask(&req, method, slice_of(path), query));
	CU_ASSERT_EQUAL(req.reply.status, 307);
	CU_ASSERT_EQUAL(req.reply.body.len, 0);
	CU_ASSERT_PTR_NULL(req.reply.type);
	CU_ASSERT_TRUE(slice_is(req.reply.headers, location));
	request_unref(&req);
}

static void paths_match_whole_and_case_sensitively(void)
{
	found("/", 0);
	found("/sync/noawait", 1);
	found("/async/await-one", 2);
	not_found("/sync/noawai");
	not_found("/sync/noawaitt");
	not_found("/Sync/noawait");
	not_found("sync/noawait");
	not_found("/sync");
	not_found("");
}

static void an_absent_path_is_not_found(void)
{
	CU_ASSERT_FALSE(ask(&req, "GET", (struct slice){NULL, 0}, ""));
	CU_ASSERT_EQUAL(req.reply.status, 404);
	request_unref(&req);
}

static void slashes_and_dots_are_not_tidied(void)
{
	not_found("//sync/noawait");
	not_found("/sync//noawait");
	not_found("/sync/./noawait");
	not_found("/async/../sync/noawait");
}

static void escapes_are_decoded_once_before_matching(void)
{
	found("/async/await%2Done", 2);
	found("%2fsync%2Fnoawait", 1);
	found("/%73ync/noawait", 1);
	not_found("/sync%252Fnoawait");
	not_found("/sync/noawait%");
	not_found("/sync/noawait%zz");
	not_found("/sync/noawait%00");
	not_found("/%C0%AFsync");
	not_found("/async/await+one");
}

/* … or as CGI has it: by the web server. */
static void what_came_decoded_is_not_decoded_again(void)
{
	static const char *const paths[] = {"/async/await%2Done", "/async/await-one"};

	for (size_t i = 0; i < 2; i++) {
		struct request req;

		request_init(&req, &ops, NULL);
		req.method = slice_of("GET");
		req.path = slice_of(paths[i]);
		CU_ASSERT_EQUAL(router_route(&router, &req), i);
		CU_ASSERT_EQUAL(req.reply.status, i ? 0 : 404);
		request_unref(&req);
	}
}

static void one_final_newline_is_ignored(void)
{
	found("/sync/noawait%0A", 1);
	found("/%0a", 0);
	not_found("/sync/noawait%0A%0A");
	not_found("/%0A/sync/noawait");
	not_found("%0A");
}

static void head_is_routed_like_get(void)
{
	CU_ASSERT_TRUE(ask(&req, "HEAD", slice_of("/sync/noawait"), ""));
	request_unref(&req);
}

static void other_methods_are_405(void)
{
	not_allowed("POST", "/sync/noawait");
	not_allowed("get", "/");
	not_allowed("GETT", "/");
	not_allowed("", "/");
	not_allowed("BREW", "/sync/noawait%0A");
}

static void an_unknown_path_is_404_for_every_method(void)
{
	CU_ASSERT_FALSE(ask(&req, "POST", slice_of("/nothing"), ""));
	CU_ASSERT_EQUAL(req.reply.status, 404);
	CU_ASSERT_EQUAL(req.reply.headers.len, 0);
	request_unref(&req);
}

static void trailing_slashes_are_redirected(void)
{
	redirected("GET", "/sync/noawait/", "", "Location: /sync/noawait\r\n");
	redirected("GET", "/sync/noawait///", "", "Location: /sync/noawait\r\n");
	redirected("GET", "/sync/noawait%2F/%2f", "", "Location: /sync/noawait\r\n");
	redirected("HEAD", "/sync/noawait/", "", "Location: /sync/noawait\r\n");
}

static void a_redirect_comes_before_the_method(void)
{
	redirected("POST", "/sync/noawait/", "", "Location: /sync/noawait\r\n");
}

static void slashes_alone_are_no_redirect_to_the_root(void)
{
	not_found("//");
	not_found("///");
	not_found("/%2F");
	not_found("/nothing/");
}

static void any_number_of_escaped_slashes_is_redirected(void)
{
	char path[2048] = "/sync/noawait";

	for (size_t len = strlen(path); len + 4 < sizeof(path); len += 3)
		memcpy(path + len, "%2F", 4);
	redirected("GET", path, "", "Location: /sync/noawait\r\n");
	memset(path + 13, '/', 300);
	redirected("GET", path, "", "Location: /sync/noawait\r\n");
}

static void the_query_is_kept_as_sent(void)
{
	redirected("GET", "/async/await-one/", "seconds=1&b=%2F%zz+c?d#e",
		   "Location: /async/await-one?seconds=1&b=%2F%zz+c?d#e\r\n");
}

static void the_location_is_quoted(void)
{
	redirected("GET", "/async/await%2Done/", "\"<>\\^`{|} \x01\x7f\xff\r\n",
		   "Location: /async/await-one?%22%3C%3E%5C%5E%60%7B%7C%7D%20%01%7F%FF%0D%0A\r\n");
	redirected("GET", "/sync/noawait%0A/", "", "Location: /sync/noawait%0A\r\n");
	redirected("GET", "/sync/noawait/", "azAZ09_.-~:/%#?=@[]!$&'()*+,;",
		   "Location: /sync/noawait?azAZ09_.-~:/%#?=@[]!$&'()*+,;\r\n");
}

static void the_prefix_is_in_the_location(void)
{
	request_init(&req, &ops, NULL);
	req.method = slice_of("GET");
	req.prefix = slice_of("/prefork");
	req.path = slice_of("/sync/noawait/");
	CU_ASSERT_FALSE(router_route(&router, &req));
	CU_ASSERT_TRUE(slice_is(req.reply.headers, "Location: /prefork/sync/noawait\r\n"));
	request_unref(&req);
	request_init(&req, &ops, NULL);
	req.method = slice_of("GET");
	req.prefix = slice_of("/100% sure");
	req.path = slice_of("/sync/noawait/");
	CU_ASSERT_FALSE(router_route(&router, &req));
	CU_ASSERT_TRUE(slice_is(req.reply.headers, "Location: /100%25%20sure/sync/noawait\r\n"));
	request_unref(&req);
}

static void a_path_that_was_decoded_is_quoted_again(void)
{
	request_init(&req, &ops, NULL);
	req.method = slice_of("GET");
	req.path = slice_of("/50%25/");
	req.raw = req.path.len != 0;
	CU_ASSERT_FALSE(router_route(&odd_router, &req));
	CU_ASSERT_TRUE(slice_is(req.reply.headers, "Location: /50%25\r\n"));
	request_unref(&req);
}

/* A longer one than usual is decoded into memory. */
static void a_path_without_memory_is_503(void)
{
	static char path[3000];

	memset(path, 'x', sizeof(path) - 1);
	memcpy(path, "/%41", 4);
	memory_fail_after(0);
	CU_ASSERT_FALSE(ask(&req, "GET", slice_of(path), ""));
	memory_restore();
	CU_ASSERT_EQUAL(req.reply.status, 503);
	request_unref(&req);
}

/* In the worst case each byte becomes three. */
static void a_location_has_room_for_all_of_the_query(void)
{
	char query[300] = {0};
	char location[1000];
	size_t len = (size_t)snprintf(location, sizeof(location), "Location: /sync/noawait?");

	memset(query, '"', sizeof(query) - 1);
	for (size_t i = 0; i + 1 < sizeof(query); i++)
		len += (size_t)snprintf(location + len, sizeof(location) - len, "%%22");
	snprintf(location + len, sizeof(location) - len, "\r\n");
	CU_ASSERT_FALSE(ask(&req, "GET", slice_of("/sync/noawait/"), query));
	CU_ASSERT_TRUE(slice_is(req.reply.headers, location));
	request_unref(&req);
}

static void a_redirect_without_memory_is_503(void)
{
	static char query[2000];

	memset(query, 'q', sizeof(query) - 1);
	for (long k = 0; k < 3; k++) {
		struct request req;

		memory_fail_after(k);
		CU_ASSERT_FALSE(ask(&req, "GET", slice_of("/sync/noawait%2F"), query));
		memory_restore();
		CU_ASSERT_EQUAL(req.reply.status, k < 2 ? 503 : 307);
		request_unref(&req);
	}
}

/* ---- an application's routes ---- */

static const struct route shop_list[] = {
	GET("/orders", ASYNC, handler),
	POST("/orders", ASYNC, handler),
	GET("/orders/new", ASYNC, handler),
	GET("/orders/{id}", ASYNC, handler),
	DELETE("/orders/{id}", ASYNC, handler),
	PUT("/orders/last", ASYNC, handler),
	GET("/orders/{order}/items/{item}", ASYNC, handler),
	PATCH("/{what}/{id}/items/first", ASYNC, handler),
	GET("/files/{path:path}", ASYNC, handler),
	GET("/slash/", ASYNC, handler),
	POST("/only/{x}", ASYNC, handler),
	GET("/files/late", ASYNC, handler),
};
static const struct routes shop = ROUTES(shop_list);

/* Asks the shop; returns which of its routes it was, or -1. */
static int ask_shop(struct request *req, const char *method, const char *path)
{
	struct router of_shop;
	bool found;

	CU_ASSERT_EQUAL_FATAL(router_open(&of_shop, &shop), 0);
	request_init(req, &ops, NULL);
	req->method = slice_of(method);
	req->path = slice_of(path);
	req->raw = req->path.len != 0;
	found = router_route(&of_shop, req);
	router_close(&of_shop);
	return found ? (int)(req->route - shop_list) : -1;
}

static void is_route(const char *method, const char *path, int index)
{
	CU_ASSERT_EQUAL(ask_shop(&req, method, path), index);
	CU_ASSERT_EQUAL(req.route_number, index + 1);
	request_unref(&req);
}

static void is_refused(const char *method, const char *path, int status, const char *headers)
{
	CU_ASSERT_EQUAL(ask_shop(&req, method, path), -1);
	CU_ASSERT_EQUAL(req.reply.status, status);
	CU_ASSERT_TRUE(slice_is(req.reply.headers, headers));
	request_unref(&req);
}

static void has_value(const char *path, const char *name, const char *value)
{
	CU_ASSERT_TRUE(ask_shop(&req, "GET", path) >= 0);
	CU_ASSERT_TRUE(slice_is(request_path(&req, name), value));
	request_unref(&req);
}

static void a_path_has_a_route_for_each_method(void)
{
	is_route("GET", "/orders", 0);
	is_route("HEAD", "/orders", 0);
	is_route("POST", "/orders", 1);
	is_route("DELETE", "/orders/7", 4);
	is_route("PUT", "/orders/last", 5);
	is_route("PATCH", "/orders/7/items/first", 7);
}

static void the_first_that_matches_wins(void)
{
	is_route("GET", "/orders/new", 2);
	is_route("GET", "/orders/newer", 3);
	is_route("GET", "/orders/last", 3);
	is_route("DELETE", "/orders/new", 4);
	is_route("GET", "/orders/7/items/first", 6);
	is_route("GET", "/files/late", 8);
}

static void a_segment_has_a_name(void)
{
	has_value("/orders/7", "id", "7");
	has_value("/orders/a%20b%2dc", "id", "a b-c");
	has_value("/orders/7/items/x", "order", "7");
	has_value("/orders/7/items/x", "item", "x");
	has_value("/orders/7/items/x", "id", "");
	has_value("/orders/7%0A", "id", "7\n");
	has_value("/orders/%0A/items/x", "order", "\n");
	is_refused("GET", "/orders//items/x", 404, "");
}

static void the_rest_of_a_path_has_a_name(void)
{
	has_value("/files/a/b//c", "path", "a/b//c");
	has_value("/files/", "path", "");
	has_value("/files/a/", "path", "a/");
	has_value("/files/a%0A", "path", "a");
	is_refused("GET", "/files/a%0Ab", 404, "");
	is_refused("GET", "/files/a%0A%0A", 404, "");
}

static void allow_has_all_methods_of_a_path(void)
{
	is_refused("PUT", "/orders", 405, "Allow: GET, POST\r\n");
	is_refused("POST", "/orders/new", 405, "Allow: GET, DELETE\r\n");
	is_refused("POST", "/orders/last", 405, "Allow: GET, PUT, DELETE\r\n");
	is_refused("HEAD", "/only/1", 405, "Allow: POST\r\n");
}

static void options_says_what_there_is(void)
{
	is_refused("OPTIONS", "/orders", 204, "Allow: GET, POST, HEAD, OPTIONS\r\n");
	is_refused("OPTIONS", "/only/1", 204, "Allow: POST, OPTIONS\r\n");
	is_refused("OPTIONS", "/nothing", 404, "");
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
		struct request req;

		CU_ASSERT_EQUAL_FATAL(router_open(&opened, routes), 0);
		request_init(&req, &ops, NULL);
		req.method = slice_of(asked[i / 2].method);
		req.path = slice_of(asked[i / 2].path);
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

static void a_missing_slash_is_redirected(void)
{
	is_refused("GET", "/slash", 307, "Location: /slash/\r\n");
	is_refused("GET", "/orders/7/", 307, "Location: /orders/7\r\n");
	is_refused("GET", "/files", 307, "Location: /files/\r\n");
}

struct order_id {
	int64_t id;
};

static void so_is_a_field_that_the_path_does_not_have(void)
{
	static const struct field fields[] = {PATH(INT, struct order_id, id)};
	static const char *const paths[] = {"/orders", "/orders/{order}", "/orders/{id}"};

	for (size_t i = 0; i < 3; i++) {
		const struct route one[] = {GET(paths[i], ASYNC, handler, .input = INPUT(fields))};
		const struct routes of = ROUTES(one);
		struct router opened;

		CU_ASSERT_EQUAL(router_open(&opened, &of), i < 2 ? -EINVAL : 0);
		router_close(&opened);
	}
}

static void a_path_that_is_none_is_refused_at_the_start(void)
{
	static const char *const paths[] = {"",
					    "orders",
					    "/{",
					    "/{}",
					    "/a{id}",
					    "/{id}x",
					    "/{a}{b}",
					    "/{path:path}/more",
					    "/{:path}",
					    "/{a:int}",
					    "/{1}/{2}/{3}/{4}/{5}/{6}/{7}/{8}/{9}"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const struct route bad[] = {GET(paths[i], ASYNC, handler)};
		const struct routes of = ROUTES(bad);
		struct router refused;

		CU_ASSERT_EQUAL(router_open(&refused, &of), -EINVAL);
		router_close(&refused);
	}
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
		request_init(&reqs[i], &ops, NULL);
		reqs[i].method = slice_of("GET");
		reqs[i].path = slice_of(i < 3 ? "/two" : "/any");
		CU_ASSERT_EQUAL(router_route(&limits, &reqs[i]), i != 2);
	}
	CU_ASSERT_EQUAL(reqs[2].reply.status, 503);
	request_unref(&reqs[2]);
	request_unref(&reqs[0]);
	request_init(&reqs[0], &ops, NULL);
	reqs[0].method = slice_of("GET");
	reqs[0].path = slice_of("/two");
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
		CU_ASSERT_EQUAL(router_open(&none, &shop), -ENOMEM);
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
	request_init(&req, &ops, NULL);
	req.method = slice_of("GET");
	req.path = slice_of(path);
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
	{"paths match whole and case-sensitively", paths_match_whole_and_case_sensitively},
	{"an absent path is not found", an_absent_path_is_not_found},
	{"slashes and dots are not tidied", slashes_and_dots_are_not_tidied},
	{"escapes are decoded once, before matching", escapes_are_decoded_once_before_matching},
	{"what came decoded is not decoded again", what_came_decoded_is_not_decoded_again},
	{"one final newline is ignored", one_final_newline_is_ignored},
	{"HEAD is routed like GET", head_is_routed_like_get},
	{"other methods are 405", other_methods_are_405},
	{"an unknown path is 404 for every method", an_unknown_path_is_404_for_every_method},
	{"trailing slashes are redirected", trailing_slashes_are_redirected},
	{"a redirect comes before the method", a_redirect_comes_before_the_method},
	{"slashes alone are no redirect to the root", slashes_alone_are_no_redirect_to_the_root},
	{"any number of escaped slashes is redirected",
	 any_number_of_escaped_slashes_is_redirected},
	{"the query is kept as sent", the_query_is_kept_as_sent},
	{"the location is quoted", the_location_is_quoted},
	{"the prefix is in the location", the_prefix_is_in_the_location},
	{"a path that was decoded is quoted again", a_path_that_was_decoded_is_quoted_again},
	{"a path without memory is 503", a_path_without_memory_is_503},
	{"a location has room for all of the query", a_location_has_room_for_all_of_the_query},
	{"a redirect without memory is 503", a_redirect_without_memory_is_503},
	{"a path has a route for each method", a_path_has_a_route_for_each_method},
	{"the first that matches wins", the_first_that_matches_wins},
	{"a segment has a name", a_segment_has_a_name},
	{"the rest of a path has a name", the_rest_of_a_path_has_a_name},
	{"Allow has all methods of a path", allow_has_all_methods_of_a_path},
	{"OPTIONS says what there is", options_says_what_there_is},
	{"or those who see everything do", or_those_who_see_everything_do},
	{"a missing slash is redirected", a_missing_slash_is_redirected},
	{"a path that is none is refused at the start",
	 a_path_that_is_none_is_refused_at_the_start},
	{"so is a field that the path does not have", so_is_a_field_that_the_path_does_not_have},
	{"there are only so many requests of a route", there_are_only_so_many_requests_of_a_route},
	{"a router without memory says so", a_router_without_memory_says_so},
	{"there may be any number of routes", there_may_be_any_number_of_routes},
	{"a thousand routes cost no more than ten", a_thousand_routes_cost_no_more_than_ten},
};

const struct suite router_suite = {"router", tests, sizeof(tests) / sizeof(tests[0]), set_up,
				   tear_down};

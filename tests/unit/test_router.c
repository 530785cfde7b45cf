/* The rules are Starlette's: starlette/routing.py 0.26, probed with raw requests. */
#include <stdio.h>
#include <string.h>

#include "../harness.h"
#include "http/reply.h"
#include "http/router.h"
#include "memory.h"

static void release(struct request *req)
{
	(void)req;
}

static void handler(struct request *req)
{
	(void)req;
}

static const struct request_ops ops = {.release = release};
static const struct route list[] = {
	ASYNC("/", handler),
	SYNC("/sync/noawait", handler),
	ASYNC("/async/await-one", handler),
};
static const struct route odd_list[] = {ASYNC("/50%", handler)};
static const struct routes odd_routes = {odd_list, 1};
static const struct routes routes = {list, sizeof(list) / sizeof(list[0])};

/* As it was sent. */
static bool ask(struct request *req, const char *method, struct slice path, const char *query)
{
	request_init(req, &ops, NULL);
	req->method = slice_of(method);
	req->path = req->raw_path = path;
	req->query = slice_of(query);
	return router_route(&routes, req);
}

static void found(const char *path, size_t index)
{
	struct request req;

	CU_ASSERT_TRUE(ask(&req, "GET", slice_of(path), ""));
	CU_ASSERT_PTR_EQUAL(req.route, &list[index]);
	CU_ASSERT_EQUAL(req.reply.status, 0);
	request_unref(&req);
}

static void not_found(const char *path)
{
	struct request req;

	CU_ASSERT_FALSE(ask(&req, "GET", slice_of(path), ""));
	CU_ASSERT_EQUAL(req.reply.status, 404);
	CU_ASSERT_TRUE(slice_is(req.reply.body, "{\"detail\":\"Not Found\"}"));
	request_unref(&req);
}

static void not_allowed(const char *method, const char *path)
{
	struct request req;

	CU_ASSERT_FALSE(ask(&req, method, slice_of(path), ""));
	CU_ASSERT_EQUAL(req.reply.status, 405);
	CU_ASSERT_TRUE(slice_is(req.reply.body, "{\"detail\":\"Method Not Allowed\"}"));
	CU_ASSERT_TRUE(slice_is(req.reply.headers, "Allow: GET\r\n"));
	request_unref(&req);
}

static void redirected(const char *method, const char *path, const char *query,
		       const char *location)
{
	struct request req;

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
	struct request req;

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
		CU_ASSERT_EQUAL(router_route(&routes, &req), i);
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
	struct request req;

	CU_ASSERT_TRUE(ask(&req, "HEAD", slice_of("/sync/noawait"), ""));
	request_unref(&req);
}

static void other_methods_are_405(void)
{
	not_allowed("POST", "/sync/noawait");
	not_allowed("OPTIONS", "/");
	not_allowed("get", "/");
	not_allowed("GETT", "/");
	not_allowed("", "/");
	not_allowed("BREW", "/sync/noawait%0A");
}

static void an_unknown_path_is_404_for_every_method(void)
{
	struct request req;

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
	struct request req;

	request_init(&req, &ops, NULL);
	req.method = slice_of("GET");
	req.prefix = slice_of("/prefork");
	req.path = slice_of("/sync/noawait/");
	CU_ASSERT_FALSE(router_route(&routes, &req));
	CU_ASSERT_TRUE(slice_is(req.reply.headers, "Location: /prefork/sync/noawait\r\n"));
	request_unref(&req);
	request_init(&req, &ops, NULL);
	req.method = slice_of("GET");
	req.prefix = slice_of("/100% sure");
	req.path = slice_of("/sync/noawait/");
	CU_ASSERT_FALSE(router_route(&routes, &req));
	CU_ASSERT_TRUE(slice_is(req.reply.headers, "Location: /100%25%20sure/sync/noawait\r\n"));
	request_unref(&req);
}

static void a_path_that_was_decoded_is_quoted_again(void)
{
	struct request req;

	request_init(&req, &ops, NULL);
	req.method = slice_of("GET");
	req.path = req.raw_path = slice_of("/50%25/");
	CU_ASSERT_FALSE(router_route(&odd_routes, &req));
	CU_ASSERT_TRUE(slice_is(req.reply.headers, "Location: /50%25\r\n"));
	request_unref(&req);
}

/* A longer one than usual is decoded into memory. */
static void a_path_without_memory_is_503(void)
{
	static char path[3000];
	struct request req;

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
	struct request req;

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
};

const struct suite router_suite = {"router", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL};

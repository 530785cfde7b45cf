/* The path of a request, as the web servers of this world say it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "../support/mock.h"
#include "../support/process.h"
#include "caught.h"
#include "http/mount.h"
#include "http/reply.h"
#include "http/router.h"

static void handler(struct request *req)
{
	(void)req;
}

static const struct route list[] = {
	GET("/", ASYNC, handler),
	GET("/async/await-one", ASYNC, handler),
	POST("/async/create", ASYNC, handler),
	GET("/await-two", ASYNC, handler),
	GET("/app", ASYNC, handler),
	GET("/orders/{id}", ASYNC, handler),
	GET("/slash/", ASYNC, handler),
	GET("/50%41", ASYNC, handler),
};
static const struct routes routes = ROUTES(list);
static struct router router;

static struct request req; /* of the test */
static char said[1024];	   /* its params: "NAME=value", a NUL behind each and two at the end */

static struct slice param(const struct request *req, const char *name)
{
	size_t len = strlen(name);

	(void)req;
	for (const char *pair = said; *pair; pair += strlen(pair) + 1)
		if (!strncmp(pair, name, len) && pair[len] == '=')
			return slice_of(pair + len + 1);
	return (struct slice){NULL, 0};
}

static const struct request_ops ops = MOCK_OPS(param);

static int set_up(void)
{
	return router_open(&router, &routes);
}

static int tear_down(void)
{
	router_close(&router);
	return 0;
}

/* A GET, of params with blanks between them. */
static void begin(const char *params, size_t len)
{
	CU_ASSERT_FATAL(len + 2 < sizeof(said));
	for (size_t i = 0; i < len; i++)
		said[i] = params[i] == ' ' ? '\0' : params[i];
	memset(said + len, 0, 2);
	request_init(&req, &ops, NULL);
	req.method = slice_of("GET");
	for (const char *pair = said; *pair; pair += strlen(pair) + 1) {
		size_t name = strcspn(pair, "=");

		request_take_param(&req, (struct slice){pair, name}, slice_of(pair + name + 1));
	}
	request_params_done(&req, 0);
}

/* What came of it, as it stands in a row: "/app + /orders/{id}", the prefix and the route's path;
 * "307 /app/" and the like, where it leads; or a status. */
static const char *outcome(bool routed)
{
	const struct slice *headers = &req.reply.headers;
	struct slice body = reply_body(&req);

	if (routed)
		return textf("%.*s + %s", (int)req.prefix.len, req.prefix.data, req.route->path);
	if (req.reply.status == 307)
		return textf("307 %.*s", (int)headers->len - 12, headers->data + 10);
	if (strstr(textf("%.*s", (int)body.len, body.data), "mounted"))
		return textf("%d outside", req.reply.status);
	return textf("%d", req.reply.status);
}

/* Rows of "MOUNT: PARAMS -> OUTCOME"; without a mount it is not known. */
static void check_rows(void)
{
	for (const char *const *row = harness_test()->data; *row; row++) {
		const char *colon = strstr(*row, ": ");
		const char *arrow = strstr(*row, " -> ");
		const char *mount = textf("%.*s", (int)(colon - *row), *row);
		const char *came;

		begin(colon + 2, arrow > colon + 2 ? (size_t)(arrow - colon - 2) : 0);
		router.mount = mount_of(*mount ? mount : NULL);
		came = outcome(router_route(&router, &req));
		if (strcmp(came, arrow + 4) != 0)
			printf("    of: %s: %s\n", *row, came);
		CU_ASSERT_STRING_EQUAL(came, arrow + 4);
		request_unref(&req);
	}
}

#define ROWS(...) check_rows, STRINGS(__VA_ARGS__)

static void a_request_without_a_path_is_told_of_once(void)
{
	static const char *const mounts[] = {NULL, "/", "/app"};
	struct caught caught;

	caught_begin();
	for (size_t i = 0; i < 6; i++) {
		begin("QUERY_STRING=a PATH_INFO= REQUEST_URI=?", i < 3 ? 39 : 14);
		router.mount = mount_of(mounts[i % 3]);
		CU_ASSERT_FALSE(router_route(&router, &req));
		CU_ASSERT_EQUAL(req.reply.status, 404);
		request_unref(&req);
	}
	caught_end(&caught);
	CU_ASSERT(caught_one_line(&caught, "event=no-path"));
	CU_ASSERT(caught_one_line(&caught, "SCRIPT_NAME, PATH_INFO"));
}

/* The request's own memory is taken. */
static void a_path_without_memory_is_503(void)
{
	static const char *const asked[] = {"SCRIPT_NAME=/async PATH_INFO=/await-one",
					    "SCRIPT_NAME=/async PATH_INFO=/await-one/",
					    "SCRIPT_NAME=/async PATH_INFO=/await-one",
					    "LANES_PATH=/%61sync/await-one"};
	static const char *const mounts[] = {NULL, NULL, "/", "/async"};

	for (size_t i = 0; i < COUNT(asked); i++)
		for (long k = 0; k < 4; k++) {
			bool routed;

			begin(asked[i], strlen(asked[i]));
			request_alloc(&req, sizeof(req.arena) - req.arena_used);
			router.mount = mount_of(mounts[i]);
			memory_fail_after(k);
			routed = router_route(&router, &req);
			memory_restore();
			CU_ASSERT(routed || req.reply.status == 503 ||
				  (k && req.reply.status == (i == 1 ? 307 : 404)));
			CU_ASSERT(k || !routed);
			request_unref(&req);
		}
}

static const struct test tests[] = {
	{"PATH_INFO is the path, SCRIPT_NAME the mount",
	 ROWS(": PATH_INFO=/async/await-one ->  + /async/await-one",
	      ": SCRIPT_NAME=/app PATH_INFO=/orders/7 -> /app + /orders/{id}",
	      ": SCRIPT_NAME=/app PATH_INFO=/orders/7/ -> 307 /app/orders/7",
	      ": SCRIPT_NAME=/app PATH_INFO=/nowhere -> 404",
	      ": SCRIPT_NAME=/app PATH_INFO=/async/create -> 405")},
	{"SCRIPT_NAME is the path where there is no PATH_INFO",
	 ROWS(": SCRIPT_NAME=/async/await-one ->  + /async/await-one",
	      ": SCRIPT_NAME=/async/await-one/ PATH_INFO= -> 307 /async/await-one",
	      ": SCRIPT_NAME=/ ->  + /")},
	{"both are the path where no route has PATH_INFO",
	 ROWS(": SCRIPT_NAME=/async PATH_INFO=/await-one ->  + /async/await-one",
	      ": SCRIPT_NAME=/async PATH_INFO=/await-one/ -> 307 /async/await-one",
	      ": SCRIPT_NAME=/async PATH_INFO=/create -> 405",
	      ": SCRIPT_NAME=/orders PATH_INFO=/7 ->  + /orders/{id}",
	      ": SCRIPT_NAME=/orders PATH_INFO=/7 LANES_PATH=/%37 ->  + /orders/{id}",
	      ": SCRIPT_NAME=/async PATH_INFO=/nowhere -> 404",
	      ": SCRIPT_NAME=/async PATH_INFO=/await-two -> /async + /await-two")},
	{"a whole SCRIPT_NAME besides PATH_INFO is no mount",
	 ROWS(": SCRIPT_NAME=/orders/7/ PATH_INFO=/orders/7/ -> 307 /orders/7",
	      ": SCRIPT_NAME=/orders/7/ PATH_INFO=/orders/7/ DOCUMENT_URI=/orders/7/ -> 307 "
	      "/orders/7",
	      ": SCRIPT_NAME=/orders/7/ PATH_INFO=/orders/7/ LANES_PATH=/orders/%37/ -> 307 "
	      "/orders/7",
	      ": SCRIPT_NAME=/app/orders/7/ PATH_INFO=/orders/7/ DOCUMENT_URI=/app/orders/7/ -> "
	      "307 /app/orders/7",
	      "/app: SCRIPT_NAME=/app/orders/7/ PATH_INFO=/app/orders/7/ -> 307 /app/orders/7",
	      "/app: SCRIPT_NAME=/app/orders/7/ PATH_INFO=/orders/7/ "
	      "DOCUMENT_URI=/app/orders/7/ -> 307 /app/orders/7",
	      "/app: SCRIPT_NAME=/app PATH_INFO=/app DOCUMENT_URI=/app -> 307 /app/",
	      "/: SCRIPT_NAME=/app PATH_INFO=/app ->  + /app")},
	{"a mount and a path of the same name are two",
	 ROWS("/app: SCRIPT_NAME=/app PATH_INFO=/app -> /app + /app",
	      "/app: SCRIPT_NAME=/app PATH_INFO=/app LANES_PATH=/%61pp -> /app + /app",
	      ": SCRIPT_NAME=/app PATH_INFO=/app DOCUMENT_URI=/app/app -> /app + /app")},
	{"a known mount is taken off, wherever the path is cut",
	 ROWS("/app: SCRIPT_NAME=/app PATH_INFO=/orders/7 -> /app + /orders/{id}",
	      "/app: SCRIPT_NAME=/app/ PATH_INFO=/orders/7 -> /app + /orders/{id}",
	      "/app: SCRIPT_NAME=/app/orders/7 -> /app + /orders/{id}",
	      "/app: SCRIPT_NAME=/app/orders/7 PATH_INFO= -> /app + /orders/{id}",
	      "/app: SCRIPT_NAME=/app/orders PATH_INFO=/7 -> /app + /orders/{id}",
	      "/app: PATH_INFO=/app/orders/7 -> /app + /orders/{id}",
	      "/app: SCRIPT_NAME= PATH_INFO=/app/ -> /app + /",
	      "/app: SCRIPT_NAME=/app PATH_INFO=/ -> /app + /",
	      "/app: SCRIPT_NAME=/app/app -> /app + /app",
	      "/a/b: SCRIPT_NAME=/a PATH_INFO=/b/app -> /a/b + /app",
	      "/: SCRIPT_NAME=/async PATH_INFO=/await-one ->  + /async/await-one",
	      "/: SCRIPT_NAME=/async PATH_INFO=/await-two -> 404",
	      "/: PATH_INFO=/await-two ->  + /await-two")},
	{"redirects keep the mount",
	 ROWS("/app: SCRIPT_NAME=/app/orders/7/ QUERY_STRING=a=b -> 307 /app/orders/7?a=b",
	      "/app: PATH_INFO=/app/slash -> 307 /app/slash/", "/app: PATH_INFO=/app -> 307 /app/",
	      "/app: SCRIPT_NAME=/app -> 307 /app/", "/app: PATH_INFO=/app/slash// -> 404",
	      "/: SCRIPT_NAME=/orders/7/ -> 307 /orders/7")},
	{"what is outside the mount is a 404 that says so",
	 ROWS("/app: SCRIPT_NAME=/orders/7 -> 404 outside",
	      "/app: PATH_INFO=/orders/7/ -> 404 outside", "/app: PATH_INFO=/apple -> 404 outside",
	      "/app: PATH_INFO=/ap -> 404 outside",
	      "/app: SCRIPT_NAME=/other PATH_INFO=/app/orders/7 -> 404 outside",
	      "/app: LANES_PATH=/orders/7 -> 404 outside",
	      "/app: PATH_INFO=/APP/orders/7 -> 404 outside",
	      "/app: PATH_INFO=/app/nowhere -> 404")},
	{"LANES_PATH is decoded, once, and the mount with it",
	 ROWS("/app: LANES_PATH=/app/orders/%2537 -> /app + /orders/{id}",
	      "/app: LANES_PATH=/app/50%2541 -> /app + /50%41",
	      "/app: LANES_PATH=/%61pp/50%2541 -> /app + /50%41",
	      "/app: LANES_PATH=/app%2F50%2541 -> /app + /50%41",
	      "/app: LANES_PATH=/app/orders/7?id=8 -> /app + /orders/{id}",
	      "/app: LANES_PATH=/app/orders/7#8 -> /app + /orders/{id}",
	      "/app: LANES_PATH=/app/50%2541?a=%3F -> /app + /50%41",
	      "/app: SCRIPT_NAME=/app PATH_INFO=/50%41 LANES_PATH=/50%2541 -> /app + /50%41",
	      "/app: SCRIPT_NAME=/app/async PATH_INFO=/await-one LANES_PATH=/await%2Done -> /app "
	      "+ /async/await-one")},
	{"what came decoded is not decoded again",
	 ROWS(": SCRIPT_NAME=/50%41 ->  + /50%41", "/app: SCRIPT_NAME=/app/50%41 -> /app + /50%41",
	      "/app: SCRIPT_NAME=/%61pp/50%41 -> 404 outside", ": DOCUMENT_URI=/50%41 ->  + /50%41",
	      ": DOCUMENT_URI=/async/await%2Done -> 404")},
	{"DOCUMENT_URI and REQUEST_URI stand in for both",
	 ROWS(": DOCUMENT_URI=/await-two REQUEST_URI=/orders/7 ->  + /await-two",
	      ": REQUEST_URI=/orders/7?a=b#c ->  + /orders/{id}",
	      ": REQUEST_URI=/async/await%2Done ->  + /async/await-one",
	      ": REQUEST_URI=/50%2541 ->  + /50%41",
	      ": REQUEST_URI=/orders/7/ SCRIPT_NAME= PATH_INFO= -> 307 /orders/7",
	      "/app: DOCUMENT_URI=/app/await-two -> /app + /await-two",
	      "/app: REQUEST_URI=/%61pp/await-two?x -> /app + /await-two",
	      "/app: REQUEST_URI=/await-two -> 404 outside")},
	{"REQUEST_URI is never preferred",
	 ROWS(": PATH_INFO=/await-two REQUEST_URI=/app/await-two ->  + /await-two",
	      ": SCRIPT_NAME=/await-two REQUEST_URI=/app/await-two ->  + /await-two",
	      "/app: SCRIPT_NAME=/app PATH_INFO=/await-two REQUEST_URI=/orders/7 -> /app + "
	      "/await-two")},
	{"slashes at the end of SCRIPT_NAME do not lead elsewhere",
	 ROWS(": SCRIPT_NAME=/ PATH_INFO=/orders/7/ -> 307 /orders/7",
	      ": SCRIPT_NAME=/app/ PATH_INFO=/orders/7/ -> 307 /app/orders/7",
	      "/: SCRIPT_NAME=/ PATH_INFO=/orders/7/ -> 307 /orders/7")},
	{"a request without a path is told of once", a_request_without_a_path_is_told_of_once},
	{"a path without memory is 503", a_path_without_memory_is_503},
};

const struct suite mount_suite = {"mount", tests, COUNT(tests), set_up, tear_down};

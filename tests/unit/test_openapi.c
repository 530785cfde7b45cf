/* /openapi.json: as FastAPI 0.92 has it where it says the same, and what else a table can say. Runs
 * in the root of the tree. */
#include <json-c/json.h>
#include <json-c/json_pointer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "../support/mock.h"
#include "../support/orders.h"
#include "http/openapi.h"
#include "http/reply.h"

#define ORACLE "/usr/bin/python3 -B tests/oracle/"

/* What a script of tests/oracle says of the document: it says itself what that is. */
static void inputs_of_every_kind_suit_fastapi(void)
{
	struct buffer out = {0};
	FILE *original = popen(harness_test()->data, "we");

	CU_ASSERT_PTR_NOT_NULL_FATAL(original);
	openapi_write(&out, &orders_routes, slice_of(""));
	CU_ASSERT_FALSE(out.failed);
	fwrite(out.data, 1, out.len, original);
	CU_ASSERT_EQUAL(pclose(original), 0);
	buffer_free(&out);
}

/* ---- what else there is ---- */

struct paper {
	int64_t id;
	struct slice words;
};

static const struct field paper_fields[] = {
	BODY(INT, struct paper, id),
	BODY(STRING, struct paper, words, .name = "a \"word\"", .description = "Or two."),
};

static const struct field id_fields[] = {PATH(INT, struct paper, id, .description = "From 1.")};

struct mark {
	struct uuid id;
};

static const struct field mark_fields[] = {
	BODY(UUID, struct mark, id, .fallback = &(const struct uuid){{1, 2, 3}}),
};

static void handler(struct request *req)
{
	(void)req;
}

static const struct route list[] = {
	GET("/papers/{path:path}", ASYNC, handler, .summary = "Sends \"one\"",
	    .description = "From a *folder*.", .tags = WORDS("papers", "files"),
	    .gives = "text/csv"),
	PUT("/papers/{path:path}", ASYNC, handler, .takes = "text/plain", .status = 204),
	GET("/papers/{path:path}", SYNC, handler, .summary = "Nobody gets here"),
	PATCH("/papers", ASYNC, handler, .input = INPUT(mark_fields)),
	GET("/secret", ASYNC, handler, .undocumented = true),
	POST("/papers", ASYNC, handler, .body_limit = 9, .status = 201,
	     .answers = ITEM_OBJECT(struct paper, paper_fields)),
	GET("/paper/{id}/of/{shop}", ASYNC, handler, .input = INPUT(id_fields),
	    .answers = ITEM_LIST(.item = ITEM_OBJECT(struct paper, paper_fields))),
};
static const struct routes papers = ROUTES(list, .title = "Papers", .description = "All of them.");

static struct json_object *document(const struct routes *routes, const char *prefix)
{
	struct buffer out = {0};
	struct json_object *read;

	openapi_write(&out, routes, slice_of(prefix));
	buffer_append(&out, "", 1);
	CU_ASSERT_FALSE_FATAL(out.failed);
	read = json_tokener_parse(out.data);
	CU_ASSERT_PTR_NOT_NULL_FATAL(read);
	buffer_free(&out);
	return read;
}

/* At that place (RFC 6901) stands that; NULL: nothing. */
static void says(struct json_object *read, const char *place, const char *wanted)
{
	struct json_object *found = NULL;
	const char *text = NULL;
	bool same;

	if (!json_pointer_get(read, place, &found))
		text = json_object_to_json_string_ext(
			found, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	same = text && wanted ? !strcmp(text, wanted) : text == wanted;
	if (!same)
		printf("    %s is %s, not %s\n", place, text ? text : "not there",
		       wanted ? wanted : "missing");
	CU_ASSERT_TRUE(same);
}

#define FILE_PATH "/paths/~1papers~1{path}"
#define PAPER                                                                                      \
	"{\"title\":\"Paper\",\"type\":\"object\",\"required\":[\"id\",\"a \\\"word\\\"\"],"       \
	"\"properties\":{\"id\":{\"title\":\"Id\",\"type\":\"integer\"},"                          \
	"\"a \\\"word\\\"\":{\"title\":\"A \\\"Word\\\"\",\"description\":\"Or two.\","            \
	"\"type\":\"string\"}}}"

static void a_route_says_more_of_itself(void)
{
	struct json_object *read = document(&papers, "");

	says(read, "/info",
	     "{\"title\":\"Papers\",\"description\":\"All of them.\",\"version\":\"0.1.0\"}");
	says(read, FILE_PATH "/get/summary", "\"Sends \\\"one\\\"\"");
	says(read, FILE_PATH "/get/description", "\"From a *folder*.\"");
	says(read, FILE_PATH "/get/tags", "[\"papers\",\"files\"]");
	says(read, FILE_PATH "/get/responses/200/content",
	     "{\"text/csv\":{\"schema\":{\"type\":\"string\"}}}");
	says(read, FILE_PATH "/put/operationId", "\"handler_papers__path__put\"");
	says(read, FILE_PATH "/put/requestBody/content",
	     "{\"text/plain\":{\"schema\":{\"type\":\"string\"}}}");
	says(read, FILE_PATH "/put/responses/204", "{\"description\":\"Successful Response\"}");
	says(read, "/paths/~1secret", NULL);
	says(read, "/paths/~1papers/patch/requestBody/content/application~1json/schema",
	     "{\"title\":\"Mark\",\"type\":\"object\",\"properties\":{\"id\":{\"title\":\"Id\","
	     "\"type\":\"string\",\"format\":\"uuid\","
	     "\"default\":\"01020300-0000-0000-0000-000000000000\"}}}");
	says(read, "/paths/~1papers/post/requestBody/content",
	     "{\"application/"
	     "octet-stream\":{\"schema\":{\"type\":\"string\",\"format\":\"binary\"}}"
	     "}");
	says(read, "/paths/~1papers/post/responses/201/content/application~1json/schema", PAPER);
	says(read, "/paths/~1paper~1{id}~1of~1{shop}/get/responses/200/content/application~1json",
	     "{\"schema\":{\"title\":\"Response Handler Paper  Id  Of  Shop  Get\","
	     "\"type\":\"array\",\"items\":" PAPER "}}");
	json_object_put(read);
	read = document(&(const struct routes){0}, "");
	says(read, "/info/title", "\"lanes\""); /* this program's name, as the tests have it */
	json_object_put(read);
}

static void names_of_a_path_need_no_field(void)
{
	struct json_object *read = document(&papers, "");

	says(read, FILE_PATH "/get/parameters",
	     "[{\"required\":true,\"schema\":{\"title\":\"Path\",\"type\":\"string\"},"
	     "\"name\":\"path\",\"in\":\"path\"}]");
	says(read, FILE_PATH "/get/responses/422", NULL);
	says(read, "/paths/~1paper~1{id}~1of~1{shop}/get/parameters/0/name", "\"shop\"");
	says(read, "/paths/~1paper~1{id}~1of~1{shop}/get/parameters/1/description", "\"From 1.\"");
	json_object_put(read);
}

/* As the document has them, these are the same. */
static void a_path_is_told_once_whatever_its_name_may_hold(void)
{
	static const struct route few[] = {GET("/f/{x}", ASYNC, handler),
					   GET("/f/{y}", ASYNC, handler),
					   PUT("/f/{x:path}", ASYNC, handler)};
	struct json_object *read = document(&(const struct routes)ROUTES(few), "");

	says(read, "/paths/~1f~1{x}/get/operationId", "\"handler_f__x__get\"");
	says(read, "/paths/~1f~1{x}/put/operationId", "\"handler_f__x__put\"");
	says(read, "/paths/~1f~1{y}/put", NULL);
	json_object_put(read);
}

static void it_says_where_the_application_is_mounted(void)
{
	struct json_object *read = document(&papers, "/shop");

	says(read, "/servers", "[{\"url\":\"/shop\"}]");
	json_object_put(read);
	read = document(&papers, "");
	says(read, "/servers", NULL);
	json_object_put(read);
}

/* ---- who answers it ---- */

/* The status that an application answers, and headers; it is the document if that begins so. */
static void answers(const struct routes *routes, const char *method, const char *path, int status,
		    const char *begin)
{
	static const struct request_ops ops = MOCK_OPS(mock_no_param);
	struct router router;
	struct request req;
	struct slice said;

	CU_ASSERT_EQUAL_FATAL(router_open(&router, routes), 0);
	request_init(&req, &ops, NULL);
	req.method = slice_of(method);
	req.path = slice_of(path);
	if (router_route(&router, &req))
		req.route->handler(&req);
	said = status == 200 ? req.reply.body : req.reply.headers;
	CU_ASSERT_EQUAL(req.reply.status, status);
	CU_ASSERT_TRUE(said.len >= strlen(begin));
	CU_ASSERT_EQUAL(said.len ? strncmp(said.data, begin, strlen(begin)) : 0, 0);
	request_unref(&req);
	router_close(&router);
}

static void own_document(struct request *req)
{
	reply_bytes(req, 200, "application/json", slice_of("mine"));
}

static void post(struct request *req)
{
	reply_error(req, 201);
}

static void every_application_answers_it(void)
{
	static const struct route own[] = {GET("/openapi.json", ASYNC, own_document)};
	static const struct route any[] = {GET("/{path:path}", ASYNC, own_document),
					   POST("/{name}", ASYNC, post)};
	static const struct route post_only[] = {GET("/{path:path}", ASYNC, own_document),
						 POST("/openapi.json", ASYNC, post)};
	const struct routes owns = ROUTES(own);
	const struct routes has_all = ROUTES(any);
	const struct routes posts = ROUTES(post_only);
	const struct routes silent = ROUTES(list, .undocumented = true);

	answers(&papers, "GET", "/openapi.json", 200, "{\"openapi\":\"3.0.2\",");
	answers(&papers, "HEAD", "/openapi.json", 200, "{\"openapi\":\"3.0.2\",");
	answers(&papers, "POST", "/openapi.json", 405, "Allow: GET\r\n");
	answers(&papers, "OPTIONS", "/openapi.json", 204, "Allow: GET, HEAD, OPTIONS\r\n");
	answers(&papers, "GET", "/openapi.json/", 307, "Location: /openapi.json\r\n");
	answers(&owns, "GET", "/openapi.json", 200, "mine");
	answers(&has_all, "GET", "/openapi.json", 200, "{\"openapi\":\"3.0.2\",");
	answers(&has_all, "POST", "/openapi.json", 201, "");
	answers(&has_all, "OPTIONS", "/openapi.json", 204, "Allow: GET, POST, HEAD, OPTIONS\r\n");
	answers(&posts, "GET", "/openapi.json", 200, "mine");
	answers(&silent, "GET", "/openapi.json", 404, "");
	answers(&silent, "GET", "/openapi.json/", 404, "");
}

/* Whichever allocation fails. */
static void without_memory_it_is_a_503(void)
{
	struct request req;
	int failures = 0;

	do {
		request_init(&req, NULL, NULL);
		req.routes = &papers;
		memory_fail_after(failures);
		openapi_answer(&req);
		memory_restore();
		if (req.reply.status == 503)
			failures++;
		else
			CU_ASSERT_EQUAL(req.reply.status, 200);
		reply_free(&req);
	} while (req.reply.status == 503 && failures < 100);
	CU_ASSERT_TRUE(failures > 3 && failures < 100);
}

static const struct test tests[] = {
	{"inputs of every kind, as FastAPI has them", inputs_of_every_kind_suit_fastapi,
	 ORACLE "openapi.py compare orders"},
	{"what follows from them is among the requests that are compared",
	 inputs_of_every_kind_suit_fastapi, ORACLE "exchanges.py covers"},
	{"a route says more of itself", a_route_says_more_of_itself},
	{"names of a path need no field", names_of_a_path_need_no_field},
	{"a path is told once, whatever its name may hold",
	 a_path_is_told_once_whatever_its_name_may_hold},
	{"it says where the application is mounted", it_says_where_the_application_is_mounted},
	{"every application answers it, unless it has its own or does not want to",
	 every_application_answers_it},
	{"without memory it is a 503", without_memory_it_is_a_503},
};

const struct suite openapi_suite = {
	"openapi", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL,
};

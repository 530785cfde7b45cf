/*
 * A query string, asked for every parameter there is. A value is within its limits, or there is an
 * answer, and that answer is JSON with the status it should have.
 */
#include <assert.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "http/query.h"
#include "http/reply.h"

static struct slice no_param(const struct request *req, const char *name)
{
	(void)req;
	(void)name;
	return (struct slice){NULL, 0};
}

static void no_release(struct request *req)
{
	(void)req;
}

static const struct request_ops OPS = {.param = no_param, .release = no_release};

static bool ask_seconds(struct request *req)
{
	double seconds = -1;
	bool valid = query_seconds(req, 1.5, &seconds);

	assert(!valid || (seconds >= 0 && seconds <= 60));
	return valid;
}

static bool ask_list(struct request *req)
{
	static const double fallback[] = {1.0, 1.5, 0.5};
	struct seconds_list list = {0};
	bool valid = query_seconds_list(req, fallback, 3, &list);

	assert(!valid || (list.count >= 1 && list.count <= 1000));
	for (size_t i = 0; valid && i < list.count; i++)
		assert(list.seconds[i] >= 0 && list.seconds[i] <= 60);
	return valid;
}

static bool ask_n(struct request *req)
{
	uint64_t n = UINT64_MAX;
	bool valid = query_n(req, 100000, &n);

	assert(!valid || n <= 1000000000);
	return valid;
}

static void check_answer(const struct request *req)
{
	struct json_tokener *tokener = json_tokener_new();
	struct slice body = reply_body(req);
	struct json_object *json = json_tokener_parse_ex(tokener, body.data, (int)body.len);
	struct json_object *detail;

	assert(req->reply.status == 422 && json);
	assert(json_object_object_get_ex(json, "detail", &detail));
	assert(json_object_array_length(detail) > 0);
	json_object_put(json);
	json_tokener_free(tokener);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool (*const asks[])(struct request *) = {ask_seconds, ask_list, ask_n};
	char *query = malloc(size ? size : 1);

	memcpy(query, data, size);
	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		struct request req;

		request_init(&req, &OPS, NULL);
		req.query = (struct slice){query, size};
		if (asks[i](&req))
			assert(req.reply.status == 0);
		else
			check_answer(&req);
		request_unref(&req);
	}
	free(query);
	return 0;
}

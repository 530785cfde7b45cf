/*
 * A query string, read as every guide's endpoint reads it. A value is within its limits, or there
 * is an answer, and that answer is JSON with the status it should have.
 */
#include <assert.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "guide/endpoints.h"
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

static void check_wait(const void *input)
{
	const struct wait *wait = input;

	assert(wait->seconds >= 0 && wait->seconds <= 60);
}

static void check_waits(const void *input)
{
	const struct waits *waits = input;
	const double *seconds = waits->seconds.items;

	assert(waits->seconds.count >= 1 && waits->seconds.count <= 1000);
	for (size_t i = 0; i < waits->seconds.count; i++)
		assert(seconds[i] >= 0 && seconds[i] <= 60);
}

static void check_numbers(const void *input)
{
	const struct numbers *numbers = input;

	assert(numbers->n >= 0 && numbers->n <= 1000000000);
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
	static const struct {
		const char *path;
		void (*check)(const void *input);
	} asks[] = {
		{"/async/await-one", check_wait},
		{"/async/await-many", check_waits},
		{"/async/cpu-bound", check_numbers},
	};
	char *query = malloc(size ? size : 1);

	memcpy(query, data, size);
	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		struct request req;

		request_init(&req, &OPS, NULL);
		req.method = slice_of("GET");
		req.path = slice_of(asks[i].path);
		req.query = (struct slice){query, size};
		if (router_route(&endpoints, &req))
			asks[i].check(request_input(&req));
		else
			check_answer(&req);
		request_unref(&req);
	}
	free(query);
	return 0;
}

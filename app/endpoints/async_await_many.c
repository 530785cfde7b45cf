#include <json-c/json.h>

#include "../await/await.h"
#include "../http/query.h"
#include "../http/reply.h"
#include "endpoints.h"
#include "tasks.h"

static struct json_object *sentences(const struct seconds_list *list)
{
	struct json_object *array = json_object_new_array_ext((int)list->count);

	for (size_t i = 0; array && i < list->count; i++) {
		struct json_object *text = sentence("async_io_task(", list->seconds[i], "s) done");

		if (!text || json_object_array_add(array, text)) {
			json_object_put(text);
			json_object_put(array);
			return NULL;
		}
	}
	return array;
}

/* GET /async/await-many: asyncio.gather. Takes as long as the longest sleep. */
void async_await_many(struct request *req)
{
	struct seconds_list *list = request_frame(req, sizeof(*list));

	ASYNC_BEGIN(req);
	if (!query_seconds_list(req, (double[]){1.0, 1.5, 0.5}, 3, list))
		return;
	for (size_t i = 0; i < list->count; i++)
		gather_add_sleep(req, list->seconds[i]);
	AWAIT(req, gather(req));
	reply_json(req, 200, mode_with("async_concurrent", "details", sentences(list)));
	ASYNC_END(req);
}

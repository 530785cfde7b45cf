#include "await/await.h"
#include "guide/endpoints.h"
#include "guide/tasks.h"
#include "http/query.h"
#include "http/reply.h"

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
	reply_details(req, "async_concurrent", "async_io_task(", list, "s) done");
	ASYNC_END(req);
}

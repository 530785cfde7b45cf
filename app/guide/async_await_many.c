#include "endpoints.h"
#include "tasks.h"

/* GET /async/await-many: asyncio.gather. Takes as long as the longest sleep. */
void async_await_many(struct request *req)
{
	const struct waits *waits = request_input(req);
	const double *seconds = waits->seconds.items;

	ASYNC_BEGIN(req);
	for (size_t i = 0; i < waits->seconds.count; i++)
		gather_add_sleep(req, seconds[i], NULL);
	AWAIT(req, gather(req));
	reply_details(req, "async_concurrent", "async_io_task(", &waits->seconds, "s) done");
	ASYNC_END(req);
}

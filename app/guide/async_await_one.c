#include "await/await.h"
#include "guide/endpoints.h"
#include "guide/tasks.h"
#include "http/query.h"
#include "http/reply.h"

/* GET /async/await-one: asyncio.sleep. The loop serves everybody else meanwhile. */
void async_await_one(struct request *req)
{
	double *seconds = request_frame(req, sizeof(*seconds));

	ASYNC_BEGIN(req);
	if (!query_seconds(req, 1.5, seconds))
		return;
	AWAIT(req, sleep_for(req, *seconds));
	reply_detail(req, "async", "async_io_task(", *seconds, "s) done");
	ASYNC_END(req);
}

#include "endpoints.h"
#include "tasks.h"

/* GET /async/await-one: asyncio.sleep. The loop serves everybody else meanwhile. */
void async_await_one(struct request *req)
{
	const struct wait *wait = request_input(req);

	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, wait->seconds));
	reply_detail(req, "async", "async_io_task(", wait->seconds, "s) done");
	ASYNC_END(req);
}

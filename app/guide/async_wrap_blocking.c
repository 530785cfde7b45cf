#include "endpoints.h"
#include "tasks.h"

static void sleep_on_thread(void *wait)
{
	blocking_io_task(((const struct wait *)wait)->seconds);
}

/* GET /async/wrap-blocking: run_in_threadpool. The call blocks a thread, not the loop. */
void async_wrap_blocking(struct request *req)
{
	struct wait *wait = request_input(req);

	ASYNC_BEGIN(req);
	AWAIT(req, run_in_threadpool(req, sleep_on_thread, wait));
	reply_detail(req, "async_wrapped_blocking", "blocking_io_task(", wait->seconds, "s) done");
	ASYNC_END(req);
}

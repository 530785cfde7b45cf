#include "await/await.h"
#include "guide/endpoints.h"
#include "guide/tasks.h"
#include "http/query.h"
#include "http/reply.h"

static void sleep_on_thread(void *seconds)
{
	blocking_io_task(*(double *)seconds);
}

/* GET /async/wrap-blocking: run_in_threadpool. The call blocks a thread, not the loop. */
void async_wrap_blocking(struct request *req)
{
	double *seconds = request_frame(req, sizeof(*seconds));

	ASYNC_BEGIN(req);
	if (!query_seconds(req, 1.5, seconds))
		return;
	AWAIT(req, run_in_threadpool(req, sleep_on_thread, seconds));
	reply_detail(req, "async_wrapped_blocking", "blocking_io_task(", *seconds, "s) done");
	ASYNC_END(req);
}

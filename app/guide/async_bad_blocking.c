#include "endpoints.h"
#include "tasks.h"

/* GET /async/bad-blocking: time.sleep in an async handler. BAD, and here to be seen: there is no
 * AWAIT, so the loop stands still and everybody on this worker waits. */
void async_bad_blocking(struct request *req)
{
	const struct wait *wait = request_input(req);

	blocking_io_task(wait->seconds);
	reply_detail(req, "async_bad", "blocked event loop for ", wait->seconds, "s");
}

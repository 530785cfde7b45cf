#include "endpoints.h"
#include "tasks.h"

/* GET /sync/noawait: a plain blocking function. It runs on a thread of the blocking pool, as
 * FastAPI runs `def`, so the loop stays free and the limit is the number of threads. */
void sync_noawait(struct request *req)
{
	const struct wait *wait = request_input(req);

	blocking_io_task(wait->seconds);
	reply_detail(req, "sync", "blocking_io_task(", wait->seconds, "s) done");
}

#include <string.h>

#include "endpoints.h"
#include "tasks.h"

struct squares {
	int64_t n;
	u128 sum;
};

static void sum_on_thread(void *squares)
{
	struct squares *s = squares;

	s->sum = cpu_bound_task(s->n);
}

/* The sum passes 64 bits near n = 3,800,000, and JSON has no limit. */
static void reply_sum(struct request *req, u128 sum)
{
	char *text = request_alloc(req, sizeof("{\"sum_sq\":}") + U128_TEXT_SIZE);
	char *at = text;

	if (!text) {
		reply_error(req, 503);
		return;
	}
	at = stpcpy(at, "{\"sum_sq\":");
	at += u128_text(sum, at);
	*at++ = '}';
	reply_bytes(req, 200, "application/json", (struct slice){text, (size_t)(at - text)});
}

/* GET /async/cpu-bound: CPU work on a thread of its own, so that the loop goes on. C has no GIL:
 * as many of these run at once as there are cores. */
void async_cpu_bound(struct request *req)
{
	const struct numbers *numbers = request_input(req);
	struct squares *frame = request_frame(req, sizeof(*frame));

	ASYNC_BEGIN(req);
	frame->n = numbers->n;
	AWAIT(req, run_in_cpu_pool(req, sum_on_thread, frame));
	reply_sum(req, frame->sum);
	ASYNC_END(req);
}

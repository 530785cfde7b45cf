#include <json-c/json.h>

#include "../await/await.h"
#include "../http/query.h"
#include "../http/reply.h"
#include "endpoints.h"
#include "tasks.h"

struct squares {
	uint64_t n;
	u128 sum;
};

static void sum_on_thread(void *squares)
{
	struct squares *s = squares;

	s->sum = cpu_bound_task(s->n);
}

/* The sum passes 64 bits near n = 3,800,000. json-c has no such integer, but a double may bring
 * the text it is to be printed as. */
static struct json_object *sum_as_json(u128 sum)
{
	char text[U128_TEXT_SIZE + 1];
	struct json_object *object = json_object_new_object();
	struct json_object *number;

	text[u128_text(sum, text)] = '\0';
	number = json_object_new_double_s((double)sum, text);
	if (object && number && json_object_object_add(object, "sum_sq", number) == 0)
		return object;
	json_object_put(number);
	json_object_put(object);
	return NULL;
}

/* GET /async/cpu-bound: CPU work on a thread of its own, so that the loop goes on. C has no GIL:
 * as many of these run at once as there are cores. */
void async_cpu_bound(struct request *req)
{
	struct squares *frame = request_frame(req, sizeof(*frame));

	ASYNC_BEGIN(req);
	if (!query_n(req, 100000, &frame->n))
		return;
	AWAIT(req, run_in_cpu_pool(req, sum_on_thread, frame));
	reply_json(req, 200, sum_as_json(frame->sum));
	ASYNC_END(req);
}

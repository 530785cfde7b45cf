#include "orders.h"

#include <errno.h>
#include <unistd.h>

/* Stands for two libraries that block: each has its own memory, and touches nothing else. */
struct question {
	int64_t quantity;
	double answer;
	int failed;
};

static void ask_for_price(void *question)
{
	struct question *q = question;

	usleep(20000);
	q->answer = (double)q->quantity * 9.5;
}

static void ask_for_days(void *question)
{
	struct question *q = question;

	usleep(30000);
	q->answer = q->quantity > 100 ? 14 : 2;
}

struct estimate {
	struct question price;
	struct question days;
	int late;
};

/* GET /orders/{id}/estimate: two threads and a pause at the same time, for half a second at most.
 */
void estimate_order(struct request *req)
{
	struct estimate *f = FRAME(req, struct estimate);
	const struct order *order = find_order(req, ((struct order_id *)request_input(req))->id);
	struct buffer out = {0};

	ASYNC_BEGIN(req);
	if (!order)
		return;
	f->price.quantity = f->days.quantity = order->quantity;
	gather_add_thread(req, ask_for_price, &f->price, &f->price.failed);
	gather_add_thread(req, ask_for_days, &f->days, &f->days.failed);
	gather_add_sleep(req, 0.01, NULL);
	TRY_AWAIT(req, f->late, gather_within(req, 0.5));
	if (f->price.failed) {
		reply_error(req, f->late == -ETIMEDOUT ? 504 : 503);
		return;
	}
	buffer_format(&out, "{\"price\":%.2f,\"days\":", f->price.answer);
	buffer_format(&out, f->days.failed ? "null}" : "%.0f}", f->days.answer);
	reply_text(req, 200, "application/json", &out);
	ASYNC_END(req);
}

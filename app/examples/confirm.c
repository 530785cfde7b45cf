#include "orders.h"

#include <unistd.h>

struct letter {
	int64_t order;
};

static void write_letter(void *letter)
{
	(void)letter;
	usleep(50000); /* a mail server that takes its time */
}

/* When the client has its answer. */
static void send_letter(struct request *req, void *frame)
{
	struct letter *letter = frame;

	ASYNC_BEGIN(req);
	AWAIT(req, run_in_threadpool(req, write_letter, letter));
	metric_add(&confirmations_sent, 1);
	log_event(LOG_LEVEL_INFO, "confirmed", "order", log_number(letter->order), NULL);
	ASYNC_END(req);
}

/* POST /orders/{id}/confirm: the letter is written after the answer. */
void confirm_order(struct request *req)
{
	struct letter *letter = request_alloc(req, sizeof(*letter)); /* it outlives a frame */
	struct order *order = find_order(req, ((struct order_id *)request_input(req))->id);

	if (!order)
		return;
	if (!letter) {
		reply_error(req, 503);
		return;
	}
	letter->order = order->id;
	if (!request_later(req, send_letter, letter))
		return;
	order->confirmed = true;
	reply_order(req, 202, order);
}

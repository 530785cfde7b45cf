#include "orders.h"

#include <stdio.h>

/* GET /orders/{id}/attachment: who has it already is told so. */
void send_attachment(struct request *req)
{
	const struct order *order;
	char tag[17];

	ASYNC_BEGIN(req);
	order = find_order(req, ((struct order_id *)request_input(req))->id);
	if (!order)
		return;
	if (order->attachment.file < 0) {
		reply_error(req, 404);
		return;
	}
	snprintf(tag, sizeof(tag), "%016llx", (unsigned long long)order->attachment.hash);
	if (reply_etag(req, slice_of(tag)))
		return;
	AWAIT(req, reply_file(req, &(struct file){.from = order->attachment.file,
						  .type = "application/octet-stream"}));
	ASYNC_END(req);
}

/* GET /papers/{path:path}: a file of a folder; by nginx, if it was told where that is. */
void send_paper(struct request *req)
{
	const struct shop *s = request_state(req);

	ASYNC_BEGIN(req);
	AWAIT(req, reply_file(req, &(struct file){.from = s->papers,
						  .path = request_path(req, "path"),
						  .type = "text/plain; charset=utf-8",
						  .accel = s->accel}));
	ASYNC_END(req);
}

#include "orders.h"

#include <stdio.h>

enum { ROW_MAX = 2 * ITEM_MAX * 4 + 100 };

struct export
{
	int64_t next;
};

/* Returns its length. A text is between quotes, its own are doubled (RFC 4180 2.7). */
static size_t write_row(const struct order *order, char row[ROW_MAX])
{
	int len = snprintf(row, ROW_MAX, "%lld,\"", (long long)order->id);

	for (const char *at = order->item; at < order->item + order->item_len; at++) {
		if (*at == '"')
			row[len++] = '"';
		row[len++] = *at;
	}
	len += snprintf(row + len, (size_t)(ROW_MAX - len), "\",%lld,%s\r\n",
			(long long)order->quantity, order->confirmed ? "true" : "false");
	return (size_t)len;
}

/* GET /orders.csv: all of them, row by row, as fast as the client reads. */
void export_orders(struct request *req)
{
	const struct shop *s = request_state(req);
	struct export *f = FRAME(req, struct export);
	char row[ROW_MAX];

	ASYNC_BEGIN(req);
	if (!reply_stream(req, 200, "text/csv"))
		return;
	AWAIT(req, stream_write(req, slice_of("id,item,quantity,confirmed\r\n")));
	for (; f->next < s->count; f->next++)
		AWAIT(req,
		      stream_write(req, (struct slice){row, write_row(&s->orders[f->next], row)}));
	ASYNC_END(req);
}

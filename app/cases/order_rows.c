#include <stdio.h>
#include <string.h>

#include "cases.h"

struct orders_frame {
	struct pg_rows rows;
};

/* {"id":1,"item":"tea","quantity":2}, of a row that has these columns first. PostgreSQL writes an
 * integer as JSON does. */
void append_order(struct buffer *out, const struct pg_rows *rows, int row)
{
	struct slice id = pg_text_at(rows, row, 0);
	struct slice quantity = pg_text_at(rows, row, 2);

	buffer_append_text(out, "{\"id\":");
	buffer_append(out, id.data, id.len);
	buffer_append_text(out, ",\"item\":");
	json_string(out, pg_text_at(rows, row, 1));
	buffer_append_text(out, ",\"quantity\":");
	buffer_append(out, quantity.data, quantity.len);
	buffer_append_text(out, "}");
}

static void reply_order(struct request *req, int status, const struct pg_rows *rows)
{
	struct buffer out = {0};

	append_order(&out, rows, 0);
	reply_text(req, status, "application/json", &out);
}

/* 201, and where it is from now on. */
static void reply_new_order(struct request *req, const struct pg_rows *rows)
{
	char location[BOARD_PATH + 40];

	reply_order(req, 201, rows);
	snprintf(location, sizeof(location), "%.*s/cases/orders/%lld", (int)req->prefix.len,
		 req->prefix.data, (long long)pg_int_at(rows, 0, 0));
	reply_header(req, "Location", slice_of(location));
}

static void reply_orders(struct request *req, const struct pg_rows *rows)
{
	struct buffer out = {0};

	buffer_append_text(&out, "[");
	for (int row = 0; row < rows->count; row++) {
		buffer_append_text(&out, row ? "," : "");
		append_order(&out, rows, row);
	}
	buffer_append_text(&out, "]");
	reply_text(req, 200, "application/json", &out);
}

bool has_database(struct request *req)
{
	if (pg_has_database(req))
		return true;
	reply_refusal(req, 503, "no database: make run DATABASE=private brings one");
	return false;
}

/* POST /cases/orders: a row, and who listens to /cases/events is told of it. */
void post_order(struct request *req)
{
	const struct order_input *order = request_input(req);
	struct orders_frame *f = FRAME(req, struct orders_frame);

	ASYNC_BEGIN(req);
	if (!has_database(req))
		return;
	if (memchr(order->item.data, 0, order->item.len)) {
		input_refuse(req, order_fields, "a NUL character cannot be kept", "value_error");
		return;
	}
	AWAIT(req, pg_query(req, &f->rows,
			    "INSERT INTO orders (item, quantity) VALUES ($1, $2)"
			    " RETURNING id, item, quantity",
			    pg_text(order->item), pg_int(order->quantity)));
	reply_new_order(req, &f->rows);
	tell_of_orders(req);
	ASYNC_END(req);
}

/* GET /cases/orders/{id}: one row by its key. */
void get_order(struct request *req)
{
	const struct order_key *key = request_input(req);
	struct orders_frame *f = FRAME(req, struct orders_frame);

	ASYNC_BEGIN(req);
	if (!has_database(req))
		return;
	AWAIT(req, pg_query(req, &f->rows, "SELECT id, item, quantity FROM orders WHERE id = $1",
			    pg_int(key->id)));
	if (f->rows.count)
		reply_order(req, 200, &f->rows);
	else
		reply_refusal(req, 404, "there is no order %lld", (long long)key->id);
	ASYNC_END(req);
}

/* GET /cases/orders?limit=20&offset=0 */
void get_orders(struct request *req)
{
	const struct orders_page *page = request_input(req);
	struct orders_frame *f = FRAME(req, struct orders_frame);

	ASYNC_BEGIN(req);
	if (!has_database(req))
		return;
	AWAIT(req, pg_query(req, &f->rows,
			    "SELECT id, item, quantity FROM orders ORDER BY id LIMIT $1 OFFSET $2",
			    pg_int(page->limit), pg_int(page->offset)));
	reply_orders(req, &f->rows);
	ASYNC_END(req);
}

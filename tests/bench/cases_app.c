/*
 * cases-app: the demonstration, and what the benchmark wants besides: orders, a statement that
 * sleeps, and a job that does nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "demonstration.h"

struct order_id {
	int64_t id;
};
struct page {
	int64_t limit, offset;
};
struct new_order {
	struct slice item;
	int64_t quantity;
};
struct nap {
	double seconds;
};

static const struct field id_fields[] = {PATH(INT, struct order_id, id)};
static const struct field page_fields[] = {
	QUERY(INT, struct page, limit, .ge = LIMIT(1), .le = LIMIT(100),
	      .fallback = &(const int64_t){20}),
	QUERY(INT, struct page, offset, .ge = LIMIT(0), .fallback = &(const int64_t){0}),
};
static const struct field order_fields[] = {
	BODY(STRING, struct new_order, item, .min_length = 1, .max_length = 64),
	BODY(INT, struct new_order, quantity, .ge = LIMIT(1), .le = LIMIT(1000)),
};
static const struct field nap_fields[] = {
	QUERY(NUMBER, struct nap, seconds, .ge = LIMIT(0), .le = LIMIT(1))};

static void append_row(struct buffer *out, const struct pg_rows *rows, int row)
{
	struct slice quantity = pg_text_at(rows, row, 2);

	buffer_append_text(out, "{\"id\":");
	buffer_append(out, pg_text_at(rows, row, 0).data, pg_text_at(rows, row, 0).len);
	buffer_append_text(out, ",\"item\":");
	json_string(out, pg_text_at(rows, row, 1));
	buffer_append_text(out, ",\"quantity\":");
	buffer_append(out, quantity.data, quantity.len);
	buffer_append_text(out, "}");
}

static void read_order(struct request *req)
{
	struct pg_rows *rows = FRAME(req, struct pg_rows);
	struct buffer out = {0};

	ASYNC_BEGIN(req);
	AWAIT(req, pg_query(req, rows, "SELECT id, item, quantity FROM orders WHERE id = $1",
			    pg_int(((struct order_id *)request_input(req))->id)));
	if (!rows->count) {
		reply_error(req, 404);
		return;
	}
	out = (struct buffer){0};
	append_row(&out, rows, 0);
	reply_text(req, 200, "application/json", &out);
	ASYNC_END(req);
}

static void list_orders(struct request *req)
{
	struct pg_rows *rows = FRAME(req, struct pg_rows);
	const struct page *page = request_input(req);
	struct buffer out = {0};

	ASYNC_BEGIN(req);
	AWAIT(req, pg_query(req, rows,
			    "SELECT id, item, quantity FROM orders ORDER BY id LIMIT $1 OFFSET $2",
			    pg_int(page->limit), pg_int(page->offset)));
	out = (struct buffer){0};
	buffer_append_text(&out, "[");
	for (int i = 0; i < rows->count; i++) {
		buffer_append_text(&out, i ? "," : "");
		append_row(&out, rows, i);
	}
	buffer_append_text(&out, "]");
	reply_text(req, 200, "application/json", &out);
	ASYNC_END(req);
}

static void create_order(struct request *req)
{
	struct pg_rows *rows = FRAME(req, struct pg_rows);
	const struct new_order *order = request_input(req);
	struct buffer out = {0};

	ASYNC_BEGIN(req);
	AWAIT(req, pg_query(req, rows,
			    "INSERT INTO orders (item, quantity) VALUES ($1, $2) RETURNING id",
			    pg_text(order->item), pg_int(order->quantity)));
	out = (struct buffer){0};
	buffer_format(&out, "{\"id\":%lld,\"item\":", (long long)pg_int_at(rows, 0, 0));
	json_string(&out, order->item);
	buffer_format(&out, ",\"quantity\":%lld}", (long long)order->quantity);
	reply_text(req, 201, "application/json", &out);
	ASYNC_END(req);
}

static void nap(struct request *req)
{
	struct pg_rows *rows = FRAME(req, struct pg_rows);
	const struct nap *wanted = request_input(req);
	struct buffer out = {0};

	ASYNC_BEGIN(req);
	AWAIT(req, pg_query(req, rows, "SELECT pg_sleep($1)", pg_double(wanted->seconds)));
	out = (struct buffer){0};
	buffer_format(&out, "{\"slept\":%g}", wanted->seconds);
	reply_text(req, 200, "application/json", &out);
	ASYNC_END(req);
}

static const struct route list[] = {
	GET("/cases/orders/{id}", ASYNC, read_order, .input = INPUT(id_fields)),
	GET("/cases/orders", ASYNC, list_orders, .input = INPUT(page_fields)),
	POST("/cases/orders", ASYNC, create_order, .input = INPUT(order_fields), .status = 201),
	GET("/cases/sleep", ASYNC, nap, .input = INPUT(nap_fields)),
};

static void nothing(struct request *req)
{
	reply_bytes(req, 200, "text/plain", slice_of(""));
}

static const struct job_kind kinds[] = {JOB("nothing", ASYNC, nothing)};

/* Those of the demonstration, and these. */
int main(int argc, char **argv)
{
	static struct application all;
	const struct application *shown = demonstration();
	size_t mine = sizeof(list) / sizeof(*list);
	struct route *routes;

	if (!shown || !(routes = calloc(shown->routes.count + mine, sizeof(*routes))))
		return 1;
	memcpy(routes, list, sizeof(list));
	memcpy(routes + mine, shown->routes.list, shown->routes.count * sizeof(*routes));
	all = *shown;
	all.routes.list = routes;
	all.routes.count += mine;
	all.jobs = (struct job_kinds)JOBS(kinds);
	return lanes_main(argc, argv, &all);
}

#include "orders.h"

#include <stdio.h>
#include <stdlib.h>

struct metric orders_created = COUNTER("orders_created_total", "Orders that were created.");
struct metric confirmations_sent = COUNTER("confirmations_sent_total", "Confirmations sent.");

static struct chosen {
	int64_t most;
} chosen = {.most = ORDERS_MAX}; /* where no command line is read, in tests */

static const struct option_spec choices[] = {
	{"orders-max", OPTION_INT, offsetof(struct chosen, most), "1000", 1, ORDERS_MAX,
	 .help = "orders; one more is a 507"},
};

struct new_order {
	struct slice item;
	int64_t quantity;
};

struct filter {
	int64_t least; /* of quantity */
	bool confirmed;
	int64_t limit;
};

static const struct field order_fields[] = {
	BODY(STRING, struct new_order, item, .min_length = 1, .max_length = ITEM_MAX),
	BODY(INT, struct new_order, quantity, .ge = LIMIT(1), .le = LIMIT(1000)),
};

static const struct field id_fields[] = {
	PATH(INT, struct order_id, id, .ge = LIMIT(1)),
};

static const struct field filter_fields[] = {
	QUERY(INT, struct filter, least, .fallback = &(const int64_t){0}),
	QUERY(BOOL, struct filter, confirmed, .fallback = &(const bool){false}),
	QUERY(INT, struct filter, limit, .ge = LIMIT(1), .le = LIMIT(100),
	      .fallback = &(const int64_t){20}),
};

/* What reply_order() says, for /openapi.json. */
struct order_answer {
	int64_t id;
	struct slice item;
	int64_t quantity;
	bool confirmed;
};

static const struct field answer_fields[] = {
	BODY(INT, struct order_answer, id),
	BODY(STRING, struct order_answer, item),
	BODY(INT, struct order_answer, quantity),
	BODY(BOOL, struct order_answer, confirmed),
};

#define AN_ORDER ITEM_OBJECT(struct order_answer, answer_fields)

/* POST /orders: a JSON body, a metric, a Location. */
void create_order(struct request *req)
{
	struct shop *s = request_state(req);
	const struct new_order *wanted = request_input(req);
	struct order *order = &s->orders[s->count];
	char location[40];

	if (s->count == chosen.most) {
		reply_error(req, 507);
		return;
	}
	*order = (struct order){
		.id = ++s->count, .quantity = wanted->quantity, .attachment.file = -1};
	order->item_len = wanted->item.len;
	memcpy(order->item, wanted->item.data, wanted->item.len);
	metric_add(&orders_created, 1);
	snprintf(location, sizeof(location), "/orders/%lld", (long long)order->id);
	reply_order(req, 201, order);
	reply_header(req, "Location", slice_of(location));
}

/* GET /orders/{id}: a path parameter. */
void read_order(struct request *req)
{
	const struct order *order = find_order(req, ((struct order_id *)request_input(req))->id);

	if (order)
		reply_order(req, 200, order);
}

static void append_order(struct buffer *out, const struct order *order)
{
	buffer_format(out, "{\"id\":%lld,\"item\":", (long long)order->id);
	json_string(out, (struct slice){order->item, order->item_len});
	buffer_format(out, ",\"quantity\":%lld,\"confirmed\":%s}", (long long)order->quantity,
		      order->confirmed ? "true" : "false");
}

/* GET /orders?least=2&confirmed=yes&limit=10: three typed parameters. */
void list_orders(struct request *req)
{
	const struct shop *s = request_state(req);
	const struct filter *filter = request_input(req);
	struct buffer out = {0};
	int64_t found = 0;

	buffer_append_text(&out, "[");
	for (int64_t i = 0; i < s->count && found < filter->limit; i++) {
		const struct order *order = &s->orders[i];

		if (order->quantity < filter->least || order->confirmed < filter->confirmed)
			continue;
		buffer_append_text(&out, found++ ? "," : "");
		append_order(&out, order);
	}
	buffer_append_text(&out, "]");
	reply_text(req, 200, "application/json", &out);
}

struct order *find_order(struct request *req, int64_t id)
{
	struct shop *s = request_state(req);

	if (id <= s->count)
		return &s->orders[id - 1];
	reply_error(req, 404);
	return NULL;
}

void reply_order(struct request *req, int status, const struct order *order)
{
	struct buffer out = {0};

	append_order(&out, order);
	reply_text(req, status, "application/json", &out);
}

/* What the service keeps, and what it needs of its environment: before the sandbox. */
static bool open_shop(struct setup *setup)
{
	const char *token = getenv("ORDERS_TOKEN");
	const char *page = getenv("ORDERS_PAGE");
	const char *papers = getenv("ORDERS_PAPERS");
	struct shop *shop = calloc(1, sizeof(*shop));

	if (!shop) {
		log_complaint("out of memory");
		return false;
	}
	snprintf(shop->token, sizeof(shop->token), "%s", token ? token : "secret");
	shop->page = page ? page : "https://example.org";
	shop->spool = setup->options->spool;
	shop->accel = getenv("ORDERS_ACCEL");
	shop->papers = papers ? open_folder(papers) : -1;
	setup->needs->reads = papers;
	setup->state = shop;
	return shop->papers >= 0 || !papers;
}

static const struct route list[] = {
	POST("/orders", ASYNC, create_order, .input = INPUT(order_fields), .before = check_token,
	     .status = 201, .answers = AN_ORDER),
	GET("/orders", ASYNC, list_orders, .input = INPUT(filter_fields),
	    .answers = ITEM_LIST(.item = AN_ORDER)),
	GET("/orders.csv", ASYNC, export_orders, .gives = "text/csv"),
	GET("/orders/{id}", ASYNC, read_order, .input = INPUT(id_fields), .answers = AN_ORDER),
	GET("/orders/{id}/estimate", ASYNC, estimate_order, .input = INPUT(id_fields), .most = 100),
	POST("/orders/{id}/confirm", ASYNC, confirm_order, .input = INPUT(id_fields),
	     .before = check_token, .deadline = 10, .status = 202, .answers = AN_ORDER),
	GET("/orders/{id}/attachment", ASYNC, send_attachment, .input = INPUT(id_fields),
	    .gives = "application/octet-stream"),
	GET("/papers/{path:path}", ASYNC, send_paper, .gives = "text/plain"),
	PUT("/orders/{id}/attachment", ASYNC, attach, .input = INPUT(id_fields),
	    .before = check_token, .body_limit = ATTACHMENT_MAX, .status = 204),
};

static struct metric *const metrics[] = {&orders_created, &confirmations_sent, NULL};

const struct application orders = {
	.routes = ROUTES(list, .before = allow_page, .title = "Orders", .version = "1.0"),
	.options = OPTIONS("orders", choices, &chosen),
	.metrics = metrics,
	.prepare = open_shop,
};

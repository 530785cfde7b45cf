/* The service: its routes, what they take, and what they answer. */
#include <lanes.h>

/* What POST /quotes takes: {"item": "tea", "quantity": 3}. What does not fit is a 422. */
struct wanted {
	struct slice item;
	int64_t quantity;
};

static const struct field wanted_fields[] = {
	BODY(STRING, struct wanted, item, .min_length = 1, .max_length = 64),
	BODY(INT, struct wanted, quantity, .ge = LIMIT(1), .le = LIMIT(1000)),
};

static void create_quote(struct request *req)
{
	const struct wanted *wanted = request_input(req);
	struct buffer out = {0};

	buffer_append_text(&out, "{\"item\":");
	json_string(&out, wanted->item);
	buffer_format(&out, ",\"price\":%.2f}", (double)wanted->quantity * 9.5);
	reply_text(req, 201, "application/json", &out);
}

/* What GET /items/{id}/stock takes. */
struct item {
	int64_t id;
};

static const struct field item_fields[] = {
	PATH(INT, struct item, id, .ge = LIMIT(1)),
};

/* Awaits what a database would take: the loop serves others meanwhile. */
static void read_stock(struct request *req)
{
	const struct item *item = request_input(req);
	struct buffer out = {0};

	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, 0.05));
	buffer_format(&out, "{\"id\":%lld,\"stock\":42}", (long long)item->id);
	reply_text(req, 200, "application/json", &out);
	ASYNC_END(req);
}

static const struct route routes[] = {
	POST("/quotes", ASYNC, create_quote, .input = INPUT(wanted_fields), .status = 201),
	GET("/items/{id}/stock", ASYNC, read_stock, .input = INPUT(item_fields)),
};

static const struct application application = {.routes = ROUTES(routes, .title = "@NAME@")};

int main(int argc, char **argv)
{
	return lanes_main(argc, argv, &application);
}

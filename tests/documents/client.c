/* The same for app/lanes/client/README.md. */
#include <json-c/json.h>
#include <lanes.h>

#define SHOP "http://127.0.0.1:9000"

struct price {
	struct fetch call;
};

struct prices {
	struct fetch calls[3];
	int outcomes[3];
	int error;
};

static const char *const suppliers[3];

void reply_prices(struct request *req, const struct prices *f);

#include "price.c"
#include "prices.c"

static void place_order(struct request *req)
{
	struct price *f = FRAME(req, struct price);

	ASYNC_BEGIN(req);
/* clang-format off */
#include "order.c"
	/* clang-format on */
	ASYNC_END(req);
}

/* ---- rows ---- */

struct stock {
	struct pg_rows rows;
	struct pg_tx tx;
	int err;
};

struct stock_key {
	int64_t id;
};

void reply_stock(struct request *req, struct slice item, int64_t quantity);

#include "stock.c"

static void transfer(struct request *req)
{
	struct stock *f = FRAME(req, struct stock);
	const int64_t from = 1, count = 2;

	ASYNC_BEGIN(req);
/* clang-format off */
#include "transfer.c"
	/* clang-format on */
	ASYNC_END(req);
}

/* ---- jobs ---- */

struct size {
	int64_t width;
};

void draw_row(struct buffer *png, const struct size *size, int64_t row);

#include "enqueue.c"

static const struct route list[] = {POST("/renders", ASYNC, create)};

#include "job.c"

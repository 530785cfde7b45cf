/* A shop's orders: what a service on Lanes looks like. One worker keeps them, in memory. */
#ifndef LANES_EXAMPLES_ORDERS_H
#define LANES_EXAMPLES_ORDERS_H

#include <lanes.h>

enum { ORDERS_MAX = 1000, ITEM_MAX = 64 };

struct order {
	int64_t id;
	char item[ITEM_MAX * 4 + 1]; /* UTF-8 */
	int64_t quantity;
	bool confirmed;
};

/* What the handlers are given as request_state(). */
struct shop {
	struct order orders[ORDERS_MAX]; /* number id - 1 */
	int64_t count;
	char token[64]; /* of who may write; "" before the worker has started */
};

/* The order that the path names, or NULL after a 404. */
struct order *find_order(struct request *req, int64_t id);

/* Replies with the order as JSON. */
void reply_order(struct request *req, int status, const struct order *order);

/* What is given to who names an order. */
struct order_id {
	int64_t id;
};

void check_token(struct request *req);
void create_order(struct request *req);
void read_order(struct request *req);
void list_orders(struct request *req);
void estimate_order(struct request *req);
void confirm_order(struct request *req);

extern struct metric orders_created;
extern struct metric confirmations_sent;

#endif

/* A shop's orders: what a service on Lanes looks like. One worker keeps them, in memory. */
#ifndef LANES_EXAMPLES_ORDERS_H
#define LANES_EXAMPLES_ORDERS_H

#include <lanes.h>

enum { ORDERS_MAX = 1000, ITEM_MAX = 64, ATTACHMENT_MAX = 16 << 20 };

struct attachment {
	int file; /* without a name; -1: there is none */
	int64_t length;
	uint64_t hash;
	/* While it arrives: */
	const char *folder;
	struct slice piece; /* to be stored */
	bool failed;
};

struct order {
	int64_t id;
	char item[ITEM_MAX * 4]; /* UTF-8 */
	size_t item_len;
	int64_t quantity;
	bool confirmed;
	struct attachment attachment;
};

/* What the handlers are given as request_state(). */
struct shop {
	struct order orders[ORDERS_MAX]; /* number id - 1 */
	int64_t count;
	char token[64];	   /* of who may write; "" before the worker has started */
	const char *page;  /* "https://example.org": whose pages may ask, too */
	const char *spool; /* folder of attachments; NULL: they are refused */
	int papers;	   /* folder of terms and price lists */
	const char *accel; /* nginx's location of it; NULL: it has none */
};

/* The order that the path names, or NULL after a 404. */
struct order *find_order(struct request *req, int64_t id);

/* Replies with the order as JSON. */
void reply_order(struct request *req, int status, const struct order *order);

/* What is given to who names an order. */
struct order_id {
	int64_t id;
};

void allow_page(struct request *req);
void check_token(struct request *req);
void create_order(struct request *req);
void read_order(struct request *req);
void list_orders(struct request *req);
void estimate_order(struct request *req);
void confirm_order(struct request *req);
void attach(struct request *req);
void send_attachment(struct request *req);
void send_paper(struct request *req);
void export_orders(struct request *req);

extern const struct application orders;
extern struct metric orders_created;
extern struct metric confirmations_sent;

#endif

/*
 * --routes outside: what is not ours in the real world, three suppliers and a payment gateway, so
 * that the cases have somebody to call. They know nothing, and keep nothing: what they answer, and
 * how long that takes (50 to 150 ms), follows from what they are asked.
 */
#include <stdio.h>

#include "cases.h"

enum { DECLINED = 100000 /* an amount above this */ };

struct price_query {
	int64_t n;
	struct slice item;
};

static uint64_t hash(struct slice text, uint64_t seed)
{
	uint64_t h = 14695981039346656037U ^ seed;

	for (size_t i = 0; i < text.len; i++)
		h = (h ^ (unsigned char)text.data[i]) * 1099511628211U;
	return h ^ h >> 32;
}

static double pause_of(uint64_t h)
{
	return 0.05 + (double)(h % 101) / 1000;
}

/* GET /suppliers/{n}/price?item=tea */
static void supplier_price(struct request *req)
{
	const struct price_query *asked = request_input(req);
	uint64_t h = hash(asked->item, (uint64_t)asked->n);
	struct buffer out = {0};

	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, pause_of(h)));
	buffer_format(&out, "{\"supplier\":%lld,\"price\":%llu}", (long long)asked->n,
		      (unsigned long long)(h / 101 % 9900 + 100));
	reply_text(req, 200, "application/json", &out);
	ASYNC_END(req);
}

/* POST /payments: who pays again with the same key gets the same payment. */
static void gateway_payment(struct request *req)
{
	const struct payment_input *asked = request_input(req);
	uint64_t h = hash(asked->idempotency_key, 0);
	struct buffer out = {0};

	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, pause_of(h)));
	if (asked->amount > DECLINED) {
		reply_refusal(req, 402, "declined");
		return;
	}
	buffer_format(&out, "{\"payment\":\"p-%016llx\",\"amount\":%lld}", (unsigned long long)h,
		      (long long)asked->amount);
	reply_text(req, 201, "application/json", &out);
	ASYNC_END(req);
}

static const struct field price_fields[] = {
	PATH(INT, struct price_query, n, .ge = LIMIT(1), .le = LIMIT(SUPPLIERS)),
	QUERY(STRING, struct price_query, item, .min_length = 1, .max_length = 64),
};

static const struct route list[] = {
	GET("/suppliers/{n}/price", ASYNC, supplier_price, .input = INPUT(price_fields)),
	POST("/payments", ASYNC, gateway_payment, .input = INPUT(payment_fields), .status = 201),
};

const struct application outside = {.routes = ROUTES(list, .title = "Outside")};

#include "waits.h"

#include "await/await.h"
#include "base/buffer.h"
#include "http/input.h"
#include "http/number.h"
#include "http/reply.h"
#include "machine.h"

struct wait {
	double seconds;
};

struct number {
	int64_t n;
};

struct several {
	struct list seconds; /* of double */
};

static void block_for(void *seconds)
{
	block(*(double *)seconds);
}

/* In memory of the request's, as a handler may ask for it. */
static void reply_number(struct request *req, double number)
{
	char *text = request_alloc(req, FLOAT_TEXT_SIZE);

	if (text)
		reply_bytes(req, 200, "text/plain", (struct slice){text, float_text(number, text)});
	else
		reply_error(req, 503);
}

static double seconds_of(struct request *req)
{
	return ((const struct wait *)request_input(req))->seconds;
}

void answer(struct request *req)
{
	reply_bytes(req, 200, "text/plain", slice_of("answered"));
}

void block_thread(struct request *req)
{
	block(seconds_of(req));
	reply_number(req, seconds_of(req));
}

void sleep_once(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, seconds_of(req)));
	reply_number(req, seconds_of(req));
	ASYNC_END(req);
}

void sleep_together(struct request *req)
{
	const struct several *several = request_input(req);
	const double *seconds = several->seconds.items;

	ASYNC_BEGIN(req);
	for (size_t i = 0; i < several->seconds.count; i++)
		gather_add_sleep(req, seconds[i], NULL);
	AWAIT(req, gather(req));
	reply_number(req, (double)several->seconds.count);
	ASYNC_END(req);
}

void lend_thread(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, run_in_threadpool(req, block_for, request_input(req)));
	AWAIT(req, run_in_cpu_pool(req, block_for, request_input(req)));
	reply_number(req, seconds_of(req));
	ASYNC_END(req);
}

void hold_loop(struct request *req)
{
	block(seconds_of(req));
	reply_number(req, seconds_of(req));
}

/* What takes no time: for what a whole number may be. */
static void show_number(struct request *req)
{
	reply_number(req, (double)((const struct number *)request_input(req))->n);
}

static const struct field one[] = {
	QUERY(NUMBER, struct wait, seconds, .ge = LIMIT(0), .le = LIMIT(60),
	      .fallback = &(const double){1.5}),
};

static const struct list three = {(double[]){1.0, 1.5, 0.5}, 3};

static const struct field many[] = {
	QUERY(LIST, struct several, seconds, .item = ITEM_NUMBER(.ge = LIMIT(0), .le = LIMIT(60)),
	      .max_items = 1000, .fallback = &three),
};

static const struct field whole[] = {
	QUERY(INT, struct number, n, .ge = LIMIT(0), .le = LIMIT(1000000000),
	      .fallback = &(const int64_t){100000}),
};

static const struct route list[] = {
	GET("/", ASYNC, answer),
	GET("/thread", SYNC, block_thread, .input = INPUT(one)),
	GET("/one", ASYNC, sleep_once, .input = INPUT(one)),
	GET("/many", ASYNC, sleep_together, .input = INPUT(many)),
	GET("/lent", ASYNC, lend_thread, .input = INPUT(one)),
	GET("/held", ASYNC, hold_loop, .input = INPUT(one)),
	GET("/number", ASYNC, show_number, .input = INPUT(whole)),
};

const struct routes waits = ROUTES(list);

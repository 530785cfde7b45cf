#include "guide/endpoints.h"

static const struct field one_wait[] = {
	QUERY(NUMBER, struct wait, seconds, .ge = LIMIT(0), .le = LIMIT(60),
	      .fallback = &(const double){1.5}),
};

static const struct list three_waits = {(double[]){1.0, 1.5, 0.5}, 3};

static const struct field many_waits[] = {
	QUERY(LIST, struct waits, seconds, .item = ITEM_NUMBER(.ge = LIMIT(0), .le = LIMIT(60)),
	      .max_items = 1000, .fallback = &three_waits),
};

static const struct field how_many[] = {
	QUERY(INT, struct numbers, n, .ge = LIMIT(0), .le = LIMIT(1000000000),
	      .fallback = &(const int64_t){100000}),
};

static const struct route list[] = {
	ASYNC("/", root),
	SYNC("/sync/noawait", sync_noawait, .input = INPUT(one_wait)),
	ASYNC("/async/await-one", async_await_one, .input = INPUT(one_wait)),
	ASYNC("/async/await-many", async_await_many, .input = INPUT(many_waits)),
	ASYNC("/async/wrap-blocking", async_wrap_blocking, .input = INPUT(one_wait)),
	ASYNC("/async/bad-blocking", async_bad_blocking, .input = INPUT(one_wait)),
	ASYNC("/async/cpu-bound", async_cpu_bound, .input = INPUT(how_many)),
};

const struct routes endpoints = {list, sizeof(list) / sizeof(list[0])};

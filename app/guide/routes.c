#include "endpoints.h"

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
	GET("/", ASYNC, root),
	GET("/sync/noawait", SYNC, sync_noawait, .input = INPUT(one_wait)),
	GET("/async/await-one", ASYNC, async_await_one, .input = INPUT(one_wait)),
	GET("/async/await-many", ASYNC, async_await_many, .input = INPUT(many_waits)),
	GET("/async/wrap-blocking", ASYNC, async_wrap_blocking, .input = INPUT(one_wait)),
	GET("/async/bad-blocking", ASYNC, async_bad_blocking, .input = INPUT(one_wait)),
	GET("/async/cpu-bound", ASYNC, async_cpu_bound, .input = INPUT(how_many)),
};

const struct application guide = {.routes = ROUTES(list, .title = "Lanes")};

#include "guide/endpoints.h"

static const struct route list[] = {
	GET("/", ASYNC, root),
	GET("/sync/noawait", SYNC, sync_noawait),
	GET("/async/await-one", ASYNC, async_await_one),
	GET("/async/await-many", ASYNC, async_await_many),
	GET("/async/wrap-blocking", ASYNC, async_wrap_blocking),
	GET("/async/bad-blocking", ASYNC, async_bad_blocking),
	GET("/async/cpu-bound", ASYNC, async_cpu_bound),
};

const struct application guide = {.routes = ROUTES(list)};

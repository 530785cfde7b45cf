#include "guide/endpoints.h"

static const struct route list[] = {
	ASYNC("/", root),
	SYNC("/sync/noawait", sync_noawait),
	ASYNC("/async/await-one", async_await_one),
	ASYNC("/async/await-many", async_await_many),
	ASYNC("/async/wrap-blocking", async_wrap_blocking),
	ASYNC("/async/bad-blocking", async_bad_blocking),
	ASYNC("/async/cpu-bound", async_cpu_bound),
};

const struct routes endpoints = {list, sizeof(list) / sizeof(list[0])};

/* An application of 1,000 routes, for tests/integration/test_routes.c. */
#include <lanes.h>
#include <stdio.h>

enum { COUNT = 1000 };

static void hello(struct request *req)
{
	reply_bytes(req, 200, "text/plain", slice_of("hello\n"));
}

static void start(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, 0.01));
	ASYNC_END(req);
}

static void stop(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, 0.01));
	fputs("stopped\n", stderr);
	ASYNC_END(req);
}

static bool is_ready(void *unused)
{
	(void)unused;
	return false;
}

int main(int argc, char **argv)
{
	static char paths[COUNT][16];
	static struct route list[COUNT + 1];
	static struct application many;

	for (int i = 0; i < COUNT; i++) {
		snprintf(paths[i], sizeof(paths[i]), "/of/%d", i + 1);
		list[i] = (struct route)GET(paths[i], ASYNC, hello);
	}
	list[COUNT] = (struct route)POST(paths[COUNT - 1], ASYNC, hello);
	many.routes = (struct routes)ROUTES(list);
	many.start = start;
	many.stop = stop;
	many.ready = is_ready;
	return lanes_main(argc, argv, &many);
}

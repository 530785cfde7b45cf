/* An application of 1,000 routes, for tests/integration/test_routes.c, or of as many as ROUTES in
 * the environment says, for tests/bench/instructions. */
#include <lanes.h>
#include <stdio.h>
#include <stdlib.h>

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

	const char *wanted = getenv("ROUTES");
	int count = wanted ? atoi(wanted) : COUNT;

	for (int i = 0; i < count && i < COUNT; i++) {
		snprintf(paths[i], sizeof(paths[i]), "/of/%d", i + 1);
		list[i] = (struct route)GET(paths[i], ASYNC, hello);
	}
	list[count] = (struct route)POST(paths[count - 1], ASYNC, hello);
	many.routes = (struct routes)ROUTES(list);
	many.routes.count = (size_t)count + 1;
	many.start = start;
	many.stop = stop;
	many.ready = is_ready;
	return lanes_main(argc, argv, &many);
}

/* A service of one's own, on what "make install" has put: for tests/integration/test_install.c. Its
 * handlers are called like functions inside the library, which must not meet. */
#include <lanes.h>

void status(struct request *req);
void metrics(struct request *req);
void events(struct request *req);
void burst(struct request *req);
void root(struct request *req);

struct pause {
	double seconds;
};

static const struct field pauses[] = {
	QUERY(NUMBER, struct pause, seconds, .ge = LIMIT(0), .le = LIMIT(1)),
};

static void compute(void *sum)
{
	for (uint64_t i = 0; i < 1000; i++)
		*(uint64_t *)sum += i;
}

void status(struct request *req)
{
	const struct pause *pause = request_input(req);
	uint64_t *sum = FRAME(req, uint64_t);
	struct buffer text = {0};

	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, pause->seconds));
	AWAIT(req, run_in_threadpool(req, compute, sum));
	buffer_format(&text, "the service's own status: %llu\n", (unsigned long long)*sum);
	reply_text(req, 200, "text/plain", &text);
	ASYNC_END(req);
}

static void reply_with(struct request *req, const char *text)
{
	reply_bytes(req, 200, "text/plain", slice_of(text));
}

void metrics(struct request *req)
{
	reply_with(req, "metrics");
}

void events(struct request *req)
{
	reply_with(req, "events");
}

void burst(struct request *req)
{
	reply_with(req, "burst");
}

void root(struct request *req)
{
	reply_with(req, "root");
}

#define HIDDEN(path) GET(path, SYNC, root)

static const struct route list[] = {
	HIDDEN("/status"),
	HIDDEN("/metrics"),
	HIDDEN("/trace"),
	HIDDEN("/burst"),
	HIDDEN("/events"),
	HIDDEN("/healthz"),
	HIDDEN("/readyz"),
	HIDDEN("/docs"),
	HIDDEN("/lanes"),
	HIDDEN("/lanes/{id}"),
	HIDDEN("/nginx-error"),
	GET("/", SYNC, root),
	GET("/own/status", ASYNC, status, .input = INPUT(pauses)),
	GET("/own/metrics", ASYNC, metrics),
	GET("/own/events", ASYNC, events),
	POST("/own/burst", ASYNC, burst),
};

static const struct application application = {
	.routes = ROUTES(list),
	.options = {.name = "service"},
};

int main(int argc, char **argv)
{
	return lanes_main(argc, argv, &application);
}

/* An application that calls another service and asks the database at the same time, for
 * tests/integration/test_awaits.c. */
#include <lanes.h>

struct asked {
	struct slice url;
};

static const struct field fields[] = {QUERY(STRING, struct asked, url)};

struct both {
	struct fetch call;
};

/* GET /both?url=…: when that has answered, and the lock is free. */
static void ask_both(struct request *req)
{
	const struct asked *asked = request_input(req);
	struct both *f = FRAME(req, struct both);

	ASYNC_BEGIN(req);
	f->call.url = asked->url;
	gather_add_fetch(req, &f->call, NULL);
	gather_add_pg(req, NULL, NULL, "SELECT pg_advisory_xact_lock(7)");
	AWAIT(req, gather(req));
	reply_bytes(req, 200, "text/plain", slice_of("both"));
	ASYNC_END(req);
}

/* GET /late: the lock, but no longer than that. */
static void be_late(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, wait_within(req, 0.05, pg_query(req, NULL, "SELECT pg_advisory_xact_lock(7)")));
	reply_bytes(req, 200, "text/plain", slice_of("not late"));
	ASYNC_END(req);
}

static const struct route list[] = {
	GET("/both", ASYNC, ask_both, .input = INPUT(fields)),
	GET("/late", ASYNC, be_late),
};

int main(int argc, char **argv)
{
	const struct application application = {.routes = ROUTES(list), .fetches = true};

	return lanes_main(argc, argv, &application);
}

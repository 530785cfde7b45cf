/* An application that calls whom it is told to, for tests/integration/test_fetches.c. */
#include <lanes.h>
#include <stdio.h>
#include <stdlib.h>

struct asked {
	struct slice url;
};

static const struct field fields[] = {QUERY(STRING, struct asked, url)};

struct fetching {
	struct fetch call;
	int error;
};

/* GET /fetch?url=…: what came, or what went wrong. */
static void fetch_it(struct request *req)
{
	const struct asked *asked = request_input(req);
	struct fetching *f = FRAME(req, struct fetching);
	struct buffer text = {0};

	ASYNC_BEGIN(req);
	f->call.url = asked->url;
	TRY_AWAIT(req, f->error, fetch(req, &f->call));
	if (f->error)
		buffer_format(&text, "%d: %s\n", -f->error, f->call.why);
	else
		buffer_format(&text, "%d: %.200s\n", f->call.status, f->call.content.data);
	reply_text(req, 200, "text/plain", &text);
	ASYNC_END(req);
}

/* GET /relay?url=…: it, or the answer that the library has where there is none. */
static void relay(struct request *req)
{
	const struct asked *asked = request_input(req);
	struct fetching *f = FRAME(req, struct fetching);

	ASYNC_BEGIN(req);
	f->call.url = asked->url;
	AWAIT(req, fetch(req, &f->call));
	reply_bytes(req, 200, "text/plain", f->call.content);
	ASYNC_END(req);
}

static const struct route list[] = {
	GET("/fetch", ASYNC, fetch_it, .input = INPUT(fields)),
	GET("/relay", ASYNC, relay, .input = INPUT(fields)),
};

/* NOTHING=1 in its environment: it does not say that it fetches. */
int main(int argc, char **argv)
{
	const struct application application = {.routes = ROUTES(list),
						.fetches = !getenv("NOTHING")};

	return lanes_main(argc, argv, &application);
}

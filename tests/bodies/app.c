/* An application that takes bodies, for tests/integration/test_bodies.c: with every way to take
 * one, and with workers of both kinds. And, for test_limits.c, routes that have limits. */
#include <lanes.h>
#include <semaphore.h>
#include <stdio.h>
#include <unistd.h>

enum { PIECE = 65536 };

static uint64_t left; /* requests that ended without an answer of their handlers */

/* What a handler has seen of a body. */
struct seen {
	struct slice piece;
	uint64_t bytes;
	uint64_t sum;
	bool answered;
};

static void look_at(struct seen *seen, struct slice bytes)
{
	seen->bytes += bytes.len;
	for (size_t i = 0; i < bytes.len; i++)
		seen->sum += (unsigned char)bytes.data[i];
}

static void tell(struct request *req, struct seen *seen)
{
	struct buffer text = {0};

	seen->answered = true;
	buffer_format(&text, "%llu bytes, sum %llu\n", (unsigned long long)seen->bytes,
		      (unsigned long long)seen->sum);
	reply_text(req, 200, "text/plain", &text);
}

static void on_end(void *seen)
{
	left += !((struct seen *)seen)->answered;
}

/* A slow one takes nothing until it has slept. */
static void pieces(struct request *req)
{
	struct seen *seen = FRAME(req, struct seen);

	ASYNC_BEGIN(req);
	if (!request_defer(req, on_end, seen))
		return;
	if (slice_is(req->path, "/slow"))
		AWAIT(req, sleep_for(req, slice_is(req->query, "long") ? 60 : 0.3));
	do {
		AWAIT(req, request_read(req, &seen->piece));
		look_at(seen, seen->piece);
	} while (seen->piece.len);
	tell(req, seen);
	ASYNC_END(req);
}

static void look_at_all(const struct request *req, struct seen *seen)
{
	static char bytes[PIECE]; /* of one at a time */
	int file = request_body_file(req);
	ssize_t n;

	if (file < 0)
		look_at(seen, request_body_bytes(req));
	else
		while ((n = pread(file, bytes, sizeof(bytes), (off_t)seen->bytes)) > 0)
			look_at(seen, (struct slice){bytes, (size_t)n});
}

static void whole(struct request *req)
{
	struct seen *seen = FRAME(req, struct seen);

	ASYNC_BEGIN(req);
	if (!request_defer(req, on_end, seen))
		return;
	AWAIT(req, request_body(req));
	look_at_all(req, seen);
	tell(req, seen);
	ASYNC_END(req);
}

static void on_thread(struct request *req)
{
	struct seen seen = {0};

	look_at_all(req, &seen);
	tell(req, &seen);
}

static void echo(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, request_body(req));
	reply_bytes(req, 200, "text/plain", request_body_bytes(req));
	ASYNC_END(req);
}

static void ignore(struct request *req)
{
	reply_bytes(req, 200, "text/plain", slice_of("ignored\n"));
}

static void how_many_left(struct request *req)
{
	struct buffer text = {0};

	buffer_format(&text, "%llu left\n", (unsigned long long)left);
	reply_text(req, 200, "text/plain", &text);
}

static void asleep(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, 60));
	ASYNC_END(req);
}

/* ---- limits ---- */

static sem_t gate;

static void pass(void *unused)
{
	(void)unused;
	while (sem_wait(&gate))
		;
}

/* Until somebody else lets it go. */
static void held(struct request *req)
{
	pass(NULL);
	ignore(req);
}

static void held_beside(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, run_in_threadpool(req, pass, NULL));
	ignore(req);
	ASYNC_END(req);
}

/* A thread that replies, takes memory and sets headers when its answer was given long ago. */
static void late(struct request *req)
{
	pass(NULL);
	for (int i = 0; i < 100; i++) {
		struct buffer text = {0};

		buffer_format(&text, "%d", i);
		reply_header(req, "X-Late", buffer_slice(&text));
		reply_text(req, 200, "text/plain", &text);
	}
}

/* Some of a stream, and then it fails. */
static void breaks(struct request *req)
{
	ASYNC_BEGIN(req);
	if (!reply_stream(req, 200, "text/plain"))
		return;
	AWAIT(req, stream_write(req, slice_of("some")));
	AWAIT(req, sleep_for(req, 0.01));
	AWAIT(req, stream_write(req, slice_of(" more")));
	AWAIT(req, await_fd(req, -1, 1));
	ASYNC_END(req);
}

static void endless(struct request *req)
{
	ASYNC_BEGIN(req);
	reply_stream(req, 200, "text/plain");
	while (stream_wanted(req)) {
		AWAIT(req, stream_write(req, slice_of("on ")));
		AWAIT(req, sleep_for(req, 0.01));
	}
	ASYNC_END(req);
}

/* What was asked is asked for when the answer has been sent. */
static void tell_later(struct request *req, void *unused)
{
	(void)unused;
	log_event(LOG_LEVEL_INFO, "told-later", "agent",
		  request_param(req, "HTTP_USER_AGENT").data ? "there" : "gone", "parent",
		  request_traceparent(req).data ? "there" : "gone", NULL);
}

static void answer_and_tell(struct request *req)
{
	request_later(req, tell_later, NULL);
	ignore(req);
}

static void let_go(struct request *req)
{
	sem_post(&gate);
	ignore(req);
}

static bool open_gate(struct setup *setup)
{
	(void)setup;
	return sem_init(&gate, 0, 0) == 0;
}

static const struct thread_pool_options reports = {.name = "reports", .threads = 2, .queue = 1};

#define LARGE .body_limit = UINT64_C(1) << 32

static const struct route list[] = {
	POST("/pieces", ASYNC, pieces, LARGE),
	PUT("/pieces", ASYNC, pieces, LARGE),
	POST("/slow", ASYNC, pieces, LARGE),
	POST("/whole", ASYNC, whole, LARGE),
	PUT("/whole", ASYNC, whole, LARGE),
	PUT("/thread", SYNC, on_thread, LARGE),
	POST("/echo", ASYNC, echo),
	PUT("/small", ASYNC, whole, .body_limit = 1000),
	POST("/small", ASYNC, whole, .body_limit = 1000),
	POST("/ignore", ASYNC, ignore, LARGE),
	GET("/left", ASYNC, how_many_left),
	GET("/asleep", ASYNC, asleep),
	GET("/held", SYNC, held, .pool = &reports),
	GET("/held/beside", ASYNC, held_beside, .pool = &reports),
	GET("/held/here", SYNC, held),
	GET("/jammed", SYNC, held, .pool = &reports, .most = 3),
	GET("/let-go", ASYNC, let_go),
	GET("/free", SYNC, ignore),
	GET("/late", SYNC, late, .deadline = 1),
	GET("/breaks", ASYNC, breaks),
	GET("/endless", ASYNC, endless),
	GET("/later", ASYNC, answer_and_tell),
	GET("/two", ASYNC, asleep, .most = 2),
	GET("/own", SYNC, ignore, .pool = &reports),
};
int main(int argc, char **argv)
{
	static const struct application bodies = {.routes = ROUTES(list), .prepare = open_gate};

	return lanes_main(argc, argv, &bodies);
}

/*
 * A service whose handlers hold the loop, each in another way, for so many seconds. They answer
 * with the line where they do, and with what came of it.
 */
#include <errno.h>
#include <lanes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct form {
	double seconds;
};

static const struct field fields[] = {
	QUERY(NUMBER, struct form, seconds, .ge = LIMIT(0), .le = LIMIT(60),
	      .fallback = &(const double){0.3}),
};

static double seconds_now(void)
{
	return (double)board_now() / 1e9;
}

static struct timespec time_of(double seconds)
{
	return (struct timespec){.tv_sec = (time_t)seconds,
				 .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
}

static void reply_held(struct request *req, int line, int result, double begun)
{
	struct buffer text = {0};

	buffer_format(&text, "line=%d result=%d errno=%d took=%.6f\n", line, result,
		      result ? errno : 0, seconds_now() - begun);
	reply_text(req, 200, "text/plain", &text);
}

static double wanted(struct request *req)
{
	return ((const struct form *)request_input(req))->seconds;
}

/* Once, and nothing that is cut short is begun again. */
static void sleeps(struct request *req)
{
	double begun = seconds_now();
	struct timespec time = time_of(wanted(req));
	int result = nanosleep(&time, NULL), line = __LINE__;

	reply_held(req, line, result, begun);
}

static void polls(struct request *req)
{
	double begun = seconds_now();
	int result = poll(NULL, 0, (int)(wanted(req) * 1e3)), line = __LINE__;

	reply_held(req, line, result, begun);
}

static volatile unsigned long turns;

static __attribute__((noinline)) int compute(double seconds)
{
	uint64_t end = board_now() + (uint64_t)(seconds * 1e9);

	while (board_now() < end)
		for (int i = 0; i < 1000; i++)
			turns = turns * 3 + 1;
	return __LINE__;
}

static void computes(struct request *req)
{
	double begun = seconds_now();

	reply_held(req, compute(wanted(req)), 0, begun);
}

/* Nearly all of the time in the library. */
static void formats(struct request *req)
{
	double begun = seconds_now();
	double end = begun + wanted(req);
	int line = __LINE__ + 7;

	while (seconds_now() < end)
		for (int i = 0; i < 1000; i++) {
			struct buffer text = {0};

			buffer_format(&text, "%s %d %f", "a long text to be formatted", i, end);
			buffer_free(&text);
		}
	reply_held(req, line, 0, begun);
}

static int channel[2];

static void *write_later(void *arg)
{
	const double *seconds = arg;
	struct timespec time = time_of(*seconds);
	ssize_t written;

	nanosleep(&time, NULL);
	written = write(channel[1], "x", 1);
	return written == 1 ? NULL : arg;
}

static void reads(struct request *req)
{
	double seconds = wanted(req);
	double begun = seconds_now();
	pthread_t writer;
	ssize_t result;
	char byte;
	int line;

	if (pipe(channel) || pthread_create(&writer, NULL, write_later, &seconds))
		return;
	result = read(channel[0], &byte, 1), line = __LINE__;
	pthread_join(writer, NULL);
	close(channel[0]);
	close(channel[1]);
	reply_held(req, line, result == 1 ? 0 : -1, begun);
}

/* So deep that its stack is nearly used up. */
static __attribute__((noinline)) int recurse(int depth, double seconds)
{
	volatile char room[512] = {0};

	if (depth)
		return recurse(depth - 1, seconds) + room[depth % 512];
	return compute(seconds);
}

static void recurses(struct request *req)
{
	double begun = seconds_now();

	reply_held(req, recurse(10000, wanted(req)), 0, begun);
}

static int order(const void *a, const void *b)
{
	struct timespec time = time_of(0.2);

	nanosleep(&time, NULL);
	return *(const int *)a - *(const int *)b;
}

/* Called by libc, which a handler has called. */
static void sorts(struct request *req)
{
	double begun = seconds_now();
	int list[2] = {2, 1}, line;

	qsort(list, 2, sizeof(list[0]), order), line = __LINE__;
	reply_held(req, line, list[0] != 1, begun);
}

/* Computes, and begins to sleep at about the time when somebody looks. */
static void both(struct request *req)
{
	double begun = seconds_now();
	struct timespec time = time_of(0.05);
	int result;

	compute(wanted(req));
	result = nanosleep(&time, NULL);
	reply_held(req, __LINE__, result, begun);
}

static void waits(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, wanted(req)));
	reply_bytes(req, 200, "text/plain", slice_of("waited\n"));
	ASYNC_END(req);
}

static void sleep_beside(struct request *beside, void *unused)
{
	(void)unused;
	ASYNC_BEGIN(beside);
	AWAIT(beside, sleep_for(beside, wanted(beside)));
	ASYNC_END(beside);
}

static void gathers(struct request *req)
{
	ASYNC_BEGIN(req);
	gather_add_call(req, sleep_beside, NULL, NULL);
	gather_add_sleep(req, wanted(req), NULL);
	AWAIT(req, gather(req));
	reply_bytes(req, 200, "text/plain", slice_of("gathered\n"));
	ASYNC_END(req);
}

static void blocks(struct request *req)
{
	sleeps(req);
}

struct numbers {
	struct list numbers;
};

static const struct field many_numbers[] = {
	BODY(LIST, struct numbers, numbers, .item = ITEM_INT(.ge = LIMIT(0))),
};

/* What takes long is reading them, which the library does. */
static void takes(struct request *req)
{
	reply_held(req, 0, 0, seconds_now());
}

static const struct route routes[] = {
	POST("/takes", ASYNC, takes, .input = INPUT(many_numbers)),
	GET("/sleeps", ASYNC, sleeps, .input = INPUT(fields)),
	GET("/polls", ASYNC, polls, .input = INPUT(fields)),
	GET("/computes", ASYNC, computes, .input = INPUT(fields)),
	GET("/formats", ASYNC, formats, .input = INPUT(fields)),
	GET("/reads", ASYNC, reads, .input = INPUT(fields)),
	GET("/recurses", ASYNC, recurses, .input = INPUT(fields)),
	GET("/sorts", ASYNC, sorts, .input = INPUT(fields)),
	GET("/both", ASYNC, both, .input = INPUT(fields)),
	GET("/waits", ASYNC, waits, .input = INPUT(fields)),
	GET("/gathers", ASYNC, gathers, .input = INPUT(fields)),
	GET("/blocks", SYNC, blocks, .input = INPUT(fields)),
};

static void on_news(int number)
{
	ssize_t told = write(STDERR_FILENO, "news\n", 5);

	(void)number;
	(void)told;
}

int main(int argc, char **argv)
{
	if (getenv("HELD_TAKES_SIGURG"))
		signal(SIGURG, on_news);
	return lanes_main(argc, argv, &(const struct application){.routes = ROUTES(routes)});
}

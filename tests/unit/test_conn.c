/*
 * The loop engine on this thread, and its peer on another, which blocks: what is asked of the
 * kernel, and what depends on the order in which requests end.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "../support/stream.h"
#include "await/await.h"
#include "base/log.h"
#include "caught.h"
#include "engine/engine.h"
#include "engine/loop.h"
#include "fcgi/record.h"
#include "http/reply.h"

enum { PATIENCE_S = 10, EXIT_FORCED = 3 };

static char directory[] = "/tmp/lanes-conn-XXXXXX";
static char path[64];
static char board_path[64];
static struct options options;
static struct listener listener;
static struct scoreboard board;
static struct caught caught;
static int connection;
static struct buffer heard;	  /* as records, and ended by a NUL as text */
static uint64_t full_until;	  /* uv_hrtime(): so long a socket takes nothing */
static bool cannot_shut_down;	  /* a socket */
static atomic_int turn;		  /* whose later work may end, of order */
static const char *_Atomic order; /* numbers of requests */
static const struct step *step;	  /* the next */
static long allocations[2];	  /* until the tenth request, and the last */

/* Instead of the C library's. */
ssize_t send(int fd, const void *bytes, size_t n, int flags)
{
	if (uv_hrtime() < full_until) {
		errno = EAGAIN;
		return -1;
	}
	return sendto(fd, bytes, n, flags, NULL, 0);
}

int shutdown(int fd, int how)
{
	if (cannot_shut_down) {
		errno = ENOTCONN;
		return -1;
	}
	return (int)syscall(SYS_shutdown, fd, how);
}

static int make_path(void)
{
	if (!mkdtemp(directory))
		return 1;
	snprintf(path, sizeof(path), "%s/socket", directory);
	snprintf(board_path, sizeof(board_path), "%s/scoreboard", directory);
	return 0;
}

static int remove_path(void)
{
	return rmdir(directory);
}

/* ---- the peer ---- */

/* What it does, before it sends the signal, and a worker's circumstances. */
struct talk {
	const char *says, *hears; /* NULL: nothing */
	bool is_hung_up_on;	  /* then */
	void (*peer)(void);	  /* does it instead of these */
	void (*background)(struct request *req);
	const struct step *steps; /* that it says in the background */
	enum drain_mode drain;
	int status; /* of the worker */

	struct {
		int64_t *option, value;
	} set[3];
};

static const struct talk *talk; /* this one */

static void say(const char *script)
{
	struct stream stream = {0};

	stream_script(&stream, script);
	CU_ASSERT_EQUAL(write(connection, stream.bytes.data, stream.bytes.len),
			(ssize_t)stream.bytes.len);
	stream_free(&stream);
}

/* Reads until it has heard that; false if the connection ends before, or nothing comes. */
static bool hears(const char *text)
{
	bool found = false;
	ssize_t n = 1;

	while (!found && n > 0) {
		struct buffer got = {0};
		char some[4096];

		n = read(connection, some, sizeof(some));
		if (n > 0)
			buffer_append(&heard, some, (size_t)n);
		records_as_text(buffer_slice(&heard), &got);
		buffer_append(&got, "", 1);
		found = strstr(got.data, text) != NULL;
		buffer_free(&got);
	}
	return found;
}

static void peer_connect(void)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	strcpy(address.sun_path, path);
	CU_ASSERT_EQUAL(connect(connection, (struct sockaddr *)&address, sizeof(address)), 0);
}

static void *be_the_peer(void *unused)
{
	if (talk->peer)
		talk->peer();
	else {
		if (talk->says)
			say(talk->says);
		if (talk->hears)
			CU_ASSERT_TRUE(hears(talk->hears));
		if (talk->is_hung_up_on)
			CU_ASSERT_EQUAL(read(connection, &(char){0}, 1), 0);
	}
	if (!board_get(&board.own->draining))
		kill(getpid(), SIGTERM);
	return unused;
}

#define ASK(path)      "REQUEST_METHOD=GET&PATH_INFO=" path
#define KEEP(id, path) "request " #id " keep " ASK(path)

/* ---- handlers ---- */

#define SLEEP_WHILE(condition)                                                                     \
	while (condition)                                                                          \
	AWAIT(req, sleep_for(req, 0.001))

static void hello(struct request *req)
{
	reply_bytes(req, 200, "text/plain", slice_of("hello"));
}

/* Its socket takes nothing for more than half of the time that it may. */
static void fill_up(struct request *req)
{
	full_until = uv_hrtime() + (uint64_t)options.send_timeout * 600000;
	hello(req);
}

/* More than the kernel keeps for a socket. */
static void large(struct request *req)
{
	static char bytes[1 << 20];

	memset(bytes, '.', sizeof(bytes));
	reply_bytes(req, 200, "text/plain", (struct slice){bytes, sizeof(bytes)});
}

static void sleep_through_it(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, 0.7));
	hello(req);
	ASYNC_END(req);
}

/* For longer than what was read is taken to be all. */
static void hold(struct request *req)
{
	usleep(20000);
	hello(req);
}

/* Another comes when the worker drains. */
static void drain_and_wait(struct request *req)
{
	ASYNC_BEGIN(req);
	kill(getpid(), SIGTERM);
	SLEEP_WHILE(board_get(&board.own->requests) < 2);
	hello(req);
	ASYNC_END(req);
}

static void count_allocations(struct request *req)
{
	allocations[req->serial > 10] = memory_allocations(); /* the first ones may need some */
	hello(req);
}

static uint64_t whose_turn(void)
{
	return (uint64_t)(atomic_load(&order)[atomic_load(&turn)] - '0');
}

static void wait_for_its_turn(struct request *req, void *unused)
{
	(void)unused;
	ASYNC_BEGIN(req);
	SLEEP_WHILE(whose_turn() != (req->serial - 1) % 3 + 1);
	turn++;
	ASYNC_END(req);
}

static void work_later(struct request *req)
{
	request_later(req, wait_for_its_turn, NULL);
	hello(req);
}

static void flood(struct request *req)
{
	static char bytes[65536];

	ASYNC_BEGIN(req);
	reply_stream(req, 200, "text/plain");
	for (;;)
		AWAIT(req, stream_write(req, (struct slice){bytes, (size_t)options.stream_limit}));
	ASYNC_END(req);
}

/* A stream has what its limit allows, and what the connection's does, but no more than 64 KB of
 * that; in memory that grows by doubling. Drains the worker when the stream has come to rest. */
static void see_what_it_holds(struct request *req)
{
	const struct engine *engine = container_of(req->co.sched, struct engine, sched);
	int64_t waits = options.output_limit < 65536 ? options.output_limit : 65536;
	size_t *held = FRAME(req, size_t);

	ASYNC_BEGIN(req);
	SLEEP_WHILE(!engine->stream_count);
	do {
		*held = engine->budget.used;
		AWAIT(req, sleep_for(req, 0.1));
	} while (engine->budget.used != *held);
	CU_ASSERT_TRUE(*held > 0);
	CU_ASSERT_TRUE(engine->budget_kind.most <= 2 * (size_t)(waits + options.stream_limit));
	kill(getpid(), SIGTERM);
	ASYNC_END(req);
}

static const struct route list[] = {
	GET("/flood", ASYNC, flood),
	GET("/", ASYNC, hello),
	GET("/full", ASYNC, fill_up),
	GET("/large", ASYNC, large),
	GET("/sleep", ASYNC, sleep_through_it),
	GET("/held", ASYNC, hold),
	GET("/drain", ASYNC, drain_and_wait),
	GET("/count", ASYNC, count_allocations),
	GET("/later", ASYNC, work_later),
};
static struct application application = {.routes = ROUTES(list)};

/* ---- the header timeout ---- */

/* What the peer says so many seconds later, by the loop's own clock: if the machine stands still,
 * so do both. */
struct step {
	double after;
	const char *script;
	struct slice part; /* of a record */
};

/* Nobody takes this body. */
static const struct step slow_body[] = {
	{0, "begin 1 keep, params 1 " ASK("/sleep") ", params-end 1"},
	{0.01, NULL, {"\1\5\0\1\0\4\0\0", 8}},
	{0.15, NULL, {"s", 1}},
	{0.15, NULL, {"l", 1}},
	{0.15, NULL, {"o", 1}},
	{0.15, NULL, {"w", 1}},
	{0.01, "stdin-end 1"},
	{0},
};

/* Silent for longer than it may be within a request, and then within one. */
static const struct step after_a_rest[] = {
	{0, KEEP(2, "/")},
	{0.4, "begin 1 keep"},
	{0.15, "params 1 " ASK("/") ", params-end 1, stdin-end 1"},
	{0},
};

/* A record's header that does not come to its end. */
static const struct step slow_header[] = {
	{0, NULL, {"\1", 1}},	 {0.15, NULL, {"\1", 1}}, {0.15, NULL, {"\0", 1}},
	{0.15, NULL, {"\1", 1}}, {0.15, NULL, {"\0", 1}}, {60},
};

static void take_steps(struct request *req)
{
	ASYNC_BEGIN(req);
	SLEEP_WHILE(!board_get(&board.own->accepted));
	for (; step->script || step->part.len; step++) {
		AWAIT(req, sleep_for(req, step->after));
		if (step->script)
			say(step->script);
		else if (write(connection, step->part.data, step->part.len) < 0)
			break;
	}
	ASYNC_END(req);
}

/* ---- a worker ---- */

static void begin(void)
{
	char *arguments[] = {"lanes", NULL};

	log_init("lanes"); /* which tells few of the same, and begins to count anew */
	CU_ASSERT_EQUAL_FATAL(options_parse(&options, NULL, 1, arguments), 0);
	options.threads = options.cpu_threads = 1;
	options.drain_idle = 0;
	options.output_limit = 4 << 20;
	options.drain = talk->drain;
	for (int i = 0; i < 3 && talk->set[i].option; i++)
		*talk->set[i].option = talk->set[i].value;
	application.background = talk->steps ? take_steps : talk->background;
	step = talk->steps;
	CU_ASSERT_EQUAL_FATAL(listener_open(&listener, path, 64), 0);
	CU_ASSERT_EQUAL_FATAL(scoreboard_open(&board, board_path), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(scoreboard_claim(&board, "loop", 0, "loop", "/"));
}

/* Serves until the peer has done its part, and closes it all. */
static void play(const struct talk *this_one)
{
	pthread_t thread;

	talk = this_one;
	begin();
	peer_connect();
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, be_the_peer, NULL), 0);
	caught_begin();
	CU_ASSERT_EQUAL(loop_run(&options, &listener, "loop-1", &application, &board),
			talk->status);
	caught_end(&caught);
	pthread_join(thread, NULL);
	CU_ASSERT_TRUE(!step || step->after < 1);
	close(connection);
	buffer_free(&heard);
	listener_close(&listener);
	scoreboard_close(&board);
	unlink(board_path);
}

/* A test that is nothing but talks: it has their list, which ends with none. */
static void play_talks(void)
{
	for (const struct talk *next = harness_test()->data;
	     next->says || next->hears || next->peer || next->steps; next++)
		play(next);
}

#define TALKS(...)                                                                                 \
	(const struct talk[])                                                                      \
	{                                                                                          \
		__VA_ARGS__,                                                                       \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}

static void a_file_that_is_too_long_is_an_error(void)
{
	signal(SIGXFSZ, SIG_DFL);
	play(&(struct talk){KEEP(1, "/"), "END 1 0 COMPLETE"});
	CU_ASSERT_PTR_EQUAL(signal(SIGXFSZ, SIG_IGN), SIG_IGN);
}

static void who_cannot_be_told_of_the_end_is_closed(void)
{
	cannot_shut_down = true;
	play_talks();
	cannot_shut_down = false;
}

/* Reads nothing, and asks until it is hung up on. */
static void goes_on_asking(void)
{
	struct stream stream = {0};
	int times = 0;

	say(KEEP(1, "/large"));
	stream_script(&stream, KEEP(2, "/"));
	while (times < 2000 && write(connection, stream.bytes.data, stream.bytes.len) > 0) {
		usleep(5000);
		times++;
	}
	CU_ASSERT_TRUE(times < 2000);
	stream_free(&stream);
}

static void reads_nothing(void)
{
	say(KEEP(1, "/flood"));
	while (!board_get(&board.own->draining))
		usleep(1000);
}

/* ---- a drain ---- */

static void asks_while_it_drains(void)
{
	say(KEEP(1, "/drain"));
	while (!board_get(&board.own->draining))
		usleep(1000);
	say(KEEP(2, "/"));
	CU_ASSERT_TRUE(hears("END 1 0 COMPLETE") && hears(talk->hears));
}

/* ---- blocks of requests ---- */

/* One after the other: nothing of that takes memory. */
static void asks_often(void)
{
	struct stream stream = {0};

	stream_script(&stream, KEEP(1, "/count"));
	for (int i = 0; i < 600; i++) {
		size_t len = 0;
		char answer[4096];
		ssize_t n = 1;

		CU_ASSERT_EQUAL(write(connection, stream.bytes.data, stream.bytes.len),
				(ssize_t)stream.bytes.len);
		while (n > 0 && (len < 16 || answer[len - 15] != FCGI_TYPE_END_REQUEST)) {
			n = read(connection, answer + len, sizeof(answer) - len);
			len += n > 0 ? (size_t)n : 0;
		}
	}
	stream_free(&stream);
}

static void blocks_are_used_again_and_again(void)
{
	play(&(struct talk){.peer = asks_often});
	CU_ASSERT_EQUAL(allocations[0], allocations[1]);
}

#define THREE_LATER KEEP(1, "/later") ", " KEEP(2, "/later") ", " KEEP(3, "/later")

/* Three at a time, which end in this order after their answers. */
static void works_later(void)
{
	static const char *const orders[] = {"123x", "132x", "213x", "231x", "312x", "321x"};

	for (size_t i = 0; i < COUNT(orders); i++) {
		order = orders[i];
		turn = 0;
		say(THREE_LATER);
		CU_ASSERT_TRUE(hears("END 3 0 COMPLETE"));
		buffer_free(&heard);
		heard = (struct buffer){0};
		while (i < 5 && turn < 3)
			usleep(1000);
	}
}

static void a_drain_waits_for_work_after_the_answer(void)
{
	play(&(struct talk){.peer = works_later,
			    .set = {{&options.drain_timeout, PATIENCE_S * 1000}}});
	CU_ASSERT_EQUAL(turn, 3);
	order = "x"; /* it never ends */
	turn = 0;
	play(&(struct talk){THREE_LATER, "END 3 0 COMPLETE", .set = {{&options.drain_timeout, 20}},
			    .status = EXIT_FORCED});
}

#define HOLDS_LITTLE(output, stream)                                                               \
	{                                                                                          \
		.peer = reads_nothing, .background = see_what_it_holds, .status = EXIT_FORCED,     \
		.set = { {&options.output_limit, output},                                          \
			 {&options.stream_limit, stream},                                          \
			 {&options.drain_timeout, 20} }                                            \
	}

static const struct test tests[] = {
	{"a file that is too long is an error, not the end", a_file_that_is_too_long_is_an_error},
	{"a peer has its time from when it takes nothing", play_talks,
	 TALKS({KEEP(1, "/full"), "END 1 0 COMPLETE", .set = {{&options.send_timeout, 400}}})},
	{"who asks on and does not read is late all the same", play_talks,
	 TALKS({.peer = goes_on_asking, .set = {{&options.send_timeout, 100}}})},
	{"who cannot be told of the end is closed", who_cannot_be_told_of_the_end_is_closed,
	 TALKS({"begin 1, params 1 " ASK("/") ", params-end 1", "END 1 0 COMPLETE",
		.is_hung_up_on = true,
		.set = {{&options.header_timeout, 1000000}, {&options.idle_timeout, 1000000}}})},
	/* More than is read at once. */
	{"what came while the loop was held is read in parts", play_talks,
	 TALKS({KEEP(1, "/held") ", " KEEP(5, "/") ", begin 2 keep, params 2 *60000, begin 3 keep, "
						   "params 3 *60000, begin 4 keep, params 4 "
						   "*60000, abort 2, abort 3, abort 4",
		"END 4 0 COMPLETE"})},
	{"who reads nothing of a stream holds twice its limits at most", play_talks,
	 TALKS(HOLDS_LITTLE(4096, 4096), HOLDS_LITTLE(4096, 65536), HOLDS_LITTLE(65536, 4096),
	       HOLDS_LITTLE(1 << 20, 4096))},
	{"the header timeout is for headers, from when they begin", play_talks,
	 TALKS({NULL, "END 1 0 COMPLETE", .steps = slow_body,
		.set = {{&options.header_timeout, 300}}},
	       {NULL, "END 1 0 COMPLETE", .steps = after_a_rest,
		.set = {{&options.header_timeout, 300}}},
	       {.is_hung_up_on = true,
		.steps = slow_header,
		.set = {{&options.header_timeout, 300}}})},
	{"who is asked while it drains refuses where that is wanted", play_talks,
	 TALKS({NULL, "STDOUT 2 Status: 200 ", .peer = asks_while_it_drains},
	       {NULL, "STDOUT 2 Status: 200 ", .peer = asks_while_it_drains, .drain = DRAIN_WAIT},
	       {NULL, "STDOUT 2 Status: 503 ", .peer = asks_while_it_drains,
		.drain = DRAIN_REFUSE})},
	{"blocks of requests are used again and again", blocks_are_used_again_and_again},
	{"a drain waits for work after the answer", a_drain_waits_for_work_after_the_answer},
};

const struct suite conn_suite = {"conn", tests, COUNT(tests), make_path, remove_path};

/*
 * The whole loop engine in this process: loop_run() on the main thread, with handlers that do, at
 * the moment that matters, what a web server and an operator do: send, hang up, signal. Nothing
 * waits for time.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "../support/process.h"
#include "../support/stream.h"
#include "await/await.h"
#include "base/log.h"
#include "caught.h"
#include "engine/flow.h"
#include "engine/loop.h"
#include "http/body.h"
#include "http/reply.h"
#include "script.h"

static char directory[] = "/tmp/lanes-loop-XXXXXX";
static char path[64];
static struct options options;
static struct listener listener;
static struct scoreboard board;
static struct caught caught;
static int fails;	  /* accept4() fails with this, or 0: gives what cannot be polled … */
static int failed;	  /* … and has done so this many times */
static int left;	  /* times it has yet to */
static int accept_calls;  /* calls */
static int accepted;	  /* the last descriptor */
static _Atomic int reads; /* calls of recv() */
static int trims;	  /* calls of malloc_trim() */
static int unpollable;	  /* what it gave instead */
static int clients[4];

/* Instead of the C library's. */
int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	accept_calls++;
	if (left && !fails) {
		left--;
		return unpollable = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	if (left) {
		left--;
		failed++;
		errno = fails;
		return -1;
	}
	fd = (int)syscall(SYS_accept4, fd, address, len, flags);
	if (fd >= 0)
		accepted = fd;
	return fd;
}

/* What is below the stack nobody may rely on. */
static __attribute__((noinline)) void litter(void)
{
	volatile char bytes[16384];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)0xee;
}

ssize_t recv(int fd, void *bytes, size_t n, int flags)
{
	reads++;
	litter();
	return recvfrom(fd, bytes, n, flags, NULL, NULL);
}

int malloc_trim(size_t pad)
{
	(void)pad;
	trims++;
	return 0;
}

static int make_path(void)
{
	if (!mkdtemp(directory))
		return 1;
	snprintf(path, sizeof(path), "%s/socket", directory);
	return 0;
}

static int remove_path(void)
{
	return rmdir(directory);
}

/* ---- the web server ---- */

static void client_open(int i)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strcpy(address.sun_path, path);
	CU_ASSERT_EQUAL(connect(clients[i], (struct sockaddr *)&address, sizeof(address)), 0);
}

/* What was sent some seconds before now, as "LANES_SENT=-20", is given the time when that was. */
static void client_send(int i, const char *script)
{
	const char *ago = strstr(script, "LANES_SENT=-");
	struct stream stream = {0};
	struct timespec now;

	if (ago) {
		ago += strlen("LANES_SENT=");
		clock_gettime(CLOCK_REALTIME, &now);
		script = textf("%.*s%.3f%s", (int)(ago - script), script,
			       (double)now.tv_sec + (double)now.tv_nsec / 1e9 + strtod(ago, NULL),
			       ago + strspn(ago, "-.0123456789"));
	}
	stream_script(&stream, script);
	CU_ASSERT_EQUAL(send(clients[i], stream.bytes.data, stream.bytes.len, MSG_NOSIGNAL),
			(ssize_t)stream.bytes.len);
	stream_free(&stream);
}

static struct buffer heard[4]; /* what they have read already */

/* Reads what has come. False if the connection has ended. */
static bool client_read(int i)
{
	char some[4096];
	ssize_t n;

	while ((n = recv(clients[i], some, sizeof(some), MSG_DONTWAIT)) > 0)
		buffer_append(&heard[i], some, (size_t)n);
	return n < 0 && errno == EAGAIN;
}

/* True if what came, up to the end of the connection, has this in it. */
static bool client_got(int i, const char *text)
{
	struct buffer bytes = heard[i];
	struct buffer got = {0};
	char some[4096];
	bool found;
	ssize_t n;

	while ((n = recv(clients[i], some, sizeof(some), 0)) > 0)
		buffer_append(&bytes, some, (size_t)n);
	records_as_text(buffer_slice(&bytes), &got);
	buffer_append(&got, "", 1);
	found = strstr(got.data, text) != NULL;
	buffer_free(&bytes);
	buffer_free(&got);
	heard[i] = (struct buffer){0};
	close(clients[i]);
	return found;
}

static bool heard_end_of(int i, char id)
{
	const char end[] = {1, 3, 0, id, 0, 8, 0, 0};

	return heard[i].len && memmem(heard[i].data, heard[i].len, end, sizeof(end)) != NULL;
}

/* All at once: a socket has room for few that are sent one by one. */
static void say_of_each(int i, bool begins, int first, int count)
{
	struct buffer script = {0};

	for (int id = first; id < first + count; id++)
		buffer_append_text(&script, textf(begins ? "%sbegin %d keep" : "%sabort %d",
						  script.len ? ", " : "", id));
	buffer_append(&script, "", 1);
	client_send(i, script.data);
	buffer_free(&script);
}

#define ASK(path)      "REQUEST_METHOD=GET&PATH_INFO=" path
#define KEEP(id, path) "request " #id " keep " ASK(path)
#define PLOT	       KEEP(1, "/plot")
#define HELLO	       KEEP(1, "/")
#define HELLO_AGAIN    KEEP(2, "/")
#define DRAIN	       KEEP(1, "/drain")
#define DRAIN_AGAIN    KEEP(2, "/drain")

/* ---- what a scene tells, by the handler of "/plot" and when all is over ---- */

static const struct engine no_engine;
static const struct engine *engine = &no_engine; /* while it runs */
static const struct routes routes;
static uint64_t serial; /* of the last request of those that look at theirs */
static atomic_bool let_go;
static atomic_int jobs;

static struct {
	const char *script;
	struct step step;
	int rests;
	const char *waits; /* the step that does, for its number … */
	bool falls;	   /* … to become as small as it says */
} plot;

static unsigned lines_with(const char *text)
{
	unsigned count = 0;

	for (const char *at = caught.text; *text && (at = strstr(at, text)); at++)
		count++;
	return count;
}

static uint64_t answers_of(const char *route)
{
	uint64_t count = 0;

	for (size_t i = 0; i < routes.count; i++)
		for (int b = 0; b < BOARD_BUCKETS && !strcmp(routes.list[i].path, route); b++)
			count += board_get(&board.own->routes[i + 1].buckets[b]);
	return count;
}

static bool has_heard(int i, const char *text)
{
	return heard[i].len && memmem(heard[i].data, heard[i].len, text, strlen(text)) != NULL;
}

/* Numbers, the last of a step: "requests 2" is asserted, "until requests 2" waited for, and
 * "in-time requests 2" is so unless the machine is busy. */
static bool look_up(const struct step *step, uint64_t *value)
{
	struct board_slot *own = board.own;
	int client = step->numbers[0] % 4; /* of those words that begin with one */
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{"accepted", board_get(&own->accepted)},
		{"connections", board_get(&own->connections)},
		{"requests", board_get(&own->requests)},
		{"in-flight", board_get(&own->in_flight)},
		{"aborted", board_get(&own->aborted)},
		{"draining", board_get(&own->draining)},
		{"answered-2xx", board_get(&own->classes[2])},
		{"answered-4xx", board_get(&own->classes[4])},
		{"answered-5xx", board_get(&own->classes[5])},
		{"running", board_get(&own->pools[BOARD_BLOCKING].running)},
		{"queued", board_get(&own->pools[BOARD_BLOCKING].queued)},
		{"jobs", (uint64_t)atomic_load(&jobs)},
		{"accepts", (uint64_t)accept_calls},
		{"trims", (uint64_t)trims},
		{"serial", serial},
		{"timers", engine->sched.timers.count},
		{"streams", engine->stream_count},
		{"streams-that-wait", engine->conns && conn_flow(engine->conns)->streams},
		{"heard-mb", heard[0].len >> 20},
		{"unread", engine->budget.used > 0},
		{"unpollable-open", fcntl(unpollable, F_GETFD) != -1},
		/* Of a text: lines of the log with it; answers of a route; if a client heard it. */
		{"logged", lines_with(step->text)},
		{"counted", answers_of(step->text)},
		{"heard", has_heard(client, step->text)},
		{"ended", heard_end_of(client, (char)step->numbers[1])},
	};

	for (size_t i = 0; i < COUNT(numbers); i++)
		if (step_is(step, numbers[i].name)) {
			*value = numbers[i].value;
			return true;
		}
	return false;
}

static void look_at_spans(void)
{
	for (uint64_t i = 0; i < board_get(&board.own->head); i++)
		CU_ASSERT_TRUE(board_get(&board.own->spans[i].start) > 0 &&
			       board_get(&board.own->spans[i].duration) < 60000000000);
}

/* The loop is held until all of it has been done. */
static void let_jobs_go(void)
{
	const struct board_threads *pool = &board.own->pools[BOARD_BLOCKING];

	atomic_store(&let_go, true);
	while (board_get(&pool->queued) || board_get(&pool->running))
		usleep(1000);
}

/* Does what a client, an operator or the machine does; false if it has to be tried again. The first
 * number is mostly a client's. */
static bool act(const struct step *step)
{
	const int *n = step->numbers;

	if (step_is(step, "open"))
		client_open(n[0]);
	else if (step_is(step, "send"))
		client_send(n[0], step->text);
	else if (step_is(step, "ask")) /* with an id, for a path */
		client_send(n[0], textf("request %d keep " ASK("%s"), n[1], step->text));
	else if (step_is(step, "begin") || step_is(step, "abort")) /* so many from an id on */
		say_of_each(n[0], step_is(step, "begin"), n[1], n[2]);
	else if (step_is(step, "read"))
		client_read(n[0]);
	else if (step_is(step, "read-all")) /* up to the end of a request */
		return heard_end_of(n[0], (char)n[1]) || !client_read(n[0]);
	else if (step_is(step, "closed")) {
		CU_ASSERT_FALSE(client_read(n[0]));
	} else if (step_is(step, "deaf"))
		shutdown(clients[n[0]], SHUT_RD);
	else if (step_is(step, "close"))
		close(clients[n[0]]);
	else if (step_is(step, "drain"))
		kill(getpid(), SIGTERM);
	else if (step_is(step, "second-signal"))
		kill(getpid(), SIGUSR1);
	else if (step_is(step, "signal"))
		kill(getpid(), n[0]);
	else if (step_is(step, "rest")) /* the loop turns and sweeps some times */
		return ++plot.rests % 40 == 0;
	else if (step_is(step, "hold")) /* the loop, for milliseconds */
		usleep((useconds_t)n[0] * 1000);
	else if (step_is(step, "let-go"))
		let_jobs_go();
	else if (step_is(step, "fail"))
		left = n[0];
	else if (step_is(step, "count-anew"))
		accept_calls = trims = 0;
	else if (step_is(step, "spans"))
		look_at_spans();
	else
		CU_FAIL_FATAL("no such word");
	return true;
}

/* From wherever it was when the step was first looked at. */
static bool has_come_to(uint64_t value, uint64_t expected)
{
	if (plot.waits != plot.step.begun)
		plot.falls = value > expected;
	plot.waits = plot.step.begun;
	return plot.falls ? value <= expected : value >= expected;
}

static bool step_done(void)
{
	const struct step *step = &plot.step;
	uint64_t expected = step->count ? (uint64_t)step->numbers[step->count - 1] : 0;
	unsigned failures = CU_get_number_of_failures();
	bool done = true;
	uint64_t value;

	if (!look_up(step, &value))
		done = act(step);
	else if (!strcmp(step->how, "until") && !has_come_to(value, expected))
		done = false;
	else if (!strcmp(step->how, "in-time"))
		IN_TIME(value == expected);
	else
		CU_ASSERT_EQUAL(value, expected);
	step_blame(step, failures);
	return done;
}

/* Inside a handler. */
#define SLEEP_WHILE(condition)                                                                     \
	while (condition)                                                                          \
	AWAIT(req, sleep_for(req, 0.001))

static void nothing(void *unused)
{
	(void)unused;
}

static void hello(struct request *req)
{
	reply_bytes(req, 200, "text/plain", slice_of("hello"));
}

static void follow_the_plot(struct request *req)
{
	ASYNC_BEGIN(req);
	while (script_step(&plot.script, &plot.step)) {
		if (step_is(&plot.step, "sleep")) /* for milliseconds */
			AWAIT(req, sleep_for(req, plot.step.numbers[0] / 1e3));
		else if (step_is(&plot.step, "use-a-thread"))
			AWAIT(req, run_in_threadpool(req, nothing, NULL));
		else
			SLEEP_WHILE(!step_done());
	}
	hello(req);
	ASYNC_END(req);
}

/* ---- what handlers do ---- */

static void told_to_drain(struct request *req)
{
	kill(getpid(), SIGTERM);
	hello(req);
}

/* A request comes while the loop is held, and then the signal is looked at. */
static void then_third(struct request *req)
{
	client_send(2, KEEP(2, "/"));
	hello(req);
}

static void drain_and_sleep(struct request *req)
{
	ASYNC_BEGIN(req);
	kill(getpid(), SIGTERM);
	AWAIT(req, sleep_for(req, 0.05));
	hello(req);
	ASYNC_END(req);
}

/* So that the loop turns some times: true if it has done so. */
static bool rested(struct request *req)
{
	int *rests = request_frame(req, sizeof(*rests));

	*rests = (*rests + 1) % 40;
	return *rests == 0;
}

static unsigned turns; /* of the loop */

/* In the first part what was begun comes to rest. */
static void count_turns(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, 0));
	AWAIT(req, sleep_for(req, 0)); /* for which the loop turns at once */
	AWAIT(req, sleep_for(req, 0.02));
	turns = 0;
	AWAIT(req, sleep_for(req, 0.1));
	CU_ASSERT_TRUE(turns < 10);
	left = 0;
	close(clients[1]);
	told_to_drain(req);
	ASYNC_END(req);
}

static void fail_and_count_turns(struct request *req)
{
	if (!req->co.line) {
		left = 1000;
		client_open(1);
	}
	count_turns(req);
}

/* … and it never ends. */
static void go_on_for_ever(struct request *req)
{
	int *times = request_frame(req, sizeof(*times));

	ASYNC_BEGIN(req);
	SLEEP_WHILE(!heard_end_of(1, 1) && client_read(1));
	for (*times = 0; *times < 2000 && board_get(&board.own->connections) > 1; ++*times) {
		send(clients[1], "\1\5\0\1\0\1\0\0x", 9, MSG_NOSIGNAL);
		AWAIT(req, sleep_for(req, 0.001));
	}
	CU_ASSERT_EQUAL(board_get(&board.own->connections), 1);
	told_to_drain(req);
	ASYNC_END(req);
}

static void never(struct request *req)
{
	CU_FAIL("nobody waits for this");
	hello(req);
}

/* Gone, with an answer unread: not even the end of what it sent can be read. */
static void hold_and_reset(struct request *req)
{
	usleep(20000);
	close(clients[0]);
	hello(req);
}

static void look_at_the_serial(struct request *req)
{
	CU_ASSERT_EQUAL(req->serial, serial + 1);
	CU_ASSERT_EQUAL(engine->spare_count, serial); /* blocks of those that were before */
	serial = req->serial;
	hello(req);
}

static struct request *writer;
static int writes;
static int seen;

static struct slice dots(size_t n)
{
	static char bytes[1 << 20]; /* more than the kernel keeps for a socket */

	return (struct slice){memset(bytes, '.', n), n};
}

static void write_on_and_on(struct request *req)
{
	ASYNC_BEGIN(req);
	writer = req;
	writes = 0;
	CU_ASSERT_TRUE(reply_stream(req, 200, "text/event-stream"));
	CU_ASSERT_TRUE(stream_room(req));
	while (stream_wanted(req)) {
		writes++;
		AWAIT(req, stream_write(req, dots(4096)));
	}
	ASYNC_END(req);
}

static bool heard_end_of_1(void)
{
	client_read(0);
	return heard_end_of(0, 1);
}

/* While nobody reads it. */
static void see_it_wait(struct request *req)
{
	ASYNC_BEGIN(req);
	do {
		seen = writes;
		SLEEP_WHILE(!rested(req));
	} while (writes != seen);
	CU_ASSERT_FALSE(stream_room(writer));
	while (writes < seen + 100) {
		client_read(0);
		AWAIT(req, sleep_for(req, 0.001));
	}
	kill(getpid(), SIGTERM);
	SLEEP_WHILE(!heard_end_of_1());
	hello(req);
	ASYNC_END(req);
}

static void stream_for_a_moment(struct request *req)
{
	CU_ASSERT_TRUE(reply_stream(req, 200, "text/event-stream"));
}

static void break_off(struct request *req)
{
	reply_stream(req, 200, "text/event-stream");
	reply_instead(req, 500);
}

static void sleep_for_long(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, 1000));
	CU_FAIL("nobody waits for this");
	ASYNC_END(req);
}

/* What it has is its answer. */
static void take_the_body(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, request_body(req));
	reply_bytes(req, 200, "text/plain", request_body_bytes(req));
	ASYNC_END(req);
}

/* The loop turns some times meanwhile. */
static void take_the_body_late(struct request *req)
{
	struct slice *piece = FRAME(req, struct slice);

	ASYNC_BEGIN(req);
	reads = 0;
	SLEEP_WHILE(!rested(req));
	CU_ASSERT(reads <= 1); /* and one or two before it began */
	do
		AWAIT(req, request_read(req, piece));
	while (piece->len);
	CU_ASSERT_EQUAL(request_body_length(req), 150000);
	told_to_drain(req);
	ASYNC_END(req);
}

static void large(struct request *req)
{
	reply_bytes(req, 200, "text/plain", dots(1 << 20));
}

/* More than a stream's limit, but never so much at once. */
static void stream_piece_by_piece(struct request *req)
{
	ASYNC_BEGIN(req);
	CU_ASSERT_TRUE(reply_stream(req, 200, "text/event-stream"));
	while (!rested(req))
		AWAIT(req, stream_write(req, dots(4000)));
	kill(getpid(), SIGTERM);
	ASYNC_END(req);
}

static void tcp_is_prompt(struct request *req)
{
	int on = 0;
	socklen_t len = sizeof(on);

	CU_ASSERT_EQUAL(getsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
	CU_ASSERT_TRUE(on);
	told_to_drain(req);
}

static void stream_until_drained(struct request *req)
{
	ASYNC_BEGIN(req);
	CU_ASSERT_TRUE(reply_stream(req, 200, "text/event-stream"));
	AWAIT(req, stream_write(req, slice_of("one ")));
	kill(getpid(), SIGTERM);
	while (stream_wanted(req))
		AWAIT(req, stream_write(req, slice_of("more ")));
	ASYNC_END(req);
}

static void stream_much(struct request *req)
{
	ASYNC_BEGIN(req);
	CU_ASSERT_TRUE(reply_stream(req, 200, "text/event-stream"));
	AWAIT(req, stream_write(req, dots(1 << 20)));
	AWAIT(req, stream_write(req, slice_of("the rest")));
	ASYNC_END(req);
}

static void much_memory(struct request *req)
{
	CU_ASSERT_PTR_NOT_NULL(request_alloc(req, 60000));
	CU_ASSERT_PTR_NULL(request_alloc(req, 6000));
	hello(req);
}

/* What its connection has not sent is older than what waits with the stream. */
static void write_again_later(struct request *req)
{
	ASYNC_BEGIN(req);
	reply_stream(req, 200, "text/event-stream");
	do {
		AWAIT(req, stream_write(req, dots(4096)));
		AWAIT(req, sleep_for(req, 0));
	} while (!conn_waiting(engine->conns));
	AWAIT(req, sleep_for(req, 0.06));
	for (;;)
		AWAIT(req, stream_write(req, dots(4096)));
	ASYNC_END(req);
}

/* Asks byte by byte, and reads until the connection has ended. */
static void ask_in_bytes(struct request *req)
{
	static struct stream stream;
	static size_t at;

	ASYNC_BEGIN(req);
	stream = (struct stream){0};
	stream_script(&stream, "request 1 " ASK("/large"));
	for (at = 0; at < stream.bytes.len; at++) {
		CU_ASSERT_EQUAL(send(clients[1], stream.bytes.data + at, 1, MSG_NOSIGNAL), 1);
		while (!rested(req))
			AWAIT(req, sleep_for(req, 0));
	}
	stream_free(&stream);
	SLEEP_WHILE(client_read(1));
	told_to_drain(req);
	ASYNC_END(req);
}

/* Reads a part of what there is now and then, and the rest at last. */
static void read_slowly(struct request *req)
{
	static char part[128 * 1024];
	int *times = request_frame(req, sizeof(*times));

	ASYNC_BEGIN(req);
	for (*times = 0; *times < 4; ++*times) {
		ssize_t n;

		AWAIT(req, sleep_for(req, 0.1));
		n = recv(clients[1], part, sizeof(part), MSG_DONTWAIT);
		IN_TIME(n > 0);
		if (n > 0)
			buffer_append(&heard[1], part, (size_t)n);
	}
	SLEEP_WHILE(!heard_end_of(1, 1) && client_read(1));
	IN_TIME(heard_end_of(1, 1));
	told_to_drain(req);
	ASYNC_END(req);
}

/* What it has sent is taken already. */
static void wait_for_nothing(struct request *req)
{
	ASYNC_BEGIN(req);
	CU_ASSERT_TRUE(reply_stream(req, 200, "text/event-stream"));
	AWAIT(req, stream_write(req, slice_of("one")));
	AWAIT(req, sleep_for(req, 0.001));
	CU_ASSERT_TRUE(stream_room(req));
	AWAIT(req, stream_write(req, slice_of("two")));
	kill(getpid(), SIGTERM);
	ASYNC_END(req);
}

static void hold_the_thread(void *unused)
{
	(void)unused;
	while (!atomic_load(&let_go))
		usleep(1000);
}

static void count_job(void *unused)
{
	(void)unused;
	atomic_fetch_add(&jobs, 1);
}

static void hold_a_thread(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, run_in_threadpool(req, hold_the_thread, NULL));
	hello(req);
	ASYNC_END(req);
}

static void wait_for_a_thread(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, run_in_threadpool(req, count_job, NULL));
	hello(req);
	ASYNC_END(req);
}

/* What a handler asks for is not where its params are. */
static void look_at_params(struct request *req)
{
	memset(request_alloc(req, 64), '.', 64);
	CU_ASSERT_TRUE(slice_is(request_param(req, "PATH_INFO"), "/params"));
	CU_ASSERT_TRUE(slice_is(request_param(req, "REQUEST_METHOD"), "GET"));
	told_to_drain(req);
}

/* On a thread: the loop has nothing to do, for longer than may be taken for an accident, and is
 * asked then. */
static void ask_after_a_rest(void *unused)
{
	(void)unused;
	while (board_get(&board.own->turn_since))
		usleep(1000);
	usleep(100000);
	client_send(0, KEEP(2, "/&LANES_SENT=-10.050")); /* who may have waited for a little */
}

static void have_it_asked_after_a_rest(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, run_in_threadpool(req, ask_after_a_rest, NULL));
	SLEEP_WHILE(board_get(&board.own->requests) < 2);
	told_to_drain(req);
	ASYNC_END(req);
}

/* Longer than its client may be idle, which begins with the answer. */
static void sleep_for_longer(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, 0.5));
	hello(req);
	ASYNC_END(req);
}

static void one_too_many(struct request *req)
{
	CU_ASSERT_FALSE(reply_stream(req, 200, "text/event-stream"));
}

/* Another stream, which nobody has read yet, has taken what there is. */
static void no_room(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, 0.001));
	CU_ASSERT_FALSE(reply_stream(req, 200, "text/event-stream"));
	SLEEP_WHILE(!heard_end_of_1());
	kill(getpid(), SIGTERM);
	ASYNC_END(req);
}

static void hold_a_while(struct request *req)
{
	uv_sleep(6);
	hello(req);
}

static void open_another(struct request *req)
{
	ASYNC_BEGIN(req);
	CU_ASSERT_TRUE(reply_stream(req, 200, "text/event-stream"));
	client_send(0, KEEP(2, "/toomany"));
	while (board_get(&board.own->requests) < 2)
		AWAIT(req, stream_write(req, slice_of("more ")));
	kill(getpid(), SIGTERM);
	ASYNC_END(req);
}

static const struct route list[] = {
	GET("/", ASYNC, hello),
	GET("/asleep", ASYNC, drain_and_sleep),
	GET("/vain", ASYNC, sleep_for_long),
	GET("/stream", ASYNC, stream_until_drained),
	GET("/on", ASYNC, write_on_and_on),
	GET("/stuck", ASYNC, write_again_later),
	GET("/much", ASYNC, stream_much),
	GET("/memory", ASYNC, much_memory),
	GET("/another", ASYNC, open_another),
	GET("/while", ASYNC, hold_a_while),
	GET("/toomany", ASYNC, one_too_many),
	GET("/drain", ASYNC, told_to_drain),
	GET("/then", ASYNC, then_third),
	GET("/plot", ASYNC, follow_the_plot),
	/* The board has no numbers for all of these. */
	GET("/long", ASYNC, sleep_for_long),
	POST("/take", ASYNC, take_the_body, .body_limit = 150000),
	POST("/late", ASYNC, take_the_body_late, .body_limit = 150000),
	GET("/turns", ASYNC, count_turns),
	GET("/fails", ASYNC, fail_and_count_turns),
	GET("/never", ASYNC, never),
	GET("/reset", ASYNC, hold_and_reset),
	GET("/serial", ASYNC, look_at_the_serial),
	GET("/waits", ASYNC, see_it_wait),
	GET("/moment", ASYNC, stream_for_a_moment),
	GET("/broken", ASYNC, break_off),
	GET("/for-ever", ASYNC, go_on_for_ever),
	GET("/large", ASYNC, large),
	GET("/pieces", ASYNC, stream_piece_by_piece),
	GET("/prompt", ASYNC, tcp_is_prompt),
	GET("/after-rest", ASYNC, have_it_asked_after_a_rest),
	GET("/slowly", ASYNC, read_slowly),
	GET("/drained", ASYNC, wait_for_nothing),
	GET("/hold-thread", ASYNC, hold_a_thread),
	GET("/wait-thread", ASYNC, wait_for_a_thread),
	GET("/in-bytes", ASYNC, ask_in_bytes),
	GET("/params", ASYNC, look_at_params),
	GET("/no-room", ASYNC, no_room),
	GET("/longer", ASYNC, sleep_for_longer),
};
static const struct routes routes = ROUTES(list);

static void begin(void)
{
	char *arguments[] = {"lanes", NULL};

	log_init("lanes"); /* which tells few of the same, and begins to count anew */
	CU_ASSERT_EQUAL_FATAL(options_parse(&options, NULL, 1, arguments), 0);
	options.threads = options.cpu_threads = 1;
	options.drain_idle = 0;
	CU_ASSERT_EQUAL_FATAL(listener_open(&listener, path, 64), 0);
	CU_ASSERT_EQUAL_FATAL(scoreboard_open(&board, NULL), 0);
	scoreboard_claim(&board, "loop", 1, "loop", "/");
	scoreboard_add_routes(&board, routes.count);
}

static uint64_t accepted_before; /* this turn … */
static uint64_t most_at_once;	 /* … and in one of them */

static void on_turn(uv_prepare_t *handle)
{
	uint64_t now = board_get(&board.own->accepted);

	(void)handle;
	turns++;
	if (now - accepted_before > most_at_once)
		most_at_once = now - accepted_before;
	accepted_before = now;
}

static void watch_turns(struct request *req)
{
	static uv_prepare_t prepare;

	engine = container_of(req->co.sched, struct engine, sched);
	accepted_before = most_at_once = 0;
	uv_prepare_init(req->co.sched->loop, &prepare);
	uv_prepare_start(&prepare, on_turn);
}

static int run_loop(const struct application *application)
{
	int ended;

	caught_begin();
	ended = loop_run(&options, &listener, "loop-1", application, &board);
	caught_end(&caught);
	engine = &no_engine;
	return ended;
}

static void serve_until(int status)
{
	const struct application application = {.routes = routes, .start = watch_turns};

	CU_ASSERT_EQUAL(run_loop(&application), status);
	CU_ASSERT_EQUAL(listener.fd, -1);
	CU_ASSERT_EQUAL(board_get(&board.own->in_flight), 0);
	CU_ASSERT_EQUAL(board_get(&board.own->connections), 0);
	CU_ASSERT_EQUAL(lines_with("event=drained"), !status);
}

/* Serves until a handler sends the signal. */
static void serve(void)
{
	serve_until(0);
}

/* What clients say before the loop begins, and what each has been sent at the end: the text, "!"
 * and a text that it has not, "" whatever it is; NULL: it was closed. */
struct scene {
	const char *says[4]; /* "": nothing; NULL: this one is not there */
	const char *gets[4];

	const char *plot; /* steps that the handler of "/plot" takes before it answers */
	const char *then; /* what is to be seen at the end */

	struct {
		int64_t *option, value;
	} set[3];
	enum drain_mode drain;
	int left, fails; /* so many times accept4() fails with this, from the beginning on */
	int status;	 /* of the worker */
};

static void set_plot(const char *script)
{
	plot.script = script ? script : "";
	plot.rests = 0;
	plot.waits = NULL;
}

static void play(const struct scene *scene)
{
	for (int i = 0; i < 3 && scene->set[i].option; i++)
		*scene->set[i].option = scene->set[i].value;
	if (scene->drain)
		options.drain = scene->drain;
	fails = scene->fails;
	left = scene->left;
	failed = 0;
	serial = 0;
	atomic_store(&let_go, false);
	atomic_store(&jobs, 0);
	set_plot(scene->plot);
	for (int i = 0; i < 4; i++)
		if (scene->says[i])
			client_open(i);
		else
			clients[i] = -1;
	for (int i = 3; i >= 0; i--)
		if (scene->says[i] && *scene->says[i])
			client_send(i, scene->says[i]);
	serve_until(scene->status);
	for (set_plot(scene->then); script_step(&plot.script, &plot.step);)
		step_done();
	for (int i = 0; i < 4; i++) {
		const char *text = scene->gets[i];

		if (text && client_got(i, text + (*text == '!')) == (*text == '!')) {
			printf("    client %d: %s\n", i, text);
			CU_FAIL("a client got something else");
		}
	}
}

static void end(void)
{
	listener_close(&listener);
	scoreboard_close(&board);
}

/* In another worker than the one that the test began with. */
static void play_anew(const struct scene *scene)
{
	end();
	begin();
	play(scene);
}

/* A test that is nothing but scenes: it has their list, which ends with none. */
static void play_scenes(void)
{
	const struct scene *scene = harness_test()->data;

	play(scene);
	while ((++scene)->says[0])
		play_anew(scene);
}

#define SCENES(...)                                                                                \
	play_scenes, (const struct scene[])                                                        \
	{                                                                                          \
		__VA_ARGS__,                                                                       \
		{                                                                                  \
			.says = { NULL }                                                           \
		}                                                                                  \
	}

/* ---- the rules ---- */

static void who_comes_while_it_drains_is_left_to_others(void)
{
	int other;

	other = dup(listener.fd);
	play(&(struct scene){{PLOT},
			     {"END 1 0 COMPLETE"},
			     "drain, until draining 1, count-anew, open 1, sleep 1, sleep 1",
			     "accepts 0",
			     .drain = DRAIN_WAIT});
	client_send(1, KEEP(1, "/drain"));
	listener.fd = other;
	serve();
	CU_ASSERT_TRUE(client_got(1, "END 1 0 COMPLETE"));
}

/* The connection that there was no room for is still in the queue. */
static void who_waits_for_room_in_vain_is_left_to_others(void)
{
	int other;

	other = dup(listener.fd);
	play(&(struct scene){{KEEP(1, "/asleep"), KEEP(1, "/drain")},
			     {"END 1 0 COMPLETE"},
			     .set = {{&options.max_conns, 1}},
			     .drain = DRAIN_WAIT});
	listener.fd = other;
	serve();
	CU_ASSERT_TRUE(client_got(1, "END 1 0 COMPLETE"));
}

/* The connection stays in the queue, and is taken when the time for the next try has come. */
static void accept_waits_when_something_has_run_out(void)
{
	static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};

	for (size_t i = 0; i < COUNT(errors); i++) {
		double begun = now();

		play_anew(&(struct scene){{"request 1 " ASK("/drain")},
					  {"END 1 0 COMPLETE"},
					  .then = "logged 1 [event=accept-failed]",
					  .left = 2,
					  .fails = errors[i]});
		CU_ASSERT_EQUAL(failed, 2);
		CU_ASSERT_TRUE(now() - begun >= 0.19); /* a tenth of a second each time */
	}
}

static void who_has_rested_has_kept_nobody_waiting(void)
{
	options.queue_timeout = 1000;
	client_open(0);
	client_send(0, KEEP(1, "/after-rest"));
	serve();
	IN_TIME(client_got(0, "STDOUT 2 Status: 200 "));
}

/* However many come, those who are there have their turn, too. */
static void so_many_are_accepted_at_once(void)
{
	enum { MANY = 100 };
	int fds[MANY];

	CU_ASSERT_EQUAL(listen(listener.fd, MANY), 0);
	for (int i = 0; i < MANY; i++) {
		client_open(0);
		fds[i] = clients[0];
	}
	client_open(0);
	client_send(0, KEEP(1, "/drain"));
	serve();
	CU_ASSERT_TRUE(client_got(0, "END 1 0 COMPLETE"));
	CU_ASSERT_EQUAL(board_get(&board.own->accepted), MANY + 1);
	CU_ASSERT_EQUAL(most_at_once, 64);
	for (int i = 0; i < MANY; i++)
		close(fds[i]);
}

static void what_was_just_read_is_not_looked_at_again(void)
{
	client_open(0);
	client_send(0, KEEP(1, "/while")); /* holds the loop, after which it is looked once */
	for (int id = 2; id <= 20; id++)
		client_send(0, textf("request %d keep " ASK("/"), id));
	client_send(0, KEEP(21, "/drain"));
	reads = accept_calls = 0;
	serve();
	IN_TIME(reads < 10);
	CU_ASSERT_EQUAL(accept_calls, 3); /* nobody else, nor when it drains */
	CU_ASSERT_TRUE(client_got(0, "END 21 0 COMPLETE"));
}

/* Also of requests that no handler has seen. */
static void the_board_shows_how_long_it_took(void)
{
	static const unsigned statuses[] = {200, 404, 413};
	unsigned shown[3] = {0};

	options.stdin_limit = 8;
	play(&(struct scene){{KEEP(1, "/") ", " KEEP(2, "/none") ", begin 3 keep, params 3 " ASK(
				     "/long") ", "
					      "params-end 3, stdin 3 "
					      "*9, stdin-end 3, " KEEP(4, "/drain")},
			     {"STDOUT 3 Status: 413 "}});
	for (uint64_t i = 0; i < board_get(&board.own->head); i++) {
		const struct board_span *span = &board.own->spans[i];
		struct span_owner owner = span_owner_unpack(board_get(&span->owner));

		for (int s = 0; s < 3; s++)
			if (owner.status == statuses[s] && board_get(&span->what) == SPAN_LOOP) {
				CU_ASSERT_TRUE(board_get(&span->start) > 0);
				CU_ASSERT_TRUE(board_get(&span->duration) < 60000000000);
				shown[s] += owner.status == 413 || board_get(&span->duration) > 0;
			}
	}
	CU_ASSERT_EQUAL(shown[0], 2);
	CU_ASSERT_EQUAL(shown[1], 1);
	CU_ASSERT_EQUAL(shown[2], 1);
}

#define SEND_TO(path) "REQUEST_METHOD=POST&PATH_INFO=" path

/* Half a record of a body is not what the header timeout is for. */
static void a_body_that_stops_is_a_408(void)
{
	options.header_timeout = 50;
	options.body_timeout = 400;
	client_open(0);
	client_send(0, "begin 1 keep, params 1 " SEND_TO("/take") ", params-end 1, stdin 1 more");
	CU_ASSERT_EQUAL(send(clients[0], "\1\5\0\1\0\4\0\0ab", 10, MSG_NOSIGNAL), 10);
	client_open(1);
	client_send(1, KEEP(1, "/drain"));
	serve();
	CU_ASSERT_TRUE(client_got(0, "STDOUT 1 Status: 408 "));
	CU_ASSERT_TRUE(client_got(1, "END 1 0 COMPLETE"));
}

static void each_of_four_signals_drains(void)
{
	static const int numbers[] = {SIGTERM, SIGUSR1, SIGINT, SIGHUP};

	for (size_t i = 0; i < COUNT(numbers); i++) {
		void (*before)(int) = signal(numbers[i], SIG_DFL);

		play_anew(&(struct scene){
			{PLOT},
			{"END 1 0 COMPLETE"},
			textf("signal %d", numbers[i]),
			"logged 1 [event=draining in_flight=], logged 1 [event=drained]"});
		signal(numbers[i], before);
	}
}

static void a_signal_that_was_ignored_still_is(void)
{
	void (*before)(int) = signal(SIGHUP, SIG_IGN);

	play(&(struct scene){
		{PLOT}, {"END 1 0 COMPLETE"}, textf("signal %d, rest, draining 0, drain", SIGHUP)});
	signal(SIGHUP, before);
}

/* Of eight: those beyond are a 503, when their params are there; one more than an eighth and eight
 * beyond is not even begun. */
static void a_worker_has_so_many_requests_at_once(void)
{
	options.max_reqs = 8;
	client_open(0);
	say_of_each(0, true, 1, 17);
	client_send(0, "begin 18 keep");
	say_of_each(0, false, 9, 9);
	client_send(
		0,
		"params 1 " ASK("/") ", params-end 1, stdin-end 1, begin 20 keep, params 20 " ASK(
			"/never") ", params-end 20, stdin-end 20");
	say_of_each(0, false, 2, 7);
	client_send(0, KEEP(30, "/drain"));
	serve();
	CU_ASSERT_TRUE(client_got(0, "END 18 0 OVERLOADED\nEND 9 0 COMPLETE"));
	CU_ASSERT_EQUAL(board_get(&board.own->classes[5]), 1);
	CU_ASSERT_EQUAL(board_get(&board.own->classes[2]), 2);
}

static void answers_over_tcp_are_not_held_back(void)
{
	struct sockaddr_in address = {0};
	socklen_t len = sizeof(address);

	listener_close(&listener);
	CU_ASSERT_EQUAL_FATAL(listener_open(&listener, "127.0.0.1:0", 64), 0);
	CU_ASSERT_EQUAL(getsockname(listener.fd, (struct sockaddr *)&address, &len), 0);
	clients[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL(connect(clients[0], (struct sockaddr *)&address, len), 0);
	client_send(0, KEEP(1, "/prompt"));
	serve();
	CU_ASSERT_TRUE(client_got(0, "END 1 0 COMPLETE"));
}

/* A GET of "/while" that is 16 KB long. */
static void client_send_long(int i, uint16_t id)
{
	static char text[16000];
	struct stream stream = {0};
	struct buffer pairs = {0};

	pairs_append(&pairs, ASK("/while"));
	pair_append(&pairs, slice_of("LONG"), (struct slice){text, sizeof(text)});
	stream_begin(&stream, id, FCGI_ROLE_RESPONDER, FCGI_FLAG_KEEP_CONN);
	stream_params(&stream, id, buffer_slice(&pairs));
	stream_params_end(&stream, id);
	stream_stdin_end(&stream, id);
	CU_ASSERT_EQUAL(send(clients[i], stream.bytes.data, stream.bytes.len, MSG_NOSIGNAL),
			(ssize_t)stream.bytes.len);
	stream_free(&stream);
	buffer_free(&pairs);
}

/* Four of them fit into one read; the others stay where they are until some have been served. */
static void slow_handlers_do_not_let_too_many_in(void)
{
	options.conn_requests = 6;
	client_open(0);
	for (uint16_t id = 1; id <= 10; id++)
		client_send_long(0, id);
	client_send(0, KEEP(11, "/drain"));
	serve();
	CU_ASSERT_FALSE(client_got(0, "OVERLOADED"));
}

static char passed[8]; /* what the application has come through */

static void pass(char what)
{
	passed[strlen(passed)] = what;
}

static void pass_later(struct request *req, void *what)
{
	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, 0.01));
	pass(*(const char *)what);
	ASYNC_END(req);
}

static void start_application(struct request *req)
{
	ASYNC_BEGIN(req);
	CU_ASSERT_FALSE(reply_stream(req, 200, NULL) || stream_room(req) || stream_wanted(req));
	request_later(req, pass_later, &"a"[0]);
	client_open(0);
	client_send(0, KEEP(1, "/drain"));
	AWAIT(req, sleep_for(req, 0.01));
	CU_ASSERT_EQUAL(board_get(&board.own->accepted), 0);
	pass('1');
	ASYNC_END(req);
}

static void stop_application(struct request *req)
{
	ASYNC_BEGIN(req);
	CU_ASSERT_EQUAL(board_get(&board.own->requests), 1);
	request_later(req, pass_later, &"b"[0]);
	AWAIT(req, run_in_threadpool(req, nothing, NULL));
	pass('2');
	ASYNC_END(req);
}

static void cannot_start_application(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, 0));
	pass('x');
	reply_error(req, 500);
	ASYNC_END(req);
}

static void never_stop_application(struct request *req)
{
	ASYNC_BEGIN(req);
	pass('n');
	AWAIT(req, sleep_for(req, 60));
	pass('!');
	ASYNC_END(req);
}

static int run_application(void (*begins)(struct request *req), void (*ends)(struct request *req))
{
	memset(passed, 0, sizeof(passed));
	return run_loop(&(struct application){.routes = routes, .start = begins, .stop = ends});
}

static void an_application_starts_and_stops(void)
{
	CU_ASSERT_EQUAL(run_application(start_application, stop_application), 0);
	CU_ASSERT_TRUE(client_got(0, "END 1 0 COMPLETE"));
	CU_ASSERT_STRING_EQUAL(passed, "1a2b");
}

static void one_that_cannot_start_serves_nobody(void)
{
	CU_ASSERT_EQUAL(run_application(cannot_start_application, stop_application), 1);
	CU_ASSERT_EQUAL(lines_with("event=start-failed"), 1);
	CU_ASSERT_STRING_EQUAL(passed, "x");
}

static void one_that_does_not_stop_is_given_up(void)
{
	options.drain_timeout = 50;
	CU_ASSERT_EQUAL(run_application(start_application, never_stop_application), 0);
	CU_ASSERT_EQUAL(lines_with("event=stop-failed"), 1);
	CU_ASSERT_STRING_EQUAL(passed, "1an");
}

/* Drains the worker when it has come round a few times. */
static void go_round(struct request *req)
{
	int *rounds = FRAME(req, int);

	ASYNC_BEGIN(req);
	CU_ASSERT_PTR_EQUAL(request_state(req), passed);
	SLEEP_WHILE(++*rounds < 3);
	client_open(0);
	client_send(0, KEEP(1, "/drain"));
	if (strlen(passed))
		reply_error(req, 500);
	else
		AWAIT(req, sleep_for(req, 60));
	pass('!');
	ASYNC_END(req);
}

static void run_beside(void)
{
	const struct application application = {
		.routes = {.list = routes.list, .count = routes.count, .state = passed},
		.background = go_round,
		.stop = stop_application};

	CU_ASSERT_EQUAL(run_loop(&application), 0);
	CU_ASSERT_TRUE(client_got(0, "END 1 0 COMPLETE"));
}

static void work_beside_the_requests_ends_with_them(void)
{
	memset(passed, 0, sizeof(passed));
	run_beside();
	CU_ASSERT_STRING_EQUAL(passed, "2b");
	CU_ASSERT_EQUAL(lines_with("event=background-failed"), 0);
}

static void the_worker_serves_on_when_it_fails(void)
{
	memset(passed, 0, sizeof(passed));
	pass('x');
	run_beside();
	CU_ASSERT_STRING_EQUAL(passed, "x!2b");
	CU_ASSERT_EQUAL(lines_with("event=background-failed"), 1);
}

static bool can_serve;

static bool is_ready(void *state)
{
	CU_ASSERT_PTR_EQUAL(state, &can_serve);
	return can_serve;
}

/* Changes its mind when the handler before has seen what is on the board. */
static void wait_until_ready(struct request *req)
{
	ASYNC_BEGIN(req);
	CU_ASSERT_EQUAL(board_get(&board.own->unready), 1);
	can_serve = true;
	SLEEP_WHILE(board_get(&board.own->unready));
	told_to_drain(req);
	ASYNC_END(req);
}

static void start_asking(struct request *req)
{
	(void)req;
	client_open(0);
	client_send(0, KEEP(1, "/"));
}

static void it_says_whether_it_is_ready(void)
{
	static const struct route list_of_one[] = {GET("/", ASYNC, wait_until_ready)};
	const struct application application = {.routes = ROUTES(list_of_one, .state = &can_serve),
						.ready = is_ready,
						.start = start_asking};

	options.header_timeout = 50; /* and so often it is asked */
	can_serve = false;
	CU_ASSERT_EQUAL(run_loop(&application), 0);
	CU_ASSERT_TRUE(client_got(0, "END 1 0 COMPLETE"));
}

static void what_cannot_start_says_so(void)
{
	listener_stop(&listener);
	listener.fd = open("/dev/null", O_RDONLY | O_CLOEXEC); /* cannot be polled */
	caught_begin();
	CU_ASSERT_EQUAL(loop_run(&options, &listener, "loop-1",
				 &(struct application){.routes = routes}, &board),
			1);
	listener_stop(&listener);
	CU_ASSERT_EQUAL(loop_run(&options, &listener, "loop-1",
				 &(struct application){.routes = routes}, &board),
			1);
	for (int n = 0; n < 3; n++) { /* for the engine itself, and for its routes */
		memory_fail_after(n);
		CU_ASSERT_EQUAL(loop_run(&options, &listener, "loop-1",
					 &(struct application){.routes = routes}, &board),
				1);
		memory_restore();
	}
	caught_end(&caught);
	CU_ASSERT_EQUAL(lines_with("event=start-failed"), 5);
	CU_ASSERT_EQUAL(lines_with("event=start-failed error=\"bad file descriptor\""), 1);
}

static void sweeps_are_four_times_as_frequent_as_the_shortest_timeout(void)
{
	static const struct {
		int64_t header, idle, send;
		uint64_t interval;
	} cases[] = {
		{400, 8000, 8000, 100},	 {8000, 400, 8000, 100},   {8000, 8000, 400, 100},
		{3999, 8000, 8000, 999}, {4000, 8000, 8000, 1000}, {8000, 8000, 8000, 1000},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		CU_ASSERT_EQUAL(
			conns_sweep_interval(&(struct options){.header_timeout = cases[i].header,
							       .idle_timeout = cases[i].idle,
							       .send_timeout = cases[i].send}),
			cases[i].interval);
}

/* The rest of one request, but for its end the begin of the next. */
#define ASK_TO_BE_SLOW ASK("/long")
#define PARAMS(id)     "params " #id " " ASK_TO_BE_SLOW ", params-end " #id
#define GO_ON(id, next)                                                                            \
	"send 1 [" PARAMS(id) ", begin " #next " keep, stdin-end " #id "], sleep 100, "

static const struct test tests[] = {
	{"the board counts what came, and how it ended",
	 SCENES({{HELLO ", " KEEP(2, "/none"),
		  "begin 1 keep, params 1 " ASK("/vain") ", params-end 1, stdin 1 *9, stdin-end 1",
		  KEEP(1, "/vain") ", abort 1, begin 2 keep, abort 2", KEEP(1, "/asleep")},
		 {"END 2 0 COMPLETE", "STDOUT 1 Status: 413 ", "END 1 0 COMPLETE",
		  "STDOUT 1 Status: 200 "},
		 .then = "accepted 4, requests 4, " /* not those aborted before they started */
			 "draining 1, aborted 2, answered-2xx 2, answered-4xx 2, spans, "
			 "counted 1 [/], counted 1 [/vain], counted 1 [/asleep]",
		 .set = {{&options.stdin_limit, 8}}})},
	/* The sweep, a timer, comes before what was sent meanwhile is read. */
	{"time in which the loop was held is not the peer's",
	 SCENES({{PLOT, "begin 1 keep", HELLO_AGAIN},
		 {"END 1 0 COMPLETE", "END 1 0 COMPLETE", "END 1 0 COMPLETE"},
		 "hold 200, send 1 [params 1 " ASK(
			 "/drain") ", params-end 1, stdin-end 1], ask 2 1 [/]",
		 .set = {{&options.header_timeout, 100}, {&options.idle_timeout, 100}}})},
	/* Two read only after it what they are sent. */
	{"nor is it the reader's", SCENES({{PLOT, KEEP(1, "/large")},
					   {"END 1 0 COMPLETE", "END 1 0 COMPLETE"},
					   "until requests 2, hold 600, read-all 1 1, drain",
					   "logged 0 [event=stream-unread]",
					   .set = {{&options.send_timeout, 400}}},
					  {{PLOT, KEEP(1, "/much")},
					   {"END 1 0 COMPLETE", "END 1 0 COMPLETE"},
					   "until requests 2, hold 600, read-all 1 1, drain",
					   "logged 0 [event=stream-unread]",
					   .set = {{&options.send_timeout, 400}}})},
	/* Some of it is not enough. */
	{"who does not read is not heard",
	 SCENES({{PLOT, KEEP(1, "/large")},
		 {"END 1 0 COMPLETE", "END 2 0 COMPLETE"},
		 "until requests 2, ask 1 2 [/], rest, requests 2, read 1, rest, requests 2, "
		 "read-all 1 2, drain",
		 .set = {{&options.output_limit, 4096}}})},
	/* Whoever waits for it, if nothing can be done for them. */
	{"a loop that has nothing to do sleeps",
	 SCENES({{KEEP(1, "/turns"), KEEP(1, "/large")},
		 {"END 1 0 COMPLETE"},
		 .set = {{&options.max_conns, 1}}},
		{{KEEP(1, "/turns")}, {"END 1 0 COMPLETE"}, .left = 1, .fails = EMFILE},
		{{KEEP(1, "/fails")}, {"END 1 0 COMPLETE"}, .fails = EMFILE},
		{{KEEP(1, "/turns"), KEEP(1, "/large")}, {"END 1 0 COMPLETE"}})},
	/* Client 0 asks; 1 says nothing, 2 has asked, 3 has, and says half of something. */
	{"the header timeout is for who owes a request",
	 SCENES({{PLOT, "", HELLO, HELLO ", begin 2 keep"},
		 {"END 1 0 COMPLETE", "!END", "END 1 0 COMPLETE", "!END 2"},
		 "until connections 2, rest, connections 2, drain",
		 .set = {{&options.header_timeout, 40},
			 {&options.idle_timeout, 1000000},
			 {&options.send_timeout, 1000000}}})},
	{"the idle timeout is for who has had an answer",
	 SCENES({{PLOT, "", HELLO, HELLO ", begin 2 keep"},
		 {"END 1 0 COMPLETE", "", "", ""},
		 "until connections 3, rest, connections 3, send 3 [abort 2], drain",
		 .set = {{&options.idle_timeout, 40},
			 {&options.header_timeout, 1000000},
			 {&options.send_timeout, 1000000}}})},
	{"the send timeout is for who does not read",
	 SCENES({{PLOT, KEEP(1, "/large")},
		 {"END 1 0 COMPLETE", "!END 1 0 COMPLETE"},
		 "until connections 1, rest, connections 1, drain",
		 .set = {{&options.send_timeout, 40}}},
		{{PLOT, "begin 2 keep, " KEEP(1, "/large")},
		 {"END 1 0 COMPLETE", "!END 1 0 COMPLETE"},
		 "until connections 1, rest, connections 1, drain",
		 .set = {{&options.send_timeout, 40}}})},
	{"who does not want an answer is hung up on",
	 SCENES({{PLOT},
		 {"END 1 0 COMPLETE", ""},
		 "open 1, deaf 1, ask 1 1 [/], until accepted 2, until connections 1, rest, "
		 "connections 1, drain",
		 .set = {{&options.send_timeout, INT64_MAX}} /* nor by that */})},
	/* Of eight a quarter may be there when it looks. */
	{"what is aborted while the loop is held does not start",
	 SCENES({{PLOT ", " KEEP(2, "/never") ", " KEEP(3, "/drain")},
		 {"END 2 0 COMPLETE"},
		 "hold 20, send 0 [abort 2]",
		 .set = {{&options.conn_requests, 8}}})},
	{"a connection may be reset while the loop is held",
	 SCENES({{HELLO, PLOT},
		 {NULL, "END 1 0 COMPLETE"},
		 "until answered-2xx 1, send 0 [" KEEP(1, "/reset") ", " KEEP(
			 2, "/never") "], "
				      "until connections 1, drain"})},
	{"what was just read is not looked at again", what_was_just_read_is_not_looked_at_again},
	{"the board shows how long it took", the_board_shows_how_long_it_took},
	{"requests have numbers that rise, and leave their blocks for others",
	 SCENES({{KEEP(1, "/serial") ", " KEEP(2, "/serial") ", " KEEP(3, "/drain")},
		 {"END 3 0 COMPLETE"},
		 .then = "serial 2"})},
	{"a stream waits while its client does not read",
	 SCENES({{KEEP(1, "/on"), KEEP(1, "/waits")},
		 {"END 1 0 COMPLETE"},
		 .set = {{&options.stream_limit, 4096}}})},
	{"a stream that has ended makes room for another",
	 SCENES({{KEEP(1, "/moment") ", " KEEP(2, "/moment") ", " KEEP(3, "/drain")},
		 {"STDOUT 2 Status: 200 OK"},
		 .set = {{&options.max_streams, 1}}})},
	{"an answer before the end of the body keeps the connection",
	 SCENES({{PLOT, "begin 1 keep, params 1 " ASK("/") ", params-end 1"},
		 {"", "END 2 0 COMPLETE"},
		 "read-all 1 1, send 1 [stdin 1 abc, stdin-end 1, " DRAIN_AGAIN "]"})},
	/* So that it does not put an end to the answer. */
	{"the rest of a body is read",
	 SCENES({{PLOT, "begin 1, params 1 " ASK("/") ", params-end 1"},
		 {"END 1 0 COMPLETE"},
		 "read-all 1 1, rest, connections 2, closed 1, send 1 [stdin 1 abc, stdin-end 1], "
		 "close 1, drain"})},
	{"a body without end is cut off",
	 SCENES({{KEEP(1, "/for-ever"), "begin 1, params 1 " ASK("/") ", params-end 1"},
		 {"", "END 1 0 COMPLETE"},
		 .set = {{&options.header_timeout, 40}}})},
	{"too many params are a 431", SCENES({{"begin 1 keep, params 1 *257, " DRAIN_AGAIN},
					      {"STDOUT 1 Status: 431 "},
					      .set = {{&options.params_limit, 256}}})},
	/* … for which nobody sleeps any more. */
	{"too much of a body is a 413, also while its handler sleeps",
	 SCENES({{PLOT, "begin 1 keep, params 1 REQUEST_METHOD=GET&PATH_INFO=/long, params-end 1"},
		 {"END 1 0 COMPLETE", "STDOUT 1 Status: 413 "},
		 "until requests 2, send 1 [stdin 1 *9], "
		 "until in-flight 1, timers 0, send 1 [stdin-end 1], drain",
		 "answered-4xx 1, read 1, heard 1 1 [\"detail\"]",
		 .set = {{&options.stdin_limit, 8}}},
		{{PLOT, "begin 1 keep, params 1 REQUEST_METHOD=HEAD&PATH_INFO=/long, params-end 1"},
		 {"END 1 0 COMPLETE", "STDOUT 1 Status: 413 "},
		 "until requests 2, send 1 [stdin 1 *9], "
		 "until in-flight 1, timers 0, send 1 [stdin-end 1], drain",
		 "answered-4xx 1, read 1, heard 1 0 [\"detail\"]",
		 .set = {{&options.stdin_limit, 8}}})},
	{"a body is its handler's from the first byte on",
	 SCENES({{DRAIN,
		  "begin 1 keep, params 1 " SEND_TO("/take") ", params-end 1, stdin 1 first, "
							     "stdin 1 &last, stdin-end 1"},
		 {"END 1 0 COMPLETE", "first&last"}},
		{{DRAIN, "begin 1 keep, params 1 " SEND_TO("/take") ", params-end 1, stdin-end 1"},
		 {"END 1 0 COMPLETE", "Content-Length: 0"}})},
	/* Nothing of it is waited for. */
	{"a body that cannot be had is refused",
	 SCENES({{DRAIN, "begin 1 keep, params 1 CONTENT_LENGTH=150001&" SEND_TO(
				 "/take") ", params-end 1"},
		 {"END 1 0 COMPLETE", "STDOUT 1 Status: 413 "}},
		{{DRAIN,
		  "begin 1 keep, stdin 1 early, params 1 " SEND_TO("/take") ", params-end 1"},
		 {"END 1 0 COMPLETE", "STDOUT 1 Status: 400 "}})},
	{"a body that stops is a 408", a_body_that_stops_is_a_408},
	{"of a body that is not taken no more is read",
	 SCENES({{"begin 1 keep, params 1 " SEND_TO(
			 "/late") ", params-end 1, "
				  "stdin 1 *50000, stdin 1 *50000, stdin 1 *50000, stdin-end 1"},
		 {"STDOUT 1 Status: 200 "}})},
	{"who has waited for too long is a 503",
	 SCENES({{KEEP(1, "/&LANES_SENT=-5") ", " DRAIN_AGAIN},
		 {"STDOUT 1 Status: 200 "},
		 .set = {{&options.queue_timeout, 0}}},
		{{KEEP(1, "/&LANES_SENT=-5") ", " DRAIN_AGAIN},
		 {"STDOUT 1 Status: 503 "},
		 .set = {{&options.queue_timeout, 1000}}})},
	/* … while another one is under way: who has said half a request is not. */
	{"who is idle when it drains is let go",
	 SCENES({{PLOT, HELLO, HELLO ", begin 2 keep"},
		 {"END 1 0 COMPLETE", "END 1 0 COMPLETE", "END 2 0 COMPLETE"},
		 "until requests 3, drain, rest, draining 1, connections 2, "
		 "send 2 [params 2 " ASK("/") ", params-end 2, stdin-end 2]",
		 .drain = DRAIN_WAIT})},
	{"a second signal ends what does not end, and so does the drain timeout",
	 SCENES({{PLOT},
		 {"!END 1"},
		 "drain, until draining 1, second-signal, sleep 1000000",
		 "logged 1 [event=draining in_flight=1], "
		 "logged 1 [event=ended-by-force why=second-signal in_flight=1]",
		 .set = {{&options.drain_timeout, 1000000}},
		 .status = 3},
		{{PLOT},
		 {"!END 1"},
		 "drain, until draining 1, sleep 1000000",
		 "logged 1 [event=draining in_flight=1], "
		 "logged 1 [event=ended-by-force why=drain-timeout in_flight=1]",
		 .set = {{&options.drain_timeout, 20}},
		 .status = 3})},
	{"each of four signals drains", each_of_four_signals_drains},
	{"a signal that was ignored still is", a_signal_that_was_ignored_still_is},
	{"who reads later is heard",
	 SCENES({{PLOT, KEEP(1, "/large")},
		 {"END 1 0 COMPLETE", "END 2 0 COMPLETE"},
		 "until requests 2, ask 1 2 [/], until requests 3, read-all 1 2, drain",
		 .set = {{&options.output_limit, 4 << 20}}})},
	{"who goes leaves no bytes behind",
	 SCENES({{PLOT},
		 {"END 1 0 COMPLETE"},
		 "open 1, ask 1 1 [/large], until answered-2xx 1, unread 1, count-anew, close 1, "
		 "until connections 1, rest, unread 0, trims 1, drain", /* once, however often it is
									   looked */
		 .set = {{&options.header_timeout, 40}} /* so there are sweeps */})},
	{"who goes leaves no stream behind",
	 SCENES({{PLOT},
		 {"END 1 0 COMPLETE"},
		 "open 1, ask 1 1 [/on], until streams 1, close 1, until connections 1, streams 0, "
		 "drain"})},
	{"an answer is sent whole before the connection is closed",
	 SCENES({{KEEP(1, "/in-bytes"), ""}, {"END 1 0 COMPLETE", "END 1 0 COMPLETE"}})},
	{"params stay where they are", SCENES({{KEEP(1, "/params")}, {"END 1 0 COMPLETE"}})},
	{"who reads some is not late", SCENES({{KEEP(1, "/slowly"), KEEP(1, "/large")},
					       {"END 1 0 COMPLETE", ""},
					       .set = {{&options.send_timeout, 250}}})},
	{"a stream may be drained already", SCENES({{KEEP(1, "/drained")}, {"STDOUT 1 one"}})},
	/* Client 1, who waits for the only thread. */
	{"who goes from the queue of a held loop is not worked for",
	 SCENES({{PLOT, "", KEEP(1, "/hold-thread")},
		 {"END 1 0 COMPLETE", NULL, "END 1 0 COMPLETE"},
		 "until running 1, ask 1 1 [/wait-thread], until queued 1, close 1, hold 3, "
		 "let-go, jobs 0, drain"})},
	{"params that are none are a 400",
	 SCENES({{"begin 1 keep, params 1 *3, params-end 1, stdin-end 1, " DRAIN_AGAIN},
		 {"STDOUT 1 Status: 400 "}})},
	{"a connection may have two streams",
	 SCENES({{KEEP(1, "/much") ", " KEEP(2, "/much") ", " KEEP(3, "/plot")},
		 {"STDOUT 2 the rest"},
		 "read-all 0 2, ended 0 1 1, streams-that-wait 0, drain"},
		{{KEEP(1, "/much") ", " KEEP(2, "/moment") ", " KEEP(3, "/plot")},
		 {"STDOUT 1 the rest"},
		 "read-all 0 1, streams-that-wait 0, drain"})},
	/* Half of what client 1 may be silent for has passed when the loop is held for a while. */
	{"silence is counted without the time of a hold",
	 SCENES({{PLOT, ""},
		 {"END 1 0 COMPLETE", ""},
		 "sleep 200, hold 250, sleep 110, in-time connections 2, drain",
		 .set = {{&options.header_timeout, 400}}})},
	/* Always one is begun, and those before are complete, but not answered. */
	{"whose requests keep coming is not late",
	 SCENES({{PLOT, "begin 1 keep"},
		 {"END 1 0 COMPLETE", "END 5 0 COMPLETE"},
		 GO_ON(1, 2) GO_ON(2, 3) GO_ON(3, 4)
			 GO_ON(4, 5) "in-time connections 2, drain, abort 1 1 5",
		 .set = {{&options.header_timeout, 250}}})},
	{"a worker has so many requests at once", a_worker_has_so_many_requests_at_once},
	{"a stream needs room in the budget",
	 SCENES({{KEEP(1, "/much") ", " KEEP(2, "/no-room")},
		 {"STDOUT 2 Status: 503 Service Unavailable"},
		 .set = {{&options.conn_memory_limit, 65536}}})},
	{"the idle timeout begins with the answer",
	 SCENES({{PLOT, KEEP(1, "/longer")},
		 {"END 1 0 COMPLETE", "END 1 0 COMPLETE"},
		 "until answered-2xx 1, sleep 150, in-time connections 2, drain",
		 .set = {{&options.idle_timeout, 400}}})},
	{"who is full does not know who waits",
	 SCENES({{PLOT, ""},
		 {"STDOUT 2 Status: 503 ", ""},
		 "sleep 100, ask 0 2 [/&LANES_SENT=-10.050], until requests 2, drain",
		 .set = {{&options.max_conns, 1}, {&options.queue_timeout, 1000}}})},
	{"who has rested has kept nobody waiting", who_has_rested_has_kept_nobody_waiting},
	{"what cannot be polled is closed", SCENES({{DRAIN},
						    {"END 1 0 COMPLETE"},
						    .then = "accepted 1, unpollable-open 0",
						    .left = 1})},
	{"a stream that is read has no limit", SCENES({{KEEP(1, "/pieces")},
						       {"END 1 0 COMPLETE"},
						       .then = "logged 0 [event=stream-unread]",
						       .set = {{&options.stream_limit, 4096}}})},
	{"answers over TCP are not held back", answers_over_tcp_are_not_held_back},
	/* What is in flight, PLOT among it, counts as 1,008 bytes each: a rush is 1 MB, and over
	 * when a quarter is left. Of what is left then a quarter may hold on to it all. So do the
	 * bytes that they hold. */
	{"what a rush has needed is given back",
	 SCENES({{PLOT, ""},
		 {"END 1 0 COMPLETE", ""},
		 "count-anew, begin 1 1 1039, until in-flight 1040, abort 1 1 1039, rest, trims 0, "
		 "begin 1 1 1040, until in-flight 1041, abort 1 1 780, rest, in-flight 261, trims "
		 "0, "
		 "abort 1 781 1, rest, trims 1, abort 1 782 195, rest, in-flight 65, trims 1, "
		 "abort 1 977 1, rest, trims 2, abort 1 978 63, drain",
		 .set = {{&options.send_timeout, 4}, /* so there are sweeps */
			 {&options.conn_requests, 1100},
			 {&options.max_reqs, 1100}}},
		{{PLOT, ""},
		 {"END 1 0 COMPLETE", ""},
		 "count-anew, begin 1 1 1039, send 1 [params 1 *9000], until in-flight 1040, "
		 "abort 1 1 1039, rest, trims 1, drain",
		 .set = {{&options.send_timeout, 4}, /* so there are sweeps */
			 {&options.conn_requests, 1100},
			 {&options.max_reqs, 1100}}})},
	{"a stream goes on until the worker drains",
	 SCENES({{KEEP(1, "/stream")}, {"STDOUT 1 more"}, .then = "counted 1 [/stream]"})},
	{"a stream that is broken off is cut off where it is alone",
	 SCENES({{KEEP(1, "/broken"), KEEP(1, "/asleep") ", " KEEP(2, "/broken")},
		 {"!END 1", "END 2 0 COMPLETE"},
		 .then = "aborted 0, answered-2xx 3"})},
	{"a stream that has outgrown its limit is ended, its neighbours are not",
	 SCENES({{KEEP(1, "/on") ", " KEEP(2, "/plot")},
		 {"END 1 0 COMPLETE\nSTDOUT 2 Status: 200 OK"},
		 "until in-flight 1, read-all 0 1, drain",
		 "logged 1 [event=stream-unread], counted 1 [/on]",
		 .set = {{&options.stream_limit, 65536}, {&options.send_timeout, 100}}})},
	{"nor are their answers, which are complete and wait behind it",
	 SCENES({{KEEP(1, "/on") ", " KEEP(2, "/"), PLOT},
		 {"END 2 0 COMPLETE", "END 1 0 COMPLETE"},
		 "until in-flight 1, read-all 0 1, drain",
		 "logged 1 [event=stream-unread], counted 1 [/on]",
		 .set = {{&options.stream_limit, 65536}, {&options.send_timeout, 100}}})},
	/* … also if the connection could not be written to for longer than it. */
	{"nor are they by a connection that is stuck for longer",
	 SCENES({{KEEP(1, "/stuck") ", " KEEP(2, "/plot")},
		 {"END 1 0 COMPLETE\nSTDOUT 2 Status: 200 OK"},
		 "until in-flight 1, read-all 0 1, drain",
		 "logged 1 [event=stream-unread]",
		 .set = {{&options.stream_limit, 65536}, {&options.send_timeout, 100}}})},
	{"so is one that its handler has left",
	 SCENES({{KEEP(1, "/much") ", " KEEP(2, "/plot")},
		 {"END 1 0 COMPLETE\nSTDOUT 2 Status: 200 OK"},
		 "until in-flight 1, read-all 0 1, drain",
		 "logged 1 [event=stream-unread], counted 1 [/much]",
		 .set = {{&options.stream_limit, 1 << 21}, {&options.send_timeout, 100}}})},
	{"what its handler has left is sent", SCENES({{KEEP(1, "/much"), PLOT},
						      {"the rest", "END 1 0 COMPLETE"},
						      "sleep 50, read-all 0 1, drain",
						      "heard-mb 1",
						      .set = {{&options.stream_limit, 1 << 21}}})},
	{"or dropped if nobody wants it",
	 SCENES({{KEEP(1, "/much"), PLOT},
		 {"!the rest", "END 1 0 COMPLETE"},
		 "until requests 2, send 0 [abort 1], read-all 0 1, drain",
		 "counted 1 [/much]",
		 .set = {{&options.stream_limit, 1 << 21}}})},
	{"others are not behind what a stream has",
	 SCENES({{KEEP(1, "/much"), PLOT},
		 {"END 2 0 COMPLETE\nSTDOUT 1 .", "END 1 0 COMPLETE"},
		 "ask 0 2 [/], until requests 3, read-all 0 1, drain"})},
	{"nor are other streams",
	 SCENES({{KEEP(1, "/much") ", " KEEP(2, "/much") ", " KEEP(3, "/plot")},
		 {"STDOUT 2 the rest"},
		 "sleep 50, read-all 0 1, drain"})},
	{"a stream waits for its reader", SCENES({{KEEP(1, "/much") ", " KEEP(2, "/plot")},
						  {"STDOUT 1 the rest"},
						  "sleep 50, read-all 0 1, drain",
						  "logged 0 [event=stream-unread]",
						  .set = {{&options.header_timeout, 40}}})},
	{"one stream too many is a 503", SCENES({{KEEP(1, "/another")},
						 {"STDOUT 2 Status: 503 Service Unavailable"},
						 .set = {{&options.max_streams, 1}}})},
	{"slow handlers do not let too many requests in", slow_handlers_do_not_let_too_many_in},
	{"a connection has a budget of bytes",
	 SCENES({{HELLO ", begin 2 keep, params 2 *65000, begin 3 keep, params 3 *65000, "
			"abort 2, " KEEP(4, "/memory") ", " KEEP(5, "/drain")},
		 {"STDOUT 3 Status: 503 Service Unavailable"},
		 .then = "counted 1 [/memory]",
		 .set = {{&options.conn_memory_limit, 65536}, {&options.params_limit, 1 << 20}}})},
	/* While a stream that nobody reads holds all there is, others are refused; then it is read.
	 */
	{"a worker has a budget of bytes",
	 SCENES({{KEEP(1, "/much") ", " KEEP(2, "/plot")},
		 {"STDOUT 1 the rest", "END 1 0 COMPLETE\nSTDOUT 2 Status: 200 OK"},
		 "open 1, ask 1 1 [/], until answered-5xx 1, read-all 0 1, ask 1 2 [/drain]",
		 .set = {{&options.memory_limit, 1 << 20}}})},
	{"an application starts and stops", an_application_starts_and_stops},
	{"work beside the requests ends with them", work_beside_the_requests_ends_with_them},
	{"the worker serves on when that fails", the_worker_serves_on_when_it_fails},
	{"one that cannot start serves nobody", one_that_cannot_start_serves_nobody},
	{"one that does not stop is given up", one_that_does_not_stop_is_given_up},
	{"an application says whether it is ready", it_says_whether_it_is_ready},
	{"a loop that cannot start says so", what_cannot_start_says_so},
	{"sweeps are four times as frequent as the shortest timeout, or once a second",
	 sweeps_are_four_times_as_frequent_as_the_shortest_timeout},
	/* The next turn finds the signal, and a request that holds the loop. */
	{"a request that is there when it drains is answered",
	 SCENES({{PLOT, HELLO, HELLO},
		 {"END 1 0 COMPLETE", "END 2 0 COMPLETE", "END 2 0 COMPLETE"},
		 "drain, ask 1 2 [/then]"})},
	{"who comes while it drains is left to others",
	 who_comes_while_it_drains_is_left_to_others},
	{"who says nothing is not waited for when it drains",
	 SCENES({{PLOT},
		 {"END 1 0 COMPLETE", "!END"},
		 "open 1, until connections 2, drain",
		 .set = {{&options.header_timeout, 1000000}, {&options.idle_timeout, 1000000}}})},
	{"who waits for room in vain is left to others, too",
	 who_waits_for_room_in_vain_is_left_to_others},
	/* … having waited for a thread, of whom poll tells: the loop does not poll once more. */
	{"a request that came while it drains, on a connection that waits for another, is answered",
	 SCENES({{PLOT}, {"END 2 0 COMPLETE"}, "drain, until draining 1, ask 0 2 [/]"},
		{{PLOT},
		 {"END 2 0 COMPLETE"},
		 "drain, until draining 1, use-a-thread, ask 0 2 [/]"})},
	{"accept waits when descriptors or memory have run out, and says so once",
	 accept_waits_when_something_has_run_out},
	{"a failure of accept is told once, until it succeeds",
	 SCENES({{"request 1 " ASK("/plot")},
		 {"END 1 0 COMPLETE", "END 1 0 COMPLETE"},
		 "fail 1, open 1, ask 1 1 [/drain]",
		 "logged 2 [event=accept-failed]",
		 .left = 2,
		 .fails = EMFILE})},
	{"so many are accepted at once", so_many_are_accepted_at_once},
	{"who is too many waits for one to leave",
	 SCENES({{PLOT, "", DRAIN},
		 {"END 1 0 COMPLETE", NULL, "END 1 0 COMPLETE"},
		 "rest, accepted 2, connections 2, close 1",
		 .set = {{&options.max_conns, 2}}})},
	/* Who cannot accept does not know who waits, and believes whoever says for how long; not
	   later. */
	{"a pause in accepting ends", SCENES({{"request 1 " ASK("/plot")},
					      {"END 1 0 COMPLETE", "STDOUT 1 Status: 200 OK"},
					      "sleep 20, open 1, ask 1 1 [/drain&LANES_SENT=-20]",
					      .set = {{&options.queue_timeout, 1000}},
					      .left = 1,
					      .fails = EMFILE})},
	/* A peer that was gone before it was accepted, or a signal: others may be waiting. */
	{"accept goes on after what passes", SCENES({{"request 1 " ASK("/drain")},
						     {"END 1 0 COMPLETE"},
						     .then = "logged 0 [event=accept-failed]",
						     .left = 1,
						     .fails = ECONNABORTED},
						    {{"request 1 " ASK("/drain")},
						     {"END 1 0 COMPLETE"},
						     .then = "logged 0 [event=accept-failed]",
						     .left = 1,
						     .fails = EINTR})},
};

const struct suite loop_suite = {"loop", tests, COUNT(tests), make_path, remove_path, begin, end};

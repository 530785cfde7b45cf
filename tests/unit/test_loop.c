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
#include "../support/stream.h"
#include "await/await.h"
#include "base/log.h"
#include "caught.h"
#include "engine/conn.h"
#include "engine/loop.h"
#include "http/body.h"
#include "http/reply.h"

static char directory[] = "/tmp/lanes-loop-XXXXXX";
static char path[64];
static struct options options;
static struct listener listener;
static struct scoreboard board;
static struct caught caught;
static int fails;      /* accept4() fails with this, or 0: gives what cannot be polled … */
static int failed;     /* … and has done so this many times */
static int left;       /* times it has yet to */
static int accepts;    /* calls */
static int accepted;   /* the last descriptor */
static int reads;      /* calls of recv() */
static int trims;      /* calls of malloc_trim() */
static int unpollable; /* what it gave instead */
static int clients[4];
static uint64_t left_over; /* connections, when others have been closed */

/* Instead of the C library's. */
int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	accepts++;
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

static void client_send(int i, const char *script)
{
	struct stream stream = {0};

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

/* Inside a handler. */
#define SLEEP_WHILE(condition)                                                                     \
	while (condition)                                                                          \
	AWAIT(req, sleep_for(req, 0.001))
#define REST() SLEEP_WHILE(!rested(req))

#define ASK(path)      "REQUEST_METHOD=GET&PATH_INFO=" path
#define KEEP(id, path) "request " #id " keep " ASK(path)

/* ---- what handlers do ---- */

static void hello(struct request *req)
{
	reply_bytes(req, 200, "text/plain", slice_of("hello"));
}

static void told_to_drain(struct request *req)
{
	kill(getpid(), SIGTERM);
	hello(req);
}

/* The next turn finds the signal, and a request that holds the loop. */
static void signal_and_second(struct request *req)
{
	kill(getpid(), SIGTERM);
	client_send(1, KEEP(2, "/then"));
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

/* Another process may have the listening socket, too. */
static void connect_while_it_drains(struct request *req)
{
	ASYNC_BEGIN(req);
	kill(getpid(), SIGTERM);
	SLEEP_WHILE(!board_get(&board.own->draining));
	accepts = 0;
	client_open(1);
	AWAIT(req, sleep_for(req, 0.001));
	AWAIT(req, sleep_for(req, 0.001));
	hello(req);
	ASYNC_END(req);
}

static void visit_while_it_drains(struct request *req)
{
	ASYNC_BEGIN(req);
	kill(getpid(), SIGTERM);
	SLEEP_WHILE(!board_get(&board.own->draining));
	client_open(1);
	SLEEP_WHILE(board_get(&board.own->connections) < 2);
	hello(req);
	ASYNC_END(req);
}

static void ask_again_while_it_drains(struct request *req)
{
	ASYNC_BEGIN(req);
	kill(getpid(), SIGTERM);
	SLEEP_WHILE(!board_get(&board.own->draining));
	client_send(0, KEEP(2, "/"));
	hello(req);
	ASYNC_END(req);
}

static void nothing(void *unused)
{
	(void)unused;
}

/* … having waited for a thread, of whom poll tells: the loop does not poll once more. */
static void ask_again_after_a_thread(struct request *req)
{
	ASYNC_BEGIN(req);
	kill(getpid(), SIGTERM);
	SLEEP_WHILE(!board_get(&board.own->draining));
	AWAIT(req, run_in_threadpool(req, nothing, NULL));
	client_send(0, KEEP(2, "/"));
	hello(req);
	ASYNC_END(req);
}

/* What others send while the loop is held for longer than any of them may be silent. */
static void hold_meanwhile(struct request *req)
{
	usleep(200000);
	client_send(1, "params 1 " ASK("/drain") ", params-end 1, stdin-end 1");
	client_send(2, KEEP(1, "/"));
	hello(req);
}

/* So that the loop turns and sweeps some times: true if it has done so. */
static bool rested(struct request *req)
{
	int *rests = request_frame(req, sizeof(*rests));

	*rests = (*rests + 1) % 40;
	return *rests == 0;
}

/* Waits until so many connections are left, and then for more to go. */
static void see_who_is_left(struct request *req)
{
	ASYNC_BEGIN(req);
	SLEEP_WHILE(board_get(&board.own->connections) > left_over);
	REST();
	CU_ASSERT_EQUAL(board_get(&board.own->connections), left_over);
	if (left_over == 3)
		client_send(3, "abort 2");
	told_to_drain(req);
	ASYNC_END(req);
}

/* The others are closed while this one is under way: who has said half a request is not. */
static void drain_and_see_who_is_left(struct request *req)
{
	ASYNC_BEGIN(req);
	SLEEP_WHILE(board_get(&board.own->requests) < 3);
	kill(getpid(), SIGTERM);
	REST();
	CU_ASSERT_TRUE(board_get(&board.own->draining));
	CU_ASSERT_EQUAL(board_get(&board.own->connections), 2);
	client_send(2, "params 2 " ASK("/") ", params-end 2, stdin-end 2");
	hello(req);
	ASYNC_END(req);
}

static void end_by_force(struct request *req)
{
	ASYNC_BEGIN(req);
	kill(getpid(), SIGTERM);
	SLEEP_WHILE(!board_get(&board.own->draining));
	if (options.drain_timeout > 1000)
		kill(getpid(), SIGUSR1);
	for (;;)
		AWAIT(req, sleep_for(req, 1));
	ASYNC_END(req);
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

static int number; /* of a signal */

static void send_signal(struct request *req)
{
	kill(getpid(), number);
	hello(req);
}

static void ignore_signal(struct request *req)
{
	ASYNC_BEGIN(req);
	kill(getpid(), SIGHUP);
	REST();
	CU_ASSERT_FALSE(board_get(&board.own->draining));
	told_to_drain(req);
	ASYNC_END(req);
}

static void fail_again(struct request *req)
{
	failed = 0;
	left = 1;
	client_open(1);
	client_send(1, "request 1 " ASK("/drain"));
	hello(req);
}

/* The answer to client 1 is there before all of its question. */
static void say_the_rest(struct request *req)
{
	ASYNC_BEGIN(req);
	SLEEP_WHILE(!heard_end_of(1, 1) && client_read(1));
	client_send(1, "stdin 1 abc, stdin-end 1, " KEEP(2, "/drain"));
	hello(req);
	ASYNC_END(req);
}

/* … of which the rest is read, so that it does not put an end to the answer. */
static void say_the_rest_later(struct request *req)
{
	ASYNC_BEGIN(req);
	SLEEP_WHILE(!heard_end_of(1, 1) && client_read(1));
	REST();
	CU_ASSERT_EQUAL(board_get(&board.own->connections), 2);
	CU_ASSERT_FALSE(client_read(1));
	client_send(1, "stdin 1 abc, stdin-end 1");
	close(clients[1]);
	told_to_drain(req);
	ASYNC_END(req);
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

/* Another request came with this one, and is not wanted any more before this one is done. */
static void hold_and_abort(struct request *req)
{
	usleep(20000);
	client_send(0, "abort 2");
	hello(req);
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

static void have_it_reset(struct request *req)
{
	ASYNC_BEGIN(req);
	SLEEP_WHILE(!board_get(&board.own->classes[2]));
	client_send(0, KEEP(1, "/reset") ", " KEEP(2, "/never"));
	SLEEP_WHILE(board_get(&board.own->connections) > 1);
	told_to_drain(req);
	ASYNC_END(req);
}

static const struct engine *engine;
static uint64_t serial; /* of the last request */

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

static void write_on_and_on(struct request *req)
{
	static char bytes[4096];

	ASYNC_BEGIN(req);
	memset(bytes, '.', sizeof(bytes));
	writer = req;
	writes = 0;
	CU_ASSERT_TRUE(reply_stream(req, 200, "text/event-stream"));
	CU_ASSERT_TRUE(stream_room(req));
	while (stream_wanted(req)) {
		writes++;
		AWAIT(req, stream_write(req, (struct slice){bytes, sizeof(bytes)}));
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
		REST();
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

static int reads_before; /* its handler took anything */

/* The loop turns some times meanwhile. */
static void take_the_body_late(struct request *req)
{
	struct slice *piece = FRAME(req, struct slice);

	ASYNC_BEGIN(req);
	reads = 0;
	REST();
	reads_before = reads;
	do
		AWAIT(req, request_read(req, piece));
	while (piece->len);
	CU_ASSERT_EQUAL(request_body_length(req), 150000);
	told_to_drain(req);
	ASYNC_END(req);
}

static void send_too_much(struct request *req)
{
	ASYNC_BEGIN(req);
	SLEEP_WHILE(board_get(&board.own->requests) < 2);
	client_send(1, "stdin 1 *9");
	SLEEP_WHILE(board_get(&board.own->in_flight) > 1);
	CU_ASSERT_EQUAL(engine->sched.timers.count, 0); /* nobody sleeps for it any more */
	client_send(1, "stdin-end 1");
	told_to_drain(req);
	ASYNC_END(req);
}

/* There is room for two. */
static void make_room(struct request *req)
{
	ASYNC_BEGIN(req);
	REST();
	CU_ASSERT_EQUAL(board_get(&board.own->accepted), 2);
	CU_ASSERT_EQUAL(board_get(&board.own->connections), 2);
	close(clients[1]);
	hello(req);
	ASYNC_END(req);
}

static char large_bytes[1 << 20];

static void large(struct request *req)
{
	memset(large_bytes, '.', sizeof(large_bytes));
	reply_bytes(req, 200, "text/plain", (struct slice){large_bytes, sizeof(large_bytes)});
}

/* Who asks for more than it reads is not heard, until it has read. */
static void ask_and_do_not_read(struct request *req)
{
	ASYNC_BEGIN(req);
	SLEEP_WHILE(board_get(&board.own->requests) < 2);
	client_send(1, KEEP(2, "/"));
	REST();
	CU_ASSERT_EQUAL(board_get(&board.own->requests), 2);
	/* Some of it is not enough. */
	client_read(1);
	REST();
	CU_ASSERT_EQUAL(board_get(&board.own->requests), 2);
	SLEEP_WHILE(!heard_end_of(1, 2) && client_read(1));
	told_to_drain(req);
	ASYNC_END(req);
}

/* For longer than they may leave unread what they are sent, two others read it while the loop is
 * held, and not before. */
static void hold_readers(struct request *req)
{
	ASYNC_BEGIN(req);
	SLEEP_WHILE(board_get(&board.own->requests) < 2);
	usleep(600000);
	while (!heard_end_of(1, 1) && client_read(1))
		AWAIT(req, sleep_for(req, 0));
	CU_ASSERT_TRUE(heard_end_of(1, 1));
	told_to_drain(req);
	ASYNC_END(req);
}

/* More than a stream's limit, but never so much at once. */
static void stream_piece_by_piece(struct request *req)
{
	static char bytes[4000];

	ASYNC_BEGIN(req);
	memset(bytes, '.', sizeof(bytes));
	CU_ASSERT_TRUE(reply_stream(req, 200, "text/event-stream"));
	while (!rested(req))
		AWAIT(req, stream_write(req, (struct slice){bytes, sizeof(bytes)}));
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

/* All at once: a socket has room for few that are sent one by one. */
static void say_of_each(int i, bool begins, int first, int count)
{
	struct buffer script = {0};
	char one[32];

	for (int id = first; id < first + count; id++)
		buffer_append(&script, one,
			      (size_t)snprintf(one, sizeof(one),
					       begins ? "%sbegin %d keep" : "%sabort %d",
					       script.len ? ", " : "", id));
	buffer_append(&script, "", 1);
	client_send(i, script.data);
	buffer_free(&script);
}

/* What is in flight, this one among them, counts as 1,280 bytes each: a rush is 1 MB, and over when
 * a quarter is left. Of what is left then a quarter may hold on to it all. */
static void rush(struct request *req)
{
	ASYNC_BEGIN(req);
	trims = 0;
	say_of_each(1, true, 1, 818);
	SLEEP_WHILE(board_get(&board.own->in_flight) < 819);
	say_of_each(1, false, 1, 818);
	REST();
	CU_ASSERT_EQUAL(trims, 0);
	say_of_each(1, true, 1, 819);
	SLEEP_WHILE(board_get(&board.own->in_flight) < 820);
	say_of_each(1, false, 1, 614);
	REST();
	CU_ASSERT_EQUAL(board_get(&board.own->in_flight), 206);
	CU_ASSERT_EQUAL(trims, 0);
	say_of_each(1, false, 615, 1);
	REST();
	CU_ASSERT_EQUAL(trims, 1);
	say_of_each(1, false, 616, 153);
	REST();
	CU_ASSERT_EQUAL(board_get(&board.own->in_flight), 52);
	CU_ASSERT_EQUAL(trims, 1);
	say_of_each(1, false, 769, 1);
	REST();
	CU_ASSERT_EQUAL(trims, 2);
	say_of_each(1, false, 770, 50);
	told_to_drain(req);
	ASYNC_END(req);
}

/* So do the bytes that they hold. */
static void rush_of_bytes(struct request *req)
{
	ASYNC_BEGIN(req);
	trims = 0;
	say_of_each(1, true, 1, 818);
	client_send(1, "params 1 *9000");
	SLEEP_WHILE(board_get(&board.own->in_flight) < 819);
	say_of_each(1, false, 1, 818);
	REST();
	CU_ASSERT_EQUAL(trims, 1);
	told_to_drain(req);
	ASYNC_END(req);
}

static void sleep_in_vain(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, 0.001));
	CU_FAIL("nobody waits for this");
	ASYNC_END(req);
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

/* More than the kernel keeps for a socket. */
static void stream_much(struct request *req)
{
	static char bytes[1 << 20];

	ASYNC_BEGIN(req);
	memset(bytes, '.', sizeof(bytes));
	CU_ASSERT_TRUE(reply_stream(req, 200, "text/event-stream"));
	AWAIT(req, stream_write(req, (struct slice){bytes, sizeof(bytes)}));
	AWAIT(req, stream_write(req, slice_of("the rest")));
	ASYNC_END(req);
}

static void much_memory(struct request *req)
{
	CU_ASSERT_PTR_NOT_NULL(request_alloc(req, 60000));
	CU_ASSERT_PTR_NULL(request_alloc(req, 6000));
	hello(req);
}

/* While a stream that nobody reads holds all there is, others are refused; then it is read. */
static void ask_beside_it(struct request *req)
{
	ASYNC_BEGIN(req);
	client_open(1);
	client_send(1, KEEP(1, "/"));
	SLEEP_WHILE(!board_get(&board.own->classes[5]));
	SLEEP_WHILE(!heard_end_of_1());
	client_send(1, KEEP(2, "/drain"));
	hello(req);
	ASYNC_END(req);
}

/* Reads for client 0, whose other request it is, once that has been ended … */
/* What its connection has not sent is older than what waits with the stream. */
static void write_again_later(struct request *req)
{
	static char bytes[4096];

	ASYNC_BEGIN(req);
	memset(bytes, '.', sizeof(bytes));
	reply_stream(req, 200, "text/event-stream");
	do {
		AWAIT(req, stream_write(req, (struct slice){bytes, sizeof(bytes)}));
		AWAIT(req, sleep_for(req, 0));
	} while (!conn_waiting(engine->conns));
	AWAIT(req, sleep_for(req, 0.06));
	for (;;)
		AWAIT(req, stream_write(req, (struct slice){bytes, sizeof(bytes)}));
	ASYNC_END(req);
}

static void drain_when_ended(struct request *req)
{
	ASYNC_BEGIN(req);
	SLEEP_WHILE(board_get(&board.own->in_flight) > 1);
	SLEEP_WHILE(!heard_end_of_1());
	told_to_drain(req);
	ASYNC_END(req);
}

/* … or, some sweeps later, so that it goes on. */
static void read_until_ended(struct request *req)
{
	int *rests = request_frame(req, sizeof(*rests));

	ASYNC_BEGIN(req);
	for (*rests = 0; *rests < 50; ++*rests)
		AWAIT(req, sleep_for(req, 0.001));
	SLEEP_WHILE(!heard_end_of_1());
	told_to_drain(req);
	ASYNC_END(req);
}

/* What was not read is nobody's any more when its connection has gone. */
static void leave_unread(struct request *req)
{
	ASYNC_BEGIN(req);
	client_open(1);
	client_send(1, KEEP(1, "/large"));
	SLEEP_WHILE(!board_get(&board.own->classes[2]));
	CU_ASSERT_TRUE(engine->budget.used > 0);
	trims = 0;
	close(clients[1]);
	SLEEP_WHILE(board_get(&board.own->connections) > 1);
	REST();
	CU_ASSERT_EQUAL(engine->budget.used, 0);
	CU_ASSERT_EQUAL(trims, 1); /* once, however often it is looked */
	told_to_drain(req);
	ASYNC_END(req);
}

/* Nor is a stream. */
static void leave_a_stream(struct request *req)
{
	ASYNC_BEGIN(req);
	client_open(1);
	client_send(1, KEEP(1, "/on"));
	SLEEP_WHILE(!engine->stream_count);
	close(clients[1]);
	SLEEP_WHILE(board_get(&board.own->connections) > 1);
	CU_ASSERT_EQUAL(engine->stream_count, 0);
	told_to_drain(req);
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

static atomic_bool let_go;
static atomic_int jobs;

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

/* The loop does not hear that client 1 goes, who waits for the only thread. */
static void hold_beside_a_thread(struct request *req)
{
	const struct board_threads *pool = &board.own->pools[BOARD_BLOCKING];

	ASYNC_BEGIN(req);
	SLEEP_WHILE(!board_get(&pool->running));
	client_send(1, KEEP(1, "/wait-thread"));
	SLEEP_WHILE(!board_get(&pool->queued));
	close(clients[1]);
	usleep(3000);
	atomic_store(&let_go, true);
	while (board_get(&pool->queued) || board_get(&pool->running))
		usleep(1000);
	CU_ASSERT_EQUAL(atomic_load(&jobs), 0);
	told_to_drain(req);
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

/* Who has not yet read all, but enough of it, is heard. */
static void ask_and_read_later(struct request *req)
{
	ASYNC_BEGIN(req);
	SLEEP_WHILE(board_get(&board.own->requests) < 2);
	client_send(1, KEEP(2, "/"));
	SLEEP_WHILE(board_get(&board.own->requests) < 3);
	SLEEP_WHILE(!heard_end_of(1, 2) && client_read(1));
	told_to_drain(req);
	ASYNC_END(req);
}

/* Reads for client 0 until both of its streams have ended. */
static void read_both(struct request *req)
{
	ASYNC_BEGIN(req);
	SLEEP_WHILE(!heard_end_of(0, 2) && client_read(0));
	CU_ASSERT_TRUE(heard_end_of(0, 1));
	CU_ASSERT_PTR_NULL(engine->conns->streams);
	told_to_drain(req);
	ASYNC_END(req);
}

/* … until the first has, which was begun before the other. */
static void read_first(struct request *req)
{
	ASYNC_BEGIN(req);
	SLEEP_WHILE(!heard_end_of_1());
	CU_ASSERT_PTR_NULL(engine->conns->streams);
	told_to_drain(req);
	ASYNC_END(req);
}

/* Asks on the connection of a stream that waits, and has it read. */
static void ask_behind_it(struct request *req)
{
	ASYNC_BEGIN(req);
	client_send(0, KEEP(2, "/"));
	SLEEP_WHILE(board_get(&board.own->requests) < 3);
	SLEEP_WHILE(!heard_end_of_1());
	told_to_drain(req);
	ASYNC_END(req);
}

/* Of client 1's requests always one is begun, and those before are complete, but not answered. */
static void go_on_asking(struct request *req)
{
	int *id = request_frame(req, sizeof(*id));
	char script[128];

	ASYNC_BEGIN(req);
	for (*id = 1; *id < 5; ++*id) {
		snprintf(script, sizeof(script),
			 "params %d " ASK("/long") ", params-end %d, begin %d keep, stdin-end %d",
			 *id, *id, *id + 1, *id);
		client_send(1, script);
		AWAIT(req, sleep_for(req, 0.1));
	}
	IN_TIME(board_get(&board.own->connections) == 2);
	kill(getpid(), SIGTERM);
	say_of_each(1, false, 1, 5);
	hello(req);
	ASYNC_END(req);
}

/* As of ten seconds and a little ago, which is believed of who may have waited for the little. */
static void ask_late(void)
{
	struct timespec now;
	long long sent; /* ms */
	char script[128];

	clock_gettime(CLOCK_REALTIME, &now);
	sent = now.tv_sec * 1000LL + now.tv_nsec / 1000000 - 10050;
	snprintf(script, sizeof(script), KEEP(2, "/&LANES_SENT=%lld.%03lld"), sent / 1000,
		 sent % 1000);
	client_send(0, script);
}

/* The loop does not know who waits, being full. */
static void ask_while_full(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, 0.1));
	ask_late();
	SLEEP_WHILE(board_get(&board.own->requests) < 2);
	told_to_drain(req);
	ASYNC_END(req);
}

/* Aborts one that waits. */
static void abort_it(struct request *req)
{
	ASYNC_BEGIN(req);
	SLEEP_WHILE(board_get(&board.own->requests) < 2);
	client_send(0, "abort 1");
	SLEEP_WHILE(!heard_end_of_1());
	told_to_drain(req);
	ASYNC_END(req);
}

/* On a thread: the loop has nothing to do, and is asked then. */
static void ask_after_a_rest(void *unused)
{
	(void)unused;
	usleep(100000);
	ask_late();
}

static void have_it_asked_after_a_rest(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, run_in_threadpool(req, ask_after_a_rest, NULL));
	SLEEP_WHILE(board_get(&board.own->requests) < 2);
	told_to_drain(req);
	ASYNC_END(req);
}

/* Half of what another may be silent for has passed when the loop is held for a while. */
static void hold_amid_silence(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, 0.2));
	usleep(250000);
	AWAIT(req, sleep_for(req, 0.11));
	IN_TIME(board_get(&board.own->connections) == 2);
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

static void see_who_is_idle(struct request *req)
{
	ASYNC_BEGIN(req);
	SLEEP_WHILE(!board_get(&board.own->classes[2]));
	AWAIT(req, sleep_for(req, 0.15));
	IN_TIME(board_get(&board.own->connections) == 2);
	told_to_drain(req);
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

/* When the loop has had a rest, somebody else asks, as of twenty seconds ago. */
static void rest_and_ask(struct request *req)
{
	char script[128];

	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, 0.02));
	client_open(1);
	snprintf(script, sizeof(script), KEEP(1, "/drain&LANES_SENT=%lld.000"),
		 (long long)time(NULL) - 20);
	client_send(1, script);
	hello(req);
	ASYNC_END(req);
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
	GET("/hold", ASYNC, hold_meanwhile),
	GET("/vain", ASYNC, sleep_in_vain),
	GET("/stream", ASYNC, stream_until_drained),
	GET("/connect", ASYNC, connect_while_it_drains),
	GET("/again", ASYNC, ask_again_while_it_drains),
	GET("/on", ASYNC, write_on_and_on),
	GET("/late", ASYNC, write_again_later),
	GET("/much", ASYNC, stream_much),
	GET("/ended", ASYNC, drain_when_ended),
	GET("/memory", ASYNC, much_memory),
	GET("/beside", ASYNC, ask_beside_it),
	GET("/reader", ASYNC, read_until_ended),
	GET("/another", ASYNC, open_another),
	GET("/rest", ASYNC, rest_and_ask),
	GET("/while", ASYNC, hold_a_while),
	GET("/toomany", ASYNC, one_too_many),
	GET("/drain", ASYNC, told_to_drain),
	GET("/first", ASYNC, signal_and_second),
	GET("/then", ASYNC, then_third),
	/* The board has no numbers for all of these. */
	GET("/left", ASYNC, see_who_is_left),
	GET("/leave", ASYNC, drain_and_see_who_is_left),
	GET("/force", ASYNC, end_by_force),
	GET("/signal", ASYNC, send_signal),
	GET("/ignore", ASYNC, ignore_signal),
	GET("/fail", ASYNC, fail_again),
	GET("/room", ASYNC, make_room),
	GET("/long", ASYNC, sleep_for_long),
	GET("/too-much", ASYNC, send_too_much),
	POST("/take", ASYNC, take_the_body, .body_limit = 150000),
	POST("/late", ASYNC, take_the_body_late, .body_limit = 150000),
	GET("/visit", ASYNC, visit_while_it_drains),
	GET("/turns", ASYNC, count_turns),
	GET("/fails", ASYNC, fail_and_count_turns),
	GET("/abort", ASYNC, hold_and_abort),
	GET("/never", ASYNC, never),
	GET("/reset", ASYNC, hold_and_reset),
	GET("/have-reset", ASYNC, have_it_reset),
	GET("/serial", ASYNC, look_at_the_serial),
	GET("/waits", ASYNC, see_it_wait),
	GET("/behind", ASYNC, ask_behind_it),
	GET("/abort-it", ASYNC, abort_it),
	GET("/moment", ASYNC, stream_for_a_moment),
	GET("/broken", ASYNC, break_off),
	GET("/rest-of-it", ASYNC, say_the_rest),
	GET("/for-ever", ASYNC, go_on_for_ever),
	GET("/later", ASYNC, say_the_rest_later),
	GET("/large", ASYNC, large),
	GET("/deaf", ASYNC, ask_and_do_not_read),
	GET("/readers", ASYNC, hold_readers),
	GET("/pieces", ASYNC, stream_piece_by_piece),
	GET("/prompt", ASYNC, tcp_is_prompt),
	GET("/rush", ASYNC, rush),
	GET("/thread", ASYNC, ask_again_after_a_thread),
	GET("/leave-unread", ASYNC, leave_unread),
	GET("/read-later", ASYNC, ask_and_read_later),
	GET("/both", ASYNC, read_both),
	GET("/after-rest", ASYNC, have_it_asked_after_a_rest),
	GET("/slowly", ASYNC, read_slowly),
	GET("/drained", ASYNC, wait_for_nothing),
	GET("/hold-thread", ASYNC, hold_a_thread),
	GET("/wait-thread", ASYNC, wait_for_a_thread),
	GET("/beside-thread", ASYNC, hold_beside_a_thread),
	GET("/leave-stream", ASYNC, leave_a_stream),
	GET("/in-bytes", ASYNC, ask_in_bytes),
	GET("/params", ASYNC, look_at_params),
	GET("/no-room", ASYNC, no_room),
	GET("/first-of-two", ASYNC, read_first),
	GET("/asking", ASYNC, go_on_asking),
	GET("/full", ASYNC, ask_while_full),
	GET("/amid", ASYNC, hold_amid_silence),
	GET("/longer", ASYNC, sleep_for_longer),
	GET("/idle", ASYNC, see_who_is_idle),
	GET("/bytes", ASYNC, rush_of_bytes),
};
static const struct routes routes = ROUTES(list);

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void begin(void)
{
	char *arguments[] = {"lanes", NULL};

	log_init("lanes"); /* which tells few of the same, and begins to count anew */
	CU_ASSERT_EQUAL_FATAL(options_parse(&options, NULL, 1, arguments), 0);
	options.threads = options.cpu_threads = 1;
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

static int lines_with(const char *text)
{
	int count = 0;

	for (const char *at = caught.text; (at = strstr(at, text)); at++)
		count++;
	return count;
}

static void serve_until(int status)
{
	caught_begin();
	CU_ASSERT_EQUAL(loop_run(&options, &listener, "loop-1",
				 &(struct application){.routes = routes, .start = watch_turns},
				 &board),
			status);
	caught_end(&caught);
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
	int clients;
	const char *says[4]; /* NULL: nothing */
	const char *gets[4];

	/* Where they are a test's data: */
	struct {
		int64_t *option, value;
	} set[3];
	uint64_t left_over;
	const char *line; /* what the log has in so many lines; NULL: whatever it has */
	int lines;
};

static void play(const struct scene *scene)
{
	for (int i = 0; i < scene->clients; i++)
		client_open(i);
	for (int i = scene->clients - 1; i >= 0; i--)
		if (scene->says[i])
			client_send(i, scene->says[i]);
	serve();
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

/* A test that is nothing but scenes: it has their list, which ends with none. */
static void play_scenes(void)
{
	for (const struct scene *scene = harness_test()->data; scene->clients; scene++) {
		begin();
		left_over = scene->left_over;
		for (int i = 0; i < 3 && scene->set[i].option; i++)
			*scene->set[i].option = scene->set[i].value;
		play(scene);
		CU_ASSERT(!scene->line || lines_with(scene->line) == scene->lines);
		end();
	}
}

#define SCENES(...)                                                                                \
	play_scenes, (const struct scene[])                                                        \
	{                                                                                          \
		__VA_ARGS__,                                                                       \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}

/* ---- the rules ---- */

static void a_request_that_is_there_when_it_drains_is_answered(void)
{
	begin();
	for (int i = 0; i < 3; i++) {
		client_open(i);
		client_send(i, i ? KEEP(1, "/") : KEEP(1, "/first"));
	}
	serve();
	CU_ASSERT_TRUE(client_got(0, "END 1 0 COMPLETE"));
	CU_ASSERT_TRUE(client_got(1, "END 2 0 COMPLETE"));
	CU_ASSERT_TRUE(client_got(2, "END 2 0 COMPLETE"));
	end();
}

static void who_comes_while_it_drains_is_left_to_others(void)
{
	int other;

	begin();
	options.drain = DRAIN_WAIT;
	other = dup(listener.fd);
	client_open(0);
	client_send(0, KEEP(1, "/connect"));
	serve();
	CU_ASSERT_EQUAL(accepts, 0);
	CU_ASSERT_TRUE(client_got(0, "END 1 0 COMPLETE"));
	client_send(1, KEEP(1, "/drain"));
	listener.fd = other;
	serve();
	CU_ASSERT_TRUE(client_got(1, "END 1 0 COMPLETE"));
	end();
}

static void who_says_nothing_is_not_waited_for(void)
{
	begin();
	options.drain = DRAIN_REFUSE;
	options.header_timeout = options.idle_timeout = 1000000;
	play(&(struct scene){1, {KEEP(1, "/visit")}, {"END 1 0 COMPLETE", "!END"}});
	end();
}

/* The connection that there was no room for is still in the queue. */
static void who_waits_for_room_in_vain_is_left_to_others(void)
{
	int other;

	begin();
	options.drain = DRAIN_REFUSE;
	options.max_conns = 1;
	other = dup(listener.fd);
	client_open(0);
	client_open(1);
	client_send(0, KEEP(1, "/asleep"));
	client_send(1, KEEP(1, "/drain"));
	serve();
	CU_ASSERT_TRUE(client_got(0, "END 1 0 COMPLETE"));
	listener.fd = other;
	serve();
	CU_ASSERT_TRUE(client_got(1, "END 1 0 COMPLETE"));
	end();
}

static void a_request_beside_the_last_one_is_answered(void)
{
	static const char *const asked[] = {KEEP(1, "/again"), KEEP(1, "/thread")};

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		begin();
		play(&(struct scene){1, {asked[i]}, {"END 2 0 COMPLETE"}});
		end();
	}
}

static uint64_t answers(unsigned class)
{
	return board_get(&board.own->classes[class]);
}

/* The connection stays in the queue, and is taken when the time for the next try has come. */
static void accept_waits_when_something_has_run_out(void)
{
	static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		double begun = now();

		begin();
		fails = errors[i];
		failed = 0;
		left = 2;
		play(&(struct scene){1, {"request 1 " ASK("/drain")}, {"END 1 0 COMPLETE"}});
		CU_ASSERT_EQUAL(failed, 2);
		CU_ASSERT_TRUE(now() - begun >= 0.19); /* a tenth of a second each time */
		CU_ASSERT_EQUAL(lines_with("event=accept-failed"), 1);
		end();
	}
}

/* Who cannot accept does not know who waits, and believes whoever says for how long; not later. */
static void a_pause_in_accepting_ends(void)
{
	begin();
	options.queue_timeout = 1000;
	fails = EMFILE;
	left = 1;
	play(&(struct scene){
		1, {"request 1 " ASK("/rest")}, {"END 1 0 COMPLETE", "STDOUT 1 Status: 200 OK"}});
	end();
}

static void who_has_rested_has_kept_nobody_waiting(void)
{
	begin();
	options.queue_timeout = 1000;
	client_open(0);
	client_send(0, KEEP(1, "/after-rest"));
	serve();
	IN_TIME(client_got(0, "STDOUT 2 Status: 200 "));
	end();
}

static void what_cannot_be_polled_is_closed(void)
{
	begin();
	fails = 0;
	left = 1;
	play(&(struct scene){1, {KEEP(1, "/drain")}, {"END 1 0 COMPLETE"}});
	CU_ASSERT_EQUAL(board_get(&board.own->accepted), 1);
	CU_ASSERT_EQUAL(fcntl(unpollable, F_GETFD), -1);
	end();
}

/* A peer that was gone before it was accepted, or a signal: others may be waiting. */
static void accept_goes_on_after_what_passes(void)
{
	static const int errors[] = {ECONNABORTED, EINTR};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		begin();
		fails = errors[i];
		left = 1;
		play(&(struct scene){1, {"request 1 " ASK("/drain")}, {"END 1 0 COMPLETE"}});
		CU_ASSERT_EQUAL(lines_with("event=accept-failed"), 0);
		end();
	}
}

static void a_failure_of_accept_is_told_once_until_it_succeeds(void)
{
	begin();
	fails = EMFILE;
	left = 2;
	play(&(struct scene){
		1, {"request 1 " ASK("/fail")}, {"END 1 0 COMPLETE", "END 1 0 COMPLETE"}});
	CU_ASSERT_EQUAL(lines_with("event=accept-failed"), 2);
	end();
}

/* However many come, those who are there have their turn, too. */
static void so_many_are_accepted_at_once(void)
{
	enum { MANY = 100 };
	int fds[MANY];

	begin();
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
	end();
}

/* Client 0 asks; 1 says nothing, 2 has asked, 3 has, and says half of something. */
static void four_clients(void)
{
	for (int i = 0; i < 4; i++)
		client_open(i);
	client_send(2, KEEP(1, "/"));
	client_send(3, KEEP(1, "/") ", begin 2 keep");
}

/* Whoever waits for it, if nothing can be done for them. */
static void a_loop_that_has_nothing_to_do_sleeps(void)
{
	enum { CONNECTION_TOO_MANY, ACCEPT_FAILED, ACCEPT_FAILS, UNREAD, CASES };

	for (int i = 0; i < CASES; i++) {
		begin();
		options.max_conns = i == CONNECTION_TOO_MANY ? 1 : 4;
		fails = EMFILE;
		left = i == ACCEPT_FAILED;
		clients[1] = -1;
		client_open(0);
		if (i == UNREAD || i == CONNECTION_TOO_MANY) {
			client_open(1);
			client_send(1, KEEP(1, "/large"));
		}
		client_send(0, i == ACCEPT_FAILS ? KEEP(1, "/fails") : KEEP(1, "/turns"));
		serve();
		CU_ASSERT_TRUE(client_got(0, "END 1 0 COMPLETE"));
		end();
	}
}

static void the_header_timeout_is_for_who_owes_a_request(void)
{
	begin();
	options.header_timeout = 40;
	options.idle_timeout = options.send_timeout = 1000000;
	left_over = 2;
	four_clients();
	client_send(0, KEEP(1, "/left"));
	serve();
	CU_ASSERT_TRUE(client_got(0, "END 1 0 COMPLETE"));
	CU_ASSERT_FALSE(client_got(1, "END"));
	CU_ASSERT_TRUE(client_got(2, "END 1 0 COMPLETE"));
	CU_ASSERT_FALSE(client_got(3, "END 2"));
	end();
}

static void the_idle_timeout_is_for_who_has_had_an_answer(void)
{
	begin();
	options.idle_timeout = 40;
	options.header_timeout = options.send_timeout = 1000000;
	left_over = 3;
	four_clients();
	client_send(0, KEEP(1, "/left"));
	serve();
	CU_ASSERT_TRUE(client_got(0, "END 1 0 COMPLETE"));
	for (int i = 1; i < 4; i++)
		client_got(i, "");
	end();
}

static void the_send_timeout_is_for_who_does_not_read(void)
{
	for (int busy = 0; busy <= 1; busy++) {
		begin();
		options.send_timeout = 40;
		left_over = 1;
		play(&(struct scene){2,
				     {KEEP(1, "/left"), busy ? "begin 2 keep, " KEEP(1, "/large")
							     : KEEP(1, "/large")},
				     {"END 1 0 COMPLETE", "!END 1 0 COMPLETE"}});
		end();
	}
}

static void who_does_not_want_an_answer_is_hung_up_on(void)
{
	begin();
	options.send_timeout = INT64_MAX; /* nor by that */
	left_over = 1;
	client_open(0);
	client_open(1);
	shutdown(clients[1], SHUT_RD);
	client_send(1, KEEP(1, "/"));
	client_send(0, KEEP(1, "/left"));
	serve();
	CU_ASSERT_TRUE(client_got(0, "END 1 0 COMPLETE"));
	close(clients[1]);
	end();
}

static void what_was_just_read_is_not_looked_at_again(void)
{
	char script[64];

	begin();
	client_open(0);
	for (int id = 1; id <= 20; id++) {
		/* The first holds the loop, after which it is looked once. */
		snprintf(script, sizeof(script),
			 id == 1 ? "request %d keep " ASK("/while") : "request %d keep " ASK("/"),
			 id);
		client_send(0, script);
	}
	client_send(0, KEEP(21, "/drain"));
	reads = accepts = 0;
	serve();
	IN_TIME(reads < 10);
	CU_ASSERT_EQUAL(accepts, 2); /* the last one says that there is nobody else */
	CU_ASSERT_TRUE(client_got(0, "END 21 0 COMPLETE"));
	end();
}

/* Also of requests that no handler has seen. */
static void the_board_shows_how_long_it_took(void)
{
	static const unsigned statuses[] = {200, 404, 413};
	unsigned shown[3] = {0};

	begin();
	options.stdin_limit = 8;
	play(&(struct scene){1,
			     {KEEP(1, "/") ", " KEEP(2, "/none") ", begin 3 keep, params 3 " ASK(
				     "/left") ", "
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
	end();
}

static void requests_have_numbers_that_rise_and_leave_their_blocks(void)
{
	begin();
	serial = 0;
	play(&(struct scene){1,
			     {KEEP(1, "/serial") ", " KEEP(2, "/serial") ", " KEEP(3, "/drain")},
			     {"END 3 0 COMPLETE"}});
	CU_ASSERT_EQUAL(serial, 2);
	end();
}

static void too_much_of_a_body_is_a_413(void)
{
	for (int head = 0; head <= 1; head++) {
		begin();
		options.stdin_limit = 8;
		client_open(0);
		client_open(1);
		client_send(1, head ? "begin 1 keep, params 1 REQUEST_METHOD=HEAD&PATH_INFO=/long, "
				      "params-end 1"
				    : "begin 1 keep, params 1 " ASK("/long") ", params-end 1");
		client_send(0, KEEP(1, "/too-much"));
		serve();
		client_read(1);
		CU_ASSERT_EQUAL(memmem(heard[1].data, heard[1].len, "\"detail\"", 8) != NULL,
				!head);
		CU_ASSERT_TRUE(client_got(1, "STDOUT 1 Status: 413 "));
		CU_ASSERT_TRUE(client_got(0, "END 1 0 COMPLETE"));
		CU_ASSERT_EQUAL(answers(4), 1);
		end();
	}
}

#define SEND_TO(path) "REQUEST_METHOD=POST&PATH_INFO=" path

/* Each on a connection of its own, the last of which drains. half: a record that does not end. */
static void serve_upload(const char *script, struct slice half)
{
	client_open(0);
	client_send(0, script);
	CU_ASSERT_EQUAL(send(clients[0], half.data, half.len, MSG_NOSIGNAL), (ssize_t)half.len);
	client_open(1);
	client_send(1, KEEP(1, "/drain"));
	serve();
	CU_ASSERT_TRUE(client_got(1, "END 1 0 COMPLETE"));
}

static const struct slice no_bytes = {"", 0};
static const struct slice half_a_record = {"\1\5\0\1\0\4\0\0ab", 10};

static void a_body_is_its_handlers_from_the_first_byte_on(void)
{
	begin();
	serve_upload("begin 1 keep, params 1 " SEND_TO("/take") ", params-end 1, stdin 1 first, "
								"stdin 1 &last, stdin-end 1",
		     no_bytes);
	CU_ASSERT_TRUE(client_got(0, "first&last"));
	end();
	begin();
	serve_upload("begin 1 keep, params 1 " SEND_TO("/take") ", params-end 1, stdin-end 1",
		     no_bytes);
	CU_ASSERT_TRUE(client_got(0, "Content-Length: 0"));
	end();
}

/* Nothing of it is waited for. */
static void a_body_that_cannot_be_had_is_refused(void)
{
	begin();
	serve_upload(
		"begin 1 keep, params 1 CONTENT_LENGTH=150001&" SEND_TO("/take") ", params-end 1",
		no_bytes);
	CU_ASSERT_TRUE(client_got(0, "STDOUT 1 Status: 413 "));
	end();
	begin();
	serve_upload("begin 1 keep, stdin 1 early, params 1 " SEND_TO("/take") ", params-end 1",
		     no_bytes);
	CU_ASSERT_TRUE(client_got(0, "STDOUT 1 Status: 400 "));
	end();
}

/* Half a record of a body is not what the header timeout is for. */
static void a_body_that_stops_is_a_408(void)
{
	begin();
	options.header_timeout = 50;
	options.body_timeout = 400;
	serve_upload("begin 1 keep, params 1 " SEND_TO("/take") ", params-end 1, stdin 1 more",
		     half_a_record);
	CU_ASSERT_TRUE(client_got(0, "STDOUT 1 Status: 408 "));
	end();
}

static void what_is_not_taken_is_not_read(void)
{
	begin();
	client_open(0);
	client_send(0, "begin 1 keep, params 1 " SEND_TO("/late") ", params-end 1");
	client_send(0, "stdin 1 *50000, stdin 1 *50000, stdin 1 *50000, stdin-end 1");
	serve();
	CU_ASSERT(reads_before <= 1); /* and one or two before its handler began */
	CU_ASSERT_TRUE(client_got(0, "STDOUT 1 Status: 200 "));
	end();
}

static void who_has_waited_for_too_long_is_a_503(void)
{
	char script[128];

	snprintf(script, sizeof(script), KEEP(1, "/&LANES_SENT=%lld.000"),
		 (long long)time(NULL) - 5);
	for (int timeout = 0; timeout <= 1000; timeout += 1000) {
		begin();
		options.queue_timeout = timeout;
		client_open(0);
		client_send(0, script);
		client_send(0, KEEP(2, "/drain"));
		serve();
		CU_ASSERT_TRUE(
			client_got(0, timeout ? "STDOUT 1 Status: 503 " : "STDOUT 1 Status: 200 "));
		end();
	}
}

static void who_is_idle_when_it_drains_is_let_go(void)
{
	begin();
	options.drain = DRAIN_WAIT;
	play(&(struct scene){3,
			     {KEEP(1, "/leave"), KEEP(1, "/"), KEEP(1, "/") ", begin 2 keep"},
			     {"END 1 0 COMPLETE", "END 1 0 COMPLETE", "END 2 0 COMPLETE"}});
	end();
}

static void force_ends_what_does_not_end(void)
{
	for (int i = 0; i < 2; i++) {
		begin();
		options.drain_timeout = i ? 20 : 1000000;
		client_open(0);
		client_send(0, KEEP(1, "/force"));
		serve_until(3);
		CU_ASSERT_FALSE(client_got(0, "END 1"));
		CU_ASSERT_EQUAL(lines_with("event=draining in_flight=1"), 1);
		CU_ASSERT_EQUAL(
			lines_with(i ? "event=ended-by-force why=drain-timeout in_flight=1"
				     : "event=ended-by-force why=second-signal in_flight=1"),
			1);
		end();
	}
}

static void each_of_four_signals_drains(void)
{
	static const int numbers[] = {SIGTERM, SIGUSR1, SIGINT, SIGHUP};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		void (*before)(int) = signal(numbers[i], SIG_DFL);

		begin();
		number = numbers[i];
		play(&(struct scene){1, {KEEP(1, "/signal")}, {"END 1 0 COMPLETE"}});
		CU_ASSERT_EQUAL(lines_with("event=draining in_flight="), 1);
		CU_ASSERT_EQUAL(lines_with("event=drained"), 1);
		end();
		signal(numbers[i], before);
	}
}

static void a_signal_that_was_ignored_still_is(void)
{
	void (*before)(int) = signal(SIGHUP, SIG_IGN);

	begin();
	play(&(struct scene){1, {KEEP(1, "/ignore")}, {"END 1 0 COMPLETE"}});
	end();
	signal(SIGHUP, before);
}

static uint64_t answers_of(const char *route)
{
	uint64_t count = 0;

	for (size_t i = 0; i < routes.count; i++)
		for (int b = 0; b < BOARD_BUCKETS && !strcmp(list[i].path, route); b++)
			count += board_get(&board.own->routes[i + 1].buckets[b]);
	return count;
}

static void the_board_counts_what_came_and_how_it_ended(void)
{
	begin();
	options.stdin_limit = 8;
	play(&(struct scene){4,
			     {KEEP(1, "/") ", " KEEP(2, "/none"),
			      "begin 1 keep, params 1 " ASK("/vain") ", params-end 1, stdin 1 *9, "
								     "stdin-end 1",
			      KEEP(1, "/vain") ", abort 1, begin 2 keep, abort 2",
			      KEEP(1, "/asleep")},
			     {"END 2 0 COMPLETE", "STDOUT 1 Status: 413 ", "END 1 0 COMPLETE",
			      "STDOUT 1 Status: 200 "}});
	CU_ASSERT_EQUAL(board_get(&board.own->accepted), 4);
	CU_ASSERT_EQUAL(board_get(&board.own->requests),
			4); /* not those aborted before they started */
	CU_ASSERT_EQUAL(board_get(&board.own->draining), 1);
	CU_ASSERT_EQUAL(board_get(&board.own->aborted), 2);
	for (uint64_t i = 0; i < board_get(&board.own->head); i++)
		CU_ASSERT_TRUE(board_get(&board.own->spans[i].start) > 0 &&
			       board_get(&board.own->spans[i].duration) < 60000000000);
	CU_ASSERT_EQUAL(answers(2), 2);
	CU_ASSERT_EQUAL(answers(4), 2);
	CU_ASSERT_EQUAL(answers_of("/"), 1);
	CU_ASSERT_EQUAL(answers_of("/vain"), 1);
	CU_ASSERT_EQUAL(answers_of("/asleep"), 1);
	end();
}

static void nor_is_it_the_readers(void)
{
	static const char *const asked[] = {KEEP(1, "/large"), KEEP(1, "/much")};

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		begin();
		options.send_timeout = 400;
		play(&(struct scene){2,
				     {KEEP(1, "/readers"), asked[i]},
				     {"END 1 0 COMPLETE", "END 1 0 COMPLETE"}});
		CU_ASSERT_EQUAL(lines_with("event=stream-unread"), 0);
		end();
	}
}

static void who_goes_from_the_queue_of_a_held_loop_is_not_worked_for(void)
{
	begin();
	atomic_store(&let_go, false);
	atomic_store(&jobs, 0);
	play(&(struct scene){3,
			     {KEEP(1, "/beside-thread"), NULL, KEEP(1, "/hold-thread")},
			     {"END 1 0 COMPLETE", NULL, "END 1 0 COMPLETE"}});
	end();
}

/* Of eight: those beyond are a 503, when their params are there; one more than an eighth and eight
 * beyond is not even begun. */
static void a_worker_has_so_many_requests_at_once(void)
{
	begin();
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
	CU_ASSERT_EQUAL(answers(5), 1);
	CU_ASSERT_EQUAL(answers(2), 2);
	end();
}

static void answers_over_tcp_are_not_held_back(void)
{
	struct sockaddr_in address = {0};
	socklen_t len = sizeof(address);

	begin();
	listener_close(&listener);
	CU_ASSERT_EQUAL_FATAL(listener_open(&listener, "127.0.0.1:0", 64), 0);
	CU_ASSERT_EQUAL(getsockname(listener.fd, (struct sockaddr *)&address, &len), 0);
	clients[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL(connect(clients[0], (struct sockaddr *)&address, len), 0);
	client_send(0, KEEP(1, "/prompt"));
	serve();
	CU_ASSERT_TRUE(client_got(0, "END 1 0 COMPLETE"));
	end();
}

static void what_a_rush_has_needed_is_given_back(void)
{
	static const char *const asked[] = {KEEP(1, "/rush"), KEEP(1, "/bytes")};

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		begin();
		options.send_timeout = 4; /* so there are sweeps */
		options.conn_requests = options.max_reqs = 1000;
		play(&(struct scene){2, {asked[i]}, {"END 1 0 COMPLETE", ""}});
		end();
	}
}

static void a_stream_goes_on_until_it_drains(void)
{
	begin();
	play(&(struct scene){1, {KEEP(1, "/stream")}, {"STDOUT 1 more"}});
	CU_ASSERT_EQUAL(answers_of("/stream"), 1);
	end();
}

static void a_stream_that_is_broken_off_is_cut_off_where_it_is_alone(void)
{
	begin();
	play(&(struct scene){2,
			     {KEEP(1, "/broken"), KEEP(1, "/asleep") ", " KEEP(2, "/broken")},
			     {"!END 1", "END 2 0 COMPLETE"}});
	CU_ASSERT_EQUAL(board_get(&board.own->aborted), 0);
	CU_ASSERT_EQUAL(answers(2), 3);
	end();
}

static void a_stream_over_its_limit_is_ended_alone(void)
{
	begin();
	options.stream_limit = 65536;
	options.send_timeout = 100;
	play(&(struct scene){1,
			     {KEEP(1, "/on") ", " KEEP(2, "/ended")},
			     {"END 1 0 COMPLETE\nSTDOUT 2 Status: 200 OK"}});
	CU_ASSERT_EQUAL(lines_with("event=stream-unread"), 1);
	CU_ASSERT_EQUAL(answers_of("/on"), 1);
	end();
}

/* … also one whose handler has left it. */
static void so_is_one_that_its_handler_has_left(void)
{
	begin();
	options.stream_limit = 1 << 21;
	options.send_timeout = 100;
	play(&(struct scene){1,
			     {KEEP(1, "/much") ", " KEEP(2, "/ended")},
			     {"END 1 0 COMPLETE\nSTDOUT 2 Status: 200 OK"}});
	CU_ASSERT_EQUAL(lines_with("event=stream-unread"), 1);
	CU_ASSERT_EQUAL(answers_of("/much"), 1);
	end();
}

static void what_its_handler_has_left_is_sent(void)
{
	begin();
	options.stream_limit = 1 << 21;
	client_open(0);
	client_open(1);
	client_send(0, KEEP(1, "/much"));
	client_send(1, KEEP(1, "/reader"));
	serve();
	CU_ASSERT_TRUE(heard[0].len > 1 << 20);
	CU_ASSERT_TRUE(client_got(0, "the rest"));
	CU_ASSERT_TRUE(client_got(1, "END 1 0 COMPLETE"));
	end();
}

static void or_dropped_if_nobody_wants_it(void)
{
	begin();
	options.stream_limit = 1 << 21;
	play(&(struct scene){
		2, {KEEP(1, "/much"), KEEP(1, "/abort-it")}, {"!the rest", "END 1 0 COMPLETE"}});
	CU_ASSERT_EQUAL(answers_of("/much"), 1);
	end();
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
	begin();
	options.conn_requests = 6;
	client_open(0);
	for (uint16_t id = 1; id <= 10; id++)
		client_send_long(0, id);
	client_send(0, KEEP(11, "/drain"));
	serve();
	CU_ASSERT_FALSE(client_got(0, "OVERLOADED"));
	end();
}

static void a_connection_has_a_budget_of_bytes(void)
{
	begin();
	options.conn_memory_limit = 65536;
	options.params_limit = 1 << 20;
	client_open(0);
	client_send(0, KEEP(1, "/"));
	client_send(0, "begin 2 keep, params 2 *65000, begin 3 keep, params 3 *65000");
	client_send(0, "abort 2, " KEEP(4, "/memory") ", " KEEP(5, "/drain"));
	serve();
	CU_ASSERT_TRUE(client_got(0, "STDOUT 3 Status: 503 Service Unavailable"));
	CU_ASSERT_EQUAL(answers_of("/memory"), 1);
	end();
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
	int ended;

	memset(passed, 0, sizeof(passed));
	caught_begin();
	ended = loop_run(&options, &listener, "loop-1",
			 &(struct application){.routes = routes, .start = begins, .stop = ends},
			 &board);
	caught_end(&caught);
	return ended;
}

static void an_application_starts_and_stops(void)
{
	begin();
	CU_ASSERT_EQUAL(run_application(start_application, stop_application), 0);
	CU_ASSERT_TRUE(client_got(0, "END 1 0 COMPLETE"));
	CU_ASSERT_STRING_EQUAL(passed, "1a2b");
	end();
}

static void one_that_cannot_start_serves_nobody(void)
{
	begin();
	CU_ASSERT_EQUAL(run_application(cannot_start_application, stop_application), 1);
	CU_ASSERT_EQUAL(lines_with("event=start-failed"), 1);
	CU_ASSERT_STRING_EQUAL(passed, "x");
	end();
}

static void one_that_does_not_stop_is_given_up(void)
{
	begin();
	options.drain_timeout = 50;
	CU_ASSERT_EQUAL(run_application(start_application, never_stop_application), 0);
	CU_ASSERT_EQUAL(lines_with("event=stop-failed"), 1);
	CU_ASSERT_STRING_EQUAL(passed, "1an");
	end();
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

	caught_begin();
	CU_ASSERT_EQUAL(loop_run(&options, &listener, "loop-1", &application, &board), 0);
	caught_end(&caught);
	CU_ASSERT_TRUE(client_got(0, "END 1 0 COMPLETE"));
}

static void work_beside_the_requests_ends_with_them(void)
{
	begin();
	memset(passed, 0, sizeof(passed));
	run_beside();
	CU_ASSERT_STRING_EQUAL(passed, "2b");
	CU_ASSERT_EQUAL(lines_with("event=background-failed"), 0);
	end();
}

static void the_worker_serves_on_when_it_fails(void)
{
	begin();
	memset(passed, 0, sizeof(passed));
	pass('x');
	run_beside();
	CU_ASSERT_STRING_EQUAL(passed, "x!2b");
	CU_ASSERT_EQUAL(lines_with("event=background-failed"), 1);
	end();
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

	begin();
	options.header_timeout = 50; /* and so often it is asked */
	can_serve = false;
	caught_begin();
	CU_ASSERT_EQUAL(loop_run(&options, &listener, "loop-1", &application, &board), 0);
	caught_end(&caught);
	CU_ASSERT_TRUE(client_got(0, "END 1 0 COMPLETE"));
	end();
}

static void what_cannot_start_says_so(void)
{
	begin();
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
	end();
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

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CU_ASSERT_EQUAL(
			conns_sweep_interval(&(struct options){.header_timeout = cases[i].header,
							       .idle_timeout = cases[i].idle,
							       .send_timeout = cases[i].send}),
			cases[i].interval);
}

static const struct test tests[] = {
	{"the board counts what came, and how it ended",
	 the_board_counts_what_came_and_how_it_ended},
	/* The sweep, a timer, comes before what was sent meanwhile is read. */
	{"time in which the loop was held is not the peer's",
	 SCENES({3,
		 {KEEP(1, "/hold"), "begin 1 keep", KEEP(2, "/")},
		 {"END 1 0 COMPLETE", "END 1 0 COMPLETE", "END 1 0 COMPLETE"},
		 .set = {{&options.header_timeout, 100}, {&options.idle_timeout, 100}}})},
	{"nor is it the reader's", nor_is_it_the_readers},
	{"who does not read is not heard", SCENES({2,
						   {KEEP(1, "/deaf"), KEEP(1, "/large")},
						   {"END 1 0 COMPLETE", "END 2 0 COMPLETE"},
						   .set = {{&options.output_limit, 4096}}})},
	{"a loop that has nothing to do sleeps", a_loop_that_has_nothing_to_do_sleeps},
	{"the header timeout is for who owes a request",
	 the_header_timeout_is_for_who_owes_a_request},
	{"the idle timeout is for who has had an answer",
	 the_idle_timeout_is_for_who_has_had_an_answer},
	{"the send timeout is for who does not read", the_send_timeout_is_for_who_does_not_read},
	{"who does not want an answer is hung up on", who_does_not_want_an_answer_is_hung_up_on},
	/* Of eight a quarter may be there when it looks. */
	{"what is aborted while the loop is held does not start",
	 SCENES({1,
		 {KEEP(1, "/abort") ", " KEEP(2, "/never") ", " KEEP(3, "/drain")},
		 {"END 2 0 COMPLETE"},
		 .set = {{&options.conn_requests, 8}}})},
	{"a connection may be reset while the loop is held",
	 SCENES({2, {KEEP(1, "/"), KEEP(1, "/have-reset")}, {NULL, "END 1 0 COMPLETE"}})},
	{"what was just read is not looked at again", what_was_just_read_is_not_looked_at_again},
	{"the board shows how long it took", the_board_shows_how_long_it_took},
	{"requests have numbers that rise, and leave their blocks for others",
	 requests_have_numbers_that_rise_and_leave_their_blocks},
	{"a stream waits while its client does not read",
	 SCENES({2,
		 {KEEP(1, "/on"), KEEP(1, "/waits")},
		 {"END 1 0 COMPLETE"},
		 .set = {{&options.stream_limit, 4096}}})},
	{"a stream that has ended makes room for another",
	 SCENES({1,
		 {KEEP(1, "/moment") ", " KEEP(2, "/moment") ", " KEEP(3, "/drain")},
		 {"STDOUT 2 Status: 200 OK"},
		 .set = {{&options.max_streams, 1}}})},
	{"an answer before the end of the body keeps the connection",
	 SCENES({2,
		 {KEEP(1, "/rest-of-it"), "begin 1 keep, params 1 " ASK("/") ", params-end 1"},
		 {"", "END 2 0 COMPLETE"}})},
	{"the rest of a body is read",
	 SCENES({2,
		 {KEEP(1, "/later"), "begin 1, params 1 " ASK("/") ", params-end 1"},
		 {"END 1 0 COMPLETE"}})},
	{"a body without end is cut off",
	 SCENES({2,
		 {KEEP(1, "/for-ever"), "begin 1, params 1 " ASK("/") ", params-end 1"},
		 {"", "END 1 0 COMPLETE"},
		 .set = {{&options.header_timeout, 40}}})},
	{"too many params are a 431", SCENES({1,
					      {"begin 1 keep, params 1 *257, " KEEP(2, "/drain")},
					      {"STDOUT 1 Status: 431 "},
					      .set = {{&options.params_limit, 256}}})},
	{"too much of a body is a 413, also while its handler sleeps", too_much_of_a_body_is_a_413},
	{"a body is its handler's from the first byte on",
	 a_body_is_its_handlers_from_the_first_byte_on},
	{"a body that cannot be had is refused", a_body_that_cannot_be_had_is_refused},
	{"a body that stops is a 408", a_body_that_stops_is_a_408},
	{"of a body that is not taken no more is read", what_is_not_taken_is_not_read},
	{"who has waited for too long is a 503", who_has_waited_for_too_long_is_a_503},
	{"who is idle when it drains is let go", who_is_idle_when_it_drains_is_let_go},
	{"a second signal ends what does not end, and so does the drain timeout",
	 force_ends_what_does_not_end},
	{"each of four signals drains", each_of_four_signals_drains},
	{"a signal that was ignored still is", a_signal_that_was_ignored_still_is},
	{"who reads later is heard", SCENES({2,
					     {KEEP(1, "/read-later"), KEEP(1, "/large")},
					     {"END 1 0 COMPLETE", "END 2 0 COMPLETE"},
					     .set = {{&options.output_limit, 4 << 20}}})},
	{"who goes leaves no bytes behind",
	 SCENES({1,
		 {KEEP(1, "/leave-unread")},
		 {"END 1 0 COMPLETE"},
		 .set = {{&options.header_timeout, 40}} /* so there are sweeps */})},
	{"who goes leaves no stream behind",
	 SCENES({1, {KEEP(1, "/leave-stream")}, {"END 1 0 COMPLETE"}})},
	{"an answer is sent whole before the connection is closed",
	 SCENES({2, {KEEP(1, "/in-bytes")}, {"END 1 0 COMPLETE", "END 1 0 COMPLETE"}})},
	{"params stay where they are", SCENES({1, {KEEP(1, "/params")}, {"END 1 0 COMPLETE"}})},
	{"who reads some is not late", SCENES({2,
					       {KEEP(1, "/slowly"), KEEP(1, "/large")},
					       {"END 1 0 COMPLETE", ""},
					       .set = {{&options.send_timeout, 250}}})},
	{"a stream may be drained already", SCENES({1, {KEEP(1, "/drained")}, {"STDOUT 1 one"}})},
	{"who goes from the queue of a held loop is not worked for",
	 who_goes_from_the_queue_of_a_held_loop_is_not_worked_for},
	{"params that are none are a 400",
	 SCENES({1,
		 {"begin 1 keep, params 1 *3, params-end 1, stdin-end 1, " KEEP(2, "/drain")},
		 {"STDOUT 1 Status: 400 "}})},
	{"a connection may have two streams",
	 SCENES({1,
		 {KEEP(1, "/much") ", " KEEP(2, "/much") ", " KEEP(3, "/both")},
		 {"STDOUT 2 the rest"}},
		{1,
		 {KEEP(1, "/much") ", " KEEP(2, "/moment") ", " KEEP(3, "/first-of-two")},
		 {"STDOUT 1 the rest"}})},
	{"silence is counted without the time of a hold",
	 SCENES({2,
		 {KEEP(1, "/amid")},
		 {"END 1 0 COMPLETE", ""},
		 .set = {{&options.header_timeout, 400}}})},
	{"whose requests keep coming is not late",
	 SCENES({2,
		 {KEEP(1, "/asking"), "begin 1 keep"},
		 {"END 1 0 COMPLETE", "END 5 0 COMPLETE"},
		 .set = {{&options.header_timeout, 250}}})},
	{"a worker has so many requests at once", a_worker_has_so_many_requests_at_once},
	{"a stream needs room in the budget",
	 SCENES({1,
		 {KEEP(1, "/much") ", " KEEP(2, "/no-room")},
		 {"STDOUT 2 Status: 503 Service Unavailable"},
		 .set = {{&options.conn_memory_limit, 65536}}})},
	{"the idle timeout begins with the answer",
	 SCENES({2,
		 {KEEP(1, "/idle"), KEEP(1, "/longer")},
		 {"END 1 0 COMPLETE", "END 1 0 COMPLETE"},
		 .set = {{&options.idle_timeout, 400}}})},
	{"who is full does not know who waits",
	 SCENES({2,
		 {KEEP(1, "/full")},
		 {"STDOUT 2 Status: 503 ", ""},
		 .set = {{&options.max_conns, 1}, {&options.queue_timeout, 1000}}})},
	{"who has rested has kept nobody waiting", who_has_rested_has_kept_nobody_waiting},
	{"what cannot be polled is closed", what_cannot_be_polled_is_closed},
	{"a stream that is read has no limit", SCENES({1,
						       {KEEP(1, "/pieces")},
						       {"END 1 0 COMPLETE"},
						       .set = {{&options.stream_limit, 4096}},
						       .line = "event=stream-unread",
						       .lines = 0})},
	{"answers over TCP are not held back", answers_over_tcp_are_not_held_back},
	{"what a rush has needed is given back", what_a_rush_has_needed_is_given_back},
	{"a stream goes on until the worker drains", a_stream_goes_on_until_it_drains},
	{"a stream that is broken off is cut off where it is alone",
	 a_stream_that_is_broken_off_is_cut_off_where_it_is_alone},
	{"a stream that has outgrown its limit is ended, its neighbours are not",
	 a_stream_over_its_limit_is_ended_alone},
	/* … also if the connection could not be written to for longer than it. */
	{"nor are they by a connection that is stuck for longer",
	 SCENES({1,
		 {KEEP(1, "/late") ", " KEEP(2, "/ended")},
		 {"END 1 0 COMPLETE\nSTDOUT 2 Status: 200 OK"},
		 .set = {{&options.stream_limit, 65536}, {&options.send_timeout, 100}},
		 .line = "event=stream-unread",
		 .lines = 1})},
	{"so is one that its handler has left", so_is_one_that_its_handler_has_left},
	{"what its handler has left is sent", what_its_handler_has_left_is_sent},
	{"or dropped if nobody wants it", or_dropped_if_nobody_wants_it},
	{"others are not behind what a stream has",
	 SCENES({2,
		 {KEEP(1, "/much"), KEEP(1, "/behind")},
		 {"END 2 0 COMPLETE\nSTDOUT 1 .", "END 1 0 COMPLETE"}})},
	{"nor are other streams",
	 SCENES({1,
		 {KEEP(1, "/much") ", " KEEP(2, "/much") ", " KEEP(3, "/reader")},
		 {"STDOUT 2 the rest"}})},
	{"a stream waits for its reader", SCENES({1,
						  {KEEP(1, "/much") ", " KEEP(2, "/reader")},
						  {"STDOUT 1 the rest"},
						  .set = {{&options.header_timeout, 40}},
						  .line = "event=stream-unread",
						  .lines = 0})},
	{"one stream too many is a 503", SCENES({1,
						 {KEEP(1, "/another")},
						 {"STDOUT 2 Status: 503 Service Unavailable"},
						 .set = {{&options.max_streams, 1}}})},
	{"slow handlers do not let too many requests in", slow_handlers_do_not_let_too_many_in},
	{"a connection has a budget of bytes", a_connection_has_a_budget_of_bytes},
	{"a worker has a budget of bytes",
	 SCENES({1,
		 {KEEP(1, "/much") ", " KEEP(2, "/beside")},
		 {"STDOUT 1 the rest", "END 1 0 COMPLETE\nSTDOUT 2 Status: 200 OK"},
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
	{"a request that is there when it drains is answered",
	 a_request_that_is_there_when_it_drains_is_answered},
	{"who comes while it drains is left to others",
	 who_comes_while_it_drains_is_left_to_others},
	{"who says nothing is not waited for when it drains", who_says_nothing_is_not_waited_for},
	{"who waits for room in vain is left to others, too",
	 who_waits_for_room_in_vain_is_left_to_others},
	{"a request that came while it drains, on a connection that waits for another, is answered",
	 a_request_beside_the_last_one_is_answered},
	{"accept waits when descriptors or memory have run out, and says so once",
	 accept_waits_when_something_has_run_out},
	{"a failure of accept is told once, until it succeeds",
	 a_failure_of_accept_is_told_once_until_it_succeeds},
	{"so many are accepted at once", so_many_are_accepted_at_once},
	{"who is too many waits for one to leave",
	 SCENES({3,
		 {KEEP(1, "/room"), NULL, KEEP(1, "/drain")},
		 {"END 1 0 COMPLETE", NULL, "END 1 0 COMPLETE"},
		 .set = {{&options.max_conns, 2}}})},
	{"a pause in accepting ends", a_pause_in_accepting_ends},
	{"accept goes on after what passes", accept_goes_on_after_what_passes},
};

const struct suite loop_suite = {"loop", tests, sizeof(tests) / sizeof(tests[0]), make_path,
				 remove_path};

/* A volley against a peer that answers, on a thread of its own, as each test says. Through a whole
 * system it goes in tests/guide/test_burst.c. */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "../support/process.h"
#include "../support/system.h"
#include "await/sched.h"
#include "client/volley.h"

#define NO_TRACE   ((struct slice){NULL, 0})
#define NO_CONTENT "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"
#define TRACE	   "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902"

static uv_loop_t loop;
static struct sched sched;

_Atomic uint64_t clock_ahead;

/* Instead of libuv's, for all of the program. */
uint64_t uv_hrtime(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec + clock_ahead;
}

static int set_up(void)
{
	return uv_loop_init(&loop) || sched_open(&sched, &loop, &(struct sched_options){0});
}

static int tear_down(void)
{
	sched_close(&sched);
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop);
}

/* ---- the peer ---- */

static struct peer {
	pthread_t thread;
	int listening;
	int count;	     /* connections it takes, one after the other */
	struct slice answer; /* to each of them; then it closes, the hard way if there is none */
	bool waits;	     /* … when the other side has */
	char asked[4][256];  /* by each */
	size_t lens[4];	     /* … so many bytes */
	struct front front;  /* where it is */
} peer;

static void peer_serve(int fd, char asked[256], size_t *asked_len)
{
	struct linger hard = {.l_onoff = 1};
	char rest[128];
	size_t len = 0;
	ssize_t n;

	while (len < 255 && !strstr(asked, "\r\n\r\n") &&
	       (n = recv(fd, asked + len, 255 - len, 0)) > 0)
		len += (size_t)n;
	*asked_len = len;
	send(fd, peer.answer.data, peer.answer.len, MSG_NOSIGNAL);
	while (peer.waits && recv(fd, rest, sizeof(rest), 0) > 0)
		;
	if (!peer.answer.len)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
}

static void *peer_main(void *unused)
{
	(void)unused;
	for (int i = 0; i < peer.count; i++)
		peer_serve(accept(peer.listening, NULL, NULL), peer.asked[i], &peer.lens[i]);
	return NULL;
}

/* It closes when it has answered, or waits until the other side does. */
static void peer_begin(int count, struct slice answer, bool waits)
{
	uint16_t port;

	peer = (struct peer){.count = count, .answer = answer, .waits = waits};
	peer.listening = tcp_listen(&port);
	CU_ASSERT_EQUAL_FATAL(front_parse(&peer.front, textf("127.0.0.1:%d", port)), 0);
	pthread_create(&peer.thread, NULL, peer_main, NULL);
}

/* Also one to which nobody has connected. */
static void peer_end(void)
{
	shutdown(peer.listening, SHUT_RDWR);
	pthread_join(peer.thread, NULL);
	close(peer.listening);
	peer.listening = 0;
}

/* ---- what is fired at it ---- */

static struct volley *volley; /* NULL: there is none */
static int ended;	      /* volleys */
static bool drops_it;	      /* who hears of its end */

static void on_end(void *arg)
{
	CU_ASSERT_PTR_EQUAL(arg, &peer);
	ended++;
	if (!drops_it)
		return;
	volley_drop(volley);
	volley = NULL;
}

struct shots {
	uint64_t ms; /* when */
	unsigned count;
	const char *target;
};

static void open_volley(const struct shots *shots, struct slice trace)
{
	size_t count = 0;
	size_t bytes = 0;

	for (const struct shots *at = shots; at->count; at++) {
		count += at->count;
		bytes += strlen(at->target);
	}
	CU_ASSERT_EQUAL_FATAL(volley_open(&volley, &sched, count, bytes, trace), 0);
	for (const struct shots *at = shots; at->count; at++)
		volley_add(volley, at->ms, at->count, slice_of(at->target));
}

#define OPEN(trace, ...) open_volley((const struct shots[]){__VA_ARGS__, {0}}, trace)
#define FIRE(trace, ...)                                                                           \
	do {                                                                                       \
		OPEN(trace, __VA_ARGS__);                                                          \
		CU_ASSERT_EQUAL(volley_fire(volley, &peer.front, on_end, &peer), 0);               \
	} while (0)

static void turn_until_ended(void)
{
	while (!ended)
		uv_run(&loop, UV_RUN_ONCE);
	uv_run(&loop, UV_RUN_NOWAIT);
	CU_ASSERT_EQUAL(ended, 1);
}

/* A hook may not jump out of itself: nothing here is fatal. */
static void there_are_only_so_many(void)
{
	struct volley *volleys[VOLLEYS_MAX + 1];
	int count = 0;
	int err;

	while (!(err = volley_open(&volleys[count], &sched, 1, 1, NO_TRACE)) && count < VOLLEYS_MAX)
		count++;
	CU_ASSERT_EQUAL(err, -EAGAIN);
	CU_ASSERT_EQUAL(count, VOLLEYS_MAX);
	while (count)
		volley_drop(volleys[--count]);
}

/* After each test, and whenever one begins anew: as many have room as there may be, so none was
 * forgotten. */
static void end(void)
{
	if (volley)
		volley_drop(volley);
	if (peer.listening)
		peer_end();
	volley = NULL;
	drops_it = false;
	ended = 0;
	clock_ahead = 0;
	uv_run(&loop, UV_RUN_NOWAIT);
	there_are_only_so_many();
}

static void every_shot_is_answered(void)
{
	/* In the order in which they are sent: what is asked, and as which span. */
	static const char *const sent[][2] = {
		{"/a", "b9"}, {"/a", "bb"}, {"/a", "bf"}, {"/b?x=1", "bd"}};
	uint64_t begun = uv_hrtime();

	peer_begin(4, slice_of("HTTP/1.1 200 OK\r\nX-Lanes-Request: 7\r\n\r\nhello"), false);
	FIRE(slice_of(TRACE "b7-01"), {0, 2, "/a"}, {100, 1, "/b?x=1"}, {50, 1, "/a"});
	CU_ASSERT_EQUAL(volley_count(volley), 4);
	CU_ASSERT_EQUAL(volley_result(volley, 0).sent, 0);
	CU_ASSERT_STRING_EQUAL(volley_result(volley, 0).error, "");
	turn_until_ended();
	for (size_t i = 0; i < 4; i++) {
		struct shot_result result = volley_result(volley, i);

		CU_ASSERT_TRUE(slice_is(result.target, i == 2 ? "/b?x=1" : "/a"));
		CU_ASSERT_STRING_EQUAL(result.error, "");
		CU_ASSERT_EQUAL(result.answer->status, 200);
		CU_ASSERT_EQUAL(result.answer->serial, 7);
		CU_ASSERT_STRING_EQUAL(result.answer->body, "hello");
		CU_ASSERT_TRUE(result.sent >= begun && result.ended >= result.sent);
		CU_ASSERT_TRUE(result.ended <= uv_hrtime());
	}
	CU_ASSERT_TRUE(volley_result(volley, 2).sent - begun >= 100000000);
	CU_ASSERT_TRUE(volley_result(volley, 3).sent - begun >= 50000000);
	CU_ASSERT_TRUE(volley_result(volley, 3).sent < volley_result(volley, 2).sent);
	peer_end();
	for (int i = 0; i < 4; i++) {
		const char *text = textf("GET %s HTTP/1.0\r\nHost: localhost\r\nConnection: "
					 "close\r\ntraceparent: " TRACE "%s-01\r\n\r\n",
					 sent[i][0], sent[i][1]);

		CU_ASSERT_STRING_EQUAL(peer.asked[i], text);
		CU_ASSERT_EQUAL(peer.lens[i], strlen(text));
	}
}

static void what_is_no_answer_is_an_error(void)
{
	static char much[ANSWER_MOST + 100] = "HTTP/1.1 200 OK\r\n\r\n";
	const struct {
		struct slice answer;
		const char *error;
	} rows[] = {
		{slice_of("SSH-2.0-OpenSSH\r\n"), "no HTTP answer"},
		{slice_of("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello"),
		 "closed before its end"},
		{slice_of("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, and more"), ""},
		{{much, sizeof(much)}, "too long an answer"},
		{{"", 0}, "connection reset by peer"},
	};

	memset(much + strlen(much), 'x', sizeof(much) - strlen(much));
	for (size_t i = 0; i < COUNT(rows); i++) {
		peer_begin(1, rows[i].answer, !*rows[i].error);
		FIRE(NO_TRACE, {0, 1, "/"});
		turn_until_ended();
		CU_ASSERT_STRING_EQUAL(volley_result(volley, 0).error, rows[i].error);
		CU_ASSERT_TRUE(volley_result(volley, 0).ended >= volley_result(volley, 0).sent);
		end();
	}
}

static void where_nobody_listens_is_an_error(void)
{
	peer_begin(0, slice_of(""), false);
	peer_end();
	FIRE(NO_TRACE, {0, 2, "/"});
	turn_until_ended();
	for (size_t i = 0; i < 2; i++)
		CU_ASSERT_STRING_EQUAL(volley_result(volley, i).error, "connection refused");
}

static void without_a_descriptor_there_is_an_error(void)
{
	struct rlimit before;

	peer_begin(0, slice_of(""), false);
	FIRE(NO_TRACE, {0, 1, "/"});
	getrlimit(RLIMIT_NOFILE, &before);
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, before.rlim_max});
	turn_until_ended();
	setrlimit(RLIMIT_NOFILE, &before);
	CU_ASSERT_STRING_EQUAL(volley_result(volley, 0).error, "too many open files");
}

/* One is answered, one is not, and one has not been sent when it is too late. */
static void who_is_not_answered_in_time_is_an_error(void)
{
	peer_begin(1, slice_of(NO_CONTENT), true);
	FIRE(NO_TRACE, {0, 2, "/"}, {100, 1, "/"});
	while (!volley_result(volley, 0).ended && !volley_result(volley, 1).ended)
		uv_run(&loop, UV_RUN_ONCE);
	clock_ahead = VOLLEY_SECONDS * UINT64_C(1000000000);
	turn_until_ended();
	for (size_t i = 0; i < 3; i++) {
		struct shot_result result = volley_result(volley, i);

		CU_ASSERT_STRING_EQUAL(result.error,
				       result.answer->status ? "" : "no answer in time");
	}
	CU_ASSERT_EQUAL(volley_result(volley, 2).sent, 0);
}

/* Its memory goes with the last connection, which may still have to be closed. */
static void who_hears_of_the_end_may_drop_it(void)
{
	peer_begin(1, slice_of(NO_CONTENT), true);
	drops_it = true;
	FIRE(NO_TRACE, {0, 1, "/"});
	turn_until_ended();
}

/* One flies, the other has its time yet to come. */
static void what_is_dropped_is_not_heard_of(void)
{
	peer_begin(0, slice_of(""), false);
	FIRE(NO_TRACE, {0, 1, "/"}, {1, 1, "/"});
	while (!volley_result(volley, 0).sent)
		uv_run(&loop, UV_RUN_ONCE);
	volley_drop(volley);
	volley = NULL;
	usleep(2000);
	for (int i = 0; i < 3; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	CU_ASSERT_EQUAL(ended, 0);
}

static void a_front_is_an_address_and_a_port(void)
{
	const char *const *bad = STRINGS(
		"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", ":80",
		"localhost:80", "127.0.0.1:8o", "::1:80", "[::1:80", "[]:80", "127.0.0.1:80 1",
		"::1]:80", "[127.0.0.1]:80", "[:80", textf("%064d:80", 0), textf("%078d:80", 0));
	struct front front;

	CU_ASSERT_EQUAL(front_parse(&front, "127.0.0.1:8080"), 0);
	CU_ASSERT_EQUAL(front.address.v4.sin_family, AF_INET);
	CU_ASSERT_EQUAL(front_port(&front), 8080);
	CU_ASSERT_EQUAL(ntohl(front.address.v4.sin_addr.s_addr), INADDR_LOOPBACK);
	CU_ASSERT_EQUAL(front_parse(&front, "[::1]:1"), 0);
	CU_ASSERT_EQUAL(front.address.v6.sin6_family, AF_INET6);
	CU_ASSERT_EQUAL(front_port(&front), 1);
	CU_ASSERT_EQUAL(front_parse(&front, "127.0.0.1:65535"), 0);
	CU_ASSERT_EQUAL(front_port(&front), 65535);
	for (; *bad; bad++)
		CU_ASSERT_EQUAL(front_parse(&front, *bad), -EINVAL);
}

static void memory_may_be_out(void)
{
	CU_ASSERT_EQUAL(tear_down() || set_up(), 0); /* timers have none yet */
	CU_ASSERT_EQUAL(front_parse(&peer.front, "127.0.0.1:8080"), 0);
	memory_fail_after(0);
	CU_ASSERT_EQUAL(volley_open(&volley, &sched, 1, 1, NO_TRACE), -ENOMEM);
	memory_restore();
	OPEN(NO_TRACE, {0, 1, "/"});
	memory_fail_after(0);
	CU_ASSERT_EQUAL(volley_fire(volley, &peer.front, on_end, &peer), -ENOMEM);
	memory_restore();
	CU_ASSERT_EQUAL(ended, 0);
}

static const struct test tests[] = {
	{"every shot is answered", every_shot_is_answered},
	{"what is no answer is an error", what_is_no_answer_is_an_error},
	{"where nobody listens is an error", where_nobody_listens_is_an_error},
	{"without a descriptor there is an error", without_a_descriptor_there_is_an_error},
	{"who is not answered in time is an error", who_is_not_answered_in_time_is_an_error},
	{"who hears of the end may drop it", who_hears_of_the_end_may_drop_it},
	{"what is dropped is not heard of", what_is_dropped_is_not_heard_of},
	{"it is aimed at an address and a port", a_front_is_an_address_and_a_port},
	{"memory may be out", memory_may_be_out},
	{"there are only so many at once", there_are_only_so_many},
};

const struct suite volley_suite = {"volley", tests, COUNT(tests), set_up, tear_down, .after = end};

/* A volley against a peer that answers, on a thread of its own, as each test says. Through a whole
 * system it goes in tests/guide/test_burst.c. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "../support/process.h"
#include "await/sched.h"
#include "client/volley.h"

#define NO_TRACE ((struct slice){NULL, 0})
#define TRACE	 "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902"

static uv_loop_t loop;
static struct sched sched;

static uint64_t ahead; /* nanoseconds that the clock is */

/* Instead of libuv's, for all of the program. */
uint64_t uv_hrtime(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec + ahead;
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
	int count;	      /* connections it takes, one after the other */
	struct slice answer;  /* to each of them; then it closes */
	bool waits;	      /* … when the other side has */
	bool resets;	      /* … or instead, the hard way */
	char asked[4][256];   /* by each */
	size_t lens[4];	      /* … so many bytes */
	struct front front;   /* where it is */
	struct volley *fired; /* at it */
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
	for (size_t sent = 0; sent < peer.answer.len; sent += (size_t)n) {
		n = send(fd, peer.answer.data + sent, peer.answer.len - sent, MSG_NOSIGNAL);
		if (n <= 0)
			break;
	}
	while (peer.waits && recv(fd, rest, sizeof(rest), 0) > 0)
		;
	if (peer.resets)
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
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	char text[32];

	memset(&peer, 0, sizeof(peer));
	peer.count = count;
	peer.answer = answer;
	peer.waits = waits;
	peer.resets = !answer.len;
	peer.listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL(bind(peer.listening, (struct sockaddr *)&address, len), 0);
	CU_ASSERT_EQUAL(listen(peer.listening, 8), 0);
	CU_ASSERT_EQUAL(getsockname(peer.listening, (struct sockaddr *)&address, &len), 0);
	snprintf(text, sizeof(text), "127.0.0.1:%d", ntohs(address.sin_port));
	CU_ASSERT_EQUAL_FATAL(front_parse(&peer.front, text), 0);
	pthread_create(&peer.thread, NULL, peer_main, NULL);
}

static void peer_end(void)
{
	pthread_join(peer.thread, NULL);
	close(peer.listening);
}

/* ---- what is fired at it ---- */

static int ended; /* volleys */

static void on_end(void *arg)
{
	CU_ASSERT_PTR_EQUAL(arg, &peer);
	ended++;
}

/* Its memory goes with the last connection, which may still have to be closed. */
static void on_end_drop(void *arg)
{
	on_end(arg);
	volley_drop(peer.fired);
}

static void turn_until_ended(void)
{
	while (!ended)
		uv_run(&loop, UV_RUN_ONCE);
	uv_run(&loop, UV_RUN_NOWAIT);
}

/* As many volleys as there may be have room: none was forgotten. */
static void none_is_left(void)
{
	struct volley *volleys[VOLLEYS_MAX];

	for (int i = 0; i < VOLLEYS_MAX; i++)
		CU_ASSERT_EQUAL_FATAL(volley_open(&volleys[i], &sched, 1, 1, NO_TRACE), 0);
	for (int i = 0; i < VOLLEYS_MAX; i++)
		volley_drop(volleys[i]);
}

static void every_shot_is_answered(void)
{
	/* In the order in which they are sent: what is asked, and as which span. */
	static const char *const sent[][2] = {
		{"/a", "b9"}, {"/a", "bb"}, {"/a", "bf"}, {"/b?x=1", "bd"}};
	uint64_t begun = uv_hrtime();
	struct volley *volley;

	peer_begin(4, slice_of("HTTP/1.1 200 OK\r\nX-Lanes-Request: 7\r\n\r\nhello"), false);
	ended = 0;
	CU_ASSERT_EQUAL_FATAL(volley_open(&volley, &sched, 4, 2 + 6 + 2, slice_of(TRACE "b7-01")),
			      0);
	volley_add(volley, 0, 2, slice_of("/a"));
	volley_add(volley, 100, 1, slice_of("/b?x=1"));
	volley_add(volley, 50, 1, slice_of("/a"));
	CU_ASSERT_EQUAL(volley_count(volley), 4);
	CU_ASSERT_EQUAL(volley_fire(volley, &peer.front, on_end, &peer), 0);
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
	CU_ASSERT_EQUAL(ended, 1);
	volley_drop(volley);
	peer_end();
	for (int i = 0; i < 4; i++) {
		const char *text = textf("GET %s HTTP/1.0\r\nHost: localhost\r\nConnection: "
					 "close\r\ntraceparent: " TRACE "%s-01\r\n\r\n",
					 sent[i][0], sent[i][1]);

		CU_ASSERT_STRING_EQUAL(peer.asked[i], text);
		CU_ASSERT_EQUAL(peer.lens[i], strlen(text));
	}
	none_is_left();
}

static void fails(struct slice answer, const char *error)
{
	struct volley *volley;

	peer_begin(1, answer, !*error);
	ended = 0;
	CU_ASSERT_EQUAL_FATAL(volley_open(&volley, &sched, 1, 1, NO_TRACE), 0);
	volley_add(volley, 0, 1, slice_of("/"));
	CU_ASSERT_EQUAL(volley_fire(volley, &peer.front, on_end, &peer), 0);
	turn_until_ended();
	CU_ASSERT_STRING_EQUAL(volley_result(volley, 0).error, error);
	CU_ASSERT_TRUE(volley_result(volley, 0).ended >= volley_result(volley, 0).sent);
	volley_drop(volley);
	peer_end();
	none_is_left();
}

static void what_is_no_answer_is_an_error(void)
{
	char *much = calloc(1, ANSWER_MOST + 100);

	memset(much, 'x', ANSWER_MOST + 100);
	memcpy(much, "HTTP/1.1 200 OK\r\n\r\n", 19);
	fails(slice_of("SSH-2.0-OpenSSH\r\n"), "no HTTP answer");
	fails(slice_of("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello"),
	      "closed before its end");
	fails(slice_of("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, and more"), "");
	fails((struct slice){much, ANSWER_MOST + 100}, "too long an answer");
	fails((struct slice){"", 0}, "connection reset by peer");
	free(much);
}

static void where_nobody_listens_is_an_error(void)
{
	struct volley *volley;

	peer_begin(0, slice_of(""), false);
	peer_end();
	ended = 0;
	CU_ASSERT_EQUAL_FATAL(volley_open(&volley, &sched, 2, 1, NO_TRACE), 0);
	volley_add(volley, 0, 2, slice_of("/"));
	CU_ASSERT_EQUAL(volley_fire(volley, &peer.front, on_end, &peer), 0);
	turn_until_ended();
	for (size_t i = 0; i < 2; i++)
		CU_ASSERT_STRING_EQUAL(volley_result(volley, i).error, "connection refused");
	CU_ASSERT_EQUAL(ended, 1);
	volley_drop(volley);
	uv_run(&loop, UV_RUN_NOWAIT);
	none_is_left();
}

static void without_a_descriptor_there_is_an_error(void)
{
	struct rlimit before;
	struct volley *volley;

	peer_begin(0, slice_of(""), false);
	ended = 0;
	CU_ASSERT_EQUAL_FATAL(volley_open(&volley, &sched, 1, 1, NO_TRACE), 0);
	volley_add(volley, 0, 1, slice_of("/"));
	CU_ASSERT_EQUAL(volley_fire(volley, &peer.front, on_end, &peer), 0);
	getrlimit(RLIMIT_NOFILE, &before);
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, before.rlim_max});
	turn_until_ended();
	setrlimit(RLIMIT_NOFILE, &before);
	CU_ASSERT_STRING_EQUAL(volley_result(volley, 0).error, "too many open files");
	volley_drop(volley);
	peer_end();
	none_is_left();
}

/* One is answered, one is not, and one has not been sent when it is too late. */
static void who_is_not_answered_in_time_is_an_error(void)
{
	struct volley *volley;

	peer_begin(1, slice_of("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"), true);
	ended = 0;
	CU_ASSERT_EQUAL_FATAL(volley_open(&volley, &sched, 3, 2, NO_TRACE), 0);
	volley_add(volley, 0, 2, slice_of("/"));
	volley_add(volley, 100, 1, slice_of("/"));
	CU_ASSERT_EQUAL(volley_fire(volley, &peer.front, on_end, &peer), 0);
	while (!volley_result(volley, 0).ended && !volley_result(volley, 1).ended)
		uv_run(&loop, UV_RUN_ONCE);
	ahead = VOLLEY_SECONDS * UINT64_C(1000000000);
	turn_until_ended();
	ahead = 0;
	for (size_t i = 0; i < 3; i++) {
		struct shot_result result = volley_result(volley, i);

		CU_ASSERT_STRING_EQUAL(result.error,
				       result.answer->status ? "" : "no answer in time");
	}
	CU_ASSERT_EQUAL(volley_result(volley, 2).sent, 0);
	CU_ASSERT_EQUAL(ended, 1);
	volley_drop(volley);
	peer_end();
	none_is_left();
}

static void who_hears_of_the_end_may_drop_it(void)
{
	peer_begin(1, slice_of("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"), true);
	ended = 0;
	CU_ASSERT_EQUAL_FATAL(volley_open(&peer.fired, &sched, 1, 1, NO_TRACE), 0);
	volley_add(peer.fired, 0, 1, slice_of("/"));
	CU_ASSERT_EQUAL(volley_fire(peer.fired, &peer.front, on_end_drop, &peer), 0);
	turn_until_ended();
	peer_end();
	none_is_left();
}

/* One flies, the other has its time yet to come. */
static void what_is_dropped_is_not_heard_of(void)
{
	struct volley *volley;

	peer_begin(0, slice_of(""), false);
	ended = 0;
	CU_ASSERT_EQUAL_FATAL(volley_open(&volley, &sched, 2, 2, NO_TRACE), 0);
	volley_add(volley, 0, 1, slice_of("/"));
	volley_add(volley, 1, 1, slice_of("/"));
	CU_ASSERT_EQUAL(volley_fire(volley, &peer.front, on_end, &peer), 0);
	while (!volley_result(volley, 0).sent)
		uv_run(&loop, UV_RUN_ONCE);
	volley_drop(volley);
	usleep(2000);
	for (int i = 0; i < 3; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	CU_ASSERT_EQUAL(ended, 0);
	peer_end();
	none_is_left();
}

static void a_front_is_an_address_and_a_port(void)
{
	static const char *const bad[] = {
		"",
		"127.0.0.1",
		"127.0.0.1:",
		"127.0.0.1:0",
		"127.0.0.1:65536",
		":80",
		"localhost:80",
		"127.0.0.1:8o",
		"::1:80",
		"[::1:80",
		"[]:80",
		"127.0.0.1:80 1",
		"::1]:80",
		"[127.0.0.1]:80",
		"[:80",
		"0000000000000000000000000000000000000000000000000000000000000000:80",
		"000000000000000000000000000000000000000000000000000000000000000000000000000000:80",
	};
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
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(front_parse(&front, bad[i]), -EINVAL);
}

static void done(void *arg)
{
	(void)arg;
	CU_FAIL("nobody asked");
}

static void memory_may_be_out(void)
{
	struct front front;
	struct volley *volley;

	CU_ASSERT_EQUAL(tear_down() || set_up(), 0); /* timers have none yet */
	CU_ASSERT_EQUAL(front_parse(&front, "127.0.0.1:8080"), 0);
	memory_fail_after(0);
	CU_ASSERT_EQUAL(volley_open(&volley, &sched, 1, 1, NO_TRACE), -ENOMEM);
	memory_restore();
	CU_ASSERT_EQUAL_FATAL(volley_open(&volley, &sched, 1, 1, NO_TRACE), 0);
	volley_add(volley, 0, 1, slice_of("/"));
	memory_fail_after(0);
	CU_ASSERT_EQUAL(volley_fire(volley, &front, done, NULL), -ENOMEM);
	memory_restore();
	volley_drop(volley);
}

static void there_are_only_so_many(void)
{
	struct volley *volleys[VOLLEYS_MAX];
	struct volley *one_more;

	for (int i = 0; i < VOLLEYS_MAX; i++)
		CU_ASSERT_EQUAL_FATAL(volley_open(&volleys[i], &sched, 1, 1, NO_TRACE), 0);
	CU_ASSERT_EQUAL(volley_open(&one_more, &sched, 1, 1, NO_TRACE), -EAGAIN);
	for (int i = 0; i < VOLLEYS_MAX; i++)
		volley_drop(volleys[i]);
	CU_ASSERT_EQUAL_FATAL(volley_open(&one_more, &sched, 1, 1, NO_TRACE), 0);
	volley_drop(one_more);
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

const struct suite volley_suite = {"volley", tests, sizeof(tests) / sizeof(tests[0]), set_up,
				   tear_down};

/* 10,000 clients listen to /cases/events, through nginx: each hears of every order, once, and is
 * gone when it leaves. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/postgres.h"
#include "faults.h"

enum { LISTENERS = 10000, WORKERS = 8, NEWS = 20, TAIL = 7 };

struct listener {
	int fd;
	unsigned heard; /* of how many orders */
	bool is_answered;
	bool is_wrong;	 /* not 200, or ended */
	char tail[TAIL]; /* the last bytes: what is looked for may come in two pieces */
};

static struct postgres postgres;
static struct system sys;
static struct listener *listeners;
static size_t count;
static int epoll;

static int set_up(void)
{
	struct outcome outcome;

	if (!postgres_open(&postgres, NULL) ||
	    !succeeds(&outcome, STRINGS(program(), "--migrate"), STRINGS(postgres.variable)))
		return 1;
	return !system_start(
		&sys, SYSTEM(.workers = WORKERS,
			     .environment = STRINGS(textf("DATABASE_URL=%s", postgres.url))));
}

static int tear_down(void)
{
	int left = !system_stop(&sys);

	postgres_close(&postgres);
	return left;
}

static void listen_to_events(struct listener *listener)
{
	static const char request[] = "GET /cases/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons((uint16_t)atoi(strrchr(sys.url, ':') + 1)),
				      .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = listener};

	listener->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_FATAL(listener->fd >= 0);
	CU_ASSERT_FATAL(!connect(listener->fd, (struct sockaddr *)&address, sizeof(address)));
	CU_ASSERT_FATAL(send(listener->fd, request, sizeof(request) - 1, MSG_NOSIGNAL) ==
			sizeof(request) - 1);
	CU_ASSERT_FATAL(!epoll_ctl(epoll, EPOLL_CTL_ADD, listener->fd, &event));
}

/* An event has one "\ndata: ", and nothing else does. */
static void hear(struct listener *listener)
{
	static char bytes[TAIL + 65536];
	ssize_t n = recv(listener->fd, bytes + TAIL, sizeof(bytes) - TAIL - 1, MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		listener->is_wrong = true;
		epoll_ctl(epoll, EPOLL_CTL_DEL, listener->fd, NULL);
		return;
	}
	memcpy(bytes, listener->tail, TAIL);
	bytes[TAIL + n] = '\0';
	for (ssize_t i = 0; i < TAIL + n; i++)
		if (!bytes[i])
			bytes[i] = ' '; /* before anything has come */
	for (const char *at = bytes; (at = strstr(at, "\ndata: ")); at++)
		listener->heard++;
	memcpy(listener->tail, bytes + n, TAIL);
	listener->is_wrong |= !listener->is_answered && strncmp(bytes + TAIL, "HTTP/1.1 200", 12);
	listener->is_answered = true;
}

static void hear_all(int patience_ms)
{
	struct epoll_event events[256];
	int n = epoll_wait(epoll, events, COUNT(events), patience_ms);

	for (int i = 0; i < n; i++)
		hear(events[i].data.ptr);
}

/* How many have heard of so many orders, and had nothing else. */
static size_t who_heard(unsigned orders)
{
	size_t sum = 0;

	hear_all(10);
	for (size_t i = 0; i < count; i++)
		sum += listeners[i].heard == orders && !listeners[i].is_wrong;
	return sum;
}

static size_t who_is_answered(void)
{
	size_t sum = 0;

	hear_all(10);
	for (size_t i = 0; i < count; i++)
		sum += listeners[i].is_answered;
	return sum;
}

static bool nobody_is_left(void)
{
	struct scoreboard board;
	uint64_t left = 0;

	CU_ASSERT_FATAL(board_open(&board, &sys));
	for (unsigned i = 1; i <= WORKERS; i++)
		left += board_get(&board_find(&board, "loop", i)->in_flight);
	scoreboard_close(&board);
	return !left;
}

static void each_hears_of_each_order(void)
{
	double begun = now();
	double slowest = 0;

	for (size_t i = 0; i < count; i++) {
		listen_to_events(&listeners[i]);
		hear_all(0);
	}
	CU_ASSERT_FATAL(EVENTUALLY(who_is_answered() == count));
	printf("    %zu listen after %.1f s\n", count, now() - begun);
	for (unsigned n = 1; n <= NEWS; n++) {
		double told = now();

		CU_ASSERT(postgres_do(&postgres,
				      "INSERT INTO orders (item, quantity) VALUES ('tea', 1);"
				      "NOTIFY orders"));
		CU_ASSERT_FATAL(EVENTUALLY(who_heard(n) == count));
		slowest = now() - told > slowest ? now() - told : slowest;
	}
	printf("    the last hears of an order %.2f s after it, at most; a worker takes %ld KB\n",
	       slowest, process_private_kb(system_worker(&sys, 1)));
	CU_ASSERT_EQUAL(get(&sys, "/cases/orders/1")->status, 200);
}

static void many_listen(void)
{
	count = scaled(LISTENERS);
	if (!needs_connections(count))
		return;
	listeners = calloc(count, sizeof(*listeners));
	epoll = epoll_create1(EPOLL_CLOEXEC);
	CU_ASSERT_FATAL(listeners && epoll >= 0);
	each_hears_of_each_order();
	for (size_t i = 0; i < count; i++)
		close(listeners[i].fd);
	close(epoll);
	free(listeners);
	CU_ASSERT(EVENTUALLY(nobody_is_left()));
}

static const struct test tests[] = {
	{"10,000 listen to events: each hears of every order, once", many_listen},
};

const struct suite listeners_suite = {"listeners", tests, COUNT(tests), set_up, tear_down};

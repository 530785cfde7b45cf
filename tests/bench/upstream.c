/*
 * upstream PORT: the services that handlers call: HTTP on 127.0.0.1, kept connections, a price for
 * GET /fast/suppliers/N/price?item=NAME at once, and below /slow after 50 ms for the first of them,
 * 100 for the second, and 150 for the third.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, REQUEST_MAX = 4096, SUPPLIERS = 3, STEP_MS = 50 };

struct conn {
	int fd;
	bool gone; /* closed while its answer was waited for */
	size_t len;
	char request[REQUEST_MAX];
	int supplier;	   /* of the request that waits; 0: none does */
	uint64_t due;	   /* in ms */
	struct conn *next; /* that waits for as long, but later */
};

/* A supplier takes the same time for each: first come, first due. */
static struct line {
	struct conn *first;
	struct conn *last;
} lines[SUPPLIERS + 1];

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* The answer to what stands at the beginning of conn->request. */
static void answer(struct conn *conn)
{
	char body[64];
	char bytes[256];
	int len = snprintf(body, sizeof(body), "{\"supplier\":%d,\"price\":%d}", conn->supplier,
			   1000 * conn->supplier);

	len = snprintf(bytes, sizeof(bytes),
		       "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
		       "Content-Length: %d\r\n\r\n%s",
		       len, body);
	conn->supplier = 0;
	conn->len = 0;
	send(conn->fd, bytes, (size_t)len, MSG_NOSIGNAL);
}

static void wait_for(struct conn *conn)
{
	struct line *line = &lines[conn->supplier];

	conn->due = now_ms() + (uint64_t)(STEP_MS * conn->supplier);
	conn->next = NULL;
	if (line->first)
		line->last->next = conn;
	else
		line->first = conn;
	line->last = conn;
}

static void on_readable(struct conn *conn)
{
	size_t room = REQUEST_MAX - 1 - conn->len;
	ssize_t n = recv(conn->fd, conn->request + conn->len, room, MSG_DONTWAIT);
	const char *supplier;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		close(conn->fd);
		conn->gone = true;
		if (!conn->supplier)
			free(conn);
		return;
	}
	conn->len += (size_t)n;
	conn->request[conn->len] = '\0';
	if (conn->supplier || !strstr(conn->request, "\r\n\r\n"))
		return;
	supplier = strstr(conn->request, "/suppliers/");
	conn->supplier = supplier ? atoi(supplier + strlen("/suppliers/")) : 0;
	if (conn->supplier < 1 || conn->supplier > SUPPLIERS) {
		fprintf(stderr, "upstream: nonsense: %s\n", conn->request);
		exit(1);
	}
	if (strncmp(conn->request, "GET /slow/", 10) != 0)
		answer(conn);
	else
		wait_for(conn);
}

/* Answers what is due, and returns how many ms the next has to wait; -1: there is none. */
static int serve_due(void)
{
	int next = -1;

	for (struct line *line = lines; line <= lines + SUPPLIERS; line++) {
		uint64_t now = now_ms();
		struct conn *conn;

		while ((conn = line->first) && conn->due <= now) {
			line->first = conn->next;
			if (conn->gone)
				free(conn);
			else
				answer(conn);
		}
		if (conn && (next < 0 || conn->due - now < (uint64_t)next))
			next = (int)(conn->due - now);
	}
	return next;
}

static int listen_at(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(port),
				      .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 4096)) {
		perror("upstream");
		exit(1);
	}
	return fd;
}

static void accept_all(int epoll, int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct conn *conn = calloc(1, sizeof(*conn));
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};

		if (!conn)
			abort();
		conn->fd = fd;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
		epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
	}
}

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS] = {{.events = EPOLLIN}};
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct rlimit files;
	int listener;

	if (argc != 2) {
		fputs("Usage: upstream PORT\n", stderr);
		return 2;
	}
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	listener = listen_at((uint16_t)atoi(argv[1]));
	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &events[0]);
	for (;;) {
		int n = epoll_wait(epoll, events, EVENTS, serve_due());

		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr)
				on_readable(events[i].data.ptr);
			else
				accept_all(epoll, listener);
		}
	}
}

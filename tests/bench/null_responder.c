/*
 * null-responder SOCKET: what a FastCGI application costs that does nothing. Raw epoll, one read
 * and one write for all requests that arrived together, canned bytes (those of Lanes' answer to
 * /async/await-one), kept connections, many requests on each. It looks at nothing but what it has
 * to: record headers, and the flag that says whether to keep the connection. The ceiling that Lanes
 * is measured against, not a server: a peer that does not read its answers is hung up on.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fcgi/record.h"

#define BODY "{\"mode\":\"async\",\"detail\":\"async_io_task(0.0s) done\"}"
#define HEAD                                                                                       \
	"Status: 200 OK\r\nContent-Type: application/json\r\nContent-Length: 52\r\n"               \
	"Cache-Control: no-store\r\nX-Lanes-Worker: loop-1\r\n"                                    \
	"Server-Timing: queue;dur=0.000, loop;dur=0.010, await;dur=0.010, pool-queue;dur=0.000, "  \
	"pool;dur=0.000\r\n\r\n"

enum {
	EVENTS = 256,
	READ_SIZE = 65536,
	ANSWER_MAX = 512,
	REQUEST_MIN = 40, /* BEGIN, and the ends of PARAMS and STDIN: so many answers a read has */
	FLAGS_AT = FCGI_HEADER_SIZE + 2, /* of a BEGIN record */
};

struct conn {
	int fd;
	bool keep;
	bool begin;	  /* the record being read is a BEGIN */
	unsigned at;	  /* bytes read of its header */
	unsigned content; /* bytes of content and padding still to come */
	unsigned flags;	  /* bytes until the flags of a BEGIN */
	unsigned char header[FCGI_HEADER_SIZE];
};

static unsigned char answer[ANSWER_MAX];
static size_t answer_len;
static unsigned char in[READ_SIZE];
static unsigned char out[READ_SIZE / REQUEST_MIN * ANSWER_MAX + ANSWER_MAX];

static void add_record(enum fcgi_type type, const void *content, size_t n)
{
	struct fcgi_header header = {.version = FCGI_VERSION, .type = type, .content_length = n};

	fcgi_header_encode(&header, answer + answer_len);
	if (n)
		memcpy(answer + answer_len + FCGI_HEADER_SIZE, content, n);
	answer_len += FCGI_HEADER_SIZE + n;
}

static void make_answer(void)
{
	unsigned char end[FCGI_BODY_SIZE];

	fcgi_end_encode(0, FCGI_STATUS_REQUEST_COMPLETE, end);
	add_record(FCGI_TYPE_STDOUT, HEAD BODY, sizeof(HEAD BODY) - 1);
	add_record(FCGI_TYPE_STDOUT, NULL, 0);
	add_record(FCGI_TYPE_END_REQUEST, end, sizeof(end));
}

static size_t put_answer(unsigned char *to, const unsigned char *id)
{
	memcpy(to, answer, answer_len);
	for (unsigned char *record = to; record < to + answer_len;
	     record += FCGI_HEADER_SIZE + (record[4] << 8 | record[5]))
		memcpy(record + 2, id, 2);
	return answer_len;
}

/* Returns how many bytes of answers the n bytes led to. */
static size_t take(struct conn *conn, const unsigned char *bytes, size_t n)
{
	size_t len = 0;
	size_t step;

	for (size_t i = 0; i < n; i += step) {
		if (conn->content) {
			step = n - i < conn->content ? n - i : conn->content;
			if (conn->begin && conn->flags && step >= conn->flags)
				conn->keep = bytes[i + conn->flags - 1] & FCGI_FLAG_KEEP_CONN;
			conn->flags -= step < conn->flags ? step : conn->flags;
			conn->content -= step;
			continue;
		}
		step = FCGI_HEADER_SIZE - conn->at < n - i ? FCGI_HEADER_SIZE - conn->at : n - i;
		memcpy(conn->header + conn->at, bytes + i, step);
		conn->at += (unsigned)step;
		if (conn->at < FCGI_HEADER_SIZE)
			continue;
		conn->at = 0;
		conn->content = (conn->header[4] << 8 | conn->header[5]) + conn->header[6];
		conn->begin = conn->header[1] == FCGI_TYPE_BEGIN_REQUEST;
		conn->flags = conn->begin ? FLAGS_AT - FCGI_HEADER_SIZE + 1 : 0;
		if (conn->header[1] == FCGI_TYPE_STDIN && !conn->content)
			len += put_answer(out + len, conn->header + 2);
	}
	return len;
}

static void on_readable(struct conn *conn)
{
	ssize_t n = recv(conn->fd, in, sizeof(in), MSG_DONTWAIT);
	size_t len;

	if (n < 0 && errno == EAGAIN)
		return;
	len = n > 0 ? take(conn, in, (size_t)n) : 0;
	if (len && send(conn->fd, out, len, MSG_NOSIGNAL) == (ssize_t)len && conn->keep)
		return;
	if (n > 0 && !len)
		return;
	close(conn->fd);
	free(conn);
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 4096)) {
		perror(path);
		exit(1);
	}
	return fd;
}

static void accept_all(int epoll, int listener)
{
	struct epoll_event event = {.events = EPOLLIN};
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct conn *conn = calloc(1, sizeof(*conn));

		if (!conn)
			abort();
		conn->fd = fd;
		event.data.ptr = conn;
		epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
	}
}

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS] = {{.events = EPOLLIN}};
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int listener;

	if (argc != 2) {
		fputs("Usage: null-responder SOCKET\n", stderr);
		return 2;
	}
	make_answer();
	listener = listen_at(argv[1]);
	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &events[0]);
	for (;;) {
		int n = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr)
				on_readable(events[i].data.ptr);
			else
				accept_all(epoll, listener);
		}
	}
}

#include "null_front.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	EVENTS = 256,
	READ_SIZE = 65536,
	REQUEST_MIN = 40, /* BEGIN, and the ends of PARAMS and STDIN: so many answers a read has */
	FLAGS_AT = FCGI_HEADER_SIZE + 2, /* of a BEGIN record */
};

const char *front_key;
void (*front_turn)(void);

static int epoll;
static unsigned char in[READ_SIZE];
static unsigned char out[READ_SIZE / REQUEST_MIN * FRONT_ANSWER_MAX + FRONT_ANSWER_MAX];

static unsigned char *put_record(unsigned char *to, const unsigned char id[2], enum fcgi_type type,
				 const void *content, size_t n)
{
	struct fcgi_header header = {.version = FCGI_VERSION, .type = type, .content_length = n};

	fcgi_header_encode(&header, to);
	memcpy(to + 2, id, 2);
	if (n)
		memcpy(to + FCGI_HEADER_SIZE, content, n);
	return to + FCGI_HEADER_SIZE + n;
}

size_t front_put(unsigned char *to, const unsigned char id[2], const char *text, size_t n)
{
	unsigned char end[FCGI_BODY_SIZE];
	unsigned char *at = put_record(to, id, FCGI_TYPE_STDOUT, text, n);

	fcgi_end_encode(0, FCGI_STATUS_REQUEST_COMPLETE, end);
	at = put_record(at, id, FCGI_TYPE_STDOUT, NULL, 0);
	at = put_record(at, id, FCGI_TYPE_END_REQUEST, end, sizeof(end));
	return (size_t)(at - to);
}

/* Returns how many bytes of answers the n bytes led to. */
static size_t take(struct front_conn *conn, const unsigned char *bytes, size_t n)
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
			len += front_request(conn, conn->header + 2, out + len);
	}
	return len;
}

static void hang_up(struct front_conn *conn)
{
	if (conn->fd >= 0)
		close(conn->fd);
	conn->fd = -1;
	if (!conn->awaited)
		free(conn);
}

static bool sent(struct front_conn *conn, const unsigned char *bytes, size_t n)
{
	return send(conn->fd, bytes, n, MSG_NOSIGNAL) == (ssize_t)n && conn->keep;
}

void front_send(struct front_conn *conn, const unsigned char *bytes, size_t n)
{
	conn->awaited--;
	if (conn->fd < 0)
		hang_up(conn);
	else if (!sent(conn, bytes, n))
		shutdown(conn->fd, SHUT_RDWR); /* which is read next */
}

static void on_readable(struct watched *watched, uint32_t events)
{
	struct front_conn *conn = (struct front_conn *)watched;
	ssize_t n = recv(conn->fd, in, sizeof(in), MSG_DONTWAIT);
	const char *key;
	size_t len;

	(void)events;
	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0 && front_key) {
		key = memmem(in, (size_t)n, front_key, strlen(front_key));
		conn->key = key ? strtoul(key + strlen(front_key), NULL, 10) : 0;
	}
	len = n > 0 ? take(conn, in, (size_t)n) : 0;
	if (n > 0 && !len)
		return;
	if (!len || !sent(conn, out, len))
		hang_up(conn);
}

/* ---- the loop ---- */

struct listener {
	struct watched watched;
	int fd;
};

static void accept_all(struct watched *watched, uint32_t events)
{
	const struct listener *listener = (struct listener *)watched;
	int fd;

	(void)events;
	while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct front_conn *conn = calloc(1, sizeof(*conn));

		if (!conn)
			abort();
		conn->watched.ready = on_readable;
		conn->fd = fd;
		front_watch(fd, &conn->watched, EPOLLIN);
	}
}

void front_listen(const char *path)
{
	static struct listener listener = {{accept_all}, -1};
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	unlink(path);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (epoll < 0 || listener.fd < 0 ||
	    bind(listener.fd, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener.fd, 4096)) {
		perror(path);
		exit(1);
	}
	front_watch(listener.fd, &listener.watched, EPOLLIN);
}

void front_watch(int fd, struct watched *watched, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watched};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event);
}

void front_forget(int fd)
{
	epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
}

void front_serve(void)
{
	struct epoll_event events[EVENTS];

	for (;;) {
		int n = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			struct watched *watched = events[i].data.ptr;

			watched->ready(watched, events[i].events);
		}
		if (front_turn)
			front_turn();
	}
}

#include "upstream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process.h"
#include "system.h"

enum { CONNECTIONS = 4096, BLOCK = 65536 };

struct upstream upstream;

static int listening[2]; /* the second one: -1, if there is no IPv6 */
static pthread_t acceptors[2];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gone = PTHREAD_COND_INITIALIZER;
static int sockets[CONNECTIONS]; /* of those that are open, by their number; 0: none */
static atomic_bool ending;
static char latest[UPSTREAM_ASKED]; /* request's head and body */

struct asked {
	char text[UPSTREAM_ASKED];
	size_t len;  /* of what is in text */
	size_t body; /* bytes of it that follow the head; all were read */
	char path[1024];
	bool head;
};

/* Not by recv() and send(), of which tests have others. */
static bool put(int fd, const char *bytes, size_t n)
{
	while (n) {
		struct iovec piece = {(char *)bytes, n};
		struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
		ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		bytes += sent;
		n -= (size_t)sent;
	}
	return true;
}

static bool say(int fd, const char *text)
{
	return put(fd, text, strlen(text));
}

/* ---- reading ---- */

static size_t content_length(const char *head)
{
	const char *line = strcasestr(head, "\r\nContent-Length:");

	return line ? strtoul(line + 17, NULL, 10) : 0;
}

static bool read_head(int fd, struct asked *asked)
{
	char *end = NULL;

	asked->len = 0;
	while (!end && asked->len < sizeof(asked->text) - 1) {
		ssize_t n =
			read(fd, asked->text + asked->len, sizeof(asked->text) - 1 - asked->len);

		if (n <= 0)
			return false;
		asked->len += (size_t)n;
		asked->text[asked->len] = '\0';
		if (asked->text[0] == 0x16) /* TLS */
			return say(fd, "HTTP/1.1 400 Bad Request\r\n\r\n") && false;
		end = strstr(asked->text, "\r\n\r\n");
	}
	asked->body = end ? asked->len - (size_t)(end + 4 - asked->text) : 0;
	asked->head = !strncmp(asked->text, "HEAD ", 5);
	return end && sscanf(asked->text, "%*s %1023s", asked->path) == 1;
}

/* No client sends two requests at once. */
static bool read_body(int fd, struct asked *asked)
{
	size_t length = content_length(asked->text);

	while (asked->body < length) {
		char block[BLOCK];
		ssize_t n = read(fd, block, sizeof(block));
		size_t room = sizeof(asked->text) - 1 - asked->len;

		if (n <= 0)
			return false;
		asked->body += (size_t)n;
		if ((size_t)n < room)
			room = (size_t)n;
		memcpy(asked->text + asked->len, block, room);
		asked->len += room;
		asked->text[asked->len] = '\0';
	}
	return true;
}

/* ---- answering: false, if the connection is to be closed ---- */

static bool answer(int fd, const struct asked *asked, const char *status, const char *headers,
		   const char *body)
{
	char head[2048];

	snprintf(head, sizeof(head), "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status,
		 headers, strlen(body));
	return say(fd, head) && (asked->head || say(fd, body));
}

/* Until the other side has had enough. */
static bool repeat(int fd, const char *text)
{
	char block[BLOCK];
	size_t len = strlen(text);
	size_t n = 0;

	while (n + len <= sizeof(block)) {
		memcpy(block + n, text, len);
		n += len;
	}
	while (put(fd, block, n))
		;
	return false;
}

/* Waits until the other side closes, for so many milliseconds; true: it did. */
static bool hangs_up(int fd, int milliseconds)
{
	struct pollfd peer = {.fd = fd, .events = POLLRDHUP};

	return poll(&peer, 1, milliseconds) != 0 || ending;
}

static bool drip(int fd)
{
	bool goes = say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");

	while (goes && !hangs_up(fd, 20))
		goes = say(fd, ".");
	return false;
}

/* Memory is not asked for here: tests let that fail. */
static bool send_size(int fd, const struct asked *asked, size_t size)
{
	char block[BLOCK];
	char head[128];
	bool goes;

	memset(block, 'x', sizeof(block));
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);
	goes = say(fd, head);
	while (goes && size && !asked->head) {
		size_t n = size < sizeof(block) ? size : sizeof(block);

		goes = put(fd, block, n);
		size -= n;
	}
	return goes;
}

static bool redirect(int fd, const struct asked *asked, const char *where)
{
	char status[32];
	char location[1100];

	snprintf(status, sizeof(status), "%.3s Elsewhere", where);
	snprintf(location, sizeof(location), "Location: %s\r\n", where + 4);
	return answer(fd, asked, status, location, "see there");
}

static bool wait_for_gate(int fd, const struct asked *asked)
{
	while (sem_trywait(&upstream.gate))
		if (hangs_up(fd, 1))
			return false;
	return answer(fd, asked, "200 OK", "", "let go");
}

static bool reset(int fd)
{
	struct linger hard = {.l_onoff = 1};

	say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf ");
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	return false;
}

static bool misbehave(int fd, const struct asked *asked, const char *path)
{
	static const struct {
		const char *path;
		const char *says; /* and closes */
	} rows[] = {
		{"/cut", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf "},
		{"/shut", ""},
		{"/garbage", "220 mail.example ESMTP\r\n"},
		{"/old", "hello, as in 1991\n"},
		{"/bad-chunk",
		 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n"},
		{"/early",
		 "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(path, rows[i].path)) {
			say(fd, rows[i].says);
			return false;
		}
	if (!strcmp(path, "/silent"))
		return !hangs_up(fd, -1);
	if (!strcmp(path, "/drip"))
		return drip(fd);
	if (!strcmp(path, "/reset"))
		return reset(fd);
	if (!strcmp(path, "/headers"))
		return say(fd, "HTTP/1.1 200 OK\r\n") && repeat(fd, "X-More: of the same\r\n");
	if (!strcmp(path, "/huge"))
		return say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n") &&
		       (asked->head || repeat(fd, "more and more "));
	if (!strcmp(path, "/endless"))
		return say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") &&
		       repeat(fd, "5\r\nmore \r\n");
	return answer(fd, asked, "404 Not Found", "", "no such path");
}

static bool respond(int fd, const struct asked *asked)
{
	const char *path = asked->path;

	if (!strcmp(path, "/ok"))
		return answer(fd, asked, "200 OK",
			      "Content-Type: text/plain\r\nX-Empty:\r\nX-Twice: one \r\n"
			      "X-Twice:two\r\n",
			      "hello");
	if (!strncmp(path, "/echo", 5))
		return answer(fd, asked, "200 OK", "", asked->text);
	if (!strncmp(path, "/size/", 6))
		return send_size(fd, asked, strtoul(path + 6, NULL, 10));
	if (!strcmp(path, "/status/204") || !strcmp(path, "/status/304"))
		return say(fd, path[8] == '2' ? "HTTP/1.1 204 No Content\r\n\r\n"
					      : "HTTP/1.1 304 Not Modified\r\n\r\n");
	if (!strncmp(path, "/status/", 8))
		return answer(fd, asked, path + 8, "", "as you like");
	if (!strcmp(path, "/chunked"))
		return say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
			       "3\r\nhel\r\n2\r\nlo\r\n0\r\nX-Trailer: there\r\n\r\n");
	if (!strcmp(path, "/close")) {
		say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil it closes");
		return false;
	}
	if (!strcmp(path, "/interim"))
		return say(fd, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n"
			       "X-Hint: early\r\n\r\n") &&
		       answer(fd, asked, "200 OK", "X-Final: yes\r\n", "hello");
	if (!strcmp(path, "/gzip"))
		return answer(fd, asked, "200 OK", "Content-Encoding: gzip\r\n", "\x1f\x8b packed");
	if (!strncmp(path, "/redirect/", 10))
		return redirect(fd, asked, path + 10);
	if (!strcmp(path, "/loop"))
		return redirect(fd, asked, "302 /loop");
	if (!strncmp(path, "/late/", 6))
		return !hangs_up(fd, atoi(path + 6)) && answer(fd, asked, "200 OK", "", "late");
	if (!strcmp(path, "/gate"))
		return wait_for_gate(fd, asked);
	return misbehave(fd, asked, path);
}

/* ---- connections ---- */

static void note(const struct asked *asked)
{
	pthread_mutex_lock(&lock);
	memcpy(latest, asked->text, asked->len + 1);
	pthread_mutex_unlock(&lock);
	upstream.requests++;
	sem_post(&upstream.arrived);
}

static void *serve(void *argument)
{
	int number = (int)(intptr_t)argument;
	struct asked asked;
	int fd = sockets[number];

	while (read_head(fd, &asked)) {
		if (strcmp(asked.path, "/early") != 0 && !read_body(fd, &asked))
			break;
		note(&asked);
		if (!respond(fd, &asked))
			break;
	}
	pthread_mutex_lock(&lock);
	sockets[number] = 0;
	close(fd);
	upstream.open--;
	pthread_cond_signal(&gone);
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void *accept_all(void *argument)
{
	int listener = *(int *)argument;
	pthread_attr_t attributes;
	int fd;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, 512 * 1024);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		pthread_t thread;
		int number = 0;

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
		pthread_mutex_lock(&lock);
		while (sockets[number])
			number++;
		sockets[number] = fd;
		upstream.connections++;
		if (++upstream.open > upstream.most)
			upstream.most = upstream.open;
		pthread_mutex_unlock(&lock);
		if (pthread_create(&thread, &attributes, serve, (void *)(intptr_t)number))
			abort();
	}
	pthread_attr_destroy(&attributes);
	return NULL;
}

static int listen_v6(uint16_t port)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6,
				       .sin6_port = htons(port),
				       .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 &&
	    (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 512))) {
		close(fd);
		return -1;
	}
	return fd;
}

void upstream_begin(void)
{
	memset(&upstream, 0, sizeof(upstream));
	memset(sockets, 0, sizeof(sockets));
	memset(latest, 0, sizeof(latest));
	ending = false;
	sem_init(&upstream.arrived, 0, 0);
	sem_init(&upstream.gate, 0, 0);
	listening[0] = tcp_listen(&upstream.port);
	listening[1] = listen_v6(upstream.port);
	upstream.has_v6 = listening[1] >= 0;
	for (int i = 0; i < 2; i++)
		if (listening[i] >= 0)
			pthread_create(&acceptors[i], NULL, accept_all, &listening[i]);
}

void upstream_end(void)
{
	ending = true;
	for (int i = 0; i < 2; i++) {
		if (listening[i] < 0)
			continue;
		shutdown(listening[i], SHUT_RDWR);
		pthread_join(acceptors[i], NULL);
		close(listening[i]);
	}
	pthread_mutex_lock(&lock);
	for (int i = 0; i < CONNECTIONS; i++)
		if (sockets[i])
			shutdown(sockets[i], SHUT_RDWR);
	while (upstream.open)
		pthread_cond_wait(&gone, &lock);
	pthread_mutex_unlock(&lock);
}

const char *upstream_asked(void)
{
	static char text[sizeof(latest)];

	pthread_mutex_lock(&lock);
	memcpy(text, latest, sizeof(text));
	pthread_mutex_unlock(&lock);
	return text;
}

const char *upstream_url(const char *path)
{
	return textf("http://127.0.0.1:%u%s", (unsigned)upstream.port, path);
}

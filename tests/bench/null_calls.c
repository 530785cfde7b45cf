/*
 * null-calls SOCKET URL: what a request costs that does nothing but call another service and pass
 * on what that says: curl's multi interface as in curl's own example of it with epoll
 * (ephiperfifo.c): curl_multi_socket_action(), a timer of the kernel's, a new handle for each call.
 * The request is not parsed: it is always the same URL. The ceiling that fetch() is measured
 * against, not a server: it ends when a call fails.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "null_front.h"

#define HEAD                                                                                       \
	"Status: 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"              \
	"Cache-Control: no-store\r\nX-Lanes-Worker: loop-1\r\n"                                    \
	"Server-Timing: queue;dur=0.000, loop;dur=0.010, await;dur=0.010, pool-queue;dur=0.000, "  \
	"pool;dur=0.000, fetch;dur=0.100\r\n\r\n"

enum { SOCKETS_MAX = 65536, BODY_MAX = 1024, ANSWER_MAX = 2048 };

struct call {
	struct front_conn *conn;
	unsigned char id[2];
	size_t len;
	char body[BODY_MAX];
};

static const char *url;
static CURLM *multi;
static struct watched sockets[SOCKETS_MAX]; /* by descriptor */
static struct watched timer;
static int timer_fd;

static void die(const char *why)
{
	fprintf(stderr, "null-calls: %s\n", why);
	exit(1);
}

/* ---- what has come ---- */

static size_t on_body(char *bytes, size_t one, size_t n, void *data)
{
	struct call *call = data;

	(void)one;
	if (n > BODY_MAX - call->len)
		return 0;
	memcpy(call->body + call->len, bytes, n);
	call->len += n;
	return n;
}

static void answer(const struct call *call)
{
	unsigned char bytes[ANSWER_MAX];
	char text[BODY_MAX + sizeof(HEAD)];
	int len = snprintf(text, sizeof(text), HEAD "%.*s", call->len, (int)call->len, call->body);

	front_send(call->conn, bytes, front_put(bytes, call->id, text, (size_t)len));
}

static void finish(const CURLMsg *message)
{
	CURL *easy = message->easy_handle;
	struct call *call = NULL;

	if (message->data.result)
		die(curl_easy_strerror(message->data.result));
	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &call);
	curl_multi_remove_handle(multi, easy);
	curl_easy_cleanup(easy);
	answer(call);
	free(call);
}

static void act(curl_socket_t fd, int events)
{
	CURLMsg *message;
	int count;

	if (curl_multi_socket_action(multi, fd, events, &count))
		die("curl_multi_socket_action");
	while ((message = curl_multi_info_read(multi, &count)))
		finish(message);
}

/* ---- sockets and time ---- */

static void on_ready(struct watched *watched, uint32_t events)
{
	act((curl_socket_t)(watched - sockets),
	    ((events & EPOLLIN) ? CURL_CSELECT_IN : 0) |
		    ((events & EPOLLOUT) ? CURL_CSELECT_OUT : 0));
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *unused)
{
	(void)easy;
	(void)data;
	(void)unused;
	if (fd >= SOCKETS_MAX)
		die("too many sockets");
	sockets[fd].ready = on_ready;
	if (what == CURL_POLL_REMOVE)
		front_forget(fd);
	else
		front_watch(fd, &sockets[fd],
			    ((what & CURL_POLL_IN) ? EPOLLIN : 0) |
				    ((what & CURL_POLL_OUT) ? EPOLLOUT : 0));
	return 0;
}

static void on_time(struct watched *watched, uint32_t events)
{
	uint64_t times;

	(void)watched;
	(void)events;
	if (read(timer_fd, &times, sizeof(times)) > 0)
		act(CURL_SOCKET_TIMEOUT, 0);
}

/* Of 0, a timer would never fire. */
static int on_timeout(CURLM *unused, long ms, void *data)
{
	struct itimerspec at = {.it_value = {.tv_nsec = 1}};

	(void)unused;
	(void)data;
	if (ms < 0)
		at.it_value.tv_nsec = 0;
	else if (ms > 0)
		at.it_value = (struct timespec){ms / 1000, ms % 1000 * 1000000};
	timerfd_settime(timer_fd, 0, &at, NULL);
	return 0;
}

/* ---- what is asked ---- */

size_t front_request(struct front_conn *conn, const unsigned char id[2], unsigned char *to)
{
	struct call *call = calloc(1, sizeof(*call));
	CURL *easy = curl_easy_init();

	(void)to;
	if (!call || !easy)
		die("out of memory");
	call->conn = conn;
	memcpy(call->id, id, sizeof(call->id));
	conn->awaited++;
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
	if (curl_multi_add_handle(multi, easy))
		die("curl_multi_add_handle");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fputs("Usage: null-calls SOCKET URL\n", stderr);
		return 2;
	}
	url = argv[2];
	front_listen(argv[1]);
	timer.ready = on_time;
	timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	multi = curl_global_init(CURL_GLOBAL_ALL) ? NULL : curl_multi_init();
	if (timer_fd < 0 || !multi)
		die("out of memory");
	front_watch(timer_fd, &timer, EPOLLIN);
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timeout);
	front_serve();
}

/*
 * What a call to another service costs, of CPU: fetch() from a handler, beside curl's multi
 * interface in a loop of its own (curl_multi_poll, handles used again), from the same service on
 * loopback, which answers 100 bytes on kept connections. Prints microseconds of this process for
 * each call, medians of interleaved rounds.
 *
 *     make build/calls && build/calls [CALLS [AT_ONCE]]
 */
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/mock.h"
#include "../support/system.h"
#include "await/await.h"
#include "await/sched.h"
#include "client/fetch.h"
#include "client/fetch_limits.h"
#include "http/router.h"

enum { ROUNDS = 7, MOST = 512 };

static const char answer[] =
	"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
	"0123456789012345678901234567890123456789012345678901234567890123456789"
	"012345678901234567890123456789";
static char url[64];
static long calls = 20000;
static long at_once = 16;

/* ---- the service, a process of its own ---- */

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	static char block[65536];

	(void)handle;
	(void)size;
	*buf = uv_buf_init(block, sizeof(block));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	uv_buf_t out = uv_buf_init((char *)answer, sizeof(answer) - 1);

	(void)buf;
	if (n < 0)
		uv_close((uv_handle_t *)stream, NULL);
	else
		uv_try_write(stream, &out, 1);
}

static void on_connection(uv_stream_t *listener, int status)
{
	uv_tcp_t *client = malloc(sizeof(*client));

	if (status || !client || uv_tcp_init(listener->loop, client))
		abort();
	uv_accept(listener, (uv_stream_t *)client);
	uv_tcp_nodelay(client, 1);
	uv_read_start((uv_stream_t *)client, on_alloc, on_read);
}

static pid_t serve(void)
{
	uint16_t port;
	int fd = tcp_listen(&port);
	pid_t pid = fork();

	snprintf(url, sizeof(url), "http://127.0.0.1:%u/x", (unsigned)port);
	if (pid == 0) {
		uv_tcp_t listener;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		uv_tcp_init(uv_default_loop(), &listener);
		uv_tcp_open(&listener, fd);
		uv_listen((uv_stream_t *)&listener, 512, on_connection);
		_exit(uv_run(uv_default_loop(), UV_RUN_DEFAULT));
	}
	close(fd);
	return pid;
}

static double cpu(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* ---- from handlers ---- */

static uv_loop_t loop;
static struct sched sched;
static long left, under_way;

static void on_finished(struct request *req)
{
	under_way--;
	uv_stop(&loop);
	request_unref(req);
}

static void on_ran(struct request *req, uint64_t begun, uint64_t ended, bool over)
{
	(void)req;
	(void)begun;
	(void)ended;
	(void)over;
}

static void on_release(struct request *req)
{
	free(req);
}

static const struct request_ops ops = {
	.param = mock_no_param, .ran = on_ran, .finished = on_finished, .release = on_release};

struct calling {
	struct fetch call;
};

/* One after the other, as long as there are some. */
static void call_often(struct request *req)
{
	struct calling *f = FRAME(req, struct calling);

	ASYNC_BEGIN(req);
	f->call.url = slice_of(url);
	while (left-- > 0) {
		AWAIT(req, fetch(req, &f->call));
		if (f->call.content.len != 100)
			abort();
	}
	req->reply.status = 200;
	ASYNC_END(req);
}

static void by_fetch(void)
{
	static const struct route route = GET("/", ASYNC, call_often);

	left = calls;
	for (under_way = 0; under_way < at_once; under_way++) {
		struct request *req = malloc(sizeof(*req));

		request_init(req, &ops, &sched);
		req->route = &route;
		req->method = slice_of("GET");
		request_resume(req, uv_hrtime());
	}
	while (under_way)
		uv_run(&loop, UV_RUN_DEFAULT);
}

/* ---- curl alone ---- */

static size_t take(char *bytes, size_t one, size_t n, void *length)
{
	(void)bytes;
	(void)one;
	*(size_t *)length += n;
	return n;
}

static void by_curl(void)
{
	static CURLM *multi;
	static CURL *easies[MOST];
	static size_t lengths[MOST];
	long done = 0, begun = 0;
	CURLMsg *message;
	int count;

	if (!multi)
		multi = curl_multi_init();
	for (; begun < at_once; begun++) {
		CURL **easy = &easies[begun];

		if (!*easy)
			*easy = curl_easy_init();
		curl_easy_setopt(*easy, CURLOPT_URL, url);
		curl_easy_setopt(*easy, CURLOPT_NOSIGNAL, 1L);
		curl_easy_setopt(*easy, CURLOPT_WRITEFUNCTION, take);
		curl_easy_setopt(*easy, CURLOPT_WRITEDATA, &lengths[begun]);
		curl_multi_add_handle(multi, *easy);
	}
	while (done < calls) {
		curl_multi_perform(multi, &count);
		while ((message = curl_multi_info_read(multi, &count))) {
			CURL *easy = message->easy_handle;

			done++;
			curl_multi_remove_handle(multi, easy);
			if (begun < calls) {
				curl_multi_add_handle(multi, easy);
				begun++;
			}
		}
		if (done < calls)
			curl_multi_poll(multi, NULL, 0, 1000, NULL);
	}
}

static int by_value(const void *a, const void *b)
{
	return (*(const double *)a > *(const double *)b) -
	       (*(const double *)a < *(const double *)b);
}

int main(int argc, char **argv)
{
	static void (*const ways[])(void) = {by_fetch, by_curl};
	double costs[2][ROUNDS];
	pid_t service = serve();

	calls = argc > 1 ? atol(argv[1]) : calls;
	at_once = argc > 2 ? atol(argv[2]) : at_once;
	fetch_prepare();
	if (at_once < 1 || at_once > MOST || uv_loop_init(&loop) ||
	    sched_open(&sched, &loop, &(struct sched_options){0}))
		return 1;
	for (int round = -1; round < ROUNDS; round++)
		for (int way = 0; way < 2; way++) {
			double begun = cpu();

			ways[way]();
			if (round >= 0)
				costs[way][round] = (cpu() - begun) * 1e6 / (double)calls;
		}
	for (int way = 0; way < 2; way++)
		qsort(costs[way], ROUNDS, sizeof(double), by_value);
	printf("fetch %.1f us a call, curl alone %.1f us\n", costs[0][ROUNDS / 2],
	       costs[1][ROUNDS / 2]);
	kill(service, SIGKILL);
	waitpid(service, NULL, 0);
	return 0;
}

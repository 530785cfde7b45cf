#include "client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "machine.h"

enum { ANSWER_SIZE = 2048, WORKERS_MAX = 16, EVENTS = 512, TICK_MS = 10, LONGEST_REQUEST = 512 };

/* ---- one request ---- */

static struct response response;

struct part {
	char *text;
	size_t size;
	size_t len;
};

static size_t on_bytes(char *bytes, size_t one, size_t n, void *to)
{
	struct part *part = to;
	size_t room = part->size - 1 - part->len;

	memcpy(part->text + part->len, bytes, n < room ? n : room);
	part->len += n < room ? n : room;
	part->text[part->len] = '\0';
	return one * n;
}

const struct response *request(const struct system *system, const char *method, const char *target)
{
	static CURL *curl;
	struct part head = {response.head, sizeof(response.head), 0};
	struct part body = {response.body, sizeof(response.body), 0};
	char url[32768];
	long status = 0;
	curl_off_t us = 0;

	if (!curl)
		curl = curl_easy_init();
	curl_easy_reset(curl);
	snprintf(url, sizeof(url), "%s%s", system->url, target);
	response.head[0] = response.body[0] = '\0';
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)PATIENCE);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_bytes);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, &head);
	if (method && !strcmp(method, "HEAD"))
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	else if (method)
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	if (curl_easy_perform(curl) == CURLE_OK)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME_T, &us);
	response.status = (int)status;
	response.seconds = (double)us / 1e6;
	return &response;
}

const struct response *get(const struct system *system, const char *target)
{
	return request(system, NULL, target);
}

size_t exchange(const struct system *system, const char *from, const char *bytes, size_t len,
		char *answer, size_t size)
{
	struct sockaddr_in own = {.sin_family = AF_INET};
	struct sockaddr_in peer = {.sin_family = AF_INET,
				   .sin_port = htons(system->port),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval patience = {.tv_sec = PATIENCE};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t got = 0;
	ssize_t n;

	inet_pton(AF_INET, from, &own.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (bind(fd, (struct sockaddr *)&own, sizeof(own)) == 0 &&
	    connect(fd, (struct sockaddr *)&peer, sizeof(peer)) == 0 &&
	    send(fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len)
		while (got < size - 1 && (n = recv(fd, answer + got, size - 1 - got, 0)) > 0)
			got += (size_t)n;
	close(fd);
	answer[got] = '\0';
	return got;
}

const char *header(const struct response *r, const char *name)
{
	static char value[2048];
	size_t len = strlen(name);

	value[0] = '\0';
	for (const char *line = r->head; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncasecmp(line, name, len) || line[len] != ':')
			continue;
		line += len + 1;
		line += strspn(line, " ");
		snprintf(value, sizeof(value), "%.*s", (int)strcspn(line, "\r\n"), line);
		break;
	}
	return value;
}

double timing(const struct response *r, const char *part)
{
	char sought[64];
	const char *value = header(r, "Server-Timing");
	size_t len = (size_t)snprintf(sought, sizeof(sought), "%s;dur=", part);

	for (; value; value = strchr(value, ',')) {
		value += strspn(value, ", ");
		if (!strncmp(value, sought, len))
			return strtod(value + len, NULL);
	}
	return -1;
}

/* ---- thousands of requests ---- */

/* One for each in the client and in the worker, two in nginx, whose processes (start.sh makes them
 * as many as cores, at most four) share them, but not evenly, and leave a third to other addresses.
 */
bool needs_connections(size_t count)
{
	long processes = machine_cores() < 4 ? machine_cores() : 4;
	long in_nginx = 3 * (long)count / processes;
	long in_worker = (long)count;

	return needs_files(100 + (in_nginx > in_worker ? in_nginx : in_worker));
}

static void latency_add(struct latency *latency, double seconds)
{
	double step = seconds > 1e-6 ? 8 * log2(seconds * 1e6) : 0;

	latency->counts[step < LATENCY_STEPS - 1 ? (size_t)step : LATENCY_STEPS - 1]++;
	latency->total++;
}

double latency_quantile(const struct latency *latency, double part)
{
	size_t below = 0;

	for (size_t step = 0; step < LATENCY_STEPS; step++) {
		below += latency->counts[step];
		if (below && (double)below >= part * (double)latency->total)
			return exp2((double)(step + 1) / 8) / 1e6;
	}
	return 0;
}

struct link {
	int fd;
	bool kept; /* has been answered before: it may close under the next request */
	bool done;
	bool served; /* has been answered well */
	double sent;
	size_t len;
	char answer[ANSWER_SIZE];
};

struct burst {
	struct burst_options options;
	struct burst_result result;
	struct sockaddr_in address;
	char request[LONGEST_REQUEST];
	size_t request_len;
	char workers[WORKERS_MAX][32];
	pthread_t thread;
	int epoll;
	size_t open;
	double started;
	atomic_size_t answered;
	atomic_bool finish;
	atomic_bool hang_up;
	struct link links[];
};

static void link_end(struct burst *burst, struct link *link)
{
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
	if (!link->done) {
		burst->open--;
		burst->result.starved += !link->served;
	}
	link->done = true;
}

static void link_fail(struct burst *burst, struct link *link, const char *what)
{
	link->answer[link->len] = '\0';
	if (!burst->result.failed++)
		snprintf(burst->result.failure, sizeof(burst->result.failure),
			 "%s after %.3f s: %.150s", what, now() - link->sent, link->answer);
	link_end(burst, link);
}

static bool link_connect(struct burst *burst, struct link *link)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	link->fd = fd;
	link->kept = false;
	return fd >= 0 &&
	       connect(fd, (struct sockaddr *)&burst->address, sizeof(burst->address)) == 0 &&
	       epoll_ctl(burst->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool link_send(struct burst *burst, struct link *link)
{
	link->len = 0;
	link->sent = now();
	burst->result.sent++;
	return send(link->fd, burst->request, burst->request_len, MSG_NOSIGNAL) ==
	       (ssize_t)burst->request_len;
}

static void link_again(struct burst *burst, struct link *link)
{
	burst->result.resent++;
	burst->result.sent--;
	close(link->fd);
	if (!link_connect(burst, link) || !link_send(burst, link))
		link_fail(burst, link, "not connected");
}

/* The end of a whole answer in link->answer, or NULL. */
static char *answer_body(struct link *link)
{
	char *body;
	char *length;

	link->answer[link->len] = '\0';
	body = strstr(link->answer, "\r\n\r\n");
	length = body ? strcasestr(link->answer, "\r\nContent-Length: ") : NULL;
	if (!length || length > body)
		return NULL;
	body += 4;
	return (size_t)(body - link->answer) + strtoul(length + 18, NULL, 10) <= link->len ? body
											   : NULL;
}

static void note_worker(struct burst *burst, const char *answer)
{
	const char *name = strstr(answer, "X-Lanes-Worker: ");
	size_t len;

	if (!name)
		return;
	name += 16;
	len = strcspn(name, "\r");
	for (size_t i = 0; i < WORKERS_MAX; i++) {
		char *known = burst->workers[i];

		if (strlen(known) == len && !memcmp(known, name, len))
			return;
		if (!known[0]) {
			snprintf(known, sizeof(burst->workers[i]), "%.*s", (int)len, name);
			burst->result.workers++;
			return;
		}
	}
}

static bool is_refusal(const struct burst *burst, const struct link *link)
{
	return burst->options.may_refuse && !strncmp(link->answer, "HTTP/1.1 503 ", 13) &&
	       strcasestr(link->answer, "\r\nRetry-After: ");
}

static void on_success(struct burst *burst, struct link *link)
{
	note_worker(burst, link->answer);
	burst->result.last = now() - burst->started;
	if (burst->result.answered++ == 0)
		burst->result.first = burst->result.last;
	atomic_store(&burst->answered, burst->result.answered);
	latency_add(&burst->result.answers, now() - link->sent);
	link->served = true;
}

static void on_answer(struct burst *burst, struct link *link, const char *body)
{
	const struct burst_options *o = &burst->options;

	if (is_refusal(burst, link)) {
		burst->result.refused++;
		latency_add(&burst->result.refusals, now() - link->sent);
	} else if (strncmp(link->answer, "HTTP/1.1 200 ", 13) ||
		   (o->body && strcmp(body, o->body))) {
		link_fail(burst, link, "wrong answer");
		return;
	} else {
		on_success(burst, link);
	}
	link->kept = true;
	if (!o->repeat || atomic_load(&burst->finish))
		link_end(burst, link);
	else if (!link_send(burst, link))
		link_again(burst, link);
}

static void on_input(struct burst *burst, struct link *link)
{
	ssize_t n =
		recv(link->fd, link->answer + link->len, ANSWER_SIZE - 1 - link->len, MSG_DONTWAIT);
	char *body;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		if (link->kept && !link->len)
			link_again(burst, link);
		else
			link_fail(burst, link, n ? strerror(errno) : "closed");
		return;
	}
	link->len += (size_t)n;
	body = answer_body(link);
	if (body)
		on_answer(burst, link, body);
}

static void give_up_silent(struct burst *burst)
{
	double limit = now() - PATIENCE;

	for (size_t i = 0; i < burst->options.connections; i++)
		if (!burst->links[i].done && burst->links[i].sent < limit)
			link_fail(burst, &burst->links[i], "silence");
}

static void *burst_run(void *arg)
{
	struct burst *burst = arg;
	struct epoll_event events[EVENTS];
	double looked = now();

	while (burst->open && !atomic_load(&burst->hang_up)) {
		int n = epoll_wait(burst->epoll, events, EVENTS, TICK_MS);

		for (int i = 0; i < n; i++)
			on_input(burst, events[i].data.ptr);
		if (now() - looked > 1) {
			give_up_silent(burst);
			looked = now();
		}
	}
	for (size_t i = 0; i < burst->options.connections; i++)
		link_end(burst, &burst->links[i]);
	return NULL;
}

struct burst *burst_start(const struct system *system, const struct burst_options *options)
{
	size_t count = options->connections;
	struct burst *burst = calloc(1, sizeof(*burst) + count * sizeof(burst->links[0]));

	if (!burst)
		abort();
	burst->options = *options;
	burst->open = count;
	burst->epoll = epoll_create1(EPOLL_CLOEXEC);
	burst->address = (struct sockaddr_in){.sin_family = AF_INET,
					      .sin_port = htons(system->front_port),
					      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	burst->request_len =
		(size_t)snprintf(burst->request, sizeof(burst->request),
				 "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", options->target);
	for (size_t i = 0; i < count; i++) {
		burst->links[i].sent = now();
		if (!link_connect(burst, &burst->links[i]))
			link_fail(burst, &burst->links[i], strerror(errno));
	}
	burst->started = now();
	for (size_t i = 0; i < count; i++)
		if (!burst->links[i].done && !link_send(burst, &burst->links[i]))
			link_fail(burst, &burst->links[i], strerror(errno));
	if (pthread_create(&burst->thread, NULL, burst_run, burst))
		abort();
	return burst;
}

size_t burst_answered(struct burst *burst)
{
	return atomic_load(&burst->answered);
}

static void burst_join(struct burst *burst)
{
	pthread_join(burst->thread, NULL);
	close(burst->epoll);
}

void burst_wait(struct burst *burst, struct burst_result *result)
{
	atomic_store(&burst->finish, true);
	burst_join(burst);
	*result = burst->result;
	if (result->failed && !burst->options.may_fail)
		fprintf(stderr, "%s: %zu answered, %zu failed: %s\n", burst->options.target,
			result->answered, result->failed, result->failure);
	free(burst);
}

void burst_hang_up(struct burst *burst)
{
	atomic_store(&burst->hang_up, true);
	burst_join(burst);
	free(burst);
}

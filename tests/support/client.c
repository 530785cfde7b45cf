#include "client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "harness.h"
#include "machine.h"
#include "wire.h"

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
	static struct curl_slist *empty;
	struct part head = {response.head, sizeof(response.head), 0};
	struct part body = {response.body, sizeof(response.body), 0};
	struct buffer whole = {0};
	long status = 0;
	curl_off_t us = 0;

	if (!curl)
		curl = curl_easy_init();
	curl_easy_reset(curl);
	response.head[0] = response.body[0] = '\0';
	/* Without a body there is none, and not one of unknown length. */
	if (!empty)
		empty = curl_slist_append(NULL, "Content-Length: 0");
	if (method &&
	    (!strcmp(method, "POST") || !strcmp(method, "PUT") || !strcmp(method, "PATCH")))
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, empty);
	buffer_append_text(&whole, system->mount);
	buffer_append(&whole, target, strlen(target) + 1);
	curl_easy_setopt(curl, CURLOPT_URL, system->url);
	curl_easy_setopt(curl, CURLOPT_REQUEST_TARGET, whole.data);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER,
			 0L); /* with TLS, a certificate of the test's */
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
	buffer_free(&whole);
	response.status = (int)status;
	response.seconds = (double)us / 1e6;
	return &response;
}

const struct response *get(const struct system *system, const char *target)
{
	return request(system, NULL, target);
}

pid_t worker_pid(const struct system *system, const char *name)
{
	const char *at = get(system, "/status")->body;
	const char *worker = textf("\"name\":\"%s\"", name);
	pid_t pid = 0;

	while (!pid && (at = strstr(at, worker)) && (at = strstr(at, "\"pid\":")))
		if (!strncmp(strstr(at, "\"draining\":"), "\"draining\":false", 16))
			pid = atoi(at + 6);
	return pid;
}

bool events_open(struct raw *raw, const struct system *system)
{
	return raw_open(raw, system_file(system, "admin.sock")) && raw_get(raw, 1, "/events", "") &&
	       raw_answers(raw, "text/event-stream") && raw_answers(raw, "\"lost\":0}");
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
	static char value[4096];
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
	return wire_timing(header(r, "Server-Timing"), part);
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

struct load *load_system(const struct system *system, const struct load_plan *plan)
{
	struct load_plan through = *plan;
	const char *const port = strrchr(system->url, ':') + 1;

	through.target = textf("%s%s", system->mount, plan->target);
	through.servers = &port;
	through.server_count = 1;
	through.http = through.together = through.may_resend = true;
	through.patience = PATIENCE * UINT64_C(1000000000);
	return load_start(&through);
}

bool load_goes_on(struct load *load, size_t more)
{
	size_t before = load_answered(load);

	return EVENTUALLY(load_answered(load) > before + more);
}

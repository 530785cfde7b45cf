#include "volley.h"

#include <curl/curl.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process.h"
#include "wire.h"

enum { TICK_MS = 50 };

void shot_aim(struct shot *shot, double at, const char *format, ...)
{
	va_list arguments;

	*shot = (struct shot){.at = at};
	va_start(arguments, format);
	vsnprintf(shot->target, sizeof(shot->target), format, arguments);
	va_end(arguments);
}

double shot_seconds(const struct shot *shot)
{
	return shot->ended - shot->sent;
}

static size_t ignore_body(char *bytes, size_t one, size_t n, void *nothing)
{
	(void)bytes;
	(void)nothing;
	return one * n;
}

/* What a POST is sent as. */
static struct curl_slist *headers;

static CURL *prepare(const char *url, struct shot *shot)
{
	CURL *easy = curl_easy_init();

	if (!easy)
		abort();
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, shot->target);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER,
			 0L); /* with TLS, a certificate of the test's */
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore_body);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, shot);
	if (shot->json) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, shot->json);
		curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	}
	return easy;
}

/* Seconds that it lay in this queue, if in any. */
static double queued(const char *timing, const char *queue)
{
	return fmax(wire_timing(timing, queue), 0) / 1000;
}

static void note_header(CURL *easy, const char *name, char *text, size_t size)
{
	struct curl_header *header;

	if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
		snprintf(text, size, "%s", header->value);
}

static void note_answer(CURL *easy, struct shot *shot)
{
	char timing[256] = "";
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	shot->status = (int)status;
	note_header(easy, "X-Lanes-Worker", shot->worker, sizeof(shot->worker));
	note_header(easy, "Location", shot->location, sizeof(shot->location));
	note_header(easy, "Content-Type", shot->type, sizeof(shot->type));
	note_header(easy, "Server-Timing", timing, sizeof(timing));
	shot->waited = queued(timing, "queue") + queued(timing, "pool-queue");
}

/* Takes what has been answered; returns how many. */
static size_t collect(CURLM *multi, double begin)
{
	CURLMsg *message;
	size_t count = 0;
	int left;

	while ((message = curl_multi_info_read(multi, &left))) {
		struct shot *shot;

		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&shot);
		shot->ended = now() - begin;
		if (message->data.result == CURLE_OK)
			note_answer(message->easy_handle, shot);
		count++;
	}
	return count;
}

/* Sends what is due. Returns the seconds until the next is, at most a tick. */
static double send_due(const struct volley *v, CURLM *multi, CURL **easy, bool *sent, double begin)
{
	double next = TICK_MS / 1000.0;

	for (size_t i = 0; i < v->count; i++) {
		double wait = v->shots[i].at - (now() - begin);

		if (sent[i])
			continue;
		if (wait > 0) {
			next = wait < next ? wait : next;
			continue;
		}
		v->shots[i].sent = now() - begin;
		curl_multi_add_handle(multi, easy[i]);
		sent[i] = true;
	}
	return next;
}

static void fly(const struct volley *v, CURLM *multi, CURL **easy, bool *sent)
{
	double begin = now();
	double ticked = begin;
	size_t answered = 0;
	int running;

	while (answered < v->count && now() - begin < v->limit) {
		double wait = send_due(v, multi, easy, sent, begin);

		curl_multi_perform(multi, &running);
		answered += collect(multi, begin);
		if (v->tick && now() - ticked > TICK_MS / 1000.0) {
			v->tick(v->arg, answered);
			ticked = now();
		}
		if (answered < v->count)
			curl_multi_poll(multi, NULL, 0, (int)(wait * 1000) + 1, NULL);
	}
	for (size_t i = 0; i < v->count; i++)
		if (v->shots[i].ended == 0)
			v->shots[i].ended = now() - begin;
}

void volley_send(const struct volley *v)
{
	CURLM *multi = curl_multi_init();
	CURL **easy = calloc(v->count, sizeof(*easy));
	bool *sent = calloc(v->count, sizeof(*sent));

	if (!multi || !easy || !sent)
		abort();
	headers = curl_slist_append(NULL, "Content-Type: application/json");
	for (size_t i = 0; i < v->count; i++)
		easy[i] = prepare(v->url, &v->shots[i]);
	fly(v, multi, easy, sent);
	for (size_t i = 0; i < v->count; i++) {
		curl_multi_remove_handle(multi, easy[i]);
		curl_easy_cleanup(easy[i]);
	}
	curl_multi_cleanup(multi);
	curl_slist_free_all(headers);
	free(easy);
	free(sent);
}

double volley_seconds(const struct volley *v)
{
	double last = 0;

	for (size_t i = 0; i < v->count; i++)
		if (v->shots[i].ended > last)
			last = v->shots[i].ended;
	return last;
}

size_t volley_failed(const struct volley *v)
{
	size_t count = 0;

	for (size_t i = 0; i < v->count; i++)
		count += v->shots[i].status / 100 != 2;
	return count;
}

size_t volley_fullest(const struct volley *v)
{
	size_t most = 0;

	for (size_t i = 0; i < v->count; i++) {
		size_t same = 0;

		for (size_t k = 0; k < v->count; k++)
			same += !strcmp(v->shots[i].worker, v->shots[k].worker);
		most = same > most ? same : most;
	}
	return most;
}

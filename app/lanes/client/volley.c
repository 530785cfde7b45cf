#include "client/volley.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "await/sched.h"
#include "base/util.h"

enum { NS_PER_MS = 1000000, READ_SIZE = 65536 };

static const char BEFORE[] = "GET ";
static const char AFTER[] = " HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n";

enum {
	AROUND = sizeof(BEFORE) - 1 + sizeof(AFTER) - 1,
	SPAN_AT = 36, /* in a traceparent */
	FLAGS_AT = 52,
	TRACEPARENT = 55,
};

enum state { WAITS, FLIES, ENDED };

struct shot {
	struct volley *volley;
	uint64_t delay; /* nanoseconds */
	struct slice text;
	char own[80]; /* … and what comes behind it */
	enum state state;
	uv_tcp_t tcp;
	uv_connect_t connect;
	uv_write_t write;
	uint64_t sent;
	uint64_t ended;
	const char *error;
	struct answer answer;
};

struct volley {
	struct sched *sched;
	const struct front *front;
	void (*done)(void *arg); /* NULL: nobody wants to know */
	void *arg;
	struct timer timer; /* for the next shot, or the end */
	uint64_t begun;
	size_t left; /* not ended */
	size_t refs; /* handles that are not closed, and the owner */
	size_t count;
	char traceparent[TRACEPARENT + 1]; /* of who fires it; "": none */
	size_t bytes;			   /* of texts */
	char *texts;
	struct shot shots[];
};

static unsigned volleys;

/* Read and taken at once: one for all connections. */
static char read_buffer[READ_SIZE];

/* ---- the front ---- */

int front_parse(struct front *front, const char *text)
{
	const char *colon = strrchr(text, ':');
	char host[64];
	size_t len;
	char *end;
	long port;

	if (!colon)
		return -EINVAL;
	len = (size_t)(colon - text);
	port = strtol(colon + 1, &end, 10);
	if (port < 1 || port > 65535 || *end || len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	if (uv_ip4_addr(host, (int)port, &front->address.v4) == 0)
		return 0;
	if (host[0] != '[' || host[len - 1] != ']')
		return -EINVAL;
	host[len - 1] = '\0';
	return uv_ip6_addr(host + 1, (int)port, &front->address.v6) ? -EINVAL : 0;
}

uint16_t front_port(const struct front *front)
{
	return ntohs(front->address.any.sa_family == AF_INET ? front->address.v4.sin_port
							     : front->address.v6.sin6_port);
}

/* ---- its life ---- */

int volley_open(struct volley **volley, struct sched *sched, size_t shots, size_t bytes,
		struct slice traceparent)
{
	size_t size = sizeof(**volley) + shots * sizeof(struct shot) + bytes + shots * AROUND;

	*volley = NULL;
	if (volleys >= VOLLEYS_MAX)
		return -EAGAIN;
	*volley = calloc(1, size);
	if (!*volley)
		return -ENOMEM;
	(*volley)->sched = sched;
	(*volley)->refs = 1;
	(*volley)->texts = (char *)&(*volley)->shots[shots];
	if (traceparent.len == TRACEPARENT)
		memcpy((*volley)->traceparent, traceparent.data, TRACEPARENT);
	volleys++;
	return 0;
}

static void unref(struct volley *volley)
{
	if (--volley->refs)
		return;
	volleys--;
	free(volley);
}

/* It belongs to the trace of who fires it, and is a span of its own. That span's number is odd, and
 * so never 0. */
static void own_headers(struct shot *shot, size_t number)
{
	const char *trace = shot->volley->traceparent;
	uint64_t span = strtoull(trace + SPAN_AT, NULL, 16) + 2 * (number + 1);

	snprintf(shot->own, sizeof(shot->own), "traceparent: %.*s%016" PRIx64 "%s\r\n\r\n", SPAN_AT,
		 trace, span | 1, trace + FLAGS_AT);
}

/* The text is the same for all of them. */
void volley_add(struct volley *volley, uint64_t delay, size_t times, struct slice target)
{
	char *text = volley->texts + volley->bytes;
	char *at = text;

	memcpy(at, BEFORE, sizeof(BEFORE) - 1);
	at += sizeof(BEFORE) - 1;
	memcpy(at, target.data, target.len);
	at += target.len;
	memcpy(at, AFTER, sizeof(AFTER) - 1);
	volley->bytes += AROUND + target.len;
	volley->left += times;
	for (size_t i = 0; i < times; i++) {
		struct shot *shot = &volley->shots[volley->count];

		shot->volley = volley;
		if (volley->traceparent[0])
			own_headers(shot, volley->count);
		else
			strcpy(shot->own, "\r\n");
		volley->count++;
		shot->delay = delay * NS_PER_MS;
		shot->text = (struct slice){text, AROUND + target.len};
		shot->error = "";
		answer_init(&shot->answer);
	}
}

/* ---- one request ---- */

static void on_closed(uv_handle_t *tcp)
{
	unref(container_of(tcp, struct shot, tcp)->volley);
}

/* The volley's owner hears of the last one. */
static void shot_end(struct shot *shot, const char *error)
{
	struct volley *volley = shot->volley;

	if (shot->state == ENDED)
		return;
	if (shot->state == FLIES)
		uv_close((uv_handle_t *)&shot->tcp, on_closed);
	shot->state = ENDED;
	shot->ended = uv_hrtime();
	shot->error = error;
	if (--volley->left)
		return;
	if (volley->done)
		volley->done(volley->arg);
}

static void on_alloc(uv_handle_t *tcp, size_t suggested, uv_buf_t *buf)
{
	(void)tcp;
	(void)suggested;
	*buf = uv_buf_init(read_buffer, sizeof(read_buffer));
}

static void shot_feed(struct shot *shot, const char *bytes, size_t n)
{
	static const char *const errors[] = {
		[ANSWER_DONE] = "",
		[ANSWER_BAD] = "no HTTP answer",
		[ANSWER_TOO_LONG] = "too long an answer",
	};
	enum answer_state state = answer_feed(&shot->answer, bytes, n);

	if (state != ANSWER_MORE)
		shot_end(shot, errors[state]);
}

static void on_read(uv_stream_t *tcp, ssize_t n, const uv_buf_t *buf)
{
	struct shot *shot = container_of((uv_tcp_t *)tcp, struct shot, tcp);

	if (n == UV_EOF)
		shot_end(shot, answer_ends_here(&shot->answer) ? "" : "closed before its end");
	else if (n < 0)
		shot_end(shot, uv_strerror((int)n));
	else
		shot_feed(shot, buf->base, (size_t)n);
}

/* A write that fails is heard of by who reads. Also called when the handle is closed: then the shot
 * has ended already. */
static void on_connected(uv_connect_t *connect, int status)
{
	struct shot *shot = container_of(connect, struct shot, connect);
	uv_stream_t *stream = (uv_stream_t *)&shot->tcp;
	uv_buf_t texts[] = {uv_buf_init((char *)shot->text.data, (unsigned)shot->text.len),
			    uv_buf_init(shot->own, (unsigned)strlen(shot->own))};

	if (!status)
		status = uv_write(&shot->write, stream, texts, 2, NULL);
	if (!status)
		status = uv_read_start(stream, on_alloc, on_read);
	if (status)
		shot_end(shot, uv_strerror(status));
}

static void launch(struct shot *shot)
{
	struct volley *volley = shot->volley;
	int err;

	uv_tcp_init(volley->sched->loop, &shot->tcp); /* makes no socket yet, so it cannot fail */
	shot->state = FLIES;
	volley->refs++;
	shot->sent = uv_hrtime();
	err = uv_tcp_connect(&shot->connect, &shot->tcp, &volley->front->address.any, on_connected);
	if (err)
		shot_end(shot, uv_strerror(err));
}

/* ---- all of them ---- */

/* The next to be sent, in the order of their moments; NULL: all are. */
static struct shot *next_shot(struct volley *volley)
{
	struct shot *next = NULL;

	for (size_t i = 0; i < volley->count; i++) {
		struct shot *shot = &volley->shots[i];

		if (shot->state == WAITS && (!next || shot->delay < next->delay))
			next = shot;
	}
	return next;
}

static void on_time(struct timer *timer)
{
	struct volley *volley = container_of(timer, struct volley, timer);
	uint64_t now = uv_hrtime();
	uint64_t last = volley->begun + VOLLEY_SECONDS * UINT64_C(1000000000);
	struct shot *shot;

	volley->refs++; /* whoever hears of the end lets go of it */
	for (size_t i = 0; i < volley->count && now >= last; i++)
		shot_end(&volley->shots[i], "no answer in time");
	while ((shot = next_shot(volley)) && volley->begun + shot->delay <= now)
		launch(shot);
	if (volley->left)
		timers_add(&volley->sched->timers, timer,
			   shot && volley->begun + shot->delay < last ? volley->begun + shot->delay
								      : last);
	unref(volley);
}

int volley_fire(struct volley *volley, const struct front *front, void (*done)(void *arg),
		void *arg)
{
	volley->front = front;
	volley->done = done;
	volley->arg = arg;
	volley->begun = uv_hrtime();
	volley->timer.fire = on_time;
	return timers_add(&volley->sched->timers, &volley->timer, volley->begun);
}

void volley_drop(struct volley *volley)
{
	volley->done = NULL;
	timers_remove(&volley->sched->timers, &volley->timer);
	for (size_t i = 0; i < volley->count; i++)
		shot_end(&volley->shots[i], "");
	unref(volley);
}

size_t volley_count(const struct volley *volley)
{
	return volley->count;
}

struct shot_result volley_result(const struct volley *volley, size_t i)
{
	const struct shot *shot = &volley->shots[i];

	return (struct shot_result){
		.target = {shot->text.data + sizeof(BEFORE) - 1, shot->text.len - AROUND},
		.sent = shot->sent,
		.ended = shot->ended,
		.error = shot->error,
		.answer = &shot->answer,
	};
}

/* What a handler sees of a call: it begins, ends, and is released. */
#include "client/fetch.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/budget.h"
#include "base/log.h"
#include "base/util.h"
#include "client/fetch_multi.h"
#include "http/request.h"
#include "http/trace_context.h"

enum { HANDLE_BYTES = 24576 }; /* of curl's, more or less, for one that is not over */

static const double WITHIN_MOST = 1e8; /* seconds */

struct fetch_limits fetch_limits = {.most = 512, .host = 128, .queue = 1024, .idle = 30};

static bool prepared;

void fetch_prepare(void)
{
	if (!prepared)
		prepared = curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK;
	names_prepare();
}

/* ---- memory ---- */

static bool charge(struct fetch_call *call, size_t bytes)
{
	if (!budget_take(call->budget, bytes))
		return false;
	call->charged += bytes;
	return true;
}

static void give_back(struct fetch_call *call, size_t bytes)
{
	budget_give(call->budget, bytes);
	call->charged -= bytes;
}

bool fetch_reserve(struct fetch_call *call, struct buffer *buffer, size_t n)
{
	size_t before = buffer->size;

	if (buffer_reserve(buffer, n) && charge(call, buffer->size - before))
		return true;
	call->error = -ENOMEM;
	return false;
}

bool fetch_add_header(struct fetch_call *call, const char *line)
{
	struct curl_slist *longer = curl_slist_append(call->headers, line);

	if (longer)
		call->headers = longer;
	return longer;
}

/* What is only needed until it has ended. */
static void free_question(struct fetch_call *call)
{
	timers_remove(&call->fetcher->sched->timers, &call->deadline);
	curl_slist_free_all(call->headers);
	call->headers = NULL;
	free(call->ca);
	call->ca = NULL;
	curl_free(call->url);
	call->url = NULL;
	give_back(call, HANDLE_BYTES);
}

/* One that has ended. */
static void call_free(struct fetch_call *call)
{
	buffer_free(&call->lines);
	buffer_free(&call->content);
	budget_give(call->budget, call->charged);
	free(call);
}

static void release_all(void *kept)
{
	struct fetch_call **first = &((struct fetch_kept *)kept)->first;

	while (*first) {
		struct fetch_call *released = *first;

		*first = released->kept_next;
		call_free(released);
	}
}

void fetch_release(struct fetch *asked)
{
	struct fetch_call *one = asked->call;
	struct fetch_call **at;

	if (!one || one->task.co)
		return;
	for (at = &one->kept->first; *at != one;)
		at = &(*at)->kept_next;
	*at = one->kept_next;
	call_free(one);
	asked->call = NULL;
	asked->content = (struct slice){NULL, 0};
	asked->why = "";
}

/* Where the request's are remembered; NULL if memory is out. */
static struct fetch_kept *kept_by(struct request *req)
{
	struct fetch_kept *kept = request_deferred(req, release_all);

	if (kept)
		return kept;
	kept = request_alloc(req, sizeof(*kept));
	return kept && request_defer(req, release_all, kept) ? kept : NULL;
}

static struct fetch_call *call_new(struct request *req, struct fetcher *fetcher)
{
	struct fetch_kept *kept = kept_by(req);
	struct fetch_call *one = kept ? calloc(1, sizeof(*one)) : NULL;

	if (!one)
		return NULL;
	one->budget = req->budget;
	if (!charge(one, sizeof(*one) + HANDLE_BYTES)) {
		free(one);
		return NULL;
	}
	one->fetcher = fetcher;
	one->co = &req->co;
	one->begun = uv_hrtime();
	one->kept = kept;
	one->kept_next = kept->first;
	kept->first = one;
	return one;
}

/* ---- what is asked ---- */

static bool is_token(const char *text, size_t len)
{
	static const char others[] = "!#$%&'*+-.^_`|~";
	size_t i = 0;

	while (i < len && text[i] && (isalnum((unsigned char)text[i]) || strchr(others, text[i])))
		i++;
	return len && i == len;
}

/* Those that say how the message is sent are curl's. */
static bool is_header(const char *line)
{
	static const char *const ours[] = {"Content-Length", "Transfer-Encoding", "Connection",
					   "Upgrade", "Expect"};
	size_t len = strcspn(line, ":");

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (len == strlen(ours[i]) && !strncasecmp(line, ours[i], len))
			return false;
	return line[len] && is_token(line, len) && !strpbrk(line, "\r\n");
}

static bool has_header(const struct fetch *asked, const char *name)
{
	size_t len = strlen(name);
	const char *const *at = asked->headers;

	while (at && *at && (strncasecmp(*at, name, len) != 0 || (*at)[len] != ':'))
		at++;
	return at && *at;
}

static int take_headers(struct request *req, struct fetch_call *call, const struct fetch *asked)
{
	char line[16 + TRACEPARENT_SIZE];
	bool made = true;

	for (const char *const *at = asked->headers; at && *at && made; at++) {
		if (!is_header(*at))
			return -EINVAL;
		made = fetch_add_header(call, *at);
	}
	if (made && !has_header(asked, "Content-Type"))
		made = fetch_add_header(call, "Content-Type:"); /* it would be a form's */
	if (made)
		made = fetch_add_header(call, "Expect:"); /* nobody is asked first */
	if (made && !has_header(asked, "traceparent")) {
		struct slice trace = request_traceparent(req);

		snprintf(line, sizeof(line), "traceparent: %.*s", (int)trace.len, trace.data);
		made = trace.len && fetch_add_header(call, line);
	}
	return made ? 0 : -ENOMEM;
}

static int take_method(struct fetch_call *call, const struct fetch *asked)
{
	const char *method = asked->method ? asked->method : asked->body.len ? "POST" : "GET";
	size_t len = strlen(method);

	if (len >= sizeof(call->method) || !is_token(method, len) || !strcmp(method, "CONNECT"))
		return -EINVAL;
	memcpy(call->method, method, len + 1);
	return 0;
}

/* As curl writes it: who is asked for the name must be who is connected to. */
static int take_url(struct fetch_call *call, struct slice url)
{
	char *text;
	int err;

	if (!url.len || url.len > FETCH_URL_MOST || memchr(url.data, '\0', url.len))
		return -EINVAL;
	text = strndup(url.data, url.len);
	if (!text)
		return -ENOMEM;
	err = fetch_host_aim(call, text);
	free(text);
	return err;
}

static int take_question(struct request *req, struct fetch_call *call, const struct fetch *asked)
{
	int err = take_method(call, asked);

	if (!err)
		err = take_headers(req, call, asked);
	if (!err && asked->ca) {
		call->ca = strdup(asked->ca);
		err = call->ca ? 0 : -ENOMEM;
	}
	call->body = asked->body;
	call->limit = asked->limit ? asked->limit : FETCH_LIMIT;
	call->follows = asked->redirects > 0;
	call->redirects = asked->redirects;
	return err ? err : take_url(call, asked->url);
}

/* ---- its end ---- */

/* For who watches, and the log. */
static void show_end(struct fetch_call *call, int error)
{
	call->asked->error = error;
	awaited_end(&call->awaited, error, uv_hrtime());
}

void fetch_end(struct fetch_call *call, int error)
{
	struct fetch *asked = call->asked;

	show_end(call, error);
	if (!error) {
		asked->status = call->status;
		asked->content = buffer_slice(&call->content);
		if (!asked->content.data)
			asked->content.data = "";
	}
	free_question(call);
	coroutine_woken(call->task.co, uv_hrtime());
	task_end(&call->task, error);
}

/* Nobody waits for it any more. Its buffers may be large. */
static void cancel(struct task *task)
{
	struct fetch_call *one = container_of(task, struct fetch_call, task);

	show_end(one, one->co->error ? one->co->error : -ECANCELED);
	fetch_host_leave(one);
	free_question(one);
	buffer_free(&one->lines);
	buffer_free(&one->content);
	give_back(one, one->charged - sizeof(*one));
}

static void on_late(struct timer *timer)
{
	struct fetch_call *one = container_of(timer, struct fetch_call, deadline);

	fetch_host_leave(one);
	snprintf(one->why, sizeof(one->why), "not all of it in time");
	fetch_end(one, -ETIMEDOUT);
}

/* ---- its beginning ---- */

static int set_deadline(struct fetch_call *call, double within)
{
	double seconds = within > 0 ? within : FETCH_WITHIN;
	uint64_t most = (uint64_t)((seconds < WITHIN_MOST ? seconds : WITHIN_MOST) * 1e9);

	call->deadline.fire = on_late;
	return timers_add(&call->fetcher->sched->timers, &call->deadline, uv_hrtime() + most);
}

static int begin(struct request *req, struct fetch *asked, int *outcome)
{
	struct fetcher *fetcher;
	struct fetch_call *one;
	int err;

	if (!prepared) {
		log_event(LOG_LEVEL_ERROR, "fetch-unprepared", "wants", ".fetches", NULL);
		return -ENOTSUP;
	}
	if (asked->call && asked->call->task.co)
		return -EBUSY;
	fetch_release(asked);
	err = fetcher_of(req->co.sched, &fetcher);
	if (err)
		return err;
	one = call_new(req, fetcher);
	if (!one)
		return -ENOMEM;
	asked->call = one;
	asked->why = one->why;
	one->asked = asked;
	err = set_deadline(one, asked->within);
	if (!err)
		err = take_question(req, one, asked);
	if (!err)
		err = fetch_host_enter(one);
	if (err) {
		fetch_host_leave(one);
		free_question(one);
	} else {
		awaited_begin(&one->awaited, &req->co, SPAN_FETCH, one->awaited.thing, one->begun);
		task_begin(&req->co, &one->task, cancel, outcome);
	}
	return err;
}

void gather_add_fetch(struct request *req, struct fetch *call, int *outcome)
{
	call->status = 0;
	call->content = (struct slice){NULL, 0};
	call->why = "";
	call->error = coroutine_has_failed(&req->co) ? req->co.error : begin(req, call, outcome);
	if (call->error)
		coroutine_add_end(&req->co, call->error, outcome);
}

void fetch(struct request *req, struct fetch *call)
{
	gather_add_fetch(req, call, NULL);
	coroutine_gather(&req->co);
}

/* ---- the answer ---- */

struct slice fetch_header(const struct fetch *asked, const char *name)
{
	struct slice lines = {NULL, 0};
	size_t len = strlen(name);

	if (asked->call && asked->status)
		lines = buffer_slice(&asked->call->lines);
	for (const char *at = lines.data, *end = at + lines.len; at < end;) {
		const char *eol = memchr(at, '\n', (size_t)(end - at));
		const char *value = at + len + 1;

		if (!eol)
			break;
		if (value <= eol && at[len] == ':' && !strncasecmp(at, name, len)) {
			while (value < eol && isspace((unsigned char)*value))
				value++;
			while (eol > value && isspace((unsigned char)eol[-1]))
				eol--;
			return (struct slice){value, (size_t)(eol - value)};
		}
		at = eol + 1;
	}
	return (struct slice){NULL, 0};
}

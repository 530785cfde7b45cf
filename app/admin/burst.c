/*
 * GET /burst: sends a burst of requests to the system as its clients do, and answers with what
 * became of each. A browser has six connections to a server; this has as many as are asked for.
 *
 * r=DELAY_MS,TIMES,TARGET says what to send, repeated as often as one likes; or path=TARGET, sent n
 * times at once. The query is read twice: to count, and to fill what then has the right size.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"

enum {
	DELAY_MAX = 60000,
	TARGET_MAX = 1024,
};

static const char INVALID[] = "value_error";

const struct field burst_fields[3] = {
	QUERY(INT, struct burst_groups, n, .ge = LIMIT(0), .le = LIMIT(1000000000),
	      .fallback = &(const int64_t){1}),
	QUERY(LIST, struct burst_groups, r, .item = ITEM_STRING(), .optional = true),
	QUERY(LIST, struct burst_groups, path, .item = ITEM_STRING(), .optional = true),
};

/* Requests of one kind. */
struct group {
	uint64_t delay; /* milliseconds */
	uint64_t times;
	struct slice target;
};

struct burst {
	struct task task;
	struct request *req; /* the request, waiting for the volley */
	struct volley *volley;
};

/* Takes digits and the comma behind them off the text; false if there are none, or too many. */
static bool take_number(struct slice *text, uint64_t *number)
{
	*number = 0;
	for (size_t i = 0; i < text->len && i < 10; i++) {
		unsigned digit = (unsigned char)text->data[i] - (unsigned)'0';

		if (i && text->data[i] == ',') {
			*text = (struct slice){text->data + i + 1, text->len - i - 1};
			return true;
		}
		if (digit > 9)
			return false;
		*number = *number * 10 + digit;
	}
	return false;
}

/* NULL if requests may be sent there: nowhere, where more would be sent, or nothing ever ends. */
static const char *judge_target(struct slice target)
{
	char decoded[TARGET_MAX];
	struct slice path = target;

	if (!target.len || target.data[0] != '/')
		return "a target begins with a slash";
	if (target.len > TARGET_MAX)
		return "a target has at most 1024 bytes";
	for (size_t i = 0; i < target.len; i++)
		if (target.data[i] <= ' ' || target.data[i] > '~')
			return "a target is printable ASCII without blanks";
	if (memchr(target.data, '?', target.len))
		path.len = (size_t)((char *)memchr(target.data, '?', target.len) - target.data);
	path = percent_decode(path, decoded, sizeof(decoded));
	if (memmem(path.data, path.len, "//", 2) || memmem(path.data, path.len, "/.", 2))
		return "a target's path is in its shortest form";
	return admin_serves(path) ? "a target is no path of the admin worker" : NULL;
}

/* Takes what is to be sent out of a text, of which the target stays a part: its message if it is
 * not right, or NULL. */
static const char *take_group(struct slice text, struct group *group)
{
	if (!take_number(&text, &group->delay) || !take_number(&text, &group->times))
		return "value is not DELAY_MS,TIMES,TARGET";
	group->target = text;
	if (group->delay > DELAY_MAX)
		return "ensure the delay is less than or equal to 60000";
	return NULL;
}

static const char *judge_group(const struct group *group, size_t requests)
{
	const char *problem;

	if (group->times < 1 || group->times > BURST_MAX)
		return "ensure this is sent at least once and at most 200 times";
	problem = judge_target(group->target);
	if (!problem && requests > BURST_MAX)
		return "ensure there are at most 200 requests in all";
	return problem;
}

/* Counts, or adds to the volley if there is one. False after an answer. */
static bool read_groups(struct request *req, struct volley *volley, size_t *requests, size_t *bytes)
{
	const struct burst_groups *groups = request_input(req);
	size_t count = groups->r.count + groups->path.count;

	*requests = *bytes = 0;
	for (size_t i = 0; i < count; i++) {
		bool is_group = i < groups->r.count;
		const struct slice *texts = is_group ? groups->r.items : groups->path.items;
		struct slice text = texts[is_group ? i : i - groups->r.count];
		struct group group = {.times = (uint64_t)groups->n, .target = text};
		const char *problem = is_group ? take_group(text, &group) : NULL;

		*requests += group.times;
		*bytes += group.target.len;
		if (!problem)
			problem = judge_group(&group, *requests);
		if (problem) {
			input_refuse(req, &burst_fields[is_group ? 1 : 2], problem, INVALID);
			return false;
		}
		if (volley)
			volley_add(volley, group.delay, group.times, group.target);
	}
	if (!count)
		input_refuse(req, &burst_fields[1], "field required", "value_error.missing");
	return count != 0;
}

/* NULL after an answer. */
static struct volley *read_volley(struct request *req)
{
	const struct admin *state = request_state(req);
	struct volley *volley = NULL;
	size_t requests;
	size_t bytes;

	if (!state->has_front)
		reply_error(req, 503);
	else if (read_groups(req, NULL, &requests, &bytes)) {
		if (volley_open(&volley, req->co.sched, requests, bytes, request_traceparent(req)))
			reply_error(req, 503);
		else
			read_groups(req, volley, &requests, &bytes);
	}
	return volley;
}

/* ---- the answer ---- */

/* "queue;dur=0.100, loop;dur=0.020": names of small letters, and numbers. What is neither is left
 * out, with all that follows. */
static void append_timing(struct buffer *out, const char *text)
{
	const char *separator = "";

	buffer_append_text(out, "\"timing\":{");
	for (;;) {
		size_t name = strspn(text, "abcdefghijklmnopqrstuvwxyz-");
		const char *number = text + name + sizeof(";dur=") - 1;
		char *end;
		double ms;

		if (!name || strncmp(text + name, ";dur=", sizeof(";dur=") - 1) != 0 ||
		    !isdigit((unsigned char)*number))
			break;
		ms = strtod(number, &end);
		buffer_format(out, "%s\"%.*s\":%.3f", separator, (int)name, text, ms);
		separator = ",";
		text = end + strspn(end, ", ");
	}
	buffer_append_text(out, "}");
}

static void append_result(struct buffer *out, const struct shot_result *shot)
{
	char target[TARGET_MAX + 1] = "";

	memcpy(target, shot->target.data, shot->target.len);
	buffer_append_text(out, "{\"target\":");
	json_string(out, slice_of(target));
	buffer_format(out, ",\"status\":%d,\"worker\":", shot->answer->status);
	json_string(out, slice_of(shot->answer->worker));
	buffer_format(out, ",\"sent\":%.3f,\"ended\":%.3f,", (double)shot->sent / 1e6,
		      (double)shot->ended / 1e6);
	append_timing(out, shot->answer->timing);
	buffer_format(out, ",\"serial\":%" PRIu64 ",\"body\":", shot->answer->serial);
	json_string(out, slice_of(shot->answer->body));
	buffer_append_text(out, ",\"error\":");
	json_string(out, slice_of(shot->error));
	buffer_append_text(out, "}");
}

static void reply_volley(struct request *req, const struct volley *volley)
{
	struct slice trace = request_traceparent(req);
	struct buffer out = {0};

	buffer_format(&out, "{\"t\":%.3f,\"trace\":\"%.32s\",\"answers\":[",
		      (double)board_now() / 1e6, trace.len ? trace.data + 3 : "");
	for (size_t i = 0; i < volley_count(volley); i++) {
		struct shot_result shot = volley_result(volley, i);

		buffer_append_text(&out, i ? "," : "");
		append_result(&out, &shot);
	}
	buffer_append_text(&out, "]}");
	reply_text(req, 200, "application/json", &out);
}

/* Here, and not when the handler goes on: its client may leave before that. */
static void on_done(void *arg)
{
	struct burst *b = arg;

	reply_volley(b->req, b->volley);
	volley_drop(b->volley);
	task_end(&b->task, 0);
}

/* The client has gone, or the volley could not begin. */
static void cancel(struct task *task)
{
	volley_drop(((struct burst *)task)->volley);
}

static void fire(struct request *req, struct burst *b)
{
	const struct admin *state = request_state(req);

	b->req = req;
	task_begin(&req->co, &b->task, cancel, NULL);
	if (volley_fire(b->volley, &state->front, on_done, b))
		coroutine_fail(&req->co, -ENOMEM);
}

void burst(struct request *req)
{
	struct burst *b = request_frame(req, sizeof(*b));

	ASYNC_BEGIN(req);
	b->volley = read_volley(req);
	if (!b->volley)
		return;
	AWAIT(req, fire(req, b));
	ASYNC_END(req);
}

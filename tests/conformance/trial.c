#include "trial.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../support/stream.h"
#include "fcgi/record.h"

/* ---- Saying ---- */

struct peer *trial_peer(struct trial *t)
{
	struct peer *p;

	if (t->peer_count == PEERS) {
		fail(t, "a case opened more than %d connections", PEERS);
		peer_free(&t->peers[--t->peer_count]);
	}
	p = &t->peers[t->peer_count++];
	if (!peer_open(p, t->settings->address, t->settings->timeout)) {
		fail(t, "cannot connect: %s", strerror(errno));
		p->closed = true;
	}
	return p;
}

static void default_pair(const struct settings *s, struct buffer *to, const char *name,
			 struct slice value)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < EXTRA_PARAMS && s->params[i]; i++)
		if (!strncmp(s->params[i], name, len) && s->params[i][len] == '=')
			return;
	pair_append(to, slice_of(name), value);
}

/* The params of a request for "PATH?QUERY". */
static void write_pairs(const struct settings *s, struct buffer *to, const char *what)
{
	size_t path = strcspn(what, "?");

	default_pair(s, to, "GATEWAY_INTERFACE", slice_of("CGI/1.1"));
	default_pair(s, to, "SERVER_PROTOCOL", slice_of("HTTP/1.1"));
	default_pair(s, to, "REQUEST_METHOD", slice_of("GET"));
	default_pair(s, to, "SCRIPT_NAME", slice_of(""));
	default_pair(s, to, "PATH_INFO", (struct slice){what, path});
	default_pair(s, to, "QUERY_STRING", slice_of(what + path + (what[path] == '?')));
	default_pair(s, to, "REQUEST_URI", slice_of(what));
	for (size_t i = 0; i < EXTRA_PARAMS && s->params[i]; i++) {
		size_t name = strcspn(s->params[i], "=");

		pair_append(to, (struct slice){s->params[i], name},
			    slice_of(s->params[i] + name + 1));
	}
}

static void write_hex(struct buffer *to, const char *text)
{
	unsigned int byte;
	int used;

	for (; sscanf(text, " %2x%n", &byte, &used) == 1; text += used)
		buffer_append(to, &(char){(char)byte}, 1);
}

/* A command that is about a request of the settings; false if it is another. */
static bool write_own(const struct settings *settings, struct stream *s, const char *command)
{
	struct buffer pairs = {0};
	char verb[16], keep[8] = "";
	unsigned int id;
	bool own = true;

	if (sscanf(command, "%15s %u %7s", verb, &id, keep) < 2)
		return false;
	if (!strcmp(verb, "ask") || !strcmp(verb, "pairs"))
		write_pairs(settings, &pairs, settings->fast);
	else if (!strcmp(verb, "slow") || !strcmp(verb, "slow-pairs"))
		write_pairs(settings, &pairs, settings->slow);
	else if (!strcmp(verb, "queue"))
		write_pairs(settings, &pairs, settings->queued);
	else if (!strcmp(verb, "hold"))
		write_pairs(settings, &pairs, settings->hold);
	else
		own = false;
	if (own && strstr(verb, "pairs"))
		stream_params(s, (uint16_t)id, buffer_slice(&pairs));
	else if (own)
		stream_asked(s, (uint16_t)id, strcmp(keep, "keep") ? 0 : FCGI_FLAG_KEEP_CONN,
			     buffer_slice(&pairs));
	buffer_free(&pairs);
	return own;
}

static void write_command(const struct trial *t, struct stream *s, const char *command)
{
	char verb[16], one[COMMAND_SIZE];
	unsigned int id, last;
	int used;

	if (sscanf(command, "%15s %u-%u%n", verb, &id, &last, &used) == 3) {
		for (; id <= last; id++) {
			snprintf(one, sizeof(one), "%s %u%s", verb, id, command + used);
			write_command(t, s, one);
		}
	} else if (!strncmp(command, "hex ", 4)) {
		write_hex(&s->bytes, command + 4);
	} else if (!write_own(t->settings, s, command)) {
		stream_script(s, command);
	}
}

void write_padded(const struct trial *t, struct buffer *to, const char *script, uint32_t seed)
{
	struct stream s = {.bytes = *to, .seed = seed};
	char command[COMMAND_SIZE];

	while (script_next(&script, command))
		write_command(t, &s, command);
	*to = s.bytes;
}

void write_script(const struct trial *t, struct buffer *to, const char *script)
{
	write_padded(t, to, script, 0);
}

bool say_padded(struct trial *t, struct peer *p, const char *script, uint32_t seed)
{
	struct buffer bytes = {0};
	bool taken;

	write_padded(t, &bytes, script, seed);
	taken = peer_send(p, buffer_slice(&bytes));
	buffer_free(&bytes);
	return taken;
}

bool say(struct trial *t, struct peer *p, const char *script)
{
	return say_padded(t, p, script, 0);
}

void say_bytes(struct peer *p, const void *bytes, size_t n)
{
	peer_send(p, (struct slice){bytes, n});
}

/* ---- Expecting ---- */

bool fail(struct trial *t, const char *format, ...)
{
	va_list arguments;

	if (t->failure[0])
		return false;
	va_start(arguments, format);
	vsnprintf(t->failure, sizeof(t->failure), format, arguments);
	va_end(arguments);
	return false;
}

void saw(struct trial *t, const char *format, ...)
{
	size_t used = strlen(t->saw);
	va_list arguments;

	if (used && used < sizeof(t->saw) - 2)
		used += (size_t)sprintf(t->saw + used, "; ");
	va_start(arguments, format);
	vsnprintf(t->saw + used, sizeof(t->saw) - used, format, arguments);
	va_end(arguments);
}

bool needs(struct trial *t, const char *setting, const char *option)
{
	if (setting)
		return false;
	t->skipped = true;
	saw(t, "needs %s", option);
	return true;
}

struct slice answer_body(const struct answer *answer)
{
	const char *data = answer->out.data;
	size_t len = answer->out.len;
	const char *end = len ? memmem(data, len, "\r\n\r\n", 4) : NULL;
	size_t skip = 4;

	if (!end && len) {
		end = memmem(data, len, "\n\n", 2);
		skip = 2;
	}
	return end ? (struct slice){end + skip, len - (size_t)(end - data) - skip}
		   : (struct slice){NULL, 0};
}

int answer_status(const struct answer *answer)
{
	const char *body = answer_body(answer).data;
	const char *status;

	if (!body)
		return 0;
	status = memmem(answer->out.data, (size_t)(body - answer->out.data), "Status: ", 8);
	return status ? atoi(status + 8) : 200;
}

bool is_normal(const struct trial *t, const struct answer *answer)
{
	return answer && answer->ended && answer->protocol_status == FCGI_STATUS_REQUEST_COMPLETE &&
	       answer_status(answer) == 200 &&
	       (t->settings->body_varies ||
		slice_equal(answer_body(answer), buffer_slice(&t->settings->body)));
}

static const char *state(const struct peer *p)
{
	return p->closed ? ", and the connection was closed" : " in time";
}

bool expect_normal(struct trial *t, struct peer *p, size_t answers)
{
	if (!peer_ended(p, answers))
		return fail(t, "%zu of %zu requests ended%s", p->ended, answers, state(p));
	for (size_t i = 0; i < p->answer_count; i++) {
		const struct answer *answer = &p->answers[i];

		if (!is_normal(t, answer))
			return fail(t,
				    "request %u: not the normal answer: status %d, "
				    "protocolStatus %u%s",
				    answer->id, answer_status(answer), answer->protocol_status,
				    answer->ended ? "" : ", not ended");
	}
	return p->answer_count == answers || fail(t, "more answers than requests");
}

bool expect_all(struct trial *t, struct peer *p, size_t answers)
{
	size_t refused = 0;

	if (!peer_ended(p, answers))
		return fail(t, "%zu of %zu requests ended%s", p->ended, answers, state(p));
	for (size_t i = 0; i < p->answer_count; i++) {
		const struct answer *answer = &p->answers[i];

		if (answer->protocol_status == FCGI_STATUS_CANT_MPX_CONN ||
		    answer->protocol_status == FCGI_STATUS_OVERLOADED)
			refused++;
		else if (!is_normal(t, answer))
			return fail(t, "request %u: not the normal answer", answer->id);
	}
	if (refused)
		saw(t, "%zu of %zu were refused", refused, answers);
	return (refused < answers && p->answer_count == answers) ||
	       fail(t, "%zu answers, %zu of them refusals, to %zu requests", p->answer_count,
		    refused, answers);
}

bool expect_usable(struct trial *t, struct peer *p, size_t id)
{
	size_t before = p->ended;
	char script[32];

	snprintf(script, sizeof(script), "ask %zu keep", id);
	say(t, p, script);
	if (!peer_ended(p, before + 1))
		return fail(t, "a further request on the connection was not answered%s", state(p));
	return is_normal(t, &p->answers[p->answer_count - 1]) ||
	       fail(t, "a further request on the connection was not answered normally");
}

bool expect_served(struct trial *t)
{
	struct peer *p = trial_peer(t);
	bool served;

	say(t, p, "ask 1");
	served = expect_normal(t, p, 1);
	peer_close(p);
	return served || fail(t, "another connection is not served");
}

bool expect_closed(struct trial *t, struct peer *p)
{
	return peer_hung_up(p, t->settings->timeout) || fail(t, "the connection was not closed");
}

bool expect_values(struct trial *t, struct peer *p, size_t count)
{
	return peer_values(p, count) || fail(t, "no GET_VALUES_RESULT");
}

bool expect_end(struct trial *t, struct peer *p, size_t id, int protocol_status)
{
	const struct answer *answer = peer_answer(p, (uint16_t)id, 0);

	if (!answer || !answer->ended)
		return fail(t, "request %zu has not ended", id);
	return answer->protocol_status == protocol_status ||
	       fail(t, "request %zu ended with protocolStatus %u instead of %d", id,
		    answer->protocol_status, protocol_status);
}

static const char *protocol_status_name(unsigned int status)
{
	static const char *const names[] = {"REQUEST_COMPLETE", "CANT_MPX_CONN", "OVERLOADED",
					    "UNKNOWN_ROLE"};

	return status < COUNT(names) ? names[status] : "unknown status";
}

bool any_outcome(struct trial *t, struct peer *p, size_t answers)
{
	bool ended = peer_ended(p, answers);

	for (size_t i = 0; i < p->answer_count && i < 3; i++) {
		const struct answer *answer = &p->answers[i];

		if (!answer->ended)
			continue;
		if (answer->protocol_status || !answer->out.len)
			saw(t, "%s", protocol_status_name(answer->protocol_status));
		else
			saw(t, "status %d", answer_status(answer));
	}
	if (p->unknown_count)
		saw(t, "UNKNOWN_TYPE");
	if (p->closed)
		saw(t, "closed");
	return ended || p->closed || fail(t, "neither an answer nor a closed connection in time");
}

void cut_everywhere(struct trial *t, struct peer *p, const char *script, uint32_t seed,
		    bool (*expect)(struct trial *t, struct peer *p, size_t n), size_t each)
{
	struct buffer bytes = {0};

	write_padded(t, &bytes, script, seed);
	for (size_t at = 1; at < bytes.len; at++) {
		say_bytes(p, bytes.data, at);
		peer_settle(p);
		say_bytes(p, bytes.data + at, bytes.len - at);
		if (!expect(t, p, at * each)) {
			saw(t, "cut after byte %zu", at);
			break;
		}
	}
	buffer_free(&bytes);
}

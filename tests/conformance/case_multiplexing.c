/* Many requests on one connection at once (sections 3.3 and 5.1). A responder need not be able to:
 * then it says so with FCGI_MPXS_CONNS=0 and refuses with CANT_MPX_CONN; or it takes only so many,
 * and refuses with OVERLOADED (5.5). */
#include <stdio.h>

#include "chapters.h"
#include "fcgi/record.h"

enum { MANY = 1000, PIECE = 50, STILL_MS = 100 };

/* So many requests have ended, each normally or refused in a way that is allowed; at least one
 * normally. */
static void expect_all(struct trial *t, struct peer *p, size_t answers)
{
	size_t refused = 0;

	if (!peer_ended(p, answers)) {
		fail(t, "%zu of %zu requests ended%s", p->ended, answers,
		     p->closed ? ", and the connection was closed" : " in time");
		return;
	}
	for (size_t i = 0; i < p->answer_count; i++) {
		const struct answer *answer = &p->answers[i];

		if (answer->protocol_status == FCGI_STATUS_CANT_MPX_CONN ||
		    answer->protocol_status == FCGI_STATUS_OVERLOADED)
			refused++;
		else if (!is_normal(t, answer))
			fail(t, "request %u: not the normal answer", answer->id);
	}
	if (refused == answers || p->answer_count != answers)
		fail(t, "%zu answers, %zu of them refusals, to %zu requests", p->answer_count,
		     refused, answers);
	if (refused)
		saw(t, "%zu of %zu were refused", refused, answers);
}

static void write_numbered(struct trial *t, struct buffer *to, const char *format, int id)
{
	char script[48];

	snprintf(script, sizeof(script), format, id);
	write_script(t, to, script);
}

static void two_requests_interleaved(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p,
	    "begin 1 keep, begin 2 keep, pairs 2, pairs 1, params-end 1, params-end 2, "
	    "stdin-end 2, stdin-end 1");
	expect_all(t, p, 2);
}

static void two_requests_cut_at_every_byte(struct trial *t)
{
	struct peer *p = trial_peer(t);
	struct buffer bytes = {0};

	write_padded(t, &bytes,
		     "begin 1 keep, begin 300 keep, params 1 A=x, pairs 300, pairs 1, "
		     "params-end 300, stdin-end 300, params-end 1, stdin-end 1",
		     5);
	for (size_t at = 1; at < bytes.len && !t->failure[0]; at++) {
		say_bytes(p, bytes.data, at);
		peer_settle(p);
		say_bytes(p, bytes.data + at, bytes.len - at);
		expect_all(t, p, 2 * at);
	}
	buffer_free(&bytes);
}

static void the_promise_of_mpxs_conns_is_kept(struct trial *t)
{
	struct peer *p = trial_peer(t);
	bool promised;

	say(t, p, "get FCGI_MPXS_CONNS");
	if (!peer_values(p, 1)) {
		fail(t, "no GET_VALUES_RESULT");
		return;
	}
	promised = p->values.len == 18 && p->values.data[17] == '1';
	saw(t, promised ? "promised" : "not promised");
	say(t, p, "begin 1 keep, begin 2 keep, pairs 2, params-end 2, stdin-end 2");
	if (promised)
		expect_normal(t, p, 1);
	say(t, p, "pairs 1, params-end 1, stdin-end 1");
	if (promised)
		expect_normal(t, p, 2);
	else
		expect_all(t, p, 2);
}

static void a_fast_request_behind_a_slow_one(struct trial *t)
{
	struct peer *p;

	if (needs(t, t->settings->slow, "--slow"))
		return;
	p = trial_peer(t);
	say(t, p, "slow 1 keep, ask 2 keep");
	if (!peer_ended(p, 2)) {
		fail(t, "%zu of 2 requests ended", p->ended);
		return;
	}
	if (peer_answer(p, 2, 0)->protocol_status == FCGI_STATUS_CANT_MPX_CONN)
		saw(t, "CANT_MPX_CONN");
	else if (!is_normal(t, peer_answer(p, 2, 0)))
		fail(t, "the fast request has no normal answer");
	saw(t, p->answers[0].id == 2 ? "overtakes" : "in order");
}

/* Every step of all requests, before the next step of any. */
static void a_thousand_requests_interleaved(struct trial *t)
{
	static const char *const steps[] = {"begin %d keep", "params %d A=x", "pairs %d",
					    "params-end %d", "stdin-end %d"};
	struct peer *p = trial_peer(t);
	struct buffer bytes = {0};

	for (size_t step = 0; step < sizeof(steps) / sizeof(steps[0]); step++)
		for (int id = 1; id <= MANY; id++)
			write_numbered(t, &bytes, steps[step], id);
	peer_send(p, buffer_slice(&bytes));
	buffer_free(&bytes);
	expect_all(t, p, MANY);
	if (!t->failure[0])
		expect_usable(t, p, 1);
}

static void requests_in_one_piece(struct trial *t)
{
	struct peer *p = trial_peer(t);
	struct buffer bytes = {0};

	for (int id = 1; id <= PIECE; id++)
		write_numbered(t, &bytes, "ask %d keep", id);
	peer_send(p, buffer_slice(&bytes));
	buffer_free(&bytes);
	expect_all(t, p, PIECE);
}

/* What is read late is still all there, and once there is room the rest is answered. */
static void a_late_reader_gets_everything(struct trial *t)
{
	struct peer *p = trial_peer(t);
	struct buffer bytes = {0};
	struct slice rest;

	for (int id = 1; id <= MANY; id++)
		write_numbered(t, &bytes, "ask %d keep", id);
	p->deaf = true;
	p->timeout = STILL_MS;
	peer_send(p, buffer_slice(&bytes));
	saw(t, "%zu of %zu bytes were taken before", p->sent.len, bytes.len);
	p->deaf = false;
	p->timeout = t->settings->timeout;
	rest = buffer_slice(&bytes);
	rest.data += p->sent.len;
	rest.len -= p->sent.len;
	peer_send(p, rest);
	buffer_free(&bytes);
	expect_all(t, p, MANY);
}

static void requests_begun_before_the_closing_one_ends_are_answered(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p,
	    "begin 1, begin 2 keep, pairs 1, params-end 1, stdin-end 1, pairs 2, "
	    "params-end 2, stdin-end 2");
	expect_closed(t, p);
	if (!peer_answer(p, 1, 0) || !is_normal(t, peer_answer(p, 1, 0)))
		fail(t, "the closing request has no normal answer");
	saw(t, peer_answer(p, 2, 0) && is_normal(t, peer_answer(p, 2, 0))
		       ? "the other was answered"
		       : "the other was not answered");
}

static void ids_are_used_again_while_others_run(struct trial *t)
{
	struct peer *p;

	if (needs(t, t->settings->slow, "--slow"))
		return;
	p = trial_peer(t);
	say(t, p, "slow 1 keep");
	for (int i = 1; i <= 50; i++) {
		size_t before = p->ended;

		say(t, p, "ask 2 keep");
		if (!peer_ended(p, before + 1)) {
			fail(t, "a request beside a slow one was not answered");
			return;
		}
	}
	if (!peer_ended(p, 51))
		fail(t, "the slow request was not answered");
	else if (p->answer_count != 51)
		fail(t, "%zu answers to 51 requests", p->answer_count);
}

static void as_many_requests_as_ids(struct trial *t)
{
	struct peer *p = trial_peer(t);

	for (int id = 1; id <= 65535 && !p->closed; id++) {
		char script[32];

		snprintf(script, sizeof(script), "begin %d keep", id);
		say(t, p, script);
	}
	if (!expect_served(t))
		return;
	peer_hung_up(p, 50);
	saw(t, "%zu of 65535 were refused%s", p->ended, p->closed ? ", closed" : "");
}

static const struct conformance_case cases[] = {
	{"two requests interleaved", "3.3", two_requests_interleaved},
	{"two requests interleaved, cut at every byte", "3.3", two_requests_cut_at_every_byte},
	{"what FCGI_MPXS_CONNS promises is kept", "4.1", the_promise_of_mpxs_conns_is_kept},
	{"a fast request behind a slow one", "3.3", a_fast_request_behind_a_slow_one},
	{"a thousand requests interleaved", "3.3", a_thousand_requests_interleaved},
	{"requests in one piece", "3.3", requests_in_one_piece},
	{"a late reader gets everything", "-", a_late_reader_gets_everything},
	{"keep-conn of one, close of another", "3.5, 5.1",
	 requests_begun_before_the_closing_one_ends_are_answered},
	{"ids are used again while others run", "3.3", ids_are_used_again_while_others_run},
	{"as many requests begun as there are ids", "-", as_many_requests_as_ids},
};

const struct chapter chapter_multiplexing = {"multiplexing", cases,
					     sizeof(cases) / sizeof(cases[0])};

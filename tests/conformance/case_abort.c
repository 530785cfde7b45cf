/* ABORT_REQUEST (section 5.4): of a request in every state it can be in. */
#include <stdio.h>

#include "chapters.h"
#include "fcgi/record.h"

enum { MANY = 1000, QUEUE = 30 };

/* A responder may end an aborted request early, or as if nothing had been said. */
static void expect_aborted(struct trial *t, struct peer *p, int id)
{
	const struct answer *answer = peer_answer(p, (uint16_t)id, 0);

	if (!expect_end(t, p, id, FCGI_STATUS_REQUEST_COMPLETE))
		return;
	if (answer->out.len)
		saw(t, "answered all the same, status %d", answer_status(answer));
	else
		saw(t, "ended without an answer");
}

static void an_abort_in_the_params(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p, "begin 1 keep, pairs 1, abort 1");
	if (!peer_ended(p, 1)) {
		fail(t, "the request did not end");
		return;
	}
	expect_aborted(t, p, 1);
	expect_usable(t, p, 1);
}

static void an_abort_in_stdin(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p,
	    "begin 1 keep, params 1 CONTENT_LENGTH=9, pairs 1, params-end 1, stdin 1 abc, "
	    "abort 1");
	if (!peer_ended(p, 1)) {
		fail(t, "the request did not end");
		return;
	}
	expect_aborted(t, p, 1);
	expect_usable(t, p, 1);
}

static void an_abort_of_a_running_request(struct trial *t)
{
	struct peer *p;

	if (needs(t, t->settings->slow, "--slow"))
		return;
	p = trial_peer(t);
	say(t, p, "slow 1 keep");
	peer_settle(p);
	say(t, p, "abort 1");
	if (!peer_ended(p, 1)) {
		fail(t, "the request did not end");
		return;
	}
	expect_aborted(t, p, 1);
	expect_usable(t, p, 1);
}

static void an_abort_of_a_queued_request(struct trial *t)
{
	struct peer *p;

	if (needs(t, t->settings->queued, "--queued"))
		return;
	p = trial_peer(t);
	for (int id = 1; id <= QUEUE; id++) {
		char script[32];

		snprintf(script, sizeof(script), "queue %d keep", id);
		say(t, p, script);
	}
	peer_settle(p);
	say(t, p, "abort 30");
	if (!peer_ended(p, QUEUE))
		fail(t, "%zu of %d requests ended", p->ended, QUEUE);
	else
		expect_aborted(t, p, QUEUE);
	for (int id = 1; id < QUEUE && !t->failure[0]; id++)
		expect_end(t, p, id, FCGI_STATUS_REQUEST_COMPLETE);
}

static void an_abort_of_a_finished_request_is_ignored(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p, "ask 1 keep");
	if (!expect_normal(t, p, 1))
		return;
	say(t, p, "abort 1");
	if (expect_usable(t, p, 1) && p->answer_count != 2)
		fail(t, "the request ended twice");
}

static void an_abort_of_an_unknown_request_is_ignored(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p, "abort 1, abort 77, abort 65535");
	if (expect_usable(t, p, 1) && p->answer_count != 1)
		fail(t, "a request that never began has ended");
}

static void an_abort_with_content(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p, "begin 1 keep, record 2 1 content");
	if (!peer_ended(p, 1)) {
		fail(t, "the request did not end");
		return;
	}
	expect_aborted(t, p, 1);
}

static void an_abort_without_keep_conn_closes(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p, "begin 1, pairs 1, abort 1");
	expect_closed(t, p);
	saw(t, p->ended ? "END_REQUEST came before" : "nothing came before");
}

static void an_aborted_id_may_be_used_again_at_once(struct trial *t)
{
	struct peer *p = trial_peer(t);

	for (int i = 0; i < 100; i++)
		say(t, p, "begin 1 keep, pairs 1, abort 1, abort 1");
	if (!peer_ended(p, 100)) {
		fail(t, "%zu of 100 requests ended", p->ended);
		return;
	}
	if (expect_usable(t, p, 1) && p->answer_count != 101)
		fail(t, "a request ended twice");
}

static void an_abort_ends_only_its_own_request(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p, "begin 1 keep, begin 2 keep, pairs 2, abort 1, params-end 2, stdin-end 2");
	if (!peer_ended(p, 2)) {
		fail(t, "%zu of 2 requests ended", p->ended);
		return;
	}
	if (peer_answer(p, 2, 0)->protocol_status == FCGI_STATUS_CANT_MPX_CONN)
		saw(t, "CANT_MPX_CONN");
	else if (!is_normal(t, peer_answer(p, 2, 0)))
		fail(t, "the other request has no normal answer");
}

static void a_thousand_aborts_at_once(struct trial *t)
{
	struct peer *p;

	if (needs(t, t->settings->slow, "--slow"))
		return;
	p = trial_peer(t);
	for (int round = 0; round < 2; round++) {
		for (int id = 1; id <= MANY; id++) {
			char script[32];

			snprintf(script, sizeof(script), round ? "abort %d" : "slow %d keep", id);
			say(t, p, script);
		}
	}
	if (!peer_ended(p, MANY))
		fail(t, "%zu of %d requests ended", p->ended, MANY);
	else if (p->answer_count != MANY)
		fail(t, "more answers than requests");
}

static const struct conformance_case cases[] = {
	{"of a request in its params", "5.4", an_abort_in_the_params},
	{"of a request in its stdin", "5.4", an_abort_in_stdin},
	{"of a running request", "5.4", an_abort_of_a_running_request},
	{"of a queued request", "5.4", an_abort_of_a_queued_request},
	{"of a finished request is ignored", "3.3, 5.4", an_abort_of_a_finished_request_is_ignored},
	{"of an unknown request is ignored", "3.3, 5.4", an_abort_of_an_unknown_request_is_ignored},
	{"with content", "5.4", an_abort_with_content},
	{"without keep-conn closes", "5.4, 3.5", an_abort_without_keep_conn_closes},
	{"the id may be used again at once", "5.4, 3.3", an_aborted_id_may_be_used_again_at_once},
	{"ends only its own request", "5.4", an_abort_ends_only_its_own_request},
	{"a thousand at once", "5.4", a_thousand_aborts_at_once},
};

const struct chapter chapter_abort = {"abort", cases, sizeof(cases) / sizeof(cases[0])};

/* Peers that misbehave, or fall silent, or go away: nobody else may suffer. */
#include <stdio.h>
#include <sys/socket.h>

#include "chapters.h"

enum { FLOOD = 20000, STILL_MS = 300 };

static void a_hundred_silent_peers(struct trial *t)
{
	for (int i = 0; i < 100; i++)
		say_bytes(trial_peer(t), "\1\1\0\1", 4);
	expect_served(t);
}

static void a_hundred_connections_at_once(struct trial *t)
{
	for (int i = 0; i < 100; i++)
		say(t, trial_peer(t), "ask 1");
	for (size_t i = 0; i < 100; i++)
		if (!expect_normal(t, &t->peers[i], 1) || !expect_closed(t, &t->peers[i]))
			return;
}

/* What a peer sent in time may be read late: then it is the responder that was slow. */
static void what_waited_while_the_responder_was_held_counts(struct trial *t)
{
	struct peer *partial, *fresh, *holder;
	struct buffer bytes = {0};

	if (needs(t, t->settings->hold, "--hold"))
		return;
	partial = trial_peer(t);
	holder = trial_peer(t);
	write_script(t, &bytes, "ask 1 keep");
	say_bytes(partial, bytes.data, bytes.len / 2);
	peer_settle(partial);
	say(t, holder, "hold 1 keep");
	peer_settle(holder);
	fresh = trial_peer(t);
	say(t, fresh, "ask 1 keep");
	say_bytes(partial, bytes.data + bytes.len / 2, bytes.len - bytes.len / 2);
	buffer_free(&bytes);
	if (!peer_ended(holder, 1))
		fail(t, "the request that holds the responder was not answered");
	expect_normal(t, fresh, 1);
	expect_normal(t, partial, 1);
}

/* ---- Readers ---- */

/* Sends what the format says, with ids from 1 on, until the responder takes no more, and does not
 * read. False if it took everything. */
static bool flood(struct trial *t, struct peer *p, const char *format)
{
	int timeout = p->timeout;
	bool taken = true;
	int sent = 0;

	p->deaf = true;
	p->timeout = STILL_MS;
	while (taken && sent < FLOOD) {
		char script[64];

		snprintf(script, sizeof(script), format, ++sent);
		taken = say(t, p, script);
	}
	p->timeout = timeout;
	saw(t, "%s after %d of %d",
	    taken		 ? "took everything"
	    : peer_hung_up(p, 0) ? "closed"
				 : "stopped reading",
	    sent, FLOOD);
	return !taken;
}

static void never_read(struct trial *t)
{
	struct peer *p = trial_peer(t);
	bool full = flood(t, p, t->text);

	for (int i = 0; i < 10; i++)
		if (!expect_served(t))
			return;
	if (full && t->settings->patience &&
	    !peer_hung_up(p, t->settings->patience + t->settings->timeout))
		fail(t, "the connection of a peer that does not read was never closed");
}

/* ---- Leaving ---- */

static void a_peer_that_leaves_in_mid_request(struct trial *t)
{
	static const char *const scripts[] = {
		"begin 1 keep",
		"begin 1 keep, pairs 1",
		"begin 1 keep, pairs 1, params-end 1, stdin 1 abc",
		"ask 1 keep",
		"ask 1",
	};

	for (size_t i = 0; i < 100; i++) {
		struct peer *p = trial_peer(t);

		say(t, p, scripts[i % 5]);
		if (i % 2)
			peer_settle(p);
		peer_close(p);
	}
	expect_served(t);
}

static void a_peer_that_leaves_a_running_request(struct trial *t)
{
	if (needs(t, t->settings->slow, "--slow"))
		return;
	for (int i = 0; i < 4; i++) {
		struct peer *p = trial_peer(t);

		say(t, p, "slow 1 keep");
		peer_settle(p);
		peer_close(p);
	}
	expect_served(t);
}

static void a_peer_that_closes_its_half(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p, "ask 1 keep");
	shutdown(p->fd, SHUT_WR);
	expect_closed(t, p);
	saw(t, p->ended ? "answered" : "not answered");
}

static const struct conformance_case cases[] = {
	{"silence from the start", "-", "given-up"},
	{"silence after half a header", "-", "hex 01010001; given-up"},
	{"silence after half a body", "-", "hex 0101000100080000 000101; given-up"},
	{"silence after BEGIN", "-", "begin 1 keep; given-up"},
	{"silence in the params", "-", "begin 1 keep, hex 0104000100080000 04; given-up"},
	{"silence in the padding", "-", "hex 010100010008ff00 0001010000000000 0000; given-up"},
	{"silence after half a header of a used connection", "-", "usable 1; hex 010100; given-up"},
	{"what waited while the responder was held counts", "-",
	 .run = what_waited_while_the_responder_was_held_counts},
	{"a hundred silent peers", "-", .run = a_hundred_silent_peers},
	{"a hundred connections at once", "3.1", .run = a_hundred_connections_at_once},
	{"a reader that never reads answers", "-", "ask %d keep", never_read},
	{"a reader that never reads values", "-",
	 "get FCGI_MAX_CONNS FCGI_MAX_REQS FCGI_MPXS_CONNS", never_read},
	{"a reader that never reads refusals", "-", "begin %d keep authorizer, record 99 0 abc",
	 never_read},
	{"a peer that leaves in mid-request", "-", .run = a_peer_that_leaves_in_mid_request},
	{"a peer that leaves a running request", "-", .run = a_peer_that_leaves_a_running_request},
	{"a peer that closes its half", "-", .run = a_peer_that_closes_its_half},
};

const struct chapter chapter_peers = {"peers", cases, COUNT(cases)};

/* Many requests on one connection at once (sections 3.3 and 5.1). A responder need not be able to:
 * then it says so with FCGI_MPXS_CONNS=0 and refuses with CANT_MPX_CONN; or it takes only so many,
 * and refuses with OVERLOADED (5.5). */
#include "chapters.h"

enum { STILL_MS = 100 };

static void two_requests_cut_at_every_byte(struct trial *t)
{
	cut_everywhere(t, trial_peer(t), t->text, 5, expect_all, 2);
}

static void the_promise_of_mpxs_conns_is_kept(struct trial *t)
{
	struct peer *p = trial_peer(t);
	bool promised;

	say(t, p, "get FCGI_MPXS_CONNS");
	if (!expect_values(t, p, 1))
		return;
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

/* What is read late is still all there, and once there is room the rest is answered. */
static void a_late_reader_gets_everything(struct trial *t)
{
	struct peer *p = trial_peer(t);
	struct buffer bytes = {0};
	struct slice rest;

	write_script(t, &bytes, "ask 1-1000 keep");
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
	expect_all(t, p, 1000);
}

static const struct conformance_case cases[] = {
	{"two requests interleaved", "3.3",
	 "begin 1 keep, begin 2 keep, pairs 2, pairs 1, params-end 1, params-end 2, stdin-end 2, "
	 "stdin-end 1; all 2"},
	{"two requests interleaved, cut at every byte", "3.3",
	 "begin 1 keep, begin 300 keep, params 1 A=x, pairs 300, pairs 1, params-end 300, "
	 "stdin-end 300, params-end 1, stdin-end 1",
	 two_requests_cut_at_every_byte},
	{"what FCGI_MPXS_CONNS promises is kept", "4.1", .run = the_promise_of_mpxs_conns_is_kept},
	{"a fast request behind a slow one", "3.3", "slow 1 keep, ask 2 keep; ended 2; taken 2"},
	/* Every step of all requests, before the next step of any. */
	{"a thousand requests interleaved", "3.3",
	 "begin 1-1000 keep, params 1-1000 A=x, pairs 1-1000, params-end 1-1000, "
	 "stdin-end 1-1000; all 1000; usable 1"},
	{"requests in one piece", "3.3", "ask 1-50 keep; all 50"},
	{"a late reader gets everything", "-", .run = a_late_reader_gets_everything},
	{"keep-conn of one, close of another", "3.5, 5.1",
	 "begin 1, begin 2 keep, pairs 1, params-end 1, stdin-end 1, pairs 2, params-end 2, "
	 "stdin-end 2; closed; answered 1; outcome 0"},
	{"ids are used again while others run", "3.3",
	 "slow 1 keep; 50 times usable 2; ended 51; answers 51"},
	{"as many requests begun as there are ids", "-", "begin 1-65535 keep; served; look"},
};

const struct chapter chapter_multiplexing = {"multiplexing", cases, COUNT(cases)};

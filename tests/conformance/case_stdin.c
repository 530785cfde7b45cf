/* STDIN (section 5.3), and records of requests that are not active (3.3). */
#include "chapters.h"

static void stdin_may_come_in_pieces(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p, "begin 1 keep, params 1 CONTENT_LENGTH=500, pairs 1, params-end 1");
	for (int i = 0; i < 500; i++) {
		say(t, p, "stdin 1 x");
		if (i % 50 == 0)
			peer_settle(p);
	}
	say(t, p, "stdin-end 1");
	expect_normal(t, p, 1);
}

static void stdin_may_be_large(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p, "begin 1 keep, params 1 CONTENT_LENGTH=800000, pairs 1, params-end 1");
	say(t, p, "stdin 1 *800000, stdin-end 1");
	if (expect_normal(t, p, 1))
		expect_usable(t, p, 1);
}

static void stdin_over_every_limit_gets_an_answer(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p, "begin 1 keep, params 1 CONTENT_LENGTH=4000000, pairs 1, params-end 1");
	say(t, p, "stdin 1 *4000000, stdin-end 1");
	if (any_outcome(t, p, 1) && !p->closed)
		expect_usable(t, p, 1);
}

static void stdin_over_every_limit_of_a_running_request(struct trial *t)
{
	struct peer *p;

	if (needs(t, t->settings->slow, "--slow"))
		return;
	p = trial_peer(t);
	say(t, p, "begin 1 keep, params 1 CONTENT_LENGTH=4000000, slow-pairs 1, params-end 1");
	say(t, p, "stdin 1 *4000000, stdin-end 1");
	if (any_outcome(t, p, 1) && !p->closed)
		expect_usable(t, p, 1);
}

static void stdin_after_its_end_while_running(struct trial *t)
{
	struct peer *p;

	if (needs(t, t->settings->slow, "--slow"))
		return;
	p = trial_peer(t);
	say(t, p, "slow 1 keep");
	say(t, p, "stdin 1 *10, stdin-end 1");
	if (any_outcome(t, p, 1) && !p->closed)
		expect_usable(t, p, 1);
}

static void stdin_may_end_twice(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p,
	    "begin 1 keep, pairs 1, params-end 1, stdin-end 1, stdin-end 1, stdin 1 late, "
	    "stdin-end 1");
	if (expect_normal(t, p, 1))
		expect_usable(t, p, 1);
}

static void an_early_end_leaves_the_id_usable(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p, "begin 1 keep, params 1 CONTENT_LENGTH=6, pairs 1, params-end 1, stdin 1 abc");
	peer_hung_up(p, 50);
	saw(t, p->ended ? "ended early" : "waits for the end of stdin");
	say(t, p, "stdin 1 abc, stdin-end 1");
	if (expect_normal(t, p, 1))
		expect_usable(t, p, 1);
}

static void stdin_before_the_end_of_params_harms_nobody(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p, "begin 1 keep, stdin 1 abc, pairs 1, stdin-end 1, params-end 1");
	if (!peer_ended(p, 1) && !p->closed && p->ended == 0)
		say(t, p, "stdin-end 1"); /* for one that did not count what came too early */
	any_outcome(t, p, 1);
	expect_served(t);
}

static void params_and_stdin_may_be_interleaved(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p,
	    "begin 1 keep, params 1 HTTP_A=x, stdin 1 abc, params 1 HTTP_B=y, stdin 1 def, "
	    "pairs 1, params-end 1, stdin 1 ghi, stdin-end 1");
	any_outcome(t, p, 1);
	expect_served(t);
}

/* ---- Ids that are not active: their records are ignored ---- */

static void ignored(struct trial *t, const char *script)
{
	struct peer *p = trial_peer(t);

	say(t, p, script);
	if (expect_usable(t, p, 1) && p->answer_count != 1)
		fail(t, "an answer for an id that never began");
}

static void stdin_before_begin_is_ignored(struct trial *t)
{
	ignored(t, "stdin 1 abc, stdin-end 1");
}

static void params_before_begin_are_ignored(struct trial *t)
{
	ignored(t, "params 1 A=x, params-end 1, pairs 1");
}

static void records_of_ids_that_never_began_are_ignored(struct trial *t)
{
	ignored(t, "stdin 9 abc, params 300 A=x, params-end 65535, stdin-end 2, record 8 5 abc, "
		   "record 8 5 ");
}

static void late_records_of_an_ended_request_are_ignored(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p, "ask 1 keep");
	if (!expect_normal(t, p, 1))
		return;
	say(t, p, "stdin 1 abc, stdin-end 1, params 1 A=x, params-end 1, record 8 1 abc");
	expect_usable(t, p, 1);
}

static void records_of_others_in_a_request_are_ignored(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p,
	    "begin 1 keep, stdin 2 abc, params 2 PATH_INFO=/other, pairs 1, params-end 2, "
	    "params-end 1, stdin-end 2, stdin-end 1");
	expect_normal(t, p, 1);
}

static void types_nobody_sends_harm_nobody(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p,
	    "begin 1 keep, record 6 1 abc, record 7 1 abc, record 3 1 abcdefgh, "
	    "record 9 1 abc, record 100 1 abc, pairs 1, params-end 1, stdin-end 1");
	any_outcome(t, p, 1);
	if (p->unknown_count)
		saw(t, "UNKNOWN_TYPE");
	expect_served(t);
}

static const struct conformance_case cases[] = {
	{"stdin may come in pieces", "5.3", stdin_may_come_in_pieces},
	{"stdin may be large", "5.3", stdin_may_be_large},
	{"stdin over every limit gets an answer", "-", stdin_over_every_limit_gets_an_answer},
	{"stdin over every limit of a running request", "-",
	 stdin_over_every_limit_of_a_running_request},
	{"stdin after its end, while the request runs", "5.3", stdin_after_its_end_while_running},
	{"stdin may end twice", "3.3, 5.3", stdin_may_end_twice},
	{"an end before stdin's end leaves the id usable", "5.3, 5.5",
	 an_early_end_leaves_the_id_usable},
	{"stdin before the end of params harms nobody", "5.2, 5.3",
	 stdin_before_the_end_of_params_harms_nobody},
	{"params and stdin may be interleaved", "5.2, 5.3", params_and_stdin_may_be_interleaved},
	{"STDIN before BEGIN is ignored", "3.3", stdin_before_begin_is_ignored},
	{"PARAMS before BEGIN are ignored", "3.3", params_before_begin_are_ignored},
	{"records of ids that never began are ignored", "3.3",
	 records_of_ids_that_never_began_are_ignored},
	{"late records of an ended request are ignored", "3.3",
	 late_records_of_an_ended_request_are_ignored},
	{"records of other ids in a request are ignored", "3.3",
	 records_of_others_in_a_request_are_ignored},
	{"types nobody sends harm nobody", "3.3, 4.2", types_nobody_sends_harm_nobody},
};

const struct chapter chapter_stdin = {"stdin", cases, sizeof(cases) / sizeof(cases[0])};

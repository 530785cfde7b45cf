/* BEGIN_REQUEST: roles, keep-conn, ids (section 5.1), and the end of connections (3.5). */
#include "chapters.h"
#include "fcgi/record.h"

static void with_keep_conn_the_connection_stays(struct trial *t)
{
	struct peer *p = trial_peer(t);

	for (int i = 1; i <= 100; i++)
		if (!expect_usable(t, p, 1))
			return;
	if (peer_hung_up(p, 50))
		fail(t, "the connection was closed");
}

static void without_keep_conn_the_connection_is_closed(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p, "ask 1");
	if (expect_normal(t, p, 1))
		expect_closed(t, p);
}

static void keep_conn_counts_for_each_request(struct trial *t)
{
	struct peer *p = trial_peer(t);

	if (!expect_usable(t, p, 1))
		return;
	say(t, p, "ask 1");
	if (expect_normal(t, p, 2))
		expect_closed(t, p);
}

static void flags_but_keep_conn_are_ignored(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say_bytes(p, "\1\1\0\1\0\x8\0\0\0\1\xfe\0\0\0\0\0", 16);
	say(t, p, "pairs 1, params-end 1, stdin-end 1");
	if (expect_normal(t, p, 1))
		expect_closed(t, p);
}

/* What the peer still sends, and nobody reads, must not cost it the answer. */
static void an_answer_before_the_end_of_stdin_arrives(struct trial *t)
{
	struct peer *p = trial_peer(t);

	p->deaf = true;
	say(t, p, "begin 1, params 1 CONTENT_LENGTH=50000, pairs 1, params-end 1, stdin 1 *20000");
	peer_settle(p);
	say(t, p, "stdin 1 *30000, stdin-end 1");
	p->deaf = false;
	if (expect_normal(t, p, 1))
		expect_closed(t, p);
}

static void a_short_body_harms_nobody(struct trial *t)
{
	static const char *const scripts[] = {"record 1 1 ", "record 1 1 abcdefg"};

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		struct peer *p = trial_peer(t);

		say(t, p, scripts[i]);
		if (!expect_served(t))
			return;
		saw(t, peer_hung_up(p, 200) ? "closed" : "ignored");
	}
}

static void a_long_body_harms_nobody(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say_bytes(p, "\1\1\0\1\0\x0c\0\0\0\1\1\0\0\0\0\0more", 20);
	say(t, p, "pairs 1, params-end 1, stdin-end 1");
	any_outcome(t, p, 1);
}

static void a_second_begin_harms_nobody(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p, "begin 1 keep, begin 1 keep, pairs 1, params-end 1, stdin-end 1");
	any_outcome(t, p, 1);
	expect_served(t);
}

static void a_begin_of_a_running_id_harms_nobody(struct trial *t)
{
	struct peer *p;

	if (needs(t, t->settings->slow, "--slow"))
		return;
	p = trial_peer(t);
	say(t, p, "slow 1 keep, begin 1 keep");
	any_outcome(t, p, 1);
	expect_served(t);
}

/* Refusing it is what a responder should do; one that fills the role may answer. */
static void another_role(struct trial *t, unsigned char role)
{
	struct peer *p = trial_peer(t);
	unsigned char begin[16] = {1, 1, 0, 1, 0, 8, 0, 0, 0, role, 1};

	say_bytes(p, begin, sizeof(begin));
	say(t, p, "pairs 1, params-end 1, stdin-end 1");
	if (role == FCGI_ROLE_FILTER)
		say(t, p, "record 8 1 ");
	any_outcome(t, p, 1);
}

static void an_authorizer_is_refused_or_served(struct trial *t)
{
	another_role(t, FCGI_ROLE_AUTHORIZER);
}

static void a_filter_is_refused_or_served(struct trial *t)
{
	another_role(t, FCGI_ROLE_FILTER);
}

static void an_unknown_role_is_refused(struct trial *t)
{
	another_role(t, 0);
	if (!t->failure[0] && t->peers[0].answer_count)
		expect_end(t, &t->peers[0], 1, FCGI_STATUS_UNKNOWN_ROLE);
	if (!t->failure[0])
		another_role(t, 99);
}

static void a_refused_role_leaves_the_connection_usable(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say_bytes(p, "\1\1\0\1\0\x8\0\0\0\x63\1\0\0\0\0\0", 16);
	say(t, p, "pairs 1, params-end 1, stdin-end 1");
	if (!any_outcome(t, p, 1))
		return;
	if (p->closed)
		fail(t, "closed in spite of FCGI_KEEP_CONN");
	else
		expect_usable(t, p, 1);
}

static void a_refused_role_without_keep_conn_closes(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say_bytes(p, "\1\1\0\1\0\x8\0\0\0\x63\0\0\0\0\0\0", 16);
	say(t, p, "params-end 1, stdin-end 1");
	if (any_outcome(t, p, 1))
		expect_closed(t, p);
}

static void an_id_may_be_used_again_at_once(struct trial *t)
{
	struct peer *p = trial_peer(t);

	for (int i = 0; i < 1000; i++)
		if (!expect_usable(t, p, 7))
			return;
}

static void an_id_may_be_used_again_behind_its_own_answer(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p,
	    "begin 1 keep, pairs 1, params-end 1, stdin-end 1, begin 1 keep, pairs 1, "
	    "params-end 1, stdin-end 1");
	any_outcome(t, p, 2);
}

static const struct conformance_case cases[] = {
	{"with keep-conn the connection stays", "5.1, 3.5", with_keep_conn_the_connection_stays},
	{"without keep-conn the connection is closed", "5.1, 3.5",
	 without_keep_conn_the_connection_is_closed},
	{"keep-conn counts for each request", "5.1", keep_conn_counts_for_each_request},
	{"flags but keep-conn are ignored", "5.1", flags_but_keep_conn_are_ignored},
	{"an answer before the end of stdin arrives", "3.5, 5.3",
	 an_answer_before_the_end_of_stdin_arrives},
	{"a short body harms nobody", "5.1", a_short_body_harms_nobody},
	{"a long body harms nobody", "5.1", a_long_body_harms_nobody},
	{"a second BEGIN of an id harms nobody", "5.1", a_second_begin_harms_nobody},
	{"a BEGIN of a running id harms nobody", "5.1", a_begin_of_a_running_id_harms_nobody},
	{"an authorizer is refused or served", "5.1, 6.3", an_authorizer_is_refused_or_served},
	{"a filter is refused or served", "5.1, 6.4", a_filter_is_refused_or_served},
	{"an unknown role is refused", "5.1, 5.5", an_unknown_role_is_refused},
	{"a refused role leaves the connection usable", "5.1, 5.5",
	 a_refused_role_leaves_the_connection_usable},
	{"a refused role without keep-conn closes", "5.1, 3.5",
	 a_refused_role_without_keep_conn_closes},
	{"an id may be used again at once", "3.3", an_id_may_be_used_again_at_once},
	{"an id is used again before its answer was read", "3.3",
	 an_id_may_be_used_again_behind_its_own_answer},
};

const struct chapter chapter_begin = {"begin", cases, sizeof(cases) / sizeof(cases[0])};

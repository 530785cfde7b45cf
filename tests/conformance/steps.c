/* Cases that are written as steps: what the steps expect, and how they are played. */
#include <stdio.h>
#include <string.h>

#include "fcgi/record.h"
#include "trial.h"

enum { BESIDE = 10, STAYS_MS = 50, LOOK_MS = 200 };

static bool deaf(struct trial *t, struct peer *p, size_t n)
{
	(void)t;
	p->deaf = n;
	return true;
}

static bool settle(struct trial *t, struct peer *p, size_t n)
{
	(void)t, (void)n;
	peer_settle(p);
	return true;
}

static bool look(struct trial *t, struct peer *p, size_t n)
{
	(void)n;
	peer_hung_up(p, LOOK_MS);
	saw(t, "%zu ended, %s", p->ended, p->closed ? "closed" : "stays");
	return true;
}

static bool ended(struct trial *t, struct peer *p, size_t n)
{
	return peer_ended(p, n) || fail(t, "%zu of %zu requests ended", p->ended, n);
}

static bool answers(struct trial *t, struct peer *p, size_t n)
{
	return p->answer_count == n ||
	       fail(t, "%zu answers instead of %zu: one ended twice, or never began",
		    p->answer_count, n);
}

/* A responder may end an aborted request early, or as if nothing had been said. */
static bool aborted(struct trial *t, struct peer *p, size_t id)
{
	const struct answer *answer = peer_answer(p, (uint16_t)id, 0);

	if (!expect_end(t, p, id, FCGI_STATUS_REQUEST_COMPLETE))
		return false;
	if (answer->out.len)
		saw(t, "answered all the same, status %d", answer_status(answer));
	else
		saw(t, "ended without an answer");
	return true;
}

static bool complete(struct trial *t, struct peer *p, size_t n)
{
	bool all = true;

	for (size_t id = 1; id <= n && all; id++)
		all = expect_end(t, p, id, FCGI_STATUS_REQUEST_COMPLETE);
	return all;
}

static bool answered(struct trial *t, struct peer *p, size_t id)
{
	return is_normal(t, peer_answer(p, (uint16_t)id, 0)) ||
	       fail(t, "request %zu has no normal answer", id);
}

static bool taken(struct trial *t, struct peer *p, size_t id)
{
	saw(t, p->answers[0].id == id ? "its answer came first" : "its answer came later");
	if (peer_answer(p, (uint16_t)id, 0)->protocol_status != FCGI_STATUS_CANT_MPX_CONN)
		return answered(t, p, id);
	saw(t, "CANT_MPX_CONN");
	return true;
}

static bool no_role(struct trial *t, struct peer *p, size_t id)
{
	return !p->answer_count || expect_end(t, p, id, FCGI_STATUS_UNKNOWN_ROLE);
}

static bool usable_if_open(struct trial *t, struct peer *p, size_t id)
{
	return p->closed || expect_usable(t, p, id);
}

static bool stays(struct trial *t, struct peer *p, size_t n)
{
	(void)n;
	return !peer_hung_up(p, STAYS_MS) || fail(t, "the connection was closed");
}

static bool closed(struct trial *t, struct peer *p, size_t n)
{
	(void)n;
	return expect_closed(t, p);
}

static bool served(struct trial *t, struct peer *p, size_t n)
{
	bool all = true;

	(void)p;
	while (n-- && all)
		all = expect_served(t);
	return all;
}

/* Others are served meanwhile; and the responder hangs up, if it is known to have such a limit. */
static bool given_up(struct trial *t, struct peer *p, size_t n)
{
	int patience = t->settings->patience;

	(void)n;
	peer_settle(p);
	return served(t, p, BESIDE) &&
	       (!patience || peer_hung_up(p, patience + t->settings->timeout) ||
		fail(t, "the connection was never closed"));
}

static bool values_if_open(struct trial *t, struct peer *p, size_t n)
{
	bool told = peer_values(p, n);

	saw(t, told ? "answered" : "closed");
	return told || p->closed || fail(t, "neither a result nor a closed connection");
}

static bool unknown(struct trial *t, struct peer *p, size_t n)
{
	return peer_unknown(p, n) || fail(t, "no UNKNOWN_TYPE");
}

static const struct {
	const char *word;
	bool (*expect)(struct trial *t, struct peer *p, size_t n);
} expectations[] = {
	{"deaf", deaf},		  {"settle", settle},	     {"look", look},
	{"ended", ended},	  {"answers", answers},	     {"aborted", aborted},
	{"complete", complete},	  {"answered", answered},    {"taken", taken},
	{"no-role", no_role},	  {"normal", expect_normal}, {"all", expect_all},
	{"outcome", any_outcome}, {"usable", expect_usable}, {"usable-if-open", usable_if_open},
	{"stays", stays},	  {"closed", closed},	     {"served", served},
	{"given-up", given_up},	  {"values", expect_values}, {"values-if-open", values_if_open},
	{"unknown", unknown},
};

/* Plays one step; false if the case is over. */
static bool play_step(struct trial *t, struct peer **p, const char *step)
{
	char word[16] = "";
	size_t n = 1;

	sscanf(step, "%15s %zu", word, &n);
	if (!strcmp(word, "new")) {
		*p = trial_peer(t);
		return true;
	}
	for (size_t i = 0; i < COUNT(expectations); i++)
		if (!strcmp(word, expectations[i].word))
			return expectations[i].expect(t, *p, n);
	say(t, *p, step);
	return true;
}

void play_steps(struct trial *t)
{
	const struct settings *s = t->settings;
	struct peer *p;
	const char *end;
	bool going = true;

	if ((strstr(t->text, "slow") && needs(t, s->slow, "--slow")) ||
	    (strstr(t->text, "queue") && needs(t, s->queued, "--queued")))
		return;
	p = trial_peer(t);
	for (const char *at = t->text; going && *at; at = end + strspn(end, "; ")) {
		char step[512];
		unsigned long times = 1;
		int skip = 0;

		end = strchrnul(at, ';');
		snprintf(step, sizeof(step), "%.*s", (int)(end - at), at);
		if (sscanf(step, "%lu times %n", &times, &skip) < 1)
			times = 1;
		while (times-- && going)
			going = play_step(t, &p, step + skip);
	}
}

/* Management records: GET_VALUES and types nobody knows (section 4). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/stream.h"
#include "chapters.h"
#include "fcgi/record.h"

/* The value of a name in the last result, as a number; -1 if it is not there, -2 if it is there
 * twice or is no number. Names and values are short. */
static long value_of(const struct peer *p, const char *name)
{
	const unsigned char *at = (const unsigned char *)p->values.data;
	size_t left = p->values.len;
	long found = -1;

	while (left >= 2 && (size_t)at[0] + at[1] + 2 <= left) {
		char value[16] = "";

		if (at[0] == strlen(name) && !memcmp(at + 2, name, at[0])) {
			memcpy(value, at + 2 + at[0],
			       at[1] < sizeof(value) ? at[1] : sizeof(value) - 1);
			found = found == -1 && strspn(value, "0123456789") == strlen(value) &&
						*value
					? atol(value)
					: -2;
		}
		left -= (size_t)at[0] + at[1] + 2;
		at += (size_t)at[0] + at[1] + 2;
	}
	return left ? -2 : found;
}

/* Asks and waits for the result. */
static bool asked(struct trial *t, struct peer *p, const char *script)
{
	size_t before = p->values_count;

	say(t, p, script);
	return expect_values(t, p, before + 1);
}

static void the_three_values_are_told(struct trial *t)
{
	struct peer *p = trial_peer(t);
	long conns, reqs, mpxs;

	if (!asked(t, p, "get FCGI_MAX_CONNS FCGI_MAX_REQS FCGI_MPXS_CONNS"))
		return;
	conns = value_of(p, "FCGI_MAX_CONNS");
	reqs = value_of(p, "FCGI_MAX_REQS");
	mpxs = value_of(p, "FCGI_MPXS_CONNS");
	saw(t, "FCGI_MAX_CONNS=%ld, FCGI_MAX_REQS=%ld, FCGI_MPXS_CONNS=%ld", conns, reqs, mpxs);
	if (conns == -2 || reqs == -2 || mpxs < -1 || mpxs > 1)
		fail(t, "a value that is no number, or told twice");
}

/* The text says what is asked, and behind a semicolon what must not be told. */
static void others_are_not_told(struct trial *t)
{
	struct peer *p = trial_peer(t);
	size_t n = strcspn(t->text, ";");
	char script[128];

	snprintf(script, sizeof(script), "%.*s", (int)n, t->text);
	if (!asked(t, p, script))
		return;
	for (const char *name = t->text + n + 1; *name; name += strspn(name, " ")) {
		snprintf(script, sizeof(script), "%.*s", (int)strcspn(name, " "), name);
		if (value_of(p, script) != -1)
			fail(t, "%s was told, which is not asked for or not known", script);
		name += strlen(script);
	}
	if (value_of(p, "FCGI_MPXS_CONNS") == -2 || (n == 3 && p->values.len))
		fail(t, "values nobody asked for");
}

static void a_repeated_name_is_told(struct trial *t)
{
	struct peer *p = trial_peer(t);

	if (!asked(t, p, "get FCGI_MPXS_CONNS FCGI_MPXS_CONNS FCGI_MPXS_CONNS"))
		return;
	saw(t, p->values.len <= 2 + 15 + 1 ? "once" : "more than once");
}

static void names_may_come_with_values_and_long_lengths(struct trial *t)
{
	static const char record[] = "\1\x09\0\0\0\x1c\0\0"
				     "\x80\0\0\x0f\x80\0\0\5FCGI_MPXS_CONNSvalue";
	struct peer *p = trial_peer(t);

	say_bytes(p, record, 8 + 28);
	if (expect_values(t, p, 1) && value_of(p, "FCGI_MPXS_CONNS") < 0)
		fail(t, "the value was not told");
}

static void a_question_may_be_split(struct trial *t)
{
	cut_everywhere(t, trial_peer(t), "get FCGI_MAX_REQS FCGI_MPXS_CONNS", 3, expect_values, 1);
}

static void a_long_question_harms_nobody(struct trial *t)
{
	struct peer *p = trial_peer(t);
	struct stream s = {0};
	struct buffer names = {0};

	while (names.len < 60000)
		buffer_append_text(&names, "FCGI_MPXS_CONNS ");
	buffer_append(&names, "", 1);
	stream_get_values(&s, names.data);
	peer_send(p, buffer_slice(&s.bytes));
	stream_free(&s);
	buffer_free(&names);
	if (!peer_values(p, 1) && !p->closed)
		fail(t, "neither a result nor a closed connection");
	saw(t, p->closed ? "closed" : "answered");
}

static void every_unknown_type_is_answered_with_unknown_type(struct trial *t)
{
	struct peer *p = trial_peer(t);
	size_t count = 0;

	for (unsigned int type = 12; type < 256; type++, count++) {
		unsigned char record[8 + 3] = {1, (unsigned char)type, 0, 0, 0, 3};

		say_bytes(p, record, sizeof(record));
	}
	if (!peer_unknown(p, count))
		fail(t, "%zu of %zu types were answered%s", p->unknown_count, count,
		     p->closed ? ", and the connection was closed" : "");
	for (unsigned int type = 12; type < 256 && !t->failure[0]; type++)
		if (!p->unknown[type])
			fail(t, "type %u was not named", type);
}

static void types_of_requests_with_id_0_harm_nobody(struct trial *t)
{
	for (unsigned int type = 0; type < 9; type++) {
		unsigned char record[16] = {1, (unsigned char)type, 0, 0, 0, 8, 0, 0, 0, 1, 1};
		struct peer *p = trial_peer(t);

		say_bytes(p, record, sizeof(record));
		say(t, p, "get FCGI_MPXS_CONNS");
		if (!peer_values(p, 1) && !p->closed)
			fail(t, "type %u: neither an answer nor a closed connection", type);
		if (p->unknown[type])
			saw(t, "%u: UNKNOWN_TYPE", type);
		else
			saw(t, "%u: %s", type, p->closed ? "closed" : "ignored");
	}
}

static const struct conformance_case cases[] = {
	{"the three values are told", "4.1", .run = the_three_values_are_told},
	{"only what is asked for is told", "4.1", "get FCGI_MPXS_CONNS;FCGI_MAX_CONNS",
	 others_are_not_told},
	{"nothing asked, nothing told", "4.1", "get;FCGI_MPXS_CONNS", others_are_not_told},
	{"unknown names are left out", "4.1",
	 "get FCGI_NO_SUCH_NAME FCGI_MPXS_CONNS fcgi_max_reqs X;FCGI_NO_SUCH_NAME X",
	 others_are_not_told},
	{"a repeated name is told", "4.1", .run = a_repeated_name_is_told},
	{"names may come with values and long lengths", "4.1, 3.4",
	 .run = names_may_come_with_values_and_long_lengths},
	{"a question may be split at every byte", "4.1", .run = a_question_may_be_split},
	{"malformed questions harm nobody", "4.1",
	 "record 9 0 \x0f; get FCGI_MPXS_CONNS; values-if-open 1; new; "
	 "record 9 0 \x0f\1FCGI; get FCGI_MPXS_CONNS; values-if-open 1; new; "
	 "record 9 0 \xff\xff\xff\xff\xff\xff\xff\xff; get FCGI_MPXS_CONNS; values-if-open 1; new; "
	 "record 9 0 \xff\xff\xff; get FCGI_MPXS_CONNS; values-if-open 1"},
	{"a long question harms nobody", "4.1", .run = a_long_question_harms_nobody},
	{"values are told in the middle of a request", "4.1",
	 "begin 1 keep, get FCGI_MPXS_CONNS; values 1; pairs 1, get FCGI_MPXS_CONNS; values 2; "
	 "params-end 1, stdin-end 1; normal 1"},
	{"values are told while a request runs", "4.1",
	 "slow 1 keep; settle; get FCGI_MPXS_CONNS; values 1; outcome 0"},
	{"asking does not use the connection up", "4.1",
	 "get FCGI_MPXS_CONNS; values 1; usable 1; get FCGI_MPXS_CONNS; values 2"},
	{"every unknown type is answered with UNKNOWN_TYPE", "4.2",
	 .run = every_unknown_type_is_answered_with_unknown_type},
	{"after an unknown type the connection is usable", "4.2",
	 "record 200 0 abc; unknown 1; usable 1"},
	{"types of requests with id 0 harm nobody", "4.2",
	 .run = types_of_requests_with_id_0_harm_nobody},
};

const struct chapter chapter_management = {"management", cases, COUNT(cases)};

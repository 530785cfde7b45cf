/* PARAMS and the name-value pairs in it (sections 3.4 and 5.2). */
#include <stdio.h>
#include <string.h>

#include "../support/stream.h"
#include "chapters.h"
#include "fcgi/record.h"

enum { OVER_EVERY_LIMIT = 2 << 20 };

static void params_may_come_in_records_of_one_byte(struct trial *t)
{
	struct peer *p = trial_peer(t);
	struct buffer whole = {0};
	struct stream s = {0};

	write_script(t, &whole, "pairs 1");
	stream_begin(&s, 1, FCGI_ROLE_RESPONDER, FCGI_FLAG_KEEP_CONN);
	for (size_t i = 8; i < whole.len; i++)
		stream_record(&s, FCGI_TYPE_PARAMS, 1, whole.data + i, 1);
	stream_params_end(&s, 1);
	stream_stdin_end(&s, 1);
	peer_send(p, buffer_slice(&s.bytes));
	stream_free(&s);
	buffer_free(&whole);
	expect_normal(t, p, 1);
}

/* Two records of PARAMS, for every place to cut the pairs. */
static void pairs_may_be_cut_into_records_at_every_byte(struct trial *t)
{
	struct peer *p = trial_peer(t);
	struct buffer whole = {0};

	write_script(t, &whole, "pairs 1");
	for (size_t at = 9; at < whole.len; at++) {
		struct stream s = {0};

		stream_begin(&s, 1, FCGI_ROLE_RESPONDER, FCGI_FLAG_KEEP_CONN);
		stream_record(&s, FCGI_TYPE_PARAMS, 1, whole.data + 8, at - 8);
		stream_record(&s, FCGI_TYPE_PARAMS, 1, whole.data + at, whole.len - at);
		stream_params_end(&s, 1);
		stream_stdin_end(&s, 1);
		peer_send(p, buffer_slice(&s.bytes));
		stream_free(&s);
		if (!expect_normal(t, p, at - 8)) {
			fail(t, "cut after byte %zu", at - 8);
			break;
		}
	}
	buffer_free(&whole);
}

/* A request with more params: bytes in front of the usual ones. */
static void ask_with(struct trial *t, struct peer *p, const void *bytes, size_t n)
{
	struct stream s = {0};

	stream_begin(&s, 1, FCGI_ROLE_RESPONDER, FCGI_FLAG_KEEP_CONN);
	stream_params(&s, 1, (struct slice){bytes, n});
	write_script(t, &s.bytes, "pairs 1, params-end 1, stdin-end 1");
	peer_send(p, buffer_slice(&s.bytes));
	stream_free(&s);
}

static void short_lengths_may_be_sent_as_four_bytes(struct trial *t)
{
	static const char pairs[] = "\x80\0\0\2\3ABxyz\2\x80\0\0\3CDxyz\x80\0\0\2\x80\0\0\3EFxyz";
	struct peer *p = trial_peer(t);

	ask_with(t, p, pairs, sizeof(pairs) - 1);
	expect_normal(t, p, 1);
}

static void lengths_around_128_are_understood(struct trial *t)
{
	static const size_t lengths[] = {0, 1, 127, 128, 129, 255, 256, 4095, 20000};
	static char text[20000];
	struct peer *p = trial_peer(t);

	memset(text, 'v', sizeof(text));
	for (size_t i = 0; i < COUNT(lengths); i++) {
		struct buffer pairs = {0};

		pair_append(&pairs, slice_of("HTTP_X"), (struct slice){text, lengths[i]});
		pair_append(&pairs, (struct slice){text, lengths[i] < 5000 ? lengths[i] : 5000},
			    slice_of("x"));
		ask_with(t, p, pairs.data, pairs.len);
		buffer_free(&pairs);
		if (!expect_normal(t, p, i + 1))
			return;
	}
}

static void values_may_hold_any_byte(struct trial *t)
{
	char pairs[2 + 1 + 256] = "\x01\x80\0\1";
	struct peer *p = trial_peer(t);
	struct buffer content = {0};

	for (int i = 0; i < 255; i++)
		pairs[i] = (char)(i + 1);
	pair_append(&content, slice_of("HTTP_X"), (struct slice){pairs, 255});
	ask_with(t, p, content.data, content.len);
	buffer_free(&content);
	expect_normal(t, p, 1);
}

static void over_every_limit(struct trial *t, struct buffer *pairs)
{
	struct peer *p = trial_peer(t);

	ask_with(t, p, pairs->data, pairs->len);
	buffer_free(pairs);
	if (any_outcome(t, p, 1) && !p->closed)
		expect_usable(t, p, 1);
}

static void one_param_over_every_limit(struct trial *t)
{
	static char value[OVER_EVERY_LIMIT];
	struct buffer pairs = {0};

	memset(value, 'v', sizeof(value));
	pair_append(&pairs, slice_of("HTTP_X"), (struct slice){value, sizeof(value)});
	over_every_limit(t, &pairs);
}

static void many_params_over_every_limit(struct trial *t)
{
	struct buffer pairs = {0};

	for (int i = 0; i < OVER_EVERY_LIMIT / 8; i++)
		buffer_append(&pairs, "\3\3ABCxyz", 8);
	over_every_limit(t, &pairs);
}

/* Any answer to these bytes, or a closed connection: but something, and soon. */
static void malformed(struct trial *t)
{
	struct peer *p = trial_peer(t);
	char script[128];

	snprintf(script, sizeof(script), "begin 1 keep, record 4 1 %s, params-end 1, stdin-end 1",
		 t->text);
	say(t, p, script);
	any_outcome(t, p, 1);
	expect_served(t);
}

static const struct conformance_case cases[] = {
	{"params may come in records of one byte", "3.4, 5.2",
	 .run = params_may_come_in_records_of_one_byte},
	{"pairs may be cut into records at every byte", "3.4",
	 .run = pairs_may_be_cut_into_records_at_every_byte},
	{"short lengths may be sent as four bytes", "3.4",
	 .run = short_lengths_may_be_sent_as_four_bytes},
	{"lengths around 128 are understood", "3.4", .run = lengths_around_128_are_understood},
	{"a name may be repeated", "3.4",
	 "begin 1 keep, params 1 HTTP=a&HTTP=b&HTTP=, pairs 1, params-end 1, stdin-end 1; normal "
	 "1"},
	{"values may hold any byte but NUL", "3.4", .run = values_may_hold_any_byte},
	{"no params at all get an answer", "5.2",
	 "begin 1 keep, params-end 1, stdin-end 1; outcome 1"},
	{"a name length near 2^31", "3.4", "\377\377\377\377\1ab", malformed},
	{"a value length near 2^31", "3.4", "\1\377\377\377\377ab", malformed},
	{"lengths whose sum overflows", "3.4", "\377\377\377\377\377\377\377\377ab", malformed},
	{"lengths whose sum is 0 in 31 bits", "3.4", "\301\1\1\1\276\376\376\377ab", malformed},
	{"lengths just over 2^31 together", "3.4", "\377\377\377\376\4abcd", malformed},
	{"a name longer than the stream", "3.4", "\177\1name", malformed},
	{"a value longer than the stream", "3.4", "\4\5nameabcd", malformed},
	{"a stream cut in a length", "3.4", "\1\1ab\200\1", malformed},
	{"a stream cut after a name's length", "3.4", "\4", malformed},
	{"one param over every limit gets an answer", "-", .run = one_param_over_every_limit},
	{"many params over every limit get an answer", "-", .run = many_params_over_every_limit},
	{"params after their end harm nobody", "3.3, 5.2",
	 "begin 1 keep, pairs 1, params-end 1, params 1 PATH_INFO=/other, params-end 1, "
	 "stdin-end 1; outcome 1; served"},
};

const struct chapter chapter_params = {"params", cases, COUNT(cases)};

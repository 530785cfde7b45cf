/* Records as such: their header, content and padding, and how they arrive (section 3.3). */
#include <string.h>

#include "../support/stream.h"
#include "chapters.h"
#include "fcgi/record.h"

/* ---- The shape of an answer ---- */

static void an_answer_is_stdout_then_end_request(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p, "ask 1 keep");
	if (!expect_normal(t, p, 1))
		return;
	saw(t, p->answers[0].stdout_closed ? "STDOUT was ended by an empty record"
					   : "STDOUT was ended by END_REQUEST");
	if (p->answers[0].app_status)
		fail(t, "appStatus %u of a normal answer", p->answers[0].app_status);
}

static void an_answer_carries_the_id_of_its_request(struct trial *t)
{
	static const int ids[] = {1, 2, 255, 256, 257, 32768, 65535};
	struct peer *p = trial_peer(t);

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		if (!expect_usable(t, p, ids[i]) || !expect_end(t, p, ids[i], 0))
			return;
}

/* ---- Padding ---- */

/* Requests with that many bytes of padding behind each record of one type that has content. */
static void padding_behind(struct trial *t, unsigned char type)
{
	struct peer *p = trial_peer(t);

	for (int padding = 0; padding < 256; padding++) {
		struct buffer bytes = {0};
		struct record record;
		struct slice left;

		write_script(t, &bytes, "begin 1 keep, pairs 1, params-end 1, stdin 1 abc");
		for (left = buffer_slice(&bytes); record_take(&record, &left);) {
			unsigned char header[RECORD_HEADER], rest[255];
			bool padded = record.type == type && record.content.len;

			record_header(header, record.type, record.id, record.content.len,
				      padded ? (uint8_t)padding : 0);
			memset(rest, 0xee, sizeof(rest));
			say_bytes(p, header, sizeof(header));
			say_bytes(p, record.content.data, record.content.len);
			say_bytes(p, rest, padded ? (size_t)padding : 0);
		}
		buffer_free(&bytes);
		say(t, p, "stdin-end 1");
		if (!expect_normal(t, p, (size_t)padding + 1))
			return;
	}
}

static void padding_behind_begin_is_skipped(struct trial *t)
{
	padding_behind(t, FCGI_TYPE_BEGIN_REQUEST);
}

static void padding_behind_params_is_skipped(struct trial *t)
{
	padding_behind(t, FCGI_TYPE_PARAMS);
}

static void padding_behind_stdin_is_skipped(struct trial *t)
{
	padding_behind(t, FCGI_TYPE_STDIN);
}

static void padding_behind_every_record_is_skipped(struct trial *t)
{
	struct peer *p = trial_peer(t);

	for (uint32_t seed = 1; seed <= 50; seed++) {
		struct buffer bytes = {0};

		write_padded(t, &bytes,
			     "begin 1 keep, pairs 1, params-end 1, stdin 1 *300, stdin-end 1",
			     seed * 0x9e3779b9u);
		peer_send(p, buffer_slice(&bytes));
		buffer_free(&bytes);
		if (!expect_normal(t, p, seed))
			return;
	}
}

static void a_record_of_the_largest_size_is_taken(struct trial *t)
{
	static unsigned char record[8 + 65535 + 255] = {1, 5, 0, 1, 0xff, 0xff, 255, 0};
	struct peer *p = trial_peer(t);

	say(t, p, "begin 1 keep, params 1 CONTENT_LENGTH=65535, pairs 1, params-end 1");
	say_bytes(p, record, sizeof(record));
	say(t, p, "stdin-end 1");
	expect_normal(t, p, 1);
}

static void reserved_bytes_are_ignored(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say_bytes(p, "\1\1\0\1\0\x8\0\xff\0\1\xff\xff\xff\xff\xff\xff", 16);
	say(t, p, "pairs 1, params-end 1, stdin-end 1");
	expect_normal(t, p, 1);
}

/* ---- How bytes arrive ---- */

/* Sends one request in two parts, for every place to cut it. */
static void split_everywhere(struct trial *t, const char *script, uint32_t padding, bool keep)
{
	struct peer *p = NULL;
	struct buffer bytes = {0};

	write_padded(t, &bytes, script, padding);
	for (size_t at = 1; at < bytes.len; at++) {
		if (!p || !keep) {
			if (p)
				peer_free(&t->peers[--t->peer_count]);
			p = trial_peer(t);
		}
		say_bytes(p, bytes.data, at);
		peer_settle(p);
		say_bytes(p, bytes.data + at, bytes.len - at);
		if (!expect_normal(t, p, keep ? at : 1) || (!keep && !expect_closed(t, p))) {
			fail(t, "cut after byte %zu", at);
			break;
		}
	}
	buffer_free(&bytes);
}

static void a_kept_request_may_be_split_at_every_byte(struct trial *t)
{
	split_everywhere(t, "ask 1 keep", 0, true);
}

static void a_closing_request_may_be_split_at_every_byte(struct trial *t)
{
	split_everywhere(t, "ask 1", 0, false);
}

static void a_padded_request_may_be_split_at_every_byte(struct trial *t)
{
	split_everywhere(t, "ask 1 keep", 11, true);
}

static void a_request_may_come_byte_by_byte(struct trial *t)
{
	struct peer *p = trial_peer(t);
	struct buffer bytes = {0};

	write_script(t, &bytes, "begin 1 keep, pairs 1, params-end 1, stdin 1 abc, stdin-end 1");
	for (size_t i = 0; i < bytes.len; i++) {
		say_bytes(p, bytes.data + i, 1);
		peer_settle(p);
	}
	buffer_free(&bytes);
	expect_normal(t, p, 1);
}

static void an_answer_may_be_read_byte_by_byte(struct trial *t)
{
	struct peer *p = trial_peer(t);

	p->read_size = 1;
	for (int i = 1; i <= 20; i++)
		if (!expect_usable(t, p, i))
			return;
	say(t, p, "ask 21");
	if (expect_normal(t, p, 21))
		expect_closed(t, p);
}

/* ---- What is no record ---- */

/* Sends bytes that are no FastCGI; anything may come of it but harm to others. */
static void nonsense(struct trial *t, const void *bytes, size_t n)
{
	struct peer *p = trial_peer(t);

	say_bytes(p, bytes, n);
	if (expect_served(t))
		saw(t, peer_hung_up(p, 200) ? "closed" : "stays");
}

static void another_version_is_not_served(struct trial *t)
{
	static const char versions[] = {0, 2, (char)255};

	for (size_t i = 0; i < sizeof(versions); i++) {
		struct peer *p = trial_peer(t);
		struct buffer bytes = {0};

		write_script(t, &bytes, "ask 1 keep");
		bytes.data[0] = versions[i];
		peer_send(p, buffer_slice(&bytes));
		buffer_free(&bytes);
		if (peer_hung_up(p, 300))
			saw(t, "closed");
		else
			saw(t, "stays");
		if (p->answer_count && p->answers[0].out.len) {
			fail(t, "a request of version %u was answered", (unsigned char)versions[i]);
			return;
		}
	}
	expect_served(t);
}

static void another_version_in_mid_request_harms_nobody(struct trial *t)
{
	struct peer *p = trial_peer(t);

	say(t, p, "begin 1 keep, pairs 1");
	say_bytes(p, "\2\4\0\1\0\0\0\0\1\5\0\1\0\0\0\0", 16);
	if (!expect_served(t))
		return;
	if (peer_hung_up(p, 300))
		saw(t, "closed");
	else
		saw(t, "stays");
}

static void text_is_no_fastcgi(struct trial *t)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

	nonsense(t, text, sizeof(text) - 1);
}

static void random_bytes_harm_nobody(struct trial *t)
{
	uint32_t x = 2463534242u;

	for (int i = 0; i < 50; i++) {
		struct peer *p = trial_peer(t);
		unsigned char bytes[512];

		for (size_t j = 0; j < sizeof(bytes); j++) {
			x ^= x << 13;
			x ^= x >> 17;
			x ^= x << 5;
			bytes[j] = (unsigned char)(x >> 16);
		}
		bytes[0] = 1;
		bytes[1] %= 12;
		say_bytes(p, bytes, sizeof(bytes));
		peer_settle(p);
		peer_free(&t->peers[--t->peer_count]);
	}
	expect_served(t);
}

static const struct conformance_case cases[] = {
	{"an answer is STDOUT, then END_REQUEST", "5.3, 5.5", an_answer_is_stdout_then_end_request},
	{"an answer carries the id of its request", "3.3", an_answer_carries_the_id_of_its_request},
	{"padding behind BEGIN is skipped", "3.3", padding_behind_begin_is_skipped},
	{"padding behind PARAMS is skipped", "3.3", padding_behind_params_is_skipped},
	{"padding behind STDIN is skipped", "3.3", padding_behind_stdin_is_skipped},
	{"padding behind every record is skipped", "3.3", padding_behind_every_record_is_skipped},
	{"a record of the largest size is taken", "3.3", a_record_of_the_largest_size_is_taken},
	{"reserved bytes and flags are ignored", "3.3, 5.1", reserved_bytes_are_ignored},
	{"a kept request may be split at every byte", "3.3",
	 a_kept_request_may_be_split_at_every_byte},
	{"a closing request may be split at every byte", "3.3",
	 a_closing_request_may_be_split_at_every_byte},
	{"a padded request may be split at every byte", "3.3",
	 a_padded_request_may_be_split_at_every_byte},
	{"a request may come byte by byte", "3.3", a_request_may_come_byte_by_byte},
	{"an answer may be read byte by byte", "3.3", an_answer_may_be_read_byte_by_byte},
	{"another version is not served", "3.3", another_version_is_not_served},
	{"another version in mid-request harms nobody", "3.3",
	 another_version_in_mid_request_harms_nobody},
	{"text is no FastCGI", "-", text_is_no_fastcgi},
	{"random bytes harm nobody", "-", random_bytes_harm_nobody},
};

const struct chapter chapter_records = {"records", cases, sizeof(cases) / sizeof(cases[0])};

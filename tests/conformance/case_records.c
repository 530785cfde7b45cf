/* Records as such: their header, content and padding, and how they arrive (section 3.3). */
#include <stdlib.h>
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

/* ---- Padding ---- */

/* Requests with so many bytes of padding behind each record that has content and the type that the
 * text says. */
static void padding_behind(struct trial *t)
{
	struct peer *p = trial_peer(t);
	int type = atoi(t->text);

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

static void padding_behind_every_record_is_skipped(struct trial *t)
{
	struct peer *p = trial_peer(t);

	for (uint32_t seed = 1; seed <= 50; seed++) {
		say_padded(t, p, "begin 1 keep, pairs 1, params-end 1, stdin 1 *300, stdin-end 1",
			   seed * 0x9e3779b9u);
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

/* ---- How bytes arrive ---- */

static void cut_on_one_connection(struct trial *t)
{
	cut_everywhere(t, trial_peer(t), t->text, 0, expect_normal, 1);
}

static void cut_with_padding(struct trial *t)
{
	cut_everywhere(t, trial_peer(t), t->text, 11, expect_normal, 1);
}

static void cut_on_many_connections(struct trial *t)
{
	struct buffer bytes = {0};

	write_script(t, &bytes, t->text);
	for (size_t at = 1; at < bytes.len && !t->failure[0]; at++) {
		struct peer *p = trial_peer(t);

		say_bytes(p, bytes.data, at);
		peer_settle(p);
		say_bytes(p, bytes.data + at, bytes.len - at);
		if (expect_normal(t, p, 1) && expect_closed(t, p))
			peer_free(&t->peers[--t->peer_count]);
	}
	buffer_free(&bytes);
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
		saw(t, peer_hung_up(p, 300) ? "closed" : "stays");
		if (p->answer_count && p->answers[0].out.len) {
			fail(t, "a request of version %u was answered", (unsigned char)versions[i]);
			return;
		}
	}
	expect_served(t);
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
	{"an answer is STDOUT, then END_REQUEST", "5.3, 5.5",
	 .run = an_answer_is_stdout_then_end_request},
	{"an answer carries the id of its request", "3.3",
	 "usable 1; answered 1; usable 2; answered 2; usable 255; answered 255; "
	 "usable 256; answered 256; usable 257; answered 257; usable 32768; answered 32768; "
	 "usable 65535; answered 65535"},
	{"padding behind BEGIN is skipped", "3.3", "1", padding_behind},
	{"padding behind PARAMS is skipped", "3.3", "4", padding_behind},
	{"padding behind STDIN is skipped", "3.3", "5", padding_behind},
	{"padding behind every record is skipped", "3.3",
	 .run = padding_behind_every_record_is_skipped},
	{"a record of the largest size is taken", "3.3",
	 .run = a_record_of_the_largest_size_is_taken},
	{"reserved bytes and flags are ignored", "3.3, 5.1",
	 "hex 01010001000800ff 0001ffffffffffff; pairs 1, params-end 1, stdin-end 1; normal 1"},
	{"a kept request may be split at every byte", "3.3", "ask 1 keep", cut_on_one_connection},
	{"a closing request may be split at every byte", "3.3", "ask 1", cut_on_many_connections},
	{"a padded request may be split at every byte", "3.3", "ask 1 keep", cut_with_padding},
	{"a request may come byte by byte", "3.3", .run = a_request_may_come_byte_by_byte},
	{"an answer may be read byte by byte", "3.3", .run = an_answer_may_be_read_byte_by_byte},
	{"another version is not served", "3.3", .run = another_version_is_not_served},
	{"another version in mid-request harms nobody", "3.3",
	 "begin 1 keep, pairs 1; hex 0204000100000000 0105000100000000; served; look"},
	/* "GET / HTTP/1.1", a host and an empty line. */
	{"text is no FastCGI", "-",
	 "hex 474554202f20485454502f312e310d0a 486f73743a206c6f63616c686f73740d0a 0d0a; served; "
	 "look"},
	{"random bytes harm nobody", "-", .run = random_bytes_harm_nobody},
};

const struct chapter chapter_records = {"records", cases, COUNT(cases)};

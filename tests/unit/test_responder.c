/*
 * The protocol, rule by rule. A rule is a stream of records, what the owner does, and what must
 * come of it: events, answers, and the state of the connection. Every stream is fed whole, in two
 * parts split at every byte, byte by byte, and with several random paddings; always the same must
 * come of it.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "../support/stream.h"
#include "fcgi/responder.h"

enum { STORAGE = 512, PADDINGS = 3, SPLITS = 1024 };

enum answer {
	NEVER,	/* takes requests and leaves them */
	ERRORS, /* ends a request whose input is not OK */
	ALWAYS, /* ends every request from inside ready() */
};

struct served {
	struct fcgi_request request;
	char storage[STORAGE];
};

struct connection {
	struct fcgi_responder responder;
	struct fcgi_limits limits;
	enum answer answer;
	bool no_requests; /* begin() finds no memory */
	bool takes_stdin;
	bool answers_stdin; /* ends the request with its first byte */
	struct buffer log;
	struct fcgi_request *last; /* ready() was called for it, and it was not answered */
};

static struct connection c; /* of the test */

struct rule {
	const char *in;		       /* a script of stream_script() */
	void (*add)(struct stream *s); /* more of it */
	enum answer answer;
	bool no_requests;
	bool takes_stdin;
	bool answers_stdin;
	struct fcgi_limits limits; /* zeros: DEFAULTS */
	const char *events;
	const char *out;
	int error;
	bool closes;
	bool lingers;
	bool partial;
};

static const struct fcgi_limits DEFAULTS = {100, 200, 4, 4096, 1 << 20};

/* What ALWAYS and ERRORS answer. */
#define ANSWER(id) "STDOUT " id " hello\nSTDOUT " id " end\nEND " id " 7 COMPLETE\n"

/* ---- The owner ---- */

static struct fcgi_request *on_begin(void *owner)
{
	struct connection *c = owner;
	struct served *served = c->no_requests ? NULL : calloc(1, sizeof(*served));

	buffer_append_text(&c->log, "begin\n");
	if (!served)
		return NULL;
	fcgi_params_init(&served->request.params, served->storage, sizeof(served->storage));
	return &served->request;
}

static void release(struct fcgi_request *request)
{
	fcgi_params_free(&request->params);
	free(request);
}

static void answer(struct connection *c, struct fcgi_request *request)
{
	fcgi_responder_stdout(&c->responder, request, "hello", 5);
	fcgi_responder_end(&c->responder, request, 7);
	release(request);
}

static bool line_is_open(const struct connection *c)
{
	return c->log.len && c->log.data[c->log.len - 1] != '\n';
}

static void note(struct connection *c, const char *event, const struct fcgi_request *request)
{
	if (line_is_open(c))
		buffer_append_text(&c->log, "\n");
	buffer_append_text(&c->log, event);
	buffer_append_text(&c->log, " ");
	buffer_append_u64(&c->log, request->id);
}

static const char *input_name(enum fcgi_input input)
{
	static const char *const names[] = {" ok", " params too large", " stdin too large",
					    " no memory"};

	return names[input];
}

static void on_ready(void *owner, struct fcgi_request *request, enum fcgi_input input)
{
	struct connection *c = owner;
	struct slice name, value;
	size_t at = 0;

	note(c, "ready", request);
	buffer_append_text(&c->log, input_name(input));
	while (input == FCGI_INPUT_OK && fcgi_params_next(&request->params, &at, &name, &value)) {
		buffer_append_text(&c->log, " ");
		buffer_append(&c->log, name.data, name.len);
		buffer_append_text(&c->log, "=");
		buffer_append(&c->log, value.data, value.len);
	}
	buffer_append_text(&c->log, "\n");
	if (c->answer == ALWAYS || (c->answer == ERRORS && input != FCGI_INPUT_OK))
		answer(c, request);
	else
		c->last = request;
}

static void on_input_failed(void *owner, struct fcgi_request *request, enum fcgi_input input)
{
	struct connection *c = owner;

	note(c, "failed", request);
	buffer_append_text(&c->log, input_name(input));
	buffer_append_text(&c->log, "\n");
	if (c->answer != NEVER)
		answer(c, request);
}

static void on_stdin_begins(void *owner, struct fcgi_request *request)
{
	struct connection *c = owner;

	if (c->takes_stdin)
		CU_ASSERT_TRUE(fcgi_responder_take_stdin(&c->responder, request));
	if (c->answers_stdin) {
		c->last = NULL;
		answer(c, request);
	}
}

/* What comes in pieces is one line. */
static void on_stdin_came(void *owner, struct fcgi_request *request, struct slice bytes)
{
	struct connection *c = owner;

	if (!bytes.len || !line_is_open(c))
		note(c, bytes.len ? "stdin" : "stdin end", request);
	if (bytes.len && c->log.data[c->log.len - 1] == (char)('0' + request->id))
		buffer_append_text(&c->log, " ");
	buffer_append(&c->log, bytes.data, bytes.len);
	if (!bytes.len)
		buffer_append_text(&c->log, "\n");
}

static void on_gone(void *owner, struct fcgi_request *request)
{
	struct connection *c = owner;

	note(c, "gone", request);
	buffer_append_text(&c->log, "\n");
	release(request);
}

#define EVENTS_BUT_INPUT_FAILED(how)                                                               \
	.begin = (how), .ready = on_ready, .stdin_begins = on_stdin_begins,                        \
	.stdin_came = on_stdin_came, .gone = on_gone

static const struct fcgi_events EVENTS = {EVENTS_BUT_INPUT_FAILED(on_begin),
					  .input_failed = on_input_failed};

static void open_connection(struct connection *c, const struct fcgi_limits *limits)
{
	*c = (struct connection){.limits = *limits};
	fcgi_responder_init(&c->responder, &c->limits, &EVENTS, c);
}

static void close_connection(struct connection *c)
{
	fcgi_responder_close(&c->responder);
	buffer_free(&c->log);
}

static void open_usual(void)
{
	open_connection(&c, &DEFAULTS);
}

static void close_it(void)
{
	close_connection(&c);
}

static int feed_script(struct connection *c, const char *script)
{
	struct stream s = {0};
	int error;

	stream_script(&s, script);
	error = fcgi_responder_feed(&c->responder, s.bytes.data, s.bytes.len);
	stream_free(&s);
	return error;
}

/* ---- Expecting ---- */

static void expect_text(struct slice got, const char *expected, const char *what)
{
	bool same = slice_is(got, expected);

	if (!same)
		printf("    %s:\n%.*s    expected:\n%s", what, (int)got.len, got.data, expected);
	CU_ASSERT_TRUE(same);
}

static void expect_events(struct connection *c, const char *expected)
{
	expect_text(buffer_slice(&c->log), expected, "events");
	c->log.len = 0;
}

static void expect_out(struct connection *c, const char *expected)
{
	struct buffer text = {0};

	records_as_text(buffer_slice(&c->responder.out), &text);
	expect_text(buffer_slice(&text), expected, "answers");
	buffer_free(&text);
	c->responder.out.len = 0;
}

static void expect_rule(struct connection *c, const struct rule *rule, int error)
{
	CU_ASSERT_EQUAL(error, rule->error);
	expect_events(c, rule->events ? rule->events : "");
	expect_out(c, rule->out ? rule->out : "");
	if (error)
		return;
	CU_ASSERT_EQUAL(fcgi_responder_should_close(&c->responder), rule->closes);
	CU_ASSERT_EQUAL(fcgi_responder_linger(&c->responder), rule->lingers);
	CU_ASSERT_EQUAL(fcgi_responder_partial(&c->responder), rule->partial);
}

/* Feeds the first part, then the rest in steps. Each piece is a copy of its own, so that a
 * sanitizer sees a read beyond it. */
static void feed_in_parts(const struct rule *rule, struct slice in, size_t first, size_t step)
{
	int error = 0;

	open_connection(&c, rule->limits.conn_requests ? &rule->limits : &DEFAULTS);
	c.answer = rule->answer;
	c.no_requests = rule->no_requests;
	c.takes_stdin = rule->takes_stdin;
	c.answers_stdin = rule->answers_stdin;
	for (size_t at = 0, n = first; at < in.len && !error; at += n, n = step) {
		char *piece;

		if (n > in.len - at)
			n = in.len - at;
		piece = malloc(n ? n : 1);
		memcpy(piece, in.data + at, n);
		error = fcgi_responder_feed(&c.responder, piece, n);
		free(piece);
	}
	expect_rule(&c, rule, error);
	close_connection(&c);
}

static void check(const struct rule *rule)
{
	for (uint32_t seed = 0; seed < PADDINGS; seed++) {
		struct stream s = {.seed = seed * 0x9e3779b9u};
		struct slice in;

		if (rule->in)
			stream_script(&s, rule->in);
		if (rule->add)
			rule->add(&s);
		in = buffer_slice(&s.bytes);
		feed_in_parts(rule, in, in.len, in.len);
		feed_in_parts(rule, in, 1, 1);
		for (size_t at = 0; at < in.len; at += 1 + in.len / SPLITS)
			feed_in_parts(rule, in, at, in.len);
		stream_free(&s);
	}
}

#define CHECK(...) check(&(struct rule){__VA_ARGS__})

/* A test that is nothing but rules: it has their list, which ends with none. */
static void check_rules(void)
{
	for (const struct rule *rule = harness_test()->data; rule->in || rule->add; rule++)
		check(rule);
}

#define RULES(...)                                                                                 \
	check_rules, (const struct rule[])                                                         \
	{                                                                                          \
		__VA_ARGS__,                                                                       \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}

/* ---- A request's life ---- */

static void add_long_value(struct stream *s)
{
	struct buffer content = {0};
	char value[STORAGE];

	memset(value, 'v', sizeof(value));
	pair_append(&content, slice_of("A"), (struct slice){value, sizeof(value)});
	pair_append(&content, slice_of("B"), slice_of("y"));
	stream_params(s, 1, buffer_slice(&content));
	stream_params_end(s, 1);
	buffer_free(&content);
}

static void params_may_outgrow_the_owners_storage(void)
{
	char events[STORAGE + 64];
	size_t n = (size_t)sprintf(events, "begin\nready 1 ok A=");

	memset(events + n, 'v', STORAGE);
	strcpy(events + n + STORAGE, " B=y\n");
	CHECK(.in = "begin 1 keep", .add = add_long_value, .events = events);
}

/* What is left of a request must be as its owner left it: all zeros. */
static void on_input_failed_ends(void *owner, struct fcgi_request *request, enum fcgi_input input)
{
	struct connection *c = owner;

	(void)input;
	fcgi_responder_end(&c->responder, request, 0);
	fcgi_params_free(&request->params);
	memset(request, 0, sizeof(*request));
	c->last = request;
}

static void a_request_is_let_alone_once_it_has_ended(void)
{
	static const struct fcgi_events events = {EVENTS_BUT_INPUT_FAILED(on_begin),
						  .input_failed = on_input_failed_ends};
	static const struct fcgi_request zeros;

	open_connection(&c, &(struct fcgi_limits){1, 1, 1, 8, 8});
	fcgi_responder_init(&c.responder, &c.limits, &events, &c);
	CU_ASSERT_EQUAL(feed_script(&c, "begin 1 keep, params-end 1"), 0);
	/* It ends within a record, of which more is to come. */
	CU_ASSERT_EQUAL(fcgi_responder_feed(&c.responder, "\1\5\0\1\0\x14\0\0too much!", 17), 0);
	CU_ASSERT_EQUAL(fcgi_responder_active(&c.responder), 0);
	CU_ASSERT_EQUAL(fcgi_responder_feed(&c.responder, "and more of", 11), 0);
	CU_ASSERT_EQUAL(memcmp(c.last, &zeros, sizeof(zeros)), 0);
	free(c.last);
}

/* ---- STDIN that somebody takes ---- */

static void what_came_before_the_end_of_params_cannot_be_taken(void)
{
	CU_ASSERT_EQUAL(feed_script(&c, "begin 1 keep, stdin 1 a, params-end 1"), 0);
	CU_ASSERT_FALSE(fcgi_responder_take_stdin(&c.responder, c.last));
	CU_ASSERT_EQUAL(feed_script(&c, "stdin 1 b, stdin-end 1"), 0);
	expect_events(&c, "begin\nready 1 ok\n");
}

/* It is its owner, too, who may be slow; all others owe what they have begun. */
static void who_sends_what_is_taken_owes_nothing(void)
{
	c.takes_stdin = true;
	CU_ASSERT_EQUAL(feed_script(&c, "begin 1 keep, params-end 1, stdin 1 a"), 0);
	CU_ASSERT_EQUAL(fcgi_responder_feed(&c.responder, "\1\5\0\1\0\4\0\0ab", 10), 0);
	CU_ASSERT_FALSE(fcgi_responder_partial(&c.responder));
	CU_ASSERT_EQUAL(fcgi_responder_feed(&c.responder, "cd", 2), 0);
	CU_ASSERT_EQUAL(feed_script(&c, "begin 2 keep"), 0);
	CU_ASSERT_TRUE(fcgi_responder_partial(&c.responder));
	CU_ASSERT_EQUAL(feed_script(&c, "params-end 2, stdin-end 1"), 0);
	CU_ASSERT_FALSE(fcgi_responder_partial(&c.responder));
	CU_ASSERT_EQUAL(fcgi_responder_feed(&c.responder, "\1", 1), 0);
	CU_ASSERT_TRUE(fcgi_responder_partial(&c.responder));
}

static void an_answer_before_the_end_ends_the_taking(void)
{
	c.takes_stdin = true;
	CU_ASSERT_EQUAL(feed_script(&c, "begin 1 keep, params-end 1, stdin 1 a"), 0);
	CU_ASSERT_EQUAL(fcgi_responder_feed(&c.responder, "\1\5\0\1\0\4\0\0ab", 10), 0);
	answer(&c, c.last);
	CU_ASSERT_TRUE(fcgi_responder_partial(&c.responder));
	CU_ASSERT_EQUAL(fcgi_responder_feed(&c.responder, "cd", 2), 0);
	expect_events(&c, "begin\nready 1 ok\nstdin 1 aab");
}

/* ---- Closing ---- */

static void requests_begun_before_the_end_of_a_closing_one_are_answered(void)
{
	c.answer = ALWAYS;
	CU_ASSERT_EQUAL(feed_script(&c, "begin 1, begin 2 keep, params-end 1, stdin-end 1"), 0);
	expect_out(&c, ANSWER("1"));
	CU_ASSERT_FALSE(fcgi_responder_should_close(&c.responder));
	CU_ASSERT_EQUAL(feed_script(&c, "params-end 2, stdin-end 2"), 0);
	expect_out(&c, ANSWER("2"));
	CU_ASSERT_TRUE(fcgi_responder_should_close(&c.responder));
}

static void closing_gives_back_every_request_once(void)
{
	open_connection(&c, &(struct fcgi_limits){1, 1, 100, 100, 100});
	CU_ASSERT_EQUAL(feed_script(&c, "begin 1 keep, request 2 keep A=x"), 0);
	expect_events(&c, "begin\nbegin\nready 2 ok A=x\n");
	fcgi_responder_close(&c.responder);
	expect_events(&c, "gone 2\ngone 1\n");
	CU_ASSERT_EQUAL(fcgi_responder_active(&c.responder), 0);
	fcgi_responder_close(&c.responder);
	CU_ASSERT_EQUAL(feed_script(&c, "request 3 keep A=x"), 0);
	expect_events(&c, "");
}

/* ---- Refusing ---- */

static void add_role_257(struct stream *s)
{
	stream_begin(s, 3, 0x101, FCGI_FLAG_KEEP_CONN);
}

/* ---- What is ignored, and what is an error ---- */

static void add_wrong_version(struct stream *s)
{
	buffer_append(&s->bytes, "\2\5\0\1\0\0\0\0", 8);
}

static void add_long_begin(struct stream *s)
{
	stream_record(s, FCGI_TYPE_BEGIN_REQUEST, 1, "\0\1\xff\1\2\3\4\5more of it", 18);
	stream_params_end(s, 1);
	stream_stdin_end(s, 1);
}

static void add_flags_without_keep_conn(struct stream *s)
{
	stream_record(s, FCGI_TYPE_BEGIN_REQUEST, 1, "\0\1\xfe\0\0\0\0\0", 8);
	stream_params_end(s, 1);
	stream_stdin_end(s, 1);
}

static void part_of_a_record_is_owed(void)
{
	CU_ASSERT_FALSE(fcgi_responder_partial(&c.responder));
	fcgi_responder_feed(&c.responder, "\1\5\0", 3);
	CU_ASSERT_TRUE(fcgi_responder_partial(&c.responder));
	fcgi_responder_feed(&c.responder, "\1\0\2\3\0", 5);
	CU_ASSERT_TRUE(fcgi_responder_partial(&c.responder));
	fcgi_responder_feed(&c.responder, "ab", 2);
	CU_ASSERT_TRUE(fcgi_responder_partial(&c.responder));
	fcgi_responder_feed(&c.responder, "ppp", 3);
	CU_ASSERT_FALSE(fcgi_responder_partial(&c.responder));
	fcgi_responder_feed(&c.responder, "\1\x09\0\0\0\2\0\0a", 9); /* its memory is freed */
	CU_ASSERT_TRUE(fcgi_responder_partial(&c.responder));
}

/* ---- Management records ---- */

static void add_long_get_values(struct stream *s)
{
	struct buffer content = {0};
	char value[1000] = "";

	pair_append(&content, slice_of("FCGI_MPXS_CONNS"), slice_of(""));
	pair_append(&content, slice_of("UNKNOWN"), (struct slice){value, sizeof(value)});
	pair_append(&content, slice_of("FCGI_MAX_REQS"), slice_of(""));
	stream_record(s, FCGI_TYPE_GET_VALUES, 0, content.data, content.len);
	buffer_free(&content);
}

/* ---- Many requests ---- */

static size_t longest_chain(const struct fcgi_responder *r)
{
	size_t longest = 0;
	const struct fcgi_table *t = &r->active;

	for (uint32_t i = 0; i < (t->chains ? t->buckets : 1); i++) {
		struct fcgi_request *request = t->chains ? t->chains[i] : t->first;
		size_t n = 0;

		for (; request; request = request->next)
			n++;
		longest = n > longest ? n : longest;
	}
	return longest;
}

/* Begins count requests, then has them all answered, in another order. */
static void serve_many(struct connection *c, uint16_t count)
{
	struct stream s = {0};

	for (uint32_t id = 1; id <= count; id++)
		stream_begin(&s, (uint16_t)id, FCGI_ROLE_RESPONDER, FCGI_FLAG_KEEP_CONN);
	CU_ASSERT_EQUAL(fcgi_responder_feed(&c->responder, s.bytes.data, s.bytes.len), 0);
	CU_ASSERT_EQUAL(fcgi_responder_active(&c->responder), count);
	s.bytes.len = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint16_t id = (uint16_t)(1 + (i * 7) % count);

		stream_params_end(&s, id);
		stream_stdin_end(&s, id);
	}
	c->answer = ALWAYS;
	CU_ASSERT_EQUAL(fcgi_responder_feed(&c->responder, s.bytes.data, s.bytes.len), 0);
	CU_ASSERT_EQUAL(fcgi_responder_active(&c->responder), 0);
	CU_ASSERT_FALSE(fcgi_responder_partial(&c->responder));
	CU_ASSERT_FALSE(fcgi_responder_linger(&c->responder));
	stream_free(&s);
}

static void a_thousand_requests_have_short_chains(void)
{
	struct stream s = {0};

	open_connection(&c, &(struct fcgi_limits){1, 1, 65535, 8, 8});
	for (uint32_t id = 1; id <= 1000; id++)
		stream_begin(&s, (uint16_t)id, FCGI_ROLE_RESPONDER, FCGI_FLAG_KEEP_CONN);
	CU_ASSERT_EQUAL(fcgi_responder_feed(&c.responder, s.bytes.data, s.bytes.len), 0);
	CU_ASSERT_EQUAL(fcgi_responder_active(&c.responder), 1000);
	CU_ASSERT_TRUE(longest_chain(&c.responder) <= 2);
	stream_free(&s);
	fcgi_responder_close(&c.responder);
	CU_ASSERT_EQUAL(fcgi_responder_active(&c.responder), 0);
	CU_ASSERT_EQUAL(feed_script(&c, "stdin 1 abc, abort 2"), 0); /* all are forgotten */
}

static void every_id_can_be_active_at_once(void)
{
	open_connection(&c, &(struct fcgi_limits){1, 1, UINT32_MAX, 8, 8});
	serve_many(&c, 65535);
}

static void a_usual_request_costs_no_allocation(void)
{
	struct stream s = {0};
	long before;

	c.answer = ALWAYS;
	stream_script(&s, "request 1 keep REQUEST_METHOD=GET&QUERY_STRING=seconds=1.5");
	fcgi_responder_feed(&c.responder, s.bytes.data, s.bytes.len);
	c.responder.out.len = 0;
	c.log.len = 0;
	before = memory_allocations();
	CU_ASSERT_EQUAL(fcgi_responder_feed(&c.responder, s.bytes.data, s.bytes.len), 0);
	CU_ASSERT_EQUAL(memory_allocations() - before, 1); /* the owner's own, in on_begin() */
	stream_free(&s);
}

/* ---- Answering ---- */

static void an_answer_may_come_later(void)
{
	CU_ASSERT_EQUAL(feed_script(&c, "request 1 A=x"), 0);
	expect_out(&c, "");
	CU_ASSERT_EQUAL(fcgi_responder_active(&c.responder), 1);
	answer(&c, c.last);
	expect_out(&c, ANSWER("1"));
	CU_ASSERT_EQUAL(fcgi_responder_active(&c.responder), 0);
	CU_ASSERT_TRUE(fcgi_responder_should_close(&c.responder));
	CU_ASSERT_FALSE(fcgi_responder_linger(&c.responder));
}

static void an_answer_may_come_within_a_record_of_the_request(void)
{
	CU_ASSERT_EQUAL(feed_script(&c, "begin 1, params-end 1"), 0);
	CU_ASSERT_EQUAL(fcgi_responder_feed(&c.responder, "\1\5\0\1\0\4\0\0ab", 10), 0);
	answer(&c, c.last);
	CU_ASSERT_TRUE(fcgi_responder_linger(&c.responder));
	CU_ASSERT_EQUAL(fcgi_responder_feed(&c.responder, "cd", 2), 0);
	CU_ASSERT_TRUE(fcgi_responder_linger(&c.responder));
	CU_ASSERT_EQUAL(feed_script(&c, "stdin-end 1"), 0);
	CU_ASSERT_FALSE(fcgi_responder_linger(&c.responder));
}

static void an_empty_stdout_is_sent_at_the_end_only(void)
{
	CU_ASSERT_EQUAL(feed_script(&c, "request 1 keep A=x"), 0);
	fcgi_responder_stdout(&c.responder, c.last, "", 0);
	expect_out(&c, "");
	fcgi_responder_end(&c.responder, c.last, 0xfedcba98);
	expect_out(&c, "STDOUT 1 end\nEND 1 4275878552 COMPLETE\n");
	release(c.last);
}

static void expect_pieces(struct connection *c, const char *bytes, size_t n)
{
	size_t records = (n + 65534) / 65535;
	struct record record;
	struct slice left;

	c->responder.out.len = 0;
	fcgi_responder_stdout(&c->responder, c->last, bytes, n);
	CU_ASSERT_EQUAL_FATAL(c->responder.out.len, n + 8 * records);
	for (left = buffer_slice(&c->responder.out); record_take(&record, &left);) {
		CU_ASSERT_EQUAL(record.content.len, n < 65535 ? n : 65535);
		CU_ASSERT_EQUAL(record.type, FCGI_TYPE_STDOUT);
		CU_ASSERT_EQUAL(record.id, 258);
		CU_ASSERT_EQUAL(memcmp(record.content.data, bytes, record.content.len), 0);
		bytes += record.content.len;
		n -= record.content.len;
	}
	CU_ASSERT_EQUAL(n, 0);
}

static void long_output_is_split(void)
{
	enum { LONGEST = 3 * 65535 };
	char *bytes = malloc(LONGEST);

	for (size_t i = 0; i < LONGEST; i++)
		bytes[i] = (char)(i % 251);
	open_connection(&c, &DEFAULTS);
	CU_ASSERT_EQUAL(feed_script(&c, "request 258 keep A=x"), 0);
	expect_pieces(&c, bytes, 1);
	expect_pieces(&c, bytes, 65535);
	expect_pieces(&c, bytes, 65536);
	expect_pieces(&c, bytes, LONGEST);
	close_connection(&c);
	free(bytes);
}

static void long_output_grows_the_buffer_at_most_twice(void)
{
	static char bytes[200000];
	long before;

	CU_ASSERT_EQUAL(feed_script(&c, "request 1 keep A=x"), 0);
	before = memory_allocations();
	fcgi_responder_stdout(&c.responder, c.last, bytes, sizeof(bytes));
	CU_ASSERT_TRUE(memory_allocations() - before <= 2);
}

/* ---- Memory running out ---- */

/* 131,064 bytes and a header fill the buffer exactly; the second header does not fit. */
static void output_that_cannot_be_split_fails(void)
{
	static char bytes[131064];

	CU_ASSERT_EQUAL(feed_script(&c, "request 1 keep A=x"), 0);
	buffer_reserve(&c.responder.out, sizeof(bytes) + FCGI_HEADER_SIZE);
	CU_ASSERT_EQUAL(c.responder.out.size, sizeof(bytes) + FCGI_HEADER_SIZE);
	memory_fail_after(0);
	fcgi_responder_stdout(&c.responder, c.last, bytes, sizeof(bytes));
	memory_restore();
	CU_ASSERT_TRUE(c.responder.out.failed);
}

static int feed_without_memory(struct connection *c, const char *script)
{
	struct stream s = {0};
	int error;

	stream_script(&s, script);
	buffer_reserve(&c->log, 4096);
	memory_fail_after(0);
	error = fcgi_responder_feed(&c->responder, s.bytes.data, s.bytes.len);
	memory_restore();
	stream_free(&s);
	return error;
}

static void params_that_cannot_be_stored_are_handed_over_as_such(void)
{
	CU_ASSERT_EQUAL(feed_script(&c, "begin 1 keep"), 0);
	CU_ASSERT_EQUAL(feed_without_memory(&c, "params 1 *513, params 1 A=x, params-end 1"), 0);
	expect_events(&c, "begin\nready 1 no memory\n");
	CU_ASSERT_EQUAL(feed_script(&c, "stdin-end 1"), 0);
	answer(&c, c.last);
	expect_out(&c, ANSWER("1"));
}

static void a_request_that_cannot_be_begun_is_overloaded(void)
{
	buffer_reserve(&c.responder.out, 100);
	CU_ASSERT_EQUAL(feed_without_memory(&c, "request 1 keep A=x"), 0);
	expect_out(&c, "END 1 0 OVERLOADED\n");
	expect_events(&c, "begin\n");
	CU_ASSERT_EQUAL(feed_script(&c, "request 1 keep A=x"), 0);
	expect_events(&c, "begin\nready 1 ok A=x\n");
}

static void answers_that_cannot_be_stored_end_the_connection(void)
{
	CU_ASSERT_EQUAL(feed_without_memory(&c, "record 12 0 abc"), -ENOMEM);
	CU_ASSERT_TRUE(c.responder.out.failed);
	close_connection(&c);

	open_connection(&c, &DEFAULTS);
	CU_ASSERT_EQUAL(feed_script(&c, "request 1 keep A=x"), 0);
	memory_fail_after(0);
	answer(&c, c.last);
	memory_restore();
	CU_ASSERT_TRUE(c.responder.out.failed);
	CU_ASSERT_EQUAL(fcgi_responder_active(&c.responder), 0);
	CU_ASSERT_EQUAL(c.responder.out.len, 0);
	CU_ASSERT_EQUAL(feed_script(&c, "get"), -ENOMEM);
}

static void get_values_that_cannot_be_stored_ends_the_connection(void)
{
	for (int allocations = 0; allocations < 2; allocations++) {
		struct stream s = {0};

		open_connection(&c, &DEFAULTS);
		stream_get_values(&s, "FCGI_MAX_REQS");
		buffer_reserve(&c.responder.out, 100);
		memory_fail_after(allocations);
		CU_ASSERT_EQUAL(fcgi_responder_feed(&c.responder, s.bytes.data, s.bytes.len),
				-ENOMEM);
		memory_restore();
		stream_free(&s);
		close_connection(&c);
	}
}

/* The owner's own memory is there, the table's is not: allocations are made to fail in between. */
static struct fcgi_request *begin_then_no_memory(void *owner)
{
	struct fcgi_request *request;

	memory_restore();
	request = on_begin(owner);
	memory_fail_after(0);
	return request;
}

static void a_table_that_cannot_grow_only_has_longer_chains(void)
{
	static const struct fcgi_events events = {EVENTS_BUT_INPUT_FAILED(begin_then_no_memory),
						  .input_failed = on_input_failed};
	struct stream s = {0};

	open_connection(&c, &(struct fcgi_limits){1, 1, 100, 8, 8});
	fcgi_responder_init(&c.responder, &c.limits, &events, &c);
	for (uint16_t id = 1; id <= 50; id++)
		stream_begin(&s, id, FCGI_ROLE_RESPONDER, FCGI_FLAG_KEEP_CONN);
	CU_ASSERT_EQUAL(fcgi_responder_feed(&c.responder, s.bytes.data, s.bytes.len), 0);
	memory_restore();
	CU_ASSERT_EQUAL(fcgi_responder_active(&c.responder), 50);
	CU_ASSERT_EQUAL(longest_chain(&c.responder), 50);
	CU_ASSERT_EQUAL(feed_script(&c, "abort 25, params-end 50"), 0);
	CU_ASSERT_EQUAL(fcgi_responder_active(&c.responder), 49);
	expect_out(&c, "END 25 0 COMPLETE\n");
	c.responder.events = &EVENTS;
	for (uint16_t id = 51; id <= 66; id++) {
		char script[32];

		sprintf(script, "begin %u keep", (unsigned int)id);
		CU_ASSERT_EQUAL(feed_script(&c, script), 0);
	}
	CU_ASSERT_TRUE(longest_chain(&c.responder) <= 2);
	CU_ASSERT_EQUAL(fcgi_responder_active(&c.responder), 65);
	stream_free(&s);
}

/* Seconds that we computed. */
static double computed(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* As it is when a connection with as many requests as there are ids is closed. From the first chain
 * on for each of them, it took a hundred times as long as filling it. */
static void emptying_a_table_takes_as_long_as_filling_it(void)
{
	enum { IDS = 65535 };
	struct fcgi_request *requests = calloc(IDS, sizeof(*requests));
	struct fcgi_request *request;
	struct fcgi_table table = {0};
	double begun = computed();
	double filled;
	size_t count = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(requests);
	for (int i = 0; i < IDS; i++) {
		requests[i].id = (uint16_t)(i + 1);
		fcgi_table_add(&table, &requests[i]);
	}
	filled = computed();
	while ((request = fcgi_table_any(&table))) {
		fcgi_table_remove(&table, request);
		count++;
	}
	CU_ASSERT_EQUAL(count, IDS);
	CU_ASSERT(computed() - filled < 10 * (filled - begun));
	fcgi_table_add(&table, &requests[0]);
	CU_ASSERT_PTR_EQUAL(fcgi_table_any(&table), &requests[0]);
	fcgi_table_remove(&table, &requests[0]);
	fcgi_table_free(&table);
	free(requests);
}

static const struct test tests[] = {
	{"emptying a table takes as long as filling it",
	 emptying_a_table_takes_as_long_as_filling_it},
	{"a request is handed over when its PARAMS end",
	 RULES({.in = "begin 1 keep, params 1 A=x&B=, params-end 1",
		.events = "begin\nready 1 ok A=x B=\n"})},
	{"a request is not handed over before",
	 RULES({.in = "begin 1 keep", .events = "begin\n", .partial = true},
	       {.in = "begin 1 keep, params 1 A=x", .events = "begin\n", .partial = true})},
	{"PARAMS may be empty",
	 RULES({.in = "begin 1 keep, params-end 1", .events = "begin\nready 1 ok\n"})},
	{"PARAMS may come in many records",
	 RULES({.in = "begin 1 keep, record 4 1 \1, record 4 1 \2, record 4 1 abc, params-end 1",
		.events = "begin\nready 1 ok a=bc\n"})},
	{"PARAMS may outgrow the owner's storage", params_may_outgrow_the_owners_storage},
	{"malformed PARAMS are handed over as far as they go",
	 RULES({.in = "begin 1 keep, record 4 1 \1\1ab\1\2a, params-end 1",
		.events = "begin\nready 1 ok a=b\n"})},
	{"PARAMS after their end are ignored",
	 RULES({.in = "begin 1 keep, params-end 1, params 1 A=x, params-end 1, stdin-end 1",
		.events = "begin\nready 1 ok\n"})},
	{"PARAMS up to the limit are taken",
	 RULES({.in = "begin 1 keep, params 1 AAA=xxx, params-end 1",
		.limits = {1, 1, 1, 8, 0},
		.events = "begin\nready 1 ok AAA=xxx\n"})},
	{"PARAMS over the limit are reported at once",
	 RULES({.in = "begin 1 keep, params 1 AAA=xxxx",
		.limits = {1, 1, 1, 8, 0},
		.events = "begin\nready 1 params too large\n"},
	       {.in = "begin 1 keep, params 1 A=x, params 1 AA=xxx",
		.limits = {1, 1, 1, 8, 0},
		.events = "begin\nready 1 params too large\n"})},
	{"the rest of too large PARAMS is discarded",
	 RULES({.in = "begin 1 keep, params 1 *20, params 1 A=x, params-end 1, stdin 1 *20, "
		      "stdin-end 1",
		.limits = {1, 1, 1, 8, 8},
		.events = "begin\nready 1 params too large\n"},
	       {.in = "begin 1 keep, params 1 *20, params 1 *20, params-end 1, stdin 1 *20, "
		      "stdin-end 1, request 1 keep A=x",
		.limits = {1, 1, 1, 8, 8},
		.answer = ALWAYS,
		.events = "begin\nready 1 params too large\nbegin\nready 1 ok A=x\n",
		.out = ANSWER("1") ANSWER("1")})},
	{"STDIN is discarded",
	 RULES({.in = "begin 1 keep, params-end 1, stdin 1 *3000, stdin 1 abc, stdin-end 1",
		.events = "begin\nready 1 ok\n"})},
	{"STDIN may precede the end of PARAMS",
	 RULES({.in = "begin 1 keep, stdin 1 abc, params 1 A=x, stdin-end 1, params-end 1",
		.events = "begin\nready 1 ok A=x\n"})},
	{"STDIN after its end is ignored",
	 RULES({.in = "begin 1 keep, params-end 1, stdin 1 abcd, stdin-end 1, stdin 1 abcdefgh, "
		      "stdin-end 1",
		.limits = {1, 1, 1, 8, 8},
		.events = "begin\nready 1 ok\n"})},
	{"STDIN up to the limit is taken",
	 RULES({.in = "begin 1 keep, params-end 1, stdin 1 abcd, stdin 1 efgh, stdin-end 1",
		.limits = {1, 1, 1, 8, 8},
		.events = "begin\nready 1 ok\n"})},
	{"STDIN over the limit fails the running request once",
	 RULES({.in = "begin 1 keep, params-end 1, stdin 1 abcd, stdin 1 efghi, stdin 1 *8, "
		      "stdin-end 1",
		.limits = {1, 1, 1, 8, 8},
		.events = "begin\nready 1 ok\nfailed 1 stdin too large\n"},
	       {.in = "begin 1 keep, params-end 1, stdin 1 *20, stdin 1 *20, stdin-end 1",
		.limits = {1, 1, 1, 8, 8},
		.answer = ERRORS,
		.events = "begin\nready 1 ok\nfailed 1 stdin too large\n",
		.out = ANSWER("1")})},
	{"STDIN over the limit before the PARAMS hands over",
	 RULES({.in = "begin 1 keep, params 1 A=x, stdin 1 *9, stdin 1 *9, params 1 B=y, "
		      "params-end 1, stdin-end 1",
		.limits = {1, 1, 1, 8, 8},
		.events = "begin\nready 1 stdin too large\n"},
	       {.in = "begin 1 keep, params 1 A=x, stdin 1 *9, stdin 1 *9, params 1 B=y, "
		      "params-end 1, stdin-end 1",
		.limits = {1, 1, 1, 8, 8},
		.answer = ALWAYS,
		.events = "begin\nready 1 stdin too large\n",
		.out = ANSWER("1")})},
	{"STDIN goes to who takes it",
	 RULES({.in = "begin 1 keep, params-end 1, stdin 1 abc, stdin 1 defgh, stdin-end 1",
		.takes_stdin = true,
		.events = "begin\nready 1 ok\nstdin 1 abcdefgh\nstdin end 1\n"})},
	{"STDIN that is taken has its owner's limit",
	 RULES({.in = "begin 1 keep, params-end 1, stdin 1 abcd, stdin 1 efghi, stdin-end 1",
		.takes_stdin = true,
		.limits = {1, 1, 1, 8, 8},
		.events = "begin\nready 1 ok\nstdin 1 abcdefghi\nstdin end 1\n"})},
	{"STDIN that is taken ends once",
	 RULES({.in = "begin 1 keep, params-end 1, stdin 1 a, stdin-end 1, stdin 1 b, stdin-end 1",
		.takes_stdin = true,
		.events = "begin\nready 1 ok\nstdin 1 a\nstdin end 1\n"})},
	{"who answers at the first byte of STDIN hears no more",
	 RULES({.in = "begin 1 keep, params-end 1, stdin 1 abc, stdin 1 d, stdin-end 1",
		.answers_stdin = true,
		.events = "begin\nready 1 ok\n",
		.out = ANSWER("1")})},
	{"nobody takes STDIN that has no content",
	 RULES({.in = "begin 1 keep, params-end 1, stdin-end 1",
		.takes_stdin = true,
		.events = "begin\nready 1 ok\n"})},
	{"STDIN that came before the end of PARAMS cannot be taken",
	 what_came_before_the_end_of_params_cannot_be_taken},
	{"who sends STDIN that is taken owes nothing", who_sends_what_is_taken_owes_nothing},
	{"an answer before the end of STDIN ends the taking",
	 an_answer_before_the_end_ends_the_taking},
	{"late STDIN of an answered request is ignored",
	 RULES({.in = "begin 1 keep, params-end 1, stdin 1 *3000, stdin-end 1",
		.answer = ALWAYS,
		.limits = {1, 1, 1, 8, 8},
		.events = "begin\nready 1 ok\n",
		.out = ANSWER("1")})},
	{"an id may be used again after its end",
	 RULES({.in = "request 1 keep A=x, request 1 keep B=y",
		.answer = ALWAYS,
		.events = "begin\nready 1 ok A=x\nbegin\nready 1 ok B=y\n",
		.out = ANSWER("1") ANSWER("1")})},
	{"a request is let alone once it has ended", a_request_is_let_alone_once_it_has_ended},
	{"with KEEP_CONN the connection stays", RULES({.in = "request 1 keep A=x",
						       .answer = ALWAYS,
						       .events = "begin\nready 1 ok A=x\n",
						       .out = ANSWER("1")})},
	{"without KEEP_CONN the connection closes after the answer",
	 RULES({.in = "request 1 A=x", .events = "begin\nready 1 ok A=x\n"},
	       {.in = "request 1 A=x",
		.answer = ALWAYS,
		.events = "begin\nready 1 ok A=x\n",
		.out = ANSWER("1"),
		.closes = true})},
	{"a request answered before its STDIN ended lingers",
	 RULES({.in = "begin 1, params-end 1, stdin 1 abc",
		.answer = ALWAYS,
		.events = "begin\nready 1 ok\n",
		.out = ANSWER("1"),
		.closes = true,
		.lingers = true},
	       {.in = "begin 1, params-end 1, stdin 1 abc, stdin-end 1",
		.answer = ALWAYS,
		.events = "begin\nready 1 ok\n",
		.out = ANSWER("1"),
		.closes = true},
	       {.in = "begin 1, params-end 1, stdin 1 abc, abort 1",
		.answer = ALWAYS,
		.events = "begin\nready 1 ok\n",
		.out = ANSWER("1"),
		.closes = true})},
	{"the end of one late STDIN does not stand for another",
	 RULES({.in = "begin 1 keep, begin 2 keep, params-end 1, params-end 2, stdin-end 2, stdin "
		      "1 "
		      "a",
		.answer = ALWAYS,
		.events = "begin\nbegin\nready 1 ok\nready 2 ok\n",
		.out = ANSWER("1") ANSWER("2"),
		.lingers = true})},
	{"requests begun before the end of a closing one are answered",
	 requests_begun_before_the_end_of_a_closing_one_are_answered},
	{"a BEGIN while a closing request is active is served",
	 RULES({.in = "begin 1, request 2 keep A=x, params-end 1, stdin-end 1",
		.answer = ALWAYS,
		.events = "begin\nbegin\nready 2 ok A=x\nready 1 ok\n",
		.out = ANSWER("2") ANSWER("1"),
		.closes = true})},
	{"a BEGIN after the end of a closing request is ignored",
	 RULES({.in = "request 1 A=x, begin 2 keep, params 2 A=x",
		.answer = ALWAYS,
		.events = "begin\nready 1 ok A=x\n",
		.out = ANSWER("1"),
		.closes = true,
		.lingers = true},
	       {.in = "begin 3 keep, request 1 A=x, request 2 keep B=x, params-end 3, stdin-end 3",
		.answer = ALWAYS,
		.events = "begin\nbegin\nready 1 ok A=x\nready 3 ok\n",
		.out = ANSWER("1") ANSWER("3"),
		.closes = true})},
	{"closing gives back every request once", closing_gives_back_every_request_once},
	{"other roles are refused",
	 RULES({.add = add_role_257, .out = "END 3 0 UNKNOWN_ROLE\n", .lingers = true},
	       {.in = "begin 1 keep authorizer, begin 2 keep filter",
		.out = "END 1 0 UNKNOWN_ROLE\nEND 2 0 UNKNOWN_ROLE\n",
		.lingers = true},
	       {.in = "begin 1 keep authorizer, params-end 1, stdin-end 1, request 1 keep A=x",
		.events = "begin\nready 1 ok A=x\n",
		.out = "END 1 0 UNKNOWN_ROLE\n"})},
	{"a refused role without KEEP_CONN closes",
	 RULES({.in = "begin 1 authorizer, params-end 1, stdin-end 1",
		.out = "END 1 0 UNKNOWN_ROLE\n",
		.closes = true})},
	{"requests over the limit are overloaded",
	 RULES({.in = "begin 1 keep, begin 2 keep, begin 3 keep, params-end 3, stdin-end 3",
		.limits = {1, 1, 2, 8, 8},
		.events = "begin\nbegin\n",
		.out = "END 3 0 OVERLOADED\n",
		.partial = true},
	       {.in = "request 1 keep A=x, request 2 keep A=x, request 3 keep A=x",
		.limits = {1, 1, 1, 8, 8},
		.answer = ALWAYS,
		.events = "begin\nready 1 ok A=x\nbegin\nready 2 ok A=x\nbegin\nready 3 ok A=x\n",
		.out = ANSWER("1") ANSWER("2") ANSWER("3")})},
	{"no memory for a request is overloaded", RULES({.in = "request 1 keep A=x",
							 .no_requests = true,
							 .events = "begin\n",
							 .out = "END 1 0 OVERLOADED\n"},
							{.in = "request 1 A=x",
							 .no_requests = true,
							 .events = "begin\n",
							 .out = "END 1 0 OVERLOADED\n",
							 .closes = true})},
	{"an abort ends the request",
	 RULES({.in = "request 1 keep A=x, abort 1",
		.events = "begin\nready 1 ok A=x\ngone 1\n",
		.out = "END 1 0 COMPLETE\n"},
	       {.in = "begin 1 keep, params 1 A=x, abort 1, request 1 keep B=y",
		.events = "begin\ngone 1\nbegin\nready 1 ok B=y\n",
		.out = "END 1 0 COMPLETE\n"})},
	{"an abort without KEEP_CONN closes", RULES({.in = "begin 1, abort 1",
						     .events = "begin\ngone 1\n",
						     .out = "END 1 0 COMPLETE\n",
						     .closes = true})},
	{"an abort with content is an abort", RULES({.in = "begin 1 keep, record 2 1 abc",
						     .events = "begin\ngone 1\n",
						     .out = "END 1 0 COMPLETE\n"})},
	{"an abort ends only its own request",
	 RULES({.in = "begin 1 keep, begin 2 keep, abort 1, params-end 2",
		.events = "begin\nbegin\ngone 1\nready 2 ok\n",
		.out = "END 1 0 COMPLETE\n"})},
	{"records of inactive ids are ignored",
	 RULES({.in = "params 1 A=x, params-end 1, stdin 1 abc, stdin-end 1, abort 1, params 65535 "
		      "A=x, "
		      "request 1 keep A=x, params 2 B=y",
		.events = "begin\nready 1 ok A=x\n"})},
	{"data and unknown types of a request are ignored",
	 RULES({.in = "begin 1 keep, record 8 1 abc, record 8 1 , record 12 1 abc, record 0 1 abc, "
		      "record 255 2 , record 9 1 abc, record 6 1 abc, record 3 1 abcdefgh, "
		      "params-end 1",
		.events = "begin\nready 1 ok\n"})},
	{"another version is an error", RULES({.in = "begin 1 keep",
					       .add = add_wrong_version,
					       .events = "begin\n",
					       .error = -EPROTO},
					      {.add = add_wrong_version, .error = -EPROTO})},
	{"BEGIN on an active id is an error",
	 RULES({.in = "begin 1 keep, begin 1 keep", .events = "begin\n", .error = -EPROTO},
	       {.in = "begin 2 keep, request 1 keep A=x, begin 1 keep",
		.events = "begin\nbegin\nready 1 ok A=x\n",
		.error = -EPROTO})},
	{"a short BEGIN body is an error", RULES({.in = "record 1 1 ", .error = -EPROTO},
						 {.in = "record 1 1 abcdefg", .error = -EPROTO})},
	{"a long BEGIN body is taken by its first eight bytes",
	 RULES({.add = add_long_begin,
		.answer = ALWAYS,
		.events = "begin\nready 1 ok\n",
		.out = ANSWER("1")})},
	{"other flags are not KEEP_CONN", RULES({.add = add_flags_without_keep_conn,
						 .answer = ALWAYS,
						 .events = "begin\nready 1 ok\n",
						 .out = ANSWER("1"),
						 .closes = true})},
	{"part of a record is owed", part_of_a_record_is_owed},
	{"GET_VALUES is answered",
	 RULES({.in = "get FCGI_MAX_CONNS FCGI_MAX_REQS FCGI_MPXS_CONNS",
		.out = "VALUES FCGI_MAX_CONNS=100 FCGI_MAX_REQS=200 FCGI_MPXS_CONNS=1\n"},
	       {.in = "get FCGI_MAX_CONNS",
		.limits = {UINT32_MAX, 0, 1, 0, 0},
		.out = "VALUES FCGI_MAX_CONNS=4294967295\n"})},
	{"GET_VALUES is answered in the middle of requests",
	 RULES({.in = "begin 1 keep, get FCGI_MPXS_CONNS, params 1 A=x, get, params-end 1",
		.events = "begin\nready 1 ok A=x\n",
		.out = "VALUES FCGI_MPXS_CONNS=1\nVALUES\n"})},
	{"unknown values are omitted",
	 RULES({.in = "get FCGI_MAX_CONN FCGI_MPXS_CONNS fcgi_max_reqs",
		.out = "VALUES FCGI_MPXS_CONNS=1\n"})},
	{"repeated values are answered once",
	 RULES({.in = "get FCGI_MPXS_CONNS FCGI_MPXS_CONNS FCGI_MAX_REQS FCGI_MPXS_CONNS",
		.out = "VALUES FCGI_MPXS_CONNS=1 FCGI_MAX_REQS=200\n"})},
	{"malformed GET_VALUES is answered as far as it was understood",
	 RULES({.in = "record 9 0 \x0f", .out = "VALUES\n"},
	       {.in = "record 9 0 \x0f\1FCGI_MPXS_CONNS1\x0e\1FCGI_MAX_",
		.out = "VALUES FCGI_MPXS_CONNS=1\n"})},
	{"long GET_VALUES is answered from its first kilobyte",
	 RULES({.add = add_long_get_values, .out = "VALUES FCGI_MPXS_CONNS=1\n"})},
	{"other management records are unknown types",
	 RULES({.in = "record 12 0 abc, record 255 0 , record 0 0 , record 1 0 abcdefgh, record 1 "
		      "0 "
		      ", record 4 0 "
		      "abc, "
		      "record 5 0 , record 2 0 , request 1 keep A=x",
		.events = "begin\nready 1 ok A=x\n",
		.out = "UNKNOWN 12\nUNKNOWN 255\nUNKNOWN 0\nUNKNOWN 1\nUNKNOWN 1\nUNKNOWN "
		       "4\nUNKNOWN "
		       "5\n"
		       "UNKNOWN 2\n"})},
	{"interleaved requests keep apart",
	 RULES({.in = "begin 7 keep, begin 300 keep, record 4 7 \1\1a, begin 65535 keep, "
		      "record 4 300 \1, stdin 300 abc, record 4 7 x, params 65535 C=z, "
		      "record 4 300 \1by, params-end 300, params-end 65535, params-end 7",
		.events = "begin\nbegin\nbegin\nready 300 ok b=y\nready 65535 ok C=z\n"
			  "ready 7 ok a=x\n"})},
	{"a thousand requests have short chains", a_thousand_requests_have_short_chains},
	{"every id can be active at once", every_id_can_be_active_at_once},
	{"a usual request costs no allocation", a_usual_request_costs_no_allocation},
	{"an answer may come later", an_answer_may_come_later},
	{"an answer may come within a record of the request",
	 an_answer_may_come_within_a_record_of_the_request},
	{"an empty STDOUT is sent at the end only", an_empty_stdout_is_sent_at_the_end_only},
	{"long output is split", long_output_is_split},
	{"output that cannot be split fails", output_that_cannot_be_split_fails},
	{"long output grows the buffer at most twice", long_output_grows_the_buffer_at_most_twice},
	{"PARAMS that cannot be stored are handed over as such",
	 params_that_cannot_be_stored_are_handed_over_as_such},
	{"a request that cannot be begun is overloaded",
	 a_request_that_cannot_be_begun_is_overloaded},
	{"answers that cannot be stored end the connection",
	 answers_that_cannot_be_stored_end_the_connection},
	{"GET_VALUES that cannot be stored ends the connection",
	 get_values_that_cannot_be_stored_ends_the_connection},
	{"a table that cannot grow only has longer chains",
	 a_table_that_cannot_grow_only_has_longer_chains},
};

const struct suite responder_suite = {"responder", tests, sizeof(tests) / sizeof(tests[0]),
				      .before = open_usual, .after = close_it};

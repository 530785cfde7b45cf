/*
 * The protocol, rule by rule. A rule is what a connection is like, then by turns what happens on it
 * and what must come of it:
 *
 *     small always: begin 1 keep, params-end 1 -> begin, ready 1 ok, answered 1; stdin-end 1 ->
 *
 * What happens are the commands of stream_script(), "bytes HEX", and what the owner does: "answer"
 * and "take" (in vain), on the last request that is ready, and "close", each alone. What comes of
 * it are events, answers and, at last, the state: "broken since WHY" or "no memory", or "closes",
 * "lingers" and "partial". Every stream is fed whole, in two parts split at every byte, byte by
 * byte, and with several random paddings; always the same must come of it.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "../support/process.h"
#include "../support/stream.h"
#include "base/util.h"
#include "fcgi/responder.h"

enum { STORAGE = 64, PADDINGS = 3, SPLITS = 1024, ALL = 1 << 30 };

struct served {
	struct fcgi_request request;
	char storage[STORAGE];
};

struct connection {
	struct fcgi_responder responder;
	struct fcgi_flow flow;
	struct fcgi_common common;
	/* What its owner is like. */
	bool answers;	     /* "always": every request, from inside ready() */
	bool answers_errors; /* "errors": a request whose input is not OK */
	bool answers_stdin;  /* "hasty": a request with its first byte */
	bool takes_stdin;
	bool no_requests;	   /* "poor": begin() finds no memory */
	struct buffer log;	   /* each event has ", " behind it */
	struct fcgi_request *last; /* ready() was called for it, and it was not answered */
	size_t held;		   /* requests that the owner has */
	int error;		   /* of what was fed last */
};

static struct connection c; /* of the test */

/* Requests of a connection, bytes of PARAMS and of STDIN are the last three. */
static const struct fcgi_limits DEFAULTS = {100, 200, 4, 4096, 1 << 20};
static const struct fcgi_limits SMALL = {1, 1, 1, 8, 8};
static const struct fcgi_limits TWO = {1, 1, 2, 8, 8};
static const struct fcgi_limits MOST = {UINT32_MAX, 0, 1, 0, 0};

/* ---- The owner ---- */

static struct fcgi_request *on_begin(struct fcgi_responder *r)
{
	struct connection *c = container_of(r, struct connection, responder);
	struct served *served = c->no_requests ? NULL : calloc(1, sizeof(*served));

	buffer_append_text(&c->log, "begin, ");
	if (!served)
		return NULL;
	c->held++;
	fcgi_params_init(&served->request.params, served->storage, sizeof(served->storage));
	return &served->request;
}

static void release(struct connection *c, struct fcgi_request *request)
{
	c->held--;
	fcgi_params_free(&request->params);
	free(request);
}

static void answer(struct connection *c, struct fcgi_request *request)
{
	fcgi_responder_stdout(&c->responder, request, "hello", 5);
	fcgi_responder_end(&c->responder, request, 7);
	release(c, request);
}

static void end_event(struct connection *c)
{
	if (c->log.len && c->log.data[c->log.len - 1] != ' ')
		buffer_append_text(&c->log, ", ");
}

/* Leaves the event open. */
static void note(struct connection *c, const char *event, const struct fcgi_request *request)
{
	end_event(c);
	buffer_format(&c->log, "%s %d", event, request->id);
}

static void note_input(struct connection *c, enum fcgi_input input)
{
	static const char *const names[] = {" ok", " params too large", " stdin too large",
					    " no memory"};

	buffer_append_text(&c->log, names[input]);
}

static void on_ready(struct fcgi_responder *r, struct fcgi_request *request, enum fcgi_input input)
{
	struct connection *c = container_of(r, struct connection, responder);
	struct slice name, value;
	size_t at = 0;

	note(c, "ready", request);
	note_input(c, input);
	while (input == FCGI_INPUT_OK && fcgi_params_next(&request->params, &at, &name, &value))
		buffer_format(&c->log, " %.*s=%.*s", (int)name.len, name.data, (int)value.len,
			      value.data);
	end_event(c);
	if (c->answers || (c->answers_errors && input != FCGI_INPUT_OK))
		answer(c, request);
	else
		c->last = request;
}

static void on_input_failed(struct fcgi_responder *r, struct fcgi_request *request,
			    enum fcgi_input input)
{
	struct connection *c = container_of(r, struct connection, responder);

	note(c, "failed", request);
	note_input(c, input);
	end_event(c);
	if (c->answers || c->answers_errors)
		answer(c, request);
}

static void on_stdin_begins(struct fcgi_responder *r, struct fcgi_request *request)
{
	struct connection *c = container_of(r, struct connection, responder);

	if (c->takes_stdin)
		CU_ASSERT_TRUE(fcgi_responder_take_stdin(&c->responder, request));
	if (c->answers_stdin) {
		c->last = NULL;
		answer(c, request);
	}
}

/* What comes in pieces is one event. */
static void on_stdin_came(struct fcgi_responder *r, struct fcgi_request *request,
			  struct slice bytes)
{
	struct connection *c = container_of(r, struct connection, responder);
	bool open = c->log.len && c->log.data[c->log.len - 1] != ' ';

	if (!bytes.len || !open) {
		note(c, bytes.len ? "stdin" : "stdin-end", request);
		buffer_append_text(&c->log, bytes.len ? " " : ", ");
	}
	buffer_append(&c->log, bytes.data, bytes.len);
}

static void on_gone(struct fcgi_responder *r, struct fcgi_request *request)
{
	struct connection *c = container_of(r, struct connection, responder);

	note(c, "gone", request);
	end_event(c);
	release(c, request);
}

#define EVENTS_BUT_INPUT_FAILED(how)                                                               \
	.begin = (how), .ready = on_ready, .stdin_begins = on_stdin_begins,                        \
	.stdin_came = on_stdin_came, .gone = on_gone

static const struct fcgi_events EVENTS = {EVENTS_BUT_INPUT_FAILED(on_begin),
					  .input_failed = on_input_failed};

static void open_connection(const struct fcgi_limits *limits)
{
	c = (struct connection){.common = {.limits = *limits, .events = &EVENTS}};
	fcgi_responder_init(&c.responder, &c.common, &c.flow);
}

static void open_usual(void)
{
	open_connection(&DEFAULTS);
}

static void close_connection(void)
{
	fcgi_responder_close(&c.responder);
	fcgi_params_free(&c.flow.values);
	buffer_free(&c.flow.out);
	buffer_free(&c.log);
}

/* ---- What happens, and what comes of it ---- */

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

static void add_hex(struct stream *s, const char *hex)
{
	unsigned int byte;

	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2 + (hex[2] == ' '))
		buffer_append(&s->bytes, &(char){(char)byte}, 1);
}

static void add(struct stream *s, const char *script)
{
	char command[COMMAND_SIZE];

	while (script_next(&script, command))
		if (!strncmp(command, "bytes ", 6))
			add_hex(s, command + 6);
		else if (!strcmp(command, "get much"))
			add_long_get_values(s);
		else
			stream_script(s, command);
}

/* Feeds the first part, then the rest in steps. Each piece is a copy of its own, so that a
 * sanitizer sees a read beyond it. */
static void feed_in_parts(struct slice in, size_t first, size_t step)
{
	c.error = 0;
	for (size_t at = 0, n = first; at < in.len && !c.error; at += n, n = step) {
		char *piece;

		if (n > in.len - at)
			n = in.len - at;
		piece = malloc(n ? n : 1);
		memcpy(piece, in.data + at, n);
		c.error = fcgi_responder_feed(&c.responder, piece, n);
		free(piece);
	}
}

static void feed(const char *script)
{
	struct stream s = {0};

	add(&s, script);
	feed_in_parts(buffer_slice(&s.bytes), ALL, ALL);
	stream_free(&s);
}

/* Appends a list of records, one a line, as of events. */
static void log_answers(void)
{
	struct buffer text = {0};

	end_event(&c);
	records_as_text(buffer_slice(&c.flow.out), &text);
	c.flow.out.len = 0;
	for (size_t at = 0; at < text.len; at++)
		buffer_append(&c.log, text.data[at] == '\n' ? ", " : &text.data[at],
			      text.data[at] == '\n' ? 2 : 1);
	buffer_free(&text);
}

static void log_state(void)
{
	const char *fault = c.error ? fcgi_responder_fault(&c.responder) : "";

	if (c.error == -EPROTO)
		buffer_format(&c.log, "broken since %s, ", fault);
	else if (c.error)
		buffer_append_text(&c.log, strcmp(fault, "memory is out") ? fault : "no memory, ");
	else
		buffer_format(&c.log, "%s%s%s",
			      fcgi_responder_should_close(&c.responder) ? "closes, " : "",
			      fcgi_responder_linger(&c.responder) ? "lingers, " : "",
			      fcgi_responder_partial(&c.responder) ? "partial, " : "");
}

/* "answered 1" stands for all that answer() sends. */
static void expect(const char *expected)
{
	char item[COMMAND_SIZE];
	struct buffer all = {0};
	int id;

	log_answers();
	log_state();
	while (script_next(&expected, item))
		if (sscanf(item, "answered %d", &id) == 1)
			buffer_format(&all, "STDOUT %d hello, STDOUT %d end, END %d 7 COMPLETE, ",
				      id, id, id);
		else
			buffer_format(&all, "%s, ", item);
	if (!slice_equal(buffer_slice(&c.log), buffer_slice(&all))) {
		printf("    %.*s\n    expected:\n    %.*s\n", (int)c.log.len, c.log.data,
		       (int)all.len, all.data);
		CU_FAIL("something else came");
	}
	CU_ASSERT_EQUAL(fcgi_responder_active(&c.responder), c.held);
	c.log.len = 0;
	buffer_free(&all);
}

/* Opens the connection that a rule begins with; returns the rest of the rule. */
static const char *open_as(const char *rule)
{
	size_t n = strcspn(rule, ":");
	const char *how = textf("%.*s", rule[n] ? (int)n : 0, rule);

	open_connection(strstr(how, "small")  ? &SMALL
			: strstr(how, "two")  ? &TWO
			: strstr(how, "most") ? &MOST
					      : &DEFAULTS);
	c.answers = strstr(how, "always");
	c.answers_errors = strstr(how, "errors");
	c.answers_stdin = strstr(how, "hasty");
	c.takes_stdin = strstr(how, "takes");
	c.no_requests = strstr(how, "poor");
	return rule[n] ? rule + n + 2 : rule;
}

/* Takes what comes before the end, and the end, and a space. */
static const char *take(const char **rule, const char *end)
{
	const char *at = strstr(*rule, end);
	size_t n = at ? (size_t)(at - *rule) : strlen(*rule);
	const char *taken = textf("%.*s", (int)n, *rule);

	*rule += at ? n + strlen(end) : n;
	*rule += **rule == ' ';
	return taken;
}

/* Returns the length of the longest stream. */
static size_t follow(const char *rule, uint32_t seed, size_t first, size_t step)
{
	size_t longest = 0;

	for (rule = open_as(rule); *rule;) {
		const char *what = take(&rule, " ->");
		struct stream s = {.seed = seed};

		if (!strcmp(what, "answer"))
			answer(&c, c.last);
		else if (!strcmp(what, "take"))
			CU_ASSERT_FALSE(fcgi_responder_take_stdin(&c.responder, c.last))
		else if (!strcmp(what, "close"))
			fcgi_responder_close(&c.responder);
		else
			add(&s, what);
		feed_in_parts(buffer_slice(&s.bytes), first, step);
		longest = s.bytes.len > longest ? s.bytes.len : longest;
		stream_free(&s);
		expect(take(&rule, ";"));
	}
	close_connection();
	return longest;
}

/* A test that is nothing but rules: it has their list. */
static void check_rules(void)
{
	for (const char *const *rule = harness_test()->data; *rule; rule++) {
		unsigned failures = CU_get_number_of_failures();

		for (uint32_t seed = 0; seed < PADDINGS; seed++) {
			size_t longest = follow(*rule, seed * 0x9e3779b9u, ALL, ALL);

			follow(*rule, seed * 0x9e3779b9u, 1, 1);
			for (size_t at = 0; at < longest && CU_get_number_of_failures() == failures;
			     at += 1 + longest / SPLITS)
				follow(*rule, seed * 0x9e3779b9u, at, ALL);
		}
		if (CU_get_number_of_failures() > failures)
			printf("    of: %s\n", *rule);
	}
}

#define RULES(...) check_rules, STRINGS(__VA_ARGS__)

/* What is left of a request must be as its owner left it: all zeros. */
static void on_input_failed_ends(struct fcgi_responder *r, struct fcgi_request *request,
				 enum fcgi_input input)
{
	struct connection *c = container_of(r, struct connection, responder);

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

	open_connection(&SMALL);
	c.common.events = &events;
	feed("begin 1 keep, params-end 1");
	/* It ends within a record, of which more is to come. */
	CU_ASSERT_EQUAL(fcgi_responder_feed(&c.responder, "\1\5\0\1\0\x14\0\0too much!", 17), 0);
	CU_ASSERT_EQUAL(fcgi_responder_active(&c.responder), 0);
	CU_ASSERT_EQUAL(fcgi_responder_feed(&c.responder, "and more of", 11), 0);
	CU_ASSERT_EQUAL(memcmp(c.last, &zeros, sizeof(zeros)), 0);
	free(c.last);
}

/* ---- Many requests ---- */

static size_t longest_chain(const struct fcgi_responder *r)
{
	size_t longest = 0;
	const struct fcgi_table *t = &r->active;

	for (uint32_t i = 0; i < (t->buckets ? t->buckets : 1); i++) {
		struct fcgi_request *request = t->buckets ? t->chains[i] : t->first;
		size_t n = 0;

		for (; request; request = request->next)
			n++;
		longest = n > longest ? n : longest;
	}
	return longest;
}

/* Begins those from first to last at once. */
static void begin_all(uint32_t first, uint32_t last)
{
	struct stream s = {0};

	for (uint32_t id = first; id <= last; id++)
		stream_begin(&s, (uint16_t)id, FCGI_ROLE_RESPONDER, FCGI_FLAG_KEEP_CONN);
	CU_ASSERT_EQUAL(fcgi_responder_feed(&c.responder, s.bytes.data, s.bytes.len), 0);
	stream_free(&s);
}

static void a_thousand_requests_have_short_chains(void)
{
	open_connection(&(struct fcgi_limits){1, 1, 65535, 8, 8});
	begin_all(1, 1000);
	CU_ASSERT_EQUAL(fcgi_responder_active(&c.responder), 1000);
	CU_ASSERT_TRUE(longest_chain(&c.responder) <= 2);
	fcgi_responder_close(&c.responder);
	CU_ASSERT_EQUAL(fcgi_responder_active(&c.responder), 0);
	feed("stdin 1 abc, abort 2"); /* all are forgotten */
	CU_ASSERT_EQUAL(c.error, 0);
}

/* They are answered in another order. */
static void every_id_can_be_active_at_once(void)
{
	enum { IDS = 65535 };
	struct stream s = {0};

	open_connection(&(struct fcgi_limits){1, 1, UINT32_MAX, 8, 8});
	begin_all(1, IDS);
	CU_ASSERT_EQUAL(fcgi_responder_active(&c.responder), IDS);
	for (uint32_t i = 0; i < IDS; i++) {
		uint16_t id = (uint16_t)(1 + (i * 7) % IDS);

		stream_params_end(&s, id);
		stream_stdin_end(&s, id);
	}
	c.answers = true;
	CU_ASSERT_EQUAL(fcgi_responder_feed(&c.responder, s.bytes.data, s.bytes.len), 0);
	CU_ASSERT_EQUAL(fcgi_responder_active(&c.responder), 0);
	CU_ASSERT_FALSE(fcgi_responder_partial(&c.responder));
	CU_ASSERT_FALSE(fcgi_responder_linger(&c.responder));
	stream_free(&s);
}

static void a_usual_request_costs_no_allocation(void)
{
	struct stream s = {0};
	long before;

	c.answers = true;
	stream_script(&s, "request 1 keep REQUEST_METHOD=GET&QUERY_STRING=seconds=1.5");
	fcgi_responder_feed(&c.responder, s.bytes.data, s.bytes.len);
	c.flow.out.len = 0;
	c.log.len = 0;
	before = memory_allocations();
	CU_ASSERT_EQUAL(fcgi_responder_feed(&c.responder, s.bytes.data, s.bytes.len), 0);
	CU_ASSERT_EQUAL(memory_allocations() - before, 1); /* the owner's own, in on_begin() */
	stream_free(&s);
}

/* ---- Answering ---- */

static void an_empty_stdout_is_sent_at_the_end_only(void)
{
	feed("request 1 keep A=x");
	fcgi_responder_stdout(&c.responder, c.last, "", 0);
	expect("begin, ready 1 ok A=x");
	fcgi_responder_end(&c.responder, c.last, 0xfedcba98);
	release(&c, c.last);
	expect("STDOUT 1 end, END 1 4275878552 COMPLETE");
}

static void expect_pieces(const char *bytes, size_t n)
{
	size_t records = (n + 65534) / 65535;
	struct record record;
	struct slice left;

	c.flow.out.len = 0;
	fcgi_responder_stdout(&c.responder, c.last, bytes, n);
	CU_ASSERT_EQUAL_FATAL(c.flow.out.len, n + 8 * records);
	for (left = buffer_slice(&c.flow.out); record_take(&record, &left);) {
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
	static char bytes[3 * 65535];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i % 251);
	feed("request 258 keep A=x");
	expect_pieces(bytes, 1);
	expect_pieces(bytes, 65535);
	expect_pieces(bytes, 65536);
	expect_pieces(bytes, sizeof(bytes));
}

static void long_output_grows_the_buffer_at_most_twice(void)
{
	static char bytes[200000];
	long before;

	feed("request 1 keep A=x");
	before = memory_allocations();
	fcgi_responder_stdout(&c.responder, c.last, bytes, sizeof(bytes));
	CU_ASSERT_TRUE(memory_allocations() - before <= 2);
}

/* ---- Memory running out ---- */

/* 131,064 bytes and a header fill the buffer exactly; the second header does not fit. */
static void output_that_cannot_be_split_fails(void)
{
	static char bytes[131064];

	feed("request 1 keep A=x");
	buffer_reserve(&c.flow.out, sizeof(bytes) + FCGI_HEADER_SIZE);
	CU_ASSERT_EQUAL(c.flow.out.size, sizeof(bytes) + FCGI_HEADER_SIZE);
	memory_fail_after(0);
	fcgi_responder_stdout(&c.responder, c.last, bytes, sizeof(bytes));
	memory_restore();
	CU_ASSERT_TRUE(c.flow.out.failed);
}

static void feed_without_memory(const char *script, long allocations)
{
	struct stream s = {0};

	stream_script(&s, script);
	buffer_reserve(&c.log, 4096);
	memory_fail_after(allocations);
	c.error = fcgi_responder_feed(&c.responder, s.bytes.data, s.bytes.len);
	memory_restore();
	stream_free(&s);
}

static void params_that_cannot_be_stored_are_handed_over_as_such(void)
{
	feed("begin 1 keep");
	feed_without_memory("params 1 *513, params 1 A=x, params-end 1", 0);
	expect("begin, ready 1 no memory");
	feed("stdin-end 1");
	answer(&c, c.last);
	expect("answered 1");
}

static void a_request_that_cannot_be_begun_is_overloaded(void)
{
	buffer_reserve(&c.flow.out, 100);
	feed_without_memory("request 1 keep A=x", 0);
	expect("begin, END 1 0 OVERLOADED");
	feed("request 1 keep A=x");
	expect("begin, ready 1 ok A=x");
}

static void answers_that_cannot_be_stored_end_the_connection(void)
{
	feed_without_memory("record 12 0 abc", 0);
	CU_ASSERT_TRUE(c.flow.out.failed);
	expect("no memory");
	close_connection();

	open_usual();
	feed("request 1 keep A=x");
	memory_fail_after(0);
	answer(&c, c.last);
	memory_restore();
	CU_ASSERT_TRUE(c.flow.out.failed);
	CU_ASSERT_EQUAL(c.flow.out.len, 0);
	feed("get");
	expect("begin, ready 1 ok A=x, no memory");
}

static void get_values_that_cannot_be_stored_ends_the_connection(void)
{
	for (long allocations = 0; allocations < 2; allocations++) {
		open_usual();
		buffer_reserve(&c.flow.out, 100);
		feed_without_memory("get FCGI_MAX_REQS", allocations);
		expect("no memory");
		close_connection();
	}
}

/* The owner's own memory is there, the table's is not: allocations are made to fail in between. */
static struct fcgi_request *begin_then_no_memory(struct fcgi_responder *r)
{
	struct fcgi_request *request;

	memory_restore();
	request = on_begin(r);
	memory_fail_after(0);
	return request;
}

static void a_table_that_cannot_grow_only_has_longer_chains(void)
{
	static const struct fcgi_events events = {EVENTS_BUT_INPUT_FAILED(begin_then_no_memory),
						  .input_failed = on_input_failed};

	open_connection(&(struct fcgi_limits){1, 1, 100, 8, 8});
	c.common.events = &events;
	begin_all(1, 50);
	memory_restore();
	CU_ASSERT_EQUAL(longest_chain(&c.responder), 50);
	c.log.len = 0;
	feed("abort 25, params-end 50");
	expect("gone 25, ready 50 ok, END 25 0 COMPLETE, partial");
	CU_ASSERT_EQUAL(fcgi_responder_active(&c.responder), 49);
	c.common.events = &EVENTS;
	begin_all(51, 66);
	CU_ASSERT_TRUE(longest_chain(&c.responder) <= 2);
	CU_ASSERT_EQUAL(fcgi_responder_active(&c.responder), 65);
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
	 RULES("begin 1 keep, params 1 A=x&B=, params-end 1 -> begin, ready 1 ok A=x B=")},
	{"a request is not handed over before",
	 RULES("begin 1 keep -> begin, partial", "begin 1 keep, params 1 A=x -> begin, partial")},
	{"PARAMS may be empty", RULES("begin 1 keep, params-end 1 -> begin, ready 1 ok")},
	{"PARAMS may come in many records",
	 RULES("begin 1 keep, record 4 1 \1, record 4 1 \2, record 4 1 abc, params-end 1 -> begin, "
	       "ready 1 ok a=bc")},
	{"PARAMS may outgrow the owner's storage",
	 RULES("begin 1 keep, params 1 "
	       "A=vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv&B=y, params-end "
	       "1 -> begin, ready 1 ok "
	       "A=vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv B=y")},
	{"malformed PARAMS are handed over as far as they go",
	 RULES("begin 1 keep, record 4 1 \1\1ab\1\2a, params-end 1 -> begin, ready 1 ok a=b")},
	{"PARAMS after their end are ignored",
	 RULES("begin 1 keep, params-end 1, params 1 A=x, params-end 1, stdin-end 1 -> begin, "
	       "ready 1 ok")},
	{"PARAMS up to the limit are taken",
	 RULES("small: begin 1 keep, params 1 AAA=xxx, params-end 1 -> begin, ready 1 ok AAA=xxx")},
	{"PARAMS over the limit are reported at once",
	 RULES("small: begin 1 keep, params 1 AAA=xxxx -> begin, ready 1 params too large",
	       "small: begin 1 keep, params 1 A=x, params 1 AA=xxx -> begin, ready 1 params too "
	       "large")},
	{"the rest of too large PARAMS is discarded",
	 RULES("small: begin 1 keep, params 1 *20, params 1 A=x, params-end 1, stdin 1 *20, "
	       "stdin-end 1 -> begin, ready 1 params too large",
	       "small always: begin 1 keep, params 1 *20, params 1 *20, params-end 1, stdin 1 *20, "
	       "stdin-end 1, request 1 keep A=x -> begin, ready 1 params too large, begin, ready 1 "
	       "ok A=x, answered 1, answered 1")},
	{"STDIN is discarded", RULES("begin 1 keep, params-end 1, stdin 1 *3000, stdin 1 abc, "
				     "stdin-end 1 -> begin, ready 1 ok")},
	{"STDIN may precede the end of PARAMS",
	 RULES("begin 1 keep, stdin 1 abc, params 1 A=x, stdin-end 1, params-end 1 -> begin, ready "
	       "1 ok A=x")},
	{"STDIN after its end is ignored",
	 RULES("small: begin 1 keep, params-end 1, stdin 1 abcd, stdin-end 1, stdin 1 abcdefgh, "
	       "stdin-end 1 -> begin, ready 1 ok")},
	{"STDIN up to the limit is taken", RULES("small: begin 1 keep, params-end 1, stdin 1 abcd, "
						 "stdin 1 efgh, stdin-end 1 -> begin, ready 1 ok")},
	{"STDIN over the limit fails the running request once",
	 RULES("small: begin 1 keep, params-end 1, stdin 1 abcd, stdin 1 efghi, stdin 1 *8, "
	       "stdin-end 1 -> begin, ready 1 ok, failed 1 stdin too large",
	       "small errors: begin 1 keep, params-end 1, stdin 1 *20, stdin 1 *20, stdin-end 1 -> "
	       "begin, ready 1 ok, failed 1 stdin too large, answered 1")},
	{"STDIN over the limit before the PARAMS hands over",
	 RULES("small: begin 1 keep, params 1 A=x, stdin 1 *9, stdin 1 *9, params 1 B=y, "
	       "params-end 1, stdin-end 1 -> begin, ready 1 stdin too large",
	       "small always: begin 1 keep, params 1 A=x, stdin 1 *9, stdin 1 *9, params 1 B=y, "
	       "params-end 1, stdin-end 1 -> begin, ready 1 stdin too large, answered 1")},
	{"STDIN goes to who takes it",
	 RULES("takes: begin 1 keep, params-end 1, stdin 1 abc, stdin 1 defgh, stdin-end 1 -> "
	       "begin, ready 1 ok, stdin 1 abcdefgh, stdin-end 1")},
	{"STDIN that is taken has its owner's limit",
	 RULES("small takes: begin 1 keep, params-end 1, stdin 1 abcd, stdin 1 efghi, stdin-end 1 "
	       "-> begin, ready 1 ok, stdin 1 abcdefghi, stdin-end 1")},
	{"STDIN that is taken ends once",
	 RULES("takes: begin 1 keep, params-end 1, stdin 1 a, stdin-end 1, stdin 1 b, stdin-end 1 "
	       "-> begin, ready 1 ok, stdin 1 a, stdin-end 1")},
	{"who answers at the first byte of STDIN hears no more",
	 RULES("hasty: begin 1 keep, params-end 1, stdin 1 abc, stdin 1 d, stdin-end 1 -> begin, "
	       "ready 1 ok, answered 1")},
	{"nobody takes STDIN that has no content",
	 RULES("takes: begin 1 keep, params-end 1, stdin-end 1 -> begin, ready 1 ok")},
	{"STDIN that came before the end of PARAMS cannot be taken",
	 RULES("begin 1 keep, stdin 1 a, params-end 1 -> begin, ready 1 ok; take -> ; stdin 1 b, "
	       "stdin-end 1 ->")},
	{"who sends STDIN that is taken owes nothing",
	 RULES("takes: begin 1 keep, params-end 1, stdin 1 a -> begin, ready 1 ok, stdin 1 a; "
	       "bytes 0105000100040000 6162 -> stdin 1 ab; bytes 6364 -> stdin 1 cd; begin 2 keep "
	       "-> begin, partial; params-end 2, stdin-end 1 -> ready 2 ok, stdin-end 1; bytes 01 "
	       "-> partial")},
	{"an answer before the end of STDIN ends the taking",
	 RULES("takes: begin 1 keep, params-end 1, stdin 1 a -> begin, ready 1 ok, stdin 1 a; "
	       "bytes 0105000100040000 6162 -> stdin 1 ab; answer -> answered 1, lingers, partial; "
	       "bytes 6364 -> lingers")},
	{"late STDIN of an answered request is ignored",
	 RULES("small always: begin 1 keep, params-end 1, stdin 1 *3000, stdin-end 1 -> begin, "
	       "ready 1 ok, answered 1")},
	{"an id may be used again after its end",
	 RULES("always: request 1 keep A=x, request 1 keep B=y -> begin, ready 1 ok A=x, begin, "
	       "ready 1 ok B=y, answered 1, answered 1")},
	{"a request is let alone once it has ended", a_request_is_let_alone_once_it_has_ended},
	{"with KEEP_CONN the connection stays",
	 RULES("always: request 1 keep A=x -> begin, ready 1 ok A=x, answered 1")},
	{"without KEEP_CONN the connection closes after the answer",
	 RULES("request 1 A=x -> begin, ready 1 ok A=x",
	       "always: request 1 A=x -> begin, ready 1 ok A=x, answered 1, closes")},
	{"a request answered before its STDIN ended lingers",
	 RULES("always: begin 1, params-end 1, stdin 1 abc -> begin, ready 1 ok, answered 1, "
	       "closes, lingers",
	       "always: begin 1, params-end 1, stdin 1 abc, stdin-end 1 -> begin, ready 1 ok, "
	       "answered 1, closes",
	       "always: begin 1, params-end 1, stdin 1 abc, abort 1 -> begin, ready 1 ok, answered "
	       "1, closes")},
	{"the end of one late STDIN does not stand for another",
	 RULES("always: begin 1 keep, begin 2 keep, params-end 1, params-end 2, stdin-end 2, stdin "
	       "1 a -> begin, begin, ready 1 ok, ready 2 ok, answered 1, answered 2, lingers")},
	{"requests begun before the end of a closing one are answered",
	 RULES("always: begin 1, begin 2 keep, params-end 1, stdin-end 1 -> begin, begin, ready 1 "
	       "ok, answered 1, partial; params-end 2, stdin-end 2 -> ready 2 ok, answered 2, "
	       "closes")},
	{"a BEGIN while a closing request is active is served",
	 RULES("always: begin 1, request 2 keep A=x, params-end 1, stdin-end 1 -> begin, begin, "
	       "ready 2 ok A=x, ready 1 ok, answered 2, answered 1, closes")},
	{"a BEGIN after the end of a closing request is ignored",
	 RULES("always: request 1 A=x, begin 2 keep, params 2 A=x -> begin, ready 1 ok A=x, "
	       "answered 1, closes, lingers",
	       "always: begin 3 keep, request 1 A=x, request 2 keep B=x, params-end 3, stdin-end 3 "
	       "-> begin, begin, ready 1 ok A=x, ready 3 ok, answered 1, answered 3, closes")},
	{"closing gives back every request once",
	 RULES("begin 1 keep, request 2 keep A=x -> begin, begin, ready 2 ok A=x, partial; close "
	       "-> gone 2, gone 1, closes; close -> closes; request 3 keep A=x -> closes")},
	{"other roles are refused",
	 RULES("bytes 01010003 00080000 0101010000000000 -> END 3 0 UNKNOWN_ROLE, lingers",
	       "begin 1 keep authorizer, begin 2 keep filter -> END 1 0 UNKNOWN_ROLE, END 2 0 "
	       "UNKNOWN_ROLE, lingers",
	       "begin 1 keep authorizer, params-end 1, stdin-end 1, request 1 keep A=x -> begin, "
	       "ready 1 ok A=x, END 1 0 UNKNOWN_ROLE")},
	{"a refused role without KEEP_CONN closes",
	 RULES("begin 1 authorizer, params-end 1, stdin-end 1 -> END 1 0 UNKNOWN_ROLE, closes")},
	{"requests over the limit are overloaded",
	 RULES("two: begin 1 keep, begin 2 keep, begin 3 keep, params-end 3, stdin-end 3 -> begin, "
	       "begin, END 3 0 OVERLOADED, partial",
	       "small always: request 1 keep A=x, request 2 keep A=x, request 3 keep A=x -> begin, "
	       "ready 1 ok A=x, begin, ready 2 ok A=x, begin, ready 3 ok A=x, answered 1, answered "
	       "2, answered 3")},
	{"no memory for a request is overloaded",
	 RULES("poor: request 1 keep A=x -> begin, END 1 0 OVERLOADED",
	       "poor: request 1 A=x -> begin, END 1 0 OVERLOADED, closes")},
	{"an abort ends the request",
	 RULES("request 1 keep A=x, abort 1 -> begin, ready 1 ok A=x, gone 1, END 1 0 COMPLETE",
	       "begin 1 keep, params 1 A=x, abort 1, request 1 keep B=y -> begin, gone 1, begin, "
	       "ready 1 ok B=y, END 1 0 COMPLETE")},
	{"an abort without KEEP_CONN closes",
	 RULES("begin 1, abort 1 -> begin, gone 1, END 1 0 COMPLETE, closes")},
	{"an abort with content is an abort",
	 RULES("begin 1 keep, record 2 1 abc -> begin, gone 1, END 1 0 COMPLETE")},
	{"an abort ends only its own request",
	 RULES("begin 1 keep, begin 2 keep, abort 1, params-end 2 -> begin, begin, gone 1, ready 2 "
	       "ok, END 1 0 COMPLETE")},
	{"records of inactive ids are ignored",
	 RULES("params 1 A=x, params-end 1, stdin 1 abc, stdin-end 1, abort 1, params 65535 A=x, "
	       "request 1 keep A=x, params 2 B=y -> begin, ready 1 ok A=x")},
	{"data and unknown types of a request are ignored",
	 RULES("begin 1 keep, record 8 1 abc, record 8 1 , record 12 1 abc, record 0 1 abc, record "
	       "255 2 , record 9 1 abc, record 6 1 abc, record 3 1 abcdefgh, params-end 1 -> "
	       "begin, ready 1 ok")},
	{"another version is an error",
	 RULES("begin 1 keep, bytes 02050001 00000000 -> begin, broken since what came is not "
	       "FastCGI",
	       "bytes 02050001 00000000 -> broken since what came is not FastCGI")},
	{"BEGIN on an active id is an error",
	 RULES("begin 1 keep, begin 1 keep -> begin, broken since a request begins whose id is in "
	       "use",
	       "begin 2 keep, request 1 keep A=x, begin 1 keep -> begin, begin, ready 1 ok A=x, "
	       "broken since a request begins whose id is in use")},
	{"a short BEGIN body is an error",
	 RULES("record 1 1  -> broken since the begin of a request is cut",
	       "record 1 1 abcdefg -> broken since the begin of a request is cut")},
	{"a long BEGIN body is taken by its first eight bytes",
	 RULES("always: bytes 01010001 00120000 0001ff0102030405 6d6f7265206f66206974, params-end "
	       "1, stdin-end 1 -> begin, ready 1 ok, answered 1")},
	{"other flags are not KEEP_CONN",
	 RULES("always: bytes 01010001 00080000 0001fe0000000000, params-end 1, stdin-end 1 -> "
	       "begin, ready 1 ok, answered 1, closes")},
	{"part of a record is owed",
	 RULES("bytes 010500 -> partial; bytes 0100020300 -> partial; bytes 6162 -> partial; bytes "
	       "707070 -> ; bytes 0109000000020000 61 -> partial")},
	{"GET_VALUES is answered",
	 RULES("get FCGI_MAX_CONNS FCGI_MAX_REQS FCGI_MPXS_CONNS -> VALUES FCGI_MAX_CONNS=100 "
	       "FCGI_MAX_REQS=200 FCGI_MPXS_CONNS=1",
	       "most: get FCGI_MAX_CONNS -> VALUES FCGI_MAX_CONNS=4294967295")},
	{"GET_VALUES is answered in the middle of requests",
	 RULES("begin 1 keep, get FCGI_MPXS_CONNS, params 1 A=x, get, params-end 1 -> begin, ready "
	       "1 ok A=x, VALUES FCGI_MPXS_CONNS=1, VALUES")},
	{"unknown values are omitted",
	 RULES("get FCGI_MAX_CONN FCGI_MPXS_CONNS fcgi_max_reqs -> VALUES FCGI_MPXS_CONNS=1")},
	{"repeated values are answered once",
	 RULES("get FCGI_MPXS_CONNS FCGI_MPXS_CONNS FCGI_MAX_REQS FCGI_MPXS_CONNS -> VALUES "
	       "FCGI_MPXS_CONNS=1 FCGI_MAX_REQS=200")},
	{"malformed GET_VALUES is answered as far as it was understood",
	 RULES("record 9 0 \x0f -> VALUES",
	       "record 9 0 \x0f\1FCGI_MPXS_CONNS1\x0e\1FCGI_MAX_ -> VALUES FCGI_MPXS_CONNS=1")},
	{"long GET_VALUES is answered from its first kilobyte",
	 RULES("get much -> VALUES FCGI_MPXS_CONNS=1")},
	{"other management records are unknown types",
	 RULES("record 12 0 abc, record 255 0 , record 0 0 , record 1 0 abcdefgh, record 1 0 , "
	       "record 4 0 abc, record 5 0 , record 2 0 , request 1 keep A=x -> begin, ready 1 ok "
	       "A=x, UNKNOWN 12, UNKNOWN 255, UNKNOWN 0, UNKNOWN 1, UNKNOWN 1, UNKNOWN 4, UNKNOWN "
	       "5, UNKNOWN 2")},
	{"interleaved requests keep apart",
	 RULES("begin 7 keep, begin 300 keep, record 4 7 \1\1a, begin 65535 keep, record 4 300 \1, "
	       "stdin 300 abc, record 4 7 x, params 65535 C=z, record 4 300 \1by, params-end 300, "
	       "params-end 65535, params-end 7 -> begin, begin, begin, ready 300 ok b=y, ready "
	       "65535 ok C=z, ready 7 ok a=x")},
	{"a thousand requests have short chains", a_thousand_requests_have_short_chains},
	{"every id can be active at once", every_id_can_be_active_at_once},
	{"a usual request costs no allocation", a_usual_request_costs_no_allocation},
	{"an answer may come later",
	 RULES("request 1 A=x -> begin, ready 1 ok A=x; answer -> answered 1, closes")},
	{"an answer may come within a record of the request",
	 RULES("begin 1, params-end 1 -> begin, ready 1 ok; bytes 0105000100040000 6162 -> "
	       "partial; answer -> answered 1, closes, lingers, partial; bytes 6364 -> closes, "
	       "lingers; stdin-end 1 -> closes")},
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

const struct suite responder_suite = {"responder", tests, COUNT(tests), .before = open_usual,
				      .after = close_connection};

/*
 * Every request of tests/oracle/orders.txt goes to orders.c, which must answer what FastAPI 0.92
 * answered when that file was written. Runs in the root of the tree.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "../support/orders.h"
#include "http/percent.h"
#include "http/reply.h"

#define EXCHANGES "tests/oracle/orders.txt"

enum { SHOWN = 400, REQUEST_MAX = 4 << 20 };

/* One request of the file, and what it gets. */
struct exchange {
	char *answer; /* status and body */
	struct orders_request asked;
	char *target; /* as it is written */
	char text[REQUEST_MAX];
	size_t used; /* of text */
};

/* Appends the line to the exchange's text, with every {text*n} written out and a NUL. */
static struct slice expand(struct exchange *ex, const char *line)
{
	char *start = ex->text + ex->used;
	char *at = start;

	while (*line) {
		size_t text = strcspn(line + 1, "*{}");
		char *end = NULL;
		unsigned long n = 0;

		if (*line == '{' && text && line[1 + text] == '*')
			n = strtoul(line + text + 2, &end, 10);
		if (!end || *end != '}') {
			*at++ = *line++;
			continue;
		}
		for (; n; n--, at += text)
			memcpy(at, line + 1, text);
		line = end + 1;
	}
	*at = '\0';
	ex->used += (size_t)(at - start) + 1;
	return (struct slice){start, (size_t)(at - start)};
}

static struct slice expand_escaped(struct exchange *ex, const char *line)
{
	struct slice text = expand(ex, line);

	return percent_decode(text, ex->text + (text.data - ex->text), text.len);
}

static void begin_request(struct exchange *ex, const char *line)
{
	struct slice text;
	const char *space;
	const char *query;

	ex->asked = (struct orders_request){.header_count = 0};
	ex->used = 0;
	text = expand(ex, line);
	space = strchr(text.data, ' ');
	ex->target = ex->text;
	ex->asked.method = (struct slice){text.data, (size_t)(space - text.data)};
	query = strchr(space, '?');
	ex->asked.path =
		(struct slice){space + 1, query ? (size_t)(query - space - 1) : strlen(space + 1)};
	ex->asked.query = slice_of(query ? query + 1 : "");
	ex->asked.path = percent_decode(ex->asked.path,
					memcpy(ex->text + ex->used, space + 1, ex->asked.path.len),
					ex->asked.path.len);
	ex->used += ex->asked.path.len;
}

/* A header, or the body. */
static void add_to_request(struct exchange *ex, const char *line)
{
	struct order_header *header = &ex->asked.headers[ex->asked.header_count];
	const char *colon = strchr(line, ':');

	if (*line == '=') {
		ex->asked.body = expand_escaped(ex, line + 2);
		return;
	}
	header->name = expand(ex, line);
	header->name.len = (size_t)(colon - line);
	header->value = expand_escaped(ex, colon + 2);
	ex->asked.header_count++;
}

/* The body ends where the status is what it says: "200 {…}". */
static bool is_answered(const struct exchange *ex, const struct request *req)
{
	return atoi(ex->answer) == req->reply.status &&
	       slice_is(req->reply.body, strchr(ex->answer, ' ') + 1);
}

static bool compare(const struct exchange *ex)
{
	struct request req;
	bool same;

	orders_answer(&req, &ex->asked);
	same = is_answered(ex, &req);
	if (!same)
		printf("    %.300s %.*s\n      recorded %.*s\n      ours     %d %.*s\n", ex->target,
		       (int)ex->asked.body.len, ex->asked.body.data, SHOWN, ex->answer,
		       req.reply.status, (int)req.reply.body.len, req.reply.body.data);
	request_unref(&req);
	return same;
}

/* Memory that fails at any moment, once or from then on, leaves a 503, or the answer there would be
 * without it. */
static bool survives_from(const struct exchange *ex, void (*fail_after)(long k))
{
	struct orders_request asked = ex->asked;
	bool answered = false;

	asked.fills_arena = true;
	for (long k = 0; !answered && k < 1000; k++) {
		struct request req;

		fail_after(k);
		orders_answer(&req, &asked);
		memory_restore();
		answered = is_answered(ex, &req);
		if (!answered && req.reply.status != 503) {
			printf("    %.300s: %d\n", ex->target, req.reply.status);
			k = 1000;
		}
		request_unref(&req);
	}
	return answered;
}

static bool survives(const struct exchange *ex)
{
	return survives_from(ex, memory_fail_once_after) && survives_from(ex, memory_fail_after);
}

/* Returns how many did not do that; counts them all. */
static int for_each(bool (*does)(const struct exchange *), int *count)
{
	static struct exchange ex;
	FILE *file = fopen(EXCHANGES, "re");
	char *line = NULL;
	size_t size = 0;
	bool begun = false;
	int failed = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_TRUE_FATAL(orders_open());
	for (bool more = true; more;) {
		more = getline(&line, &size, file) > 0;
		if (more)
			line[strcspn(line, "\n")] = '\0';
		if (more && line[0] == '\t' && line[1] == '\t') {
			add_to_request(&ex, line + 2);
			continue;
		}
		if (begun) {
			failed += !does(&ex);
			++*count;
		}
		begun = more && line[0] == '\t';
		if (begun) {
			begin_request(&ex, line + 1);
		} else if (more && isdigit((unsigned char)line[0])) {
			free(ex.answer);
			ex.answer = strdup(line);
		}
	}
	free(ex.answer);
	ex.answer = NULL;
	free(line);
	fclose(file);
	orders_close();
	return failed;
}

static void inputs_are_answered_as_FastAPI_answers_them(void)
{
	int count = 0;

	CU_ASSERT_EQUAL(for_each(compare, &count), 0);
	CU_ASSERT(count >= 400);
}

static void memory_out_is_503(void)
{
	int count = 0;

	CU_ASSERT_EQUAL(for_each(survives, &count), 0);
}

static const struct test tests[] = {
	{"inputs are answered as FastAPI answers them",
	 inputs_are_answered_as_FastAPI_answers_them},
	{"memory out is 503", memory_out_is_503},
};

const struct suite exchanges_suite = {"exchanges", tests, sizeof(tests) / sizeof(tests[0]), NULL,
				      NULL};

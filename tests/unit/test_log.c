#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../support/harness.h"
#include "base/log.h"
#include "caught.h"

static void log_value(const char *value, struct caught *caught)
{
	caught_begin();
	log_event(LOG_LEVEL_INFO, "test", "key", value, NULL);
	caught_end(caught);
}

static void value_becomes(const char *value, const char *expected)
{
	struct caught caught;
	char end[256];

	log_value(value, &caught);
	snprintf(end, sizeof(end), " event=test key=%s\n", expected);
	CU_ASSERT_TRUE(caught_one_line(&caught, end));
}

static void a_line_says_when_how_bad_who_and_what(void)
{
	struct caught caught;
	struct tm utc;
	char expected[128];
	int milliseconds = -1;

	log_init("loop-3");
	caught_begin();
	log_event(LOG_LEVEL_WARNING, "drained", "a", "1", "b", "2", NULL);
	caught_end(&caught);
	log_init("lanes");
	snprintf(expected, sizeof(expected),
		 " level=warning worker=loop-3 pid=%d event=drained a=1 b=2\n", (int)getpid());
	CU_ASSERT_TRUE(caught_one_line(&caught, expected));
	CU_ASSERT_EQUAL(strncmp(caught.text, "time=", 5), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(strptime(caught.text + 5, "%Y-%m-%dT%H:%M:%S", &utc));
	CU_ASSERT_EQUAL(sscanf(caught.text + 24, ".%3dZ ", &milliseconds), 1);
	CU_ASSERT_EQUAL(caught.text[28], 'Z');
	CU_ASSERT_TRUE(milliseconds >= 0);
}

static void the_three_levels_have_names(void)
{
	static const char *const names[] = {" level=info ", " level=warning ", " level=error "};

	for (int level = LOG_LEVEL_INFO; level <= LOG_LEVEL_ERROR; level++) {
		struct caught caught;

		caught_begin();
		log_event((enum log_level)level, "x", NULL);
		caught_end(&caught);
		CU_ASSERT_TRUE(caught_one_line(&caught, names[level]));
	}
}

static void an_event_is_one_write(void)
{
	struct caught caught;

	caught_begin();
	for (int i = 0; i < 5; i++)
		log_event(LOG_LEVEL_INFO, "event", "n", log_number(i), NULL);
	caught_end(&caught);
	CU_ASSERT_EQUAL(caught.writes, 5);
}

static void plain_values_stay_bare(void)
{
	value_becomes("GET", "GET");
	value_becomes("/a/b?c#d'~", "/a/b?c#d'~");
}

static void empty_and_spaced_values_are_quoted(void)
{
	value_becomes("", "\"\"");
	value_becomes("a b", "\"a b\"");
	value_becomes("a=b", "\"a=b\"");
}

static void quotes_and_backslashes_are_escaped(void)
{
	value_becomes("say \"hi\"", "\"say \\\"hi\\\"\"");
	value_becomes("\\", "\"\\\\\"");
}

static void nobody_can_forge_a_line(void)
{
	value_becomes("a\nlevel=error", "\"a\\x0alevel=error\"");
	value_becomes("\r\t\x1b[31m\x7f", "\"\\x0d\\x09\\x1b[31m\\x7f\"");
}

static void bytes_beyond_ascii_are_escaped(void)
{
	value_becomes("\xc3\xa4\xff\x80", "\"\\xc3\\xa4\\xff\\x80\"");
}

static void the_worker_is_a_value_too(void)
{
	struct caught caught;

	log_init("my pool\n-1");
	log_value("x", &caught);
	log_init("lanes");
	CU_ASSERT_TRUE(caught_one_line(&caught, " worker=\"my pool\\x0a-1\" "));
}

static void a_value_longer_than_a_line_is_cut(void)
{
	static const char fill[] = {'x', '\n', '"'};

	for (size_t i = 0; i < sizeof(fill); i++) {
		struct caught caught;
		char value[5000];

		memset(value, fill[i], sizeof(value) - 1);
		value[sizeof(value) - 1] = '\0';
		log_value(value, &caught);
		CU_ASSERT_TRUE(caught_one_line(&caught, "event=test key="));
		CU_ASSERT_EQUAL(caught.len, 2048);
	}
}

static void a_complaint_is_one_write_and_cut(void)
{
	struct caught caught;
	char value[5000];

	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	caught_begin();
	log_complaint("%.1000s: %s", value, "too long");
	caught_end(&caught);
	CU_ASSERT_TRUE(caught_one_line(&caught, "xxx: too long\n"));
	CU_ASSERT_EQUAL(strncmp(caught.text, "lanes: xxx", 10), 0);
	caught_begin();
	log_complaint("%s", value);
	caught_end(&caught);
	CU_ASSERT_TRUE(caught_one_line(&caught, "xxx\n"));
	CU_ASSERT_EQUAL(caught.len, 2048);
}

static void a_log_that_cannot_be_written_is_given_up(void)
{
	int saved = dup(STDERR_FILENO);

	close(STDERR_FILENO);
	log_event(LOG_LEVEL_ERROR, "unheard", NULL);
	dup2(saved, STDERR_FILENO);
	close(saved);
}

static unsigned lines_with(const struct caught *caught, const char *text)
{
	unsigned count = 0;

	for (const char *at = caught->text; (at = strstr(at, text)); at++)
		count++;
	return count;
}

static void repeated_warnings_are_counted(void)
{
	struct caught caught;

	log_init("lanes");
	caught_begin();
	for (int i = 0; i < LOG_FEW + 15; i++) {
		log_event(LOG_LEVEL_WARNING, "again", "n", log_number(i), NULL);
		log_event_of("loop-9", 7, LOG_LEVEL_WARNING, "again", NULL);
	}
	log_event(LOG_LEVEL_WARNING, "other", NULL);
	caught_end(&caught);
	CU_ASSERT_EQUAL(lines_with(&caught, " worker=lanes "), LOG_FEW + 1);
	CU_ASSERT_EQUAL(lines_with(&caught, " worker=loop-9 "), LOG_FEW);
	CU_ASSERT_EQUAL(lines_with(&caught, "repeated"), 0);
	caught_begin();
	log_event(LOG_LEVEL_INFO, "drained", NULL);
	log_event(LOG_LEVEL_INFO, "drained", NULL);
	caught_end(&caught);
	CU_ASSERT_EQUAL(lines_with(&caught, "event=again repeated=15\n"), 2);
	CU_ASSERT_EQUAL(lines_with(&caught, " worker=loop-9 pid=7 event=again repeated=15\n"), 1);
	CU_ASSERT_EQUAL(lines_with(&caught, "event=drained"), 2);
	CU_ASSERT_EQUAL(lines_with(&caught, "\n"), 4);
	/* They are still too many. */
	caught_begin();
	log_event(LOG_LEVEL_WARNING, "again", NULL);
	caught_end(&caught);
	CU_ASSERT_EQUAL(caught.len, 0);
	log_init("lanes");
}

/* What is no warning is never left out, and neither are more kinds than can be counted. */
static void nothing_else_is_left_out(void)
{
	struct caught caught;
	char worker[16];

	log_init("lanes");
	caught_begin();
	for (int i = 0; i < 2 * LOG_FEW; i++) {
		log_event(LOG_LEVEL_INFO, "again", NULL);
		log_event(LOG_LEVEL_ERROR, "again", NULL);
	}
	caught_end(&caught);
	CU_ASSERT_EQUAL(lines_with(&caught, "event=again\n"), 4 * LOG_FEW);
	caught_begin();
	for (int i = 0; i < 40; i++) {
		snprintf(worker, sizeof(worker), "w-%d", i);
		log_event_of(worker, i, LOG_LEVEL_WARNING, "x", NULL);
	}
	caught_end(&caught);
	CU_ASSERT_EQUAL(lines_with(&caught, "event=x\n"), 40);
	log_init("lanes");
}

static void a_full_pipe_holds_nobody_up(void)
{
	int saved = dup(STDERR_FILENO);
	char byte = 'x';
	int ends[2];

	CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	while (write(ends[1], &byte, 1) == 1)
		;
	fcntl(ends[1], F_SETFL, 0);
	dup2(ends[1], STDERR_FILENO);
	log_event(LOG_LEVEL_ERROR, "unheard", NULL);
	log_complaint("unheard");
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[0]);
	close(ends[1]);
}

static void eight_numbers_fit_one_event(void)
{
	const char *texts[8];
	char expected[24];

	for (int i = 0; i < 8; i++)
		texts[i] = log_number(i - 4);
	for (int i = 0; i < 8; i++) {
		snprintf(expected, sizeof(expected), "%d", i - 4);
		CU_ASSERT_STRING_EQUAL(texts[i], expected);
	}
	CU_ASSERT_STRING_EQUAL(log_number(-9223372036854775807LL - 1), "-9223372036854775808");
}

static const struct test tests[] = {
	{"a line says when, how bad, who and what", a_line_says_when_how_bad_who_and_what},
	{"the three levels have names", the_three_levels_have_names},
	{"an event is one write", an_event_is_one_write},
	{"plain values stay bare", plain_values_stay_bare},
	{"empty and spaced values are quoted", empty_and_spaced_values_are_quoted},
	{"quotes and backslashes are escaped", quotes_and_backslashes_are_escaped},
	{"nobody can forge a line", nobody_can_forge_a_line},
	{"bytes beyond ASCII are escaped", bytes_beyond_ascii_are_escaped},
	{"the worker is a value too", the_worker_is_a_value_too},
	{"a value longer than a line is cut", a_value_longer_than_a_line_is_cut},
	{"a complaint is one write, and cut", a_complaint_is_one_write_and_cut},
	{"a log that cannot be written is given up", a_log_that_cannot_be_written_is_given_up},
	{"warnings that repeat are counted", repeated_warnings_are_counted},
	{"nothing else is left out", nothing_else_is_left_out},
	{"a full pipe that nobody reads holds nobody up", a_full_pipe_holds_nobody_up},
	{"eight numbers fit one event", eight_numbers_fit_one_event},
};

const struct suite log_suite = {"log", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL};

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/process.h"
#include "base/journal.h"
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

/* ---- the journal ---- */

/* What it gets: a socket of ours in its place. */
struct journal_end {
	const char *directory;
	int fd;
	char entry[8192];
	size_t len;
};

static void journal_begin(struct journal_end *end)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	end->directory = directory_make();
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/journal", end->directory);
	end->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(bind(end->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	CU_ASSERT_TRUE_FATAL(journal_open(address.sun_path));
}

static bool journal_gets(struct journal_end *end)
{
	ssize_t n = recv(end->fd, end->entry, sizeof(end->entry) - 1, 0);

	end->len = n > 0 ? (size_t)n : 0;
	end->entry[end->len] = '\0';
	return n > 0;
}

static void journal_end(struct journal_end *end)
{
	CU_ASSERT_FALSE(journal_gets(end));
	journal_close();
	close(end->fd);
	directory_remove(end->directory);
}

static void the_journal_gets_fields(void)
{
	struct journal_end end;
	struct caught caught;
	char expected[512];

	journal_begin(&end);
	caught_begin();
	log_event(LOG_LEVEL_WARNING, "drained", "a-b", "two words", "c", "2", NULL);
	caught_end(&caught);
	CU_ASSERT_EQUAL(caught.len, 0);
	CU_ASSERT_TRUE(journal_gets(&end));
	snprintf(expected, sizeof(expected),
		 "LANES_WORKER=lanes\nLANES_PID=%d\nLANES_EVENT=drained\nLANES_A_B=two words\n"
		 "LANES_C=2\n"
		 "MESSAGE=worker=lanes pid=%d event=drained a-b=\"two words\" c=2\nPRIORITY=4\n"
		 "SYSLOG_IDENTIFIER=%s\n",
		 (int)getpid(), (int)getpid(), program_invocation_short_name);
	CU_ASSERT_STRING_EQUAL(end.entry, expected);
	log_event(LOG_LEVEL_ERROR, "x", NULL);
	CU_ASSERT_TRUE(journal_gets(&end));
	CU_ASSERT_PTR_NOT_NULL(strstr(end.entry, "\nPRIORITY=3\n"));
	log_complaint("no %s", "socket");
	CU_ASSERT_TRUE(journal_gets(&end));
	CU_ASSERT_EQUAL(strncmp(end.entry, "MESSAGE=no socket\nPRIORITY=3\n", 28), 0);
	journal_end(&end);
}

/* A value with a newline is told with its length; and one that is too long is no field. */
static void nobody_can_forge_a_field(void)
{
	static const char wrong[] = "1\nPRIORITY=0";
	static const char field[] = "LANES_KEY\n\14\0\0\0\0\0\0\0001\nPRIORITY=0\nMESSAGE=";
	static char endless[9000];
	struct journal_end end;
	char expected[64];

	journal_begin(&end);
	log_event(LOG_LEVEL_INFO, "test", "key", wrong, NULL);
	CU_ASSERT_TRUE(journal_gets(&end));
	CU_ASSERT_PTR_NOT_NULL(memmem(end.entry, end.len, field, sizeof(field) - 1));
	memset(endless, 'a', sizeof(endless) - 1);
	log_event(LOG_LEVEL_INFO, "test", "key", endless, "last", "1", NULL);
	CU_ASSERT_TRUE(journal_gets(&end));
	snprintf(expected, sizeof(expected), "LANES_EVENT=test\nLANES_LAST=1\nMESSAGE=");
	CU_ASSERT_PTR_NOT_NULL(strstr(end.entry, expected));
	CU_ASSERT_TRUE(end.len < 4096);
	journal_end(&end);
}

/* A journal whose queue is full holds nobody up, and one that is gone ends nobody. */
static void a_journal_that_takes_nothing_is_given_up(void)
{
	struct journal_end end;

	journal_begin(&end);
	for (int i = 0; i < 5000; i++)
		log_event(LOG_LEVEL_INFO, "test", NULL);
	while (journal_gets(&end))
		;
	shutdown(end.fd, SHUT_RD);
	log_event(LOG_LEVEL_INFO, "test", NULL);
	close(end.fd);
	end.fd = -1;
	log_event(LOG_LEVEL_INFO, "test", NULL);
	journal_end(&end);
}

/* systemd says which file it is; whoever has put another in its place has no journal there. */
static void only_what_systemd_has_named_is_the_journal(void)
{
	struct stat file;
	char stream[64];

	CU_ASSERT_EQUAL(fstat(STDERR_FILENO, &file), 0);
	unsetenv("JOURNAL_STREAM");
	CU_ASSERT_FALSE(journal_is_stderr());
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)file.st_dev,
		 (unsigned long long)file.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	CU_ASSERT_TRUE(journal_is_stderr());
	setenv("JOURNAL_STREAM", "1:2", 1);
	CU_ASSERT_FALSE(journal_is_stderr());
	unsetenv("JOURNAL_STREAM");
	CU_ASSERT_FALSE(journal_open("/nowhere/journal"));
	CU_ASSERT_FALSE(journal_is_open());
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
	{"the journal gets a field for each pair", the_journal_gets_fields},
	{"where nobody can forge one", nobody_can_forge_a_field},
	{"a journal that takes nothing is given up", a_journal_that_takes_nothing_is_given_up},
	{"only what systemd has named is the journal", only_what_systemd_has_named_is_the_journal},
};

const struct suite log_suite = {"log", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL};

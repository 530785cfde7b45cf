#include <string.h>

#include "../support/harness.h"
#include "client/answer.h"

static const char whole[] = "HTTP/1.1 200 OK\r\n"
			    "Content-Type: application/json\r\n"
			    "content-length: 5\r\n"
			    "X-Lanes-Worker: loop-1\r\n"
			    "X-Lanes-Request: 4294967295\r\n"
			    "Server-Timing: queue;dur=0.000, loop;dur=0.017\r\n"
			    "\r\n"
			    "hello";

static void is_whole(const struct answer *answer)
{
	CU_ASSERT_EQUAL(answer->status, 200);
	CU_ASSERT_STRING_EQUAL(answer->worker, "loop-1");
	CU_ASSERT_EQUAL(answer->serial, 4294967295);
	CU_ASSERT_STRING_EQUAL(answer->timing, "queue;dur=0.000, loop;dur=0.017");
	CU_ASSERT_STRING_EQUAL(answer->body, "hello");
}

static void split_at_every_byte(void)
{
	const size_t len = sizeof(whole) - 1;

	for (size_t at = 1; at < len; at++) {
		struct answer answer;

		answer_init(&answer);
		CU_ASSERT_EQUAL(answer_feed(&answer, whole, at), ANSWER_MORE);
		CU_ASSERT_FALSE(answer_ends_here(&answer));
		CU_ASSERT_EQUAL(answer_feed(&answer, whole + at, len - at), ANSWER_DONE);
		CU_ASSERT_TRUE(answer_ends_here(&answer));
		is_whole(&answer);
	}
}

static void what_follows_is_ignored(void)
{
	struct answer answer;

	answer_init(&answer);
	CU_ASSERT_EQUAL(answer_feed(&answer, whole, sizeof(whole) - 1), ANSWER_DONE);
	CU_ASSERT_EQUAL(answer_feed(&answer, "more", 4), ANSWER_DONE);
	is_whole(&answer);
}

static enum answer_state feed(struct answer *answer, const char *text)
{
	answer_init(answer);
	return answer_feed(answer, text, strlen(text));
}

static void a_body_may_end_with_its_connection(void)
{
	struct answer answer;

	CU_ASSERT_EQUAL(feed(&answer, "HTTP/1.0 404 Not Found\n\nno"), ANSWER_MORE);
	CU_ASSERT_TRUE(answer_ends_here(&answer));
	CU_ASSERT_STRING_EQUAL(answer.body, "no");
	CU_ASSERT_EQUAL(feed(&answer, "HTTP/1.0 200 OK\nContent-Length: 3\n\nno"), ANSWER_MORE);
	CU_ASSERT_FALSE(answer_ends_here(&answer));
	CU_ASSERT_EQUAL(feed(&answer, "HTTP/1.0 204 No Content\nContent-Length: 0\n\n"),
			ANSWER_DONE);
}

static void numbers_have_all_digits(void)
{
	struct answer answer;

	CU_ASSERT_EQUAL(feed(&answer, "HTTP/1.1 299\r\nX-Lanes-Request: 9876543210\r\n"),
			ANSWER_MORE);
	CU_ASSERT_EQUAL(answer.status, 299);
	CU_ASSERT_EQUAL(answer.serial, 9876543210);
	CU_ASSERT_EQUAL(feed(&answer, "HTTP/1.0 100 x\r\nX-Lanes-Request: 0\r\n"), ANSWER_MORE);
	CU_ASSERT_EQUAL(answer.status, 100);
	CU_ASSERT_EQUAL(answer.serial, 0);
	CU_ASSERT_EQUAL(feed(&answer, "HTTP/1.0 200\nX-Lanes-Request: x\nContent-Length: 9\n\n"),
			ANSWER_MORE);
	CU_ASSERT_EQUAL(answer.length, 9);
}

/* The longest line that is kept, and one byte more. */
static void a_line_may_be_so_long(void)
{
	char text[2 * ANSWER_LINE];
	struct answer answer;

	for (int more = 0; more <= 1; more++) {
		size_t line = ANSWER_LINE + (size_t)more;

		memset(text, ' ', sizeof(text));
		memcpy(text, "HTTP/1.1 200\n", 13);
		memcpy(text + 13, "X-Lanes-Worker:", 15);
		text[13 + line - 1] = 'w';
		memcpy(text + 13 + line, "\n", 2);
		CU_ASSERT_EQUAL(feed(&answer, text), ANSWER_MORE);
		CU_ASSERT_STRING_EQUAL(answer.worker, more ? "" : "w");
	}
}

static void names_that_are_long_are_cut(void)
{
	char text[ANSWER_LINE];
	struct answer answer;

	memset(text, 'w', sizeof(text));
	memcpy(text, "HTTP/1.1 200\nX-Lanes-Worker: ", 29);
	memcpy(text + 200, "\n", 2);
	CU_ASSERT_EQUAL(feed(&answer, text), ANSWER_MORE);
	CU_ASSERT_EQUAL(strlen(answer.worker), sizeof(answer.worker) - 1);
}

static void what_is_no_answer_is_bad(void)
{
	static const char *const bad[] = {
		"SSH-2.0-OpenSSH\r\n",
		"HTTP/2 200\r\n",
		"HTTP/1.1 20 OK\r\n",
		"HTTP/1.1 2000 OK\r\n",
		"HTTP/1.1 099 OK\r\n",
		"\r\n",
		"HTTP/1.1 200 OK\r\nno header\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: \r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct answer answer;

		CU_ASSERT_EQUAL(feed(&answer, bad[i]), ANSWER_BAD);
		CU_ASSERT_TRUE(answer.status == 0 || answer.status == 200);
	}
}

static void a_long_line_is_left_out(void)
{
	char text[4 * ANSWER_LINE] = "HTTP/1.1 200 OK\r\nX-Lanes-Worker: ";
	struct answer answer;

	memset(text + strlen(text), 'x', 2 * ANSWER_LINE);
	strcat(text, "\r\nX-Lanes-Request: 7\r\n\r\n");
	CU_ASSERT_EQUAL(feed(&answer, text), ANSWER_MORE);
	CU_ASSERT_STRING_EQUAL(answer.worker, "");
	CU_ASSERT_EQUAL(answer.serial, 7);
	memset(text, 'x', 2 * ANSWER_LINE);
	CU_ASSERT_EQUAL(feed(&answer, text), ANSWER_BAD);
}

static void a_long_body_is_cut_and_a_longer_one_ends(void)
{
	static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
	char piece[ANSWER_BODY];
	size_t fed = sizeof(head) - 1;
	struct answer answer;

	memset(piece, 'x', sizeof(piece));
	CU_ASSERT_EQUAL(feed(&answer, head), ANSWER_MORE);
	for (; fed + sizeof(piece) <= ANSWER_MOST; fed += sizeof(piece))
		CU_ASSERT_EQUAL(answer_feed(&answer, piece, sizeof(piece)), ANSWER_MORE);
	CU_ASSERT_EQUAL(strlen(answer.body), ANSWER_BODY);
	CU_ASSERT_EQUAL(answer_feed(&answer, piece, sizeof(piece)), ANSWER_TOO_LONG);
}

static const struct test tests[] = {
	{"an answer may be split at every byte", split_at_every_byte},
	{"what follows it is ignored", what_follows_is_ignored},
	{"without a length it ends with its connection", a_body_may_end_with_its_connection},
	{"numbers have all their digits", numbers_have_all_digits},
	{"a line may be so long", a_line_may_be_so_long},
	{"names that are long are cut", names_that_are_long_are_cut},
	{"what is no answer is known as that", what_is_no_answer_is_bad},
	{"a line too long to be kept is left out", a_long_line_is_left_out},
	{"a long body is cut, and an answer beyond the limit ends",
	 a_long_body_is_cut_and_a_longer_one_ends},
};

const struct suite answer_suite = {"answer", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL};

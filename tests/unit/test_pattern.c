/* What re.match() of CPython 3.11 says to the same pattern and text. */
#include <stdio.h>
#include <string.h>

#include "../support/harness.h"
#include "http/pattern.h"

static struct pattern pattern;

static void compiles(const char *text)
{
	const char *wrong;

	pattern.text = text;
	wrong = pattern_compile(&pattern);
	if (wrong)
		printf("    %s: %s\n", text, wrong);
	CU_ASSERT_PTR_NULL_FATAL(wrong);
}

static void matches(const char *text, bool expected)
{
	bool does = pattern_matches(&pattern, slice_of(text));

	if (does != expected)
		printf("    %s: %s\n", pattern.text, text);
	CU_ASSERT_EQUAL(does, expected);
}

/* The first string is the pattern; then what it matches; NULL; what it does not; NULL. */
static void judges(const char *const *strings)
{
	compiles(*strings);
	while (*++strings)
		matches(*strings, true);
	while (*++strings)
		matches(*strings, false);
}

#define JUDGES(...) judges((const char *const[]){__VA_ARGS__, NULL})

static void it_matches_from_the_beginning(void)
{
	JUDGES("ab", "ab", "abc", NULL, "", "a", "xab", "ba");
	JUDGES("", "", "a", NULL);
	JUDGES("^ab", "abc", NULL, "xab");
	JUDGES("a^b", NULL, "ab", "a");
}

static void a_dollar_is_before_a_last_newline(void)
{
	JUDGES("ab$", "ab", "ab\n", NULL, "abc", "ab\n\n", "ab\nc");
	JUDGES("^$", "", "\n", NULL, "a", "\n\n");
	JUDGES("(a$|ab)c", "abc", NULL, "ac", "a");
}

static void characters(void)
{
	JUDGES(".$", "a", "\xc3\xa9", "\xe6\x97\xa5", "\xf0\x9f\x98\x80", NULL, "", "\n", "ab");
	JUDGES("\xc3\xa9$", "\xc3\xa9", NULL, "\xc3\xa8", "e");
	JUDGES("\\.\\*\\\\\\-$", ".*\\-", NULL, "a*\\-");
	JUDGES("a-b/,:$", "a-b/,:", NULL, "a");
}

static void sets(void)
{
	JUDGES("[a-cx]$", "a", "b", "c", "x", NULL, "d", "-", "", "ab");
	JUDGES("[^a-c]$", "d", "\n", "\xe6\x97\xa5", NULL, "a", "c", "");
	JUDGES("[]a]$", "]", "a", NULL, "b");
	JUDGES("[^]a]$", "b", NULL, "]", "a");
	JUDGES("[a-]$", "a", "-", NULL, "b");
	JUDGES("[-a]$", "a", "-", NULL, "b");
	JUDGES("[\\]\\^\\-]$", "]", "^", "-", NULL, "\\");
	JUDGES("[.*+?(){}|$]$", ".", "*", "$", "|", NULL, "a");
	JUDGES("[\xce\xb1-\xcf\x89]$", "\xce\xb2", NULL, "b", "\xd0\xb0");
}

static void repetitions(void)
{
	JUDGES("a*$", "", "a", "aaaa", NULL, "b", "ab");
	JUDGES("a+$", "a", "aaaa", NULL, "", "b");
	JUDGES("a?$", "", "a", NULL, "aa");
	JUDGES("a{2}$", "aa", NULL, "a", "aaa");
	JUDGES("a{2,}$", "aa", "aaaaa", NULL, "a");
	JUDGES("a{,2}$", "", "a", "aa", NULL, "aaa");
	JUDGES("a{1,3}$", "a", "aa", "aaa", NULL, "", "aaaa");
	JUDGES("a{9}$", "aaaaaaaaa", NULL, "aaaaaaaa");
	JUDGES("a{0}b$", "b", NULL, "ab");
	JUDGES("a*?b+?c??d{1,2}?$", "bd", "aabbcdd", NULL, "ad");
	JUDGES("(ab){2}$", "abab", NULL, "ab", "ababab");
	JUDGES("(a*)*$", "", "aaa", NULL, "b");
	JUDGES("(a|b*)+c$", "c", "abbac", NULL, "ab");
}

static void alternatives(void)
{
	JUDGES("a|b|cd$", "a", "b", "cd", "ax", NULL, "c", "cdx");
	JUDGES("(a|bc|)d$", "ad", "bcd", "d", NULL, "bd");
	JUDGES("(?:a|(b|c)d)+$", "a", "bd", "abdcd", NULL, "", "b", "ad ");
	JUDGES("|a", "", "b", NULL);
	JUDGES("(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)("
	       "a)(a)"
	       "(a)(a)(a)(a)(a)$",
	       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL, "a");
}

/* It is said at the start, and not by a match that is another one than in Python. */
static void what_is_not_meant_is_refused(void)
{
	static const char *const bad[] = {
		"(",
		"(a",
		")",
		"a)",
		"[",
		"[a",
		"[b-a]",
		"*",
		"+a",
		"a**",
		"a{",
		"a{}",
		"a{x}",
		"a{2,1}",
		"a{256}",
		"a{1",
		"{2}",
		"\\",
		"\\d",
		"\\w",
		"\\s",
		"\\b",
		"\\1",
		"\\n",
		"(?=a)",
		"(?i)a",
		"(?P<n>a)",
		"^*",
		"$+",
		"a++",
		"]",
		"}",
		"\xff",
		"[\\d]",
		"(a{200}){2}",
		"((((((((((((((((((((((((((((((((((a))))))))))))))))))))))))))))))))))",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		pattern.text = bad[i];
		if (!pattern_compile(&pattern))
			printf("    %s\n", bad[i]);
		CU_ASSERT_PTR_NOT_NULL(pattern_compile(&pattern));
	}
}

/* Where Python would try 2^30 ways. */
static void every_character_is_looked_at_once(void)
{
	char text[100001];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	compiles("(a+)+b");
	matches(text, false);
	compiles("(a?){30}a{30}$");
	matches("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true);
}

static const struct test tests[] = {
	{"it matches from the beginning", it_matches_from_the_beginning},
	{"a dollar is before a last newline", a_dollar_is_before_a_last_newline},
	{"characters", characters},
	{"sets", sets},
	{"repetitions", repetitions},
	{"alternatives", alternatives},
	{"what is not meant is refused", what_is_not_meant_is_refused},
	{"every character is looked at once", every_character_is_looked_at_once},
};

const struct suite pattern_suite = {"pattern", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL};

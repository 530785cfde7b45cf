/* What CPython 3.11 says to the same bytes. */
#include "../support/harness.h"
#include "base/utf8.h"

#define BYTES(literal) ((struct slice){literal, sizeof(literal) - 1})

/* bytes.decode(errors="replace") */
static void becomes(struct slice text, const char *expected)
{
	char out[64];

	CU_ASSERT_TRUE(slice_is(utf8_replace(text, out), expected));
	CU_ASSERT_EQUAL(utf8_is_valid(text), slice_is(text, expected));
}

#define NONE "\xef\xbf\xbd"

static void characters_stay(void)
{
	becomes(BYTES(""), "");
	becomes(BYTES("a\x7f"), "a\x7f");
	becomes(BYTES("\xc2\x80\xdf\xbf"), "\xc2\x80\xdf\xbf");
	becomes(BYTES("\xed\x80\x80"), "\xed\x80\x80");
	becomes(BYTES("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80"),
		"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80");
	becomes(BYTES("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
}

static void what_is_none_is_replaced(void)
{
	becomes(BYTES("\x80\xbfx"), NONE NONE "x");
	becomes(BYTES("\xc0\x80\xc1\xbf"), NONE NONE NONE NONE);
	becomes(BYTES("\xc2x\xc2"), NONE "x" NONE);
	becomes(BYTES("\xe0\x9f\xbf"), NONE NONE NONE);
	becomes(BYTES("\xe2\x82x\xe2\x82"), NONE "x" NONE);
	becomes(BYTES("\xed\xa0\x80"), NONE NONE NONE);
	becomes(BYTES("\xf0\x8f\xbf\xbf"), NONE NONE NONE NONE);
	becomes(BYTES("\xf0\x9f\x98x\xf0\x9f"), NONE "x" NONE);
	becomes(BYTES("\xf4\x90\x80\x80\xf5"), NONE NONE NONE NONE NONE);
}

/* errors="surrogatepass" */
static void halves_of_pairs_may_pass(void)
{
	CU_ASSERT_TRUE(utf8_is_nearly_valid(BYTES("a\xed\xa0\x80\xed\xbf\xbf\xc3\xa9")));
	CU_ASSERT_FALSE(utf8_is_valid(BYTES("a\xed\xa0\x80")));
	CU_ASSERT_FALSE(utf8_is_nearly_valid(BYTES("\xed\xa0")));
	CU_ASSERT_FALSE(utf8_is_nearly_valid(BYTES("\xed\xa0x")));
	CU_ASSERT_FALSE(utf8_is_nearly_valid(BYTES("\xff")));
}

static void characters_are_counted(void)
{
	CU_ASSERT_EQUAL(utf8_length(BYTES("")), 0);
	CU_ASSERT_EQUAL(utf8_length(BYTES("a\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80\xed\xa0\x80")), 5);
}

static void latin1_becomes_utf8(void)
{
	char out[8];

	CU_ASSERT_TRUE(slice_is(utf8_of_latin1(BYTES("a\x80\xff"), out), "a\xc2\x80\xc3\xbf"));
}

static const struct test tests[] = {
	{"characters stay", characters_stay},
	{"what is none is replaced", what_is_none_is_replaced},
	{"halves of pairs may pass", halves_of_pairs_may_pass},
	{"characters are counted", characters_are_counted},
	{"Latin-1 becomes UTF-8", latin1_becomes_utf8},
};

const struct suite utf8_suite = {"utf8", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL};

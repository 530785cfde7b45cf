#include <string.h>

#include "../support/harness.h"
#include "http/percent.h"

static void decodes(const char *text, struct slice expected)
{
	char out[64];

	CU_ASSERT_TRUE(slice_equal(percent_decode(slice_of(text), out, sizeof(out)), expected));
}

static void escapes_are_decoded_once(void)
{
	decodes("/a%20b%2Fc%2fd", slice_of("/a b/c/d"));
	decodes("%252F", slice_of("%2F"));
	decodes("%41%5a%5A", slice_of("AZZ"));
}

static void any_byte_can_be_escaped(void)
{
	decodes("%00%ff%C0%AF%0A", (struct slice){"\0\xff\xc0\xaf\n", 5});
}

static void invalid_escapes_stay(void)
{
	decodes("%", slice_of("%"));
	decodes("%4", slice_of("%4"));
	decodes("%zz%4g%g4%%41", slice_of("%zz%4g%g4%A"));
}

static void a_plus_stays(void)
{
	decodes("a+b", slice_of("a+b"));
}

static void nothing_stays_nothing(void)
{
	char out[1];

	CU_ASSERT_EQUAL(percent_decode((struct slice){"", 0}, out, sizeof(out)).len, 0);
	CU_ASSERT_EQUAL(percent_decode((struct slice){NULL, 0}, out, 0).len, 0);
}

static void what_does_not_fit_is_no_result(void)
{
	char out[3];

	CU_ASSERT_TRUE(slice_is(percent_decode(slice_of("%41bc"), out, 3), "Abc"));
	CU_ASSERT_PTR_NULL(percent_decode(slice_of("%41bcd"), out, 3).data);
	CU_ASSERT_EQUAL(percent_decode(slice_of("%41bcd"), out, 3).len, 0);
	CU_ASSERT_PTR_NULL(percent_decode(slice_of("a"), out, 0).data);
}

static void it_works_in_place(void)
{
	char text[] = "a%20%20b%zz";

	CU_ASSERT_TRUE(slice_is(percent_decode(slice_of(text), text, sizeof(text) - 1), "a  b%zz"));
}

/* The expected are those of Python's quote(). */
static void what_has_a_meaning_is_escaped(void)
{
	char out[64];
	size_t len = percent_encode((struct slice){"/a_b.c-d~/%2e?#\0\xc3\xa9 &", 20}, out);

	CU_ASSERT_TRUE(slice_is((struct slice){out, len}, "/a_b.c-d~/%252e%3F%23%00%C3%A9%20%26"));
}

static const struct test tests[] = {
	{"escapes are decoded once", escapes_are_decoded_once},
	{"any byte can be escaped", any_byte_can_be_escaped},
	{"invalid escapes stay", invalid_escapes_stay},
	{"a plus stays", a_plus_stays},
	{"nothing stays nothing", nothing_stays_nothing},
	{"what does not fit is no result", what_does_not_fit_is_no_result},
	{"it works in place", it_works_in_place},
	{"what has a meaning in a URI is escaped", what_has_a_meaning_is_escaped},
};

const struct suite percent_suite = {"percent", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL};

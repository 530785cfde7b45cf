/* What json.dumps(ensure_ascii=False) writes. */
#include <string.h>

#include "../support/harness.h"
#include "base/json.h"

static void writes(struct slice text, const char *expected)
{
	struct buffer out = {0};

	json_string(&out, text);
	CU_ASSERT_TRUE(slice_is(buffer_slice(&out), expected));
	buffer_free(&out);
}

static void a_string_is_quoted_and_escaped(void)
{
	writes(slice_of(""), "\"\"");
	writes(slice_of("plain / text ~\x7f"), "\"plain / text ~\x7f\"");
	writes(slice_of("\"\\"), "\"\\\"\\\\\"");
	writes(slice_of("a\b\t\n\f\r\vz"), "\"a\\b\\t\\n\\f\\r\\u000bz\"");
	writes((struct slice){"\0\x1f", 2}, "\"\\u0000\\u001f\"");
}

static void other_characters_stay_as_they_are(void)
{
	writes(slice_of("\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80!"),
	       "\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80!\"");
}

static void bytes_that_are_none_are_replaced(void)
{
	writes(slice_of("a\xff\xc3z\xed\xa0\x80"),
	       "\"a\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

static const struct test tests[] = {
	{"a string is quoted and escaped", a_string_is_quoted_and_escaped},
	{"other characters stay as they are", other_characters_stay_as_they_are},
	{"bytes that are none are replaced", bytes_that_are_none_are_replaced},
};

const struct suite json_suite = {"json", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL};

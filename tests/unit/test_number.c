/* Expected values are what CPython 3.11 gives for the same text. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../support/harness.h"
#include "../support/process.h"
#include "http/number.h"

#define TEXT(literal) ((struct slice){literal, sizeof(literal) - 1})

static void reads(struct slice text, double expected)
{
	double value = -1;

	CU_ASSERT_EQUAL(python_float(text, &value), 0);
	CU_ASSERT_EQUAL(value, expected);
	CU_ASSERT_EQUAL(signbit(value), signbit(expected));
}

static void refuses(struct slice text)
{
	double value = 7;

	CU_ASSERT_EQUAL(python_float(text, &value), -EINVAL);
	CU_ASSERT_EQUAL(value, 7);
}

static void prints(double value, const char *expected)
{
	char text[FLOAT_TEXT_SIZE];
	struct slice printed = {text, float_text(value, text)};

	CU_ASSERT_TRUE(slice_is(printed, expected));
}

static void reads_int(struct slice text, int64_t expected)
{
	int64_t value = -1;

	CU_ASSERT_EQUAL(python_int(text, &value), 0);
	CU_ASSERT_EQUAL(value, expected);
}

static void refuses_int(struct slice text)
{
	int64_t value;

	CU_ASSERT_EQUAL(python_int(text, &value), -EINVAL);
}

/* Of each in the list, which ends with NULL. */
static void refuses_all(const char *const *texts)
{
	for (; *texts; texts++)
		refuses(slice_of(*texts));
}

struct number {
	double value;
	const char *text;
};

static void reads_all(const struct number *rows)
{
	for (; rows->text; rows++)
		reads(slice_of(rows->text), rows->value);
}

#define REFUSES(...) refuses_all(STRINGS(__VA_ARGS__))
#define READS(...)   reads_all((const struct number[]){__VA_ARGS__, {0}})

static void float_grammar(void)
{
	READS({0, "0"}, {-0.0, "-0"}, {60, "60"}, {0.5, ".5"}, {1, "1."}, {5, "+5"},
	      {7.25, "007.250"}, {1e-5, "1e-5"}, {100, "1E+2"}, {10, "1.e1"},
	      {0, "0e99999999999999999999"});
	REFUSES("", " ", ".", "e5", "1e", "1e+", "+", "+-1", "0x1p3", "0x10", "abc", "1,5", "1 5",
		"1..5", "1.5.2", "1e5.0", "--1", "1f", "nan(1)", "infin", "infinityx", "in", "nano",
		"i nf", ". 5", "1e 5", "1e5e5", "inf inf", "\x7f", "1\x7f", "1.5s");
	refuses((struct slice){NULL, 0});
}

static void float_underscores_stand_between_digits(void)
{
	READS({10, "1_0"}, {10.25e10, "1_0.2_5e1_0"});
	REFUSES("_1", "1_", "1__0", "1_.5", "1._5", "1_e5", "1e_5", "1e5_", "-_1", "in_f");
}

static void float_special_values(void)
{
	double value = 0;

	READS({INFINITY, "inf"}, {-INFINITY, "-Infinity"}, {INFINITY, " +iNf "},
	      {INFINITY, "1e400"}, {-INFINITY, "-1e99999999999999999999"});
	CU_ASSERT_EQUAL(python_float(TEXT("-NaN"), &value), 0);
	CU_ASSERT_TRUE(isnan(value));
}

static void float_white_space_is_stripped(void)
{
	READS({5, " 5 "}, {5, "\t\n\v\f\r5\r\n"});
	reads(TEXT("\xc2\x85\xc2\xa0\xe1\x9a\x80\xe2\x80\x80\xe2\x80\x8a"
		   "5\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\x9f\xe3\x80\x80"),
	      5);
	/* str.strip() would take these two; float() does not. */
	REFUSES("5\x1c");
	refuses(TEXT("\x1f"
		     "5"));
	refuses(TEXT("5\xe2\x80\x8b")); /* zero width space */
}

static void float_digits_of_every_script(void)
{
	reads(TEXT("\xd9\xa1\xd9\xa2"), 12);		     /* Arabic */
	reads(TEXT("\xef\xbc\x91.\xe0\xa5\xab"), 1.5);	     /* full width, Devanagari */
	reads(TEXT("\xf0\x9d\x9f\x8e_\xf0\x9d\x9f\xbf"), 9); /* mathematical, first and last */
	reads(TEXT("1e-\xf0\x9f\xaf\xb9"), 1e-9);	     /* segmented, the last of all */
	refuses(TEXT("\xc2\xb2"));			     /* superscript two is no decimal */
	refuses(TEXT("\xe2\x85\xa0"));			     /* Roman numeral one */
	refuses(TEXT("\xef\xbc\x8b\xef\xbc\x91"));	     /* a full width plus is no sign */
}

static void invalid_utf8_is_no_number(void)
{
	REFUSES("\xff", "\x80", "5\xd9");
	refuses(TEXT("\xc0\xb5")); /* "5", overlong */
	REFUSES("\xe0\x80\xb5", "\xf0\x80\x80\xb5");
	refuses(TEXT("\xf8\xaf\xb0\x80")); /* no UTF-8 since 2003 */
	REFUSES("\xe0\xd9\xa0", "\xf8\x90\x92\xa0");
	refuses(TEXT("\x99\xa1")); /* would be an Arabic 1 if it began with 0xd9 */
	refuses(TEXT("\xd9"
		     "a")); /* … if it went on with 0xa1 */
	refuses((struct slice){"\xd9\xa1", 1});
	refuses(TEXT("\xf4\x8f\xbf\xbf")); /* the last of all characters */
	refuses(TEXT("5\0"));
	refuses(TEXT("\0"
		     "5"));
}

static void float_is_correctly_rounded(void)
{
	char text[2000];

	READS({0.1, "0.1"}, {60.00000000000001, "60.00000000000001"},
	      {9007199254740992.0, "9007199254740993"},
	      {9007199254740994.0, "9007199254740993.00000000000000000000000001"},
	      {5e-324, "5e-324"}, {0, "2e-324"}, {1.7976931348623157e308, "1.7976931348623158e308"},
	      {INFINITY, "1.7976931348623159e308"});

	/* Digits that are not kept count all the same. */
	memset(text, '0', sizeof(text));
	text[0] = '1';
	memcpy(text + sizeof(text) - 6, "e-1993", 6);
	reads((struct slice){text, sizeof(text)}, 1);
	/* Half-way between two doubles by all digits that are kept, above it by the last one. */
	memset(text, '0', sizeof(text));
	memcpy(text, "9007199254740993.", 17);
	reads((struct slice){text, sizeof(text)}, 9007199254740992.0);
	text[sizeof(text) - 1] = '1';
	reads((struct slice){text, sizeof(text)}, 9007199254740994.0);
	memset(text, '0', sizeof(text));
	memcpy(text, "0.", 2);
	memcpy(text + sizeof(text) - 6, "5e1994", 6);
	reads((struct slice){text, sizeof(text)}, 50);
}

static void int_grammar(void)
{
	const char **bad =
		STRINGS("", " ", "1.5", "1.", "10.0", "1e3", "0x10", "_1", "1_", "1__0", "-", "+-1",
			"1 0", "abc", "true", "inf", "- 1", "5\x1c", "\xff", "\xc2\xb2");

	reads_int(TEXT("0"), 0);
	reads_int(TEXT("-0"), 0);
	reads_int(TEXT("007"), 7);
	reads_int(TEXT("1_000"), 1000);
	reads_int(TEXT(" +5\n"), 5);
	reads_int(TEXT("-1"), -1);
	reads_int(TEXT("\xc2\xa0\xd9\xa3\xe3\x80\x80"), 3);
	for (; *bad; bad++)
		refuses_int(slice_of(*bad));
	refuses_int(TEXT("5\0"));
}

static void beyond(struct slice text, int64_t nearest)
{
	int64_t value = -1;

	CU_ASSERT_EQUAL(python_int(text, &value), -ERANGE);
	CU_ASSERT_EQUAL(value, nearest);
}

static void int_beyond_64_bits_is_told(void)
{
	reads_int(TEXT("9223372036854775807"), INT64_MAX);
	beyond(TEXT("9223372036854775808"), INT64_MAX);
	beyond(TEXT("99999999999999999999999999"), INT64_MAX);
	reads_int(TEXT("-9223372036854775808"), INT64_MIN);
	beyond(TEXT("-9223372036854775809"), INT64_MIN);
	beyond(TEXT("-99999999999999999999999999"), INT64_MIN);
	refuses_int(TEXT("99999999999999999999999999x"));
}

static void int_has_at_most_4300_characters(void)
{
	static char text[2 * 4301];

	memset(text, '0', sizeof(text));
	reads_int((struct slice){text, 4300}, 0);
	refuses_int((struct slice){text, 4301});
	memset(text, ' ', sizeof(text));
	text[0] = '5';
	reads_int((struct slice){text, 4300}, 5);
	refuses_int((struct slice){text, 4301});
	for (size_t i = 0; i < sizeof(text); i += 2)
		memcpy(text + i, "\xd9\xa0", 2);
	reads_int((struct slice){text, sizeof(text) - 2}, 0);
	refuses_int((struct slice){text, sizeof(text)});
}

static void floats_print_as_repr(void)
{
	prints(0.0, "0.0");
	prints(-0.0, "-0.0");
	prints(1.5, "1.5");
	prints(2.0, "2.0");
	prints(60.0, "60.0");
	prints(0.001, "0.001");
	prints(0.0001, "0.0001");
	prints(0.00012345, "0.00012345");
	prints(0.00001, "1e-05");
	prints(0.0000125, "1.25e-05");
	prints(0.1 + 0.2, "0.30000000000000004");
	prints(59.99999999999999, "59.99999999999999");
	prints(1.0 / 3, "0.3333333333333333");
	prints(5e-324, "5e-324");
	prints(2.2250738585072014e-308, "2.2250738585072014e-308");
	prints(1.7976931348623157e308, "1.7976931348623157e+308");
	prints(999999999999999.9, "999999999999999.9");
	prints(1e15, "1000000000000000.0");
	prints(1e16, "1e+16");
	prints(1.25e-100, "1.25e-100");
	prints(9007199254740993.0, "9007199254740992.0");
	prints(INFINITY, "inf");
	prints(-INFINITY, "-inf");
	prints(-NAN, "nan");
}

static void the_nearest_short_decimal_is_not_always_the_one(void)
{
	/* 5.684341886080801e-14 is nearer, but reads back as the double below. */
	prints(0x1p-44, "5.684341886080802e-14");
}

static void what_is_printed_reads_back(void)
{
	char text[FLOAT_TEXT_SIZE];
	struct drand48_data random;

	srand48_r(1, &random);
	for (int i = 0; i < 20000; i++) {
		double value;
		double back;

		drand48_r(&random, &value);
		value = ldexp(value, i % 2000 - 1000);
		CU_ASSERT_EQUAL_FATAL(
			python_float((struct slice){text, float_text(value, text)}, &back), 0);
		CU_ASSERT_EQUAL_FATAL(value, back);
	}
}

static void prints_u128(u128 value, const char *expected)
{
	char text[U128_TEXT_SIZE];
	struct slice printed = {text, u128_text(value, text)};

	CU_ASSERT_TRUE(slice_is(printed, expected));
}

static void sums_of_128_bits_print_exactly(void)
{
	prints_u128(0, "0");
	prints_u128(333328333350000, "333328333350000");
	prints_u128((u128)UINT64_MAX - 5, "18446744073709551610");
	prints_u128(UINT64_MAX, "18446744073709551615");
	prints_u128((u128)UINT64_MAX + 1, "18446744073709551616");
	prints_u128((u128)10000000000000000000u * 10, "100000000000000000000");
	prints_u128(~(u128)0, "340282366920938463463374607431768211455");
}

static const struct test tests[] = {
	{"float grammar", float_grammar},
	{"float: underscores stand between digits", float_underscores_stand_between_digits},
	{"float: inf and nan", float_special_values},
	{"float: white space is stripped", float_white_space_is_stripped},
	{"float: digits of every script", float_digits_of_every_script},
	{"invalid UTF-8 is no number", invalid_utf8_is_no_number},
	{"float is correctly rounded, however long", float_is_correctly_rounded},
	{"int grammar", int_grammar},
	{"int beyond 64 bits is told", int_beyond_64_bits_is_told},
	{"int has at most 4300 characters", int_has_at_most_4300_characters},
	{"floats print as repr", floats_print_as_repr},
	{"the nearest short decimal is not always the one",
	 the_nearest_short_decimal_is_not_always_the_one},
	{"what is printed reads back", what_is_printed_reads_back},
	{"sums of 128 bits print exactly", sums_of_128_bits_print_exactly},
};

const struct suite number_suite = {"number", tests, COUNT(tests)};

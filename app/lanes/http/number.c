/*
 * Reading goes in two steps, as in CPython: the text becomes plain ASCII, character by character
 * (number_character: every script's digits become 0 to 9, every white space a blank), and that is
 * matched against the grammar. Digits are collected instead of handed to strtod as they came,
 * because they may be separated by "_", foreign, and as many as the query is long; nothing is
 * allocated.
 */
#include "http/number.h"

#include <errno.h>
#include <fenv.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum {
	/* No value half-way between two doubles has more than 767 significant digits, so those
	 * beyond decide only whether the number is above such a value. */
	SIGNIFICANT = 768,
	EXACT_DIGITS = 15, /* DBL_DIG: so many digits survive a trip through a double */
	EXACT_POWER = 22,  /* 10^22 is the last power of ten that a double holds exactly */
	INT_TEXT_MAX = 4300,
	OTHER = '?', /* what stands for a character that no number contains */
};

static const double powers[EXACT_POWER + 1] = {1e0,  1e1,  1e2,	 1e3,  1e4,  1e5,  1e6,	 1e7,
					       1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
					       1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* The zero of every run of ten decimal digits (category Nd) in Unicode 14, Python 3.11's. */
static const uint32_t zeros[] = {
	0x660,	 0x6f0,	  0x7c0,   0x966,   0x9e6,   0xa66,   0xae6,   0xb66,	0xbe6,	 0xc66,
	0xce6,	 0xd66,	  0xde6,   0xe50,   0xed0,   0xf20,   0x1040,  0x1090,	0x17e0,	 0x1810,
	0x1946,	 0x19d0,  0x1a80,  0x1a90,  0x1b50,  0x1bb0,  0x1c40,  0x1c50,	0xa620,	 0xa8d0,
	0xa900,	 0xa9d0,  0xa9f0,  0xaa50,  0xabf0,  0xff10,  0x104a0, 0x10d30, 0x11066, 0x110f0,
	0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950,
	0x11c50, 0x11d50, 0x11da0, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec,
	0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0,
};

static bool is_space(uint32_t c)
{
	return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
	       c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* The plain character that the code point (not ASCII) stands for. */
static char plain(uint32_t c)
{
	if (is_space(c))
		return ' ';
	for (size_t i = 0; i < sizeof(zeros) / sizeof(zeros[0]) && c >= zeros[i]; i++)
		if (c - zeros[i] < 10)
			return (char)('0' + (c - zeros[i]));
	return OTHER;
}

/* Takes one code point of two to four bytes; returns its plain character. Bytes that are no UTF-8
 * are taken singly (Python sees U+FFFD). */
static char next_wide(struct slice *text)
{
	static const uint32_t smallest[] = {0x80, 0x800, 0x10000};
	unsigned char first = (unsigned char)*text->data;
	size_t len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	uint32_t c = first & (0x7fu >> len);
	size_t used = 1;

	while (used < len && used < text->len && (text->data[used] & 0xc0) == 0x80)
		c = c << 6 | (text->data[used++] & 0x3f);
	/* What is cut short is too small, too. */
	if (first < 0xc0 || first > 0xf4 || c < smallest[len - 2])
		c = 0xfffd;
	text->data += used;
	text->len -= used;
	return plain(c);
}

char number_character(struct slice *text)
{
	char c;

	if (text->len == 0)
		return '\0';
	if (*text->data & 0x80)
		return next_wide(text);
	c = *text->data++;
	text->len--;
	/* Not 0x1c to 0x1f, though str.strip() takes those. */
	if (c >= '\t' && c <= '\r')
		return ' ';
	return c ? c : OTHER;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A place in the text: the plain character there, and what comes after it. */
struct numeral {
	char c;
	struct slice rest;
};

static void step(struct numeral *at)
{
	at->c = number_character(&at->rest);
}

static struct numeral start(struct slice text)
{
	struct numeral at = {.rest = text};

	do
		step(&at);
	while (at.c == ' ');
	return at;
}

static bool at_end(struct numeral at)
{
	while (at.c == ' ')
		step(&at);
	return at.c == '\0';
}

static bool take_minus(struct numeral *at)
{
	bool minus = at->c == '-';

	if (minus || at->c == '+')
		step(at);
	return minus;
}

/* Steps from a digit to the next one, over a "_" between the two; false if none follows. */
static bool next_digit(struct numeral *at)
{
	struct numeral after;

	step(at);
	if (at->c == '_') {
		after = *at;
		step(&after);
		if (is_digit(after.c))
			*at = after;
	}
	return is_digit(at->c);
}

/* A decimal number without its sign: digits (no leading zero) times ten to the exponent. */
struct decimal {
	long long exponent;
	uint64_t small; /* the value of digits, while they are at most EXACT_DIGITS */
	size_t count;
	bool more; /* digits were dropped and not all of them are 0 */
	char digits[SIGNIFICANT + 1];
};

static void take_digits(struct numeral *at, struct decimal *number, bool fraction)
{
	do {
		if (number->count < SIGNIFICANT) {
			if (number->count || at->c != '0')
				number->digits[number->count++] = at->c;
			if (number->count <= EXACT_DIGITS)
				number->small = number->small * 10 + (uint64_t)(at->c - '0');
			number->exponent -= fraction;
		} else {
			number->more |= at->c != '0';
			number->exponent += !fraction;
		}
	} while (next_digit(at));
}

/* "e", sign, digits. False if the digits are missing. */
static bool take_exponent(struct numeral *at, struct decimal *number)
{
	const long long far = 1000000000000000;
	long long exponent = 0;
	bool minus;

	step(at);
	minus = take_minus(at);
	if (!is_digit(at->c))
		return false;
	do
		if (exponent < far)
			exponent = exponent * 10 + (at->c - '0');
	while (next_digit(at));
	number->exponent += minus ? -exponent : exponent;
	return true;
}

static bool take_number(struct numeral *at, struct decimal *number)
{
	bool any = is_digit(at->c);

	if (any)
		take_digits(at, number, false);
	if (at->c == '.') {
		step(at);
		if (is_digit(at->c))
			take_digits(at, number, true);
		else if (!any)
			return false;
		any = true;
	}
	if (any && (at->c == 'e' || at->c == 'E'))
		return take_exponent(at, number);
	return any;
}

static double decimal_value(struct decimal *number)
{
	char text[SIGNIFICANT + 1 + sizeof("e-9223372036854775808")];

	/* Both operands are exact, so the one rounding is the right one. */
	if (number->count <= EXACT_DIGITS && llabs(number->exponent) <= EXACT_POWER) {
		double small = (double)number->small;

		return number->exponent < 0 ? small / powers[-number->exponent]
					    : small * powers[number->exponent];
	}
	if (number->count == 0)
		return 0.0;
	if (number->more) {
		number->digits[number->count++] = '1';
		number->exponent--;
	}
	snprintf(text, sizeof(text), "%.*se%lld", (int)number->count, number->digits,
		 number->exponent);
	return strtod(text, NULL);
}

/* "inf", "infinity" or "nan" in any case, and nothing after it. */
static bool special_value(struct numeral at, double *value)
{
	char word[sizeof("infinity")] = {0};

	for (size_t i = 0; i + 1 < sizeof(word) && at.c && at.c != ' '; i++) {
		word[i] = at.c;
		step(&at);
	}
	if (strcasecmp(word, "nan") == 0)
		*value = NAN;
	else if (strcasecmp(word, "inf") == 0 || strcasecmp(word, "infinity") == 0)
		*value = INFINITY;
	else
		return false;
	return at_end(at);
}

/* What nearly all are: some digits, perhaps a point. Both operands are exact, so the one rounding
 * is the right one. */
static bool read_quickly(struct slice text, double *value)
{
	uint64_t small = 0;
	size_t point = text.len;

	if (text.len == 0 || text.len > EXACT_DIGITS)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (is_digit(text.data[i]))
			small = small * 10 + (uint64_t)(text.data[i] - '0');
		else if (text.data[i] == '.' && point == text.len && text.len > 1)
			point = i;
		else
			return false;
	}
	*value = point == text.len ? (double)small : (double)small / powers[text.len - 1 - point];
	return true;
}

int python_float(struct slice text, double *value)
{
	struct numeral at;
	struct decimal number;
	bool minus;
	double v;

	if (read_quickly(text, value))
		return 0;
	at = start(text);
	minus = take_minus(&at);
	number.exponent = 0;
	number.small = 0;
	number.count = 0;
	number.more = false;
	if (is_digit(at.c) || at.c == '.') {
		if (!take_number(&at, &number) || !at_end(at))
			return -EINVAL;
		v = decimal_value(&number);
	} else if (!special_value(at, &v)) {
		return -EINVAL;
	}
	*value = minus ? -v : v;
	return 0;
}

static size_t character_count(struct slice text)
{
	size_t count = 0;

	while (number_character(&text))
		count++;
	return count;
}

int python_int(struct slice text, int64_t *value)
{
	struct numeral at = start(text);
	bool minus = take_minus(&at);
	bool beyond = false;
	int64_t v = 0;

	if (!is_digit(at.c) || (text.len > INT_TEXT_MAX && character_count(text) > INT_TEXT_MAX))
		return -EINVAL;
	do {
		int digit = at.c - '0';

		beyond = beyond || __builtin_mul_overflow(v, 10, &v) ||
			 __builtin_sub_overflow(v, minus ? digit : -digit, &v);
	} while (next_digit(&at));
	if (!at_end(at))
		return -EINVAL;
	*value = !beyond ? v : minus ? INT64_MIN : INT64_MAX;
	return beyond ? -ERANGE : 0;
}

/* What reads back as itself: up to 17 digits without trailing zeros, as 0.ddd times ten to the
 * point. */
struct shortest {
	int point;
	size_t count;
	char digits[EXACT_DIGITS + 2];
};

static void drop_zeros(struct shortest *s)
{
	while (s->count > 1 && s->digits[s->count - 1] == '0')
		s->count--;
}

/* The usual values: so few decimals that v times a power of ten is a whole number below 10^15. No
 * two such decimals are the same double, so the one that reads back is the one to print. */
static bool find_quickly(double v, struct shortest *s)
{
	char digits[U128_TEXT_SIZE];

	for (int decimals = 0; decimals <= EXACT_DIGITS && v * powers[decimals] < 1e15;
	     decimals++) {
		uint64_t whole = (uint64_t)(v * powers[decimals] + 0.5);

		if ((double)whole / powers[decimals] != v)
			continue;
		s->count = u128_text(whole, digits);
		memcpy(s->digits, digits, s->count);
		s->point = (int)s->count - decimals;
		drop_zeros(s);
		return true;
	}
	return false;
}

/* Tries so many digits, rounded as the mode says. */
static bool find_with(double v, int count, int rounding, struct shortest *s)
{
	char text[FLOAT_TEXT_SIZE];
	int mode = fegetround();

	fesetround(rounding);
	snprintf(text, sizeof(text), "%.*e", count - 1, v);
	fesetround(mode);
	if (strtod(text, NULL) != v)
		return false;
	s->digits[0] = text[0];
	memcpy(s->digits + 1, text + 2, (size_t)count - 1);
	s->count = (size_t)count;
	s->point = atoi(strchr(text, 'e') + 1) + 1;
	drop_zeros(s);
	return true;
}

static void find_slowly(double v, struct shortest *s)
{
	/* Fifteen digits hold every shorter number too, except where doubles have fewer bits. */
	int count = v < DBL_MIN ? 1 : EXACT_DIGITS;

	/* A power of two has its upper neighbour twice as far away as the lower one: the nearest
	 * decimal, below it, may fail where the next one above does not (2^-44). */
	while (!find_with(v, count, FE_TONEAREST, s) && !find_with(v, count, FE_UPWARD, s))
		count++;
}

static size_t put(char *out, size_t at, const char *bytes, size_t n)
{
	memcpy(out + at, bytes, n);
	return at + n;
}

static size_t put_zeros(char *out, size_t at, int n)
{
	for (; n > 0; n--)
		out[at++] = '0';
	return at;
}

/* The layout of repr: an exponent below 0.0001 and from 1e+16 on. */
static size_t put_shortest(const struct shortest *s, char *out, size_t at)
{
	int count = (int)s->count;
	int before = s->point < count ? s->point : count;

	if (s->point <= -4 || s->point > 16) {
		out[at++] = s->digits[0];
		if (count > 1) {
			out[at++] = '.';
			at = put(out, at, s->digits + 1, s->count - 1);
		}
		return at + (size_t)sprintf(out + at, "e%+03d", s->point - 1);
	}
	if (before <= 0) {
		at = put(out, at, "0.", 2);
		at = put_zeros(out, at, -s->point);
		return put(out, at, s->digits, s->count);
	}
	at = put(out, at, s->digits, (size_t)before);
	at = put_zeros(out, at, s->point - count);
	out[at++] = '.';
	if (before == count)
		return put_zeros(out, at, 1);
	return put(out, at, s->digits + before, (size_t)(count - before));
}

size_t float_text(double value, char out[FLOAT_TEXT_SIZE])
{
	char digits[U128_TEXT_SIZE];
	double v = fabs(value);
	struct shortest s;
	size_t at = 0;

	if (isnan(value))
		return put(out, at, "nan", 3);
	if (signbit(value))
		out[at++] = '-';
	if (isinf(value))
		return put(out, at, "inf", 3);
	if (v < 1e15 && v == (double)(uint64_t)v) {
		uint64_t whole = (uint64_t)v;
		size_t first = sizeof(digits);

		do
			digits[--first] = (char)('0' + whole % 10);
		while (whole /= 10);
		at = put(out, at, digits + first, sizeof(digits) - first);
		return put(out, at, ".0", 2);
	}
	if (!find_quickly(v, &s))
		find_slowly(v, &s);
	return put_shortest(&s, out, at);
}

size_t u128_text(u128 value, char out[U128_TEXT_SIZE])
{
	char digits[U128_TEXT_SIZE];
	size_t first = sizeof(digits);

	/* Dividing 64 bits is one instruction, dividing 128 a function. */
	for (; value >> 64; value /= 10)
		digits[--first] = (char)('0' + (int)(value % 10));
	for (uint64_t low = (uint64_t)value; low || first == sizeof(digits); low /= 10)
		digits[--first] = (char)('0' + low % 10);
	return put(out, 0, digits + first, sizeof(digits) - first);
}

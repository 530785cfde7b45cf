/* Days are counted in years that begin in March, so that a leap day is the last of its year (Howard
 * Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
#include "http/datetime.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "http/number.h"

enum {
	DAY = 86400,
	DAYS_OF_400_YEARS = 146097,
	DAYS_BEFORE_1970 = 719468, /* from 0000-03-01 */
	DAY_MINUTES = 1440,
};

static const int64_t SECOND = 1000000;	   /* microseconds */
static const int64_t FIRST = -62135596800; /* 0001-01-01T00:00:00 */
static const int64_t LAST = 253402300799;  /* 9999-12-31T23:59:59 */
static const double WATERSHED = 2e10;	   /* pydantic: more are milliseconds */
static const double FAR = 3e20;		   /* … and more than that is the end of time */

static int64_t days_since_1970(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year; /* from 0 on */
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 + of_year - DAYS_BEFORE_1970;
}

static int days_of_month(int year, int month)
{
	if (month == 2)
		return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* ---- reading: the expressions of datetime_parse.py, from left to right ---- */

/* A digit of any script, or -1, and then it is not taken. */
static int take_digit(struct slice *text)
{
	struct slice rest = *text;
	char c = number_character(&rest);

	if (c < '0' || c > '9')
		return -1;
	*text = rest;
	return c - '0';
}

/* Takes least to most digits. False if there are fewer. */
static bool take_digits(struct slice *text, int least, int most, int *number)
{
	int count = 0;

	*number = 0;
	for (int digit; count < most && (digit = take_digit(text)) >= 0; count++)
		*number = *number * 10 + digit;
	return count >= least;
}

static bool take(struct slice *text, char c)
{
	if (!text->len || *text->data != c)
		return false;
	text->data++;
	text->len--;
	return true;
}

static bool take_date(struct slice *text, int64_t *days)
{
	int year;
	int month;
	int day;

	if (!take_digits(text, 4, 4, &year) || !take(text, '-') ||
	    !take_digits(text, 1, 2, &month) || !take(text, '-') || !take_digits(text, 1, 2, &day))
		return false;
	*days = days_since_1970(year, month, day);
	return year > 0 && month >= 1 && month <= 12 && day >= 1 &&
	       day <= days_of_month(year, month);
}

/* One to six digits after the point, and up to six more, which say nothing. */
static bool take_fraction(struct slice *text, int64_t *microseconds)
{
	int count = 0;
	int digit;

	*microseconds = 0;
	for (; count < 6 && (digit = take_digit(text)) >= 0; count++)
		*microseconds = *microseconds * 10 + digit;
	if (!count)
		return false;
	for (int i = 0; i < 6 && take_digit(text) >= 0; i++)
		;
	for (; count < 6; count++)
		*microseconds *= 10;
	return true;
}

static bool take_time(struct slice *text, int64_t *microseconds)
{
	int64_t fraction = 0;
	int hour;
	int minute;
	int second = 0;

	if (!take_digits(text, 1, 2, &hour) || !take(text, ':') ||
	    !take_digits(text, 1, 2, &minute))
		return false;
	if (take(text, ':') && (!take_digits(text, 1, 2, &second) ||
				(take(text, '.') && !take_fraction(text, &fraction))))
		return false;
	*microseconds = ((hour * 60 + minute) * 60 + second) * SECOND + fraction;
	return hour < 24 && minute < 60 && second < 60;
}

static bool take_zone(struct slice *text, struct datetime *value)
{
	bool minus = text->len && *text->data == '-';
	int hours;
	int minutes = 0;

	if (take(text, 'Z')) {
		value->zoned = true;
		return true;
	}
	if (!take(text, '-') && !take(text, '+'))
		return true;
	if (!take_digits(text, 2, 2, &hours))
		return false;
	/* Without minutes there is nothing more. */
	if ((take(text, ':') || (text->len && *text->data != '\n')) &&
	    !take_digits(text, 2, 2, &minutes))
		return false;
	value->zoned = true;
	value->offset = (int16_t)((hours * 60 + minutes) * (minus ? -1 : 1));
	return hours * 60 + minutes < DAY_MINUTES;
}

int datetime_read(struct slice text, struct datetime *value)
{
	struct datetime read = {.zoned = false};
	int64_t days;
	int64_t time;
	double number;

	if (python_float(text, &number) == 0)
		return datetime_of_number(number, value);
	if (!take_date(&text, &days) || (!take(&text, 'T') && !take(&text, ' ')) ||
	    !take_time(&text, &time) || !take_zone(&text, &read))
		return -EINVAL;
	/* Python's regular expressions let `$` match before a final newline. */
	take(&text, '\n');
	if (text.len)
		return -EINVAL;
	read.microseconds = days * DAY * SECOND + time - (int64_t)read.offset * 60 * SECOND;
	*value = read;
	return 0;
}

int datetime_of_number(double number, struct datetime *value)
{
	double whole;
	double fraction;

	if (isnan(number))
		return -EDOM;
	if (fabs(number) > FAR) {
		*value = (struct datetime){.microseconds = number > 0 ? LAST * SECOND + SECOND - 1
								      : FIRST * SECOND};
		return 0;
	}
	while (fabs(number) > WATERSHED)
		number /= 1000;
	fraction = modf(number, &whole);
	*value = (struct datetime){
		.microseconds = (int64_t)whole * SECOND + (int64_t)rint(fraction * 1e6),
		.zoned = true,
	};
	return 0;
}

size_t datetime_text(const struct datetime *value, char out[DATETIME_TEXT_SIZE])
{
	int64_t wall = value->microseconds + (int64_t)value->offset * 60 * SECOND;
	int64_t fraction = (wall % SECOND + SECOND) % SECOND;
	int64_t seconds = (wall - fraction) / SECOND;
	int64_t second = (seconds % DAY + DAY) % DAY;
	int64_t day = (seconds - second) / DAY + DAYS_BEFORE_1970;
	int64_t era = day / DAYS_OF_400_YEARS;
	int64_t of_era = day % DAYS_OF_400_YEARS;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153; /* 0: March */
	int offset = value->offset < 0 ? -value->offset : value->offset;
	int len;

	day = of_year - (153 * month + 2) / 5 + 1;
	month += month < 10 ? 3 : -9;
	year += era * 400 + (month <= 2);
	len = snprintf(out, DATETIME_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d", (int)year % 10000,
		       (int)month, (int)day, (int)(second / 3600), (int)(second / 60 % 60),
		       (int)(second % 60));
	if (fraction)
		len += snprintf(out + len, DATETIME_TEXT_SIZE - (size_t)len, ".%06d",
				(int)fraction);
	if (value->zoned)
		len += snprintf(out + len, DATETIME_TEXT_SIZE - (size_t)len, "%c%02d:%02d",
				value->offset < 0 ? '-' : '+', offset / 60, offset % 60);
	return (size_t)len;
}

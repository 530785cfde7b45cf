#include "http/uuid.h"

#include <errno.h>
#include <stdbool.h>

#include "http/percent.h"

enum { DIGITS = 32, TEXT_MAX = 256 };

/* text.replace(what, ""), in place. */
static struct slice without(char *text, size_t len, const char *what)
{
	size_t n = strlen(what);
	size_t out = 0;

	for (size_t i = 0; i < len;) {
		if (len - i >= n && !memcmp(text + i, what, n))
			i += n;
		else
			text[out++] = text[i++];
	}
	return (struct slice){text, out};
}

static bool is_brace(char c)
{
	return c == '{' || c == '}';
}

int uuid_read(struct slice text, struct uuid *value)
{
	char digits[TEXT_MAX];
	struct slice rest;

	if (text.len > TEXT_MAX)
		return -EINVAL;
	memcpy(digits, text.data, text.len);
	rest = without(digits, text.len, "urn:");
	rest = without(digits, rest.len, "uuid:");
	for (; rest.len && is_brace(*rest.data); rest.len--)
		rest.data++;
	while (rest.len && is_brace(rest.data[rest.len - 1]))
		rest.len--;
	rest = without(memmove(digits, rest.data, rest.len), rest.len, "-");
	if (rest.len != DIGITS)
		return -EINVAL;
	for (size_t i = 0; i < DIGITS; i += 2) {
		int high = hex_digit(rest.data[i]);
		int low = hex_digit(rest.data[i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		value->bytes[i / 2] = (uint8_t)(high * 16 + low);
	}
	return 0;
}

void uuid_text(const struct uuid *value, char out[UUID_TEXT_LEN])
{
	static const char hex[] = "0123456789abcdef";
	size_t at = 0;

	for (size_t i = 0; i < sizeof(value->bytes); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[at++] = '-';
		out[at++] = hex[value->bytes[i] >> 4];
		out[at++] = hex[value->bytes[i] & 15];
	}
}

#include "http/uuid.h"

#include <errno.h>
#include <stdbool.h>

#include "base/utf8.h"
#include "http/number.h"
#include "http/percent.h"

enum {
	DIGITS = 32,
	TEXT_MAX = 256, /* bytes */
};

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

/* int(text, 16), of a text that is short enough: blanks around it, a sign, "0x", and "_" between
 * digits, which are of every script. */
static bool read_hex(struct slice text, u128 *value)
{
	char before = '_';
	bool minus;
	char c;

	*value = 0;
	do
		c = number_character(&text);
	while (c == ' ');
	minus = c == '-';
	if (c == '-' || c == '+')
		c = number_character(&text);
	if (c == '0' && text.len && (*text.data == 'x' || *text.data == 'X')) {
		number_character(&text);
		c = number_character(&text);
		if (c == '_')
			c = number_character(&text);
	}
	for (; hex_digit(c) >= 0 || (c == '_' && before != '_'); c = number_character(&text)) {
		if (c != '_')
			*value = *value << 4 | (unsigned)hex_digit(c);
		before = c;
	}
	while (c == ' ')
		c = number_character(&text);
	return c == '\0' && before != '_' && !(minus && *value);
}

int uuid_read(struct slice text, struct uuid *value)
{
	char digits[TEXT_MAX];
	struct slice rest;
	u128 number;

	if (text.len > TEXT_MAX)
		return -EINVAL;
	memcpy(digits, text.data, text.len);
	rest = without(digits, text.len, "urn:");
	rest = without(digits, rest.len, "uuid:");
	for (; rest.len && is_brace(*rest.data); rest.len--)
		rest.data++;
	while (rest.len && is_brace(rest.data[rest.len - 1]))
		rest.len--;
	rest = without(digits + (rest.data - digits), rest.len, "-");
	if (utf8_length(rest) != DIGITS || !read_hex(rest, &number))
		return -EINVAL;
	for (size_t i = sizeof(value->bytes); i--; number >>= 8)
		value->bytes[i] = (uint8_t)number;
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

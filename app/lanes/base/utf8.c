#include "base/utf8.h"

/* What the second byte may be after that first one, where not all of 0x80 to 0xbf: neither what
 * fits fewer bytes, nor surrogates, nor what is beyond U+10FFFF. */
static bool may_follow(unsigned char first, unsigned char second)
{
	switch (first) {
	case 0xe0:
		return second >= 0xa0 && second <= 0xbf;
	case 0xed:
		return second >= 0x80 && second <= 0x9f;
	case 0xf0:
		return second >= 0x90 && second <= 0xbf;
	case 0xf4:
		return second >= 0x80 && second <= 0x8f;
	default:
		return second >= 0x80 && second <= 0xbf;
	}
}

bool utf8_next(struct slice *text, uint32_t *c)
{
	const unsigned char *bytes = (const unsigned char *)text->data;
	unsigned char first = bytes[0];
	size_t len = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	size_t used = 1;
	bool valid = first < 0x80 || (first >= 0xc2 && first <= 0xf4);

	*c = len == 1 ? first : first & (0x7fu >> len);
	while (valid && used < len) {
		valid = used < text->len &&
			(used == 1 ? may_follow(first, bytes[1]) : (bytes[used] & 0xc0) == 0x80);
		if (valid)
			*c = *c << 6 | (bytes[used++] & 0x3fu);
	}
	if (!valid)
		*c = UTF8_REPLACEMENT;
	text->data += used;
	text->len -= used;
	return valid;
}

char *utf8_put(char *at, uint32_t c)
{
	if (c < 0x80) {
		*at++ = (char)c;
		return at;
	}
	if (c < 0x800) {
		*at++ = (char)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*at++ = (char)(0xe0 | c >> 12);
		} else {
			*at++ = (char)(0xf0 | c >> 18);
			*at++ = (char)(0x80 | (c >> 12 & 0x3f));
		}
		*at++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*at++ = (char)(0x80 | (c & 0x3f));
	return at;
}

bool utf8_is_valid(struct slice text)
{
	uint32_t c;

	while (text.len) {
		if (!(*text.data & 0x80)) {
			text.data++;
			text.len--;
		} else if (!utf8_next(&text, &c)) {
			return false;
		}
	}
	return true;
}

bool utf8_is_ascii(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] & 0x80)
			return false;
	return true;
}

bool utf8_is_nearly_valid(struct slice text)
{
	uint32_t c;

	while (text.len) {
		const unsigned char *bytes = (const unsigned char *)text.data;

		if (text.len >= 3 && bytes[0] == 0xed && (bytes[1] & 0xe0) == 0xa0 &&
		    (bytes[2] & 0xc0) == 0x80) {
			text.data += 3;
			text.len -= 3;
		} else if (!utf8_next(&text, &c)) {
			return false;
		}
	}
	return true;
}

size_t utf8_length(struct slice text)
{
	size_t length = 0;

	for (size_t i = 0; i < text.len; i++)
		length += (text.data[i] & 0xc0) != 0x80;
	return length;
}

struct slice utf8_of_latin1(struct slice text, char *out)
{
	char *at = out;

	for (size_t i = 0; i < text.len; i++)
		at = utf8_put(at, (unsigned char)text.data[i]);
	return (struct slice){out, (size_t)(at - out)};
}

struct slice utf8_replace(struct slice text, char *out)
{
	char *at = out;

	for (uint32_t c; text.len;) {
		utf8_next(&text, &c);
		at = utf8_put(at, c);
	}
	return (struct slice){out, (size_t)(at - out)};
}

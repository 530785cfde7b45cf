#include "http/input_encoding.h"

#include <errno.h>

#include "base/utf8.h"

struct encoding {
	size_t mark;  /* bytes of the byte order mark */
	size_t width; /* bytes of a unit */
	bool little;  /* endian */
};

static bool begins(struct slice text, const char *bytes, size_t len)
{
	return text.len >= len && !memcmp(text.data, bytes, len);
}

/* An ASCII character is first, so where the zeros are says it. */
static struct encoding detect(struct slice text)
{
	const char *b = text.data;

	if (begins(text, "\0\0\xfe\xff", 4) || begins(text, "\xff\xfe\0\0", 4))
		return (struct encoding){4, 4, *b != 0};
	if (begins(text, "\xfe\xff", 2) || begins(text, "\xff\xfe", 2))
		return (struct encoding){2, 2, (unsigned char)*b == 0xff};
	if (begins(text, "\xef\xbb\xbf", 3))
		return (struct encoding){3, 1, false};
	if (text.len >= 4 && !b[0])
		return (struct encoding){0, b[1] ? 2 : 4, false};
	if (text.len >= 4 && !b[1])
		return (struct encoding){0, b[2] || b[3] ? 2 : 4, true};
	if (text.len == 2 && (!b[0] || !b[1]))
		return (struct encoding){0, 2, b[0] != 0};
	return (struct encoding){0, 1, false};
}

static uint32_t take_unit(struct slice *text, struct encoding encoding)
{
	uint32_t unit = 0;

	for (size_t i = 0; i < encoding.width; i++) {
		size_t at = encoding.little ? encoding.width - 1 - i : i;

		unit = unit << 8 | (unsigned char)text->data[at];
	}
	text->data += encoding.width;
	text->len -= encoding.width;
	return unit;
}

static uint32_t take_character(struct slice *text, struct encoding encoding)
{
	uint32_t c = take_unit(text, encoding);
	struct slice rest = *text;
	uint32_t low;

	if (encoding.width == 4 || (c & 0xfc00) != 0xd800 || rest.len < 2)
		return c;
	low = take_unit(&rest, encoding);
	if ((low & 0xfc00) != 0xdc00)
		return c;
	*text = rest;
	return 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff));
}

int json_decode(struct json_memory memory, struct slice *text)
{
	struct encoding encoding = detect(*text);
	struct slice rest = {text->data + encoding.mark, text->len - encoding.mark};
	char *out;
	char *at;

	if (encoding.width == 1) {
		*text = rest;
		return utf8_is_nearly_valid(rest) ? 0 : -EBADMSG;
	}
	if (rest.len % encoding.width)
		return -EBADMSG;
	/* Two bytes become at most three, four at most four. */
	at = out = memory.alloc(memory.of, rest.len / 2 * 3);
	if (!out)
		return -ENOMEM;
	while (rest.len) {
		uint32_t c = take_character(&rest, encoding);

		if (c > 0x10ffff)
			return -EBADMSG;
		at = utf8_put(at, c);
	}
	*text = (struct slice){out, (size_t)(at - out)};
	return 0;
}

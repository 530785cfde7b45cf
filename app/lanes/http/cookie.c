#include "http/cookie.h"

/* str.isspace() */
static bool is_space(char byte)
{
	unsigned char c = (unsigned char)byte;

	return (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= ' ') || c == 0x85 || c == 0xa0;
}

static struct slice strip(struct slice text)
{
	for (; text.len && is_space(*text.data); text.len--)
		text.data++;
	while (text.len && is_space(text.data[text.len - 1]))
		text.len--;
	return text;
}

bool cookie_next(struct slice *header, struct slice *name, struct slice *value)
{
	while (header->len) {
		const char *end = memchr(header->data, ';', header->len);
		size_t len = end ? (size_t)(end - header->data) : header->len;
		const char *equal = memchr(header->data, '=', len);
		size_t name_len = equal ? (size_t)(equal - header->data) : 0;
		size_t before = name_len + (equal != NULL);

		*name = strip((struct slice){header->data, name_len});
		*value = strip((struct slice){header->data + before, len - before});
		len += end != NULL;
		header->data += len;
		header->len -= len;
		if (name->len || value->len)
			return true;
	}
	return false;
}

static bool is_octal(struct slice text)
{
	return text.len >= 3 && text.data[0] >= '0' && text.data[0] <= '3' && text.data[1] >= '0' &&
	       text.data[1] <= '7' && text.data[2] >= '0' && text.data[2] <= '7';
}

struct slice cookie_unquote(struct slice text, char *out)
{
	char *at = out;

	if (text.len < 2 || text.data[0] != '"' || text.data[text.len - 1] != '"')
		return text;
	text = (struct slice){text.data + 1, text.len - 2};
	while (text.len) {
		struct slice rest = {text.data + 1, text.len - 1};
		size_t used = 1;

		if (*text.data != '\\' || !rest.len || *rest.data == '\n') {
			*at++ = *text.data;
		} else if (is_octal(rest)) {
			*at++ = (char)((rest.data[0] - '0') * 64 + (rest.data[1] - '0') * 8 +
				       (rest.data[2] - '0'));
			used = 4;
		} else {
			*at++ = *rest.data;
			used = 2;
		}
		text.data += used;
		text.len -= used;
	}
	return (struct slice){out, (size_t)(at - out)};
}

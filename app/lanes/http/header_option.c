#include "http/header_option.h"

#include <strings.h>

struct slice header_main(struct slice header)
{
	const char *end = header.len ? memchr(header.data, ';', header.len) : NULL;

	return (struct slice){header.data, end ? (size_t)(end - header.data) : header.len};
}

static bool is_special(char c)
{
	return memchr("()<>@,;:\\\"/[]?={} \t", c, 19) != NULL;
}

/* \s of a regular expression of bytes */
static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_space(struct slice *text)
{
	for (; text->len && is_space(*text->data); text->len--)
		text->data++;
}

static struct slice take_token(struct slice *text)
{
	struct slice token = {text->data, 0};

	while (token.len < text->len && !is_special(text->data[token.len]))
		token.len++;
	text->data += token.len;
	text->len -= token.len;
	return token;
}

/* The length of a quoted string, with its quotes; 0 if it has no end. */
static size_t quoted_len(struct slice text)
{
	size_t last = 0; /* a quote that is escaped, if there is no other */

	for (size_t i = 1; i < text.len; i++) {
		if (text.data[i] == '"')
			return i + 1;
		if (text.data[i] == '\\' && i + 1 < text.len && text.data[i + 1] != '\n') {
			i++;
			if (text.data[i] == '"')
				last = i + 1;
		}
	}
	return last;
}

/* Takes "name=value", with space around all of it. */
static bool take_option(struct slice *text, struct slice *name, struct slice *value)
{
	struct slice rest = *text;

	skip_space(&rest);
	*name = take_token(&rest);
	skip_space(&rest);
	if (!name->len || !rest.len || *rest.data != '=')
		return false;
	rest.data++;
	rest.len--;
	skip_space(&rest);
	if (rest.len && *rest.data == '"') {
		*value = (struct slice){rest.data, quoted_len(rest)};
		rest.data += value->len;
		rest.len -= value->len;
	} else {
		*value = take_token(&rest);
	}
	*text = rest;
	return value->len != 0;
}

bool header_option(struct slice header, const char *name, struct slice *value)
{
	size_t before = header_main(header).len;
	struct slice rest = {header.data + before, header.len - before};
	bool found = false;

	while (rest.len) {
		struct slice after = {rest.data + 1, rest.len - 1};
		struct slice key;
		struct slice text;
		const char *next;

		if (take_option(&after, &key, &text)) {
			if (key.len == strlen(name) && !strncasecmp(key.data, name, key.len)) {
				*value = text;
				found = true;
			}
			rest = after;
		} else {
			rest.data++;
			rest.len--;
		}
		next = rest.len ? memchr(rest.data, ';', rest.len) : NULL;
		rest.len -= next ? (size_t)(next - rest.data) : rest.len;
		rest.data = next;
	}
	return found;
}

/* text.replace(), in place, of two bytes by the second of them. */
static size_t without_backslash(char *text, size_t len, char second)
{
	size_t out = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\\' && i + 1 < len && text[i + 1] == second)
			i++;
		text[out++] = text[i];
	}
	return out;
}

struct slice header_unquote(struct slice value, char *out)
{
	size_t len = value.len;

	if (len < 2 || value.data[0] != '"' || value.data[len - 1] != '"')
		return value;
	len -= 2;
	if (!memchr(value.data + 1, '\\', len))
		return (struct slice){value.data + 1, len};
	memcpy(out, value.data + 1, len);
	len = without_backslash(out, len, '\\');
	return (struct slice){out, without_backslash(out, len, '"')};
}

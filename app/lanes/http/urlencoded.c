#include "http/urlencoded.h"

#include <string.h>

#include "base/utf8.h"
#include "http/percent.h"

bool urlencoded_next(struct slice *text, struct slice *name, struct slice *value)
{
	while (text->len) {
		const char *amp = memchr(text->data, '&', text->len);
		struct slice pair = {text->data, amp ? (size_t)(amp - text->data) : text->len};
		size_t used = pair.len + (amp != NULL);
		const char *equal;

		text->data += used;
		text->len -= used;
		if (pair.len == 0)
			continue;
		equal = memchr(pair.data, '=', pair.len);
		*name = (struct slice){pair.data, equal ? (size_t)(equal - pair.data) : pair.len};
		used = name->len + (equal != NULL);
		*value = (struct slice){pair.data + used, pair.len - used};
		return true;
	}
	return false;
}

bool urlencoded_next_of_form(struct slice *text, struct slice *name, struct slice *value)
{
	const char *end;
	const char *equal;
	size_t len;

	for (; text->len && (*text->data == '&' || *text->data == ';'); text->len--)
		text->data++;
	if (!text->len)
		return false;
	end = memchr(text->data, '&', text->len);
	if (!end)
		end = memchr(text->data, ';', text->len);
	len = end ? (size_t)(end - text->data) : text->len;
	equal = memchr(text->data, '=', len);
	if (!equal && !end)
		return false;
	*name = (struct slice){text->data, equal ? (size_t)(equal - text->data) : len};
	*value = (struct slice){equal ? equal + 1 : "", equal ? len - name->len - 1 : 0};
	text->data += len;
	text->len -= len;
	return true;
}

bool urlencoded_is_plain(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] == '%' || text.data[i] == '+' || text.data[i] & 0x80)
			return false;
	return true;
}

/* The escaped bytes are written behind room for what they may become. */
struct slice urlencoded_decode(struct slice text, char *out)
{
	char *from = out + 2 * text.len;
	struct slice decoded;
	char *at = out;

	for (size_t i = 0; i < text.len; i++)
		from[i] = text.data[i] == '+' ? ' ' : text.data[i];
	for (size_t i = 0, run; i < text.len; i += run) {
		if (from[i] & 0x80) {
			at = utf8_put(at, (unsigned char)from[i]);
			run = 1;
			continue;
		}
		for (run = 1; i + run < text.len && !(from[i + run] & 0x80); run++)
			;
		decoded = percent_decode((struct slice){from + i, run}, from + i, run);
		at += utf8_replace(decoded, at).len;
	}
	return (struct slice){out, (size_t)(at - out)};
}

bool urlencoded_is(struct slice text, const char *word)
{
	char name[URLENCODED_NAME];

	if (slice_is(text, word))
		return true;
	return memchr(text.data, '%', text.len) &&
	       slice_is(percent_decode(text, name, sizeof(name)), word);
}

#include "http/urlencoded.h"

#include <string.h>

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

struct slice urlencoded_decode(struct slice text, char *out)
{
	for (size_t i = 0; i < text.len; i++)
		out[i] = text.data[i] == '+' ? ' ' : text.data[i];
	/* In place: what is decoded never overtakes what is read. */
	return percent_decode((struct slice){out, text.len}, out, text.len);
}

bool urlencoded_is(struct slice text, const char *word)
{
	char name[32];

	if (slice_is(text, word))
		return true;
	return memchr(text.data, '%', text.len) &&
	       slice_is(percent_decode(text, name, sizeof(name)), word);
}

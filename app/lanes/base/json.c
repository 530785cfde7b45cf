#include "base/json.h"

#include "base/utf8.h"

static void append_special(struct buffer *out, unsigned char c)
{
	static const char letters[] = "btn?fr"; /* of 8 to 13 */

	if (c == '"' || c == '\\')
		buffer_append(out, (char[]){'\\', (char)c}, 2);
	else if (c >= '\b' && c <= '\r' && c != '\v')
		buffer_append(out, (char[]){'\\', letters[c - '\b']}, 2);
	else
		buffer_format(out, "\\u%04x", c);
}

/* A character that is not ASCII, or what stands for bytes that are none. */
static void append_character(struct buffer *out, struct slice *text)
{
	char bytes[UTF8_MAX];
	const char *end;
	uint32_t c;

	utf8_next(text, &c);
	end = utf8_put(bytes, c);
	buffer_append(out, bytes, (size_t)(end - bytes));
}

void json_content(struct buffer *out, struct slice text)
{
	while (text.len) {
		unsigned char c = (unsigned char)text.data[0];
		size_t plain = 0;

		while (plain < text.len && c >= ' ' && c < 0x80 && c != '"' && c != '\\')
			if (++plain < text.len)
				c = (unsigned char)text.data[plain];
		buffer_append(out, text.data, plain);
		text = (struct slice){text.data + plain, text.len - plain};
		if (!text.len)
			return;
		if (c >= 0x80) {
			append_character(out, &text);
			continue;
		}
		append_special(out, c);
		text = (struct slice){text.data + 1, text.len - 1};
	}
}

void json_string(struct buffer *out, struct slice text)
{
	buffer_append_text(out, "\"");
	json_content(out, text);
	buffer_append_text(out, "\"");
}

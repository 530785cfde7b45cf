#include "http/percent.h"

#include <ctype.h>
#include <string.h>

int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

struct slice percent_decode(struct slice text, char *out, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (c == '%' && text.len - i > 2 && hex_digit(text.data[i + 1]) >= 0 &&
		    hex_digit(text.data[i + 2]) >= 0) {
			c = (char)(hex_digit(text.data[i + 1]) * 16 + hex_digit(text.data[i + 2]));
			i += 2;
		}
		if (len == size)
			return (struct slice){NULL, 0};
		out[len++] = c;
	}
	return (struct slice){out, len};
}

size_t percent_encode(struct slice text, char *out)
{
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c < 0x80 && (isalnum(c) || (c && strchr("_.-~/", c)))) {
			out[len++] = (char)c;
			continue;
		}
		out[len++] = '%';
		out[len++] = "0123456789ABCDEF"[c >> 4];
		out[len++] = "0123456789ABCDEF"[c & 15];
	}
	return len;
}

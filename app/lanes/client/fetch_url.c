/* URLs made of texts that others have sent. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "client/fetch.h"
#include "http/request.h"

/* All but unreserved characters (RFC 3986 2.3); slashes, too. */
static void append_escaped(struct buffer *url, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (isalnum(c) || (c && strchr("-._~", c)))
			buffer_append(url, &text.data[i], 1);
		else
			buffer_format(url, "%%%02X", c);
	}
}

/* What stands behind a '%'. Returns how many bytes that is; 0: something that nobody reads here. */
static size_t append_argument(struct buffer *url, const char *conversion, va_list *arguments,
			      bool escaped)
{
	static const char *const kinds[] = {"s", ".*s", "d", "u", "lld", "zu", "%"};
	size_t kind = 0;
	struct slice text;

	while (kind < sizeof(kinds) / sizeof(kinds[0]) &&
	       strncmp(conversion, kinds[kind], strlen(kinds[kind])) != 0)
		kind++;
	switch (kind) {
	case 0:
		text = slice_of(va_arg(*arguments, const char *));
		break;
	case 1:
		text.len = (size_t)va_arg(*arguments, int);
		text.data = va_arg(*arguments, const char *);
		break;
	case 2:
		buffer_format(url, "%d", va_arg(*arguments, int));
		return 1;
	case 3:
		buffer_format(url, "%u", va_arg(*arguments, unsigned));
		return 1;
	case 4:
		buffer_format(url, "%lld", va_arg(*arguments, long long));
		return 3;
	case 5:
		buffer_format(url, "%zu", va_arg(*arguments, size_t));
		return 2;
	case 6:
		buffer_append(url, "%", 1);
		return 1;
	default:
		return 0;
	}
	if (escaped)
		append_escaped(url, text);
	else
		buffer_append(url, text.data, text.len);
	return strlen(kinds[kind]);
}

struct slice fetch_url(struct request *req, const char *format, ...)
{
	struct buffer url = {0};
	va_list arguments;
	char *kept = NULL;
	size_t len;

	va_start(arguments, format);
	for (const char *at = format; *at && !url.failed;) {
		size_t plain = strcspn(at, "%");
		size_t read;

		buffer_append(&url, at, plain);
		at += plain;
		if (!*at)
			break;
		read = append_argument(&url, at + 1, &arguments, at > format);
		if (!read)
			url.failed = true;
		at += 1 + read;
	}
	va_end(arguments);
	len = url.len;
	if (!url.failed && len)
		kept = request_alloc(req, len);
	if (kept)
		memcpy(kept, url.data, len);
	buffer_free(&url);
	return (struct slice){kept, kept ? len : 0};
}

#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALLEST = 1024 };

char *buffer_grow(struct buffer *b, size_t n)
{
	size_t size = b->size ? b->size : SMALLEST;
	char *data = NULL;

	if (b->failed)
		return NULL;
	while (size - b->len < n && size <= SIZE_MAX / 2)
		size *= 2;
	if (size - b->len >= n)
		data = realloc(b->data, size);
	if (!data) {
		b->failed = true;
		return NULL;
	}
	b->data = data;
	b->size = size;
	return b->data + b->len;
}

void buffer_format(struct buffer *b, const char *format, ...)
{
	char *to = buffer_reserve(b, SMALLEST);
	va_list arguments;
	int len;

	if (!to)
		return;
	va_start(arguments, format);
	len = vsnprintf(to, SMALLEST, format, arguments);
	va_end(arguments);
	if (len < 0 || len >= SMALLEST)
		b->failed = true;
	else
		b->len += (size_t)len;
}

void buffer_append_u64(struct buffer *b, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	buffer_append(b, digits + at, sizeof(digits) - at);
}

/* What was read must not pile up in front of what was not. */
void buffer_has_read(struct buffer *b, size_t *read, size_t n)
{
	*read += n;
	if (*read == b->len) {
		buffer_free(b);
		*read = 0;
	} else if (*read > b->len / 2) {
		b->len -= *read;
		memmove(b->data, b->data + *read, b->len);
		*read = 0;
	}
}

void buffer_free(struct buffer *b)
{
	free(b->data);
	*b = (struct buffer){0};
}

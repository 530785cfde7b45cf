/*
 * A growable run of bytes. Memory running out is sticky: the buffer remembers it (failed), ignores
 * what is appended from then on, and its owner looks once, at the end, instead of after every call.
 */
#ifndef LANES_BASE_BUFFER_H
#define LANES_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/slice.h"

struct buffer {
	char *data;
	size_t len;
	size_t size; /* bytes allocated */
	bool failed; /* malloc said no; what the buffer holds is not whole */
};

/* buffer_reserve() where there is not room enough, or the buffer has failed. */
char *buffer_grow(struct buffer *b, size_t n);

/* Makes room for n more bytes and returns where they go (the caller then raises len), or NULL
 * and sets failed. The pointer is valid until the next call that appends. */
static inline char *buffer_reserve(struct buffer *b, size_t n)
{
	return !b->failed && n <= b->size - b->len ? b->data + b->len : buffer_grow(b, n);
}

static inline void buffer_append(struct buffer *b, const void *data, size_t n)
{
	char *to = n ? buffer_reserve(b, n) : NULL;

	if (!to)
		return;
	memcpy(to, data, n);
	b->len += n;
}

/* In line, for a literal is copied by a store or two there. */
static inline void buffer_append_text(struct buffer *b, const char *text)
{
	buffer_append(b, text, strlen(text));
}

/* As printf. The text must be shorter than 1024 bytes, or the buffer fails. */
void buffer_format(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_append_u64(struct buffer *b, uint64_t value);

/* For who reads from the front: n bytes more were read. *read is how many at the front are; they
 * are dropped when they are all, or more than half, and *read is then 0. */
void buffer_has_read(struct buffer *b, size_t *read, size_t n);

/* Frees the memory and makes the buffer an empty one again; safe to call twice. */
void buffer_free(struct buffer *b);

static inline struct slice buffer_slice(const struct buffer *b)
{
	return (struct slice){b->data, b->len};
}

#endif

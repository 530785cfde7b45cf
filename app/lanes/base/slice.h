/* A run of bytes that somebody else owns: not NUL-terminated, may hold any byte. */
#ifndef LANES_BASE_SLICE_H
#define LANES_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
	const char *data;
	size_t len;
};

/* The bytes of a C string, without its NUL. */
static inline struct slice slice_of(const char *text)
{
	return (struct slice){text, strlen(text)};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* True if the slice holds exactly the bytes of the C string. */
static inline bool slice_is(struct slice s, const char *text)
{
	return slice_equal(s, slice_of(text));
}

#endif

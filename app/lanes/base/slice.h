/* A run of bytes that somebody else owns: not NUL-terminated, may hold any byte. */
#ifndef LANES_BASE_SLICE_H
#define LANES_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
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

__attribute__((always_inline)) static inline bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* True if the slice holds exactly the bytes of the C string. With a literal it is a comparison or
 * two: a compiler that has put enough in line would make calls of it. */
__attribute__((always_inline)) static inline bool slice_is(struct slice s, const char *text)
{
	return slice_equal(s, slice_of(text));
}

static inline uint64_t slice_mixed(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

/* For a place in a table, eight bytes at a time; from: a text has another one from elsewhere. */
static inline uint32_t slice_hash(uint64_t from, struct slice text)
{
	uint64_t word = 0;

	for (; text.len >= sizeof(word); text.data += sizeof(word), text.len -= sizeof(word)) {
		memcpy(&word, text.data, sizeof(word));
		from = slice_mixed(from, word);
	}
	word = text.len;
	while (text.len)
		word = word << 8 | (unsigned char)text.data[--text.len];
	return (uint32_t)slice_mixed(from, word);
}

#endif

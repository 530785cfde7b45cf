/*
 * Pairs on the wire: two lengths, then name and value without any terminator. A length below 128
 * is one byte, any other four bytes with the highest bit set:
 *
 *     +-----------------+------------------+------ … ------+------ … ------+
 *     | name length 1|4 | value length 1|4 |     name      |     value     |
 *     +-----------------+------------------+------ … ------+------ … ------+
 *
 * A peer may send a small number as four bytes.
 */
#include "fcgi/params.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	SHORT_LENGTH_MAX = 127,
	LONG = 0x8080, /* of two lengths in bytes of their own, one of them is not so short */
	SIZE_LIMIT = INT32_MAX,
};

void fcgi_params_init(struct fcgi_params *p, char *storage, size_t size)
{
	*p = (struct fcgi_params){.data = storage, .size = (uint32_t)size & SIZE_LIMIT};
}

/* Moves the stream to a block of at least need bytes. limit is not below need: it keeps the
 * doubling from overflowing, and from taking more than can ever be used. */
static int grow(struct fcgi_params *p, size_t need, size_t limit)
{
	size_t size;
	size_t more;
	char *data;

	if (limit > SIZE_LIMIT)
		limit = SIZE_LIMIT;
	if (need > limit)
		return -E2BIG;
	size = p->size > limit / 2 ? limit : (size_t)p->size * 2;
	if (size < need)
		size = need;
	more = size - (p->heap ? p->size : 0);
	if (!budget_take(p->budget, more))
		return -ENOMEM;
	data = realloc(p->heap ? p->data : NULL, size);
	if (!data) {
		budget_give(p->budget, more);
		return -ENOMEM;
	}
	if (!p->heap && p->len)
		memcpy(data, p->data, p->len);
	p->data = data;
	p->size = (uint32_t)size & SIZE_LIMIT;
	p->heap = true;
	return 0;
}

int fcgi_params_append(struct fcgi_params *p, const void *bytes, size_t n, size_t limit)
{
	if (n == 0)
		return 0;
	if (p->len > limit || n > limit - p->len)
		return -E2BIG;
	if (n > p->size - p->len) {
		int error = grow(p, p->len + n, limit);

		if (error)
			return error;
	}
	memcpy(p->data + p->len, bytes, n);
	p->len += (uint32_t)n;
	return 0;
}

/* Reads the length at *at and moves *at behind it; false if the stream ends before. */
static inline bool take_length(const struct fcgi_params *p, size_t *at, size_t *length)
{
	const unsigned char *byte = (const unsigned char *)p->data + *at;
	size_t left = p->len - *at;

	if (left >= 1 && byte[0] <= SHORT_LENGTH_MAX) {
		*length = byte[0];
		*at += 1;
		return true;
	}
	if (left < 4)
		return false;
	*length = (size_t)(byte[0] & 0x7f) << 24 | (size_t)byte[1] << 16 | (size_t)byte[2] << 8 |
		  byte[3];
	*at += 4;
	return true;
}

/* The next pair, where one of its lengths is long, or there is none. The lengths are compared one
 * by one: their sum could overflow. */
static bool next_long(const struct fcgi_params *p, size_t *at, struct slice *name,
		      struct slice *value)
{
	size_t behind = *at;

	if (behind >= p->len) /* without a pair there may be no data either */
		return false;
	if (!take_length(p, &behind, &name->len) || !take_length(p, &behind, &value->len) ||
	    name->len > p->len - behind || value->len > p->len - behind - name->len)
		return false;
	name->data = p->data + behind;
	value->data = name->data + name->len;
	*at = behind + name->len + value->len;
	return true;
}

bool fcgi_params_next(const struct fcgi_params *p, size_t *at, struct slice *name,
		      struct slice *value)
{
	size_t left = p->len - *at;
	size_t name_len, value_len, pair;
	const char *data = p->data; /* which may be NULL, with nothing left */
	uint16_t lengths = LONG;

	if (left >= sizeof(lengths)) {
		data += *at;
		memcpy(&lengths, data, sizeof(lengths));
	}
	if (lengths & LONG)
		return next_long(p, at, name, value);
	name_len = (unsigned char)data[0];
	value_len = (unsigned char)data[1];
	pair = sizeof(lengths) + name_len + value_len;
	if (pair > left)
		return false;
	*name = (struct slice){data + sizeof(lengths), name_len};
	*value = (struct slice){data + sizeof(lengths) + name_len, value_len};
	*at += pair;
	return true;
}

struct slice fcgi_params_get(const struct fcgi_params *p, const char *name)
{
	struct slice wanted = slice_of(name);
	struct slice candidate, value;
	size_t at = 0;

	while (fcgi_params_next(p, &at, &candidate, &value))
		if (slice_equal(candidate, wanted))
			return value;
	return (struct slice){NULL, 0};
}

void fcgi_params_free(struct fcgi_params *p)
{
	if (p->heap) {
		free(p->data);
		budget_give(p->budget, p->size);
	}
	fcgi_params_init(p, NULL, 0);
}

static void encode_length(struct buffer *out, size_t length)
{
	const unsigned char byte[4] = {(unsigned char)(length >> 24 | 0x80),
				       (unsigned char)(length >> 16), (unsigned char)(length >> 8),
				       (unsigned char)length};

	if (length <= SHORT_LENGTH_MAX)
		buffer_append(out, byte + 3, 1);
	else
		buffer_append(out, byte, 4);
}

void fcgi_params_encode(struct buffer *out, struct slice name, struct slice value)
{
	encode_length(out, name.len);
	encode_length(out, value.len);
	buffer_append(out, name.data, name.len);
	buffer_append(out, value.data, value.len);
}

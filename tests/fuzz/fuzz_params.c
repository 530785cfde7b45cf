/*
 * A stream of pairs: one byte with the length of the pieces it comes in, one with the room it is
 * first given, the stream. However it is cut it is the same table, no pair reaches beyond it, the
 * first of a name is the one found, and what was understood survives being encoded again.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/params.h"

enum { LIMIT = 2000 };

/* The first pair of that name is the one that a look-up finds. */
static void check_first(const struct fcgi_params *p, struct slice name)
{
	char *text = strndup(name.data, name.len);
	struct slice found = fcgi_params_get(p, text);
	struct slice candidate, value;
	size_t at = 0;

	while (fcgi_params_next(p, &at, &candidate, &value))
		if (slice_is(candidate, text))
			break;
	assert(strlen(text) != name.len || (found.data == value.data && found.len == value.len));
	free(text);
}

/* Encodes the pairs, which must then read the same. */
static void check_again(const struct fcgi_params *p)
{
	struct fcgi_params again = {0};
	struct slice name, value, name2, value2;
	size_t at = 0, at2 = 0;
	struct buffer encoded = {0};

	while (fcgi_params_next(p, &at, &name, &value)) {
		assert(name.data >= p->data && value.data + value.len == p->data + at);
		assert(at <= p->len);
		fcgi_params_encode(&encoded, name, value);
		check_first(p, name);
	}
	assert(encoded.len <= at);
	assert(!fcgi_params_append(&again, encoded.data, encoded.len, LIMIT));
	at = 0;
	while (fcgi_params_next(p, &at, &name, &value))
		assert(fcgi_params_next(&again, &at2, &name2, &value2) &&
		       slice_equal(name, name2) && slice_equal(value, value2));
	assert(!fcgi_params_next(&again, &at2, &name2, &value2) && at2 == again.len);
	fcgi_params_free(&again);
	buffer_free(&encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fcgi_params p;
	char *storage;
	size_t piece, taken = 0;
	int error = 0;

	if (size < 2)
		return 0;
	piece = (size_t)data[0] + 1;
	storage = malloc((size_t)data[1] + 1);
	fcgi_params_init(&p, storage, data[1]);
	data += 2;
	size -= 2;
	for (; taken < size && !error; taken += piece) {
		if (piece > size - taken)
			piece = size - taken;
		error = fcgi_params_append(&p, data + taken, piece, LIMIT);
	}
	assert(!error == (size <= LIMIT) && p.len <= LIMIT);
	assert(p.len == 0 || !memcmp(p.data, data, p.len));
	check_again(&p);
	fcgi_params_free(&p);
	fcgi_params_free(&p);
	free(storage);
	return 0;
}

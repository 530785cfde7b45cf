/* A statement's values, taken over when it is made: as texts, but for bytes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/pg_inside.h"

enum { NUMBER_BYTES = 32 }; /* of one, as a text */

/* How many bytes they take beside the arrays, and how many there are; a negative errno. */
static int measure(const struct pg_value *values, size_t *bytes)
{
	int count = 0;

	for (; values->kind != PG_END; values++, count++) {
		struct slice text = values->as.bytes;

		if (count == PG_VALUES)
			return -E2BIG;
		if (values->kind != PG_TEXT && values->kind != PG_BYTES)
			*bytes += NUMBER_BYTES;
		else if (text.len >= INT32_MAX)
			return -E2BIG;
		else if (values->kind == PG_TEXT && text.len && memchr(text.data, 0, text.len))
			return -EILSEQ;
		else
			*bytes += text.len + 1;
	}
	return count;
}

static size_t write_integer(char *to, int64_t number)
{
	char digits[NUMBER_BYTES];
	size_t at = sizeof(digits);
	uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
	size_t len;

	do
		digits[--at] = (char)('0' + left % 10);
	while (left /= 10);
	if (number < 0)
		digits[--at] = '-';
	len = sizeof(digits) - at;
	memcpy(to, digits + at, len);
	return len;
}

/* Returns its length; a NUL is put behind it. */
static size_t write_value(char *to, const struct pg_value *value)
{
	size_t len = 0;

	switch (value->kind) {
	case PG_INT:
		len = write_integer(to, value->as.integer);
		break;
	case PG_DOUBLE:
		len = (size_t)snprintf(to, NUMBER_BYTES, "%.17g", value->as.real);
		break;
	case PG_BOOL:
		to[len++] = value->as.integer ? 't' : 'f';
		break;
	default:
		len = value->as.bytes.len;
		if (len)
			memcpy(to, value->as.bytes.data, len);
		break;
	}
	to[len] = '\0';
	return len;
}

static void take_values(struct pg_call *call, const struct pg_value *values, char *to)
{
	for (int i = 0; i < call->count; i++) {
		size_t len;

		call->values[i] = NULL;
		call->formats[i] = values[i].kind == PG_BYTES;
		if (values[i].kind == PG_NULL)
			continue;
		len = write_value(to, &values[i]);
		call->values[i] = to;
		call->lengths[i] = (int)len;
		to += len + 1;
	}
}

static struct pg_call *alloc(struct pg_pool *pool)
{
	struct pg_call *call = pool->spare;

	if (!call)
		return malloc(sizeof(*call));
	pool->spare = call->next;
	pool->spares--;
	return call;
}

void pg_call_free(struct pg_call *call)
{
	struct pg_pool *pool = call->pool;

	free(call->large);
	if (pool->spares >= PG_SPARE_CALLS) {
		free(call);
		return;
	}
	call->next = pool->spare;
	pool->spare = call;
	pool->spares++;
}

struct pg_call *pg_call_make(struct pg_pool *pool, const char *sql, const struct pg_value *values,
			     int *error)
{
	const struct pg_statement *statement = sql ? pg_statement_of(pool, sql) : NULL;
	size_t text = sql && !statement ? strlen(sql) + 1 : 0;
	size_t bytes = text;
	int count = measure(values, &bytes);
	size_t arrays = (size_t)(count > 0 ? count : 0) * (sizeof(char *) + 2 * sizeof(int));
	struct pg_call *call = count < 0 ? NULL : alloc(pool);
	unsigned char *room;

	*error = count < 0 ? count : -ENOMEM;
	if (!call)
		return NULL;
	memset(call, 0, offsetof(struct pg_call, bytes));
	call->pool = pool;
	if (arrays + bytes > sizeof(call->bytes) && !(call->large = malloc(arrays + bytes))) {
		pg_call_free(call);
		return NULL;
	}
	room = call->large ? call->large : call->bytes;
	call->count = count;
	call->statement = statement;
	call->values = (const char **)room;
	call->lengths = (int *)(call->values + count);
	call->formats = call->lengths + count;
	if (text)
		call->text = memcpy(call->formats + count, sql, text);
	take_values(call, values, (char *)(call->formats + count) + text);
	return call;
}

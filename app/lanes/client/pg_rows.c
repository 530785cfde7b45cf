/* Reads results: all of them are texts, as PostgreSQL writes them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/pg_inside.h"
#include "http/request.h"

/* That it is one of; NULL: there is no such value. */
static const PGresult *result_of(const struct pg_rows *rows, int row, int column)
{
	bool there = rows->held && row >= 0 && row < rows->count && column >= 0 &&
		     column < rows->columns;

	return there ? rows->held->result : NULL;
}

/* NULL: there is no such thing, or it is NULL. */
static const char *value_at(const struct pg_rows *rows, int row, int column)
{
	const PGresult *result = result_of(rows, row, column);

	return result && !PQgetisnull(result, row, column) ? PQgetvalue(result, row, column) : NULL;
}

bool pg_is_null(const struct pg_rows *rows, int row, int column)
{
	return !value_at(rows, row, column);
}

int64_t pg_int_at(const struct pg_rows *rows, int row, int column)
{
	const char *text = value_at(rows, row, column);
	char *end;
	long long number;

	if (!text)
		return 0;
	errno = 0;
	number = strtoll(text, &end, 10);
	return errno || *end ? 0 : number;
}

double pg_double_at(const struct pg_rows *rows, int row, int column)
{
	const char *text = value_at(rows, row, column);
	char *end;
	double number;

	if (!text)
		return 0;
	number = strtod(text, &end);
	return *end ? 0 : number;
}

bool pg_bool_at(const struct pg_rows *rows, int row, int column)
{
	const char *text = value_at(rows, row, column);

	return text && *text == 't';
}

struct slice pg_text_at(const struct pg_rows *rows, int row, int column)
{
	const PGresult *result = result_of(rows, row, column);

	if (!result)
		return (struct slice){"", 0};
	/* libpq has "" and 0 for NULL. */
	return (struct slice){PQgetvalue(result, row, column),
			      (size_t)PQgetlength(result, row, column)};
}

static unsigned char digit(char c)
{
	return (unsigned char)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* "\x00ff…": bytea_output hex, which is PostgreSQL's own; another one comes as it is. */
struct slice pg_bytes_at(struct request *req, const struct pg_rows *rows, int row, int column)
{
	struct slice text = pg_text_at(rows, row, column);
	char *bytes;

	if (pg_is_null(rows, row, column))
		return (struct slice){NULL, 0};
	if (text.len < 2 || memcmp(text.data, "\\x", 2) != 0)
		return text;
	bytes = request_alloc(req, text.len / 2);
	if (!bytes)
		return (struct slice){NULL, 0};
	for (size_t i = 1; i < text.len / 2; i++)
		bytes[i - 1] = (char)(digit(text.data[2 * i]) << 4 | digit(text.data[2 * i + 1]));
	return (struct slice){bytes, text.len / 2 - 1};
}

int pg_column(const struct pg_rows *rows, const char *name)
{
	const PGresult *result = rows->held ? rows->held->result : NULL;

	for (int i = 0; i < rows->columns; i++)
		if (!strcmp(PQfname(result, i), name))
			return i;
	return -1;
}

const char *pg_message(const struct pg_rows *rows)
{
	const char *message = NULL;

	if (rows->held)
		message = PQresultErrorField(rows->held->result, PG_DIAG_MESSAGE_PRIMARY);
	return message ? message : "";
}

#include "client/command.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

enum { INT8 = 20, INT4 = 23 }; /* as pg_type has them */

/* What a server says is a line for each part of it. */
static void complain(const char *what, const char *says)
{
	log_complaint("%s: %.*s", what, (int)strcspn(says, "\n"), says);
}

/* What libpq says of one that it cannot read may have a part of its password. */
static bool is_readable(const char *database)
{
	PQconninfoOption *read = NULL;

	if (!strchr(database, '=') && !strstr(database, "://"))
		return true; /* a name alone */
	read = PQconninfoParse(database, NULL);
	PQconninfoFree(read);
	return read;
}

PGconn *command_connect(const char *database)
{
	/* The last of a name wins: it may say otherwise. */
	static const char *const names[] = {"connect_timeout", "fallback_application_name",
					    "client_encoding", "dbname", NULL};
	const char *const values[] = {"10", "lanes", "UTF8", database, NULL};
	PGconn *conn;

	if (!database) {
		log_complaint("there is no database: --database, or LANES_DATABASE, says which");
		return NULL;
	}
	if (!is_readable(database)) {
		log_complaint("--database: neither a URL nor what else libpq takes");
		return NULL;
	}
	conn = PQconnectdbParams(names, values, 1);
	if (PQstatus(conn) == CONNECTION_OK)
		return conn;
	complain("no connection to the database", conn ? PQerrorMessage(conn) : "out of memory");
	PQfinish(conn);
	return NULL;
}

static bool is_missing(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return state && (!strcmp(state, "42P01") || !strcmp(state, "42883"));
}

PGresult *command_ask(PGconn *conn, const char *what, const char *sql, int count,
		      const char *const *values)
{
	/* Without parameters there may be several statements. */
	PGresult *result = count ? PQexecParams(conn, sql, count, NULL, values, NULL, NULL, 0)
				 : PQexec(conn, sql);
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
		return result;
	complain(what, is_missing(result)
			       ? "a table is missing: make migrate, or --migrate, makes it"
			       : PQerrorMessage(conn));
	PQclear(result);
	return NULL;
}

/* ---- tables ---- */

/* Characters of UTF-8. */
static int width_of(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static int width_of_column(const PGresult *result, int column)
{
	int width = width_of(PQfname(result, column));

	for (int row = 0; row < PQntuples(result); row++) {
		int own = width_of(PQgetvalue(result, row, column));

		width = own > width ? own : width;
	}
	return width;
}

static void show_cell(const PGresult *result, int column, const char *text)
{
	Oid type = PQftype(result, column);
	bool last = column == PQnfields(result) - 1;
	int pad = width_of_column(result, column) - width_of(text);

	if (type == INT4 || type == INT8)
		printf("%*s%s", pad, "", text);
	else
		printf("%s%*s", text, last ? 0 : pad, "");
	fputs(last ? "\n" : "  ", stdout);
}

void command_show(const PGresult *result)
{
	for (int column = 0; column < PQnfields(result); column++)
		show_cell(result, column, PQfname(result, column));
	for (int row = 0; row < PQntuples(result); row++)
		for (int column = 0; column < PQnfields(result); column++)
			show_cell(result, column, PQgetvalue(result, row, column));
}

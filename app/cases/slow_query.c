#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "cases.h"

#define SQL "SELECT pg_sleep($1)"

/* {"driver":"async","seconds":0.5} */
static void reply_query(struct request *req, const char *driver, double seconds)
{
	struct buffer out = {0};
	char text[FLOAT_TEXT_SIZE];

	buffer_format(&out, "{\"driver\":\"%s\",\"seconds\":%.*s}", driver,
		      (int)float_text(seconds, text), text);
	reply_text(req, 200, "application/json", &out);
}

/* GET /cases/slow-query?seconds=0.5: the database takes so long, and the loop serves others. Who
 * finds none of the worker's connections free waits for one. */
void slow_query(struct request *req)
{
	const struct slow_query *asked = request_input(req);
	struct pg_rows *rows = FRAME(req, struct pg_rows);

	ASYNC_BEGIN(req);
	if (!has_database(req))
		return;
	AWAIT(req, pg_query(req, rows, SQL, pg_double(asked->seconds)));
	reply_query(req, "async", asked->seconds);
	ASYNC_END(req);
}

/* As a driver does it that can only block: connects, asks, and waits for both. What the URL says of
 * gssencmode comes later, and rules; without, it would open files. */
static bool ask_and_block(double seconds)
{
	static const char *const keys[] = {"gssencmode", "connect_timeout", "dbname", NULL};
	const char *const settings[] = {"disable", "5", case_database, NULL};
	char text[FLOAT_TEXT_SIZE + 1] = "";
	const char *const values[] = {text};
	PGconn *conn = PQconnectdbParams(keys, settings, 1);
	PGresult *result = NULL;
	const char *why;
	char line[200];
	bool asked;

	float_text(seconds, text);
	if (PQstatus(conn) == CONNECTION_OK)
		result = PQexecParams(conn, SQL, 1, NULL, values, NULL, NULL, 0);
	asked = PQresultStatus(result) == PGRES_TUPLES_OK;
	if (!asked) {
		why = PQerrorMessage(conn);
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(why, "\n"), why);
		log_event(LOG_LEVEL_WARNING, "query-failed", "error", line, NULL);
	}
	PQclear(result);
	PQfinish(conn);
	return asked;
}

static void block(struct request *req, const char *driver)
{
	const struct slow_query *asked = request_input(req);

	if (!has_database(req))
		return;
	if (ask_and_block(asked->seconds))
		reply_query(req, driver, asked->seconds);
	else
		reply_refusal(req, 503, "the database does not answer");
}

/* GET /cases/slow-query/blocking: the same from a SYNC handler, as `def`: a thread waits, and as
 * many at once as there are threads. */
void slow_query_blocking(struct request *req)
{
	block(req, "blocking");
}

/* GET /cases/slow-query/bad: the same driver in an async handler. BAD, and here to be seen, as
 * /async/bad-blocking: the loop stands still until the database has answered. */
void slow_query_bad(struct request *req)
{
	block(req, "bad");
}

#include "client/queue.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "client/command.h"
#include "client/jobs.h"

/* What others have written comes to a terminal. */
#define LINE(column, most) "left(regexp_replace(" column ", '[[:cntrl:]]+', ' ', 'g'), " most ")"
#define AGO(column)	   "date_trunc('milliseconds', clock_timestamp() - " column ")::text"
#define SOME		   "20"

static const char counts[] = "SELECT " LINE(
	"kind",
	"40") " AS kind,"
	      " count(*) FILTER (WHERE state = 'waiting') AS waiting,"
	      " count(*) FILTER (WHERE state = 'running') AS running,"
	      " count(*) FILTER (WHERE state = 'dead') AS dead,"
	      " coalesce(" AGO("min(run_at) FILTER (WHERE state = 'waiting' AND run_at <= "
			       "clock_timestamp())") ", '-') AS oldest_waits"
						     " FROM lanes_jobs WHERE state = 'waiting' OR "
						     "state = 'running' OR state = 'dead'"
						     " GROUP BY kind ORDER BY kind";

static const char running[] = "SELECT id AS running, " LINE(
	"kind", "40") " AS kind, attempts AS attempt,"
		      " " AGO("started_at") " AS since, " LINE(
			      "worker", "60") " AS worker"
					      " FROM lanes_jobs WHERE state = 'running' ORDER BY "
					      "started_at LIMIT " SOME;

static const char dead[] = "SELECT id AS dead, " LINE(
	"kind", "40") " AS kind, attempts,"
		      " date_trunc('seconds', ended_at)::text AS since, " LINE(
			      "error",
			      "80") " AS error"
				    " FROM lanes_jobs WHERE state = 'dead' ORDER BY id LIMIT " SOME;

/* A table of its own, if there is anything. False after a message. */
static bool show_some(PGconn *conn, const char *sql)
{
	PGresult *result = command_ask(conn, "jobs", sql, 0, NULL);

	if (result && PQntuples(result)) {
		putchar('\n');
		command_show(result);
	}
	PQclear(result);
	return result != NULL;
}

static bool has_kind(const struct job_kinds *kinds, const char *name)
{
	for (size_t i = 0; kinds && i < kinds->count; i++)
		if (!strcmp(kinds->list[i].kind, name))
			return true;
	return false;
}

/* Which workers there are the database does not know, but the program knows what its own would
 * take.
 */
static void show_strangers(const PGresult *result, const struct job_kinds *kinds)
{
	for (int row = 0; row < PQntuples(result); row++) {
		const char *kind = PQgetvalue(result, row, 0);

		if (strcmp(PQgetvalue(result, row, 1), "0") != 0 && !has_kind(kinds, kind))
			printf("%s: no worker of this program takes jobs of this kind\n", kind);
	}
}

int queue_show(const char *database, const struct job_kinds *kinds)
{
	PGconn *conn = command_connect(database);
	PGresult *result = conn ? command_ask(conn, "jobs", counts, 0, NULL) : NULL;
	bool shown = result;

	if (result && PQntuples(result)) {
		command_show(result);
		show_strangers(result, kinds);
	} else if (result) {
		puts("no jobs wait, run or are dead");
	}
	PQclear(result);
	shown = shown && show_some(conn, running) && show_some(conn, dead);
	PQfinish(conn);
	return !shown;
}

/* Calls a function of SQL that returns how many it has changed. */
static int change(const char *database, const char *option, const char *which, const char *sql,
		  const char *changed)
{
	bool all = !strcmp(which, "all-dead");
	const char *const values[] = {all ? NULL : which};
	const char *number = "0";
	PGconn *conn;
	PGresult *result;

	if (!all && (!*which || strlen(which) > 18 || which[strspn(which, "0123456789")])) {
		log_complaint("%s: '%.100s' is not the number of a job, or all-dead", option,
			      which);
		return 2;
	}
	conn = command_connect(database);
	result = conn ? command_ask(conn, "jobs", sql, 1, values) : NULL;
	if (result)
		number = PQgetvalue(result, 0, 0);
	if (result && !all && !strcmp(number, "0"))
		log_complaint("job %s: there is none that can be %s", which, changed);
	else if (result)
		printf("%s %s %s\n", number, strcmp(number, "1") ? "jobs" : "job", changed);
	all = result && (all || strcmp(number, "0"));
	PQclear(result);
	PQfinish(conn);
	return !all;
}

int queue_retry(const char *database, const char *which)
{
	return change(database, "--job-retry", which, "SELECT lanes_job_retry($1)", "tried again");
}

int queue_drop(const char *database, const char *which)
{
	return change(database, "--job-drop", which, "SELECT lanes_job_drop($1)", "dropped");
}

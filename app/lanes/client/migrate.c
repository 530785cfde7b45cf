#include "client/migrate.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "client/command.h"
#include "client/queue.h"

/* Of the lock that is held meanwhile: a number that nobody else has. */
#define LOCK "7809635187395"

static bool run(PGconn *conn, const char *what, const char *sql)
{
	PGresult *result = command_ask(conn, what, sql, 0, NULL);

	PQclear(result);
	return result != NULL;
}

/* The connection has it until its process in the database has ended, some time after it was closed
 * here: so it is given back before. */
static bool lock(PGconn *conn)
{
	PGresult *result =
		command_ask(conn, "migrations", "SELECT pg_try_advisory_lock(" LOCK ")", 0, NULL);
	bool locked = result && PQgetvalue(result, 0, 0)[0] == 't';

	PQclear(result);
	if (!result || locked)
		return locked;
	log_complaint("migrations: another --migrate is at work, and is waited for");
	return run(conn, "migrations", "SELECT pg_advisory_lock(" LOCK ")");
}

/* The version that is there; 0: none, -1: that could not be asked. */
static int version_of(PGconn *conn, const struct migrations *migrations)
{
	PGresult *result = command_ask(conn, migrations->component,
				       "SELECT coalesce(max(version), 0) FROM lanes_migrations"
				       " WHERE component = $1",
				       1, &migrations->component);
	int version = result ? atoi(PQgetvalue(result, 0, 0)) : -1;

	PQclear(result);
	return version;
}

const struct migrations jobs_migrations = {"jobs", jobs_sql};

int migrations_latest(const struct migrations *migrations)
{
	int latest = 0;

	for (const struct migration *m = migrations->list; m->version; m++)
		latest = m->version;
	return latest;
}

/* Before anything is applied, of anybody. */
static bool is_known(PGconn *conn, const struct migrations *migrations)
{
	int version = version_of(conn, migrations);
	int latest = migrations_latest(migrations);

	if (version > latest)
		log_complaint("%s: the database is at version %d, and this program knows %d: "
			      "use a newer program",
			      migrations->component, version, latest);
	return version >= 0 && version <= latest;
}

/* All of it, or nothing. */
static bool apply(PGconn *conn, const char *component, const struct migration *migration)
{
	char version[16];
	char what[96];
	const char *const values[] = {component, version};
	PGresult *noted = NULL;

	snprintf(version, sizeof(version), "%d", migration->version);
	snprintf(what, sizeof(what), "%.64s: version %s", component, version);
	if (run(conn, what, "BEGIN") && run(conn, what, migration->sql))
		noted = command_ask(conn, what,
				    "INSERT INTO lanes_migrations (component, version)"
				    " VALUES ($1, $2)",
				    2, values);
	PQclear(noted);
	if (!noted || !run(conn, what, "COMMIT"))
		return false;
	printf("%s applied\n", what);
	return true;
}

static bool apply_all(PGconn *conn, const struct migrations *migrations)
{
	int version = version_of(conn, migrations);

	if (version < 0)
		return false;
	if (version == migrations_latest(migrations))
		printf("%s: at version %d, nothing to do\n", migrations->component, version);
	for (const struct migration *m = migrations->list; m->version; m++)
		if (m->version > version && !apply(conn, migrations->component, m))
			return false;
	return true;
}

int migrate(const char *database, const struct migrations *own)
{
	bool both = own && own->component;
	PGconn *conn = command_connect(database);
	bool locked;
	bool done;

	if (!conn)
		return 1;
	locked = lock(conn);
	done = locked &&
	       run(conn, "migrations",
		   "SET client_min_messages TO warning;"
		   "CREATE TABLE IF NOT EXISTS lanes_migrations (component text, version integer,"
		   " applied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (component, "
		   "version))") &&
	       is_known(conn, &jobs_migrations) && (!both || is_known(conn, own)) &&
	       apply_all(conn, &jobs_migrations) && (!both || apply_all(conn, own));
	if (locked)
		PQclear(PQexec(conn, "SELECT pg_advisory_unlock(" LOCK ")"));
	PQfinish(conn);
	return !done;
}

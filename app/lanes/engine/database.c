#include "engine/database.h"

#include "client/names.h"
#include "client/pg_pool.h"
#include "engine/application.h"

enum { LOOP_CONNECTIONS = 8, PREFORK_CONNECTIONS = 1, NS_PER_MS = 1000000 };

/* It stays as long as the process. NULL: there is no database. */
static struct pg_settings *settings;

bool database_prepare(const struct options *options, struct application *application,
		      struct sandbox *needs)
{
	if (!options->database || options->routes != ROUTES_APP)
		return true;
	settings = pg_settings_read(options->database);
	if (!settings)
		return false;
	needs->database_port = pg_settings_port(settings);
	needs->database_local = !needs->database_port;
	needs->database_trusts = pg_settings_root_certificate(settings);
	if (!pg_settings_name(settings))
		return true;
	application->fetches = true; /* what looking up names takes */
	return true;
}

int database_open(const struct options *options, struct sched *sched)
{
	bool prefork = options->engine == ENGINE_PREFORK;
	unsigned connections = (unsigned)options->database_connections;
	struct pg_limits limits = {
		.connections = connections,
		.waiters = (unsigned)options->database_waiters,
		.statements = (unsigned)options->database_statements,
		.wait = (uint64_t)options->database_wait * NS_PER_MS,
		.statement = (uint64_t)options->database_limit * NS_PER_MS,
		.lifetime = (uint64_t)options->database_lifetime * NS_PER_MS,
		.result_bytes = (uint64_t)options->database_result,
		.alone = prefork,
	};

	if (!connections)
		limits.connections = prefork ? PREFORK_CONNECTIONS : LOOP_CONNECTIONS;
	return settings ? pg_pool_open(sched, settings, &limits) : 0;
}

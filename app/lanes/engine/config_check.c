#include "engine/config_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "client/pg_pool.h"
#include "engine/job_worker.h"
#include "engine/listen.h"

/* NULL is fine. */
static int check_file(const char *name, const char *path, int access_mode)
{
	if (!path || !access(path, access_mode))
		return 0;
	log_complaint("%s: %.1000s: %s", name, path, strerror(errno));
	return 1;
}

static int check_peers(void)
{
	struct allowed_peers *allowed;
	int err = listener_read_peers(&allowed);

	free(allowed);
	return err != 0;
}

static int check_database(const char *url)
{
	struct pg_settings *settings = url ? pg_settings_read(url) : NULL;
	bool wrong = url && !settings;

	pg_settings_free(settings);
	return wrong;
}

static int check_application(const struct options *options, const struct application *served)
{
	static struct application application; /* whose parts are no leak at the end */
	const struct thread_pool_options *own[BOARD_OWN_POOLS];
	struct router router = {0};
	bool wrong;

	if (!served) {
		log_complaint("--routes: this program has none of that kind");
		return 1;
	}
	application = *served;
	if (options->engine == ENGINE_JOBS)
		return !job_worker_prepare(options, &application);
	wrong = router_open(&router, &application.routes) != 0;
	router_close(&router);
	return wrong + !application_pools(&application, own);
}

int config_check(const struct options *options, const struct applications *applications)
{
	int errors = check_peers();

	errors += listener_check(options->listen) != 0;
	errors += check_file("--ca", options->ca, R_OK);
	errors += check_file("--spool", options->spool, W_OK | X_OK);
	errors += check_database(options->database);
	errors += check_application(options, applications->kinds[options->routes]);
	if (errors)
		return 2;
	printf("%s: no errors\n", options->config ? options->config : "the options");
	return 0;
}

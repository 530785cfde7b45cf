/* The pods of spawn/kubernetes that have a database: the Job that makes its tables, and workers for
 * jobs. The database is this machine's, and so is their network. */
#include <string.h>

#include "../support/harness.h"
#include "../support/postgres.h"
#include "../support/system.h"
#include "stage.h"
#include "suites.h"

static struct postgres postgres;

static bool start_database(void)
{
	static const char secret[] =
		"printf '{\"url\":\"%s\"}' \"$(printf %s \"$0\" | base64 -w0)\" |"
		" podman secret create lanes-database -";
	const char *port = textf("port=%u", (unsigned)port_free());
	struct outcome outcome;

	return postgres_open(&postgres, STRINGS(port, "listen_addresses=127.0.0.1")) &&
	       succeeds(&outcome,
			STRINGS("sh", "-c", secret,
				textf("postgresql://lanes@127.0.0.1:%d/postgres", postgres.port)),
			NULL);
}

/* Starts the pod of a manifest. */
static bool play(const char *name)
{
	const char *path = textf("%s/%s.yaml", built("podman"), name);
	struct outcome outcome;

	return succeeds(&outcome, STRINGS("tests/containers/manifests", "pod", name), NULL) &&
	       file_write(path, outcome.out) &&
	       succeeds(&outcome, STRINGS("podman", "kube", "play", "--network", "host", path),
			NULL);
}

static bool has_exited(const char *name)
{
	return !strcmp(inspected(name, "{{.State.Status}}"), "exited");
}

static bool says_done(void)
{
	return !strcmp(postgres_ask(&postgres, "SELECT state FROM lanes_jobs"), "done");
}

static void tables_are_made_and_jobs_done(void)
{
	static const char job[] = "SELECT lanes_job_enqueue('render',"
				  " '{\"width\":64,\"height\":64}')";

	if (!stage_possible())
		return;
	stage_off();
	CU_ASSERT_FATAL(start_database());
	CU_ASSERT_FATAL(play("lanes-migrate"));
	CU_ASSERT(EVENTUALLY(has_exited("lanes-migrate-migrate")));
	CU_ASSERT_STRING_EQUAL(inspected("lanes-migrate-migrate", "{{.State.ExitCode}}"), "0");
	CU_ASSERT_FATAL(postgres_do(&postgres, job));
	CU_ASSERT_FATAL(play("lanes-jobs"));
	CU_ASSERT(EVENTUALLY(says_done()));
	CU_ASSERT(PODMAN("stop", "-t", "30", "lanes-jobs-jobs"));
	CU_ASSERT_STRING_EQUAL(inspected("lanes-jobs-jobs", "{{.State.ExitCode}}"), "0");
}

static void after(void)
{
	PODMAN("secret", "rm", "lanes-database");
	postgres_close(&postgres);
}

static const struct test tests[] = {
	{"the Job makes the tables, and a worker does what is in them",
	 tables_are_made_and_jobs_done},
};

const struct suite jobs_suite = {"jobs", tests, COUNT(tests), .after = after};

/* What "make install" puts: a library with no other names than its own, from which services are
 * built and run. */
#include <stdio.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/system.h"

static const char *directory;

static bool step(const char *name)
{
	const char *port = textf("%d", port_free());
	struct outcome outcome;

	return succeeds(&outcome, STRINGS("tests/integration/install.sh", name, directory, port),
			NULL);
}

static int setup(void)
{
	directory = directory_make();
	return step("install") ? 0 : -1;
}

static int cleanup(void)
{
	bool gone = step("uninstall");

	directory_remove(directory);
	return gone ? 0 : -1;
}

/* Takes the step that the test names. */
static void one_step(void)
{
	CU_ASSERT(step(harness_test()->data));
}

static void a_system_runs_from_what_is_installed(void)
{
	CU_ASSERT(step("build") && step("serve"));
}

static void a_plain_user_runs_what_root_has_installed(void)
{
	if (geteuid()) {
		not_judged("only root can become another user");
		return;
	}
	CU_ASSERT(step("build") && step("serve-plain"));
}

static void units_are_closed(void)
{
	struct outcome outcome;

	run(&outcome, STRINGS("sh", "-c", "systemd-analyze security --help | grep -e --offline"),
	    NULL, -1);
	if (outcome.status) {
		not_judged("no systemd-analyze that judges files");
		return;
	}
	CU_ASSERT(step("units"));
}

static const struct test tests[] = {
	{"the library exports what is recorded", one_step, "exports"},
	{"a package has it where Debian expects it", one_step, "package"},
	{"a service is built with pkg-config alone", one_step, "build"},
	{"manual pages say what there is", one_step, "manual"},
	{"systemd finds its units right, and closed to 1.5 of 10", units_are_closed},
	{"a system runs from what is installed", a_system_runs_from_what_is_installed},
	{"a plain user runs what root has installed", a_plain_user_runs_what_root_has_installed},
};

const struct suite install_suite = {"install", tests, COUNT(tests), setup, cleanup};

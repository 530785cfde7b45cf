/* What "make install" puts: a library with no other names than its own, from which services are
 * built and run. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/system.h"

static char directory[DIRECTORY_SIZE];

static bool step(const char *name)
{
	struct outcome outcome;
	char port[8];

	snprintf(port, sizeof(port), "%u", (unsigned)port_free());
	run(&outcome, (const char *[]){"tests/integration/install.sh", name, directory, port, NULL},
	    NULL, -1);
	if (outcome.status)
		printf("%s%s\n", outcome.out, outcome.errors);
	return outcome.status == 0;
}

static int setup(void)
{
	return directory_make(directory) && step("install") ? 0 : -1;
}

static int cleanup(void)
{
	bool gone = step("uninstall");

	directory_remove(directory);
	return gone ? 0 : -1;
}

static void the_library_exports_what_is_recorded(void)
{
	CU_ASSERT(step("exports"));
}

static void a_package_has_it_where_debian_expects_it(void)
{
	CU_ASSERT(step("package"));
}

static void a_service_is_built_with_pkg_config_alone(void)
{
	CU_ASSERT(step("build"));
}

static void manual_pages_say_what_there_is(void)
{
	CU_ASSERT(step("manual"));
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

static const struct test tests[] = {
	{"the library exports what is recorded", the_library_exports_what_is_recorded},
	{"a package has it where Debian expects it", a_package_has_it_where_debian_expects_it},
	{"a service is built with pkg-config alone", a_service_is_built_with_pkg_config_alone},
	{"manual pages say what there is", manual_pages_say_what_there_is},
	{"a system runs from what is installed", a_system_runs_from_what_is_installed},
	{"a plain user runs what root has installed", a_plain_user_runs_what_root_has_installed},
};

const struct suite install_suite = {"install", tests, sizeof(tests) / sizeof(tests[0]), setup,
				    cleanup};

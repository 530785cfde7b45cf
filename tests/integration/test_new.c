/* make new: a project of one's own, as who begins one sees it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/client.h"
#include "../support/harness.h"

static const char *directory; /* in which projects are made */
static char project[DIRECTORY_SIZE + 32];
static struct outcome outcome;

/* What tests were started with is not for projects. */
#define OWN "PROGRAM", "PORT", "RUN_DIR", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "CFLAGS", "NAME"

static int begin(void)
{
	directory = directory_make();
	return 0;
}

static int end(void)
{
	directory_remove(directory);
	return 0;
}

static bool does(const char *const *arguments)
{
	return succeeds(&outcome, arguments, STRINGS(OWN));
}

static bool make_new(const char *folder, const char *name)
{
	snprintf(project, sizeof(project), "%s/%s", directory, folder);
	return does(STRINGS("make", "-s", "new", textf("DIR=%s", project), name));
}

/* make in the project, with up to three arguments; false, with what it said, if it fails. */
static bool make(const char *what, const char *second, const char *third)
{
	return does(STRINGS("make", "-C", project, what, second, third));
}

/* make test in the project fails, and says that in a line of its own. */
static bool test_says(const char *only, const char *line)
{
	run(&outcome, STRINGS("make", "-sC", project, "test", only), STRINGS(OWN), -1);
	return outcome.status && strstr(outcome.errors, line) == outcome.errors;
}

static bool change(const char *how)
{
	return does(STRINGS("tests/integration/new_project.sh", project, how));
}

static bool said(const char *text)
{
	return strstr(outcome.out, text) != NULL;
}

static void what_cannot_be_is_refused(void)
{
	static const char *const bad[][3] = {
		{"full", NULL, "holds something"},
		{"full/file", NULL, "holds something"},
		{"123", NULL, "- and _ are wanted; give NAME="},
		{"well", "NAME=a/b", "cannot be called a/b: a small letter"},
		{"well", "NAME=sixteen-letters-", "cannot be called sixteen-letters-: a small"},
		{"well", "NAME=nginx", "cannot be called nginx, as"},
		{"full/file/below", NULL, "cannot make a folder in"},
		{"../../app/mine", NULL, "is inside Lanes"},
	};
	const char *full = textf("%s/full", directory);

	mkdir(full, 0755);
	CU_ASSERT(file_write(textf("%s/file", full), ""));
	for (size_t i = 0; i < COUNT(bad); i++) {
		run_script(&outcome, "app/new/new.sh",
			   STRINGS(textf("DIR=%s/%s", directory, bad[i][0]),
				   bad[i][1] ? bad[i][1] : "NAME"));
		CU_ASSERT(was_refused(&outcome, bad[i][2]));
	}
	run_script(&outcome, "app/new/new.sh", STRINGS("DIR"));
	CU_ASSERT(was_refused(&outcome, "where to?"));
	run(&outcome, STRINGS("find", directory, "-mindepth", "1"), NULL, -1);
	CU_ASSERT_STRING_EQUAL(outcome.out, textf("%s\n%s/file\n", full, full));
}

/* In an empty folder, which stays the same one; its name has a character of make and of shells. */
static void it_is_built_tested_and_changed(void)
{
	struct stat before = {0};
	struct stat after = {0};

	snprintf(project, sizeof(project), "%s/a $shop", directory);
	CU_ASSERT_FATAL(mkdir(project, 0755) == 0 && stat(project, &before) == 0);
	CU_ASSERT_FATAL(make_new("a $shop", "NAME=shop"));
	CU_ASSERT(stat(project, &after) == 0 && after.st_ino == before.st_ino);
	CU_ASSERT(change("links"));
	CU_ASSERT(make("help", NULL, NULL) && said("\ntest "));
	CU_ASSERT_FATAL(make("test", NULL, NULL));
	CU_ASSERT(said("POST /quotes: a quote is made ...passed"));
	CU_ASSERT_FATAL(change("add"));
	CU_ASSERT_FATAL(make("test", NULL, NULL));
	CU_ASSERT(said("a delivery is stored ...passed"));
	CU_ASSERT_FATAL(change("empty"));
	CU_ASSERT_FATAL(make("test", NULL, NULL));
	CU_ASSERT_FALSE(said("POST"));
	CU_ASSERT(said("elsewhere there is nothing ...passed"));
	CU_ASSERT(test_says("ONLY=POST", "no test has \"POST\" in its name\n"));
	CU_ASSERT_FATAL(change("untested"));
	CU_ASSERT(test_says(NULL, "there are no tests: "));
}

/* A project that nobody has changed: made by the first test that needs one. */
static bool has_shop(void)
{
	snprintf(project, sizeof(project), "%s/shop", directory);
	return access(project, F_OK) == 0 || make_new("shop", NULL);
}

/* Where its source is gone, an installed library does. */
static void an_installed_library_does(void)
{
	static const char package[] = "cat >\"$1/lanes.pc\" <<EOF\n"
				      "Name: lanes\nDescription: -\nVersion: 1\n"
				      "Requires: libuv json-c fcgi libseccomp libcurl libpq "
				      "libunwind-generic libdw\n"
				      "Cflags: -I$PWD/app/lanes\n"
				      "Libs: -L$PWD/build -llanes -lm\nEOF";
	static const char command[] = "PKG_CONFIG_PATH=$2 make -C \"$1\" LANES=/nowhere all";

	CU_ASSERT_FATAL(has_shop());
	run(&outcome, STRINGS("sh", "-c", command, "sh", project, "/nowhere"), STRINGS(OWN), -1);
	CU_ASSERT_NOT_EQUAL(outcome.status, 0);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(outcome.errors, "Lanes is neither in /nowhere nor installed"));
	CU_ASSERT(does(STRINGS("sh", "-c", package, "sh", directory)));
	CU_ASSERT(does(STRINGS("sh", "-c", command, "sh", project, directory)));
	CU_ASSERT(said("LD build/shop"));
}

/* ---- a system of it ---- */

/* Two of them; the second has a database. */
static void systems_run_under_its_name(void)
{
	static struct system systems[2];
	pid_t pids[8];

	CU_ASSERT_FATAL(has_shop());
	CU_ASSERT_EQUAL_FATAL(setenv("WORKERS", "1", 1), 0);
	for (int i = 0; i < 2; i++) {
		struct system *s = &systems[i];

		system_at(s, port_free(), textf("%s/run-%d", directory, i));
		if (i)
			CU_ASSERT_EQUAL_FATAL(setenv("DATABASE", "private", 1), 0);
		CU_ASSERT_FATAL(make("start", s->port_variable, s->run_dir_variable));
		CU_ASSERT(said("shop: http://localhost:"));
	}
	unsetenv("DATABASE");
	unsetenv("WORKERS");
	CU_ASSERT(make("jobs", systems[1].run_dir_variable, NULL) &&
		  said("no jobs wait, run or are dead"));
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(get(&systems[i], "/nowhere")->status, 404);
		CU_ASSERT_PTR_NOT_NULL(
			strstr(get(&systems[i], "/openapi.json")->body, "\"title\":\"shop\""));
		/* Three workers, each with a master. */
		CU_ASSERT_EQUAL(processes_in(systems[i].run_dir, "shop", pids, 8), 3 + 3);
	}
	CU_ASSERT(make("restart", systems[0].run_dir_variable, NULL) &&
		  said("shop: loop-1 replaced"));
	CU_ASSERT(make("scale", "WORKERS=2", systems[0].run_dir_variable));
	CU_ASSERT(make("status", systems[0].run_dir_variable, NULL) && said(": ready\n"));
	CU_ASSERT(EVENTUALLY(processes_in(systems[0].run_dir, "shop", pids, 8) == 4 + 3));
	for (int i = 0; i < 2; i++) {
		CU_ASSERT(make("stop", systems[i].run_dir_variable, NULL));
		CU_ASSERT_EQUAL(processes_in(systems[i].run_dir, NULL, pids, 8), 0);
	}
}

/* ---- by somebody who may not write to the library, and has no name ---- */

/* What is built already, so that the copy needs only be looked at. */
static const char AS_BUILT[] = "mkdir -p \"$1/build/library/build\" &&"
			       "cp -a build/app build/inside.a build/liblanes.? build/exports "
			       "build/flags \"$1/build/library/build\" &&"
			       "chown -R 61234 \"$1\"";

static void another_user_builds_it(void)
{
	static const char command[] = "setpriv --reuid=61234 --regid=61234 --clear-groups "
				      "make -C \"$1\" test start stop PORT=$2";

	if (geteuid()) {
		not_judged("only root can become other users");
		return;
	}
	CU_ASSERT_FATAL(make_new("theirs", NULL));
	CU_ASSERT_FATAL(does(STRINGS("sh", "-c", AS_BUILT, "sh", project)));
	chmod(directory, 0755);
	CU_ASSERT(does(STRINGS("sh", "-c", command, "sh", project, textf("%d", port_free()))));
	CU_ASSERT(said("POST /quotes: a quote is made ...passed"));
	CU_ASSERT_PTR_NULL(strstr(outcome.errors, "id: "));
}

/* What Lanes' README tells to type. */
static void it_begins_as_the_readme_says(void)
{
	CU_ASSERT(does(STRINGS("tests/documents/own", directory, textf("%d", port_free()))));
	CU_ASSERT(said("{\"id\":7,\"stock\":5}"));
	CU_ASSERT(said("a delivery is stored ...passed"));
}

static const struct test tests[] = {
	{"what cannot be is refused in one line, and nothing is made", what_cannot_be_is_refused},
	{"it is built and tested, has an endpoint more, and then none",
	 it_is_built_tested_and_changed},
	{"an installed library does, too", an_installed_library_does},
	{"two systems of it run under its name", systems_run_under_its_name},
	{"by somebody who may not write to the library", another_user_builds_it},
	{"it begins as the README says", it_begins_as_the_readme_says},
};

const struct suite new_suite = {"new", tests, COUNT(tests), begin, end};

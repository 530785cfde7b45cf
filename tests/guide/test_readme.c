/* What the READMEs say can be typed, and is there. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/raw.h"
#include "../support/system.h"

enum { SYSTEMS = 5, TRIES = 10, TOO_LATE = 2 };

static struct outcome outcome;
static const char *directory; /* of the test */

static void before(void)
{
	directory = directory_make();
}

static void after(void)
{
	directory_remove(directory);
}

/* The script that is the test's data, in that directory. */
static void a_script_succeeds(void)
{
	const char *path = harness_test()->data;

	CU_ASSERT(succeeds(&outcome, STRINGS(path, directory), NULL));
}

static void what_they_name_is_there(void)
{
	CU_ASSERT(succeeds(&outcome, STRINGS("tests/documents/check"), NULL));
}

/* In the system's folder: a file may be written. */
static const char TYPED[] =
	"block=$(tests/documents/block \"$1\" | sed \"s,http://localhost:8080,$2,\")\n"
	"cd \"$3\"\n"
	"eval \"$block\"\n";

static void what_is_typed_answers_so(void)
{
	static struct system sys;
	const char *trace;

	CU_ASSERT_FATAL(system_start(&sys, SYSTEM(.workers = 1)));
	CU_ASSERT(succeeds(
		&outcome,
		STRINGS("tests/documents/check", "console", program(), textf("%d", sys.port)),
		NULL));
	CU_ASSERT(succeeds(&outcome,
			   STRINGS("sh", "-ec", TYPED, "sh", "trace", sys.url, sys.run_dir), NULL));
	trace = system_file(&sys, "trace.json");
	CU_ASSERT(file_has(trace, "traceEvents"));
	unlink(trace);
	CU_ASSERT(system_stop(&sys));
}

/* Until the picture is drawn. */
static void a_render_is_made_as_they_say(void)
{
	static struct system sys;
	const char *picture;

	CU_ASSERT_FATAL(system_start(
		&sys, SYSTEM(.workers = 1, .environment = STRINGS("DATABASE=private"))));
	picture = textf("%s/set.png", sys.run_dir);
	CU_ASSERT(EVENTUALLY(
		succeeds(&outcome,
			 STRINGS("sh", "-ec", TYPED, "sh", "a render", sys.url, sys.run_dir),
			 NULL) &&
		file_has(picture, "PNG")));
	unlink(picture);
	CU_ASSERT(system_stop(&sys));
}

static void a_system_is_operated_as_they_say(void)
{
	CU_ASSERT(succeeds(&outcome,
			   STRINGS("tests/documents/operate", directory, textf("%d", port_free()),
				   textf("%d", port_free())),
			   NULL));
}

static void the_example_endpoint_works(void)
{
	struct worker worker;
	struct raw raw;

	CU_ASSERT(succeeds(&outcome, STRINGS("tests/documents/endpoint", directory), NULL));
	CU_ASSERT_FATAL(
		worker_start_program(&worker, textf("%s/build/lanes", directory), NULL, NULL));
	CU_ASSERT(raw_open(&raw, worker.socket));
	CU_ASSERT(raw_gets(&raw, 1, "/hello", "seconds=0.25",
			   "{\"mode\":\"hello\",\"detail\":\"slept 0.25 s\"}\n"));
	CU_ASSERT(raw_gets(&raw, 2, "/hello", "seconds=long", "STDOUT 2 Status: 422 "));
	raw_close(&raw);
	worker_stop(&worker);
}

static void a_local_does_not_survive_an_await(void)
{
	run(&outcome, STRINGS("tests/documents/endpoint", directory, "spoilt"), NULL, -1);
	CU_ASSERT_NOT_EQUAL(outcome.status, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.errors, "may be used uninitialized"));
}

/* Whatever the flags: no warning is asked for. */
static void nor_does_one_with_an_initialiser(void)
{
	static const struct {
		const char *compiler;
		const char *flags;
		const char *wrong;
		const char *says;
	} rows[] = {
		{"gcc", "-O0", "ACROSS", "switch jumps over variable initialization"},
		{"gcc", "-O2", "ACROSS", "switch jumps over variable initialization"},
		{"gcc", "-O3 -flto", "ACROSS", "switch jumps over variable initialization"},
		{"clang", "-O0", "ACROSS", "'kept' is uninitialized"},
		{"clang", "-O3", "ACROSS", "'kept' is uninitialized"},
		{"gcc", "-O2", "WIDE", "a frame is not aligned"},
	};

	for (size_t i = 0; i < 2 * COUNT(rows); i++) {
		bool wrong = i % 2;

		run(&outcome, STRINGS(rows[i / 2].compiler, "--version"), NULL, -1);
		if (outcome.status) {
			not_judged("no %s is here", rows[i / 2].compiler);
			continue;
		}
		run(&outcome,
		    STRINGS("sh", "-c",
			    textf("%s %s -D%s=%d -std=c11 -D_GNU_SOURCE -Iapp/lanes "
				  "$(pkg-config --cflags libuv json-c) -c -o /dev/null "
				  "tests/documents/local.c",
				  rows[i / 2].compiler, rows[i / 2].flags, rows[i / 2].wrong,
				  wrong)),
		    NULL, -1);
		CU_ASSERT_EQUAL(outcome.status != 0, wrong);
		CU_ASSERT_EQUAL(strstr(outcome.errors, rows[i / 2].says) != NULL, wrong);
	}
}

/* Fifty times in all: systems side by side, since most of it is waiting. */
static void the_first_screen_shows_what_it_says(void)
{
	static struct system systems[SYSTEMS];
	pid_t readers[SYSTEMS];
	int status;

	for (int i = 0; i < SYSTEMS; i++) {
		CU_ASSERT_FATAL(system_start(&systems[i], SYSTEM(.workers = 2)));
		readers[i] = process_start(
			STRINGS("tests/documents/first_screen", systems[i].run_dir,
				textf("%u", (unsigned)systems[i].port), textf("%d", TRIES)),
			NULL, system_file(&systems[i], "tries.log"));
	}
	for (int i = 0; i < SYSTEMS; i++) {
		waitpid(readers[i], &status, 0);
		CU_ASSERT(status == 0 || status == TOO_LATE << 8);
		IN_TIME(status == 0);
		if (status)
			printf("%s", file_text(system_file(&systems[i], "tries.log")));
		CU_ASSERT(system_stop(&systems[i]));
	}
}

static const struct test tests[] = {
	{"links, commands, paths, options and names are there, and a test runs each example",
	 what_they_name_is_there},
	{"each block of C compiles", a_script_succeeds, "tests/documents/compile"},
	{"what is typed is answered as shown", what_is_typed_answers_so},
	{"a render is made as they say", a_render_is_made_as_they_say},
	{"a system is started, scaled, replaced and stopped as they say",
	 a_system_is_operated_as_they_say},
	{"a worker is loaded as they say", a_script_succeeds, "tests/documents/in_flight"},
	{"the first screen, tried fifty times, shows what it says",
	 the_first_screen_shows_what_it_says},
	{"the example of an added endpoint is built and answers", the_example_endpoint_works},
	{"a local that is to survive an AWAIT does not build", a_local_does_not_survive_an_await},
	{"nor does one with an initialiser, or a frame that is aligned wider",
	 nor_does_one_with_an_initialiser},
};

const struct suite readme_suite = {"readme", tests, COUNT(tests), .before = before, .after = after};

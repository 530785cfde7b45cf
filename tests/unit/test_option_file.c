/* Options in a file: --config. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/process.h"
#include "caught.h"
#include "engine/options.h"

enum { MOST = 8 };

static const char *folder;
static char file[DIRECTORY_SIZE + 16];
static struct options o;
static struct caught caught;

/* Parses a command line, and reads what is said. */
static int parse(const char *const *words)
{
	static char texts[MOST][160];
	char *argv[MOST + 1] = {NULL};
	int argc = 1;
	int err;

	argv[0] = strcpy(texts[0], "lanes");
	for (; *words; words++, argc++)
		argv[argc] = strcpy(texts[argc], *words);
	caught_begin();
	err = options_parse(&o, NULL, argc, argv);
	caught_end(&caught);
	return err;
}

#define PARSE(...) parse(STRINGS(__VA_ARGS__))

static void holds(const char *text)
{
	CU_ASSERT_FATAL(file_write(file, text));
}

static void is_refused(const char *text, const char *why)
{
	holds(text);
	CU_ASSERT_EQUAL(PARSE("--config", file), -EINVAL);
	CU_ASSERT_STRING_EQUAL(caught.text, textf("lanes: %s%s\n", file, why));
	CU_ASSERT_EQUAL(caught.writes, 1);
}

static void a_line_for_each_option(void)
{
	holds("threads = 20\n\npool=shop\n\theader-timeout =  1.5 \r\nengine = jobs\n"
	      "database = host=db user=x");
	CU_ASSERT_EQUAL(PARSE("--config", file), 0);
	CU_ASSERT_EQUAL(caught.len, 0);
	CU_ASSERT_EQUAL(o.threads, 20);
	CU_ASSERT_STRING_EQUAL(o.pool, "shop");
	CU_ASSERT_EQUAL(o.header_timeout, 1500);
	CU_ASSERT_EQUAL(o.engine, ENGINE_JOBS);
	CU_ASSERT_STRING_EQUAL(o.database, "host=db user=x");
	CU_ASSERT_STRING_EQUAL(o.config, file);
}

static void comments_are_skipped(void)
{
	holds("# threads = 1\nthreads = 20 # as many\n  # slot = 7\npool = a#b\n");
	CU_ASSERT_EQUAL(PARSE("--config", file), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(caught.text, ":4: pool: 'a#b' is not"));
	holds("#\nthreads = 20\t#as many\nfront = a#b\n#");
	CU_ASSERT_EQUAL(PARSE("--config", file), 0);
	CU_ASSERT_EQUAL(o.threads, 20);
	CU_ASSERT_STRING_EQUAL(o.front, "a#b");
}

static void the_environment_and_then_flags_win(void)
{
	holds("threads = 20\nslot = 20\nnice = 2\n");
	setenv("LANES_SLOT", "30", 1);
	setenv("LANES_NICE", "3", 1);
	CU_ASSERT_EQUAL(PARSE("--nice", "4", "--config", file), 0);
	CU_ASSERT_EQUAL(o.threads, 20);
	CU_ASSERT_EQUAL(o.slot, 30);
	CU_ASSERT_EQUAL(o.nice, 4);
}

static void the_last_line_counts(void)
{
	holds("threads = 20\nthreads = 21\n");
	CU_ASSERT_EQUAL(PARSE("--config", file), 0);
	CU_ASSERT_EQUAL(o.threads, 21);
}

static void the_environment_may_name_it(void)
{
	holds("threads = 20\n");
	setenv("LANES_CONFIG", file, 1);
	CU_ASSERT_EQUAL(PARSE(NULL), 0);
	CU_ASSERT_EQUAL(o.threads, 20);
	setenv("LANES_CONFIG", "/nowhere", 1);
	CU_ASSERT_EQUAL(PARSE("--config", file), 0);
	CU_ASSERT_EQUAL(PARSE(NULL), -EINVAL);
	CU_ASSERT_STRING_EQUAL(caught.text, "lanes: /nowhere: No such file or directory\n");
	setenv("LANES_CONFIG", "", 1);
	CU_ASSERT_EQUAL(PARSE(NULL), -EINVAL);
	CU_ASSERT_STRING_EQUAL(caught.text, "lanes: LANES_CONFIG: '' is not a text: it is empty\n");
}

/* A flag's value is not looked at as if it were one. */
static void only_the_option_names_it(void)
{
	CU_ASSERT_EQUAL(PARSE("--listen", "--config", "--slot", "3"), 0);
	CU_ASSERT_PTR_NULL(o.config);
	CU_ASSERT_STRING_EQUAL(o.listen, "--config");
}

static void capitals_are_for_the_scripts(void)
{
	holds("PORT = 8081\nSERVER_NAMES = a b\nthreads = 20\n");
	CU_ASSERT_EQUAL(PARSE("--config", file), 0);
	CU_ASSERT_EQUAL(o.threads, 20);
	is_refused("FCGI_WEB_SERVER_ADDRS = ::1\n",
		   ":1: 'FCGI_WEB_SERVER_ADDRS' is not an option that a file may have; see --help");
	is_refused("LANES_THREADS = 1\n",
		   ":1: 'LANES_THREADS' is not an option that a file may have; see --help");
}

static void what_is_wrong_is_told_with_its_line(void)
{
	static const char not_one[] = "is not an option that a file may have; see --help";

	is_refused("\nthreads = 0\npool = a b\n",
		   ":2: threads: '0' is not a whole number from 1 to 1024");
	is_refused("thread = 1\n", textf(":1: 'thread' %s", not_one));
	is_refused("Threads = 1\n", textf(":1: 'Threads' %s", not_one));
	is_refused("= 1\n", textf(":1: '' %s", not_one));
	is_refused("config = other\n", textf(":1: 'config' %s", not_one));
	is_refused("migrate = on\n", textf(":1: 'migrate' %s", not_one));
	is_refused("job-drop = 7\n", textf(":1: 'job-drop' %s", not_one));
	is_refused("threads 20\n", ":1: 'threads 20' is not NAME = VALUE");
	is_refused("pool =\n", ":1: pool: '' is not 1 to 23 letters, digits, '-' and '_'");
}

static void a_file_that_is_none(void)
{
	FILE *out = fopen(file, "w");

	fwrite("threads = 20\n\0slot = 1\n", 1, 23, out);
	fclose(out);
	CU_ASSERT_EQUAL(PARSE("--config", file), -EINVAL);
	CU_ASSERT_STRING_EQUAL(caught.text, textf("lanes: %s: it is not a text\n", file));
	CU_ASSERT_EQUAL(truncate(file, 1048577), 0);
	CU_ASSERT_EQUAL(PARSE("--config", file), -EINVAL);
	CU_ASSERT_STRING_EQUAL(caught.text, textf("lanes: %s: it is longer than 1 MB\n", file));
	unlink(file);
	CU_ASSERT_EQUAL(mkfifo(file, 0600), 0); /* without a writer: nobody waits for one */
	CU_ASSERT_EQUAL(PARSE("--config", file), -EINVAL);
	CU_ASSERT_STRING_EQUAL(caught.text, textf("lanes: %s: it is not a regular file\n", file));
}

static void a_check_tells_of_each(void)
{
	holds("threads = 0\nbogus = 1\nslot = 3\nnothing\n");
	setenv("LANES_NICE", "20", 1);
	CU_ASSERT_EQUAL(PARSE("--config", file, "--check-config", "--backlog=0", "--bogus"),
			-EINVAL);
	CU_ASSERT_EQUAL(caught.writes, 6);
	CU_ASSERT_PTR_NOT_NULL(strstr(caught.text, ":1: threads: '0' is not"));
	CU_ASSERT_PTR_NOT_NULL(strstr(caught.text, ":2: 'bogus' is not"));
	CU_ASSERT_PTR_NOT_NULL(strstr(caught.text, ":4: 'nothing' is not"));
	CU_ASSERT_PTR_NOT_NULL(strstr(caught.text, "\nlanes: LANES_NICE: '20' is not"));
	CU_ASSERT_PTR_NOT_NULL(strstr(caught.text, "\nlanes: --backlog: '0' is not"));
	CU_ASSERT_PTR_NOT_NULL(strstr(caught.text, "\nlanes: command line: '--bogus' is not"));
	CU_ASSERT_EQUAL(o.slot, 3);
}

static const struct test tests[] = {
	{"a line for each option", a_line_for_each_option},
	{"comments are skipped", comments_are_skipped},
	{"the environment, and then flags win", the_environment_and_then_flags_win},
	{"the last line counts", the_last_line_counts},
	{"the environment may name it", the_environment_may_name_it},
	{"only the option names it", only_the_option_names_it},
	{"capitals are for the scripts", capitals_are_for_the_scripts},
	{"what is wrong is told with its line", what_is_wrong_is_told_with_its_line},
	{"a file that is none", a_file_that_is_none},
	{"a check tells of each", a_check_tells_of_each},
};

static void forget_the_environment(void)
{
	extern char **environ;

	for (char **at = environ; *at;)
		if (strncmp(*at, "LANES_", 6))
			at++;
		else
			unsetenv(textf("%.*s", (int)strcspn(*at, "="), *at));
}

static void begin(void)
{
	forget_the_environment();
	folder = directory_make();
	snprintf(file, sizeof(file), "%s/a.conf", folder);
}

static void end(void)
{
	directory_remove(folder);
	forget_the_environment();
}

const struct suite option_file_suite = {"option-file", tests, COUNT(tests), .before = begin,
					.after = end};

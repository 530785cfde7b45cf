#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/process.h"
#include "caught.h"
#include "engine/options.h"

enum { MOST = 8 };

static struct options o;	       /* what a test has parsed */
static const struct option_table *own; /* the application's; NULL: none */

/* Parses a command line given as words, NULL at the end. */
static int parse(struct options *options, const char *const *words, struct caught *caught)
{
	static char texts[MOST][64];
	char *argv[MOST + 1] = {NULL};
	int argc = 1;
	int err;

	argv[0] = strcpy(texts[0], "lanes");
	for (; *words; words++, argc++)
		argv[argc] = strcpy(texts[argc], *words);
	caught_begin();
	err = options_parse(options, own, argc, argv);
	caught_end(caught);
	return err;
}

#define PARSE(options, ...) accepted(options, (const char *const[]){__VA_ARGS__, NULL})

static void accepted(struct options *options, const char *const *words)
{
	struct caught caught;

	CU_ASSERT_EQUAL(parse(options, words, &caught), 0);
	CU_ASSERT_EQUAL(caught.len, 0);
}

/* One line that names the option, the value and what is allowed. */
static void refused(const char *const *words, const char *line)
{
	struct options options;
	struct caught caught;

	CU_ASSERT_EQUAL(parse(&options, words, &caught), -EINVAL);
	CU_ASSERT_STRING_EQUAL(caught.text, line);
	CU_ASSERT_EQUAL(caught.writes, 1);
}

#define REFUSED(line, ...) refused((const char *const[]){__VA_ARGS__, NULL}, line)

/* A test that is nothing but wrong values of an option ("--name=", or "" for words that are none):
 * what is said is that they are not that. The list ends with NULL. */
struct wrong {
	const char *option, *where;
	const char *is_not;
	const char *const *values;
};

static void wrong_values_are_refused(void)
{
	for (const struct wrong *wrong = harness_test()->data; wrong->option; wrong++)
		for (const char *const *value = wrong->values; *value; value++)
			REFUSED(textf("lanes: %s: '%s' is not %s\n", wrong->where, *value,
				      wrong->is_not),
				textf("%s%s", wrong->option, *value));
}

#define WRONG(option, is_not, ...)                                                                 \
	{                                                                                          \
		option "=", option, is_not, STRINGS(__VA_ARGS__)                                   \
	}
#define WRONG_VALUES(...)                                                                          \
	wrong_values_are_refused, (const struct wrong[])                                           \
	{                                                                                          \
		__VA_ARGS__,                                                                       \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}

static void the_defaults(void)
{
	PARSE(&o, NULL);
	CU_ASSERT_EQUAL(o.engine, ENGINE_LOOP);
	CU_ASSERT_PTR_NULL(o.listen);
	CU_ASSERT_STRING_EQUAL(o.pool, "loop");
	CU_ASSERT_PTR_NULL(o.mount);
	CU_ASSERT_EQUAL(o.slot, 0);
	CU_ASSERT_EQUAL(o.drain, DRAIN_AUTO);
	CU_ASSERT_EQUAL(o.threads, 40);
	CU_ASSERT_EQUAL(o.backlog, 4096);
	CU_ASSERT_EQUAL(o.params_limit, 65536);
	CU_ASSERT_EQUAL(o.header_timeout, 10000);
	CU_ASSERT_EQUAL(o.drain_timeout, 30000);
	CU_ASSERT_EQUAL(o.drain_idle, 20000);
	CU_ASSERT_EQUAL(o.sandbox, SANDBOX_ON);
	CU_ASSERT_EQUAL(o.listen_mode, 0660);
	CU_ASSERT_EQUAL(o.stream_age, 3600000);
	CU_ASSERT_EQUAL(o.address_space, 0);
	CU_ASSERT_EQUAL(o.oom_score_adj, 0);
	CU_ASSERT_FALSE(o.help || o.version);
}

static void cpu_threads_default_to_the_cores(void)
{
	PARSE(&o, NULL);
	CU_ASSERT_EQUAL(o.cpu_threads, sysconf(_SC_NPROCESSORS_ONLN));
	PARSE(&o, "--cpu-threads", "3");
	CU_ASSERT_EQUAL(o.cpu_threads, 3);
}

static void a_value_follows_the_flag_or_an_equals_sign(void)
{
	PARSE(&o, "--threads", "7", "--slot=2", "--listen=a=b:1", "--pool", "x");
	CU_ASSERT_EQUAL(o.threads, 7);
	CU_ASSERT_EQUAL(o.slot, 2);
	CU_ASSERT_STRING_EQUAL(o.listen, "a=b:1");
	CU_ASSERT_STRING_EQUAL(o.pool, "x");
}

static void the_last_flag_counts(void)
{
	PARSE(&o, "--threads=7", "--threads=8");
	CU_ASSERT_EQUAL(o.threads, 8);
}

static void words_choose(void)
{
	PARSE(&o, "--engine=prefork", "--drain", "wait", "--sandbox=off");
	CU_ASSERT_EQUAL(o.sandbox, SANDBOX_OFF);
	CU_ASSERT_EQUAL(o.engine, ENGINE_PREFORK);
	CU_ASSERT_EQUAL(o.drain, DRAIN_WAIT);
	PARSE(&o, "--engine=loop", "--drain=refuse");
	CU_ASSERT_EQUAL(o.engine, ENGINE_LOOP);
	CU_ASSERT_EQUAL(o.drain, DRAIN_REFUSE);
}

static void seconds_become_milliseconds(void)
{
	PARSE(&o, "--header-timeout=1.5", "--idle-timeout", "60", "--drain-timeout=0");
	CU_ASSERT_EQUAL(o.header_timeout, 1500);
	CU_ASSERT_EQUAL(o.idle_timeout, 60000);
	CU_ASSERT_EQUAL(o.drain_timeout, 0);
}

/* Of every number: the least and the most, of seconds in thousandths. */
static const struct limits {
	const char *name;
	int64_t min, max;
	bool seconds;
} all_limits[] = {
	{"slot", 0, 1000000},
	{"nice", 0, 19},
	{"address-space", 0, 1048576},
	{"oom-score-adj", 0, 1000},
	{"threads", 1, 1024},
	{"spare-threads", 0, 1024},
	{"thread-queue", 0, 10000000},
	{"cpu-threads", 0, 1024},
	{"cpu-queue", 0, 10000000},
	{"backlog", 1, 65535},
	{"max-conns", 1, 1000000},
	{"max-reqs", 1, 10000000},
	{"conn-requests", 1, 65535},
	{"params-limit", 256, 16777216},
	{"stdin-limit", 0, INT64_MAX},
	{"body-memory", 131072, 1073741824},
	{"spool-limit", 0, INT64_MAX},
	{"output-limit", 4096, 1073741824},
	{"stream-limit", 4096, 1073741824},
	{"max-streams", 1, 1000000},
	{"memory-limit", 1048576, INT64_MAX},
	{"conn-memory-limit", 65536, INT64_MAX},
	{"header-timeout", 50, 3600000, true},
	{"queue-timeout", 0, 86400000, true},
	{"idle-timeout", 50, 86400000, true},
	{"send-timeout", 50, 3600000, true},
	{"body-timeout", 50, 3600000, true},
	{"drain-timeout", 0, 86400000, true},
	{"slow-callback", 10, 3600000, true},
	{"ready-held", 10, 3600000, true},
};

static bool is_allowed(const struct limits *limits, uint64_t number)
{
	struct options options;
	struct caught caught;
	const char *flag = limits->seconds
				   ? textf("--%s=%d.%03d", limits->name, (int)number / 1000,
					   (int)number % 1000)
				   : textf("--%s=%llu", limits->name, (unsigned long long)number);

	return parse(&options, STRINGS(flag), &caught) == 0;
}

static void every_number_has_limits_that_are_allowed(void)
{
	for (size_t i = 0; i < COUNT(all_limits); i++) {
		const struct limits *limits = &all_limits[i];

		CU_ASSERT_TRUE(is_allowed(limits, (uint64_t)limits->min));
		CU_ASSERT_TRUE(is_allowed(limits, (uint64_t)limits->max));
		CU_ASSERT_FALSE(limits->min && is_allowed(limits, (uint64_t)limits->min - 1));
		CU_ASSERT_FALSE(is_allowed(limits, (uint64_t)limits->max + 1));
	}
}

static void the_environment_overrides_the_defaults(void)
{
	setenv("LANES_THREADS", "5", 1);
	setenv("LANES_HEADER_TIMEOUT", "2", 1);
	setenv("LANES_ENGINE", "prefork", 1);
	PARSE(&o, NULL);
	CU_ASSERT_EQUAL(o.threads, 5);
	CU_ASSERT_EQUAL(o.header_timeout, 2000);
	CU_ASSERT_EQUAL(o.engine, ENGINE_PREFORK);
}

static void flags_override_the_environment(void)
{
	setenv("LANES_THREADS", "5", 1);
	PARSE(&o, "--threads=6");
	CU_ASSERT_EQUAL(o.threads, 6);
}

static void a_long_value_leaves_room_for_what_is_wrong(void)
{
	struct caught caught;
	char value[5000];

	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	setenv("LANES_THREADS", value, 1);
	CU_ASSERT_EQUAL(parse(&o, STRINGS(NULL), &caught), -EINVAL);
	CU_ASSERT_TRUE(caught_one_line(&caught, "x' is not a whole number from 1 to 1024\n"));
}

/* Nobody drops a job because of a name that was left there. */
static void orders_are_typed(void)
{
	setenv("LANES_JOB_DROP", "7", 1);
	PARSE(&o, "--job-retry", "8");
	CU_ASSERT_PTR_NULL(o.job_drop);
	CU_ASSERT_STRING_EQUAL(o.job_retry, "8");
	unsetenv("LANES_JOB_DROP");
}

static void a_bad_environment_names_its_variable(void)
{
	setenv("LANES_CPU_THREADS", "many", 1);
	REFUSED("lanes: LANES_CPU_THREADS: 'many' is not a whole number from 0 to 1024\n", NULL);
}

static void cpus_are_a_list(void)
{
	static const char *const sound[] = {"off", "auto", "0", "1023", "0-3,8", "8,0-0,8"};

	for (size_t i = 0; i < COUNT(sound); i++) {
		PARSE(&o, "--cpu-affinity", sound[i]);
		CU_ASSERT_STRING_EQUAL(o.cpu_affinity, sound[i]);
	}
	wrong_values_are_refused();
}

static void a_mount_is_a_path_without_a_slash_at_its_end(void)
{
	static const char *const sound[] = {"/", "/a", "/a b/\xc3\xa9",
					    "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

	for (size_t i = 0; i < COUNT(sound); i++) {
		PARSE(&o, "--mount", sound[i]);
		CU_ASSERT_STRING_EQUAL(o.mount, sound[i]);
	}
	wrong_values_are_refused();
}

static void a_mode_is_what_chmod_takes(void)
{
	PARSE(&o, "--listen-mode=600");
	CU_ASSERT_EQUAL(o.listen_mode, 0600);
	PARSE(&o, "--listen-mode", "0777");
	CU_ASSERT_EQUAL(o.listen_mode, 0777);
	wrong_values_are_refused();
}

static void a_missing_value_is_refused(void)
{
	REFUSED("lanes: command line: '--threads' is not complete: its value is missing\n",
		"--slot=1", "--threads");
}

static void flags_take_no_value(void)
{
	PARSE(&o, "--help", "--version", "--threads=2");
	CU_ASSERT_TRUE(o.help && o.version);
	CU_ASSERT_EQUAL(o.threads, 2);
}

static void help_lists_every_option(void)
{
	char names[] = "database database-connections database-waiters database-wait "
		       "database-limit database-lifetime database-result database-statements "
		       "engine scoreboard listen pool slot drain nice threads thread-queue "
		       "cpu-threads cpu-queue backlog max-conns max-reqs conn-requests "
		       "params-limit stdin-limit body-memory spool spool-limit body-timeout "
		       "output-limit idle-timeout header-timeout "
		       "queue-timeout send-timeout drain-timeout drain-idle "
		       "start-timeout processes log slow-callback watchdog "
		       "ready-held routes "
		       "top core help version ready-pools stream-limit max-streams memory-limit "
		       "conn-memory-limit sandbox address-space oom-score-adj front spare-threads "
		       "mount listen-mode listen-owner listen-group stream-age migrate jobs "
		       "job-retry job-drop job-depth job-concurrency job-poll "
		       "job-result job-keep fetch-most fetch-host-most fetch-queue fetch-idle ca "
		       "config check-config otlp ps doctor control cpu-affinity";
	char *text = NULL;
	size_t len;
	int expected = 0;
	int listed = 0;
	FILE *out = open_memstream(&text, &len);

	options_help(out, NULL);
	fclose(out);
	for (char *name = strtok(names, " "); name; name = strtok(NULL, " ")) {
		expected++;
		CU_ASSERT_PTR_NOT_NULL(strstr(text, textf("\n  --%s ", name)));
	}
	for (const char *at = text; (at = strstr(at, "\n  --")); at++)
		listed++;
	CU_ASSERT_EQUAL(listed, expected);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "[40]"));
	free(text);
}

/* ---- an application's own ---- */

static struct shop {
	const char *name;
	int64_t most;
	double rate;
	int64_t patience;
	bool closed;
	enum { TEA, SALT } sells;
} shop;

static const struct option_spec of_a_shop[] = {
	{"shop-name", OPTION_TEXT, offsetof(struct shop, name), NULL, .help = "over the door"},
	{"shop-most", OPTION_INT, offsetof(struct shop, most), "10", 1, 100, .help = "orders"},
	{"shop-rate", OPTION_NUMBER, offsetof(struct shop, rate), "0.5", 0, 2, .help = "of tax"},
	{"shop-patience", OPTION_SECONDS, offsetof(struct shop, patience), "1.5", 0, 9000,
	 .help = "with whom does not pay"},
	{"shop-closed", OPTION_FLAG, offsetof(struct shop, closed), .help = "today"},
	{"shop-sells", OPTION_CHOICE, offsetof(struct shop, sells), "tea", .choices = "tea|salt",
	 .help = "what"},
};

static const struct option_table shops = OPTIONS("shop", of_a_shop, &shop);

static void an_application_has_options_of_its_own(void)
{
	own = &shops;
	PARSE(&o, "--threads=7");
	CU_ASSERT_PTR_NULL(shop.name);
	CU_ASSERT_EQUAL(shop.most, 10);
	CU_ASSERT_EQUAL(shop.rate, 0.5);
	CU_ASSERT_EQUAL(shop.patience, 1500);
	CU_ASSERT_FALSE(shop.closed);
	CU_ASSERT_EQUAL(shop.sells, TEA);
	setenv("LANES_SHOP_MOST", "20", 1);
	setenv("LANES_SHOP_RATE", "1.25", 1);
	PARSE(&o, "--shop-name", "Ann's", "--threads=8", "--shop-closed", "--shop-sells=salt",
	      "--shop-rate=2");
	CU_ASSERT_EQUAL(o.threads, 8);
	CU_ASSERT_STRING_EQUAL(shop.name, "Ann's");
	CU_ASSERT_EQUAL(shop.most, 20);
	CU_ASSERT_EQUAL(shop.rate, 2);
	CU_ASSERT_TRUE(shop.closed);
	CU_ASSERT_EQUAL(shop.sells, SALT);
}

static void they_are_refused_as_the_others_are(void)
{
	static const struct option_spec taken[] = {{"threads", OPTION_FLAG, 0, .help = ""}};
	static const struct option_table takes = OPTIONS("shop", taken, &shop);

	own = &shops;
	REFUSED("lanes: --shop-most: '0' is not a whole number from 1 to 100\n", "--shop-most=0");
	REFUSED("lanes: --shop-rate: '3' is not a number from 0 to 2\n", "--shop-rate=3");
	REFUSED("lanes: --shop-sells: 'pepper' is not tea|salt\n", "--shop-sells=pepper");
	own = &takes;
	REFUSED("lanes: shop: 'threads' is not a name that no other option has\n", NULL);
}

static void help_lists_them_below_its_name(void)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	options_help(out, &shops);
	fclose(out);
	CU_ASSERT_EQUAL(strncmp(text, "Usage: shop [options]\n", 22), 0);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "\nOptions of shop:\n  --shop-name TEXT         over the door\n"
			     "  --shop-most N            orders [10]\n"
			     "  --shop-rate NUMBER       of tax [0.5]\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nOptions of every worker:\n  --engine WORD"));
	free(text);
}

static const struct test tests[] = {
	{"the defaults", the_defaults},
	{"CPU threads default to the cores", cpu_threads_default_to_the_cores},
	{"a value follows the flag or an equals sign", a_value_follows_the_flag_or_an_equals_sign},
	{"the last flag counts", the_last_flag_counts},
	{"words choose", words_choose},
	{"seconds become milliseconds", seconds_become_milliseconds},
	{"every number has limits, which are allowed", every_number_has_limits_that_are_allowed},
	{"the environment overrides the defaults", the_environment_overrides_the_defaults},
	{"flags override the environment", flags_override_the_environment},
	{"a long value leaves room for what is wrong", a_long_value_leaves_room_for_what_is_wrong},
	{"orders are typed", orders_are_typed},
	{"a bad environment names its variable", a_bad_environment_names_its_variable},
	{"a bad number is refused",
	 WRONG_VALUES(WRONG("--threads", "a whole number from 1 to 1024", "0", "1025", "-1", "+1",
			    " 1", "1 ", "1.0", "0x10", "1e2", "", "x", "99999999999999999999"))},
	{"bad seconds are refused",
	 WRONG_VALUES(WRONG("--send-timeout", "a number of seconds from 0.05 to 3600", "0.01",
			    "3601", "-1", "nan", "inf", "1s", "", " 1", "1e999", "0x10"))},
	{"a bad word is refused",
	 WRONG_VALUES(WRONG("--engine", "loop|prefork|jobs", "nginx", "loo", "loop|prefork"),
		      WRONG("--drain", "auto|refuse|wait", ""))},
	{"an empty text is refused",
	 WRONG_VALUES(WRONG("--pool", "1 to 23 letters, digits, '-' and '_'", ""),
		      WRONG("--listen", "a text: it is empty", ""))},
	{"a mount is a path without a slash at its end",
	 a_mount_is_a_path_without_a_slash_at_its_end,
	 (const struct wrong[]){
		 WRONG("--mount",
		       "a path of 1 to 46 bytes with a '/' before each of its names, none at its "
		       "end, and no '%', '?' or '#'",
		       "/a/", "a", "", "//", "/a//b", "/a%20b", "/a?", "/a#b", "/a\n", "http://a",
		       "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
		 {0}}},
	{"CPUs are a list of numbers and ranges, auto or off", cpus_are_a_list,
	 (const struct wrong[]){
		 WRONG("--cpu-affinity", "off, auto or a list of CPUs, such as 0-3,8", "", "on",
		       "auto,1", "0,", ",0", "0,,1", "3-1", "1-", "-1", "1-2-3", "1024", "0-1024",
		       "0x1", " 1", "1 ", "0:2", "99999999999999999999"),
		 {0}}},
	{"a mode is what chmod takes", a_mode_is_what_chmod_takes,
	 (const struct wrong[]){
		 WRONG("--listen-mode", "an octal number of permissions, such as 0660", "0o660",
		       "999", "66", "01660", "1777", "00660", "u=rw", "", "-660", " 660", "660 "),
		 {0}}},
	{"a missing value is refused", a_missing_value_is_refused},
	{"an unknown option is refused",
	 WRONG_VALUES({"", "command line", "an option; see --help",
		       STRINGS("--thread", "--threadss=1", "-threads", "--", "serve", "--=1", "",
			       "--help=1")})},
	{"flags take no value", flags_take_no_value},
	{"help lists every option", help_lists_every_option},
	{"an application has options of its own", an_application_has_options_of_its_own},
	{"they are refused as the others are", they_are_refused_as_the_others_are},
	{"help lists them below its name", help_lists_them_below_its_name},
};

/* Before each test: LANES_* of others, and of whoever runs the tests, must not matter. */
static void begin(void)
{
	extern char **environ;

	for (char **at = environ; *at;)
		if (strncmp(*at, "LANES_", 6))
			at++;
		else
			unsetenv(textf("%.*s", (int)strcspn(*at, "="), *at));
	own = NULL;
}

const struct suite options_suite = {"options", tests, COUNT(tests), .before = begin};

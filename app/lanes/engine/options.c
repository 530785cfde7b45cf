#include "engine/options.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/option_file.h"
#include "engine/option_value.h"
#include "http/body.h"

#define AT(field) offsetof(struct options, field)

static const struct option_spec list[] = {
	{"engine", OPTION_CHOICE, AT(engine), "loop", .choices = "loop|prefork|jobs",
	 .help = "loop: one multiplexed event loop; prefork: libfcgi, one request at a time; jobs: "
		 "no socket, but the database's queue of jobs"},
	{"processes", OPTION_INT, AT(processes), "0", 0, MASTER_PROCESSES, NULL,
	 "be a master: start so many workers behind the socket, keep them alive, and replace them; "
	 "0: be a worker"},
	{"listen", OPTION_TEXT, AT(listen),
	 .help = "PATH, unix:PATH or HOST:PORT to open (:PORT is all of IPv4), or fd:NAME, which "
		 "systemd passes; without it, the one that systemd passes, or descriptor 0 "
		 "(spawn-fcgi)"},
	{"listen-mode", OPTION_MODE, AT(listen_mode), "0660",
	 .help = "permissions of the file that --listen makes"},
	{"listen-owner", OPTION_TEXT, AT(listen_owner),
	 .help = "user to whom it is given, a name or a number; without it, ours"},
	{"listen-group", OPTION_TEXT, AT(listen_group),
	 .help = "group to which it is given; without it, ours"},
	{"log", OPTION_TEXT, AT(log),
	 .help = "file that the log is appended to, in place of stderr; a master opens it anew at "
		 "HUP"},
	{"pool", OPTION_NAME, AT(pool), "loop", .help = "name of the pool, for X-Lanes-Worker"},
	{"mount", OPTION_PATH, AT(mount),
	 .help = "path below which the web server leads here, decoded: what comes after it is "
		 "routed, what is outside is a 404, and redirects keep it; /: all is routed; "
		 "without it, PATH_INFO is routed, and SCRIPT_NAME before it where no route has "
		 "that"},
	{"slot", OPTION_INT, AT(slot), "0", 0, 1000000, NULL,
	 "number in the pool; 0: the lowest one free on the scoreboard, or the process id"},
	{"scoreboard", OPTION_TEXT, AT(scoreboard),
	 .help = "file in which the workers of a system show what they do"},
	{"routes", OPTION_CHOICE, AT(routes), "app", .choices = "app|admin|health|outside",
	 .help = "app: the endpoints; admin: status, metrics, trace and events of the whole "
		 "system; health: healthz and readyz; outside: stands in for services that the "
		 "endpoints call"},
	{"drain", OPTION_CHOICE, AT(drain), "auto", .choices = "auto|refuse|wait",
	 .help = "new connections while draining: auto (those that wait are served, and the socket "
		 "is let go of), wait (in its queue, for who has it besides or next, where it was "
		 "passed to us), refuse "
		 "(auto, but a request that comes is a 503, or the status that LANES_DRAIN_STATUS "
		 "names, for web servers that ask another then, which they do not for a POST; "
		 "below --processes, and in a prefork process, it is auto)"},
	{"nice", OPTION_INT, AT(nice), "0", 0, 19, NULL, "added to the process's nice value"},
	{"cpu-affinity", OPTION_CPUS, AT(cpu_affinity), "off",
	 .help = "which CPU the loop runs on, of those that the process may have: auto (worker 1 "
		 "on the first, 2 on the second, and so on round), the same of a list (0-3,8), or "
		 "off (any). Threads of pools run on any"},
	{"sandbox", OPTION_CHOICE, AT(sandbox), "on", .choices = "on|off",
	 .help = "on: a worker that has started opens no more files or sockets, and starts no "
		 "program; off: for valgrind, and handlers that need more"},
	{"core", OPTION_CHOICE, AT(core), "off", .choices = "off|on",
	 .help = "on: it dumps core as the limits allow; off: never, as requests would be in the "
		 "file"},
	{"address-space", OPTION_INT, AT(address_space), "0", 0, 1048576, NULL,
	 "MB that the process may map, the scoreboard's 920 included; 0: as it is"},
	{"oom-score-adj", OPTION_INT, AT(oom_score_adj), "0", 0, 1000, NULL,
	 "how much sooner the kernel ends this process when memory runs out; 0: as it is"},
	{"threads", OPTION_INT, AT(threads), "40", 1, 1024, NULL, "of the blocking pool, at most"},
	{"spare-threads", OPTION_INT, AT(spare_threads), "200", 0, 1024, NULL,
	 "more of them, in place of those that still work for clients that are gone"},
	{"thread-queue", OPTION_INT, AT(thread_queue), "1000", 0, 10000000, NULL,
	 "jobs that may wait for a blocking thread; one more is a 503"},
	{"cpu-threads", OPTION_INT, AT(cpu_threads), "0", 0, 1024, NULL,
	 "of the CPU pool, at most; 0: one per core"},
	{"cpu-queue", OPTION_INT, AT(cpu_queue), "1000", 0, 10000000, NULL,
	 "jobs that may wait for a CPU thread; one more is a 503"},
	{"backlog", OPTION_INT, AT(backlog), "4096", 1, 65535, NULL,
	 "connections that may wait to be accepted (the kernel caps it at somaxconn)"},
	{"max-conns", OPTION_INT, AT(max_conns), "16384", 1, 1000000, NULL,
	 "connections at once; more wait in the backlog"},
	{"max-reqs", OPTION_INT, AT(max_reqs), "131072", 1, 10000000, NULL,
	 "requests in flight; one more is a 503, an eighth more FCGI_OVERLOADED"},
	{"conn-requests", OPTION_INT, AT(conn_requests), "1024", 1, 65535, NULL,
	 "requests in flight on one connection; one more is FCGI_OVERLOADED"},
	{"params-limit", OPTION_INT, AT(params_limit), "65536", 256, 16777216, NULL,
	 "bytes of params of one request; more is a 431"},
	{"stdin-limit", OPTION_INT, AT(stdin_limit), "1048576", 0, INT64_MAX, NULL,
	 "bytes of body of one request whose route sets no limit; more is a 413"},
	{"body-memory", OPTION_INT, AT(body_memory), "262144", 131072, 1073741824, NULL,
	 "bytes of a body that are held in memory; the rest goes to the spool"},
	{"spool", OPTION_TEXT, AT(spool),
	 .help = "folder for bodies, in files without names; without it a longer one is a 413"},
	{"spool-limit", OPTION_INT, AT(spool_limit), "1073741824", 0, INT64_MAX, NULL,
	 "bytes of bodies in the spool; more is a 507"},
	{"output-limit", OPTION_INT, AT(output_limit), "1048576", 4096, 1073741824, NULL,
	 "bytes waiting to be sent on one connection before reading from it stops"},
	{"stream-limit", OPTION_INT, AT(stream_limit), "65536", 4096, 1073741824, NULL,
	 "bytes a stream (/events, /trace) may have waiting to be sent before it has to wait "
	 "itself"},
	{"stream-age", OPTION_SECONDS, AT(stream_age), "3600", 0, INT64_MAX / 2000000, NULL,
	 "seconds after which a stream without an end of its own is to end (its client comes "
	 "again), as not every web server tells that a client has gone; 0: any"},
	{"max-streams", OPTION_INT, AT(max_streams), "2048", 1, 1000000, NULL,
	 "streams at once; one more is a 503"},
	{"memory-limit", OPTION_INT, AT(memory_limit), "268435456", 1048576, INT64_MAX, NULL,
	 "bytes that long params, handlers and unread answers may hold; more is a 503"},
	{"conn-memory-limit", OPTION_INT, AT(conn_memory_limit), "16777216", 65536, INT64_MAX, NULL,
	 "the same for the requests of one connection"},
	{"ca", OPTION_TEXT, AT(ca),
	 .help = "PEM file of who is trusted by calls to other services; without it, whom the "
		 "system trusts"},
	{"fetch-most", OPTION_INT, AT(fetch_most), "512", 1, 100000, NULL,
	 "calls to other services, and connections to them, at once; more wait"},
	{"fetch-host-most", OPTION_INT, AT(fetch_host_most), "128", 1, 100000, NULL,
	 "the same to one host and port"},
	{"fetch-queue", OPTION_INT, AT(fetch_queue), "1024", 0, 10000000, NULL,
	 "calls that may wait; one more is a 503"},
	{"fetch-idle", OPTION_SECONDS, AT(fetch_idle), "30", 50, 3600000, NULL,
	 "seconds such connections stay open when there are no calls"},
	{"database", OPTION_TEXT, AT(database),
	 .help = "PostgreSQL: postgresql://USER:PASSWORD@HOST:PORT/NAME, or host=HOST user=USER, "
		 "as "
		 "libpq takes it"},
	{"database-connections", OPTION_INT, AT(database_connections), "0", 0, 1000, NULL,
	 "to it, at most; 0: 8, and 1 of a prefork process"},
	{"database-waiters", OPTION_INT, AT(database_waiters), "1000", 0, 1000000, NULL,
	 "requests that may wait for one; one more is a 503"},
	{"database-wait", OPTION_SECONDS, AT(database_wait), "5", 10, 3600000, NULL,
	 "seconds a request may wait for one; then a 504"},
	{"database-limit", OPTION_SECONDS, AT(database_limit), "60", 0, 86400000, NULL,
	 "seconds a statement may take; then it is cancelled, and a 504; 0: any"},
	{"database-lifetime", OPTION_SECONDS, AT(database_lifetime), "1800", 1000, 604800000, NULL,
	 "seconds after which a connection is replaced, when nobody uses it"},
	{"database-result", OPTION_INT, AT(database_result), "16777216", 65536, INT64_MAX, NULL,
	 "bytes of a statement's result; more, and it fails"},
	{"database-statements", OPTION_INT, AT(database_statements), "256", 0, 1024, NULL,
	 "different ones that are prepared; 0: none, for a pooler that cannot keep them"},
	{"header-timeout", OPTION_SECONDS, AT(header_timeout), "10", 50, 3600000, NULL,
	 "seconds a peer may take to send a request's params"},
	{"queue-timeout", OPTION_SECONDS, AT(queue_timeout), "60", 0, 86400000, NULL,
	 "seconds a request may have waited when it is picked up; an older one is a 503; 0: any"},
	{"idle-timeout", OPTION_SECONDS, AT(idle_timeout), "75", 50, 86400000, NULL,
	 "seconds a kept connection may be idle; longer than nginx keeps it (60)"},
	{"send-timeout", OPTION_SECONDS, AT(send_timeout), "30", 50, 3600000, NULL,
	 "seconds a peer may take to read some of its answers, or leave a stream over its limit"},
	{"body-timeout", OPTION_SECONDS, AT(body_timeout), "30", 50, 3600000, NULL,
	 "seconds a peer may send nothing of a body that is waited for; then a 408"},
	{"drain-timeout", OPTION_SECONDS, AT(drain_timeout), "30", 0, 86400000, NULL,
	 "seconds requests in flight may take to end after SIGTERM or SIGUSR1"},
	{"drain-idle", OPTION_SECONDS, AT(drain_idle), "20", 0, 86400000, NULL,
	 "of these, seconds that kept connections are left to the peer to end, which may just be "
	 "sending; then those that are idle are closed, and what they brought last has the rest"},
	{"start-timeout", OPTION_SECONDS, AT(start_timeout), "60", 100, 86400000, NULL,
	 "seconds after which a master kills a worker that does not accept yet"},
	{"watchdog", OPTION_SECONDS, AT(watchdog), NULL, 0, 86400000, NULL,
	 "seconds a loop may be held before its master, which needs --scoreboard for that, kills "
	 "it, starts another and logs by which request; 0: any; without it, WatchdogSec= of "
	 "systemd"},
	{"slow-callback", OPTION_SECONDS, AT(slow_callback), "0.1", 10, 3600000, NULL,
	 "seconds a loop may be held before the log says who holds it"},
	{"doctor", OPTION_CHOICE, AT(doctor), "on", .choices = "on|off",
	 .help = "on: look at the stack of a loop that is held so long, and say which line of the "
		 "source holds it, and what cures that"},
	{"ready-held", OPTION_SECONDS, AT(ready_held), "5", 10, 3600000, NULL,
	 "seconds a loop may be held before its worker no longer counts for /readyz"},
	{"ready-pools", OPTION_TEXT, AT(ready_pools), "loop",
	 .help = "pools that must serve for /readyz, with commas between them"},
	{"front", OPTION_TEXT, AT(front),
	 .help = "HOST:PORT where the whole system is asked from outside: to there /burst sends "
		 "requests"},
	{"otlp", OPTION_TEXT, AT(otlp),
	 .help = "http://HOST:PORT of a collector, whom the admin worker sends what requests did "
		 "(OpenTelemetry, OTLP over HTTP in JSON, POST /v1/traces); without it nobody"},
	{"control", OPTION_TEXT, AT(control),
	 .help = "folder of spawn/control.sh, whom the admin worker asks, for who has its "
		 "password, for more or fewer loop workers; without it nobody"},
	{"job-depth", OPTION_INT, AT(job_depth), "100000", 1, INT64_MAX, NULL,
	 "jobs that may wait in the queue; to enqueue one more is a 503"},
	{"job-concurrency", OPTION_INT, AT(job_concurrency), "0", 0, 10000, NULL,
	 "jobs that a worker with --engine jobs has at once; 0: one per core"},
	{"job-poll", OPTION_SECONDS, AT(job_poll), "5", 50, 3600000, NULL,
	 "seconds after which it looks into the queue though nobody has told it to, and after it"},
	{"job-result", OPTION_INT, AT(job_result), "16777216", 0, 536870912, NULL,
	 "bytes that a job's result may have; more is a failed attempt"},
	{"job-keep", OPTION_SECONDS, AT(job_keep), "86400", 0, INT64_MAX / 2000000, NULL,
	 "seconds that jobs which are done or cancelled, and their results, are kept"},
	{"migrate", OPTION_FLAG, AT(migrate),
	 .help = "make the tables that the program needs in the database, or bring them up to "
		 "date, "
		 "and serve nothing"},
	{"jobs", OPTION_FLAG, AT(jobs),
	 .help = "show the queue of jobs: what waits, runs and is dead; and serve nothing"},
	{"job-retry", OPTION_ORDER, AT(job_retry),
	 .help = "number of a job that is dead or cancelled and is to wait again; or all-dead"},
	{"job-drop", OPTION_ORDER, AT(job_drop),
	 .help = "number of a job that is to be deleted, whatever it is at; or all-dead"},
	{"top", OPTION_FLAG, AT(top),
	 .help = "show what the workers on the scoreboard do, live, and serve nothing"},
	{"ps", OPTION_FLAG, AT(ps),
	 .help = "show which request of which worker awaits what, at which line of the source, and "
		 "serve nothing"},
	{"config", OPTION_TEXT, AT(config),
	 .help = "file of these options, a line \"NAME = VALUE\" for each; # begins a comment. The "
		 "environment wins over it, as flags do over that. A master's HUP has its workers "
		 "read it anew"},
	{"check-config", OPTION_FLAG, AT(check_config),
	 .help = "say each error of the options, of --config's file with its line, and serve "
		 "nothing; status 0: there is none, 2: there are"},
	{"help", OPTION_FLAG, AT(help), .help = "print this and exit"},
	{"version", OPTION_FLAG, AT(version), .help = "print the version and exit"},
};

static void environment_name(const struct option_spec *option, char *name, size_t size)
{
	snprintf(name, size, "LANES_%s", option->name);
	for (char *c = name; *c; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

/* The library's, and the application's. */
enum { TABLES = 2 };

/* A word of the command line, and maybe its value. */
struct flag {
	const char *word;
	const struct option_table *table;
	const struct option_spec *option;
	const char *value;
	const char *is_not; /* NULL: nothing is wrong with it */
};

/* The one at *at, which then is the next. */
static struct flag read_flag(const struct option_table tables[TABLES], int argc, char **argv,
			     int *at)
{
	const char *word = argv[(*at)++];
	size_t len = strcspn(word, "=");
	struct flag flag = {
		.word = word, .table = tables, .value = word[len] ? word + len + 1 : NULL};

	if (len > 2 && !strncmp(word, "--", 2)) {
		flag.option = option_find(flag.table, word + 2, len - 2);
		if (!flag.option)
			flag.option = option_find(++flag.table, word + 2, len - 2);
	}
	if (!flag.option || (flag.option->kind == OPTION_FLAG && flag.value))
		flag.is_not = "an option; see --help";
	else if (flag.option->kind == OPTION_FLAG)
		flag.value = "";
	else if (!flag.value && *at < argc)
		flag.value = argv[(*at)++];
	else if (!flag.value)
		flag.is_not = "complete: its value is missing";
	return flag;
}

/* What has to be known before all else: the file, and whether each error is to be told. */
static void look_ahead(const struct option_table tables[TABLES], int argc, char **argv)
{
	struct options *options = tables[0].values;

	options->config = getenv("LANES_CONFIG");
	for (int i = 1; i < argc;) {
		struct flag flag = read_flag(tables, argc, argv, &i);

		if (flag.is_not || flag.table != tables)
			continue;
		if (!strcmp(flag.option->name, "config"))
			options->config = flag.value;
		if (!strcmp(flag.option->name, "check-config"))
			options->check_config = true;
	}
}

static int parse_flags(const struct option_table tables[TABLES], int argc, char **argv, bool all)
{
	int err = 0;

	for (int i = 1; i < argc && (all || !err);) {
		struct flag flag = read_flag(tables, argc, argv, &i);
		char name[64];

		if (flag.is_not) {
			err = option_complain("command line", flag.word, flag.is_not);
			continue;
		}
		snprintf(name, sizeof(name), "--%s", flag.option->name);
		if (option_set(flag.table, flag.option, name, flag.value))
			err = -EINVAL;
	}
	return err;
}

static int set_defaults(const struct option_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct option_spec *option = &table->list[i];

		if (option->fallback && option_set(table, option, option->name, option->fallback))
			return -EINVAL;
	}
	return 0;
}

static int parse_environment(const struct option_table *table, bool all)
{
	int err = 0;

	for (size_t i = 0; i < table->count && (all || !err); i++) {
		const struct option_spec *option = &table->list[i];
		char name[64];
		const char *value;

		environment_name(option, name, sizeof(name));
		value = option->kind >= OPTION_FLAG ? NULL : getenv(name);
		if (value && option_set(table, option, name, value))
			err = -EINVAL;
	}
	return err;
}

/* From who counts least to who counts most. */
static int parse_all(const struct option_table tables[TABLES], int argc, char **argv)
{
	struct options *options = tables[0].values;
	bool all;
	int err;

	look_ahead(tables, argc, argv);
	all = options->check_config;
	if (set_defaults(&tables[0]) || set_defaults(&tables[1]))
		return -EINVAL;
	err = options->config && *options->config
		      ? option_file_read(tables, TABLES, options->config, all)
		      : 0;
	for (size_t t = 0; t < TABLES && (all || !err); t++)
		if (parse_environment(&tables[t], all))
			err = -EINVAL;
	if ((all || !err) && parse_flags(tables, argc, argv, all))
		err = -EINVAL;
	return err;
}

int options_parse(struct options *options, const struct option_table *own, int argc, char **argv)
{
	const struct option_table tables[TABLES] = {OPTIONS("lanes", list, options),
						    own ? *own : (struct option_table){0}};

	*options = (struct options){.watchdog = -1};
	for (size_t i = 0; i < tables[1].count; i++) {
		const char *name = tables[1].list[i].name;

		if (option_find(tables, name, strlen(name)))
			return option_complain(tables[1].name, name,
					       "a name that no other option has");
	}
	if (parse_all(tables, argc, argv))
		return -EINVAL;
	if (!options->cpu_threads)
		options->cpu_threads = sysconf(_SC_NPROCESSORS_ONLN);
	if (!options->job_concurrency)
		options->job_concurrency = options->cpu_threads;
	return 0;
}

void options_of_bodies(const struct options *options, struct bodies *bodies)
{
	*bodies = (struct bodies){
		.limit = (uint64_t)options->stdin_limit,
		.memory = (size_t)options->body_memory,
		.spool = options->spool,
		.spool_kind = {.name = "spool", .limit = (size_t)options->spool_limit},
		.spooled = {.kind = &bodies->spool_kind},
		.timeout = (uint64_t)options->body_timeout * 1000000,
	};
}

static void list_options(FILE *out, const struct option_table *table)
{
	static const char *const arguments[] = {
		[OPTION_INT] = " N",	 [OPTION_NUMBER] = " NUMBER", [OPTION_SECONDS] = " SECONDS",
		[OPTION_MODE] = " MODE", [OPTION_TEXT] = " TEXT",     [OPTION_NAME] = " NAME",
		[OPTION_PATH] = " PATH", [OPTION_CPUS] = " CPUS",     [OPTION_CHOICE] = " WORD",
		[OPTION_FLAG] = "",	 [OPTION_ORDER] = " WORD"};

	for (size_t i = 0; i < table->count; i++) {
		const struct option_spec *o = &table->list[i];
		char left[48];

		snprintf(left, sizeof(left), "--%s%s", o->name, arguments[o->kind]);
		fprintf(out, "  %-24s %s", left, o->help);
		if (o->fallback)
			fprintf(out, " [%s]", o->fallback);
		fputc('\n', out);
	}
}

void options_help(FILE *out, const struct option_table *own)
{
	const char *name = own && own->name ? own->name : "lanes";

	fprintf(out,
		"Usage: %s [options]\n\n"
		"A FastCGI worker. The listening socket is descriptor 0, as spawn-fcgi gives it:\n"
		"    spawn-fcgi -n -s /tmp/%s.sock -M 0600 -- build/%s\n"
		"or --listen opens one; with --processes N a master that keeps N workers. Each "
		"option is also LANES_<NAME> in the environment, and a line of the file that "
		"--config names.\n\n",
		name, name, name);
	if (own && own->count) {
		fprintf(out, "Options of %s:\n", name);
		list_options(out, own);
		fputs("\nOptions of every worker:\n", out);
	}
	list_options(out, &(const struct option_table)OPTIONS("lanes", list, NULL));
	fputs("\nSignals: TERM, INT, HUP and USR1 drain: requests in flight finish, then exit "
	      "status 0;\n"
	      "a second one, or the drain timeout, ends at once with status 3.\n"
	      "A master: TERM, INT, QUIT and USR1 drain its workers, and it ends with the worst "
	      "of\n"
	      "their statuses; a second one kills them. HUP replaces each by a successor, of the\n"
	      "program as it is now, that accepts before the old one drains. TTIN: one worker "
	      "more,\n"
	      "TTOU: one less.\n"
	      "A TCP address that is not loopback needs FCGI_WEB_SERVER_ADDRS, the list of peers\n"
	      "and networks (10.0.0.0/8) that may connect (FastCGI specification 3.2).\n",
	      out);
}

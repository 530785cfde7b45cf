#include "engine/options.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "http/body.h"
#include "scoreboard/scoreboard.h"

enum option_kind { NUMBER, SECONDS, TEXT, NAME, PATH, CHOICE, FLAG };

struct option {
	const char *name;
	enum option_kind kind;
	size_t at;
	const char *fallback; /* as it would be typed */
	int64_t min;	      /* NUMBER, and SECONDS in milliseconds */
	int64_t max;
	const char *choices; /* CHOICE: "loop|prefork", in the order of the enum */
	const char *help;
};

#define AT(field) offsetof(struct options, field)

static const struct option table[] = {
	{"engine", CHOICE, AT(engine), "loop", 0, 0, "loop|prefork",
	 "loop: one multiplexed event loop; prefork: libfcgi, one request at a time"},
	{"listen", TEXT, AT(listen), NULL, 0, 0, NULL,
	 "PATH or HOST:PORT to open; without it, descriptor 0 is the socket (spawn-fcgi)"},
	{"pool", NAME, AT(pool), "loop", 0, 0, NULL, "name of the pool, for X-Lanes-Worker"},
	{"prefix", PATH, AT(prefix), "/", 0, 0, NULL,
	 "below which the web server leads to the pool, for /status and /events"},
	{"slot", NUMBER, AT(slot), "0", 0, 1000000, NULL,
	 "number in the pool; 0: the lowest one free on the scoreboard, or the process id"},
	{"scoreboard", TEXT, AT(scoreboard), NULL, 0, 0, NULL,
	 "file in which the workers of a system show what they do"},
	{"routes", CHOICE, AT(routes), "app", 0, 0, "app|admin|health",
	 "app: the endpoints; admin: status, metrics, trace and events of the whole system; "
	 "health: healthz and readyz"},
	{"drain", CHOICE, AT(drain), "auto", 0, 0, "auto|refuse|wait",
	 "new requests while draining: refuse (503, or the status that LANES_DRAIN_STATUS "
	 "names: nginx asks a sibling), wait (in the socket's queue)"},
	{"nice", NUMBER, AT(nice), "0", 0, 19, NULL, "added to the process's nice value"},
	{"sandbox", CHOICE, AT(sandbox), "on", 0, 0, "on|off",
	 "on: a worker that has started opens no more files or sockets, and starts no program; "
	 "off: for valgrind, and handlers that need more"},
	{"address-space", NUMBER, AT(address_space), "0", 0, 1048576, NULL,
	 "MB that the process may map, the scoreboard's 750 included; 0: as it is"},
	{"oom-score-adj", NUMBER, AT(oom_score_adj), "0", 0, 1000, NULL,
	 "how much sooner the kernel ends this process when memory runs out; 0: as it is"},
	{"threads", NUMBER, AT(threads), "40", 1, 1024, NULL, "of the blocking pool, at most"},
	{"spare-threads", NUMBER, AT(spare_threads), "200", 0, 1024, NULL,
	 "more of them, in place of those that still work for clients that are gone"},
	{"thread-queue", NUMBER, AT(thread_queue), "1000", 0, 10000000, NULL,
	 "jobs that may wait for a blocking thread; one more is a 503"},
	{"cpu-threads", NUMBER, AT(cpu_threads), "0", 0, 1024, NULL,
	 "of the CPU pool, at most; 0: one per core"},
	{"cpu-queue", NUMBER, AT(cpu_queue), "1000", 0, 10000000, NULL,
	 "jobs that may wait for a CPU thread; one more is a 503"},
	{"backlog", NUMBER, AT(backlog), "4096", 1, 65535, NULL,
	 "connections that may wait to be accepted (the kernel caps it at somaxconn)"},
	{"max-conns", NUMBER, AT(max_conns), "16384", 1, 1000000, NULL,
	 "connections at once; more wait in the backlog"},
	{"max-reqs", NUMBER, AT(max_reqs), "131072", 1, 10000000, NULL,
	 "requests in flight; one more is a 503, an eighth more FCGI_OVERLOADED"},
	{"conn-requests", NUMBER, AT(conn_requests), "1024", 1, 65535, NULL,
	 "requests in flight on one connection; one more is FCGI_OVERLOADED"},
	{"params-limit", NUMBER, AT(params_limit), "65536", 256, 16777216, NULL,
	 "bytes of params of one request; more is a 431"},
	{"stdin-limit", NUMBER, AT(stdin_limit), "1048576", 0, INT64_MAX, NULL,
	 "bytes of body of one request whose route sets no limit; more is a 413"},
	{"body-memory", NUMBER, AT(body_memory), "262144", 131072, 1073741824, NULL,
	 "bytes of a body that are held in memory; the rest goes to the spool"},
	{"spool", TEXT, AT(spool), NULL, 0, 0, NULL,
	 "folder for bodies, in files without names; without it a longer one is a 413"},
	{"spool-limit", NUMBER, AT(spool_limit), "1073741824", 0, INT64_MAX, NULL,
	 "bytes of bodies in the spool; more is a 507"},
	{"output-limit", NUMBER, AT(output_limit), "1048576", 4096, 1073741824, NULL,
	 "bytes waiting to be sent on one connection before reading from it stops"},
	{"stream-limit", NUMBER, AT(stream_limit), "65536", 4096, 1073741824, NULL,
	 "bytes a stream (/events, /trace) may have waiting to be sent before it has to wait "
	 "itself"},
	{"max-streams", NUMBER, AT(max_streams), "2048", 1, 1000000, NULL,
	 "streams at once; one more is a 503"},
	{"memory-limit", NUMBER, AT(memory_limit), "268435456", 1048576, INT64_MAX, NULL,
	 "bytes that long params, handlers and unread answers may hold; more is a 503"},
	{"conn-memory-limit", NUMBER, AT(conn_memory_limit), "16777216", 65536, INT64_MAX, NULL,
	 "the same for the requests of one connection"},
	{"header-timeout", SECONDS, AT(header_timeout), "10", 50, 3600000, NULL,
	 "seconds a peer may take to send a request's params"},
	{"queue-timeout", SECONDS, AT(queue_timeout), "60", 0, 86400000, NULL,
	 "seconds a request may have waited when it is picked up; an older one is a 503; 0: any"},
	{"idle-timeout", SECONDS, AT(idle_timeout), "75", 50, 86400000, NULL,
	 "seconds a kept connection may be idle; longer than nginx keeps it (60)"},
	{"send-timeout", SECONDS, AT(send_timeout), "30", 50, 3600000, NULL,
	 "seconds a peer may take to read some of its answers, or leave a stream over its limit"},
	{"body-timeout", SECONDS, AT(body_timeout), "30", 50, 3600000, NULL,
	 "seconds a peer may send nothing of a body that is waited for; then a 408"},
	{"drain-timeout", SECONDS, AT(drain_timeout), "30", 0, 86400000, NULL,
	 "seconds requests in flight may take to end after SIGTERM or SIGUSR1"},
	{"slow-callback", SECONDS, AT(slow_callback), "0.1", 10, 3600000, NULL,
	 "seconds a loop may be held before the admin worker logs who holds it"},
	{"ready-held", SECONDS, AT(ready_held), "5", 10, 3600000, NULL,
	 "seconds a loop may be held before its worker no longer counts for /readyz"},
	{"ready-pools", TEXT, AT(ready_pools), "loop", 0, 0, NULL,
	 "pools that must serve for /readyz, with commas between them"},
	{"front", TEXT, AT(front), NULL, 0, 0, NULL,
	 "HOST:PORT where the whole system is asked from outside: to there /burst sends requests"},
	{"top", FLAG, AT(top), NULL, 0, 0, NULL,
	 "show what the workers on the scoreboard do, live, and serve nothing"},
	{"core", FLAG, AT(core), NULL, 0, 0, NULL,
	 "dump core as the limits allow; without it, never: the requests would be in the file"},
	{"help", FLAG, AT(help), NULL, 0, 0, NULL, "print this and exit"},
	{"version", FLAG, AT(version), NULL, 0, 0, NULL, "print the version and exit"},
};

enum { COUNT = sizeof(table) / sizeof(table[0]) };

static void *field(struct options *options, const struct option *option)
{
	return (char *)options + option->at;
}

static int complain(const char *name, const char *value, const char *wanted)
{
	log_complaint("%s: '%.1000s' is not %s", name, value, wanted);
	return -EINVAL;
}

static int set_number(const struct option *option, const char *name, const char *value,
		      int64_t *number)
{
	char wanted[96];
	char *end;

	snprintf(wanted, sizeof(wanted), "a whole number from %lld to %lld", (long long)option->min,
		 (long long)option->max);
	errno = 0;
	*number = strtoll(value, &end, 10);
	if (!isdigit((unsigned char)value[0]) || *end || errno || *number < option->min ||
	    *number > option->max)
		return complain(name, value, wanted);
	return 0;
}

static int set_seconds(const struct option *option, const char *name, const char *value,
		       int64_t *milliseconds)
{
	double min = (double)option->min / 1000;
	double max = (double)option->max / 1000;
	char wanted[96];
	char *end;
	double seconds;

	snprintf(wanted, sizeof(wanted), "a number of seconds from %g to %g", min, max);
	seconds = strtod(value, &end);
	if (!isdigit((unsigned char)value[0]) || strpbrk(value, "xX") || *end ||
	    !(seconds >= min && seconds <= max))
		return complain(name, value, wanted);
	*milliseconds = llround(seconds * 1000);
	return 0;
}

static int set_choice(const struct option *option, const char *name, const char *value,
		      void *choice)
{
	size_t len = strlen(value);
	int number = 0;

	for (const char *at = option->choices; at; number++) {
		size_t n = strcspn(at, "|");

		if (n == len && !memcmp(at, value, len)) {
			memcpy(choice, &number, sizeof(number)); /* an enum */
			return 0;
		}
		at = at[n] ? at + n + 1 : NULL;
	}
	return complain(name, value, option->choices);
}

/* It goes into a header and onto the scoreboard. */
static bool is_name(const char *value)
{
	size_t len = strlen(value);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)value[i]) && value[i] != '-' && value[i] != '_')
			return false;
	return len >= 1 && len <= 23;
}

/* It is shown whole on the scoreboard. */
static bool is_prefix(const char *value)
{
	size_t len = strlen(value);

	return len >= 1 && len < BOARD_PATH && value[0] == '/' && value[len - 1] == '/';
}

static int set(struct options *options, const struct option *option, const char *name,
	       const char *value)
{
	switch (option->kind) {
	case NUMBER:
		return set_number(option, name, value, field(options, option));
	case SECONDS:
		return set_seconds(option, name, value, field(options, option));
	case CHOICE:
		return set_choice(option, name, value, field(options, option));
	case FLAG:
		*(bool *)field(options, option) = true;
		return 0;
	case NAME:
		if (!is_name(value))
			return complain(name, value, "1 to 23 letters, digits, '-' and '_'");
		break;
	case PATH:
		if (!is_prefix(value))
			return complain(name, value,
					"a path of 1 to 47 bytes with '/' at both ends");
		break;
	case TEXT:
		break;
	}
	if (!*value)
		return complain(name, value, "a text");
	*(const char **)field(options, option) = value;
	return 0;
}

static void environment_name(const struct option *option, char *name, size_t size)
{
	snprintf(name, size, "LANES_%s", option->name);
	for (char *c = name; *c; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

static const struct option *find(const char *name, size_t len)
{
	for (size_t i = 0; i < COUNT; i++)
		if (strlen(table[i].name) == len && !memcmp(table[i].name, name, len))
			return &table[i];
	return NULL;
}

static int parse_flags(struct options *options, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *flag = argv[i];
		size_t len = strcspn(flag, "=");
		const struct option *option = NULL;
		const char *value = flag[len] ? flag + len + 1 : NULL;
		char name[64];

		if (len > 2 && !strncmp(flag, "--", 2))
			option = find(flag + 2, len - 2);
		if (!option || (option->kind == FLAG && value))
			return complain("command line", flag, "an option; see lanes --help");
		snprintf(name, sizeof(name), "--%s", option->name);
		if (option->kind == FLAG)
			value = "";
		else if (!value && i + 1 < argc)
			value = argv[++i];
		else if (!value)
			return complain("command line", flag, "complete: its value is missing");
		if (set(options, option, name, value))
			return -EINVAL;
	}
	return 0;
}

int options_parse(struct options *options, int argc, char **argv)
{
	*options = (struct options){0};
	for (size_t i = 0; i < COUNT; i++) {
		const struct option *option = &table[i];
		char name[64];
		const char *value;

		environment_name(option, name, sizeof(name));
		value = option->kind == FLAG ? NULL : getenv(name);
		if (option->fallback && set(options, option, option->name, option->fallback))
			return -EINVAL;
		if (value && set(options, option, name, value))
			return -EINVAL;
	}
	if (parse_flags(options, argc, argv))
		return -EINVAL;
	if (!options->cpu_threads)
		options->cpu_threads = sysconf(_SC_NPROCESSORS_ONLN);
	return 0;
}

void options_of_bodies(const struct options *options, struct bodies *bodies)
{
	*bodies = (struct bodies){
		.limit = (uint64_t)options->stdin_limit,
		.memory = (size_t)options->body_memory,
		.spool = options->spool,
		.spooled = {.name = "spool", .limit = (size_t)options->spool_limit},
		.timeout = (uint64_t)options->body_timeout * 1000000,
	};
}

void options_help(FILE *out)
{
	static const char *const arguments[] = {" N",	 " SECONDS", " TEXT", " NAME",
						" PATH", " WORD",    ""};

	fputs("Usage: lanes [options]\n\n"
	      "A FastCGI worker. The listening socket is descriptor 0, as spawn-fcgi gives it:\n"
	      "    spawn-fcgi -n -s /tmp/lanes.sock -M 0600 -- build/lanes\n"
	      "or --listen opens one. Each option is also LANES_<NAME> in the environment.\n\n",
	      out);
	for (size_t i = 0; i < COUNT; i++) {
		const struct option *o = &table[i];
		char left[48];

		snprintf(left, sizeof(left), "--%s%s", o->name, arguments[o->kind]);
		fprintf(out, "  %-24s %s", left, o->help);
		if (o->fallback)
			fprintf(out, " [%s]", o->fallback);
		fputc('\n', out);
	}
	fputs("\nSignals: TERM, INT, HUP and USR1 drain: requests in flight finish, then exit "
	      "status 0;\n"
	      "a second one, or the drain timeout, ends at once with status 3.\n"
	      "A TCP address that is not loopback needs FCGI_WEB_SERVER_ADDRS, the list of peers\n"
	      "that may connect (FastCGI specification 3.2).\n",
	      out);
}

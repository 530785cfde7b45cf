/*
 * loadgen [options] TARGET...: puts load on a FastCGI socket (or, with --http, on an HTTP server)
 * and prints what became of it as one line of JSON. See usage() for the options. For example
 * 100,000 requests in flight:
 *
 *     build/loadgen --connections 1000 --depth 100 --requests 1 --query seconds=3 worker-1.sock
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "../support/load.h"

enum { HTTP = 256, FRESH, KEYS, POST, TYPE };

static const char *path = "/async/await-one";
static const char *query = "seconds=0";

static void usage(void)
{
	fputs("Usage: loadgen [options] TARGET...   a unix socket's path, or a port of 127.0.0.1\n"
	      "  --connections N   [1]\n"
	      "  --depth N         requests in flight on each connection [1]\n"
	      "  --requests N      one after another, of each of them\n"
	      "  --duration S      seconds; instead of, or as a limit to, --requests\n"
	      "  --ramp S          connections start over this time [0: at once]\n"
	      "  --pause S         between an answer and the next request [0]\n"
	      "  --nominal S       what a request takes; latencies are what is above [0]\n"
	      "  --patience S      waits for the last answers [30]\n"
	      "  --path PATH       [/async/await-one]\n"
	      "  --query QUERY     [seconds=0]\n"
	      "  --keys N          1 to N in turn, in place of {} in the path\n"
	      "  --fresh           a new connection for each request\n"
	      "  --post FILE       POST with what is in it; with --http\n"
	      "  --type TYPE       of that [application/json]\n"
	      "  --http            HTTP instead of FastCGI\n",
	      stderr);
	exit(2);
}

static double number(const char *text, double most)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= 0 && value <= most))
		usage();
	return value;
}

static uint64_t seconds(const char *text)
{
	return (uint64_t)llround(number(text, 1e6) * 1e9);
}

static struct slice content_of(const char *path)
{
	static char bytes[64 << 20];
	FILE *file = fopen(path, "r");
	size_t len = file ? fread(bytes, 1, sizeof(bytes), file) : 0;

	if (!len || len == sizeof(bytes)) {
		fprintf(stderr, "loadgen: %s: less than 64 MB are wanted\n", path);
		exit(1);
	}
	fclose(file);
	return (struct slice){bytes, len};
}

static void set(struct load_plan *plan, int option, const char *value)
{
	switch (option) {
	case 'c':
		plan->connections = (size_t)number(value, 65535);
		return;
	case 'm':
		plan->depth = (unsigned)number(value, 65535);
		return;
	case 'n':
		plan->requests = (uint64_t)number(value, 1e12);
		return;
	case 'd':
		plan->duration = seconds(value);
		return;
	case 'r':
		plan->ramp = seconds(value);
		return;
	case 'z':
		plan->pause = seconds(value);
		return;
	case 's':
		plan->nominal = seconds(value);
		return;
	case 'w':
		plan->patience = seconds(value);
		return;
	case 'p':
		path = value;
		return;
	case 'q':
		query = value;
		return;
	case HTTP:
		plan->http = true;
		return;
	case FRESH:
		plan->fresh = true;
		return;
	case KEYS:
		plan->keys = (unsigned)number(value, 1e6);
		return;
	case POST:
		plan->content = content_of(value);
		plan->type = plan->type ? plan->type : "application/json";
		return;
	case TYPE:
		plan->type = value;
		return;
	default:
		usage();
	}
}

static void parse(struct load_plan *plan, int argc, char **argv)
{
	static const struct option options[] = {
		{"connections", required_argument, NULL, 'c'},
		{"depth", required_argument, NULL, 'm'},
		{"requests", required_argument, NULL, 'n'},
		{"duration", required_argument, NULL, 'd'},
		{"ramp", required_argument, NULL, 'r'},
		{"pause", required_argument, NULL, 'z'},
		{"nominal", required_argument, NULL, 's'},
		{"patience", required_argument, NULL, 'w'},
		{"path", required_argument, NULL, 'p'},
		{"query", required_argument, NULL, 'q'},
		{"http", no_argument, NULL, HTTP},
		{"fresh", no_argument, NULL, FRESH},
		{"keys", required_argument, NULL, KEYS},
		{"post", required_argument, NULL, POST},
		{"type", required_argument, NULL, TYPE},
		{NULL, 0, NULL, 0},
	};
	static char target[4096];
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		set(plan, option, optarg);
	plan->servers = (const char *const *)argv + optind;
	plan->server_count = (size_t)(argc - optind);
	plan->repeat = !plan->requests;
	plan->target = target;
	snprintf(target, sizeof(target), "%s%s%s", path, *query ? "?" : "", query);
	if (!plan->server_count || !plan->connections || !plan->depth ||
	    (!plan->requests && !plan->duration) ||
	    (plan->depth > 1 && (plan->http || plan->fresh)) || (plan->type && !plan->http) ||
	    (plan->type && !plan->content.len))
		usage();
}

static const struct {
	const char *name;
	double part;
} parts[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};

static void print(const struct load_result *r)
{
	const struct latency *l = &r->answers;

	printf("{\"answers\":%zu,\"errors\":%zu,\"unanswered\":%zu,\"bad_connections\":%zu,",
	       r->answered, r->failed - r->unanswered, r->unanswered, r->bad_connections);
	printf("\"connects\":%zu,\"peak_in_flight\":%zu,\"seconds\":%.3f,\"rate\":%.1f,",
	       r->connects, r->peak, r->elapsed,
	       r->elapsed > 0 ? (double)r->answered / r->elapsed : 0);
	printf("\"mean_ms\":%.4f", r->answered ? (double)l->sum / 1e6 / (double)r->answered : 0);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		printf(",\"%s_ms\":%.5f", parts[i].name, latency_quantile(l, parts[i].part) * 1e3);
	puts("}");
}

int main(int argc, char **argv)
{
	static struct load_result result;
	struct load_plan plan = {
		.connections = 1,
		.depth = 1,
		.patience = 30000000000,
	};
	struct rlimit files;
	int error;

	parse(&plan, argc, argv);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	error = load_run(&plan, &result);
	if (error) {
		fprintf(stderr, "loadgen: %s\n", strerror(-error));
		return 1;
	}
	print(&result);
	return 0;
}

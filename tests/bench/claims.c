#include "claims.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "contenders.h"
#include "fields.h"
#include "workloads.h"

/* A figure of one contender (or of the fastest of several), or its ratio to another's. */
struct claim {
	const char *what;
	double goal; /* NONE: it is only shown */
	bool at_most;
	enum figure figure;
	const char *workload;
	const char *of;
	const char *to;		 /* NULL: not a ratio */
	const char *to_workload; /* NULL: the same */
};

#define NONE	(-1)
#define LIBFCGI "libfcgi-1 libfcgi-8 libfcgi-threads libfcgi-kept"

static const struct claim claims[] = {
	{"through nginx, 64 clients: Lanes / null responder", 0.95, false, RATE, "http-64",
	 .of = "lanes-1", .to = "null"},
	{"… our nginx and Lanes / a minimal nginx and the null responder", 0.95, false, RATE,
	 "http-64", .of = "lanes-1", .to = "null-minimal"},
	{"… the same with Lanes behind the minimal nginx, too", NONE, false, RATE, "http-64",
	 .of = "lanes-minimal", .to = "null-minimal"},
	{"… / FastAPI behind the same nginx, 1 process", 2.4, false, RATE, "http-64",
	 .of = "lanes-1", .to = "fastapi-1"},
	{"… / the same, 2 processes", 2.4, false, RATE, "http-64", .of = "lanes-2",
	 .to = "fastapi-2"},
	{"… / FastAPI without nginx, 1 process", 1.5, false, RATE, "http-64", .of = "lanes-1",
	 .to = "fastapi-1-direct"},
	{"… / the same, 2 processes", 1.5, false, RATE, "http-64", .of = "lanes-2",
	 .to = "fastapi-2-direct"},
	{"… / libfcgi, a process for each request (8)", NONE, false, RATE, "http-64",
	 .of = "lanes-1", .to = "libfcgi-8"},
	{"… / libfcgi at its best", 2.5, false, RATE, "http-64", .of = "lanes-1", .to = LIBFCGI},
	{"… / php-fpm at its best", 3.5, false, RATE, "http-64", .of = "lanes-1",
	 .to = "php-2 php-8 php-kept"},
	{"… / Go, net/http/fcgi, all cores", NONE, false, RATE, "http-64", .of = "lanes-1",
	 .to = "go"},
	{"CPU per request of the application: FastAPI / Lanes", 6, false, APP_US, "http-64",
	 .of = "fastapi-1", .to = "lanes-1"},
	{"… libfcgi, 8 processes / Lanes", NONE, false, APP_US, "http-64", .of = "libfcgi-8",
	 .to = "lanes-1"},
	{"… libfcgi at its best / Lanes", 3.5, false, APP_US, "http-64", .of = LIBFCGI,
	 .to = "lanes-1"},
	{"sync/noawait at zero delay: Lanes / FastAPI", 5, false, RATE, "sync-64", .of = "lanes-1",
	 .to = "fastapi-1"},
	{"without nginx, 64 connections: Lanes / null responder", 0.92, false, RATE, "direct-64",
	 .of = "lanes-1", .to = "null"},
	{"… 4 connections with 16 requests each", 0.8, false, RATE, "direct-mpx", .of = "lanes-1",
	 .to = "null"},
	{"… latency p50 of 1 connection", 1.03, true, P50, "direct-1", .of = "lanes-1",
	 .to = "null"},
	{"… the same through nginx", NONE, true, P50, "http-1", .of = "lanes-1", .to = "null"},
	{"10,000 asleep through nginx, come within 4 s: errors", 0, true, ERRORS, "asleep-ramped",
	 .of = "lanes-1"},
	{"… p99 above the sleep, ms", 20, true, P99, "asleep-ramped", .of = "lanes-1"},
	{"… memory each, bytes", 1229, true, MEMORY_EACH, "asleep-ramped", .of = "lanes-1"},
	{"… all at once: errors", 0, true, ERRORS, "asleep-at-once", .of = "lanes-1"},
	{"100,000 in flight in one worker, multiplexed: errors", 0, true, ERRORS, "hold-100000",
	 .of = "lanes-1"},
	{"… memory each, bytes", 1331, true, MEMORY_EACH, "hold-100000", .of = "lanes-1"},
	{"… memory 5 s after / before", 1.1, true, SETTLED, "hold-100000", .of = "lanes-1"},
	{"memory of a worker at its start, MB", 2, true, AT_START, "hold-100000", .of = "lanes-1"},
	{"… of an idle connection (10,000), bytes", 300, true, MEMORY_EACH, "idle-10000",
	 .of = "lanes-1"},
	{"1,000,000 in flight, one worker: errors", 0, true, ERRORS, "grow-1000000",
	 .of = "lanes-unix-1"},
	{"… two workers", 0, true, ERRORS, "grow-1000000", .of = "lanes-unix-2"},
	{"… over TCP, one worker", 0, true, ERRORS, "grow-1000000", .of = "lanes-tcp-1"},
	{"… over TCP, two workers", 0, true, ERRORS, "grow-1000000", .of = "lanes-tcp-2"},
	{"cpu-bound, heavy: two threads / one", 1.85, false, RATE, "cpu-heavy", .of = "lanes-1",
	 .to = "lanes-cpu1"},
	{"… a bystander's p99 through nginx meanwhile, ms", 2, true, SIDE_P99, "cpu-heavy",
	 .of = "lanes-1"},
	{"… that / nginx alone beside two plain loops", 1.2, true, SIDE_P99, "cpu-heavy",
	 .of = "lanes-1", .to = "nginx-return", .to_workload = "cpu-floor"},
	{"HAProxy, multiplexing / nginx, Lanes behind both", 1.2, false, RATE, "http-64",
	 .of = "haproxy", .to = "lanes-1"},

	{"one row by key: Lanes / FastAPI with asyncpg", 5, false, RATE, "cases-row",
	 .of = "cases-lanes", .to = "cases-fastapi"},
	{"… / php-fpm with persistent PDO", 1.5, false, RATE, "cases-row", .of = "cases-lanes",
	 .to = "cases-php"},
	{"… / Go, net/http/fcgi with pgx", 1.5, false, RATE, "cases-row", .of = "cases-lanes",
	 .to = "cases-go"},
	{"… CPU per request of the application: FastAPI / Lanes", 10, false, APP_US, "cases-row",
	 .of = "cases-fastapi", .to = "cases-lanes"},
	{"… Lanes / null responder with a raw libpq loop", 0.9, false, RATE, "cases-row",
	 .of = "cases-lanes", .to = "cases-null"},
	{"… the same, CPU per request of the application", 1.15, true, APP_US, "cases-row",
	 .of = "cases-lanes", .to = "cases-null"},
	{"… Lanes / null responder in pipeline mode", NONE, false, RATE, "cases-row",
	 .of = "cases-lanes", .to = "cases-null-piped"},
	{"null responder, one row: statements prepared / not prepared", NONE, false, RATE,
	 "cases-row", .of = "cases-null", .to = "cases-null-unprepared"},
	{"… in pipeline mode / one statement at a time on each connection", NONE, false, RATE,
	 "cases-row", .of = "cases-null-piped", .to = "cases-null"},
	{"… the same, CPU per request of the application", NONE, true, APP_US, "cases-row",
	 .of = "cases-null-piped", .to = "cases-null"},
	{"… the same, inserts", NONE, false, RATE, "cases-insert", .of = "cases-null-piped",
	 .to = "cases-null"},
	{"20 rows: Lanes / FastAPI", 6, false, RATE, "cases-rows", .of = "cases-lanes",
	 .to = "cases-fastapi"},
	{"insert: Lanes / pgbench, same SQL and connections", 0.9, false, RATE, "cases-insert",
	 .of = "cases-lanes", .to = "pgbench"},
	{"one call passed on: Lanes / null responder with curl's multi interface", NONE, false,
	 RATE, "cases-fetch", .of = "cases-lanes", .to = "cases-null-calls"},
	{"… the same, CPU per request of the application", NONE, true, APP_US, "cases-fetch",
	 .of = "cases-lanes", .to = "cases-null-calls"},
	{"… Lanes / nginx that calls the service itself", NONE, false, RATE, "cases-fetch",
	 .of = "cases-lanes", .to = "cases-nginx-calls"},
	{"three calls gathered: Lanes / FastAPI with httpx", 12, false, RATE, "cases-gather",
	 .of = "cases-lanes", .to = "cases-fastapi"},
	{"three calls of 50 to 150 ms, 1,000 clients: errors", 0, true, ERRORS, "cases-slow",
	 .of = "cases-lanes-slow"},
	{"… p99 above the slowest, ms", 50, true, P99, "cases-slow", .of = "cases-lanes-slow"},
	{"200 × pg_sleep(0.1) over 10 connections: time / model (2 s)", 1.1, true, OF_MODEL,
	 "cases-sleep", .of = "cases-lanes-sleep"},
	{"jobs that do nothing, one worker: per second", 1000, false, RATE, "cases-jobs",
	 .of = "cases-jobs"},
	{"… p50 from INSERT to start, ms", 10, true, P50, "cases-jobs", .of = "cases-jobs"},
	{"100 × 8 MB thumbnails: Lanes / FastAPI with Pillow", 1.2, false, RATE, "cases-thumbnail",
	 .of = "cases-lanes", .to = "cases-fastapi"},
	{"… peak memory: FastAPI / Lanes", 5, false, PEAK, "cases-thumbnail", .of = "cases-fastapi",
	 .to = "cases-lanes"},
};

static void die(const char *what, const char *detail)
{
	fprintf(stderr, "bench: %s: %s\n", what, detail);
	exit(1);
}

/* ---- the rounds ---- */

/* The cell of the fastest of the contenders named. */
static const struct cell *fastest(const char *workload, const char *names)
{
	const struct cell *best = NULL;
	char copy[256];
	char *rest = copy;
	const char *name;

	snprintf(copy, sizeof(copy), "%s", names);
	while ((name = strsep(&rest, " "))) {
		const struct cell *cell = cell_named(workload, name);

		if (!best || cell_median(cell, RATE) > cell_median(best, RATE))
			best = cell;
	}
	return best;
}

/* Round by round; to is NULL where it is no ratio. */
static struct cell ratio(const struct cell *of, const struct cell *to, enum figure figure)
{
	struct cell ratio = {0};

	for (int i = 0; i < of->rounds && (!to || i < to->rounds); i++) {
		double value = of->value[figure][i];

		if (value < 0 || (to && to->value[figure][i] <= 0))
			continue;
		ratio.value[figure][ratio.rounds++] = to ? value / to->value[figure][i] : value;
	}
	return ratio;
}

/* ---- the verdict ---- */

struct between {
	double low;
	double median;
	double high;
	bool known; /* rounds enough to say that the median is between these, at 95 % */
};

/* How many of the rounds, in order, are left out at either end of the interval: as a round is as
 * likely above the true median as below it, they are thrown coins. -1: there are too few. */
static int left_out(int rounds)
{
	double tail = 0;
	double ways = 1; /* rounds over out */
	int out = 0;

	for (;; out++) {
		tail += ways / pow(2, rounds);
		if (2 * tail > 0.05)
			return out - 1;
		ways = ways * (rounds - out) / (out + 1);
	}
}

/* Errors are no noise: the worst round counts. */
static struct between between_of(const struct cell *cell, enum figure figure)
{
	int out = left_out(cell->rounds);
	double place = out > 0 ? (double)out / (cell->rounds - 1) : 0;
	double most = cell_most(cell, figure);

	if (figure == ERRORS)
		return (struct between){most, most, most, true};
	return (struct between){cell_place(cell, figure, place), cell_median(cell, figure),
				cell_place(cell, figure, 1 - place), out >= 0};
}

static bool meets(const struct claim *claim, double value)
{
	return claim->at_most ? value <= claim->goal : value >= claim->goal;
}

static const char *verdict(const struct claim *claim, const struct between *b)
{
	bool low = meets(claim, b->low);
	bool high = meets(claim, b->high);

	if (claim->goal == NONE)
		return "none";
	if (!b->known)
		return "too few rounds";
	return low != high ? "noise" : low ? "pass" : "miss";
}

/* ---- as data ---- */

static void add_text(struct json_object *json, const char *name, const char *value)
{
	json_object_object_add(json, name, value ? json_object_new_string(value) : NULL);
}

static void add_number(struct json_object *json, const char *name, double value)
{
	json_object_object_add(json, name, value < 0 ? NULL : json_object_new_double(value));
}

/* The same ratio with the null responder instead of Lanes; -1: it was not measured there. */
static double ceiling(const struct claim *claim, const struct cell *to)
{
	bool cases = !strncmp(claim->of, "cases-", 6);
	bool calls = !strcmp(claim->workload, "cases-fetch");
	const char *name = calls ? "cases-null-calls" : cases ? "cases-null" : "null";
	struct cell null;

	if (claim->figure != RATE || !claim->to || !strstr(claim->of, "lanes") ||
	    !strcmp(claim->of, "lanes-minimal") || !strcmp(claim->to, name))
		return -1;
	null = ratio(cell_named(claim->workload, name), to, RATE);
	return cell_median(&null, RATE);
}

/* NULL: it was not measured. */
static struct json_object *claim_as_json(const struct claim *claim)
{
	const char *floor = claim->to_workload ? claim->to_workload : claim->workload;
	const struct cell *to = claim->to ? fastest(floor, claim->to) : NULL;
	struct cell cell = ratio(fastest(claim->workload, claim->of), to, claim->figure);
	struct between b = between_of(&cell, claim->figure);
	struct json_object *json;

	if (!cell.rounds)
		return NULL;
	json = json_object_new_object();
	add_text(json, "table", strncmp(claim->workload, "cases-", 6) != 0 ? "requests" : "waits");
	add_text(json, "what", claim->what);
	add_text(json, "workload", claim->workload);
	add_text(json, "of", claim->of);
	add_text(json, "to", claim->to);
	add_text(json, "figure", figure_names[claim->figure]);
	add_number(json, "goal", claim->goal);
	json_object_object_add(json, "at_most", json_object_new_boolean(claim->at_most));
	json_object_object_add(json, "rounds", json_object_new_int(cell.rounds));
	add_number(json, "low", b.low);
	add_number(json, "median", b.median);
	add_number(json, "high", b.high);
	add_text(json, "verdict", verdict(claim, &b));
	json_object_object_add(json, "median_passes",
			       json_object_new_boolean(meets(claim, b.median)));
	add_number(json, "null", to ? ceiling(claim, to) : -1);
	return json;
}

struct json_object *claims_as_json(void)
{
	struct json_object *all = json_object_new_array();

	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct json_object *json = claim_as_json(&claims[i]);

		if (json)
			json_object_array_add(all, json);
	}
	return all;
}

/* ---- as tables ---- */

static void print_number(FILE *out, double value)
{
	fprintf(out, "%.*f", value < 100 && value != floor(value) ? 2 : 0, value);
}

static void print_measured(FILE *out, struct json_object *claim)
{
	double low = field_number(claim, "low", NONE);
	double high = field_number(claim, "high", NONE);

	print_number(out, field_number(claim, "median", NONE));
	if (low == high)
		return;
	fputs(" (", out);
	print_number(out, low);
	fputs(" to ", out);
	print_number(out, high);
	fputs(")", out);
}

static void print_verdict(FILE *out, struct json_object *claim)
{
	const char *verdict = field_text(claim, "verdict");
	double by =
		fabs(field_number(claim, "median", NONE) / field_number(claim, "goal", NONE) - 1) *
		100;
	bool passes = field_number(claim, "median_passes", NONE) > 0;

	if (!strcmp(verdict, "miss"))
		fprintf(out, isfinite(by) ? "**miss** by %.*f %%" : "**miss**", by < 1, by);
	else if (!strcmp(verdict, "noise") || !strcmp(verdict, "too few rounds"))
		fprintf(out, "%s: the median %s", verdict, passes ? "passes" : "misses");
	else if (strcmp(verdict, "none") != 0)
		fputs(verdict, out);
}

static void print_claim(FILE *out, struct json_object *claim)
{
	fprintf(out, "| %s | ", field_text(claim, "what"));
	if (field_number(claim, "goal", NONE) != NONE)
		fprintf(out, "%s %g", field_number(claim, "at_most", NONE) > 0 ? "≤" : "≥",
			field_number(claim, "goal", NONE));
	fputs(" | ", out);
	print_measured(out, claim);
	fputs(" | ", out);
	print_verdict(out, claim);
	fputs(" | ", out);
	if (field_number(claim, "null", NONE) >= 0)
		print_number(out, field_number(claim, "null", NONE));
	fputs(" |\n", out);
}

size_t claims_print(FILE *out, struct json_object *all, const char *table)
{
	size_t count = 0;

	for (size_t i = 0; i < json_object_array_length(all); i++) {
		struct json_object *claim = json_object_array_get_idx(all, i);

		if (strcmp(field_text(claim, "table"), table) != 0)
			continue;
		if (count++ == 0)
			fputs("| | aimed at | measured | | null |\n| --- | --- | --- | --- | --- "
			      "|\n",
			      out);
		print_claim(out, claim);
	}
	return count;
}

/* What is between the marks is replaced; the marks stay. */
static void copy_with_tables(FILE *from, FILE *to, struct json_object *all)
{
	static const char end[] = "<!-- end of table -->\n";
	char *line = NULL;
	size_t size = 0;
	char table[32];
	bool skip = false;

	while (getline(&line, &size, from) > 0) {
		skip = skip && strcmp(line, end) != 0;
		if (!skip)
			fputs(line, to);
		if (sscanf(line, "<!-- table: %31[a-z] -->", table) == 1)
			skip = claims_print(to, all, table) > 0;
	}
	free(line);
	if (skip)
		die("no such line", end);
}

void claims_write_tables(const char *results, const char *page)
{
	struct json_object *json = json_object_from_file(results);
	struct json_object *all = NULL;
	FILE *from = fopen(page, "r");
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (!json || !json_object_object_get_ex(json, "claims", &all))
		die(results, "no results");
	if (!from || !to)
		die(page, strerror(errno));
	copy_with_tables(from, to, all);
	fclose(from);
	fclose(to);
	to = fopen(page, "w");
	if (!to || fputs(text, to) < 0 || fclose(to))
		die(page, strerror(errno));
	free(text);
	json_object_put(json);
}

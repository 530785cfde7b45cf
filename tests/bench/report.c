#include "report.h"

#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "contenders.h"
#include "plot.h"
#include "workloads.h"

enum { MAX_BARS = 32, DECADES = 6 };

static FILE *create(const char *directory, const char *name)
{
	char path[4200];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	if (!file) {
		fprintf(stderr, "bench: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return file;
}

static bool has_cells(size_t w)
{
	for (size_t c = 0; c < contender_count; c++)
		if (cell_at(w, c)->rounds)
			return true;
	return false;
}

/* ---- what the project promises ---- */

/* A figure of one contender (or of the fastest of several), or its ratio to another's. */
struct claim {
	const char *what;
	double limit;
	bool at_most;
	enum figure figure;
	const char *workload;
	const char *of;
	const char *to; /* NULL: not a ratio */
};

#define LIBFCGI "libfcgi-1 libfcgi-8 libfcgi-threads libfcgi-kept"

static const struct claim claims[] = {
	{"through nginx, c = 64: Lanes / null responder", 0.95, false, RATE, "http-64", "lanes-1",
	 "null"},
	{"… / FastAPI behind the same nginx, 1 process", 2.4, false, RATE, "http-64", "lanes-1",
	 "fastapi-1"},
	{"… / the same, 2 processes", 2.4, false, RATE, "http-64", "lanes-2", "fastapi-2"},
	{"… / FastAPI direct, 1 process", 1.5, false, RATE, "http-64", "lanes-1",
	 "fastapi-1-direct"},
	{"… / FastAPI direct, 2 processes", 1.5, false, RATE, "http-64", "lanes-2",
	 "fastapi-2-direct"},
	{"… / plain libfcgi, best configuration", 2.5, false, RATE, "http-64", "lanes-1", LIBFCGI},
	{"… / php-fpm, best configuration", 3.5, false, RATE, "http-64", "lanes-1",
	 "php-2 php-8 php-kept"},
	{"application CPU per request: FastAPI / Lanes", 6, false, APP_US, "http-64", "fastapi-1",
	 "lanes-1"},
	{"application CPU per request: libfcgi / Lanes", 3.5, false, APP_US, "http-64", LIBFCGI,
	 "lanes-1"},
	{"sync/noawait at zero delay: Lanes / FastAPI", 5, false, RATE, "sync-64", "lanes-1",
	 "fastapi-1"},
	{"direct, no nginx: Lanes / null responder", 0.88, false, RATE, "direct-64", "lanes-1",
	 "null"},
	{"10,000 asleep, ramped: errors", 0, true, ERRORS, "asleep-ramped", "lanes-1", NULL},
	{"… p99 above nominal, ms", 20, true, P99, "asleep-ramped", "lanes-1", NULL},
	{"… memory each, bytes", 2048, true, MEMORY_EACH, "asleep-ramped", "lanes-1", NULL},
	{"10,000 asleep, at once: errors", 0, true, ERRORS, "asleep-at-once", "lanes-1", NULL},
	{"100,000 in flight, multiplexed: errors", 0, true, ERRORS, "hold-100000", "lanes-1", NULL},
	{"… memory each, bytes", 1331, true, MEMORY_EACH, "hold-100000", "lanes-1", NULL},
	{"cpu-bound heavy: two threads / one", 1.85, false, RATE, "cpu-heavy", "lanes-1",
	 "lanes-cpu1"},
	{"… bystander p99 through nginx meanwhile, ms", 2, true, SIDE_P99, "cpu-heavy", "lanes-1",
	 NULL},
	{"HAProxy multiplexed / nginx, Lanes behind both", 1.2, false, RATE, "http-64", "haproxy",
	 "lanes-1"},

	{"one row by key: Lanes / FastAPI with asyncpg", 5, false, RATE, "cases-row", "cases-lanes",
	 "cases-fastapi"},
	{"… / php-fpm with persistent PDO", 1.5, false, RATE, "cases-row", "cases-lanes",
	 "cases-php"},
	{"… / Go, net/http/fcgi with pgx", 1.5, false, RATE, "cases-row", "cases-lanes",
	 "cases-go"},
	{"… CPU per request of the application: FastAPI / Lanes", 10, false, APP_US, "cases-row",
	 "cases-fastapi", "cases-lanes"},
	{"… Lanes / null responder with a raw libpq loop", 0.9, false, RATE, "cases-row",
	 "cases-lanes", "cases-null"},
	{"20 rows: Lanes / FastAPI", 6, false, RATE, "cases-rows", "cases-lanes", "cases-fastapi"},
	{"insert: Lanes / pgbench", 0.9, false, RATE, "cases-insert", "cases-lanes", "pgbench"},
	{"three calls gathered: Lanes / FastAPI with httpx", 12, false, RATE, "cases-gather",
	 "cases-lanes", "cases-fastapi"},
	{"three calls of 50–150 ms, 1,000 clients: errors", 0, true, ERRORS, "cases-slow",
	 "cases-lanes-slow", NULL},
	{"… p99 above the slowest, ms", 50, true, P99, "cases-slow", "cases-lanes-slow", NULL},
	{"200 × pg_sleep(0.1) over 10 connections: time / model", 1.1, true, OF_MODEL,
	 "cases-sleep", "cases-lanes-sleep", NULL},
	{"jobs per second, one worker, trivial job", 1000, false, RATE, "cases-jobs", "cases-jobs",
	 NULL},
	{"… latency p50 from enqueued to started, ms", 10, true, P50, "cases-jobs", "cases-jobs",
	 NULL},
	{"100 × 8 MB thumbnails: Lanes / FastAPI with Pillow", 1.2, false, RATE, "cases-thumbnail",
	 "cases-lanes", "cases-fastapi"},
	{"… peak memory: FastAPI / Lanes", 5, false, PEAK, "cases-thumbnail", "cases-fastapi",
	 "cases-lanes"},
};

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

/* The same ratio with the null responder instead of Lanes; -1: it was not measured there. */
static double ceiling(const struct claim *claim, double to)
{
	const char *name = strncmp(claim->of, "cases-", 6) != 0 ? "null" : "cases-null";
	const struct cell *null;

	if (claim->figure != RATE || !claim->to || !strstr(claim->of, "lanes") ||
	    !strcmp(claim->to, name))
		return -1;
	null = cell_named(claim->workload, name);
	return null->rounds ? cell_median(null, RATE) / to : -1;
}

static void print_claim(FILE *out, const struct claim *claim)
{
	const struct cell *of = fastest(claim->workload, claim->of);
	const struct cell *to = claim->to ? fastest(claim->workload, claim->to) : NULL;
	double value;
	double most;
	bool met;

	if (!of->rounds || (to && !to->rounds))
		return;
	value = cell_median(of, claim->figure);
	if (claim->figure == ERRORS)
		value = cell_most(of, ERRORS);
	if (to)
		value /= cell_median(to, claim->figure);
	met = claim->at_most ? value <= claim->limit : value >= claim->limit;
	fprintf(out, "| %s | %s %g | %.*f | ", claim->what, claim->at_most ? "≤" : "≥",
		claim->limit, value < 100 ? 2 : 0, value);
	if (met)
		fputs("pass |", out);
	else if (claim->limit > 0)
		fprintf(out, "**miss** by %.0f %% |", fabs(value / claim->limit - 1) * 100);
	else
		fputs("**miss** |", out);
	most = to ? ceiling(claim, cell_median(to, RATE)) : -1;
	if (most < 0)
		fputs(" |\n", out);
	else
		fprintf(out, " %.2f |\n", most);
}

static void print_claims(FILE *out)
{
	fputs("| | wanted | measured | | the null responder |\n| --- | --- | --- | --- | --- |\n",
	      out);
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++)
		print_claim(out, &claims[i]);
	fputs("\n", out);
}

/* ---- the page ---- */

static void print_number(FILE *out, const struct cell *cell, enum figure figure, int digits)
{
	double value = cell_median(cell, figure);

	if (value < 0)
		fputs(" – |", out);
	else
		fprintf(out, " %.*f |", digits, value);
}

static void print_row(FILE *out, size_t w, size_t c, double lanes)
{
	const struct cell *cell = cell_at(w, c);

	fprintf(out, "| %s | %.0f (%.0f–%.0f) |", contenders[c].name, cell_median(cell, RATE),
		cell_least(cell, RATE), cell_most(cell, RATE));
	if (lanes > 0)
		fprintf(out, " %.2f |", cell_median(cell, RATE) / lanes);
	else
		fputs(" – |", out);
	print_number(out, cell, P50, 3);
	print_number(out, cell, P99, 3);
	print_number(out, cell, APP_US, 1);
	print_number(out, cell, PROXY_US, 1);
	print_number(out, cell, MEMORY, 1);
	if (workloads[w].held)
		print_number(out, cell, MEMORY_EACH, 0);
	if (workloads[w].peak)
		print_number(out, cell, PEAK, 1);
	if (workloads[w].side) {
		print_number(out, cell, SIDE_P50, 3);
		print_number(out, cell, SIDE_P99, 3);
	}
	fprintf(out, " %.0f |\n", cell_most(cell, ERRORS));
}

static void print_workload(FILE *out, size_t w)
{
	const struct workload *load = &workloads[w];
	const char *ours = strncmp(load->name, "cases", 5) != 0 ? "lanes-1" : "cases-lanes";
	double lanes = cell_median(cell_named(load->name, ours), RATE);
	int columns = 8 + (load->peak ? 1 : 0) + (load->held ? 1 : 0) + (load->side ? 2 : 0);

	fprintf(out, "### %s: %s\n\n![](%s.svg)\n\n", load->name, load->title, load->name);
	fprintf(out,
		"| | requests/s (least–most) | ÷ %s | p50 ms | p99 ms | app µs | proxy µs "
		"| app MB |%s%s%s "
		"errors |\n| --- |",
		ours, load->held ? " bytes each |" : "", load->peak ? " peak MB |" : "",
		load->side ? " bystander p50 | bystander p99 |" : "");
	for (int i = 0; i < columns; i++)
		fputs(" --- |", out);
	fputs("\n", out);
	for (size_t c = 0; c < contender_count; c++)
		if (cell_at(w, c)->rounds)
			print_row(out, w, c, lanes);
	fputs("\n", out);
}

static void print_contenders(FILE *out)
{
	fputs("## Contenders\n\n", out);
	for (size_t c = 0; c < contender_count; c++)
		fprintf(out, "- **%s**: %s\n", contenders[c].name, contenders[c].what);
	fputs("\n", out);
}

static double seconds_measured(void)
{
	double sum = 0;

	for (size_t w = 0; w < workload_count; w++)
		for (size_t c = 0; c < contender_count; c++)
			for (int i = 0; i < cell_at(w, c)->rounds; i++)
				sum += cell_at(w, c)->value[TOOK][i];
	return sum;
}

static void write_page(const char *directory, int rounds)
{
	FILE *out = create(directory, "results.md");
	struct utsname machine;

	uname(&machine);
	fprintf(out,
		"# Results\n\n%s %s, %s, %ld cores. %d rounds, interleaved, %.0f s of "
		"measurements; "
		"medians. "
		"Latencies of "
		"requests "
		"that sleep are what is above the sleep. CPU is user and system time of all "
		"processes of the application, and of the proxy, divided by the answers; memory "
		"is what the application's processes have for themselves, afterwards.\n\n",
		machine.sysname, machine.release, machine.machine, sysconf(_SC_NPROCESSORS_ONLN),
		rounds, seconds_measured());
	print_claims(out);
	if (cell_named("grow-1", "lanes-1")->rounds || cell_named("hold-100", "lanes-1")->rounds)
		fputs("## Growth\n\nRequests that sleep for zero, straight to the sockets; then "
		      "requests asleep.\n\n![](growth-rate.svg)\n\n![](growth-cpu.svg)\n\n"
		      "![](growth-memory.svg)\n\n",
		      out);
	fputs("## Workloads\n\n", out);
	for (size_t w = 0; w < workload_count; w++)
		if (has_cells(w))
			print_workload(out, w);
	print_contenders(out);
	fclose(out);
}

/* ---- the data ---- */

static struct json_object *cell_as_json(size_t w, size_t c)
{
	const struct cell *cell = cell_at(w, c);
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "workload", json_object_new_string(workloads[w].name));
	json_object_object_add(json, "contender", json_object_new_string(contenders[c].name));
	for (int f = 0; f < FIGURES; f++) {
		struct json_object *values = json_object_new_array();

		for (int i = 0; i < cell->rounds; i++)
			json_object_array_add(values,
					      cell->value[f][i] < 0
						      ? NULL
						      : json_object_new_double(cell->value[f][i]));
		json_object_object_add(json, figure_names[f], values);
	}
	return json;
}

static void write_data(const char *directory)
{
	struct json_object *all = json_object_new_array();
	FILE *out = create(directory, "results.json");

	for (size_t w = 0; w < workload_count; w++)
		for (size_t c = 0; c < contender_count; c++)
			if (cell_at(w, c)->rounds)
				json_object_array_add(all, cell_as_json(w, c));
	fputs(json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY), out);
	json_object_put(all);
	fclose(out);
}

/* ---- the pictures ---- */

/* Ceilings, Lanes (behind whatever proxy), others. */
static enum plot_colour colour_of(const struct contender *c)
{
	const char *name = c->name;

	name += strncmp(name, "cases-", 6) ? 0 : 6;
	if (!strcmp(name, "null") || !strcmp(name, "nginx-return") || !strcmp(name, "pgbench"))
		return PLOT_GREY;
	if (!strncmp(name, "lanes", 5) || !strncmp(name, "prefork", 7) || !strcmp(name, "haproxy"))
		return PLOT_BLUE;
	return PLOT_ORANGE;
}

static void draw_workload(const char *directory, size_t w)
{
	struct plot_bar bars[MAX_BARS];
	enum figure figure = workloads[w].side ? SIDE_P99 : workloads[w].held ? P99 : RATE;
	const char *unit = figure == RATE ? "/s" : "ms";
	char name[64];
	size_t count = 0;
	FILE *out;

	for (size_t c = 0; c < contender_count && count < MAX_BARS; c++) {
		const struct cell *cell = cell_at(w, c);

		if (cell->rounds)
			bars[count++] = (struct plot_bar){
				contenders[c].name, colour_of(&contenders[c]),
				cell_median(cell, figure), cell_least(cell, figure),
				cell_most(cell, figure)};
	}
	snprintf(name, sizeof(name), "%s.svg", workloads[w].name);
	out = create(directory, name);
	plot_bars(out, workloads[w].title, unit, bars, count);
	fclose(out);
}

static void draw_growth(const char *directory, const char *name, const char *title,
			const char *prefix, enum figure figure)
{
	static const char *const who[] = {"lanes-1", "lanes-2", "lanes-4"};
	double y[3][DECADES];
	struct plot_line lines[3];
	FILE *out = create(directory, name);

	for (size_t i = 0; i < 3; i++) {
		lines[i] = (struct plot_line){who[i], y[i]};
		for (int p = 0, n = 1; p < DECADES; p++, n *= 10) {
			char workload[32];

			snprintf(workload, sizeof(workload), "%s-%d", prefix, n);
			y[i][p] = n < 100 && !strcmp(prefix, "hold")
					  ? -1
					  : cell_median(cell_named(workload, who[i]), figure);
		}
	}
	plot_lines(out, title, lines, figure == MEMORY_EACH ? 1 : 3, DECADES);
	fclose(out);
}

void report_write(const char *directory, int rounds)
{
	write_data(directory);
	for (size_t w = 0; w < workload_count; w++)
		if (has_cells(w))
			draw_workload(directory, w);
	draw_growth(directory, "growth-rate.svg", "Requests per second, without nginx", "grow",
		    RATE);
	draw_growth(directory, "growth-cpu.svg", "µs of CPU per request, of the application",
		    "grow", APP_US);
	draw_growth(directory, "growth-memory.svg", "Bytes for each request asleep", "hold",
		    MEMORY_EACH);
	write_page(directory, rounds);
	print_claims(stdout);
}

#include "report.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "claims.h"
#include "contenders.h"
#include "plot.h"
#include "workloads.h"

enum { MAX_BARS = 32, DECADES = 7, GROWERS = 4, LEAST_ASLEEP = 100 };

/* Whose growth is shown, each from 1 to 1,000,000 in flight. */
static const char *const growers[GROWERS] = {"lanes-unix-1", "lanes-unix-2", "lanes-tcp-1",
					     "lanes-tcp-2"};

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

static void print_claims(FILE *out, struct json_object *claims)
{
	if (claims_print(out, claims, "requests"))
		fputs("\n", out);
	if (claims_print(out, claims, "waits"))
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
	if (workloads[w].held) {
		print_number(out, cell, AT_START, 1);
		print_number(out, cell, MEMORY_EACH, 0);
	}
	if (workloads[w].settles)
		print_number(out, cell, SETTLED, 2);
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
	const char *ours = !strncmp(load->name, "cases", 5)  ? "cases-lanes"
			   : !strncmp(load->name, "grow", 4) ? growers[0]
							     : "lanes-1";
	double lanes = cell_median(cell_named(load->name, ours), RATE);
	int columns = 8 + load->peak + 2 * load->held + load->settles + 2 * load->side;

	fprintf(out, "### %s: %s\n\n![](%s.svg)\n\n", load->name, load->title, load->name);
	fprintf(out,
		"| | requests/s (least–most) | ÷ %s | p50 ms | p99 ms | app µs | proxy µs "
		"| app MB |%s%s%s%s "
		"errors |\n| --- |",
		ours, load->held ? " at start | bytes each |" : "",
		load->settles ? " after / before |" : "", load->peak ? " peak MB |" : "",
		load->side ? " bystander p50 | bystander p99 |" : "");
	for (int i = 0; i < columns; i++)
		fputs(" --- |", out);
	fputs("\n", out);
	for (size_t c = 0; c < contender_count; c++)
		if (cell_at(w, c)->rounds)
			print_row(out, w, c, lanes);
	fputs("\n", out);
}

/* Of so many asleep: the workload's only one. */
static const struct cell *asleep(int n)
{
	char workload[32];

	snprintf(workload, sizeof(workload), "hold-%d", n);
	return cell_named(workload, n < 1000000 ? "lanes-1" : growers[0]);
}

static void print_growth(FILE *out)
{
	fputs("| in flight |", out);
	for (size_t i = 0; i < GROWERS; i++)
		fprintf(out, " %s: requests/s | p99 ms | errors |", growers[i]);
	fputs(" bytes each |\n| --- |", out);
	for (size_t i = 0; i < 3 * GROWERS + 1; i++)
		fputs(" --- |", out);
	fputs("\n", out);
	for (int p = 0, n = 1; p < DECADES; p++, n *= 10) {
		char workload[32];

		snprintf(workload, sizeof(workload), "grow-%d", n);
		fprintf(out, "| %d |", n);
		for (size_t i = 0; i < GROWERS; i++) {
			const struct cell *cell = cell_named(workload, growers[i]);

			print_number(out, cell, RATE, 0);
			print_number(out, cell, P99, 3);
			fprintf(out, " %.0f |", cell_most(cell, ERRORS));
		}
		if (n < LEAST_ASLEEP)
			fputs(" – |", out);
		else
			print_number(out, asleep(n), MEMORY_EACH, 0);
		fputs("\n", out);
	}
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

static void write_page(const char *directory, int rounds, struct json_object *claims)
{
	FILE *out = create(directory, "results.md");
	struct utsname machine;

	uname(&machine);
	fprintf(out,
		"# Results\n\n%s %s, %s, %ld cores. %d rounds, interleaved, %.0f s of "
		"measurements; "
		"medians, what is aimed at with the interval of 95 %%. Latencies of requests "
		"that sleep are what is above the sleep. CPU is user and system time of all "
		"processes of the application, and of the proxy, divided by the answers; memory "
		"is what the application's processes have for themselves, afterwards.\n\n",
		machine.sysname, machine.release, machine.machine, sysconf(_SC_NPROCESSORS_ONLN),
		rounds, seconds_measured());
	print_claims(out, claims);
	if (cell_named("grow-1", growers[0])->rounds || asleep(LEAST_ASLEEP)->rounds) {
		fputs("## Growth\n\nRequests that sleep for zero, straight to the sockets; then "
		      "requests asleep.\n\n![](growth-rate.svg)\n\n![](growth-cpu.svg)\n\n"
		      "![](growth-memory.svg)\n\n",
		      out);
		print_growth(out);
	}
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

static void write_data(const char *directory, struct json_object *claims)
{
	struct json_object *all = json_object_new_object();
	struct json_object *cells = json_object_new_array();
	FILE *out = create(directory, "results.json");

	for (size_t w = 0; w < workload_count; w++)
		for (size_t c = 0; c < contender_count; c++)
			if (cell_at(w, c)->rounds)
				json_object_array_add(cells, cell_as_json(w, c));
	json_object_object_add(all, "claims", json_object_get(claims));
	json_object_object_add(all, "cells", cells);
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
	if (!strncmp(name, "null", 4) || !strcmp(name, "nginx-return") || !strcmp(name, "pgbench"))
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
			enum figure figure)
{
	double y[GROWERS][DECADES];
	struct plot_line lines[GROWERS];
	FILE *out = create(directory, name);

	for (size_t i = 0; i < GROWERS; i++) {
		lines[i] = (struct plot_line){growers[i], y[i]};
		for (int p = 0, n = 1; p < DECADES; p++, n *= 10) {
			char workload[32];

			snprintf(workload, sizeof(workload), "grow-%d", n);
			if (figure != MEMORY_EACH)
				y[i][p] = cell_median(cell_named(workload, growers[i]), figure);
			else
				y[i][p] = n < LEAST_ASLEEP ? -1 : cell_median(asleep(n), figure);
		}
	}
	plot_lines(out, title, lines, figure == MEMORY_EACH ? 1 : GROWERS, DECADES);
	fclose(out);
}

void report_write(const char *directory, int rounds)
{
	struct json_object *claims = claims_as_json();

	write_data(directory, claims);
	for (size_t w = 0; w < workload_count; w++)
		if (has_cells(w))
			draw_workload(directory, w);
	draw_growth(directory, "growth-rate.svg", "Requests per second, without nginx", RATE);
	draw_growth(directory, "growth-cpu.svg", "µs of CPU per request, of the application",
		    APP_US);
	draw_growth(directory, "growth-memory.svg", "Bytes for each request asleep", MEMORY_EACH);
	write_page(directory, rounds, claims);
	print_claims(stdout, claims);
	json_object_put(claims);
}

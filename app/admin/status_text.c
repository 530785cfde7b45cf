#include "admin/status_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { NAME = 18, CELL = 32 };

static const char RED[] = "\033[1;31m";
static const char PLAIN[] = "\033[0m";
static const double HELD = 0.1; /* seconds from which a loop counts as held */

struct row {
	const struct worker_state *worker;
	const double *rate; /* NULL: not known */
};

/* A prefork process is there to be held. */
static bool is_held(const struct worker_state *worker)
{
	return worker->is_held && worker->held >= HELD && strcmp(worker->engine, "prefork") != 0;
}

/* ---- cells ---- */

static void cell_loop(const struct row *row, char *text)
{
	const struct worker_state *worker = row->worker;

	if (worker->stopped)
		snprintf(text, CELL, "stopped");
	else if (worker->draining)
		snprintf(text, CELL, "draining");
	else if (worker->awaiting)
		snprintf(text, CELL, "awaits");
	else
		snprintf(text, CELL, "%s", worker->is_held ? "busy" : "idle");
}

static void cell_number(char *text, uint64_t number)
{
	snprintf(text, CELL, "%" PRIu64, number);
}

static void cell_none(char *text)
{
	snprintf(text, CELL, "-");
}

static void cell_active(const struct row *row, char *text)
{
	cell_number(text, row->worker->in_flight);
}

static void cell_rate(const struct row *row, char *text)
{
	if (row->rate)
		snprintf(text, CELL, "%.0f", *row->rate);
	else
		cell_none(text);
}

/* "3/40", with waiting jobs "40/40 +7"; "-" without threads. */
static void cell_pool(const struct pool_state *pool, char *text)
{
	int len = snprintf(text, CELL, "%" PRIu64 "/%" PRIu64, pool->running, pool->limit);

	if (!pool->limit)
		cell_none(text);
	else if (pool->queued && len < CELL)
		snprintf(text + len, CELL - (size_t)len, " +%" PRIu64, pool->queued);
}

static void cell_blocking(const struct row *row, char *text)
{
	cell_pool(&row->worker->pools[BOARD_BLOCKING], text);
}

static void cell_cpu(const struct row *row, char *text)
{
	cell_pool(&row->worker->pools[BOARD_CPU], text);
}

static uint64_t waits(const struct worker_state *worker, enum span_kind kind)
{
	return worker->waits[kind - SPAN_FETCH];
}

static bool has_waited(const struct worker_state *worker, enum span_kind kind)
{
	struct waited waited;
	bool any = waits(worker, kind) != 0;

	for (unsigned n = 0; n < board_things(worker->slot) && !any; n++)
		any = board_thing(worker->slot, kind, n, &waited);
	return any;
}

static bool has_fetched(const struct worker_state *worker)
{
	return has_waited(worker, SPAN_FETCH);
}

static bool has_queried(const struct worker_state *worker)
{
	return worker->database.limit || has_waited(worker, SPAN_DB) ||
	       has_waited(worker, SPAN_DB_QUEUE);
}

static void cell_fetch(const struct row *row, char *text)
{
	if (has_fetched(row->worker))
		cell_number(text, waits(row->worker, SPAN_FETCH));
	else
		cell_none(text);
}

/* "5/8", with those who wait for a connection "8/8 +2". */
static void cell_db(const struct row *row, char *text)
{
	const struct database_state *db = &row->worker->database;
	uint64_t queued = waits(row->worker, SPAN_DB_QUEUE);
	int len = snprintf(text, CELL, "%" PRIu64 "/%" PRIu64, db->busy, db->limit);

	if (!db->limit)
		cell_none(text);
	else if (db->health == BOARD_DATABASE_DOWN)
		snprintf(text, CELL, "down");
	else if (db->tables == BOARD_TABLES_MISSING)
		snprintf(text, CELL, "no tables");
	else if (queued && len < CELL)
		snprintf(text + len, CELL - (size_t)len, " +%" PRIu64, queued);
}

static void cell_longest(const struct row *row, char *text)
{
	snprintf(text, CELL, "%.3f", row->worker->longest_60s);
}

static void cell_5xx(const struct row *row, char *text)
{
	cell_number(text, row->worker->answers[5]);
}

static void cell_memory(const struct row *row, char *text)
{
	if (row->worker->memory)
		snprintf(text, CELL, "%.1fM", (double)row->worker->memory / (1 << 20));
	else
		snprintf(text, CELL, "-");
}

static void cell_requests(const struct row *row, char *text)
{
	cell_number(text, row->worker->requests);
}

static void cell_connections(const struct row *row, char *text)
{
	cell_number(text, row->worker->connections);
}

static void cell_uptime(const struct row *row, char *text)
{
	time_t now = time(NULL);
	uint64_t up =
		(uint64_t)now > row->worker->started ? (uint64_t)now - row->worker->started : 0;

	snprintf(text, CELL, "%" PRIu64 ":%02u:%02u", up / 3600, (unsigned)(up / 60 % 60),
		 (unsigned)(up % 60));
}

static void cell_pid(const struct row *row, char *text)
{
	cell_number(text, row->worker->pid);
}

/* Behind the worker's name, the most wanted first. */
static const struct column {
	const char *title;
	int width;
	void (*format)(const struct row *row, char *text); /* into CELL bytes */
	/* Only where it is true of some worker; NULL: always. */
	bool (*wanted)(const struct worker_state *worker);
} columns[] = {
	{"loop", 9, cell_loop, NULL},
	{"active", 7, cell_active, NULL},
	{"req/s", 7, cell_rate, NULL},
	{"blocking", 12, cell_blocking, NULL},
	{"cpu", 7, cell_cpu, NULL},
	{"fetch", 6, cell_fetch, has_fetched},
	{"db", 8, cell_db, has_queried},
	{"max60s", 8, cell_longest, NULL},
	{"5xx", 5, cell_5xx, NULL},
	{"memory", 7, cell_memory, NULL},
	{"requests", 11, cell_requests, NULL},
	{"conns", 7, cell_connections, NULL},
	{"up", 10, cell_uptime, NULL},
	{"pid", 8, cell_pid, NULL},
};

enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

/* ---- lines ---- */

/* Appends the line, as much of it as fits, and empties it. */
static void append_line(struct buffer *out, struct buffer *line, size_t width, bool red)
{
	size_t len = line->len < width ? line->len : width;

	while (len && line->data[len - 1] == ' ')
		len--;
	if (red)
		buffer_append_text(out, RED);
	buffer_append(out, line->data, len);
	if (red)
		buffer_append_text(out, PLAIN);
	buffer_append_text(out, "\n");
	out->failed = out->failed || line->failed;
	buffer_free(line);
}

/* What is said of a held loop: the others on it can only wait. The one that runs need not be to
 * blame: many may have come after one another. */
static void append_hold(struct buffer *line, const struct worker_state *worker)
{
	bool alone = worker->running.seconds > worker->held / 2;
	char name[BOARD_ROUTE];

	buffer_format(line, "%-*s HELD %.1f s", NAME, worker->name, worker->held);
	if (worker->is_running)
		buffer_format(line, "%s request %" PRIu32 " %s", alone ? " by" : ", now by",
			      worker->running.serial,
			      board_route_name(worker->slot, worker->running.route, name));
	if (worker->in_flight > 1)
		buffer_format(line, ", %" PRIu64 " more wait%s", worker->in_flight - 1,
			      worker->in_flight == 2 ? "s" : "");
}

static void append_cells(struct buffer *line, const struct row *row, size_t width,
			 const bool *wanted)
{
	size_t used = NAME;

	buffer_format(line, "%-*s", NAME, row ? row->worker->name : "worker");
	for (size_t i = 0; i < COLUMNS; i++) {
		char text[CELL] = "";

		if (!wanted[i])
			continue;
		if (used + (size_t)columns[i].width > width)
			break;
		if (row)
			columns[i].format(row, text);
		used += (size_t)columns[i].width;
		if (i == 0)
			buffer_format(line, " %-*s", columns[i].width - 1,
				      row ? text : columns[i].title);
		else
			buffer_format(line, " %*s", columns[i].width - 1,
				      row ? text : columns[i].title);
	}
}

static bool is_wanted(const struct column *column, const struct workers *workers)
{
	bool wanted = !column->wanted;

	for (size_t i = 0; i < workers->count && !wanted; i++)
		wanted = column->wanted(&workers->list[i]);
	return wanted;
}

void table_append(struct buffer *out, const struct workers *workers,
		  const struct table_style *style)
{
	size_t width = style->width ? style->width : TABLE_WIDTH;
	size_t room = style->height ? style->height - 1 : SIZE_MAX;
	size_t held = 0;
	struct buffer line = {0};
	bool wanted[COLUMNS];

	for (size_t i = 0; i < COLUMNS; i++)
		wanted[i] = is_wanted(&columns[i], workers);
	for (size_t i = 0; i < workers->count; i++)
		held += is_held(&workers->list[i]);
	append_cells(&line, NULL, width, wanted);
	append_line(out, &line, width, false);
	for (size_t i = 0; i < workers->count && room; i++) {
		struct row row = {&workers->list[i], style->rates ? &style->rates[i] : NULL};
		bool red = is_held(row.worker);

		/* What is left of a low screen is for those that are held. */
		if (!red && room <= held)
			continue;
		if (red)
			append_hold(&line, row.worker);
		else
			append_cells(&line, &row, width, wanted);
		append_line(out, &line, width, red && style->color);
		room--;
		held -= red;
	}
}

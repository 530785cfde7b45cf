#include "table.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static const char RED[] = "\033[1;31m";
static const char PLAIN[] = "\033[0m";
static const double HELD = 0.1; /* seconds from which a loop counts as held */

/* Appends the line and empties it. */
static void append_line(struct buffer *out, struct buffer *line, bool red,
			const struct table_style *style)
{
	size_t len = line->len;

	if (style->width && len > style->width)
		len = style->width;
	if (red && style->color)
		buffer_append_text(out, RED);
	buffer_append(out, line->data, len);
	if (red && style->color)
		buffer_append_text(out, PLAIN);
	buffer_append_text(out, "\n");
	buffer_free(line);
}

static void format_uptime(const struct worker_state *worker, char *text, size_t size)
{
	time_t now = time(NULL);
	uint64_t up = (uint64_t)now > worker->started ? (uint64_t)now - worker->started : 0;

	snprintf(text, size, "%" PRIu64 ":%02u:%02u", up / 3600, (unsigned)(up / 60 % 60),
		 (unsigned)(up % 60));
}

static void format_rate(const struct table_style *style, size_t at, char *text, size_t size)
{
	if (style->rates)
		snprintf(text, size, "%.0f", style->rates[at]);
	else
		snprintf(text, size, "-");
}

/* "3/40", with waiting jobs "40/40 +7"; "-" without threads. */
static void format_pool(const struct pool_state *pool, char *text, size_t size)
{
	int len = snprintf(text, size, "%" PRIu64 "/%" PRIu64, pool->running, pool->limit);

	if (!pool->limit)
		snprintf(text, size, "-");
	else if (pool->queued)
		snprintf(text + len, size - (size_t)len, " +%" PRIu64, pool->queued);
}

static void format_loop(const struct worker_state *worker, char *text, size_t size)
{
	if (worker->is_held && worker->held >= HELD && worker->is_running)
		snprintf(text, size, "HELD %.1f s by request %" PRIu32 " %s", worker->held,
			 worker->running.serial, worker_path(worker, worker->running.route));
	else if (worker->is_held && worker->held >= HELD)
		snprintf(text, size, "HELD %.1f s", worker->held);
	else
		snprintf(text, size, "%s%s", worker->is_held ? "busy" : "idle",
			 worker->draining ? ", draining" : "");
}

static void append_worker(struct buffer *out, const struct workers *workers, size_t at,
			  const struct table_style *style)
{
	const struct worker_state *worker = &workers->list[at];
	char texts[5][96];
	struct buffer line = {0};

	format_uptime(worker, texts[0], sizeof(texts[0]));
	format_rate(style, at, texts[1], sizeof(texts[1]));
	format_pool(&worker->pools[BOARD_BLOCKING], texts[2], sizeof(texts[2]));
	format_pool(&worker->pools[BOARD_CPU], texts[3], sizeof(texts[3]));
	format_loop(worker, texts[4], sizeof(texts[4]));
	buffer_format(&line,
		      "%-12s %7" PRIu64 " %9s %10" PRIu64 " %7s %7" PRIu64 " %6" PRIu64 " %6" PRIu64
		      " %11s %8s %6.1fM  %6.3f  %s",
		      worker->name, worker->pid, texts[0], worker->requests, texts[1],
		      worker->in_flight, worker->connections, worker->answers[5], texts[2],
		      texts[3], (double)worker->memory / (1 << 20), worker->longest_60s, texts[4]);
	append_line(out, &line, worker->is_held && worker->held >= HELD, style);
}

void table_append(struct buffer *out, const struct workers *workers,
		  const struct table_style *style)
{
	struct buffer line = {0};

	buffer_format(&line, "%-12s %7s %9s %10s %7s %7s %6s %6s %11s %8s %7s  %6s  %s", "worker",
		      "pid", "up", "requests", "req/s", "active", "conns", "5xx", "blocking", "cpu",
		      "memory", "max60s", "loop");
	append_line(out, &line, false, style);
	for (size_t i = 0; i < workers->count; i++)
		if (!style->height || i + 1 < style->height)
			append_worker(out, workers, i, style);
}

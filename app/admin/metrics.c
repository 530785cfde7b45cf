/*
 * GET /metrics: the whole system in the Prometheus text format, version 0.0.4. All samples of a
 * metric stand together, so the table of metrics is the outer loop.
 */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/otlp.h"
#include "admin/samples.h"

/* KNOWN: a count, of which 0 says that nobody knows; there is no sample then. */
enum kind { COUNT, SECONDS, FLAG, KNOWN };

struct figure {
	const char *name;
	const char *type;
	const char *help;
	enum kind kind;
	size_t at; /* in struct worker_state, or in struct pool_state */
};

#define OF_WORKER(field) offsetof(struct worker_state, field)
#define OF_POOL(field)	 offsetof(struct pool_state, field)

static const struct figure of_workers[] = {
	{"lanes_worker_start_time_seconds", "gauge", "When the worker started, since the epoch.",
	 COUNT, OF_WORKER(started)},
	{"lanes_worker_draining", "gauge", "Whether the worker takes no new requests.", FLAG,
	 OF_WORKER(draining)},
	{"lanes_worker_memory_bytes", "gauge", "Resident memory of the process.", KNOWN,
	 OF_WORKER(memory)},
	{"lanes_worker_threads", "gauge", "Threads of the process.", KNOWN,
	 OF_WORKER(process_threads)},
	{"lanes_requests_total", "counter", "Requests begun.", COUNT, OF_WORKER(requests)},
	{"lanes_requests_in_flight", "gauge", "Requests not answered yet.", COUNT,
	 OF_WORKER(in_flight)},
	{"lanes_requests_aborted_total", "counter", "Requests whose client went away.", COUNT,
	 OF_WORKER(aborted)},
	{"lanes_connections", "gauge", "Open connections from the web server.", COUNT,
	 OF_WORKER(connections)},
	{"lanes_connections_accepted_total", "counter", "Connections accepted.", COUNT,
	 OF_WORKER(accepted)},
	{"lanes_loop_busy_seconds_total", "counter",
	 "How long the loop has had work, or the process a request.", SECONDS, OF_WORKER(busy)},
	{"lanes_loop_held_seconds", "gauge", "How long the loop has not been back to poll.",
	 SECONDS, OF_WORKER(held)},
	{"lanes_loop_longest_hold_seconds", "gauge", "The longest hold of the last minute.",
	 SECONDS, OF_WORKER(longest_60s)},
};

static const struct figure of_pools[] = {
	{"lanes_thread_pool_limit", "gauge", "Threads the pool may have.", COUNT, OF_POOL(limit)},
	{"lanes_thread_pool_threads", "gauge", "Threads the pool has started.", COUNT,
	 OF_POOL(threads)},
	{"lanes_thread_pool_running", "gauge", "Threads that run a job.", COUNT, OF_POOL(running)},
	{"lanes_thread_pool_abandoned", "gauge",
	 "Threads that run a job for a client that is gone.", COUNT, OF_POOL(abandoned)},
	{"lanes_thread_pool_queued", "gauge", "Jobs that wait for a thread.", COUNT,
	 OF_POOL(queued)},
	{"lanes_thread_pool_refused_total", "counter", "Jobs refused because the queue was full.",
	 COUNT, OF_POOL(refused)},
	{"lanes_thread_pool_oldest_wait_seconds", "gauge",
	 "How long the first job in the queue waits.", SECONDS, OF_POOL(oldest_wait)},
};

#define OF_DATABASE(field) offsetof(struct worker_state, database.field)

/* Of workers that have one. */
static const struct figure of_databases[] = {
	{"lanes_db_up", "gauge", "Whether the database was there when it was last connected to.",
	 FLAG, OF_DATABASE(up)},
	{"lanes_db_connections_limit", "gauge", "Connections to the database that may be.", COUNT,
	 OF_DATABASE(limit)},
	{"lanes_db_connections", "gauge", "Connections to the database.", COUNT,
	 OF_DATABASE(connections)},
	{"lanes_db_connections_busy", "gauge", "Connections to the database that are in use.",
	 COUNT, OF_DATABASE(busy)},
	{"lanes_db_connect_failures_total", "counter", "Connections that could not be made.", COUNT,
	 OF_DATABASE(failures)},
	{"lanes_db_connections_lost_total", "counter", "Connections that were lost.", COUNT,
	 OF_DATABASE(lost)},
	{"lanes_db_refused_total", "counter", "Refused because too many waited for a connection.",
	 COUNT, OF_DATABASE(refused)},
	{"lanes_db_late_total", "counter", "Who got no connection in time.", COUNT,
	 OF_DATABASE(late)},
	{"lanes_db_statements_total", "counter", "Statements that were answered.", COUNT,
	 OF_DATABASE(statements)},
	{"lanes_db_cancelled_total", "counter", "Statements that nobody wanted any more.", COUNT,
	 OF_DATABASE(cancelled)},
	{"lanes_db_listeners", "gauge", "Those who wait for news of the database.", COUNT,
	 OF_DATABASE(listeners)},
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

void append_head(struct buffer *out, const char *name, const char *type, const char *help)
{
	buffer_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void append_label(struct buffer *out, const char *before, const char *value)
{
	buffer_append_text(out, before);
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			buffer_append_text(out, "\\");
		if (*value == '\n')
			buffer_append_text(out, "\\n");
		else
			buffer_append(out, value, 1);
	}
	buffer_append_text(out, "\"");
}

void append_sample(struct buffer *out, const char *name, const char *after,
		   const struct worker_state *worker)
{
	buffer_format(out, "%s%s", name, after);
	append_label(out, "{worker=\"", worker->name);
	append_label(out, ",pool=\"", worker->pool);
}

static void append_value(struct buffer *out, const struct figure *metric, const void *state)
{
	const void *field = (const char *)state + metric->at;

	if (metric->kind == SECONDS)
		buffer_format(out, "} %.6f\n", *(const double *)field);
	else if (metric->kind == FLAG)
		buffer_format(out, "} %d\n", *(const bool *)field);
	else
		buffer_format(out, "} %" PRIu64 "\n", *(const uint64_t *)field);
}

static bool is_unknown(const struct figure *metric, const void *state)
{
	return metric->kind == KNOWN && *(const uint64_t *)((const char *)state + metric->at) == 0;
}

static void append_of_workers(struct buffer *out, const struct workers *workers)
{
	for (size_t m = 0; m < LENGTH(of_workers); m++) {
		const struct figure *metric = &of_workers[m];

		append_head(out, metric->name, metric->type, metric->help);
		for (size_t i = 0; i < workers->count; i++) {
			if (is_unknown(metric, &workers->list[i]))
				continue;
			append_sample(out, metric->name, "", &workers->list[i]);
			append_value(out, metric, &workers->list[i]);
		}
	}
}

/* One that no worker has has no head. */
static void append_of_databases(struct buffer *out, const struct workers *workers)
{
	for (size_t m = 0; m < LENGTH(of_databases); m++) {
		const struct figure *metric = &of_databases[m];
		bool begun = false;

		for (size_t i = 0; i < workers->count; i++) {
			if (!workers->list[i].database.limit)
				continue;
			if (!begun)
				append_head(out, metric->name, metric->type, metric->help);
			begun = true;
			append_sample(out, metric->name, "", &workers->list[i]);
			append_value(out, metric, &workers->list[i]);
		}
	}
}

static void append_of_pools(struct buffer *out, const struct workers *workers)
{
	for (size_t m = 0; m < LENGTH(of_pools); m++) {
		const struct figure *metric = &of_pools[m];

		append_head(out, metric->name, metric->type, metric->help);
		for (size_t i = 0; i < workers->count * BOARD_POOLS; i++) {
			const struct worker_state *worker = &workers->list[i / BOARD_POOLS];
			const struct pool_state *pool = &worker->pools[i % BOARD_POOLS];

			if (!pool->limit || !pool->name[0])
				continue;
			append_sample(out, metric->name, "", worker);
			append_label(out, ",threads=\"", pool->name);
			append_value(out, metric, pool);
		}
	}
}

static void append_info(struct buffer *out, const struct workers *workers)
{
	append_head(out, "lanes_worker_info", "gauge", "Always 1; says who the worker is.");
	for (size_t i = 0; i < workers->count; i++) {
		append_sample(out, "lanes_worker_info", "", &workers->list[i]);
		append_label(out, ",engine=\"", workers->list[i].engine);
		buffer_format(out, ",pid=\"%" PRIu64 "\"} 1\n", workers->list[i].pid);
	}
}

static void append_answers(struct buffer *out, const struct workers *workers)
{
	append_head(out, "lanes_responses_total", "counter", "Answers by class of status.");
	for (size_t i = 0; i < workers->count; i++) {
		for (int class = 1; class < 6; class ++) {
			append_sample(out, "lanes_responses_total", "", &workers->list[i]);
			buffer_format(out, ",code=\"%dxx\"} %" PRIu64 "\n", class,
				      workers->list[i].answers[class]);
		}
	}
}

static const char DURATION[] = "lanes_request_duration_seconds";

static void append_part(struct buffer *out, const struct histogram *h, const char *after)
{
	append_sample(out, h->name, after, h->worker);
	if (h->route)
		append_label(out, ",route=\"", h->route);
}

void append_histogram(struct buffer *out, const struct histogram *h)
{
	uint64_t count = 0;

	for (int b = 0; b < BOARD_BUCKETS; b++) {
		count += h->buckets[b];
		append_part(out, h, "_bucket");
		if (b < BOARD_BUCKETS - 1)
			buffer_format(out, ",le=\"%g\"} %" PRIu64 "\n",
				      (double)board_bounds[b] / 1e9, count);
		else
			buffer_format(out, ",le=\"+Inf\"} %" PRIu64 "\n", count);
	}
	append_part(out, h, "_sum");
	buffer_format(out, "} %.6f\n", h->seconds);
	append_part(out, h, "_count");
	buffer_format(out, "} %" PRIu64 "\n", count);
}

/* Of those of a worker's routes that were ever asked for. */
static void append_routes(struct buffer *out, const struct worker_state *worker)
{
	for (unsigned r = 0; r < board_routes(worker->slot); r++) {
		struct route_state route;
		char name[BOARD_ROUTE];
		struct histogram h = {.name = DURATION, .worker = worker, .route = name};

		board_route(worker->slot, r, &route);
		if (!route.count)
			continue;
		board_route_name(worker->slot, r, name);
		h.seconds = route.seconds;
		memcpy(h.buckets, route.buckets, sizeof(h.buckets));
		append_histogram(out, &h);
	}
}

static void append_durations(struct buffer *out, const struct workers *workers)
{
	append_head(out, DURATION, "histogram",
		    "From being sent by the web server to being answered.");
	for (size_t i = 0; i < workers->count; i++)
		append_routes(out, &workers->list[i]);
}

/* ---- what requests wait for ---- */

/* What Prometheus calls a summary, without quantiles: a sum and a count, for each
 * thing. */
static const struct wait_figure {
	enum span_kind kind;
	const char *now, *now_help;
	const char *past, *past_help;
	const char *label; /* what the thing is, as a label begins; NULL: there is
			      none */
} of_waits[] = {
	{SPAN_FETCH, "lanes_fetch_in_flight", "Calls to other services that are not over.",
	 "lanes_fetch_duration_seconds", "Calls to other services.", ",to=\""},
	{SPAN_DB_QUEUE, "lanes_db_waiting", "Those who wait for a connection to the database.",
	 "lanes_db_wait_duration_seconds", "Waiting for a connection to the database.", NULL},
	{SPAN_DB, "lanes_db_in_flight", "Statements that the database works on.",
	 "lanes_db_duration_seconds", "Statements, until their results were there.",
	 ",statement=\""},
};

/* Those that a worker's requests have waited for. What was cut, or cannot be shown,
 * may have the name of another: they are one. */
struct known_things {
	char names[BOARD_THINGS][BOARD_THING];
	struct waited waited[BOARD_THINGS];
	unsigned count;
};

static void add_known(struct known_things *known, const char *name, const struct waited *waited)
{
	unsigned n = 0;

	while (n < known->count && strcmp(known->names[n], name) != 0)
		n++;
	if (n == known->count) {
		memcpy(known->names[n], name, BOARD_THING);
		known->waited[known->count++] = (struct waited){0};
	}
	known->waited[n].count += waited->count;
	known->waited[n].seconds += waited->seconds;
}

/* begun: the metric has a head, as it has samples. */
static void append_waited(struct buffer *out, const struct worker_state *worker,
			  const struct wait_figure *wait, bool *begun)
{
	struct known_things known = {.count = 0};

	for (unsigned n = 0; n < board_things(worker->slot); n++) {
		char name[BOARD_THING];
		struct waited waited;

		if (board_thing(worker->slot, wait->kind, n, &waited))
			add_known(&known, board_thing_name(worker->slot, n, name), &waited);
	}
	if (known.count && !*begun)
		append_head(out, wait->past, "summary", wait->past_help);
	*begun = *begun || known.count;
	for (unsigned n = 0; n < known.count; n++) {
		append_sample(out, wait->past, "_sum", worker);
		if (wait->label)
			append_label(out, wait->label, known.names[n]);
		buffer_format(out, "} %.6f\n", known.waited[n].seconds);
		append_sample(out, wait->past, "_count", worker);
		if (wait->label)
			append_label(out, wait->label, known.names[n]);
		buffer_format(out, "} %" PRIu64 "\n", known.waited[n].count);
	}
}

static void append_waits(struct buffer *out, const struct workers *workers)
{
	for (size_t w = 0; w < LENGTH(of_waits); w++) {
		const struct wait_figure *wait = &of_waits[w];
		bool begun;

		append_head(out, wait->now, "gauge", wait->now_help);
		for (size_t i = 0; i < workers->count; i++) {
			append_sample(out, wait->now, "", &workers->list[i]);
			buffer_format(out, "} %" PRIu64 "\n",
				      workers->list[i].waits[wait->kind - SPAN_FETCH]);
		}
		begun = false;
		for (size_t i = 0; i < workers->count; i++)
			append_waited(out, &workers->list[i], wait, &begun);
	}
}

/* ---- an application's own ---- */

static void append_own_histogram(struct buffer *out, const char *name,
				 const struct worker_state *worker,
				 const struct board_metric *metric)
{
	struct histogram h = {
		.name = name, .worker = worker, .seconds = (double)board_get(&metric->value) / 1e9};

	for (int b = 0; b < BOARD_BUCKETS; b++)
		h.buckets[b] = board_get(&metric->buckets[b]);
	append_histogram(out, &h);
}

/* The worker's metric of this name; NULL: it has none. */
static const struct board_metric *own_of(const struct worker_state *worker, const char *name)
{
	char known[BOARD_METRIC_NAME];

	for (unsigned m = 0; m < BOARD_METRICS; m++) {
		board_text(known, worker->slot->metrics[m].name, sizeof(known));
		if (!known[0])
			break;
		if (!strcmp(known, name))
			return &worker->slot->metrics[m];
	}
	return NULL;
}

/* What a slot says is not to be trusted: it may be written by whoever wrote the
 * file. */
static bool is_sound(const char *name)
{
	return name[0] && strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789") == strlen(name);
}

/* Of all workers from this one on, which is the first that has it. */
static void append_own(struct buffer *out, const struct workers *workers, size_t first,
		       const char *name, const struct board_metric *metric)
{
	static const char *const types[] = {[METRIC_COUNTER] = "counter",
					    [METRIC_GAUGE] = "gauge",
					    [METRIC_HISTOGRAM] = "histogram"};
	uint64_t kind = board_get(&metric->kind);
	char help[BOARD_METRIC_HELP];

	if (kind < METRIC_COUNTER || kind > METRIC_HISTOGRAM)
		return;
	board_text(help, metric->help, sizeof(help));
	help[strcspn(help, "\\\n")] = '\0';
	append_head(out, name, types[kind], help);
	for (size_t i = first; i < workers->count; i++) {
		const struct worker_state *worker = &workers->list[i];

		metric = own_of(worker, name);
		if (!metric || board_get(&metric->kind) != kind)
			continue;
		if (kind == METRIC_HISTOGRAM) {
			append_own_histogram(out, name, worker, metric);
			continue;
		}
		append_sample(out, name, "", worker);
		buffer_format(out, "} %" PRId64 "\n", (int64_t)board_get(&metric->value));
	}
}

/* Those that were told. Workers of one program have the same, and a restart goes
 * from one program to another: what is beyond that many, a slot made up. */
struct told {
	char names[2 * BOARD_METRICS][BOARD_METRIC_NAME];
	size_t count;
};

static bool is_new(struct told *told, const char *name)
{
	for (size_t i = 0; i < told->count; i++)
		if (!strcmp(told->names[i], name))
			return false;
	if (told->count == LENGTH(told->names))
		return false;
	memcpy(told->names[told->count++], name, BOARD_METRIC_NAME);
	return true;
}

static void append_all_own(struct buffer *out, const struct workers *workers)
{
	struct told told = {.count = 0};

	for (size_t i = 0; i < workers->count; i++) {
		for (unsigned m = 0; m < BOARD_METRICS; m++) {
			const struct board_metric *metric = &workers->list[i].slot->metrics[m];
			char name[BOARD_METRIC_NAME];

			board_text(name, metric->name, sizeof(name));
			if (!name[0])
				break;
			if (is_sound(name) && is_new(&told, name))
				append_own(out, workers, i, name, metric);
		}
	}
}

void metrics(struct request *req)
{
	const struct admin *state = request_state(req);
	struct buffer out = {0};
	struct workers workers;

	if (workers_read(state->board, &workers)) {
		reply_error(req, 503);
		return;
	}
	append_info(&out, &workers);
	append_of_workers(&out, &workers);
	append_of_pools(&out, &workers);
	append_of_databases(&out, &workers);
	append_answers(&out, &workers);
	append_durations(&out, &workers);
	append_jobs(&out, &workers);

	append_waits(&out, &workers);
	append_all_own(&out, &workers);
	append_otlp(&out, state->otlp);
	workers_free(&workers);
	reply_text(req, 200, "text/plain; version=0.0.4; charset=utf-8", &out);
}

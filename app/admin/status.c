#include "admin/status.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "admin/admin.h"
#include "admin/control.h"
#include "admin/status_text.h"
#include "admin/task_list.h"

static void append_running(struct buffer *out, const struct worker_state *worker,
			   const struct running *running)
{
	char name[BOARD_ROUTE];

	buffer_format(out, "\"serial\":%" PRIu32 ",\"route\":", running->serial);
	json_string(out, slice_of(board_route_name(worker->slot, running->route, name)));
	buffer_format(out, ",\"for\":%.6f}", running->seconds);
}

void ids_json(struct buffer *out, const struct board_slot *slot, uint32_t serial)
{
	struct request_ids ids = board_ids(slot, serial);

	if (*ids.id) {
		buffer_append_text(out, ",\"id\":");
		json_string(out, slice_of(ids.id));
	}
	if (*ids.trace)
		buffer_format(out, ",\"trace\":\"%s\"", ids.trace);
}

static void append_loop(struct buffer *out, const struct worker_state *worker, bool all)
{
	buffer_append_text(out, ",\"loop\":{\"held\":");
	if (worker->is_held)
		buffer_format(out, "%.6f", worker->held);
	else
		buffer_append_text(out, "null");
	buffer_append_text(out, ",\"request\":");
	if (worker->is_running) {
		buffer_append_text(out, "{");
		append_running(out, worker, &worker->running);
	} else {
		buffer_append_text(out, "null");
	}
	held_by_json(out, worker, all);
	buffer_format(out, ",\"longest_1s\":%.6f,\"longest_60s\":%.6f,\"busy\":%.6f}",
		      worker->longest_1s, worker->longest_60s, worker->busy);
	if (!strcmp(worker->engine, "prefork"))
		buffer_format(out, ",\"awaiting\":%s", worker->awaiting ? "true" : "false");
}

/* Of a while that is worth telling ten times a second. */
static bool is_long(const struct awaiting *awaiting)
{
	return awaiting->request.seconds >= BOARD_SLOW_NS / 1e9;
}

/* Some of those who wait, and what for; with all: also who has not for long, and if there are none.
 */
static void append_awaits(struct buffer *out, const struct worker_state *worker, bool all)
{
	bool begun = all;

	buffer_append_text(out, all ? ",\"awaits\":[" : "");
	for (unsigned i = 0, told = 0; i < worker->awaits_count; i++) {
		const struct awaiting *awaiting = &worker->awaits[i];
		char name[BOARD_THING];

		if (!all && !is_long(awaiting))
			continue;
		buffer_append_text(out, begun ? "" : ",\"awaits\":[");
		begun = true;
		buffer_format(out, "%s{\"kind\":\"%s\",\"name\":", told++ ? "," : "",
			      span_name(awaiting->kind));
		json_string(out, slice_of(board_thing_name(worker->slot, awaiting->thing, name)));
		buffer_append_text(out, ",");
		append_running(out, worker, &awaiting->request);
	}
	buffer_append_text(out, begun ? "]" : "");
}

/* What its requests wait for now; always, or only where one does. */
static void append_waits(struct buffer *out, const struct worker_state *worker, bool always)
{
	bool any = always;

	for (int i = 0; i < BOARD_WAITS; i++)
		any = any || worker->waits[i];
	for (int i = 0; any && i < BOARD_WAITS; i++)
		buffer_format(out, "%s\"%s\":%" PRIu64, i ? "," : ",\"waits\":{",
			      span_name(SPAN_FETCH + (enum span_kind)i), worker->waits[i]);
	if (any)
		buffer_append_text(out, "}");
}

/* Only of one that has a database. */
static void append_database(struct buffer *out, const struct worker_state *worker)
{
	static const char *const states[] = {[BOARD_DATABASE_UNKNOWN] = "connecting",
					     [BOARD_DATABASE_UP] = "up",
					     [BOARD_DATABASE_DOWN] = "down"};
	const struct database_state *db = &worker->database;
	bool lacks = db->up && db->tables == BOARD_TABLES_MISSING;

	if (!db->limit)
		return;
	buffer_format(out,
		      ",\"database\":{\"state\":\"%s\",\"limit\":%" PRIu64
		      ",\"connections\":%" PRIu64 ",\"busy\":%" PRIu64 ",\"waiting\":%" PRIu64
		      ",\"refused\":%" PRIu64 ",\"late\":%" PRIu64 ",\"failures\":%" PRIu64
		      ",\"lost\":%" PRIu64 ",\"cancelled\":%" PRIu64 ",\"statements\":%" PRIu64
		      ",\"listeners\":%" PRIu64 "}",
		      lacks ? "no-tables" : states[db->health], db->limit, db->connections,
		      db->busy, db->waiting, db->refused, db->late, db->failures, db->lost,
		      db->cancelled, db->statements, db->listeners);
}

static void append_pools(struct buffer *out, const struct worker_state *worker)
{
	buffer_append_text(out, ",\"pools\":{");
	for (int i = 0; i < BOARD_POOLS; i++) {
		const struct pool_state *pool = &worker->pools[i];

		if (!pool->name[0])
			continue;
		buffer_format(out,
			      "%s\"%s\":{\"limit\":%" PRIu64 ",\"threads\":%" PRIu64
			      ",\"running\":%" PRIu64 ",\"abandoned\":%" PRIu64
			      ",\"queued\":%" PRIu64 ",\"refused\":%" PRIu64
			      ",\"oldest_wait\":%.6f,\"busy\":[",
			      i ? "," : "", pool->name, pool->limit, pool->threads, pool->running,
			      pool->abandoned, pool->queued, pool->refused, pool->oldest_wait);
		for (unsigned t = 0; t < pool->busy_count; t++) {
			buffer_format(out, "%s{\"thread\":%u,", t ? "," : "", pool->busy[t].thread);
			append_running(out, worker, &pool->busy[t].request);
		}
		buffer_append_text(out, "]}");
	}
	buffer_append_text(out, "}");
}

/* Of a worker that takes jobs. */
static void append_queue(struct buffer *out, const struct worker_state *worker)
{
	const struct board_queue *queue = &worker->slot->queue;

	if (strcmp(worker->engine, "jobs") != 0)
		return;
	buffer_format(out,
		      ",\"jobs\":{\"done\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"lost\":%" PRIu64
		      ",\"waiting\":%" PRIu64 ",\"running\":%" PRIu64 ",\"dead\":%" PRIu64 "}",
		      board_get(&queue->done), board_get(&queue->failed), board_get(&queue->lost),
		      board_get(&queue->waiting), board_get(&queue->running),
		      board_get(&queue->dead));
}

static void append_routes(struct buffer *out, const struct worker_state *worker)
{
	const char *separator = "";

	buffer_append_text(out, ",\"routes\":{");
	for (unsigned i = 0; i < board_routes(worker->slot); i++) {
		struct route_state route;
		char name[BOARD_ROUTE];

		if (!board_route(worker->slot, i, &route))
			continue;
		buffer_append_text(out, separator);
		separator = ",";
		json_string(out, slice_of(board_route_name(worker->slot, i, name)));
		buffer_format(out,
			      ":{\"kind\":\"%s\",\"count\":%" PRIu64
			      ",\"seconds\":%.6f,\"buckets\":[",
			      route.is_async ? "async" : "sync", route.count, route.seconds);
		for (int b = 0; route.count && b < BOARD_BUCKETS - 1; b++)
			buffer_format(out, "[%g,%" PRIu64 "],", (double)board_bounds[b] / 1e9,
				      route.buckets[b]);
		if (route.count)
			buffer_format(out, "[null,%" PRIu64 "]", route.buckets[BOARD_BUCKETS - 1]);
		buffer_append_text(out, "]}");
	}
	buffer_append_text(out, "}");
}

/* As it stands before a target: without the '/' that ends it. */
static void append_prefix(struct buffer *out, const struct worker_state *worker)
{
	char prefix[BOARD_PATH];
	size_t len = strlen(worker->prefix);

	memcpy(prefix, worker->prefix, sizeof(prefix));
	if (len)
		prefix[len - 1] = '\0';
	buffer_append_text(out, ",\"prefix\":");
	if (len)
		json_string(out, slice_of(prefix));
	else
		buffer_append_text(out, "null");
}

static void append_worker(struct buffer *out, const struct worker_state *worker, bool with_routes)
{
	buffer_append_text(out, "{\"name\":");
	json_string(out, slice_of(worker->name));
	buffer_append_text(out, ",\"pool\":");
	json_string(out, slice_of(worker->pool));
	append_prefix(out, worker);
	buffer_format(out, ",\"number\":%" PRIu64 ",\"engine\":", worker->number);
	json_string(out, slice_of(worker->engine));
	buffer_format(out,
		      ",\"pid\":%" PRIu64 ",\"started\":%" PRIu64
		      ",\"draining\":%s,\"stopped\":%s,\"requests\":%" PRIu64
		      ",\"in_flight\":%" PRIu64 ",\"connections\":%" PRIu64 ",\"accepted\":%" PRIu64
		      ",\"aborted\":%" PRIu64,
		      worker->pid, worker->started, worker->draining ? "true" : "false",
		      worker->stopped ? "true" : "false", worker->requests, worker->in_flight,
		      worker->connections, worker->accepted, worker->aborted);
	buffer_append_text(out, ",\"answers\":{");
	for (int i = 1; i < 6; i++)
		buffer_format(out, "%s\"%dxx\":%" PRIu64, i > 1 ? "," : "", i, worker->answers[i]);
	buffer_append_text(out, "}");
	append_loop(out, worker, with_routes);
	append_waits(out, worker, with_routes);
	append_database(out, worker);
	append_awaits(out, worker, with_routes);
	tasks_json(out, worker, with_routes);
	append_pools(out, worker);
	append_queue(out, worker);
	buffer_format(out, ",\"memory\":%" PRIu64 ",\"process_threads\":%" PRIu64, worker->memory,
		      worker->process_threads);
	if (with_routes)
		append_routes(out, worker);
	buffer_append_text(out, "}");
}

void status_json(struct buffer *out, const struct workers *workers, bool with_routes)
{
	buffer_append_text(out, "[");
	for (size_t i = 0; i < workers->count; i++) {
		buffer_append_text(out, i ? "," : "");
		append_worker(out, &workers->list[i], with_routes);
	}
	buffer_append_text(out, "]");
}

/* GET /status, /status?text: every worker of the system, now. */
void status(struct request *req)
{
	const struct admin *state = request_state(req);
	const struct status_form *form = request_input(req);
	struct buffer out = {0};
	struct workers workers;
	struct timespec now;

	if (workers_read(state->board, &workers)) {
		reply_error(req, 503);
		return;
	}
	if (form->text.data) {
		table_append(&out, &workers, &(struct table_style){0});
		reply_text(req, 200, "text/plain; charset=utf-8", &out);
	} else {
		clock_gettime(CLOCK_REALTIME, &now);
		buffer_format(&out,
			      "{\"now\":%lld.%06ld,\"slow_callback\":%.3f,\"burst\":%d,\"control\":"
			      "%d,\"workers\":",
			      (long long)now.tv_sec, now.tv_nsec / 1000, state->slow, BURST_MAX,
			      state->control ? CONTROL_MOST : 0);
		status_json(&out, &workers, true);
		buffer_append_text(&out, "}");
		reply_text(req, 200, "application/json", &out);
	}
	workers_free(&workers);
}

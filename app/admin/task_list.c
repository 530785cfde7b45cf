#include "admin/task_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEW = 12 };

static const double LATELY = 10; /* seconds */

static int by_request(const void *a, const void *b)
{
	const struct board_task *one = a;
	const struct board_task *other = b;
	int32_t later = (int32_t)(one->request.serial - other->request.serial);

	if (later)
		return later > 0 ? 1 : -1;
	return (one->request.seconds < other->request.seconds) -
	       (one->request.seconds > other->request.seconds);
}

static uint64_t count_requests(const struct tasks *tasks, const struct worker_state *worker)
{
	bool runs = worker->is_running;
	uint64_t count = 0;

	for (size_t i = 0; i < tasks->count; i++) {
		uint32_t serial = tasks->list[i].request.serial;

		count += !i || serial != tasks->list[i - 1].request.serial;
		if (worker->is_running && serial == worker->running.serial)
			runs = false;
	}
	return count + runs;
}

bool tasks_read(struct tasks *tasks, const struct worker_state *worker)
{
	*tasks = (struct tasks){.list = malloc(BOARD_WAITERS * sizeof(*tasks->list))};
	if (!tasks->list)
		return false;
	for (unsigned seat = 0; seat < BOARD_WAITERS; seat++)
		if (board_task(worker->slot, seat, worker->asked, &tasks->list[tasks->count]))
			tasks->count++;
	qsort(tasks->list, tasks->count, sizeof(*tasks->list), by_request);
	tasks->requests = count_requests(tasks, worker);
	if (worker->in_flight > tasks->requests)
		tasks->more = worker->in_flight - tasks->requests;
	return true;
}

void tasks_free(struct tasks *tasks)
{
	free(tasks->list);
	*tasks = (struct tasks){0};
}

/* The thread that runs it. */
static bool name_thread(const struct worker_state *worker, uint32_t serial, char *name)
{
	for (int p = 0; p < BOARD_POOLS; p++) {
		const struct pool_state *pool = &worker->pools[p];

		for (unsigned t = 0; t < pool->busy_count; t++) {
			if (pool->busy[t].request.serial != serial)
				continue;
			snprintf(name, TASK_NAME, "thread %u of %s", pool->busy[t].thread,
				 pool->name);
			return true;
		}
	}
	return false;
}

/* The other service, or the statement. */
static bool name_thing(const struct worker_state *worker, uint32_t serial, char *name)
{
	for (unsigned i = 0; i < worker->awaits_count; i++)
		if (worker->awaits[i].request.serial == serial) {
			span_thing_name(worker->slot, worker->awaits[i].kind,
					worker->awaits[i].thing, name);
			return true;
		}
	return false;
}

void task_name(const struct board_task *task, const struct worker_state *worker, char *name)
{
	const char *kind = task->kind;
	bool gathers = !strcmp(kind, "gather");

	if (gathers)
		snprintf(name, TASK_NAME, "gather of %u", task->things);
	else if (!strcmp(kind, "thread") || !strcmp(kind, "cpu")) {
		if (!name_thread(worker, task->request.serial, name))
			snprintf(name, TASK_NAME, "a %s",
				 !strcmp(kind, "cpu") ? "cpu thread" : kind);
	} else if (!strcmp(kind, "sleep") || !strcmp(kind, "body") ||
		   !name_thing(worker, task->request.serial, name)) {
		snprintf(name, TASK_NAME, "%s", !strcmp(kind, "await") ? "something" : kind);
	}
}

/* ---- JSON ---- */

static void append_task(struct buffer *out, const struct board_task *task,
			const struct worker_state *worker)
{
	char name[TASK_NAME];
	char route[BOARD_ROUTE];

	buffer_format(out, "{\"serial\":%" PRIu32 ",\"route\":", task->request.serial);
	json_string(out, slice_of(board_route_name(worker->slot, task->request.route, route)));
	buffer_format(out, ",\"for\":%.6f,\"kind\":\"%s\",\"name\":", task->request.seconds,
		      task->kind);
	task_name(task, worker, name);
	json_string(out, slice_of(name));
	if (task->known) {
		buffer_append_text(out, ",\"await\":");
		json_string(out, slice_of(task->what));
		buffer_append_text(out, ",\"function\":");
		json_string(out, slice_of(task->function));
		buffer_append_text(out, ",\"file\":");
		json_string(out, slice_of(task->file));
		buffer_format(out, ",\"line\":%u,\"own\":%s", task->line,
			      task->own ? "true" : "false");
	}
	buffer_append_text(out, "}");
}

void tasks_json(struct buffer *out, const struct worker_state *worker, bool all)
{
	struct tasks tasks;
	size_t told = 0;

	if (!tasks_read(&tasks, worker)) {
		out->failed = true;
		return;
	}
	for (size_t i = 0; i < tasks.count && (all || told < FEW); i++) {
		if (!all && tasks.list[i].request.seconds < BOARD_SLOW_NS / 1e9)
			continue;
		buffer_append_text(out, told++ ? "," : ",\"tasks\":[");
		append_task(out, &tasks.list[i], worker);
	}
	if (told)
		buffer_append_text(out, "]");
	else if (all)
		buffer_append_text(out, ",\"tasks\":[]");
	if (told || all)
		buffer_format(out, ",\"tasks_more\":%" PRIu64,
			      all ? tasks.more : tasks.more + tasks.count - told);
	tasks_free(&tasks);
}

static void append_text(struct buffer *out, const char *name, const char *text)
{
	buffer_format(out, ",\"%s\":", name);
	json_string(out, slice_of(text));
}

void held_by_json(struct buffer *out, const struct worker_state *worker, bool any)
{
	struct held_by held;
	char route[BOARD_ROUTE];

	if (!board_held_by(worker->slot, worker->asked, &held) || (!any && held.ago > LATELY))
		return;
	buffer_append_text(out, ",\"held_by\":{\"serial\":");
	if (held.is_request)
		buffer_format(out, "%" PRIu32, held.request.serial);
	else
		buffer_append_text(out, "null");
	append_text(out, "route", board_route_name(worker->slot, held.request.route, route));
	append_text(out, "function", held.function);
	append_text(out, "at", held.at);
	append_text(out, "from", held.from);
	append_text(out, "call", held.call);
	append_text(out, "cure", held.cure);
	buffer_format(out, ",\"ago\":%.3f,\"lasts\":%s}", held.ago,
		      worker->is_held && held.turn == board_get(&worker->slot->turn_since)
			      ? "true"
			      : "false");
}

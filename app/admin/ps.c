#include "admin/ps.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "admin/task_list.h"

enum { SHOWN = 20 /* requests of a worker */ };

static const double HELD = 0.1;	  /* seconds from which a loop counts as held */
static const double LATELY = 600; /* … since a hold, in which it is still told */

/* Lines of the tree, each cut to fit. */
struct tree {
	struct buffer *out;
	size_t width;
};

__attribute__((format(printf, 2, 3))) static void add(struct tree *tree, const char *format, ...)
{
	char line[512];
	va_list list;
	size_t len;

	va_start(list, format);
	vsnprintf(line, sizeof(line), format, list);
	va_end(list);
	len = strlen(line);
	if (len > tree->width)
		len = tree->width;
	while (len && line[len - 1] == ' ')
		len--;
	buffer_append(tree->out, line, len);
	buffer_append_text(tree->out, "\n");
}

static bool is_prefork(const struct worker_state *worker)
{
	return !strcmp(worker->engine, "prefork");
}

/* A prefork process is there to be held. */
static bool is_held(const struct worker_state *worker)
{
	return worker->is_held && worker->held >= HELD && !is_prefork(worker);
}

/* "9,988". */
static const char *grouped(uint64_t number, char text[32])
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, number);
	char *at = text;

	for (int i = 0; i < len; i++) {
		*at++ = digits[i];
		if ((len - i - 1) % 3 == 0 && i + 1 < len)
			*at++ = ',';
	}
	*at = '\0';
	return text;
}

static const char *route_of(const struct worker_state *worker, unsigned route, char *name)
{
	board_route_name(worker->slot, route, name);
	return *name ? name : "(no route)";
}

/* ---- what holds ---- */

static void add_place(struct tree *tree, const struct held_by *held)
{
	if (held->at[0])
		add(tree, "|     %s%s%s%s%s%s", held->function, held->function[0] ? "() " : "",
		    held->at, held->call[0] ? ", in " : "", held->call, held->call[0] ? "()" : "");
	if (held->from[0])
		add(tree, "|     called at %s", held->from);
	buffer_format(tree->out, "|     cure: %s\n",
		      held->cure); /* all of it, in two rows of a terminal */
}

/* The request that runs: of a loop that is held, one of many may run for a moment only. */
static const char *how_it_runs(const struct worker_state *worker)
{
	if (is_prefork(worker))
		return "runs";
	if (!is_held(worker))
		return "runs on the loop";
	return worker->running.seconds > worker->held / 2 ? "holds the loop"
							  : "is one of many that run";
}

static void add_runs(struct tree *tree, const struct worker_state *worker)
{
	const struct running *running = &worker->running;
	char name[BOARD_ROUTE];

	if (worker->is_running)
		add(tree, "+- %" PRIu32 " %s %s, %.1f s", running->serial,
		    route_of(worker, running->route, name), how_it_runs(worker), running->seconds);
}

static void add_hold(struct tree *tree, const struct worker_state *worker)
{
	struct held_by held;
	bool is_known = board_held_by(worker->slot, worker->asked, &held);
	bool lasts = is_known && held.turn == board_get(&worker->slot->turn_since);
	char name[BOARD_ROUTE];

	add_runs(tree, worker);
	if (lasts) {
		add_place(tree, &held);
	} else if (is_known && held.ago < LATELY) {
		add(tree, "+- was held %.0f s ago by %" PRIu32 " %s", held.ago, held.request.serial,
		    route_of(worker, held.request.route, name));
		add_place(tree, &held);
	}
}

/* ---- who waits ---- */

static bool runs(const struct worker_state *worker, const struct board_task *task)
{
	return worker->is_running && worker->running.serial == task->request.serial;
}

static void add_task(struct tree *tree, const struct worker_state *worker,
		     const struct board_task *task, bool beside)
{
	char name[TASK_NAME];
	char route[BOARD_ROUTE];

	task_name(task, worker, name);
	if (beside)
		add(tree, "|  +- beside that, awaits %s, %.1f s", name, task->request.seconds);
	else
		add(tree, "+- %" PRIu32 " %s awaits %s, %.1f s", task->request.serial,
		    route_of(worker, task->request.route, route), name, task->request.seconds);
	if (task->known && task->own)
		add(tree, "|%s     %s() %s:%u %s", beside ? "  |" : "", task->function, task->file,
		    task->line, task->what);
}

static void add_tasks(struct tree *tree, const struct worker_state *worker)
{
	struct tasks tasks;
	uint64_t shown = worker->is_running;
	char text[32];

	if (!tasks_read(&tasks, worker)) {
		tree->out->failed = true;
		return;
	}
	for (size_t i = 0; i < tasks.count; i++) {
		const struct board_task *task = &tasks.list[i];
		bool beside = i && task[-1].request.serial == task->request.serial;

		if (runs(worker, task))
			continue;
		if (!beside && shown == SHOWN)
			break;
		shown += !beside;
		add_task(tree, worker, task, beside);
	}
	if (tasks.requests + tasks.more > shown)
		add(tree, "+- and %s more", grouped(tasks.requests + tasks.more - shown, text));
	tasks_free(&tasks);
}

static void add_worker(struct tree *tree, const struct worker_state *worker)
{
	bool held = is_held(worker);
	uint64_t others = worker->in_flight - (worker->in_flight ? worker->is_running : 0);
	char state[64];
	char text[32];

	if (worker->stopped)
		snprintf(state, sizeof(state), "stopped");
	else if (held)
		snprintf(state, sizeof(state), "HELD %.1f s", worker->held);
	else
		snprintf(state, sizeof(state), "%s",
			 worker->awaiting  ? "awaits"
			 : worker->is_held ? "busy"
					   : "idle");
	if (held && others)
		snprintf(state + strlen(state), sizeof(state) - strlen(state), ": %s wait%s for it",
			 grouped(others, text), others == 1 ? "s" : "");
	else if (worker->in_flight)
		snprintf(state + strlen(state), sizeof(state) - strlen(state), ", %s in flight",
			 grouped(worker->in_flight, text));
	add(tree, "%s (%" PRIu64 ") %s%s", worker->name, worker->pid, state,
	    worker->draining ? ", draining" : "");
	add_hold(tree, worker);
	add_tasks(tree, worker);
}

static int by_hold(const void *a, const void *b)
{
	const struct worker_state *one = *(const struct worker_state *const *)a;
	const struct worker_state *other = *(const struct worker_state *const *)b;
	const double hold[] = {is_held(one) ? one->held : 0, is_held(other) ? other->held : 0};

	if (hold[0] < hold[1] || hold[0] > hold[1])
		return hold[0] < hold[1] ? 1 : -1;
	return one < other ? -1 : 1; /* as they were */
}

void ps_append(struct buffer *out, const struct workers *workers, size_t width)
{
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are what it sorts */
	const struct worker_state **order = calloc(workers->count + 1, sizeof(*order));
	struct tree tree = {out, width};

	if (!order) {
		out->failed = true;
		return;
	}
	for (size_t i = 0; i < workers->count; i++)
		order[i] = &workers->list[i];
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are what it sorts */
	qsort(order, workers->count, sizeof(*order), by_hold);
	for (size_t i = 0; i < workers->count; i++)
		add_worker(&tree, order[i]);
	if (!workers->count)
		buffer_append_text(out, "no workers\n");
	free(order);
}

/* ---- */

/* What is read by a program is not cut. */
static size_t width_of_terminal(void)
{
	struct winsize size = {0};
	const char *given = getenv("COLUMNS");
	int number = given ? atoi(given) : 0;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col)
		return size.ws_col;
	return number > 0 ? (size_t)number : SIZE_MAX;
}

static int print(const struct scoreboard *board)
{
	struct buffer out = {0};
	struct workers workers;
	int status = 0;

	if (workers_read(board, &workers)) {
		log_complaint("out of memory");
		return 1;
	}
	ps_append(&out, &workers, width_of_terminal());
	if (out.failed || fwrite(out.data, 1, out.len, stdout) != out.len || fflush(stdout))
		status = 1;
	buffer_free(&out);
	workers_free(&workers);
	return status;
}

int ps_run(const char *path)
{
	struct scoreboard board;
	int status;
	int err;

	if (!path) {
		log_complaint("--ps needs --scoreboard");
		return 2;
	}
	err = scoreboard_open_to_read(&board, path);
	if (err) {
		log_complaint("%.1000s: %s", path,
			      err == -EPROTO ? "not a scoreboard of this version" : strerror(-err));
		return 1;
	}
	status = print(&board);
	scoreboard_close(&board);
	return status;
}

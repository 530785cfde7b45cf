/*
 * Who awaits what, where, in a worker: as the scoreboard has it, also while the loop is held.
 */
#ifndef LANES_ADMIN_TASK_LIST_H
#define LANES_ADMIN_TASK_LIST_H

#include <lanes.h>

struct tasks {
	struct board_task *list; /* by request, the oldest first */
	size_t count;
	uint64_t requests; /* that are in it, or run on the loop */
	uint64_t more;	   /* requests in flight of which nothing is known */
};

/* Those of this worker; free with tasks_free(). False if memory is out. */
bool tasks_read(struct tasks *tasks, const struct worker_state *worker);
void tasks_free(struct tasks *tasks);

enum { TASK_NAME = SPAN_NAME + 32 };

/* What it awaits, in a few words: "sleep", "gather of 3", "thread 2 of blocking", "db SELECT …".
 * Into name, which has TASK_NAME bytes. */
void task_name(const struct board_task *task, const struct worker_state *worker, char *name);

/* Appends ,"tasks":[…],"tasks_more":N; not all: only a few of those that have waited for long, and
 * nothing if there are none. */
void tasks_json(struct buffer *out, const struct worker_state *worker, bool all);

/* Appends ,"held_by":{…}: what has held the loop, now or last; nothing if nothing has. Not any: nor
 * if that is over for a while. */
void held_by_json(struct buffer *out, const struct worker_state *worker, bool any);

#endif

#include "scoreboard/metric.h"

#include <stdio.h>
#include <string.h>

static void add(word *w, uint64_t n)
{
	atomic_fetch_add_explicit(w, n, memory_order_relaxed);
}

void metric_add(struct metric *metric, uint64_t n)
{
	if (metric->board)
		add(&metric->board->value, n);
}

void metric_set(struct metric *metric, int64_t value)
{
	if (metric->board)
		board_set(&metric->board->value, (uint64_t)value);
}

void metric_observe(struct metric *metric, double seconds)
{
	uint64_t nanoseconds = seconds > 0 ? (uint64_t)(seconds * 1e9) : 0;
	int b = 0;

	if (!metric->board)
		return;
	while (nanoseconds > board_bounds[b])
		b++;
	add(&metric->board->buckets[b], 1);
	add(&metric->board->value, nanoseconds);
}

static bool is_name(const char *name)
{
	size_t len = strlen(name);

	return len && len < BOARD_METRIC_NAME &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789") == len && name[0] > '9' &&
	       strncmp(name, "lanes_", 6) != 0;
}

const char *metrics_place(struct metric *const *metrics, struct board_slot *slot)
{
	for (unsigned i = 0; metrics && metrics[i]; i++) {
		struct board_metric *board = &slot->metrics[i];

		if (i >= BOARD_METRICS)
			return "there may be 32 metrics";
		if (!is_name(metrics[i]->name))
			return "a metric has a name of up to 47 small letters, digits and _, that "
			       "does "
			       "not begin with lanes_";
		snprintf(board->name, sizeof(board->name), "%s", metrics[i]->name);
		snprintf(board->help, sizeof(board->help), "%s", metrics[i]->help);
		board_set(&board->kind, metrics[i]->kind);
		metrics[i]->board = board;
	}
	return NULL;
}

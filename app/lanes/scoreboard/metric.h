/*
 * What an application counts and measures, for /metrics: each worker for itself, in its slot of the
 * scoreboard, where the admin worker reads it.
 *
 *	static struct metric created = COUNTER("orders_created_total", "Orders that were created.");
 *
 *	metric_add(&created, 1);
 *
 * The application names them (struct application, metrics). Any thread may change one.
 */
#ifndef LANES_SCOREBOARD_METRIC_H
#define LANES_SCOREBOARD_METRIC_H

#include "scoreboard/scoreboard.h"

enum metric_kind { METRIC_COUNTER = 1, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric {
	const char *name; /* as Prometheus has it: [a-z_][a-z0-9_]*, below 48 bytes */
	const char *help; /* below 96 bytes */
	enum metric_kind kind;
	struct board_metric *board; /* set when the worker starts; NULL: nobody sees it */
};

/* clang-format off */
#define COUNTER(name, help)   {name, help, METRIC_COUNTER, NULL}
#define GAUGE(name, help)     {name, help, METRIC_GAUGE, NULL}
#define HISTOGRAM(name, help) {name, help, METRIC_HISTOGRAM, NULL} /* of seconds */
/* clang-format on */

/* Of a counter. */
void metric_add(struct metric *metric, uint64_t n);

/* Of a gauge: what it is now. */
void metric_set(struct metric *metric, int64_t value);

/* Of a histogram: one more that took so long. */
void metric_observe(struct metric *metric, double seconds);

/* Gives each of the list, which ends with NULL, a place in the slot. At the start. NULL, or what is
 * wrong with which one (static). */
const char *metrics_place(struct metric *const *metrics, struct board_slot *slot);

#endif

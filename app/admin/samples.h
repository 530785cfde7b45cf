/*
 * What GET /metrics is made of: the files of its chapters share this.
 */
#ifndef LANES_ADMIN_SAMPLES_H
#define LANES_ADMIN_SAMPLES_H

#include <lanes.h>

/* What is said of a metric, before its samples. */
void append_head(struct buffer *out, const char *name, const char *type, const char *help);

/* A label's value: a backslash, a quote and a line feed must be escaped. */
void append_label(struct buffer *out, const char *before, const char *value);

/* Begins a sample, whose name ends with after, with the labels it has in common with all others;
 * open. */
void append_sample(struct buffer *out, const char *name, const char *after,
		   const struct worker_state *worker);

struct histogram {
	const char *name;
	const struct worker_state *worker;
	const char *route; /* NULL: it is not one of routes */
	double seconds;
	uint64_t buckets[BOARD_BUCKETS];
};

void append_histogram(struct buffer *out, const struct histogram *h);

/* Of workers that take jobs (metrics_jobs.c). */
void append_jobs(struct buffer *out, const struct workers *workers);

#endif

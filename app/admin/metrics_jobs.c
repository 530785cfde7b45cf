/* What GET /metrics says of jobs. */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/samples.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct queue_figure {
	const char *name;
	const char *type;
	const char *help;
	const char *label;
	struct {
		const char *value;
		size_t at; /* of a word in struct board_queue */
	} samples[3];
};

#define IN_QUEUE(value, field)                                                                     \
	{                                                                                          \
		(value), offsetof(struct board_queue, field)                                       \
	}

static const struct queue_figure of_queue[] = {
	{"lanes_jobs_total",
	 "counter",
	 "Attempts by what became of them.",
	 ",outcome=\"",
	 {IN_QUEUE("done", done), IN_QUEUE("failed", failed), IN_QUEUE("lost", lost)}},
	{"lanes_jobs",
	 "gauge",
	 "Jobs in the queue, of the worker that last looked; 0 of others.",
	 ",state=\"",
	 {IN_QUEUE("waiting", waiting), IN_QUEUE("running", running), IN_QUEUE("dead", dead)}},
};

static bool has_jobs(const struct worker_state *worker)
{
	return !strcmp(worker->engine, "jobs");
}

static void append_queue_figure(struct buffer *out, const struct queue_figure *figure,
				const struct workers *workers)
{
	append_head(out, figure->name, figure->type, figure->help);
	for (size_t i = 0; i < workers->count; i++) {
		const struct worker_state *worker = &workers->list[i];

		for (size_t s = 0; has_jobs(worker) && s < COUNT(figure->samples); s++) {
			const char *at = (const char *)&worker->slot->queue + figure->samples[s].at;

			append_sample(out, figure->name, "", worker);
			append_label(out, figure->label, figure->samples[s].value);
			buffer_format(out, "} %" PRIu64 "\n", board_get((const word *)at));
		}
	}
}

void append_jobs(struct buffer *out, const struct workers *workers)
{
	static const char attempts[] = "lanes_job_duration_seconds";
	bool some = false;

	for (size_t i = 0; i < workers->count; i++)
		some = some || has_jobs(&workers->list[i]);
	if (!some)
		return;
	for (size_t f = 0; f < COUNT(of_queue); f++)
		append_queue_figure(out, &of_queue[f], workers);
	append_head(out, attempts, "histogram", "How long an attempt took.");
	for (size_t i = 0; i < workers->count; i++) {
		const struct worker_state *worker = &workers->list[i];
		const struct board_queue *queue = &worker->slot->queue;
		struct histogram h = {.name = attempts,
				      .worker = worker,
				      .seconds = (double)board_get(&queue->nanoseconds) / 1e9};

		if (!has_jobs(worker))
			continue;
		for (int b = 0; b < BOARD_BUCKETS; b++)
			h.buckets[b] = board_get(&queue->buckets[b]);
		append_histogram(out, &h);
	}
}

#include "admin/bucket.h"

#include <inttypes.h>

struct bucket_mark bucket_mark(const struct worker_state *worker)
{
	struct bucket_mark mark = {
		.at = worker->asked, .busy = worker->busy, .aborted = worker->aborted};

	for (unsigned r = 0; r < board_routes(worker->slot); r++) {
		struct route_state route;

		board_route(worker->slot, r, &route);
		for (int b = 0; b < BOARD_BUCKETS; b++)
			mark.answers[b] += route.buckets[b];
	}
	return mark;
}

/* Counters that became less are another worker's, or nonsense. */
static uint64_t more(uint64_t before, uint64_t now)
{
	return now > before ? now - before : 0;
}

uint64_t bucket_answers(const struct bucket_mark *from, const struct bucket_mark *to)
{
	uint64_t sum = 0;

	for (int b = 0; b < BOARD_BUCKETS; b++)
		sum += more(from->answers[b], to->answers[b]);
	return sum;
}

/* Within how many milliseconds this part of the answers came: a bound of the histogram. */
static double quantile(const struct bucket_mark *from, const struct bucket_mark *to,
		       uint64_t answers, double part)
{
	uint64_t sum = 0;
	int b = 0;

	for (; b < BOARD_BUCKETS - 2; b++) {
		sum += more(from->answers[b], to->answers[b]);
		if ((double)sum >= part * (double)answers)
			break;
	}
	return (double)board_bounds[b] / 1e6;
}

static double share(double busy, uint64_t nanoseconds)
{
	double share = busy * 1e9 / (double)nanoseconds;

	return share < 0 ? 0 : share > 1 ? 1 : share;
}

void bucket_append(struct buffer *out, const struct worker_state *worker,
		   const struct bucket_mark *from, const struct bucket_mark *to)
{
	uint64_t answers = bucket_answers(from, to);
	uint64_t aborted = more(from->aborted, to->aborted);
	double busy = to->at > from->at ? share(to->busy - from->busy, to->at - from->at) : 0;

	if (!answers && !aborted && !worker->in_flight && busy <= 0)
		return;
	buffer_append_text(out, out->len && out->data[out->len - 1] == '}' ? "," : "");
	buffer_append_text(out, "{\"w\":");
	json_string(out, slice_of(worker->name));
	buffer_format(out,
		      ",\"from\":%.3f,\"to\":%.3f,\"answers\":%" PRIu64
		      ",\"busy\":%.4f,\"in_flight\":%" PRIu64 ",\"aborted\":%" PRIu64,
		      (double)from->at / 1e6, (double)to->at / 1e6, answers, busy,
		      worker->in_flight, aborted);
	if (answers)
		buffer_format(out, ",\"p50\":%g,\"p99\":%g}", quantile(from, to, answers, 0.5),
			      quantile(from, to, answers, 0.99));
	else
		buffer_append_text(out, ",\"p50\":null,\"p99\":null}");
}

#include "admin/otlp.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "admin/admin.h"
#include "admin/samples.h"

enum {
	PERIOD = 1, /* seconds between two looks, if not all was read */
	WITHIN = 5, /* seconds that the collector may take for a batch */
	PAUSE_MOST = 30,
	TOLD_EVERY = 10, /* seconds, of spans that are dropped */
};

static const double AT_ONCE = 0.02; /* seconds until the next batch, if there is more: for others */

struct otlp {
	char *url;
	double pause;	  /* seconds until it is tried again; 0: the last one was taken */
	uint64_t sent;	  /* spans, ever */
	uint64_t refused; /* … that the collector did not want */
	uint64_t told;	  /* of the dropped … */
	uint64_t told_at; /* … when */
	struct fetch call;
	struct otlp_batch batch;
};

struct otlp *otlp_open(const struct scoreboard *board, const char *url)
{
	size_t len = strlen(url);
	struct otlp *otlp = calloc(1, sizeof(*otlp));

	if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) {
		log_complaint("--otlp: '%.1000s' is not http://HOST:PORT", url);
		free(otlp);
		return NULL;
	}
	while (len && url[len - 1] == '/')
		len--;
	if (!otlp || asprintf(&otlp->url, "%.*s/v1/traces", (int)len, url) < 0) {
		log_complaint("out of memory");
		free(otlp);
		return NULL;
	}
	otlp->batch.board = board;
	otlp->batch.salt = board_now();
	if (getrandom(&otlp->batch.salt, sizeof(otlp->batch.salt), GRND_NONBLOCK) < 0)
		otlp->batch.salt = board_now();
	return otlp;
}

static void tell_dropped(struct otlp *otlp)
{
	uint64_t now = board_now();

	if (otlp->batch.dropped == otlp->told ||
	    now - otlp->told_at < (uint64_t)TOLD_EVERY * 1000000000)
		return;
	log_event(LOG_LEVEL_WARNING, "otlp-dropped", "spans",
		  log_number((long long)(otlp->batch.dropped - otlp->told)), NULL);
	otlp->told = otlp->batch.dropped;
	otlp->told_at = now;
}

static bool is_passing(int status)
{
	return status == 429 || (status >= 502 && status <= 504);
}

/* Whether it has ended with the batch: it was taken, or is not wanted. Else it is tried again. */
static bool is_over(struct otlp *otlp, int err)
{
	int answer = otlp->call.status;

	if (err || is_passing(answer)) {
		if (!otlp->pause)
			log_event(LOG_LEVEL_WARNING, "otlp-away", "url", otlp->url, "status",
				  log_number(answer), "error",
				  err ? strerror(-err) : "it takes none now", NULL);
		otlp->pause = otlp->pause ? 2 * otlp->pause : 1;
		if (otlp->pause > PAUSE_MOST)
			otlp->pause = PAUSE_MOST;
		return false;
	}
	if (otlp->pause)
		log_event(LOG_LEVEL_INFO, "otlp-back", "url", otlp->url, NULL);
	otlp->pause = 0;
	if (answer >= 200 && answer < 300) {
		otlp->sent += otlp->batch.spans;
		return true;
	}
	otlp->refused += otlp->batch.spans;
	log_event(LOG_LEVEL_WARNING, "otlp-refused", "url", otlp->url, "status", log_number(answer),
		  "spans", log_number((long long)otlp->batch.spans), NULL);
	return true;
}

static void post(struct request *req, struct otlp *otlp)
{
	static const char *const headers[] = {"Content-Type: application/json", NULL};

	otlp->call = (struct fetch){.method = "POST",
				    .url = slice_of(otlp->url),
				    .headers = headers,
				    .body = buffer_slice(&otlp->batch.out),
				    .within = WITHIN};
	fetch(req, &otlp->call);
}

void otlp_send(struct request *req, void *frame)
{
	struct otlp *otlp = frame;
	int err;

	ASYNC_BEGIN(req);
	for (;;) {
		otlp_collect(&otlp->batch);
		tell_dropped(otlp);
		while (otlp->batch.spans) {
			TRY_AWAIT(req, err, post(req, otlp));
			if (is_over(otlp, err))
				otlp->batch.spans = 0;
			fetch_release(&otlp->call);
			if (otlp->pause)
				AWAIT(req, sleep_for(req, otlp->pause));
		}
		AWAIT(req, sleep_for(req, otlp->batch.more ? AT_ONCE : PERIOD));
	}
	ASYNC_END(req);
}

void append_otlp(struct buffer *out, const struct otlp *otlp)
{
	static const char name[] = "lanes_otlp_spans_total";

	if (!otlp)
		return;
	append_head(out, name, "counter", "Spans for the collector, by what became of them.");
	buffer_format(out, "%s{outcome=\"sent\"} %" PRIu64 "\n", name, otlp->sent);
	buffer_format(out, "%s{outcome=\"dropped\"} %" PRIu64 "\n", name, otlp->batch.dropped);
	buffer_format(out, "%s{outcome=\"refused\"} %" PRIu64 "\n", name, otlp->refused);
}

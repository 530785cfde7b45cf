#include "http/trace_context.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "http/waiting.h"

enum { TRACE_AT = 3, SPAN_AT = 36, FLAGS_AT = 53 };

/* Small digits of base 16, not all 0. */
static bool is_id(const char *text, size_t len)
{
	bool zero = true;

	for (size_t i = 0; i < len; i++) {
		if (!(text[i] >= '0' && text[i] <= '9') && !(text[i] >= 'a' && text[i] <= 'f'))
			return false;
		zero = zero && text[i] == '0';
	}
	return !zero;
}

bool traceparent_is_sound(struct slice text)
{
	char flags[3];

	if (text.len != TRACEPARENT_SIZE || memcmp(text.data, "00-", 3) != 0 ||
	    text.data[SPAN_AT - 1] != '-' || text.data[FLAGS_AT - 1] != '-')
		return false;
	flags[0] = '1'; /* they may be 0 */
	memcpy(flags + 1, text.data + FLAGS_AT, 2);
	return is_id(text.data + TRACE_AT, 32) && is_id(text.data + SPAN_AT, 16) &&
	       is_id(flags, sizeof(flags));
}

/* Hardly twice in the world. */
static uint64_t new_seed(const struct request *req)
{
	struct timespec now;
	uint64_t h = req->serial;

	clock_gettime(CLOCK_REALTIME, &now);
	h = h * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)getpid();
	h = (h ^ h >> 29) * UINT64_C(0xbf58476d1ce4e5b9) + (uint64_t)now.tv_nsec;
	return (h ^ h >> 32) * UINT64_C(0x94d049bb133111eb) + (uint64_t)now.tv_sec;
}

/* Never 0; for each salt another. */
static uint64_t id_of(uint64_t seed, uint64_t salt)
{
	uint64_t h = seed + salt * UINT64_C(0x9e3779b97f4a7c15);

	h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
	return (h ^ h >> 31) | 1;
}

struct slice request_traceparent(struct request *of)
{
	struct request *req = request_root(of);
	struct slice from = request_param(req, "HTTP_TRACEPARENT");
	struct request_rare *rare = request_rare(req);
	uint64_t seed;
	char *text;

	if (rare && rare->traceparent)
		return (struct slice){rare->traceparent, TRACEPARENT_SIZE};
	text = request_alloc(req, TRACEPARENT_SIZE + 1);
	if (!rare || !text)
		return (struct slice){NULL, 0};
	seed = new_seed(req);
	if (traceparent_is_sound(from)) {
		memcpy(text, from.data, TRACEPARENT_SIZE);
		snprintf(text + SPAN_AT, 17, "%016" PRIx64, id_of(seed, 1));
		text[FLAGS_AT - 1] = '-';
	} else {
		snprintf(text, TRACEPARENT_SIZE + 1,
			 "00-%016" PRIx64 "%016" PRIx64 "-%016" PRIx64 "-01", id_of(seed, 2),
			 id_of(seed, 3), id_of(seed, 1));
	}
	rare->traceparent = text;
	return (struct slice){text, TRACEPARENT_SIZE};
}

static void copy(char *to, size_t size, struct slice from)
{
	size_t len = from.len < size ? from.len : size - 1;

	if (len)
		memcpy(to, from.data, len);
	to[len] = '\0';
}

void request_keep_trace(struct request *req)
{
	struct slice id = request_param(req, "REQUEST_ID");

	if (traceparent_is_sound(request_param(req, "HTTP_TRACEPARENT")))
		request_traceparent(req);
	if (id.len)
		req->rare->log_id = request_alloc(req, id.len + 1);
	if (req->rare->log_id)
		memcpy(req->rare->log_id, id.data, id.len);
}

void request_tell(const void *subject, struct log_about *about)
{
	const struct request *req = subject;
	struct slice trace = {req->rare ? req->rare->traceparent : NULL, TRACEPARENT_SIZE};
	struct slice id = request_param(req, "REQUEST_ID");

	if (req->rare && req->rare->log_id)
		id = slice_of(req->rare->log_id);
	snprintf(about->request, sizeof(about->request), "%" PRIu32, (uint32_t)req->serial);
	copy(about->id, sizeof(about->id), id);
	if (!trace.data)
		trace = request_param(req, "HTTP_TRACEPARENT");
	if (traceparent_is_sound(trace))
		copy(about->trace, sizeof(about->trace), (struct slice){trace.data + TRACE_AT, 32});
}

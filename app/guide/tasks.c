#include "tasks.h"

#include <errno.h>
#include <string.h>
#include <time.h>

void blocking_io_task(double seconds)
{
	struct timespec left = {.tv_sec = (time_t)seconds,
				.tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};

	while ((left.tv_sec || left.tv_nsec) &&
	       clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
		;
}

u128 cpu_bound_task(int64_t n)
{
	u128 sum = 0;

	for (int64_t i = 0; i < n; i++) {
		uint64_t number = (uint64_t)i;

		/* Without this the compiler finds Faulhaber's formula, and there is no work. */
		__asm__ volatile("" : "+r"(number));
		sum += (u128)number * number;
	}
	return sum;
}

static char *put(char *at, struct slice text)
{
	memcpy(at, text.data, text.len);
	return at + text.len;
}

static char *put_sentence(char *at, struct slice before, double seconds, struct slice after)
{
	*at++ = '"';
	at = put(at, before);
	at += float_text(seconds, at);
	at = put(at, after);
	*at++ = '"';
	return at;
}

/* The answer's beginning, with room for the whole with so many sentences; NULL, and the answer is a
 * 503, if memory is out. Stores in *at where it goes on. */
static char *begin(struct request *req, struct slice mode, struct slice member, size_t sentences,
		   size_t longest, char **at)
{
	size_t sentence = sizeof("\"\",") + longest + FLOAT_TEXT_SIZE;
	char *text = request_alloc(req, sizeof("{\"mode\":\"\",[]}") + mode.len + member.len +
						sentences * sentence);

	if (!text) {
		reply_error(req, 503);
		return NULL;
	}
	*at = put(put(put(text, slice_of("{\"mode\":\"")), mode), member);
	return text;
}

static void reply_written(struct request *req, const char *text, const char *end)
{
	reply_bytes(req, 200, "application/json", (struct slice){text, (size_t)(end - text)});
}

void reply_sentence(struct request *req, struct slice mode, struct slice before, double seconds,
		    struct slice after)
{
	char *at;
	char *text = begin(req, mode, slice_of("\",\"detail\":"), 1, before.len + after.len, &at);

	if (!text)
		return;
	at = put_sentence(at, before, seconds, after);
	*at++ = '}';
	reply_written(req, text, at);
}

void reply_details(struct request *req, const char *mode, const char *before,
		   const struct list *seconds, const char *after)
{
	const double *items = seconds->items;
	struct slice first = slice_of(before);
	struct slice last = slice_of(after);
	char *at;
	char *text = begin(req, slice_of(mode), slice_of("\",\"details\":["), seconds->count,
			   first.len + last.len, &at);

	if (!text)
		return;
	for (size_t i = 0; i < seconds->count; i++) {
		if (i)
			*at++ = ',';
		at = put_sentence(at, first, items[i], last);
	}
	reply_written(req, text, put(at, slice_of("]}")));
}

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

static char *put_sentence(char *at, const char *before, double seconds, const char *after)
{
	*at++ = '"';
	at = stpcpy(at, before);
	at += float_text(seconds, at);
	at = stpcpy(at, after);
	*at++ = '"';
	return at;
}

/* Room for the whole with so many sentences. */
static char *room_for(struct request *req, const char *mode, const char *before, const char *after,
		      size_t sentences)
{
	size_t sentence = sizeof("\"\",") + strlen(before) + FLOAT_TEXT_SIZE + strlen(after);
	char *text = request_alloc(req, sizeof("{\"mode\":\"\",\"details\":[]}") + strlen(mode) +
						sentences * sentence);

	if (!text)
		reply_error(req, 503);
	return text;
}

static void reply_written(struct request *req, const char *text, const char *end)
{
	reply_bytes(req, 200, "application/json", (struct slice){text, (size_t)(end - text)});
}

void reply_detail(struct request *req, const char *mode, const char *before, double seconds,
		  const char *after)
{
	char *text = room_for(req, mode, before, after, 1);
	char *at;

	if (!text)
		return;
	at = stpcpy(stpcpy(stpcpy(text, "{\"mode\":\""), mode), "\",\"detail\":");
	at = put_sentence(at, before, seconds, after);
	*at++ = '}';
	reply_written(req, text, at);
}

void reply_details(struct request *req, const char *mode, const char *before,
		   const struct list *seconds, const char *after)
{
	const double *items = seconds->items;
	char *text = room_for(req, mode, before, after, seconds->count);
	char *at;

	if (!text)
		return;
	at = stpcpy(stpcpy(stpcpy(text, "{\"mode\":\""), mode), "\",\"details\":[");
	for (size_t i = 0; i < seconds->count; i++) {
		if (i)
			*at++ = ',';
		at = put_sentence(at, before, items[i], after);
	}
	at = stpcpy(at, "]}");
	reply_written(req, text, at);
}

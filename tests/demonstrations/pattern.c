#include "pattern.h"

#include <math.h>
#include <stdio.h>

const struct pattern patterns[PATTERNS] = {
	{"/async/await-one", HOLDS_NOTHING}, {"/async/await-many", HOLDS_NOTHING},
	{"/async/bad-blocking", HOLDS_LOOP}, {"/async/cpu-bound", HOLDS_CORE},
	{"/sync/noawait", HOLDS_THREAD},     {"/async/wrap-blocking", HOLDS_THREAD},
};

void burst_target(const struct burst *b, char *text, size_t size)
{
	const char *pool = b->prefork ? "/prefork" : "";
	const char *path = b->pattern->path;
	double d = b->seconds;

	if (b->pattern->holds == HOLDS_CORE)
		snprintf(text, size, "%s%s?n=%ld", pool, path, b->n);
	else if (b->pattern == &patterns[1])
		snprintf(text, size, "%s%s?seconds=%g&seconds=%g&seconds=%g", pool, path, d / 2, d,
			 d / 4);
	else
		snprintf(text, size, "%s%s?seconds=%g", pool, path, d);
}

/* Waves of at most this many at the same time, one wave after the other. */
static double waves(const struct burst *b, int at_once)
{
	return ceil((double)b->clients / at_once) * b->seconds;
}

static double computing(const struct burst *b)
{
	/* A loop worker has a CPU thread per core. */
	int at_once = b->prefork && b->workers < b->cores ? b->workers : b->cores;

	if (b->clients < at_once)
		at_once = b->clients;
	return b->clients * b->seconds / at_once;
}

double burst_predict(const struct burst *b, size_t fullest)
{
	if (b->pattern->holds == HOLDS_CORE)
		return computing(b);
	if (b->prefork)
		return waves(b, b->workers);
	switch (b->pattern->holds) {
	case HOLDS_LOOP:
		return fullest ? (double)fullest * b->seconds : waves(b, b->workers);
	case HOLDS_THREAD:
		return waves(b, b->workers * b->threads);
	default:
		return b->seconds;
	}
}

#include "pattern.h"

#include <math.h>
#include <stdio.h>

const struct pattern patterns[PATTERNS] = {
	{"/async/await-one", HOLDS_NOTHING, WAITS_FOR_A_CLOCK},
	{"/async/await-many", HOLDS_NOTHING, WAITS_FOR_A_CLOCK},
	{"/async/bad-blocking", HOLDS_LOOP, WAITS_FOR_A_CLOCK},
	{"/cases/slow-query", HOLDS_CONNECTION, WAITS_FOR_THE_DATABASE},
	{"/cases/quotes", HOLDS_NOTHING, WAITS_FOR_OTHERS},
	{"/async/cpu-bound", HOLDS_CORE, WAITS_FOR_A_CLOCK},
	{"/sync/noawait", HOLDS_THREAD, WAITS_FOR_A_CLOCK},
	{"/async/wrap-blocking", HOLDS_THREAD, WAITS_FOR_A_CLOCK},
	{"/cases/slow-query/blocking", HOLDS_THREAD, WAITS_FOR_THE_DATABASE},
};

/* Of the suppliers of app/cases/outside.c, who take 0.147, 0.111 and 0.135 s to say its price. */
#define ITEM "figs"
static const double LONGEST_CALL = 0.147;

double pattern_seconds(const struct pattern *pattern, double asked)
{
	switch (pattern->waits_for) {
	case WAITS_FOR_THE_DATABASE: /* which takes a while to let 40 in */
		return fmin(2 * asked, LONGEST_QUERY);
	case WAITS_FOR_OTHERS:
		return LONGEST_CALL;
	default:
		return asked;
	}
}

void burst_target(const struct burst *b, char *text, size_t size)
{
	const char *pool = b->prefork ? "/prefork" : "";
	const char *path = b->pattern->path;
	double d = b->seconds;

	if (b->pattern->holds == HOLDS_CORE)
		snprintf(text, size, "%s%s?n=%ld", pool, path, b->n);
	else if (b->pattern->waits_for == WAITS_FOR_OTHERS)
		snprintf(text, size, "%s%s?item=" ITEM "&within=10", pool, path);
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
	case HOLDS_CONNECTION:
		return fullest ? ceil((double)fullest / CONNECTIONS) * b->seconds
			       : waves(b, b->workers * CONNECTIONS);
	default:
		return b->seconds;
	}
}

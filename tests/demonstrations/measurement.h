/*
 * A burst, fired: what the model said, what it took, and what it needed. All of them together are
 * the contrast, in the order in which they are shown: by pattern, prefork before loop, fewer
 * workers before more.
 */
#ifndef TESTS_DEMONSTRATIONS_MEASUREMENT_H
#define TESTS_DEMONSTRATIONS_MEASUREMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "footprint.h"
#include "pattern.h"
#include "settings.h"

struct measurement {
	struct burst burst;
	int fired;	  /* how often; the fastest counts */
	double measured;  /* seconds */
	double predicted; /* seconds */
	size_t fullest;	  /* requests that the worker with the most of them answered */
	size_t failed;
	struct footprint footprint;
};

enum { MEASUREMENTS_MAX = PATTERNS * 2 * SWEEP_MAX + 2 };

struct contrast {
	struct settings settings;
	const char *database; /* its URL */
	double bare;	      /* bare_gain() of this machine, before all */
	struct measurement all[MEASUREMENTS_MAX];
	size_t count;
};

/* predicted / measured: 1 if the model is right, less if it took longer. */
double measurement_ratio(const struct measurement *m);

/* Whether the ratio is one to rely on: a burst that sleeps, within 0.8 to 1.25. Computing depends
 * on what else the machine does. */
bool measurement_explained(const struct measurement *m);

double measurement_rate(const struct measurement *m); /* requests per second */

const char *measurement_pool(const struct measurement *m); /* "prefork" or "loop" */

/* "48 × 0.25 s": the burst in words; lives until the next call. */
const char *measurement_load(const struct measurement *m);

/* True if both fire the same requests, whoever answers them. */
bool measurement_same_load(const struct measurement *a, const struct measurement *b);

/* Writes all as JSON; false after a message. */
bool contrast_write_json(const struct contrast *contrast, const char *path);

#endif

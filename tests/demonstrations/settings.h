/*
 * What make contrast is asked for, from the environment: CLIENTS, DURATION, WORKERS and THREADS.
 * Reading removes WORKERS from it.
 */
#ifndef TESTS_DEMONSTRATIONS_SETTINGS_H
#define TESTS_DEMONSTRATIONS_SETTINGS_H

#include <stdbool.h>

enum { SWEEP_MAX = 8 };

struct settings {
	int clients;		/* requests at the same moment */
	double seconds;		/* what each of them takes by itself */
	int workers[SWEEP_MAX]; /* increasing: each is measured */
	int sweep;		/* how many of them */
	int threads;		/* of a loop worker, for blocking calls */
	int cores;		/* that this process may run on */
};

/* False after one line on stderr that says what is wrong. */
bool settings_read(struct settings *settings);

#endif

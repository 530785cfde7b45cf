/*
 * What was measured, as it comes: a file with a line of JSON for each measurement, so that a run
 * that was ended in the middle can be resumed.
 */
#ifndef TESTS_BENCH_ROUNDS_H
#define TESTS_BENCH_ROUNDS_H

#include <stdbool.h>
#include <stddef.h>

#include "workloads.h"

/* Opens the file, and empties it. To resume, what is there is put into the cells instead; the
 * program ends with status 2, after a message, if that was measured with another DURATION or other
 * programs, and a last line that was cut is removed. root and build are those of
 * contenders_start(). */
void rounds_open(const char *path, const char *root, const char *build, double duration,
		 bool resume);

/* Puts a measurement into its cell and, before it returns, onto the disk. */
void rounds_add(size_t workload, size_t contender, const double value[FIGURES]);

#endif

/*
 * Whether the contenders of a workload do the same: each is asked once, and what they say is
 * compared.
 */
#ifndef TESTS_BENCH_EQUAL_H
#define TESTS_BENCH_EQUAL_H

#include <stdbool.h>

#include "workloads.h"

/* Ends the program, after a message with both answers, if two of those chosen say different things;
 * nothing where the workload says that nothing is compared. */
void equal_or_die(const struct workload *workload, const bool *chosen);

#endif

/*
 * What the processes of a session have used, from /proc.
 */
#ifndef TESTS_BENCH_USAGE_H
#define TESTS_BENCH_USAGE_H

#include <sys/types.h>

/* Seconds of CPU time of the living processes of a session. */
double usage_cpu(pid_t session);

/* Bytes of memory that are theirs alone. */
double usage_memory(pid_t session);

#endif

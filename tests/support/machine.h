/*
 * What the machine gives at the moment to somebody who computes, whatever Lanes does: limits on
 * times are only worth something on a machine that has nothing else to do.
 */
#ifndef TESTS_SUPPORT_MACHINE_H
#define TESTS_SUPPORT_MACHINE_H

#include <stdbool.h>

/* Seconds of a clock that is never set. */
double now(void);

/* Holds its thread. */
void block(double seconds);

/* How many cores this process may use. */
int machine_cores(void);

/* Lets this process open as many files at once as it is allowed to; returns how many that are. */
long machine_files(void);

/* Computes for a moment on all cores at once, at the lowest priority, and returns how much of a
 * core the least lucky thread got: 1 if nobody else wants one. */
double machine_share(void);

/* Whether this process runs in valgrind. */
bool machine_is_valgrind(void);

#endif

/*
 * What tests/once wrote into its file: a line for each POST that it has executed, its key.
 */
#ifndef TESTS_SUPPORT_ONCE_H
#define TESTS_SUPPORT_ONCE_H

#include <stddef.h>

/* How many lines there are, and how many of those are another one's copy. */
size_t once_executed(const char *path, size_t *twice);

#endif

/*
 * A volley as text: a line per request, with a bar from when it was sent to when it was answered.
 */
#ifndef TESTS_DEMONSTRATIONS_TIMELINE_H
#define TESTS_DEMONSTRATIONS_TIMELINE_H

#include <stddef.h>

#include "../support/volley.h"

/* Looks at the terminal: how wide it is (COLUMNS), whether it shows colours (a tty, TERM, NO_COLOR)
 * and more than ASCII (the locale). To be called first. */
void timeline_begin(void);

/* Prints the requests of a volley to stdout, with a scale in seconds. */
void timeline_print(const struct volley *volley);

/* Prints a bar to compare those with, from 0 on, on the scale of the same volley. */
void timeline_print_mark(const struct volley *volley, const char *name, double seconds);

/* What the signs in the bars mean. */
void timeline_print_legend(void);

#endif

/*
 * One option, and the value that somebody gives it: on the command line, in the environment, or in
 * a file.
 */
#ifndef LANES_ENGINE_OPTION_VALUE_H
#define LANES_ENGINE_OPTION_VALUE_H

#include <stddef.h>

#include "engine/options.h"

/* The one of this name, of so many bytes; NULL: the table has none. */
const struct option_spec *option_find(const struct option_table *table, const char *name,
				      size_t len);

/* Gives the table's option a value, which is borrowed. Returns 0, or -EINVAL after one line on
 * stderr, in which name says who gave it. */
int option_set(const struct option_table *table, const struct option_spec *option, const char *name,
	       const char *value);

/* One line on stderr: "NAME: 'VALUE' is not WANTED". Returns -EINVAL. */
int option_complain(const char *name, const char *value, const char *wanted);

#endif

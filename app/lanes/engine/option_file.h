/*
 * Options in a file: a line for each, "header-timeout = 5". What follows a '#', at the start of a
 * line or behind a blank, is a comment. The last line counts. Names in capital letters are not
 * ours, but those of the scripts that start a system (PORT = 8081): one file says all of it.
 */
#ifndef LANES_ENGINE_OPTION_FILE_H
#define LANES_ENGINE_OPTION_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/options.h"

/* Gives the tables' options the values that it says; texts stay until it is called again. Returns
 * 0, or -EINVAL after a line on stderr, FILE:LINE and what is wrong: the first error; or, with all,
 * a line for each. */
int option_file_read(const struct option_table *tables, size_t count, const char *path, bool all);

#endif

/*
 * The workers as a table, one line each, as php-fpm's status page shows its processes.
 */
#ifndef LANES_OBSERVE_TABLE_H
#define LANES_OBSERVE_TABLE_H

#include <stdbool.h>

#include "../buffer.h"
#include "board_reader.h"

struct table_style {
	bool color;	     /* held loops in red */
	size_t width;	     /* lines are cut there; 0: never */
	size_t height;	     /* at most so many lines; 0: all */
	const double *rates; /* requests per second, one per worker; NULL: not known */
};

void table_append(struct buffer *out, const struct workers *workers,
		  const struct table_style *style);

#endif

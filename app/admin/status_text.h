/*
 * The workers as a table, one line each. A held loop's line says who holds it instead of counting,
 * and is there however low the screen is.
 */
#ifndef LANES_ADMIN_STATUS_TEXT_H
#define LANES_ADMIN_STATUS_TEXT_H

#include <lanes.h>

enum { TABLE_WIDTH = 80 }; /* of a terminal of which nothing is known */

struct table_style {
	bool color;	     /* held loops in red */
	size_t width;	     /* columns that do not fit are left out; 0: TABLE_WIDTH */
	size_t height;	     /* at most so many lines; 0: all */
	const double *rates; /* requests per second, one per worker; NULL: not known */
};

void table_append(struct buffer *out, const struct workers *workers,
		  const struct table_style *style);

#endif

/*
 * An image made smaller while its rows come: each pixel is the mean of those that it covers, whole
 * or in part. In memory is one row of sums, however large the image is. Any thread; one at a time.
 */
#ifndef LANES_CASES_SHRINK_H
#define LANES_CASES_SHRINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shrink {
	size_t from_width, from_height; /* of the rows that come */
	size_t width, height;		/* … and of what is made: neither is larger */
	unsigned channels;		/* bytes of a pixel, 1 to 4 */
	bool alpha;			/* the last one is how much of the others there is */

	uint64_t *line; /* the last row, shorter */
	uint64_t *sums; /* of the row that is being made */
	unsigned char *row;
	size_t come; /* rows */
	size_t made;
};

/* The sizes, channels and alpha are set. False if memory is out. */
bool shrink_open(struct shrink *shrink);

/* Takes the next row. Returns the row that this completes, which stays until the next call; NULL:
 * there is none yet. */
const unsigned char *shrink_row(struct shrink *shrink, const unsigned char *row);

/* Safe to call twice, and on {0}. */
void shrink_close(struct shrink *shrink);

#endif

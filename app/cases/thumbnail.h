/* A thumbnail on its way: an image that is read from a body, and written smaller. One thread. */
#ifndef LANES_CASES_THUMBNAIL_H
#define LANES_CASES_THUMBNAIL_H

#include <lanes.h>

#include "shrink.h"

struct thumbnail {
	struct slice bytes; /* of the body that are not read yet; data is NULL: they are in … */
	int file;	    /* … this, from its offset on */
	int64_t width;	    /* that is wanted, at most */
	struct shrink shrink;

	const char *type; /* of the answer */
	struct buffer out;
	int status;	  /* not 200: the answer is an error */
	char detail[128]; /* "": that of the status */
};

/* The next bytes of the body, as many as there are room for; 0: it has ended, or nobody waits for
 * the thumbnail any more. */
size_t thumbnail_read(struct thumbnail *t, void *to, size_t size);

/* The header is read: so large is the image. Says how large the thumbnail will be, in shrink.width
 * and shrink.height; false if it is refused, before anything of it is decoded. memory: bytes that
 * decoding it takes. */
bool thumbnail_fits(struct thumbnail *t, size_t width, size_t height, uint64_t memory);

/* Whether there is room for so many bytes more of the answer. */
bool thumbnail_has_room(struct thumbnail *t, size_t bytes);

/* It is no answer, but this error. The first one stays. */
void thumbnail_refuse(struct thumbnail *t, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* From a body to an answer, or an error. */
void thumbnail_of_jpeg(struct thumbnail *t);
void thumbnail_of_png(struct thumbnail *t);

#define THUMBNAIL_BROKEN "the image cannot be read"

#endif

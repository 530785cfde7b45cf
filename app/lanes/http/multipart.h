/*
 * multipart/form-data (RFC 7578) as Starlette 0.26 with python-multipart 0.0.5 reads it, of a body
 *that is there as a whole. What is in a part is not copied.
 *
 *	--boundary\r\n
 *	Content-Disposition: form-data; name="picture"; filename="a.png"\r\n
 *	Content-Type: image/png\r\n
 *	\r\n
 *	bytes\r\n
 *	--boundary--
 *
 * Different from Starlette: texts of another charset than UTF-8 are Latin-1.
 */
#ifndef LANES_HTTP_MULTIPART_H
#define LANES_HTTP_MULTIPART_H

#include <stdbool.h>

#include "http/request.h"

enum {
	MULTIPART_BOUNDARY_MAX = 200, /* bytes; RFC 2046 says 70 */
};

struct multipart {
	struct request *req; /* whose memory is used */
	struct slice rest;   /* of the body */
	size_t delimiter_len;
	char delimiter[4 + MULTIPART_BOUNDARY_MAX]; /* "\r\n--" and the boundary */
	bool begun;
	bool utf8;
};

struct multipart_part {
	struct slice name; /* UTF-8 */
	struct slice text; /* as it was sent */
	bool is_file;
	struct slice filename; /* UTF-8 */
	struct slice type;     /* its Content-Type; data is NULL if it has none */
};

/* Begins with the body of a request with that Content-Type. False if that has no boundary. */
bool multipart_begin(struct multipart *m, struct request *req, struct slice type,
		     struct slice body);

/* Gives the next part. Returns 1; 0 at the end, also of a body that is cut short; or -EBADMSG if it
 * is none, -ENOKEY if a part has no name, -ENOMEM. */
int multipart_next(struct multipart *m, struct multipart_part *part);

/* A part's text as UTF-8, or {NULL, 0} if memory is out. */
struct slice multipart_text(const struct multipart *m, struct slice text);

#endif

/* In which encoding a JSON text is, as json.loads() of Python 3.11 guesses it (detect_encoding). */
#ifndef LANES_HTTP_INPUT_ENCODING_H
#define LANES_HTTP_INPUT_ENCODING_H

#include "http/request.h"

/* Makes UTF-8, without a byte order mark, of the text, where it is UTF-16 or -32 in the request's
 * memory; halves of surrogate pairs may be left in it. Returns 0; -EBADMSG if it is no text; or
 * -ENOMEM. */
int json_decode(struct request *req, struct slice *text);

#endif

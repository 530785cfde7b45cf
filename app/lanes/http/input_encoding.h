/* In which encoding a JSON text is, as json.loads() of Python 3.11 guesses it (detect_encoding). */
#ifndef LANES_HTTP_INPUT_ENCODING_H
#define LANES_HTTP_INPUT_ENCODING_H

#include "http/input_json.h"

/* Turns the text into UTF-8 without a byte order mark. If it was UTF-16 or UTF-32, the result is in
 * that memory. It may contain lone halves of surrogate pairs. Returns 0; -EBADMSG if it is
 * no text; or -ENOMEM. */
int json_decode(struct json_memory memory, struct slice *text);

#endif

/*
 * JSON as text, written into a buffer: memory that runs out is one failed buffer in the end instead
 * of a NULL at each of a hundred steps. (What is parsed, or has a shape that nobody knows, is
 * json-c's.)
 */
#ifndef LANES_BASE_JSON_H
#define LANES_BASE_JSON_H

#include "base/buffer.h"

/* Appends a string with its quotes, or only its content, as json.dumps(ensure_ascii=False) writes
 * it; bytes that are no UTF-8 become U+FFFD. */
void json_string(struct buffer *out, struct slice text);
void json_content(struct buffer *out, struct slice text);

#endif

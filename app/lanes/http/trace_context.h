/*
 * Which trace a request is part of, and how that is told to whom it asks: the traceparent header of
 * W3C Trace Context, level 1 (version 00). Somebody before us may have begun the trace; else we do.
 */
#ifndef LANES_HTTP_TRACE_CONTEXT_H
#define LANES_HTTP_TRACE_CONTEXT_H

#include <stdbool.h>

#include "base/log.h"
#include "base/slice.h"
#include "http/request.h"

enum { TRACEPARENT_SIZE = 55 }; /* "00-" 32 digits "-" 16 digits "-" 2 digits */

/* Whether it is one: 3.2 of the specification. */
bool traceparent_is_sound(struct slice text);

/* The traceparent for what this request asks others: the client's trace, or one of its own, and a
 * span of ours. The same whenever it is asked; {NULL, 0} if memory is out. Loop thread. */
struct slice request_traceparent(struct request *req);

/* Its answer is about to be sent, and there is work after it: keeps what request_tell() says. */
void request_keep_trace(struct request *req);

/* For log_tell_with(): a request's number, the web server's name for it (REQUEST_ID), and its
 * trace. Any thread. */
void request_tell(const void *subject, struct log_about *about);

#endif

/*
 * Conditional requests (RFC 9110 13): a client that has an answer already is told that it is still
 * the one (304), and gets no other.
 *
 * For an answer that would be a 200, of whatever kind, before it is made:
 *
 *	if (reply_etag(req, slice_of(order->version)))
 *		return;
 *
 * What has one of these may be kept by the client, that asks anew each time: it has
 * "Cache-Control: no-cache", unless the handler sets another. If-Match is not looked at;
 * ranges are left to the web server.
 */
#ifndef LANES_HTTP_CONDITION_H
#define LANES_HTTP_CONDITION_H

#include <stdbool.h>
#include <time.h>

#include "base/slice.h"

struct request;

/* Says which answer this is: any text without quotes, another one for each content. True: the
 * client has it (If-None-Match), there is a reply, and the handler should return. That is a 304,
 * with the headers of the handler, set before or after; or, of other methods than GET and HEAD,
 * a 412. */
bool reply_etag(struct request *req, struct slice tag);

/* The same by when it was last changed, which counts for who names no tag (If-Modified-Since). */
bool reply_modified(struct request *req, time_t when);

#endif

/*
 * Conditional requests (RFC 9110 13): a client that has an answer already is told that it is still
 * the one (304), and gets no other; one that wants another than there is gets none (412).
 *
 * For an answer that would be a 200, of whatever kind, before it is made:
 *
 *	if (reply_etag(req, slice_of(order->version)))
 *		return;
 *
 * What has one of these may be kept by the client, that asks anew each time: it has
 * "Cache-Control: no-cache", unless the handler sets another. If-Unmodified-Since is not
 * looked at; ranges are left to the web server.
 */
#ifndef LANES_HTTP_CONDITION_H
#define LANES_HTTP_CONDITION_H

#include <stdbool.h>
#include <time.h>

#include "base/slice.h"

struct request;

/* Says which answer this is: any text without quotes, another one for each content. True: there is
 * a reply, and the handler should return. Of a client that has this (If-None-Match) that is a 304,
 * with the headers of the handler, set before or after; or, of other methods than GET and HEAD,
 * a 412. So it is if the client wants another (If-Match), whatever the method. */
bool reply_etag(struct request *req, struct slice tag);

/* The same by when it was last changed, which counts for who names no tag (If-Modified-Since). */
bool reply_modified(struct request *req, time_t when);

#endif

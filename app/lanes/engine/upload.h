/*
 * A request's body on its connection: from the STDIN of the responder to what takes it
 * (http/body.h).
 */
#ifndef LANES_ENGINE_UPLOAD_H
#define LANES_ENGINE_UPLOAD_H

#include <stdbool.h>

#include "engine/exchange.h"

/* The body of a request that was routed is its handler's from the first byte on; or there is a
 * reply that refuses it. */
void upload_open(struct exchange *exchange);

/* For the responder: more of a body that was opened. */
void upload_came(void *owner, struct fcgi_request *fcgi, struct slice bytes);

/* For the request: its connection is looked at again. */
void upload_wanted(struct request *req);

/* Whether the connection should not be read for now: what is asked on it is one request, and that
 * takes no more of its body. Others are not to wait for it. */
bool upload_is_stuffed(struct conn *conn);

#endif

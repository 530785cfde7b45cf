/*
 * A request's body on its connection: from the STDIN of the responder to what takes it
 * (http/body.h).
 */
#ifndef LANES_ENGINE_UPLOAD_H
#define LANES_ENGINE_UPLOAD_H

#include <stdbool.h>

#include "engine/exchange.h"

/* Call it when the request is routed: its handler gets the body from the first byte on, or there is
 * a reply that refuses it. */
void upload_open(struct exchange *exchange);

/* For the responder: more of a body that was opened. */
void upload_came(struct fcgi_responder *r, struct fcgi_request *fcgi, struct slice bytes);

/* For the request: its connection is looked at again. */
void upload_wanted(struct request *req);

/* Whether the connection should not be read for now: its only request takes no more of its body at
 * the moment. If there are several requests it is read, so that they do not wait for this one. */
bool upload_is_stuffed(struct conn *conn);

#endif

#include "orders.h"

/* Before all handlers: pages of one other site may ask, too (Fetch 3.3). Their browser asks first
 * whether it may (OPTIONS, and without a token): that is answered here. */
void allow_page(struct request *req)
{
	const struct shop *s = request_state(req);
	struct slice origin = request_param(req, "HTTP_ORIGIN");

	reply_header(req, "Vary", slice_of("Origin"));
	if (!origin.len || !slice_is(origin, s->page))
		return;
	reply_header(req, "Access-Control-Allow-Origin", origin);
	reply_header(req, "Access-Control-Expose-Headers", slice_of("ETag, Location"));
	if (!slice_is(req->method, "OPTIONS") ||
	    !request_param(req, "HTTP_ACCESS_CONTROL_REQUEST_METHOD").data)
		return;
	reply_header(req, "Access-Control-Allow-Methods", slice_of("GET, POST, PUT"));
	reply_header(req, "Access-Control-Allow-Headers", slice_of("Authorization, Content-Type"));
	reply_header(req, "Access-Control-Max-Age", slice_of("600"));
	reply_bytes(req, 204, NULL, slice_of(""));
}

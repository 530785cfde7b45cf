#include "engine/upload.h"

#include "base/util.h"
#include "engine/conn.h"
#include "http/body.h"
#include "http/reply.h"

static struct request *request_of(struct fcgi_request *fcgi)
{
	return &container_of(fcgi, struct exchange, fcgi)->req;
}

void upload_open(struct exchange *exchange)
{
	struct request *req = &exchange->req;
	int status = body_open(req, &exchange->conn->engine->bodies);

	if (!status && !fcgi_responder_take_stdin(&exchange->conn->fcgi, &exchange->fcgi))
		status = 400; /* it began before it was known whose it is */
	if (status)
		reply_error(req, status);
	else if (exchange->fcgi.stdin_done)
		body_came(req, (struct slice){NULL, 0});
}

void upload_came(struct fcgi_responder *r, struct fcgi_request *fcgi, struct slice bytes)
{
	(void)r;
	body_came(request_of(fcgi), bytes);
}

void upload_wanted(struct request *req)
{
	struct conn *conn = container_of(req, struct exchange, req)->conn;

	/* A request that works on after its answer may have outlived it. */
	if (!conn->closing)
		conn_mark_dirty(conn);
}

bool upload_is_stuffed(struct conn *conn)
{
	struct fcgi_table *active = &conn->fcgi.active;

	return conn->fcgi.uploads && active->count == 1 &&
	       body_is_full(request_of(fcgi_table_any(active)));
}

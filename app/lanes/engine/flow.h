/*
 * What is on the way on a connection. Of many connections that wait, few have something; so it is
 * lent to them while they do, from a few that the worker keeps. Loop thread.
 */
#ifndef LANES_ENGINE_FLOW_H
#define LANES_ENGINE_FLOW_H

#include "engine/conn.h"

enum {
	SPARE_FLOWS = 64, /* as many as answer at once where a web server's connections are few */
	SPARE_OUT_MAX = 4096, /* bytes of memory that one of these keeps for output */
};

struct flow {
	struct fcgi_flow fcgi;
	struct exchange *streams; /* replies without an end that have more; stream.c's */
	struct exchange *streams_last;
	size_t sent;	/* bytes of fcgi.out that the kernel has taken */
	size_t charged; /* to the connection's budget for it, when it last was not taken whole */
	uint64_t unread_since; /* uv_now() when the peer last read something, while more waits */
	struct flow *next;     /* of those that are kept */
};

/* That of a connection on which nothing is on the way, and that of one for which there is no
 * memory, so that it has to be closed. Neither is written to. */
extern const struct flow flow_at_rest;
extern const struct flow flow_failed;

static inline struct flow *conn_flow(const struct conn *conn)
{
	return container_of(conn->fcgi.flow, struct flow, fcgi);
}

/* Before anything is written to its flow: it is one of its own then. False if memory is out. */
bool flow_make(struct conn *conn);
static inline bool conn_flows(struct conn *conn)
{
	struct flow *spare = conn->engine->spare_flows;

	if (conn->fcgi.flow != &flow_at_rest.fcgi)
		return true;
	if (!spare)
		return flow_make(conn);
	conn->engine->spare_flows = spare->next;
	conn->engine->spare_flow_count--;
	conn->fcgi.flow = &spare->fcgi;
	return true;
}

/* The same; without memory its flow is flow_failed. */
static inline void conn_must_flow(struct conn *conn)
{
	if (!conn_flows(conn))
		conn->fcgi.flow = (struct fcgi_flow *)&flow_failed.fcgi;
}

static inline void flow_keep(struct conn *conn, struct flow *flow)
{
	flow->next = conn->engine->spare_flows;
	conn->engine->spare_flows = flow;
	conn->engine->spare_flow_count++;
	conn->fcgi.flow = (struct fcgi_flow *)&flow_at_rest.fcgi;
}

/* Takes it back, if it is not needed any more. Nothing waits in it to be sent. That it has memory
 * for output, and not much, is usual; one at rest has none. */
void flow_tidy(struct conn *conn);
static inline void conn_rests(struct conn *conn)
{
	struct flow *flow = conn_flow(conn);

	if (flow->fcgi.out.size - 1 < SPARE_OUT_MAX && !fcgi_flow_has_part(&flow->fcgi) &&
	    conn->engine->spare_flow_count < SPARE_FLOWS)
		flow_keep(conn, flow);
	else
		flow_tidy(conn);
}

/* Drops it, with all that is in it. */
void flow_drop(struct conn *conn);

/* Frees what is kept. */
void flow_free_spares(struct engine *engine);

#endif

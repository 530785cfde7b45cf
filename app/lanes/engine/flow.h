/*
 * What is on the way on a connection. Of many connections that wait, few have something: so it is
 * lent to them while they do, from some that the worker keeps. Where connections are few each keeps
 * its own. Loop thread.
 */
#ifndef LANES_ENGINE_FLOW_H
#define LANES_ENGINE_FLOW_H

#include "engine/conn.h"

enum {
	FLOWS_KEPT = 64,     /* connections that keep theirs, and beside them what is lent next */
	FLOW_OUT_MAX = 4096, /* bytes of memory that one of these keeps for output */
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
bool flow_lend(struct conn *conn);
static inline bool conn_flows(struct conn *conn)
{
	return conn->fcgi.flow != &flow_at_rest.fcgi || flow_lend(conn);
}

/* The same; without memory its flow is flow_failed. */
static inline void conn_must_flow(struct conn *conn)
{
	if (!conn_flows(conn))
		conn->fcgi.flow = (struct fcgi_flow *)&flow_failed.fcgi;
}

/* Nothing waits in it to be sent: takes it back, if there are many, and it is not needed. */
void flow_take_back(struct conn *conn);
static inline void conn_rests(struct conn *conn)
{
	if (conn->engine->flow_count > FLOWS_KEPT || conn->fcgi.flow->out.size > FLOW_OUT_MAX)
		flow_take_back(conn);
}

/* Drops it, with all that is in it. */
void flow_drop(struct conn *conn);

/* Frees what is kept. */
void flow_free_spares(struct engine *engine);

#endif

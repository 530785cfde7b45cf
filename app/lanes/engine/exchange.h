/*
 * A request on a FastCGI connection, from BEGIN to END: what the responder tells about it, and how
 * its answer gets onto the connection.
 */
#ifndef LANES_ENGINE_EXCHANGE_H
#define LANES_ENGINE_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "await/coroutine.h"
#include "fcgi/responder.h"
#include "http/request.h"

/* For fcgi_responder_init(); the responder's owner is a struct conn. */
extern const struct fcgi_events exchange_events;

struct conn;
struct engine;

/* A reply without an end. On its connection its bytes stand in line with those of others. */
struct stream {
	struct exchange *next; /* of the connection's streams */
	struct exchange *prev;
	uint64_t end;	  /* where on the connection its last byte is (conn_position) */
	size_t unread;	  /* bytes sent since the peer last had all of them */
	uint64_t since;	  /* uv_now() when the first of these was */
	bool open;	  /* its head was sent; the loop's, unlike what the request's reply says */
	bool given_up;	  /* it has outgrown its limit */
	struct task task; /* the handler, waiting for the peer to have all of them */
};

/* One block of memory: the protocol's part of the request and the handler's. */
struct exchange {
	struct fcgi_request fcgi;
	struct conn *conn; /* has a reference */
	bool wanted;	   /* its client has not gone */
	bool prepared;
	bool started;
	struct exchange *next;	     /* among those that have arrived, or the spares */
	struct exchange *later_next; /* among those that work after their answer */
	struct exchange *later_prev;
	struct stream stream; /* from the moment its head is sent */
	struct request req;
};

/* Starts the oldest of engine->arrived, unless its client has gone since it was read. now is
 * uv_hrtime(); returns when the handler gave the loop back. */
uint64_t exchange_start(struct engine *engine, uint64_t now);

/* The peer has taken more of what was sent: streams that waited for it go on. */
void exchange_taken(struct conn *conn);

/* Ends those of the connection's streams that have more waiting than their limit, or something for
 * longer than the send timeout; true if there was one. For held milliseconds since the last time
 * the loop could not look; now is uv_now(). */
bool exchange_end_late(struct conn *conn, uint64_t held, uint64_t now);

/* Drops what requests do after their answers. */
void exchange_cancel_later(struct engine *engine);

/* Frees what was kept for requests to come. */
void exchange_free_spares(struct engine *engine);

#endif

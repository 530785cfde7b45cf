/*
 * One connection of the web server: reading, writing, closing, and how long it may be silent.
 *
 * Nothing is written where it is produced. What a connection's input led to at once is flushed when
 * the input is read; a connection that gets output later is put on a list, and the list is flushed
 * when a batch of requests has run (conns_flush): so answers that are ready at the same time leave
 * in one write.
 */
#ifndef LANES_ENGINE_CONN_H
#define LANES_ENGINE_CONN_H

#include <stddef.h>
#include <stdlib.h>

#include "base/util.h"
#include "engine/engine.h"

/* Its flow (flow.h) is lent to it. Lives until it is closed and the last of its requests has been
 * released: their memory is part of its budget. */
struct conn {
	union {
		uv_poll_t poll;
		struct engine *engine; /* poll.data, which is its owner's */
	};
	uint32_t refs;
	int fd;
	struct conn *next;
	struct conn *prev;
	struct conn *next_dirty;
	struct fcgi_responder fcgi;
	struct budget budget; /* part of the engine's */
	uint64_t quiet_since; /* uv_now() when the peer began to owe us input, or fell idle */
	uint8_t watched;      /* what we poll for: UV_READABLE, UV_WRITABLE, UV_DISCONNECT */
	bool spoken;	      /* has sent a whole request before */
	bool shared;	      /* has had several requests at a time */
	bool dirty;	      /* is flushed soon */
	bool lingering;	      /* answered, half-closed, reads to the end */
	bool closing;
};

_Static_assert(offsetof(uv_poll_t, data) == 0, "it is where the engine is");

static inline struct conn *conn_of(struct fcgi_responder *fcgi)
{
	return container_of(fcgi, struct conn, fcgi);
}

/* Takes over a connected, non-blocking socket and begins to read from it. */
void conn_new(struct engine *engine, int fd);

/* Closes it: its requests are gone; its memory is freed when libuv has let go of it, and they have.
 * Safe to call twice. */
void conn_close(struct conn *conn);

/* A request begins whose memory counts in its budget; or it is released. */
static inline void conn_ref(struct conn *conn)
{
	conn->refs++;
}

static inline void conn_unref(struct conn *conn)
{
	if (--conn->refs == 0)
		free(conn);
}

/* It has output: to be flushed with the batch. */
void conn_enlist(struct conn *conn);
static inline void conn_mark_dirty(struct conn *conn)
{
	if (!conn->dirty)
		conn_enlist(conn);
}

/* Nothing is asked and nothing half said. */
bool conn_is_idle(const struct conn *conn);

/* Bytes that the peer has not taken yet. */
size_t conn_waiting(const struct conn *conn);

/* Something has arrived that was not read yet. */
bool conn_has_input(const struct conn *conn);

/* Flushes all that were marked. */
void conns_flush(struct engine *engine);

/* Looks at every connection, instead of a timer for each, and closes those that were silent for
 * too long. To be called every conns_sweep_interval() milliseconds by engine->sweep. Time in which
 * a handler held the loop does not count: the sweep is a timer, and so it comes before what the
 * peer sent meanwhile is read. */
void conns_sweep(struct engine *engine);
uint64_t conns_sweep_interval(const struct options *options);

#endif

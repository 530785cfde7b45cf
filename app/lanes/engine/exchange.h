/*
 * A request on a FastCGI connection, from BEGIN to END: what the responder tells about it, and how
 * its answer gets onto the connection.
 */
#ifndef LANES_ENGINE_EXCHANGE_H
#define LANES_ENGINE_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgi/responder.h"

/* For fcgi_responder_init(); the responder's owner is a struct conn. */
extern const struct fcgi_events exchange_events;

struct conn;
struct engine;

/* Starts the oldest of engine->arrived, unless its client has gone since it was read. now is
 * uv_hrtime(); returns when the handler gave the loop back. */
uint64_t exchange_start(struct engine *engine, uint64_t now);

/* Puts onto the connection what its streams have, each in turn, until enough is there to be sent.
 */
void exchange_pour(struct conn *conn);

/* Ends those of the connection's streams that for as long as the send timeout have had more waiting
 * than their limit, or could put nothing onto it; true if there was one. For held milliseconds
 * since the last time the loop could not look; now is uv_now(). */
bool exchange_end_late(struct conn *conn, uint64_t held, uint64_t now);

/* Drops what requests do after their answers. */
void exchange_cancel_later(struct engine *engine);

/* Frees what was kept for requests to come. */
void exchange_free_spares(struct engine *engine);

#endif

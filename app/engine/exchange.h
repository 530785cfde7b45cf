/*
 * A request on a FastCGI connection, from BEGIN to END: what the responder tells about it, and how
 * its answer gets onto the connection.
 */
#ifndef LANES_ENGINE_EXCHANGE_H
#define LANES_ENGINE_EXCHANGE_H

#include <stdint.h>

#include "../fcgi/responder.h"

/* For fcgi_responder_init(); the responder's owner is a struct conn. */
extern const struct fcgi_events exchange_events;

struct engine;

/* Starts the oldest of engine->arrived, unless its client has gone since it was read. now is
 * uv_hrtime(); returns when the handler gave the loop back. */
uint64_t exchange_start(struct engine *engine, uint64_t now);

/* Frees what was kept for requests to come. */
void exchange_free_spares(struct engine *engine);

#endif

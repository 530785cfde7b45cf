/*
 * A request comes: its params are there, what it asks becomes known, and it is started, or refused.
 */
#ifndef LANES_ENGINE_ARRIVAL_H
#define LANES_ENGINE_ARRIVAL_H

#include "engine/exchange.h"

/* The responder is a struct conn's. */
extern const struct fcgi_events arrival_events;

/* Starts the oldest of engine->arrived, unless its client has gone since it was read. now is
 * uv_hrtime(); returns when the handler gave the loop back. */
uint64_t arrival_start(struct engine *engine, uint64_t now);

#endif

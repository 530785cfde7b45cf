/*
 * The multiplexed engine: one event loop, many connections, many requests on each.
 */
#ifndef LANES_ENGINE_LOOP_H
#define LANES_ENGINE_LOOP_H

#include "engine/application.h"
#include "engine/listen.h"
#include "engine/options.h"
#include "scoreboard/scoreboard.h"

/* Serves until a signal drains it. worker is "<pool>-<slot>". Returns the process's exit status:
 * 0 drained, 1 could not start, 3 ended before its requests were. Everything is borrowed. */
int loop_run(const struct options *options, struct listener *listener, const char *worker,
	     const struct application *application, const struct scoreboard *board);

#endif

/*
 * The process engine: libfcgi as it is meant to be used, one request at a time.
 */
#ifndef LANES_ENGINE_PREFORK_H
#define LANES_ENGINE_PREFORK_H

#include "engine/application.h"
#include "engine/listen.h"
#include "engine/options.h"
#include "scoreboard/scoreboard.h"

/* Serves until a signal drains it. worker is "<pool>-<slot>". Returns the process's exit status:
 * 0 drained, 1 could not start; where its last request does not end in time, or a second signal
 * comes, the process exits with 3 from here. Everything is borrowed. Call it once per process. */
int prefork_run(const struct options *options, struct listener *listener, const char *worker,
		const struct application *application, const struct scoreboard *board);

#endif

/*
 * --check-config: what a start would stumble over, beyond values that are none.
 */
#ifndef LANES_ENGINE_CONFIG_CHECK_H
#define LANES_ENGINE_CONFIG_CHECK_H

#include "engine/application.h"

/* Of options that were parsed: who may connect, the files that are named, the database's URL, and
 * the application's routes and pools. A line on stderr for each error, or one on stdout that there
 * is none. Opens no socket, and starts nothing. Returns the exit status: 0, or 2. */
int config_check(const struct options *options, const struct applications *applications);

#endif

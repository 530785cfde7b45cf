/*
 * The doctor: when the loop is held, it says by whom, while that lasts: the function and line of
 * the service's own source, what it has called there, and what would cure it. In the log
 * (event=loop-held), and on the scoreboard.
 *
 * A thread of the worker looks at the slot's turn_since: ten times a second while there are
 * requests, and not at all when there were none for a second, until the next one wakes it. Nothing
 * is asked of the loop but that, one look at a word in each turn.
 */
#ifndef LANES_ENGINE_DOCTOR_H
#define LANES_ENGINE_DOCTOR_H

#include "engine/options.h"
#include "scoreboard/scoreboard.h"

/* Opens what the sandbox would refuse. On the loop's thread. */
void doctor_prepare(const struct options *options);

/* The loop of this slot, which runs on the calling thread, is looked at from now on, unless the
 * options say otherwise, or there is no thread for it: then a line in the log says so. */
void doctor_begin(struct board_slot *slot, const struct options *options);

/* … and no longer. */
void doctor_end(void);

#endif

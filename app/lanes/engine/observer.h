/*
 * What happens to requests, told to the scoreboard: one call for each thing that happens. What a
 * handler waits for, its coroutine tells by itself. All functions belong to the loop's thread.
 */
#ifndef LANES_ENGINE_OBSERVER_H
#define LANES_ENGINE_OBSERVER_H

#include "http/request.h"
#include "scoreboard/scoreboard.h"

/* The worker has begun to read the request; how long it had waited is known, and its route, if
 * there is one. */
void observer_picked_up(struct request *req);

/* Its handler ran; for request_ops. A stream is seen when it begins and when it ends, not each of
 * the many times in between. */
void observer_ran(struct request *req, uint64_t begun, uint64_t ended, bool over);

/* It was answered with that status, in place of its own answer. */
void observer_answered_instead(const struct request *req, int status, uint64_t now);

/* The client went away. */
void observer_gone(const struct request *req, uint64_t now);

#endif

/*
 * What a worker gives up before it does anything: descriptors it inherited, the chance to gain
 * rights, core dumps, and memory that it is not to have.
 */
#ifndef LANES_ENGINE_HARDEN_H
#define LANES_ENGINE_HARDEN_H

#include "engine/options.h"

/* To be called first, while the process has one thread: closes every descriptor above 2, sets
 * PR_SET_NO_NEW_PRIVS, lowers the soft limit of core dumps to 0, and applies the options core,
 * address_space and oom_score_adj. What cannot be done is left: older kernels and containers refuse
 * some of it, and the service works as well. A line says so of what an option asked for. */
void harden(const struct options *options);

#endif

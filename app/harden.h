/*
 * What a worker gives up before it does anything: descriptors it inherited, the chance to gain
 * rights, and core dumps.
 */
#ifndef LANES_HARDEN_H
#define LANES_HARDEN_H

#include <stdbool.h>

/* To be called first, while the process has one thread: closes every descriptor above 2, sets
 * PR_SET_NO_NEW_PRIVS, and without keep_core lowers the soft limit of core dumps to 0. What cannot
 * be done is left: older kernels and containers refuse some of it, and the service works as well.
 */
void harden(bool keep_core);

#endif

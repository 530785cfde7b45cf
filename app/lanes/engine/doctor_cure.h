/* What somebody who holds the loop should do instead, in one sentence. */
#ifndef LANES_ENGINE_DOCTOR_CURE_H
#define LANES_ENGINE_DOCTOR_CURE_H

#include <stdbool.h>
#include <stddef.h>

/* The name of this system call, "" if it has none, into name. */
void cure_call(long call, char *name, size_t size);

/* For one that waits in this call of the kernel (-1: for a page of memory). */
const char *cure_waits(long call);

extern const char cure_computes[]; /* for one that computes */
extern const char cure_many[];	   /* for many that run one after another */
extern const char cure_unknown[];  /* where nobody could see what it does */

#endif

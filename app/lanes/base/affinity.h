/*
 * Which CPU a worker's loop runs on (--cpu-affinity). Threads that it starts may leave it: they
 * work beside the loop, not in its place.
 */
#ifndef LANES_BASE_AFFINITY_H
#define LANES_BASE_AFFINITY_H

#include <stdbool.h>
#include <stdint.h>

/* Whether it is "off", "auto" or a list of CPUs as taskset(1) takes it: "0-3,8". */
bool affinity_is(const char *text);

/* Binds this thread to one CPU of those in the text (auto: all) that it may have: number 1 to the
 * first, 2 to the second, and so on round. Returns 0, or a negative errno: -ENODEV if it may have
 * none of them. Once, before there is another thread. */
int affinity_bind(const char *text, int64_t number);

/* On a thread that this one has started: it runs wherever the process might before. */
void affinity_leave(void);

#endif

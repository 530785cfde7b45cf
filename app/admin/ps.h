/*
 * lanes --ps: who awaits what, as a tree of worker, request, and line of the source; held loops
 * first, with who waits for them. It reads the scoreboard itself, so it works whatever else does
 * not, and while a loop is held.
 */
#ifndef LANES_ADMIN_PS_H
#define LANES_ADMIN_PS_H

#include <lanes.h>

/* Prints it once. Returns the process's exit status. */
int ps_run(const char *path);

/* Appends it, cut to that width. */
void ps_append(struct buffer *out, const struct workers *workers, size_t width);

#endif

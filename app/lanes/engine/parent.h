/*
 * What a worker tells the master that started it (engine/master.h): a pipe, whose number is in
 * LANES_PARENT. When it accepts, its number in the pool goes into it, and when it drains, that it
 * does.
 */
#ifndef LANES_ENGINE_PARENT_H
#define LANES_ENGINE_PARENT_H

#include <stdbool.h>
#include <stdint.h>

/* The descriptor that the master gives, the variable that says so, and what says that it drains. */
enum { PARENT_FD = 3, PARENT_LEAVES = 'd' };
#define PARENT_VARIABLE "LANES_PARENT"

/* Takes over the pipe, if there is one. To be called first, while nothing else is open. */
void parent_find(void);

/* Whether there is a master, who looks after it: then a second signal does not force an end. */
bool parent_is_there(void);

/* It accepts. */
void parent_accepts(int64_t number);

/* It does not any more. Safe to call twice, and on any thread. */
void parent_leave(void);

#endif

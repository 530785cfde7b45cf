/*
 * The prefork trap: a little nginx of its own that keeps its connections to blocking workers, as
 * one should not. It works in the directory of a system, in front of that system's sockets, and is
 * stopped with it at the latest.
 */
#ifndef TESTS_DEMONSTRATIONS_TRAP_H
#define TESTS_DEMONSTRATIONS_TRAP_H

#include <stdbool.h>
#include <sys/types.h>

#include "../support/system.h"

struct trap {
	pid_t nginx;
	char url[40]; /* "/prefork/…" goes to the blocking workers, the rest to loop worker 1 */
	char config[DIRECTORY_SIZE + 16];
};

/* False after a message if it does not start. Main thread. */
bool trap_open(struct trap *trap, const struct system *system);
void trap_close(struct trap *trap);

#endif

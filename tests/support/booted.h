/*
 * A machine: systemd as process 1 of namespaces on this machine's root, with a tree of
 * files over it (tests/support/boot boots it). Main thread. One at a time.
 */
#ifndef TESTS_SUPPORT_BOOTED_H
#define TESTS_SUPPORT_BOOTED_H

#include <stdbool.h>

#include "process.h"

/* Boots it with the files of a tree, or with none (NULL); NULL, or why that cannot be here. From
 * then on this thread, and those that it starts,
 * have the network of the machine: its 127.0.0.1 is ours. */
const char *machine_boot(const char *tree);

/* Ends it, and all that runs there. */
void machine_end(void);

/* What a shell's command there says, and its status; for at most ten minutes. Lives until the next
 * call. */
const struct outcome *machine_does(const char *command);

/* Whether its status is 0; prints what it said if not. */
bool machine_did(const char *command);

/* Whether it says this on stdout; prints what it said if not. */
bool machine_says(const char *command, const char *text);

/* A path of a file there, from here. Lives as textf(). */
const char *machine_file(const char *path);

/* Does a command in the background: a process that the caller waits for. */
pid_t machine_begins(const char *command);

#endif

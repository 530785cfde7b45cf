/*
 * What the benchmark runs: a command of sh and all processes that come from it, in a session and
 * process group of their own. Processes whose parent has ended become children of this program, so
 * it can wait for the last one of a group. All end when it exits, and when Ctrl-C or another signal
 * that can be caught ends it.
 */
#ifndef TESTS_BENCH_GROUP_H
#define TESTS_BENCH_GROUP_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

/* To be called before anything is started. */
void groups_init(void);

/* Starts a command that finds the name as $NAME and writes to NAME.log; the name is kept. */
pid_t group_start(const char *name, const char *command);

/* Starts a command whose stdout can be read. */
pid_t group_start_piped(const char *command, FILE **out);

/* True once the command itself has ended; waits for that for some milliseconds. No group (0) never
 * ends. */
bool group_ended(pid_t group, int ms);

/* Prints how the command ended, if it did, and the last lines of its log. Nothing of no group. */
void group_explain(pid_t group);

/* Kills all processes of the group, and returns when there are none. */
void group_end(pid_t group);

#endif

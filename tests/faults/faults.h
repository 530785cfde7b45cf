/*
 * What the fault tests share. Each test provokes its fault for real, in a whole system or a worker
 * with real sockets, counts what became of every request, prints that, and ends in bounded time.
 */
#ifndef TESTS_FAULTS_FAULTS_H
#define TESTS_FAULTS_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

#include "../support/client.h"
#include "../support/system.h"
#include "scoreboard/scoreboard.h"

/* How long a fault is kept up: FAULTS_SECONDS in the environment, else as long as the promise says
 * (full). Limits other than time follow it: scaled() is that part of a number. */
double fault_seconds(double full);
size_t scaled(size_t full);
bool in_full(void);

/* Prints one line: sent, answered, refused, failed, sent again, and times. */
void tell(const char *what, const struct load_result *result);

/* Waits for a load and tells of it: every request was answered, and every connection at least once.
 */
const struct load_result *all_answered(struct load *load, const char *what);

/* Opens a system's scoreboard to read; false if there is none. */
bool board_open(struct scoreboard *board, const struct system *system);

/* The slot of that worker of the pool, or NULL. */
const struct board_slot *board_find(const struct scoreboard *board, const char *pool,
				    unsigned number);

/* Changes how many descriptors a process may have (the soft limit); false if that is not allowed.
 */
bool limit_descriptors(pid_t pid, unsigned long most);

#endif

/*
 * The database of a program, for who looks after it: what --migrate, --jobs, --job-retry and
 * --job-drop do. They block, say on stdout what they did or found, and return the exit status: 1
 * after a message.
 */
#ifndef LANES_CLIENT_QUEUE_H
#define LANES_CLIENT_QUEUE_H

#include "client/migrate.h"

struct job_kinds;

/* The library's: the queue of jobs. */
extern const struct migration jobs_sql[];
extern const struct migrations jobs_migrations;

/* The version that is wanted of them. */
int migrations_latest(const struct migrations *migrations);

/* Applies what the database lacks, of the library's and these (or NULL). Of two at once one waits
 * for the other. What fails, or finds a database that is newer than the program, leaves nothing of
 * that version. */
int migrate(const char *database, const struct migrations *own);

/* How many jobs there are, by kind, and which of those that wait are of none of these, which are
 * the program's; those that run, and those that are dead, some of them. */
int queue_show(const char *database, const struct job_kinds *kinds);

/* which: the number of a job, or "all-dead"; 2 if it is neither. */
int queue_retry(const char *database, const char *which);
int queue_drop(const char *database, const char *which);

#endif

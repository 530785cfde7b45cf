/*
 * Handlers that ask a PostgreSQL of the test's own, on a loop of their own (alone.h).
 */
#ifndef TESTS_UNIT_DATABASE_H
#define TESTS_UNIT_DATABASE_H

#include "../support/harness.h"
#include "../support/postgres.h"
#include "alone.h"
#include "client/pg.h"
#include "client/pg_pool.h"
#include "http/reply.h"

extern struct postgres postgres;

/* For suites. */
int database_set_up(void);
int database_tear_down(void);

/* Usual ones, to be changed. */
extern struct pg_limits limits;

/* begin(), with a pool of connections to it; another's url, if that is not NULL. */
void begin_pg(unsigned threads, const char *url);

/* end(), and the limits are the usual ones again. */
void end_pg(int requests);

/* Turns the loop until it is so, at most PATIENCE. */
#define TURN_UNTIL(condition)                                                                      \
	do {                                                                                       \
		double until_ = now() + PATIENCE;                                                  \
                                                                                                   \
		while (!(condition) && now() < until_)                                             \
			turn_a_while();                                                            \
		CU_ASSERT_FATAL(condition);                                                        \
	} while (0)

/* Once, for some milliseconds at most. */
void turn_a_while(void);

/* Runs a handler to its end, with a loop and a pool of its own; the status of its answer. */
int serve_pg(void (*handler)(struct request *req));

#endif

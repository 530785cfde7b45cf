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
void database_before(void);

/* Usual ones, to be changed. */
extern struct pg_limits limits;

/* begin(), with a pool of connections to it, of which one is there; or to another's url, if that is
 * not NULL. */
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

/* Starts a request that asks this, and leaves the first letter of what comes; or for what has
 * failed: Down, Waiters too many, Time is up, Lost, Error, Big, Memory, ? else. Its first text is
 * last_text then. */
struct request *ask(const char *sql);
struct request *asker(const char *sql); /* that is not started yet */
extern char last_text[64];

/* Whether the letters that were left are these; turns until there are as many. */
bool leaves(const char *letters);

/* Statements with HELD wait there until let_go(). */
#define HELD "FROM pg_advisory_xact_lock_shared(7)"
void hold(void);
void let_go(void);

/* How many statements with this text the database is at work on. */
int at_work(const char *text);

/* Whether the last of them ends soon enough. */
bool ends_within(const char *text, double seconds);

/* Runs a handler to its end, with a loop and a pool of its own; the status of its answer. */
int serve_pg(void (*handler)(struct request *req));

#endif

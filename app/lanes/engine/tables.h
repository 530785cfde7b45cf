/*
 * Whether the database has the tables that the program needs, in the versions that it knows. No
 * worker makes them; but it says that they are missing, and which command makes them.
 */
#ifndef LANES_ENGINE_TABLES_H
#define LANES_ENGINE_TABLES_H

#include <stdbool.h>

struct application;
struct sched;
struct turn;

/* Looks, once a second until they are there, and notes on the scoreboard what it has found. NULL:
 * the application needs none, or there is no database. Ended by application_end(). Loop thread. */
struct turn *tables_begin(const struct application *application, struct sched *sched);

/* Runs the loop until it is known whether the database is there, and its tables; for two seconds at
 * most, and until *given_up. Before a successor says that it accepts: if all of a pool said so
 * while they do not know, /readyz would be a 503. */
void tables_await(struct sched *sched, const bool *given_up);

#endif

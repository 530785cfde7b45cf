/*
 * Whether the database has the tables that the program needs, in the versions that it knows. No
 * worker makes them; but it says that they are missing, and which command makes them.
 */
#ifndef LANES_ENGINE_TABLES_H
#define LANES_ENGINE_TABLES_H

struct application;
struct sched;
struct turn;

/* Looks, once a second until they are there, and notes on the scoreboard what it has found. NULL:
 * the application needs none, or there is no database. Ended by application_end(). Loop thread. */
struct turn *tables_begin(const struct application *application, struct sched *sched);

#endif

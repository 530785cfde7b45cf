/*
 * The tables that a program needs in its database: versions of them, applied one after the other,
 * by a command (--migrate) and never by a worker. Which are there, the table lanes_migrations says.
 *
 * A file app/orders/orders.sql of which each version begins with a line "-- version 1" becomes
 * orders_sql[] (Makefile). What has been applied somewhere is not changed any more: what comes then
 * is a further version.
 */
#ifndef LANES_CLIENT_MIGRATE_H
#define LANES_CLIENT_MIGRATE_H

/* From 1 on, without a gap. */
struct migration {
	int version;
	const char *sql; /* statements, which are one transaction */
};

struct migrations {
	const char *component;	      /* whose they are, as "orders"; NULL: nobody's */
	const struct migration *list; /* ends with version 0 */
};

#endif

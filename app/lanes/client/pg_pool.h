/*
 * The connections to PostgreSQL of one loop: for engines. What a handler sees is in pg.h.
 */
#ifndef LANES_CLIENT_PG_POOL_H
#define LANES_CLIENT_PG_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "await/sched.h"

struct pg_settings;

struct pg_limits {
	unsigned connections; /* at most; at least 1 */
	unsigned waiters;     /* for one */
	unsigned statements;  /* that a connection has prepared; further ones it has not. 0: none */
	uint64_t wait;	      /* this and all below: nanoseconds. For a connection */
	uint64_t statement;   /* that one may take; 0: any */
	uint64_t lifetime;    /* of a connection */
	uint64_t result_bytes; /* of one statement */
	bool alone;	       /* one request at a time, and no threads: prefork */
};

/* What a URL says, what the environment and files add to it, and the password: read once, before
 * the sandbox. NULL after a message, if it cannot be. */
struct pg_settings *pg_settings_read(const char *url);

/* What connecting to it takes: a TCP port; 0: a unix socket. */
uint16_t pg_settings_port(const struct pg_settings *settings);

/* The host's name, whose address has to be found; NULL: that is known. */
const char *pg_settings_name(const struct pg_settings *settings);

/* The file with the certificate of who is trusted; NULL: none is read. */
const char *pg_settings_root_certificate(const struct pg_settings *settings);

void pg_settings_free(struct pg_settings *settings);

/* Opens it on the loop, whose guest it is, and which begins to connect. settings are borrowed. It
 * is closed with the scheduler: nobody may wait any more. 0 or -ENOMEM. */
int pg_pool_open(struct sched *sched, const struct pg_settings *settings,
		 const struct pg_limits *limits);

/* What is known of the tables that the program needs: while they are not known to be there, a
 * statement that misses one fails with -ESTALE. False: there is no pool. */
bool pg_note_tables(const struct sched *sched, enum board_tables tables);

/* Whether there is none, or its database is there. */
bool pg_is_up(const struct sched *sched);

/* Whether that is known, and of its tables too, if they are looked for. */
bool pg_is_known(const struct sched *sched);

#endif

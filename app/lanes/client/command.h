/*
 * What commands (--migrate, --jobs …) share: a connection that blocks. Not for workers.
 */
#ifndef LANES_CLIENT_COMMAND_H
#define LANES_CLIENT_COMMAND_H

#include <libpq-fe.h>

/* Connects to what --database says; NULL after a message. PQfinish() is the caller's. */
PGconn *command_connect(const char *database);

/* Runs one statement with parameters that are texts. Its result, to be cleared; or NULL after a
 * message, which begins with what. */
PGresult *command_ask(PGconn *conn, const char *what, const char *sql, int count,
		      const char *const *values);

/* Prints a result on stdout, as a table: numbers on the right, dates and texts on the left. */
void command_show(const PGresult *result);

#endif

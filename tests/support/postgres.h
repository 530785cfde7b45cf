/*
 * A PostgreSQL of the test's own, in a directory of its own: started, stopped, killed, halted, and
 * asked. It serves a unix socket, and nobody else; root has it run by nobody. It dies with us.
 * All functions belong to the main thread.
 */
#ifndef TESTS_SUPPORT_POSTGRES_H
#define TESTS_SUPPORT_POSTGRES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "process.h"

struct postgres {
	pid_t pid;	       /* 0: it does not run */
	const char *directory; /* with its data, its log, and its socket */
	const char *const *settings;
	uint16_t port; /* of the socket, and of TCP where listen_addresses is set */
	char url[DIRECTORY_SIZE + 64];
	char variable[DIRECTORY_SIZE + 96]; /* "LANES_DATABASE=…", for a worker's environment */
};

/* Makes a cluster and starts it; further settings are STRINGS("max_connections=5"), which live as
 * long, or NULL. False, after a message, if it does not come up. */
bool postgres_open(struct postgres *postgres, const char *const *settings);

/* Starts it again when it was ended, with the same data. */
bool postgres_start(struct postgres *postgres);

/* Ends it. SIGINT: at once, but orderly; SIGKILL: it and all its processes. */
void postgres_end(struct postgres *postgres, int number);

/* Sends a signal to it and all its processes: SIGSTOP, SIGCONT. */
void postgres_signal(const struct postgres *postgres, int number);

/* Ends it, if it runs, and removes its directory; nothing if that was done already. */
void postgres_close(struct postgres *postgres);

/* Asks it, on a connection of the test's own: the first field of the answer, "" where there is
 * none; "error: …" if it fails. Lives as textf(). */
const char *postgres_ask(const struct postgres *postgres, const char *sql);

/* The same with several statements: false, after a message, if one fails. */
bool postgres_do(const struct postgres *postgres, const char *sql);

#endif

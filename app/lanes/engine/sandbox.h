/*
 * What a worker can still do once its socket, scoreboard and log are open: landlock for files, and
 * a seccomp filter for system calls. What its handlers need beyond computing, waiting, and reading
 * and writing what is open, is named in struct sandbox.
 */
#ifndef LANES_ENGINE_SANDBOX_H
#define LANES_ENGINE_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

struct sandbox {
	const char *reads;   /* folder below which files are opened to read; NULL: none are */
	const char *spool;   /* … in which files without names are made; NULL: none are */
	const char *removes; /* file that is removed at the end; NULL: none */
	uint16_t connects;   /* port that TCP connections are made to; 0: none are */
	/* Names are looked up, and TCP connections made to any port. What that takes is read: the
	 * resolver's files, and whom the system trusts. Where one of these is replaced by another
	 * file, that is read by the worker's successor. */
	bool fetches;
	uint16_t database_port;	     /* the same of the database; 0: none */
	bool database_local;	     /* … which is on a unix socket */
	const char *database_trusts; /* whom its TLS trusts, a file; NULL: none is read */
	const char *trusts;	     /* … beside the system, a file; NULL: nobody */
};

/* To be called while the process has one thread: those that it starts afterwards are bound, too.
 * It cannot be undone. What the kernel does not have is left; a line in the log says what. */
void sandbox_enter(const struct sandbox *needs);

#endif

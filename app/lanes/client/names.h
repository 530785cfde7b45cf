/*
 * Names of other machines, and where those are: getaddrinfo(), which may take half a minute, on
 * threads of its own, the pool "names" of the scoreboard. An address needs no thread. A loop
 * without pools (prefork) looks names up itself, and waits.
 *
 * Nothing is kept: who asks often keeps the answer for a while.
 */
#ifndef LANES_CLIENT_NAMES_H
#define LANES_CLIENT_NAMES_H

#include "await/thread_pool.h"

struct coroutine;

enum {
	LOOKUP_MOST = 8,     /* addresses that are kept, as getaddrinfo() sorts them */
	LOOKUP_ADDRESS = 46, /* bytes of one, and its end */
};

/* A name that is looked up. Who asks keeps it, and its host, as long as the coroutine: a thread may
 * still be at it when nobody waits any more. */
struct lookup {
	const char *host; /* or an address, of IPv6 without brackets */

	/* The answer. */
	char addresses[LOOKUP_MOST][LOOKUP_ADDRESS]; /* as digits, of IPv4 or IPv6 */
	unsigned count;
	int error; /* as the outcome */
};

/* The pool. A loop that has threads has it, too (struct application says .fetches), or nobody looks
 * up anything there. */
extern const struct thread_pool_options names_pool;

/* Has libc load what it looks names up with: before the sandbox, and before there are threads. */
void names_prepare(void);

/* The coroutine waits for the name's addresses. Its outcome: 0; -ENOENT: there is no such name, or
 * it has no address; -EHOSTUNREACH: name servers do not answer, or cannot; -EAGAIN: too many wait
 * for a thread; -ENOTSUP: the loop has threads, and not these; -ENOMEM, -EMFILE. */
void coroutine_add_lookup(struct coroutine *co, struct lookup *lookup, int *outcome);

#endif

/*
 * What the test and the library it loads into a worker share: a mapped file, named in
 * FAULTS_CONTROL, that says which calls fail, and in which the library notes what it did.
 *
 * A call site is one place in the program, or in libuv, that calls a function: every site has its
 * own count and its own turn, so that rare sites fail, too.
 */
#ifndef TESTS_FAULTS_PRELOAD_H
#define TESTS_FAULTS_PRELOAD_H

#include <stdatomic.h>
#include <stdint.h>

enum { SITES_MAX = 128, CALL_NAME = 16 };

struct site {
	_Atomic uintptr_t address;
	char call[CALL_NAME];
	atomic_uint calls;
	atomic_uint failed;
};

struct control {
	atomic_uint every;   /* each site's calls fail every so often; 0: none */
	atomic_uint nth;     /* or the n-th call of all fails, once, from 1 on; 0: none */
	atomic_uint calls;   /* counted while nth is set */
	atomic_uint failed;  /* all failed calls */
	atomic_int memory;   /* the n-th allocation fails, once; 0: none */
	atomic_uint starved; /* failed allocations */
	struct site sites[SITES_MAX];
};

#endif

/*
 * getaddrinfo() for all of the program, libraries included: it knows names below .test that no
 * machine has, and asks libc for all others.
 *
 *     here.test 127.0.0.1 · six.test ::1 · both.test ::1, 127.0.0.1 · many.test 127.0.0.1 to .20
 *     gone.test none · silent.test nobody answers · memory.test, files.test run out · odd.test of
 *     another kind · slow.test as here.test, when it is let go (wait_at_gate())
 */
#ifndef TESTS_UNIT_RESOLVER_H
#define TESTS_UNIT_RESOLVER_H

#include <stdatomic.h>

extern atomic_int resolver_asked;    /* how often, ever */
extern atomic_bool resolver_is_ours; /* … the last time by a thread of names_pool */

#endif

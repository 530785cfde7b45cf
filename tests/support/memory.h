/*
 * Memory running out, on demand. The unit test program is linked with --wrap for malloc, calloc
 * and realloc, which reaches all of app/ and no shared library; and for the calls of json-c that
 * need memory, each of which counts as one allocation and fails as json-c's own would.
 */
#ifndef TESTS_SUPPORT_MEMORY_H
#define TESTS_SUPPORT_MEMORY_H

/* n more allocations succeed, then all fail, until memory_restore(). */
void memory_fail_after(long n);
void memory_restore(void);

/* n more allocations succeed, the next one fails, and all after it succeed again. */
void memory_fail_once_after(long n);

/* Allocations asked for since the program started, of every thread. */
long memory_allocations(void);

#endif

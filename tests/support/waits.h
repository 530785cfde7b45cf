/*
 * An application that waits in every way there is: for tests and fuzzers of what carries one. Its
 * fields are read and validated, its threads sleep, and each of its routes answers in the end.
 */
#ifndef TESTS_SUPPORT_WAITS_H
#define TESTS_SUPPORT_WAITS_H

#include "http/router.h"

extern const struct routes waits;

/* Its handlers. "seconds", where one waits: 0 to 60. */
void answer(struct request *req);
void block_thread(struct request *req); /* SYNC */
void sleep_once(struct request *req);
void sleep_together(struct request *req);
void lend_thread(struct request *req);
void hold_loop(struct request *req);

#endif

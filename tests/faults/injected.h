/*
 * A worker with tests/faults/preload.so in it, and what its calls do. Not with a sanitizer: that
 * wants to be first in a program itself.
 */
#ifndef TESTS_FAULTS_INJECTED_H
#define TESTS_FAULTS_INJECTED_H

#include <stdbool.h>

#include "../support/raw.h"
#include "faults.h"
#include "preload.h"

struct injected {
	struct worker worker;
	struct control *control;
	const char *directory; /* of the control file and the scoreboard */
	char scoreboard[DIRECTORY_SIZE + 16];
	char preload[4096 + 16]; /* "LD_PRELOAD=…" */
	char file[DIRECTORY_SIZE + 32];
};

/* False under a sanitizer: the test is then not judged. */
bool injected_possible(void);

/* Makes the control file; nothing fails yet. */
bool injected_prepare(struct injected *injected);

/* Starts the worker; false if it does not start. */
bool injected_start(struct injected *injected);

/* Kills the worker, if it runs, and removes its files. */
void injected_remove(struct injected *injected);

/* What is asked while something fails: a request of every kind, and what its answer has in it. */
enum { KINDS = 7 };
extern const struct kind {
	const char *path;
	const char *query;
	const char *answer;
} kinds[KINDS];

/* What became of a request. */
enum fortune { ANSWERED, REFUSED, CLOSED, SILENT, WRONG, FORTUNES };

/* Waits for the answer to request 1, which has to have this in it. The connection is closed by us
 * unless the answer is whole. */
enum fortune fortune_of(struct raw *raw, const char *expected);

/* Once no call fails any more: a request is answered, and nothing of those before is left. */
bool as_good_as_new(struct injected *injected);

#endif

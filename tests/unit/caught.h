/* What the code under test writes to stderr, caught to be looked at. */
#ifndef TESTS_UNIT_CAUGHT_H
#define TESTS_UNIT_CAUGHT_H

#include <stdbool.h>
#include <stddef.h>

struct caught {
	char text[8192]; /* NUL-terminated */
	size_t len;
	int writes; /* calls of write(2) it took */
};

/* From here to caught_end() stderr goes into a socket that keeps one message for each write. */
void caught_begin(void);
void caught_end(struct caught *caught);

/* True if there is exactly one line, it came in one write, and it contains the word. */
bool caught_one_line(const struct caught *caught, const char *word);

#endif

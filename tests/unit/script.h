/*
 * Tests told in words, in the order in which they are done:
 *
 *     run 0, queue 1-15, until requests 2, send 1 [begin 1 keep, abort 1]
 *
 * A step has one word or two, then numbers, then a text in brackets, which may be a script itself.
 * What it means, the suite says.
 */
#ifndef TESTS_UNIT_SCRIPT_H
#define TESTS_UNIT_SCRIPT_H

#include <stdbool.h>

enum { STEP_NUMBERS = 80 };

struct step {
	const char *begun; /* in the script */
	char how[16];	   /* the first of two words; or "" */
	char word[24];
	int numbers[STEP_NUMBERS];
	int count;
	char text[600];	   /* or "" */
	const char *inner; /* where that is in the script; NULL: there is none */
};

/* Takes the next step off the script; false at its end, which for an inner one is its bracket. */
bool script_step(const char **script, struct step *step);

bool step_is(const struct step *step, const char *word);

/* Prints where the script was, if more assertions failed since there were so many. */
void step_blame(const struct step *step, unsigned failures);

#endif

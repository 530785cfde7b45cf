/*
 * What the machine gives to bare loops: processes that do nothing but count. What they cannot have,
 * no worker can.
 */
#ifndef TESTS_DEMONSTRATIONS_BARE_H
#define TESTS_DEMONSTRATIONS_BARE_H

#include <stdbool.h>

/* How many times as fast as one bare loop two are together: 2 where both have a core. 0 if that
 * could not be measured. */
double bare_gain(void);

/* Whether that is enough to see that computing on two cores is faster than on one. */
bool bare_suffices(double gain);

/* Why it is not. */
const char *bare_lacks(int cores);

#endif

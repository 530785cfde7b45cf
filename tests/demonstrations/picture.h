/*
 * The contrast as a picture: a bar for every burst, and a mark where the model expects its end.
 */
#ifndef TESTS_DEMONSTRATIONS_PICTURE_H
#define TESTS_DEMONSTRATIONS_PICTURE_H

#include <stdbool.h>

#include "measurement.h"

/* Writes SVG; false after a message. */
bool picture_write(const struct contrast *contrast, const char *path);

#endif

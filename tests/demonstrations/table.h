/*
 * The contrast as text: every burst, and what more workers bring.
 */
#ifndef TESTS_DEMONSTRATIONS_TABLE_H
#define TESTS_DEMONSTRATIONS_TABLE_H

#include <stdio.h>

#include "measurement.h"

/* Whether the machine can give what the contrast is to show. */
void table_print_machine(const struct contrast *contrast, FILE *out);

void table_print(const struct contrast *contrast, FILE *out);
void table_print_scaling(const struct contrast *contrast, FILE *out);

#endif

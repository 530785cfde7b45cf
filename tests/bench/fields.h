/*
 * What an object of JSON holds by a name.
 */
#ifndef TESTS_BENCH_FIELDS_H
#define TESTS_BENCH_FIELDS_H

#include <json-c/json.h>

/* A number, or 0 and 1 of a boolean; otherwise: there is none. */
double field_number(struct json_object *json, const char *name, double otherwise);

/* A text, which lives as long as json and is not changed; "": there is none. */
const char *field_text(struct json_object *json, const char *name);

#endif

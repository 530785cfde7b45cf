/* The guide's tasks, and the sentences it answers with. */
#ifndef LANES_ENDPOINTS_TASKS_H
#define LANES_ENDPOINTS_TASKS_H

#include <stdint.h>

#include "../http/number.h"

struct json_object;

/* time.sleep(): holds its thread, and nobody else can use it. Any thread. */
void blocking_io_task(double seconds);

/* sum(i * i for i in range(n)), computed step by step. Any thread. */
u128 cpu_bound_task(uint64_t n);

/* "<before><seconds><after>" as a JSON string, seconds as Python prints them; NULL if memory is
 * out. */
struct json_object *sentence(const char *before, double seconds, const char *after);

/* {"mode":<mode>,<key>:<value>}; key is a literal; takes over value. NULL if memory is out, or
 * value was NULL. */
struct json_object *mode_with(const char *mode, const char *key, struct json_object *value);

#endif

#include "memory.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

static atomic_long left = LONG_MAX;
static atomic_bool once;
static atomic_long asked;

void memory_fail_after(long n)
{
	atomic_store(&once, false);
	atomic_store(&left, n);
}

void memory_fail_once_after(long n)
{
	atomic_store(&once, true);
	atomic_store(&left, n);
}

void memory_restore(void)
{
	atomic_store(&left, LONG_MAX);
}

long memory_allocations(void)
{
	return atomic_load(&asked);
}

static bool allowed(void)
{
	long before = atomic_fetch_sub(&left, 1);

	atomic_fetch_add(&asked, 1);
	return before > 0 || (before < 0 && atomic_load(&once));
}

/* A function that is called instead of another (--wrap), which it calls where that may succeed. */
#define WRAP(type, name, parameters, arguments, failed)                                            \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		return allowed() ? __real_##name arguments : (failed);                             \
	}

WRAP(void *, malloc, (size_t size), (size), NULL)
WRAP(void *, calloc, (size_t count, size_t size), (count, size), NULL)
WRAP(void *, realloc, (void *old, size_t size), (old, size), NULL)
WRAP(struct json_object *, json_object_new_object, (void), (), NULL)
WRAP(struct json_object *, json_object_new_array, (void), (), NULL)
WRAP(struct json_object *, json_object_new_array_ext, (int size), (size), NULL)
WRAP(struct json_object *, json_object_new_string, (const char *text), (text), NULL)
WRAP(struct json_object *, json_object_new_int, (int32_t number), (number), NULL)
WRAP(int, json_object_object_add,
     (struct json_object * to, const char *key, struct json_object *value), (to, key, value), -1)
WRAP(int, json_object_array_add, (struct json_object * to, struct json_object *value), (to, value),
     -1)

/* What does not fit is left out, and only errno tells. */
const char *__real_json_object_to_json_string_length(struct json_object *json, int flags,
						     size_t *length);
const char *__wrap_json_object_to_json_string_length(struct json_object *json, int flags,
						     size_t *length)
{
	const char *text = __real_json_object_to_json_string_length(json, flags, length);

	if (!allowed()) {
		*length /= 2;
		errno = ENOMEM;
	}
	return text;
}

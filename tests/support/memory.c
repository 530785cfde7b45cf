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

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

struct json_object *__real_json_object_new_object(void);
struct json_object *__real_json_object_new_array(void);
struct json_object *__real_json_object_new_array_ext(int size);
struct json_object *__real_json_object_new_string(const char *text);
struct json_object *__real_json_object_new_int(int32_t number);
int __real_json_object_object_add(struct json_object *to, const char *key,
				  struct json_object *value);
int __real_json_object_array_add(struct json_object *to, struct json_object *value);
const char *__real_json_object_to_json_string_length(struct json_object *json, int flags,
						     size_t *length);
struct json_object *__wrap_json_object_new_object(void);
struct json_object *__wrap_json_object_new_array(void);
struct json_object *__wrap_json_object_new_array_ext(int size);
struct json_object *__wrap_json_object_new_string(const char *text);
struct json_object *__wrap_json_object_new_int(int32_t number);
int __wrap_json_object_object_add(struct json_object *to, const char *key,
				  struct json_object *value);
int __wrap_json_object_array_add(struct json_object *to, struct json_object *value);
const char *__wrap_json_object_to_json_string_length(struct json_object *json, int flags,
						     size_t *length);

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

void *__wrap_malloc(size_t size)
{
	return allowed() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
	return allowed() ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *old, size_t size)
{
	return allowed() ? __real_realloc(old, size) : NULL;
}

struct json_object *__wrap_json_object_new_object(void)
{
	return allowed() ? __real_json_object_new_object() : NULL;
}

struct json_object *__wrap_json_object_new_array(void)
{
	return allowed() ? __real_json_object_new_array() : NULL;
}

struct json_object *__wrap_json_object_new_array_ext(int size)
{
	return allowed() ? __real_json_object_new_array_ext(size) : NULL;
}

struct json_object *__wrap_json_object_new_string(const char *text)
{
	return allowed() ? __real_json_object_new_string(text) : NULL;
}

struct json_object *__wrap_json_object_new_int(int32_t number)
{
	return allowed() ? __real_json_object_new_int(number) : NULL;
}

int __wrap_json_object_object_add(struct json_object *to, const char *key,
				  struct json_object *value)
{
	return allowed() ? __real_json_object_object_add(to, key, value) : -1;
}

int __wrap_json_object_array_add(struct json_object *to, struct json_object *value)
{
	return allowed() ? __real_json_object_array_add(to, value) : -1;
}

/* What does not fit is left out, and only errno tells. */
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

#include "tasks.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

void blocking_io_task(double seconds)
{
	struct timespec left = {.tv_sec = (time_t)seconds,
				.tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};

	while ((left.tv_sec || left.tv_nsec) &&
	       clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
		;
}

u128 cpu_bound_task(uint64_t n)
{
	u128 sum = 0;

	for (uint64_t i = 0; i < n; i++) {
		uint64_t number = i;

		/* Without this the compiler finds Faulhaber's formula, and there is no work. */
		__asm__ volatile("" : "+r"(number));
		sum += (u128)number * number;
	}
	return sum;
}

struct json_object *sentence(const char *before, double seconds, const char *after)
{
	char text[96];
	size_t before_len = strlen(before);
	size_t after_len = strlen(after);
	size_t len = before_len;

	memcpy(text, before, before_len);
	len += float_text(seconds, text + len);
	memcpy(text + len, after, after_len);
	return json_object_new_string_len(text, (int)(len + after_len));
}

/* Saves json-c a copy of the key and a search for it. */
static bool add_new(struct json_object *object, const char *key, struct json_object *value)
{
	return value && json_object_object_add_ex(object, key, value,
						  JSON_C_OBJECT_ADD_KEY_IS_NEW |
							  JSON_C_OBJECT_ADD_CONSTANT_KEY) == 0;
}

struct json_object *mode_with(const char *mode, const char *key, struct json_object *value)
{
	struct json_object *object = json_object_new_object();
	struct json_object *mode_value = json_object_new_string(mode);

	if (object && add_new(object, "mode", mode_value)) {
		mode_value = NULL;
		if (add_new(object, key, value))
			return object;
	}
	json_object_put(value);
	json_object_put(mode_value);
	json_object_put(object);
	return NULL;
}

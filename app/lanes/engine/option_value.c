#include "engine/option_value.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/affinity.h"
#include "base/log.h"
#include "scoreboard/scoreboard.h"

int option_complain(const char *name, const char *value, const char *wanted)
{
	log_complaint("%s: '%.1000s' is not %s", name, value, wanted);
	return -EINVAL;
}

static int set_integer(const struct option_spec *option, const char *name, const char *value,
		       int64_t *number)
{
	char wanted[96];
	char *end;

	snprintf(wanted, sizeof(wanted), "a whole number from %lld to %lld", (long long)option->min,
		 (long long)option->max);
	errno = 0;
	*number = strtoll(value, &end, 10);
	if (!isdigit((unsigned char)value[0]) || *end || errno || *number < option->min ||
	    *number > option->max)
		return option_complain(name, value, wanted);
	return 0;
}

/* From min to max of them. */
static int set_real(const char *name, const char *value, double min, double max, const char *what,
		    double *real)
{
	char wanted[96];
	char *end;

	snprintf(wanted, sizeof(wanted), "a number %sfrom %g to %g", what, min, max);
	*real = strtod(value, &end);
	if (!isdigit((unsigned char)value[0]) || strpbrk(value, "xX") || *end ||
	    !(*real >= min && *real <= max))
		return option_complain(name, value, wanted);
	return 0;
}

static int set_seconds(const struct option_spec *option, const char *name, const char *value,
		       int64_t *milliseconds)
{
	double seconds;

	if (set_real(name, value, (double)option->min / 1000, (double)option->max / 1000,
		     "of seconds ", &seconds))
		return -EINVAL;
	*milliseconds = llround(seconds * 1000);
	return 0;
}

static int set_mode(const char *name, const char *value, int64_t *mode)
{
	size_t digits = strspn(value, "01234567");

	*mode = strtol(value, NULL, 8);
	return digits < 3 || digits > 4 || value[digits] || *mode > 0777
		       ? option_complain(name, value,
					 "an octal number of permissions, such as 0660")
		       : 0;
}

static int set_choice(const struct option_spec *option, const char *name, const char *value,
		      void *choice)
{
	size_t len = strlen(value);
	int number = 0;

	for (const char *at = option->choices; at; number++) {
		size_t n = strcspn(at, "|");

		if (n == len && !memcmp(at, value, len)) {
			memcpy(choice, &number, sizeof(number)); /* an enum */
			return 0;
		}
		at = at[n] ? at + n + 1 : NULL;
	}
	return option_complain(name, value, option->choices);
}

/* It goes into a header and onto the scoreboard. */
static bool is_name(const char *value)
{
	size_t len = strlen(value);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)value[i]) && value[i] != '-' && value[i] != '_')
			return false;
	return len >= 1 && len <= 23;
}

/* It is shown whole on the scoreboard, with a '/' behind it. */
enum { MOUNT_MAX = BOARD_PATH - 2 };

/* Not what a URL would have after it, or in its place. */
static bool is_mount(const char *value)
{
	size_t len = strlen(value);

	for (size_t i = 0; i < len; i++)
		if (iscntrl((unsigned char)value[i]) || strchr("%?#", value[i]))
			return false;
	return value[0] == '/' && len <= MOUNT_MAX && !strstr(value, "//") &&
	       (len == 1 || value[len - 1] != '/');
}

int option_set(const struct option_table *table, const struct option_spec *option, const char *name,
	       const char *value)
{
	void *field = (char *)table->values + option->at;

	switch (option->kind) {
	case OPTION_INT:
		return set_integer(option, name, value, field);
	case OPTION_NUMBER:
		return set_real(name, value, (double)option->min, (double)option->max, "", field);
	case OPTION_SECONDS:
		return set_seconds(option, name, value, field);
	case OPTION_MODE:
		return set_mode(name, value, field);
	case OPTION_CHOICE:
		return set_choice(option, name, value, field);
	case OPTION_FLAG:
		*(bool *)field = true;
		return 0;
	case OPTION_NAME:
		if (!is_name(value))
			return option_complain(name, value, "1 to 23 letters, digits, '-' and '_'");
		break;
	case OPTION_PATH:
		if (!is_mount(value))
			return option_complain(
				name, value,
				"a path of 1 to 46 bytes with a '/' before each of its "
				"names, none at its end, and no '%', '?' or '#'");
		break;
	case OPTION_CPUS:
		if (!affinity_is(value))
			return option_complain(name, value,
					       "off, auto or a list of CPUs, such as 0-3,8");
		break;
	case OPTION_TEXT:
	case OPTION_ORDER:
		break;
	}
	if (!*value)
		return option_complain(name, value, "a text: it is empty");
	*(const char **)field = value;
	return 0;
}

const struct option_spec *option_find(const struct option_table *table, const char *name,
				      size_t len)
{
	for (size_t i = 0; i < table->count; i++)
		if (strlen(table->list[i].name) == len && !memcmp(table->list[i].name, name, len))
			return &table->list[i];
	return NULL;
}

#include "base/affinity.h"

#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

static cpu_set_t before;
static bool is_bound;

/* "3", or "0-3": adds them. What follows, or NULL if it is neither. */
static const char *read_range(const char *at, cpu_set_t *cpus)
{
	char *end;
	unsigned long first = isdigit((unsigned char)*at) ? strtoul(at, &end, 10) : CPU_SETSIZE;
	unsigned long last = first;

	if (first >= CPU_SETSIZE)
		return NULL;
	if (*end == '-')
		last = isdigit((unsigned char)end[1]) ? strtoul(end + 1, &end, 10) : CPU_SETSIZE;
	if (last < first || last >= CPU_SETSIZE)
		return NULL;
	for (unsigned long cpu = first; cpu <= last; cpu++)
		CPU_SET(cpu, cpus);
	return end;
}

static bool read_list(const char *at, cpu_set_t *cpus)
{
	CPU_ZERO(cpus);
	while ((at = read_range(at, cpus)) && *at == ',')
		at++;
	return at && !*at;
}

static bool is_off(const char *text)
{
	return !strcmp(text, "off");
}

bool affinity_is(const char *text)
{
	cpu_set_t cpus;

	return is_off(text) || !strcmp(text, "auto") || read_list(text, &cpus);
}

int affinity_bind(const char *text, int64_t number)
{
	cpu_set_t cpus;
	cpu_set_t one;
	int64_t left;
	int cpu = 0;

	if (is_off(text))
		return 0;
	if (sched_getaffinity(0, sizeof(before), &before))
		return -errno;
	if (read_list(text, &cpus))
		CPU_AND(&cpus, &cpus, &before);
	else
		cpus = before;
	if (!CPU_COUNT(&cpus))
		return -ENODEV;
	left = (number - 1) % CPU_COUNT(&cpus);
	while (!CPU_ISSET(cpu, &cpus) || left--)
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	is_bound = sched_setaffinity(0, sizeof(one), &one) == 0;
	return is_bound ? 0 : -errno;
}

void affinity_leave(void)
{
	if (is_bound)
		sched_setaffinity(0, sizeof(before), &before);
}

#include "settings.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* nginx gives up on a worker after 120 s without an answer. */
enum { LONGEST_BURST = 110 };

static const char *value_of(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value && *value ? value : otherwise;
}

/* Reads digits from *text on, and moves it behind them; false if it is no number in the range. */
static bool read_int(const char **text, int least, int most, int *out)
{
	char *end;
	long value;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	value = strtol(*text, &end, 10);
	if (errno || value < least || value > most)
		return false;
	*text = end;
	*out = (int)value;
	return true;
}

static bool read_number(const char *name, const char *otherwise, int least, int most, int *out)
{
	const char *value = value_of(name, otherwise);
	const char *text = value;

	if (read_int(&text, least, most, out) && *text == '\0')
		return true;
	fprintf(stderr, "contrast: %s=%s: a whole number from %d to %d is wanted\n", name, value,
		least, most);
	return false;
}

static bool read_duration(double *out)
{
	const char *value = value_of("DURATION", "0.25");
	char *end;

	/* Digits and a point only: strtod would take "nan", "0x1" and blanks, too. */
	*out = strtod(value, &end);
	if (value[strspn(value, "0123456789.")] == '\0' && *end == '\0' && *out >= 0.05 &&
	    *out <= 10)
		return true;
	fprintf(stderr, "contrast: DURATION=%s: seconds from 0.05 to 10 are wanted\n", value);
	return false;
}

static bool read_workers(struct settings *s)
{
	const char *value = value_of("WORKERS", "1 4");
	const char *text = value;
	int last = 0;

	for (s->sweep = 0; s->sweep < SWEEP_MAX; s->sweep++) {
		text += strspn(text, " ");
		if (*text == '\0' || !read_int(&text, last + 1, 64, &s->workers[s->sweep]) ||
		    (*text != '\0' && *text != ' '))
			break;
		last = s->workers[s->sweep];
	}
	if (s->sweep && text[strspn(text, " ")] == '\0')
		return true;
	fprintf(stderr,
		"contrast: WORKERS=%s: up to %d whole numbers from 1 to 64 are wanted, the "
		"smallest "
		"first, as in WORKERS=\"1 2 4 8\"\n",
		value, SWEEP_MAX);
	return false;
}

bool settings_read(struct settings *s)
{
	cpu_set_t cpus;
	double longest;

	if (!read_number("CLIENTS", "48", 1, 500, &s->clients) || !read_duration(&s->seconds) ||
	    !read_workers(s) || !read_number("THREADS", "40", 1, 1024, &s->threads))
		return false;
	/* The scripts that start and stop a system read it, too, and know nothing of lists. */
	unsetenv("WORKERS");
	s->cores = sched_getaffinity(0, sizeof(cpus), &cpus) ? 1 : CPU_COUNT(&cpus);
	longest = ceil((double)s->clients / s->workers[0]) * s->seconds;
	/* Those of the database take twice as long, on the most of them. */
	longest =
		fmax(longest, ceil((double)s->clients / s->workers[s->sweep - 1]) * 2 * s->seconds);
	if (longest <= LONGEST_BURST)
		return true;
	fprintf(stderr,
		"contrast: CLIENTS=%d of DURATION=%g take %.0f s on %d blocking worker(s), and "
		"nginx "
		"gives up after 120: choose less\n",
		s->clients, s->seconds, longest, s->workers[0]);
	return false;
}

#include "machine.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { CORES_MAX = 256 };
static const double SECONDS = 0.2;

static double seconds_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double now(void)
{
	return seconds_of(CLOCK_MONOTONIC);
}

void block(double seconds)
{
	struct timespec left = {.tv_sec = (time_t)seconds,
				.tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};

	while ((left.tv_sec || left.tv_nsec) &&
	       clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
		;
}

int machine_cores(void)
{
	cpu_set_t cpus;
	int count = sched_getaffinity(0, sizeof(cpus), &cpus) ? 1 : CPU_COUNT(&cpus);

	return count < CORES_MAX ? count : CORES_MAX;
}

long machine_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_max < LONG_MAX ? (long)limit.rlim_max : LONG_MAX;
}

/* At the lowest priority: the threads that compute for Lanes have it, too. */
static void *compute(void *share)
{
	double begin = now();
	double took;

	setpriority(PRIO_PROCESS, (id_t)gettid(), 19);
	do
		took = now() - begin;
	while (took < SECONDS);
	*(double *)share = seconds_of(CLOCK_THREAD_CPUTIME_ID) / took;
	return NULL;
}

double machine_share(void)
{
	pthread_t threads[CORES_MAX];
	double shares[CORES_MAX];
	double least = 1;
	int count = machine_cores();

	for (int i = 0; i < count; i++)
		if (pthread_create(&threads[i], NULL, compute, &shares[i]))
			abort();
	for (int i = 0; i < count; i++) {
		pthread_join(threads[i], NULL);
		least = shares[i] < least ? shares[i] : least;
	}
	return least;
}

bool machine_is_valgrind(void)
{
	const char *preloaded = getenv("LD_PRELOAD");

	return preloaded && strstr(preloaded, "vgpreload");
}

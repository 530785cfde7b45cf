#include "bare.h"

#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LOOPS = 2, ROUNDS = 3, MS = 200, APART = 64 /* counters in one line of a cache meet */ };

static const double ENOUGH = 1.6;

/* Of each child, in memory that all share. */
static volatile uint64_t *counts;

static void count(int child)
{
	for (;;)
		counts[child * APART]++;
}

/* How far so many of them come together. */
static double run(int loops)
{
	pid_t children[LOOPS];
	double sum = 0;

	for (int i = 0; i < loops; i++) {
		counts[i * APART] = 0;
		children[i] = fork();
		if (children[i] == 0) {
			alarm(10); /* whatever becomes of us */
			count(i);
		}
	}
	nanosleep(&(struct timespec){.tv_nsec = MS * 1000000L}, NULL);
	for (int i = 0; i < loops; i++) {
		if (children[i] < 0)
			continue;
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
		sum += (double)counts[i * APART];
	}
	return sum;
}

/* In turn, so that both have the same neighbours; the best of one is what a core can do. */
double bare_gain(void)
{
	double one = 0;
	double two = 0;

	counts = mmap(NULL, LOOPS * APART * sizeof(*counts), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED)
		return 0;
	for (int i = 0; i < ROUNDS; i++) {
		double came = run(1);

		one = came > one ? came : one;
		came = run(LOOPS);
		two += came / ROUNDS;
	}
	munmap((void *)counts, LOOPS * APART * sizeof(*counts));
	return one > 0 ? two / one : 0;
}

bool bare_suffices(double gain)
{
	return gain >= ENOUGH;
}

const char *bare_lacks(int cores)
{
	return cores < 2 ? "there is one core" : "other programs use the cores";
}

/*
 * What a pool of workers needs: processes, threads and memory, as /status and the page show them.
 */
#ifndef TESTS_DEMONSTRATIONS_FOOTPRINT_H
#define TESTS_DEMONSTRATIONS_FOOTPRINT_H

struct footprint {
	int processes;
	long threads;	/* at work: each process's own, and those of its pools that run a job */
	long kilobytes; /* resident; what processes share is counted for each */
};

/* Looks at the workers of a pool ("loop") on the scoreboard of the system in run_dir, and raises
 * the numbers in most to what it sees if that is more. */
void footprint_raise(struct footprint *most, const char *run_dir, const char *pool);

#endif

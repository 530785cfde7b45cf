/*
 * What a pool of workers needs: processes, threads and memory, as /proc counts them.
 */
#ifndef TESTS_CONTRAST_FOOTPRINT_H
#define TESTS_CONTRAST_FOOTPRINT_H

struct footprint {
	int processes;
	long threads;
	long kilobytes; /* anonymous PSS: what they wrote themselves, not the files they map */
};

/* Looks at the workers of a pool ("loop") of the system in run_dir, and raises the numbers in most
 * to what it sees if that is more. */
void footprint_raise(struct footprint *most, const char *run_dir, const char *pool);

#endif

/*
 * The patterns that are contrasted, one per endpoint of the guide, and the model: what a burst has
 * to take, from nothing but counting who can wait for whom at the same time.
 */
#ifndef TESTS_DEMONSTRATIONS_PATTERN_H
#define TESTS_DEMONSTRATIONS_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/* What a request holds on to while it takes its time. */
enum holds {
	HOLDS_NOTHING, /* it awaits */
	HOLDS_LOOP,    /* it blocks where it must not */
	HOLDS_CORE,    /* it computes */
	HOLDS_THREAD,  /* it blocks a thread of the pool */
};

struct pattern {
	const char *path;
	enum holds holds;
};

enum { PATTERNS = 6 };

/* Those that need no thread come first: a pool's threads stay, and their memory would be counted
 * with whatever came later. */
extern const struct pattern patterns[PATTERNS];

struct burst {
	const struct pattern *pattern;
	bool prefork;	/* one request at a time per process; else the loop */
	int workers;	/* processes */
	int clients;	/* requests at the same moment */
	double seconds; /* what one takes by itself */
	long n;		/* HOLDS_CORE: how much to compute, so that it takes those seconds */
	int threads;	/* per loop worker, for blocking calls */
	int cores;
};

/* Writes the target of one request of the burst. */
void burst_target(const struct burst *burst, char *text, size_t size);

/* Seconds from the first request sent to the last answer. fullest: how many requests the worker
 * with the most of them got; 0: assume that they were spread evenly. */
double burst_predict(const struct burst *burst, size_t fullest);

#endif

/*
 * The patterns that are contrasted, one per endpoint of the guide, and some that wait for a
 * database and for other services; and the model: what a burst has to take, from nothing but
 * counting who can wait for whom at the same time.
 */
#ifndef TESTS_DEMONSTRATIONS_PATTERN_H
#define TESTS_DEMONSTRATIONS_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/* What a request holds on to while it takes its time. */
enum holds {
	HOLDS_NOTHING,	  /* it awaits */
	HOLDS_LOOP,	  /* it blocks where it must not */
	HOLDS_CORE,	  /* it computes */
	HOLDS_THREAD,	  /* it blocks a thread of the pool */
	HOLDS_CONNECTION, /* it awaits an answer of the database */
};

struct pattern {
	const char *path;
	enum holds holds;
	/* What it waits for is real, and is fired at the most processes only. */
	enum waits_for { WAITS_FOR_A_CLOCK, WAITS_FOR_THE_DATABASE, WAITS_FOR_OTHERS } waits_for;
};

enum {
	PATTERNS = 9,
	CONNECTIONS = 8,    /* of a loop worker to the database, if nobody says otherwise */
	CALLS = 3,	    /* of a request that waits for others */
	LONGEST_QUERY = 10, /* seconds */
};

/* Those that need no thread come first: a pool's threads stay, and their memory would be counted
 * with whatever came later. */
extern const struct pattern patterns[PATTERNS];

/* What one request of it takes by itself, where so many seconds are asked for. */
double pattern_seconds(const struct pattern *pattern, double asked);

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

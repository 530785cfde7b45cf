/*
 * Load: many connections, each with some requests in flight, over HTTP or as FastCGI records, and
 * what became of them. One thread, epoll, no library. Every connection is counted by itself, so
 * that one that is never answered shows (wrk, for one, counts only what comes back).
 */
#ifndef TESTS_SUPPORT_LOAD_H
#define TESTS_SUPPORT_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct load_plan {
	const char *const *targets; /* paths of unix sockets, or ports of 127.0.0.1 */
	size_t target_count;	    /* connections are dealt out to them in turn */
	bool http;		    /* HTTP/1.1; otherwise FastCGI */
	bool fresh;		    /* a new connection for every request */
	const char *path;
	const char *query;
	unsigned connections;
	unsigned depth;	   /* requests in flight on each; over 1: multiplexed, FastCGI only */
	uint64_t requests; /* that each of them is followed by; 0: as many as duration allows */
	uint64_t duration; /* nanoseconds, after which nothing more is sent; 0: no limit */
	uint64_t ramp;	   /* nanoseconds over which the connections start */
	uint64_t pause;	   /* nanoseconds from an answer to the next request */
	uint64_t nominal;  /* nanoseconds a request is meant to take; latency is what is above */
	uint64_t patience; /* nanoseconds to wait for answers once nothing more is sent */
};

enum {
	LOAD_FINE = 256, /* steps per doubling: latencies are known to 0.4 % */
	LOAD_BUCKETS = 57 * LOAD_FINE,
};

struct load_result {
	uint64_t answers; /* with status 200 */
	uint64_t errors;  /* another status, a broken connection, nonsense */
	uint64_t unanswered;
	uint64_t bad_connections; /* that had any of these two */
	uint64_t connects;
	uint64_t peak; /* most requests in flight at once */
	uint64_t elapsed;
	uint64_t latency_sum;
	uint64_t latency_max;
	uint64_t latency[LOAD_BUCKETS];
};

/* Runs the plan. Returns 0, or a negative errno when it could not start. */
int load_run(const struct load_plan *plan, struct load_result *result);

/* Nanoseconds that a share (0 to 1) of the answers did not exceed. */
uint64_t load_percentile(const struct load_result *result, double share);

#endif

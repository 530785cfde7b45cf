/*
 * Two HTTP clients. get() is libcurl: one request, everything about the answer. A burst is a few
 * thousand connections on one epoll, in a thread of its own, for what libcurl is too heavy for.
 */
#ifndef TESTS_SUPPORT_CLIENT_H
#define TESTS_SUPPORT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "system.h"

struct response {
	int status; /* 0: no answer */
	char body[1 << 20];
	char head[8192]; /* status line and header lines as they came */
	double seconds;
};

/* GETs a path with query; method may be NULL (GET), "HEAD" or any other. The response lives until
 * the next call. Main thread. */
const struct response *get(const struct system *system, const char *target);
const struct response *request(const struct system *system, const char *method, const char *target);

/* Sends bytes as they are to nginx, from that address of loopback ("127.0.0.2"), and stores what
 * comes back until it closes, terminated. Returns its length. */
size_t exchange(const struct system *system, const char *from, const char *bytes, size_t len,
		char *answer, size_t size);

/* The value of a header, or "" if there is none. Lives until the next call. */
const char *header(const struct response *response, const char *name);

/* A part of Server-Timing ("pool-queue") in milliseconds, or -1 if it is not there. */
double timing(const struct response *response, const char *part);

struct burst_options {
	const char *target;
	const char *body;   /* what every answer must say; NULL: anything with status 200 */
	size_t connections; /* each sends one request, all at the same moment */
	bool may_fail;	    /* failures are expected, and not printed */
	bool may_refuse;    /* a 503 with Retry-After is no failure */
	bool repeat;	    /* and after each answer another one, until burst_wait() */
};

/* How long answers took: counts of them, in steps of an eighth of an octave of microseconds. */
enum { LATENCY_STEPS = 256 };
struct latency {
	size_t counts[LATENCY_STEPS];
	size_t total;
};

/* The seconds within which this part (0.5: the median) of them came; 0 if there was none. */
double latency_quantile(const struct latency *latency, double part);

struct burst_result {
	size_t sent;	   /* requests, resent ones not counted again */
	size_t answered;   /* with 200 and the right body */
	size_t refused;	   /* with 503 and Retry-After, where they may be */
	size_t failed;	   /* refused, broken, wrong; and silent: no answer after PATIENCE */
	size_t resent;	   /* met a kept connection that was being closed, and went again */
	size_t starved;	   /* connections that never got a good answer */
	size_t workers;	   /* different X-Lanes-Worker among them */
	double first;	   /* seconds from sending to the first good answer */
	double last;	   /* and to the last */
	char failure[256]; /* what the first failed one got */
	struct latency answers;
	struct latency refusals;
};

/* True if a system can have as many requests in flight with the open files that are allowed;
 * otherwise the running test is not judged. */
bool needs_connections(size_t count);

struct burst;

/* Connects, and sends when all are connected: then it returns. */
struct burst *burst_start(const struct system *system, const struct burst_options *options);

/* How many were answered well so far. */
size_t burst_answered(struct burst *burst);

/* Waits for all the answers (repeat: to those under way), and frees the burst. */
void burst_wait(struct burst *burst, struct burst_result *result);

/* Closes every connection at once, answered or not, and frees the burst. */
void burst_hang_up(struct burst *burst);

#endif

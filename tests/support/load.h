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

#include "base/slice.h"

struct load_plan {
	const char *const *servers; /* paths of unix sockets, or ports of 127.0.0.1 */
	size_t server_count;	    /* connections are dealt out to them in turn */
	bool http;		    /* HTTP/1.1; otherwise FastCGI */
	const char *target;	    /* "PATH?QUERY" */
	unsigned keys;		    /* numbers from 1 on, which stand for its {} in turn; 0: none */
	const char *type;	    /* HTTP: POST, with content of this type; NULL: GET */
	struct slice content;	    /* and this, of less than 4 GB */
	const char *body;	    /* HTTP: what every answer must say; NULL: anything */
	size_t connections;
	unsigned depth;	   /* requests in flight on each; 0: 1; over 1: multiplexed, FastCGI only */
	uint64_t requests; /* that each of them is followed by; 0: one */
	bool repeat;	   /* instead: as many as the time allows, until load_wait() */
	bool fresh;	   /* a new connection for every request */
	bool together;	   /* sends nothing before all are connected */
	bool may_refuse;   /* HTTP: a 503 with Retry-After is no failure */
	bool may_resend; /* nor a kept connection that closes under the next request: it goes again
			  */
	bool may_fail;	 /* failures are expected, and not printed */

	/* All in nanoseconds. */
	uint64_t duration; /* after which nothing more is sent; 0: no limit */
	uint64_t ramp;	   /* over which the connections start */
	uint64_t pause;	   /* from an answer to the next request */
	uint64_t nominal;  /* that a request is meant to take; its time is what is above */
	uint64_t patience; /* to wait for answers once nothing more is sent */
};

#define PLAN(...) (&(struct load_plan){__VA_ARGS__})

/* How long answers took, in nanoseconds: counts of them in steps that grow with the time. */
enum {
	LATENCY_FINE = 256, /* steps per doubling: known to 0.4 % */
	LATENCY_STEPS = 57 * LATENCY_FINE,
};
struct latency {
	uint64_t counts[LATENCY_STEPS];
	uint64_t total, sum, longest;
};

/* The seconds that this part (0 to 1) of them did not exceed; 0 if there was none. */
double latency_quantile(const struct latency *latency, double part);

struct load_result {
	size_t sent;		/* requests, resent ones not counted again */
	size_t answered;	/* with status 200 to 209 and the right body */
	size_t refused;		/* with 503 and Retry-After, where they may be */
	size_t failed;		/* another answer, a broken connection, nonsense, no answer */
	size_t unanswered;	/* those of them that had no answer when patience was over */
	size_t resent;		/* again, where they may be */
	size_t starved;		/* connections that never got a good answer */
	size_t bad_connections; /* that had a failure */
	size_t connects;
	size_t peak;	   /* most requests in flight at once */
	size_t workers;	   /* HTTP: different X-Lanes-Worker among good answers */
	double first;	   /* seconds from the first sending to the first good answer */
	double last;	   /* and to the last */
	double elapsed;	   /* seconds */
	char failure[256]; /* HTTP: what the first failed one got */
	struct latency answers, refusals;
};

/* Adds what became of one to a sum: the counts, and the times. */
void load_add(struct load_result *sum, const struct load_result *one);

/* Runs the plan. Returns 0, or a negative errno when it could not start. */
int load_run(const struct load_plan *plan, struct load_result *result);

/* The same on a thread of its own; with plan->together it returns when all are sent. What the plan
 * points to stays where it is. Ends the program if it cannot start. */
struct load *load_start(const struct load_plan *plan);

/* How many were answered well so far. */
size_t load_answered(struct load *load);

/* Waits for the answers (repeat: to those under way), prints failures, and frees the load. The
 * result lives until the next call. */
const struct load_result *load_wait(struct load *load);

/* Closes every connection at once, answered or not, and frees the load. */
void load_hang_up(struct load *load);

#endif

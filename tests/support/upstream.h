/*
 * Another service, on a port of 127.0.0.1 and of ::1, with threads of its own: it answers as the
 * path says, well or badly.
 *
 *     /ok /size/N /status/N /echo (all that was asked) /chunked /close /interim (100, 103) /gzip
 *     /redirect/STATUS/URL (an absolute one, or a path) /loop /early (before the body, and closes)
 *     /silent /drip (a byte every 20 ms) /late/MILLISECONDS /gate (when it is let go)
 *     /headers (without end) /huge (1 GB, with a length) /endless (chunks)
 *     /reset (half of it, and RST) /cut (half of it) /shut (nothing) /garbage /bad-chunk /old (0.9)
 */
#ifndef TESTS_SUPPORT_UPSTREAM_H
#define TESTS_SUPPORT_UPSTREAM_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { UPSTREAM_ASKED = 4096 };

struct upstream {
	uint16_t port;
	bool has_v6;
	atomic_int connections; /* that there were */
	atomic_int open;	/* … and are */
	atomic_int requests;	/* whose head was read */
	atomic_int most;	/* connections at once */
	sem_t arrived;		/* posted for each request */
	sem_t gate;
};

extern struct upstream upstream;

void upstream_begin(void);

/* Ends all of it, whatever is being answered. */
void upstream_end(void);

/* The latest request's head and body, in part. Lives until the next call. */
const char *upstream_asked(void);

/* The URL of a path; lives as textf(). */
const char *upstream_url(const char *path);

#endif

/* What bounds the calls of each loop of a process: for engines, which have options for it. */
#ifndef LANES_CLIENT_FETCH_LIMITS_H
#define LANES_CLIENT_FETCH_LIMITS_H

/* Set before the first call. */
struct fetch_limits {
	unsigned most;	/* calls, and connections, at once; more wait */
	unsigned host;	/* … of them to one host and port */
	unsigned queue; /* that may wait; one more is an -EAGAIN */
	double idle;	/* seconds that connections stay open when there are no calls */
	const char *ca; /* PEM file of who is trusted; NULL: the system's */
};

extern struct fetch_limits fetch_limits;

/* Before the sandbox, and before there are threads: has loaded what cannot be later. Without it
 * nothing is fetched. */
void fetch_prepare(void);

#endif

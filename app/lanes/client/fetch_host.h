/*
 * A host and port that is called: where it is, for a while, and who waits for it. For the files of
 * fetch alone.
 *
 * Addresses are kept for a minute. Then they are asked for again, once, whoever asks, and serve for
 * another minute while that takes: who calls often never waits for a name.
 */
#ifndef LANES_CLIENT_FETCH_HOST_H
#define LANES_CLIENT_FETCH_HOST_H

#include "client/fetch_call.h"
#include "client/names.h"

struct fetch_host {
	struct fetch_host *next; /* of the fetcher's, the one that was asked for last first */
	struct fetcher *fetcher;
	struct coroutine co; /* looks it up */
	struct lookup lookup;
	struct fetch_chunk *chunks; /* … with this memory */
	unsigned refs;
	unsigned thing; /* sched_thing() of "name:port" */
	bool looking;
	bool is_address; /* and never looked up */
	uint64_t since;	 /* uv_hrtime() when its addresses were asked for; 0: there are none */

	unsigned calls;		      /* that are to go there */
	unsigned flying;	      /* … and with curl */
	struct fetch_list unknown;    /* … and wait for addresses */
	struct fetch_list queue;      /* … for their turn */
	struct fetch_host *busy_next; /* of those with a queue */
	bool busy;		      /* it is one */

	char addresses[LOOKUP_MOST * LOOKUP_ADDRESS]; /* with commas between them */
	char port[6];
	char name[]; /* in small letters; an address has no brackets */
};

/* The call is to go there, and not where it was to go before. 0 or a negative errno. */
int fetch_host_aim(struct fetch_call *call, const char *url);

/* It waits there, or goes. 0 or a negative errno: then it does not. */
int fetch_host_enter(struct fetch_call *call);

/* It leaves, wherever it is; safe to call twice. */
void fetch_host_leave(struct fetch_call *call);

/* Calls whose turn it is now go. */
void fetch_hosts_go(struct fetcher *fetcher);

/* Ends all that wait there, and all of it. */
void fetch_hosts_close(struct fetcher *fetcher);

#endif

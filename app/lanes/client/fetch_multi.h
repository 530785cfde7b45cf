/*
 * curl on a loop: one multi handle, its sockets and its timer. Made when it is first needed, and
 * closed with the loop. For the files of fetch alone.
 *
 * curl is never called from one of its callbacks. A socket is watched from when curl asks for it
 * until it is closed: one that is idle costs nothing, and serves the next call without a system
 * call.
 */
#ifndef LANES_CLIENT_FETCH_MULTI_H
#define LANES_CLIENT_FETCH_MULTI_H

#include <uv.h>

#include "await/sched.h"
#include "client/fetch_host.h"

enum { FETCH_SPARES = 64 /* of curl's handles, for the next calls */ };

struct fetcher {
	struct sched_guest guest;
	struct sched *sched;
	CURLM *multi;		      /* NULL: there is none, nor a connection */
	uv_timer_t timer;	      /* curl's */
	uv_timer_t turn;	      /* somebody has left, and others may go */
	uv_timer_t rest;	      /* for connections that nobody needs any more */
	unsigned handles;	      /* of these, that libuv has not closed */
	struct fetch_watch **watches; /* by descriptor */
	size_t watch_count;

	struct fetch_list flying; /* calls that curl has */
	unsigned flying_count;
	uint64_t landed;  /* uv_hrtime() when the last of them ended */
	unsigned waiting; /* calls that it does not have yet */

	struct fetch_host *hosts;
	unsigned host_count;
	struct fetch_host *busy; /* those with a queue, in the order of their turns */
	struct fetch_host **busy_last;

	CURL *spares[FETCH_SPARES];
	unsigned spare_count;
};

/* The loop's; NULL if memory is out. */
struct fetcher *fetcher_of(struct sched *sched);

/* A socket that is watched; or a negative errno. */
curl_socket_t fetcher_open_socket(struct fetcher *fetcher, const struct curl_sockaddr *address);

/* curl's: closes a socket, which is no longer watched. */
int fetcher_close_socket(void *fetcher, curl_socket_t fd);

/* The call is curl's now. 0 or -ENOMEM: it is not. */
int fetcher_launch(struct fetch_call *call);

/* … and no longer. Others may go when the loop turns. */
void fetcher_land(struct fetch_call *call);

#endif

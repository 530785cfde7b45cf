/*
 * curl on a loop: one multi handle, its sockets and its timer. Made when it is first needed, and
 * closed with the loop. For the files of fetch alone.
 *
 * curl is never called from one of its callbacks. It may close a socket without saying so, and
 * libuv aborts when it is to watch one that is closed: so they are watched by an epoll of ours, and
 * that by libuv. One that is idle stays watched, and serves the next call without a system call.
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
	CURLM *multi;	  /* NULL: there is none, nor a connection */
	uv_timer_t timer; /* curl's */
	bool is_timer;	  /* that runs */
	uv_timer_t turn;  /* somebody has left, and others may go */
	uv_timer_t rest;  /* for connections that nobody needs any more */
	unsigned handles; /* of these, that libuv has not closed */
	int epoll;
	uv_poll_t poll;		      /* of that */
	struct fetch_socket *sockets; /* by descriptor */
	size_t socket_count;

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

/* The loop's, made if there is none yet. 0 or a negative errno. */
int fetcher_of(struct sched *sched, struct fetcher **fetcher);

/* A new socket; or a negative errno. */
curl_socket_t fetcher_open_socket(struct fetcher *fetcher, const struct curl_sockaddr *address);

/* curl's: closes a socket, which is no longer watched. */
int fetcher_close_socket(void *fetcher, curl_socket_t fd);

/* The call is curl's now. 0 or -ENOMEM: it is not. */
int fetcher_launch(struct fetch_call *call);

/* … and no longer. Others may go when the loop turns. */
void fetcher_land(struct fetch_call *call);

#endif

/*
 * Where a prefork process waits: for connections, for what comes on the one that it has, and for
 * signals.
 *
 * libfcgi's accept and its read cannot be interrupted without a moment in which the signal comes
 * just before the call (and sleeps on), or comes in mid-request (and loses it). So no signal
 * interrupts anything: a thread of their own takes them, and we accept, and wait in poll, for input
 * or for that thread's word, before libfcgi is called. Then it finds something to read. libfcgi
 * would also close a unix socket that says nothing for two seconds, and look at
 * FCGI_WEB_SERVER_ADDRS only for IPv4.
 */
#ifndef LANES_ENGINE_PREFORK_DOOR_H
#define LANES_ENGINE_PREFORK_DOOR_H

#include <fcgiapp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "engine/listen.h"
#include "engine/options.h"
#include "scoreboard/scoreboard.h"

/* The atomics are written by the signals' thread, and drained by who serves, who alone has the
 * rest.
 */
struct door {
	const struct options *options;
	struct listener *listener;
	struct board_slot *board;
	FCGX_Request *fcgi;
	uv_loop_t *loop;       /* turned between requests; NULL: it has nothing to do then */
	uint64_t rested;       /* uv_hrtime() when nobody was waiting to be accepted */
	uint64_t silent_since; /* … when who has said nothing yet was accepted; 0: nobody */
	int told;	       /* an eventfd, readable when one of these has become true: */
	atomic_bool draining;
	atomic_bool parting; /* a kept connection that is idle is closed */
	atomic_bool drained;
	atomic_bool left; /* who sets it removes the socket's file */
	const char *file; /* that; NULL: none. The same from door_open() on */
	bool heard;	  /* that it drains, by who serves */
	bool leaving;	  /* the socket is ours alone, and who waits in its queue is served */
};

/* Takes signals from now on. 0 or a negative errno. Where the last request does not end in time, or
 * a second signal comes, the process exits from the thread that does. */
int door_open(struct door *door);

/* Waits for a connection, and for a request on it or, where the web server keeps its connection,
 * for the next one: then nobody else is served by this process, however long that takes. False: we
 * drain, and nothing is left to answer: others have the socket, or nobody is in its queue any more.
 * An open connection is the peer's to end, which may just be sending, for as long as --drain-idle
 * says. */
bool door_wait(struct door *door);

#endif

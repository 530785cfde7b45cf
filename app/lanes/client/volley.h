/*
 * A volley: requests that this process sends to the system's own front, each at its moment and on a
 * connection of its own, none waiting for another; and what became of every one.
 *
 * libuv closes a handle later, in a callback. So a volley frees itself: its owner drops it
 * (volley_drop), answered or not, and its memory is freed with the last of its connections. All
 * functions belong to the loop's thread.
 */
#ifndef LANES_CLIENT_VOLLEY_H
#define LANES_CLIENT_VOLLEY_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "client/answer.h"

struct sched;

enum {
	VOLLEYS_MAX = 4,      /* at once, those included that are still being closed */
	VOLLEY_SECONDS = 130, /* for all of it */
};

/* Where requests go to: an address of IPv4 or IPv6. */
struct front {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address;
};

/* Reads HOST:PORT, HOST being an address as digits, one of IPv6 in brackets. 0 or -EINVAL. */
int front_parse(struct front *front, const char *text);

/* Its port, as one writes it. */
uint16_t front_port(const struct front *front);

struct volley;

/* Makes room for so many shots, with so many bytes of targets in all, on the loop of a request
 * (req->co.sched), whose request_traceparent() they get, each with a parent-id of its own; {NULL,
 * 0}: none. 0; -ENOMEM; or -EAGAIN if there are VOLLEYS_MAX already. */
int volley_open(struct volley **volley, struct sched *sched, size_t shots, size_t bytes,
		struct slice traceparent);

/* Adds so many requests for a target, to be sent so many milliseconds after volley_fire(). */
void volley_add(struct volley *volley, uint64_t delay, size_t times, struct slice target);

/* Sends them; done(arg) is called, never from here, when all are answered or have failed, and may
 * drop the volley. 0 or -ENOMEM. */
int volley_fire(struct volley *volley, const struct front *front, void (*done)(void *arg),
		void *arg);

/* Its owner is done with it: what is still under way is ended, and done() is not called. */
void volley_drop(struct volley *volley);

/* ---- what became of it; times are uv_hrtime() ---- */

size_t volley_count(const struct volley *volley);

struct shot_result {
	struct slice target;
	uint64_t sent;	   /* when its connection was begun; 0: it was not */
	uint64_t ended;	   /* when the answer was complete, or was known not to come */
	const char *error; /* static; "" if it was answered */
	const struct answer *answer;
};

struct shot_result volley_result(const struct volley *volley, size_t shot);

#endif

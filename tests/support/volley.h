/*
 * A volley: requests that are sent at given moments, each on a connection of its own (libcurl's
 * multi interface), and what became of every single one. For bursts and timelines; client.h has
 * what a load of thousands needs.
 */
#ifndef TESTS_SUPPORT_VOLLEY_H
#define TESTS_SUPPORT_VOLLEY_H

#include <stddef.h>

struct shot {
	char target[128];
	double at; /* when to send it; this and all below: seconds after the volley's begin */
	const char *json; /* to POST, which lives as long; NULL: a GET */

	/* filled in by volley_send() */
	double sent;
	double ended;	   /* the answer was complete, or there was none */
	double waited;	   /* seconds it lay in a queue, for a worker or for one of its threads */
	int status;	   /* 0: no answer within the limit */
	char worker[32];   /* X-Lanes-Worker, or "" */
	char location[64]; /* Location, or "" */
	char type[32];	   /* Content-Type, or "" */
};

struct volley {
	const char *url; /* "http://127.0.0.1:PORT" */
	struct shot *shots;
	size_t count;
	double limit; /* seconds after which nothing more is waited for */

	/* May be NULL: called about twenty times a second while the volley flies. */
	void (*tick)(void *arg, size_t answered);
	void *arg;
};

/* Sets what to send and when; the rest is cleared. It is a GET. */
__attribute__((format(printf, 3, 4))) void shot_aim(struct shot *shot, double at,
						    const char *format, ...);

/* Seconds from sending to the end of the answer. */
double shot_seconds(const struct shot *shot);

/* Sends all, and returns when all are answered or the limit is over. Main thread. */
void volley_send(const struct volley *volley);

/* When the last answer came. */
double volley_seconds(const struct volley *volley);

/* How many were not answered with 200, or another success. */
size_t volley_failed(const struct volley *volley);

/* How many were answered by the worker that answered most. */
size_t volley_fullest(const struct volley *volley);

#endif

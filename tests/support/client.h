/*
 * Two HTTP clients. get() is libcurl: one request, everything about the answer. load_system() is
 * for what libcurl is too heavy for: thousands of connections, in a thread of their own.
 */
#ifndef TESTS_SUPPORT_CLIENT_H
#define TESTS_SUPPORT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "load.h"
#include "raw.h"
#include "system.h"

struct response {
	int status; /* 0: no answer */
	char body[1 << 20];
	char head[8192]; /* status line and header lines as they came */
	double seconds;
};

/* GETs a path with query, below the system's mount; method may be NULL (GET), "HEAD" or any other.
 * The response lives until the next call. Main thread. */
const struct response *get(const struct system *system, const char *target);
const struct response *request(const struct system *system, const char *method, const char *target);

/* Sends bytes as they are to nginx, from that address of loopback ("127.0.0.2"), and stores what
 * comes back until it closes, terminated. Returns its length. */
size_t exchange(const struct system *system, const char *from, const char *bytes, size_t len,
		char *answer, size_t size);

/* The process of a worker ("admin-1"), as /status tells it; 0 if it does not. Not one that drains.
 */
pid_t worker_pid(const struct system *system, const char *name);

/* Listens to /events, by hand, and waits for the first message. */
bool events_open(struct raw *raw, const struct system *system);

/* The value of a header, or "" if there is none. Lives until the next call. */
const char *header(const struct response *response, const char *name);

/* A part of Server-Timing ("pool-queue") in milliseconds, or -1 if it is not there. */
double timing(const struct response *response, const char *part);

/* True if a system can have as many requests in flight with the open files that are allowed;
 * otherwise the running test is not judged. */
bool needs_connections(size_t count);

/* Starts a load on the system's front, which speaks no TLS; it is sent when this returns: the plan
 * says what and how many, the rest of it is filled in. */
struct load *load_system(const struct system *system, const struct load_plan *plan);

/* Waits until as many more requests are answered; false if they are not. */
bool load_goes_on(struct load *load, size_t more);

#endif

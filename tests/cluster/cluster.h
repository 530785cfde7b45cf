/*
 * A cluster of the test's own (spawn/cluster.sh), and the load on it, of which every request is
 * counted: GETs that are answered at once, GETs that take 0.3 s, and POSTs with a key each, which
 * the database counts. Main thread.
 */
#ifndef TESTS_CLUSTER_CLUSTER_H
#define TESTS_CLUSTER_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "../support/process.h"
#include "../support/system.h"

enum { HOSTS = 3, WORKERS = 2, CONNECTIONS = 24 /* of the load */ };

extern struct system cluster; /* its url is the port that leads into it */

/* Starts it; settings are "FRONT=nginx" …, or NULL. False, after a message, if it does not come up;
 * where namespaces or packages are missing, the running test is not judged. */
bool cluster_start(const char *const *settings);

/* The same as another user, if this one is root. */
bool cluster_start_as(const char *user, const char *const *settings);

/* Ends it as Ctrl-C does; true if nothing is left of it. Nothing if none runs. */
bool cluster_stop(void);

/* Kills what runs it, without a word. */
void cluster_kill(void);

/* spawn/cluster.sh COMMAND...: whether its status is 0; prints what it said if not. */
bool cluster_does(const char *const *command);

/* Pulls a machine's cable, or puts it back; the moment, of now(), just before that. */
double cluster_unplug(const char *machine);
double cluster_plug(const char *machine);

/* Has a host's cable carry everything so much later, in both directions, and lose some of it: by
 * the kernel, or by a program (link.c) where that has no netem. False, after a message, if it
 * cannot. */
bool cluster_slow(const char *host, int milliseconds, int percent);
bool cluster_fast(const char *host);

/* The first line that the database answers. Lives as textf(). */
const char *cluster_sql(const char *statement);

/* How many workers of a host a front takes for up, by HAProxy's runtime API; -1 if it does not say.
 */
int cluster_up(const char *front, const char *host);

/* The worker of a host's port, as this side knows it; or 0. */
pid_t cluster_worker(const char *host, int number);

/* The host that answers a GET, by its header; "" if there is no answer. Lives until the next
 * request. */
const char *cluster_answerer(void);

/* A handler's 503 to a GET has asked one worker. */
void cluster_moves_no_503(void);

/* ---- load ---- */

struct lost {
	size_t gets, posts;	      /* sent … */
	size_t gets_lost, posts_lost; /* … and not answered well */
	double longest;		      /* seconds that a GET took which was answered */
};

void traffic_begin(void);

/* Waits until each kind was answered some more. */
bool traffic_goes_on(void);

/* Ends it, and counts in the database: a POST that was answered is there, none is there more than
 * once; and the clients of those that failed come again with their keys: then each is there. */
struct lost traffic_end(void);

/* ---- the table of results ---- */

/* A line of it: what the running test has to say, and what its load lost. */
void result(const char *what, const struct lost *lost, const char *detection, const char *back);

void results_print(void);

/* Puts them into tests/cluster/README.md. */
void results_keep(void);

#endif

/*
 * Lanes behind web servers that others wrote: what there is of each (nginx/fronts has its
 * configuration), what is expected of it, and one of them at a time, running. Main thread.
 */
#ifndef TESTS_FRONTS_FRONTS_H
#define TESTS_FRONTS_FRONTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../support/system.h"

/* What a worker listens to. */
enum workers {
	TWO_SOCKETS, /* two workers at each mount, each on a socket of its own */
	ONE_SOCKET,  /* two that share one */
	OWN_WORKERS, /* the front starts them */
	SUPERVISED,  /* a supervisor does (supervisors.h) */
};

enum { FRONT_FILES = 2 };

struct front {
	const char *name;
	const char *file; /* in nginx/fronts */
	const char *base; /* a file of its package's that includes it; or NULL */
	/* The program and its arguments, and NULL; "{}" in one is the directory that it runs in. */
	const char *const *command;
	enum workers workers;
	const struct supervisor *supervisor;
	bool tcp; /* the sockets are ports */
	bool tls; /* and so is HTTP: with a password, on another port */

	/* What is expected of it. 0, NULL and false: what is right. */
	/* What it does in its own way: recorded requests as patterns, and parts of Server-Timing.
	 */
	const char *const *differs;
	const char *but;    /* the same for the matrix */
	bool hears_late;    /* of a client's leaving: when the worker answers */
	bool moves_nothing; /* what a killed worker had fails, GETs as well */
	int long_query;	    /* status for one of 20 KB, with which no worker is asked */
	int chunked;	    /* the same for a body without a length */
};

#define NGINX(conf)                                                                                \
	STRINGS("/usr/sbin/nginx", "-e", "stderr", "-c", "{}/" conf, "-g", "daemon off;")
#define DEBIAN_NGINX                                                                               \
	.file = "debian-nginx.conf", .base = "/etc/nginx/nginx.conf", .command = NGINX("nginx.conf")

extern const struct front fronts[];
extern const size_t front_count;

/* A service's path in front of which it is: "" or "/app". */
enum { MOUNTS = 2 };
extern const char *const mounts[MOUNTS];

/* Where requests go: system.mount is the one that was asked for. */
extern struct system stage;

/* Makes sure that this front runs, and its workers; another one that does ends. With once they are
 * of tests/once, write into the file "executed", and have a --drain-idle of DRAIN_IDLE. False,
 * after a message, if it does not start. */
enum { DRAIN_IDLE = 5 /* seconds */ };
bool stage_on(const struct front *front, const char *mount, bool once);

/* Ends what runs. */
void stage_off(void);

/* Whether all that it needs is installed; if not, the running test is not judged. */
bool stage_possible(const struct front *front);

/* What the workers of the mount did together: the scoreboard has it. */
struct sums {
	uint64_t in_flight;
	uint64_t aborted;
	uint64_t answered;
};
struct sums stage_sums(void);

/* The workers of the mount that live, at most max of them. */
int stage_workers(pid_t *pids, int max);

/* Has the first or the second of them replaced (0, 1), or both where they share a master, or their
 * masters are the front's. */
void stage_replace(int which);

/* One that has a request in flight, or 0. */
pid_t stage_busy(void);

/* A socket that listens, where workers find the services that they call: who asks waits for as long
 * as nobody answers. */
int stage_outside(void);

/* ---- for who starts workers there ---- */

/* A file of the stage's, a folder; lives as textf(). */
const char *stage_file(const char *name);
bool stage_folder(const char *name);

/* Makes a file of the stage's: a text with the paths, ports and users that are there, and with what
 * worker-N stands in it for worker-1. */
bool stage_write(const char *text, int worker, const char *name);

/* The same as a text. Lives until the next call. */
const char *stage_text(const char *text, int worker);

/* Starts a command as the stage's user. What it says is in a file of the stage's. */
pid_t stage_start(const char *const *arguments, const char *log);

#endif

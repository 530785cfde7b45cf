/*
 * Who is compared: the programs, how each is run at its best, and the one nginx in front of them.
 * All of them run during the whole benchmark, each as a group of its own, in build/bench/run.
 */
#ifndef TESTS_BENCH_CONTENDERS_H
#define TESTS_BENCH_CONTENDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum via {
	VIA_NGINX_RETURN, /* nginx answers itself */
	VIA_NGINX,	  /* FastCGI, connections to the application kept */
	VIA_NGINX_FRESH,  /* FastCGI, a connection for each request */
	VIA_NGINX_CALL,	  /* nginx calls the service of surroundings.h itself, connections kept */
	VIA_NGINX_HTTP,	  /* HTTP to the application, connections kept */
	VIA_MINIMAL,	  /* as VIA_NGINX, by another nginx that does as little as can be */
	VIA_HAPROXY,	  /* FastCGI, many requests on one connection */
	VIA_NOTHING,	  /* the application speaks HTTP itself */
	VIA_SOCKET,	  /* nobody answers HTTP: its own sockets are asked */
	VIA_TOOL,	  /* nor that: a tool asks the database */
};

enum { MAX_SOCKETS = 4 };

struct contender {
	const char *name;
	const char *what; /* and how it is set */
	enum via via;
	unsigned sockets;   /* of the application: run/NAME-1.sock and so on; at most MAX_SOCKETS */
	bool tcp;	    /* they are ports of 127.0.0.1 instead */
	unsigned keepalive; /* connections that each nginx process keeps; 0: as many as for Lanes */
	const char
		*command; /* of sh, in run/; with $NAME, $SOCKETS, $PORT, $BUILD, $ROOT; or NULL */
	const char *of;	  /* shares the application of this one, and has no command */
	const char *script; /* of PHP, in tests/bench; or NULL */
	const char *param;  /* a fastcgi_param that it needs beside those of Lanes, or NULL */
	const char *probe;  /* a path that it answers, with what surroundings.h brings; NULL:
			     * /async/await-one, without */

	uint16_t port; /* where it answers HTTP */
	uint16_t ports[MAX_SOCKETS];
	pid_t app; /* group, 0: none */
	pid_t proxy;
};

extern struct contender contenders[];
extern const size_t contender_count;

/* The contender with this name; ends the program if there is none. */
struct contender *contender_named(const char *name);

/* The path or port of one of its sockets, from 1 on; valid until the next call. */
const char *contender_socket(const struct contender *contender, unsigned number);

/* Starts those that are chosen, and nginx, and waits until each answers. root and build are
 * absolute; the working directory is run/. Ends the program, after a message with what it said
 * last, if one does not. */
void contenders_start(const char *root, const char *build, const bool *chosen);

/* Replaces its application by a fresh one, with no memory left from what it did before, and waits
 * until that answers. */
void contender_restart(struct contender *contender);

#endif

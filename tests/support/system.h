/*
 * A whole system of its own: nginx, spawn-fcgi, multiwatch and workers, on a free port of
 * 127.0.0.1 and in a RUN_DIR of its own, so that any number of them run side by side. Main thread.
 */
#ifndef TESTS_SUPPORT_SYSTEM_H
#define TESTS_SUPPORT_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "process.h"

struct system_options {
	int workers;			/* 0: 1 */
	int threads;			/* 0: 40 */
	int prefork;			/* processes of that pool */
	int cpu;			/* and of this one */
	const char *const *environment; /* further "NAME=value", for the workers LANES_*; or NULL */
	bool (*prepare)(const char *run_dir); /* called when that is made; or NULL */
};

struct system {
	uint16_t port;	     /* nginx's */
	pid_t front;	     /* HAProxy, if FRONT=haproxy is in the environment; or 0 */
	uint16_t front_port; /* where requests go: HAProxy's, or nginx's */
	char run_dir[DIRECTORY_SIZE];
	char url[40];		/* "http://127.0.0.1:FRONT_PORT" */
	char port_variable[16]; /* "PORT=…" and "RUN_DIR=…" for scripts */
	char run_dir_variable[DIRECTORY_SIZE + 16];
};

/* A port of 127.0.0.1 that nobody used a moment ago. The kernel gives it to nobody else: it is
 * below those that connections get. */
uint16_t port_free(void);

/* Starts it and waits until it answers; false, after a message, if it does not. */
bool system_start(struct system *system, const struct system_options *options);

/* Stops it. True if all went well and nothing is left: no process, no file but the logs. */
bool system_stop(struct system *system);

/* The process of worker SLOT (from 1), or 0 if there is none at the moment. */
pid_t system_worker(const struct system *system, int slot);

/* Where a worker, or anything of the system, writes; path as "worker.log". */
bool system_log_has(const struct system *system, const char *text);

/* How many lines of a log ("access.log") have the text. */
size_t system_log_count(const struct system *system, const char *log, const char *text);

#endif

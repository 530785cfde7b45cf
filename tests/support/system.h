/*
 * A whole system of its own: nginx, spawn-fcgi, masters and workers, on a free port of
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

/* Some of them: SYSTEM(.workers = 2, .cpu = 1). */
#define SYSTEM(...) (&(struct system_options){__VA_ARGS__})

struct system {
	uint16_t port;	     /* nginx's */
	pid_t front;	     /* HAProxy, if FRONT=haproxy is in the environment; or 0 */
	uint16_t front_port; /* where requests go: HAProxy's, or nginx's */
	char run_dir[DIRECTORY_SIZE];
	bool foreign;	/* LANES_URL named it: others start and stop it, behind a front of theirs */
	char url[40];	/* "http://127.0.0.1:FRONT_PORT" */
	char mount[16]; /* where the application is there: "" or "/app" */
	char port_variable[16]; /* "PORT=…" and "RUN_DIR=…" for scripts */
	char run_dir_variable[DIRECTORY_SIZE + 16];
};

/* A port of 127.0.0.1 that nobody used a moment ago. The kernel gives it to nobody else: it is
 * below those that connections get. */
uint16_t port_free(void);

/* A socket that is connected to a port of 127.0.0.1, or -1; one that listens to a port. */
int tcp_open(uint16_t port);
int tcp_listen(uint16_t *port);

/* Says where a system is that a test starts by itself: on this port, in that directory. */
void system_at(struct system *system, uint16_t port, const char *run_dir);

/* Starts it and waits until it answers; false, after a message, if it does not. With LANES_URL in
 * the environment ("http://127.0.0.1:8080/app", "https://NAME:PASSWORD@127.0.0.1:8443") it is that
 * one, which runs, and which system_stop() leaves alone. */
bool system_start(struct system *system, const struct system_options *options);

/* Whether the front of a foreign one is known to do this ("GET //") in its own way: it fits one
 * of the lines of LANES_DIFFERS in the environment, which are patterns (fnmatch). */
bool system_differs(const char *what);

/* The system of a suite, by name, with its options; set_up() and tear_down() are the suite's. */
#define SUITE_SYSTEM(name, ...)                                                                    \
	static struct system name;                                                                 \
                                                                                                   \
	static int set_up(void)                                                                    \
	{                                                                                          \
		return !system_start(&name, SYSTEM(__VA_ARGS__));                                  \
	}                                                                                          \
                                                                                                   \
	static int tear_down(void)                                                                 \
	{                                                                                          \
		return !system_stop(&name);                                                        \
	}

/* The system of each test of a suite, by name: its options are the test's data, or what that begins
 * with; a test without has none. before() and after() are the suite's. */
#define TEST_SYSTEM(name)                                                                          \
	static struct system name;                                                                 \
                                                                                                   \
	static void before(void)                                                                   \
	{                                                                                          \
		if (harness_test()->data)                                                          \
			CU_ASSERT_FATAL(system_start(&name, harness_test()->data));                \
	}                                                                                          \
                                                                                                   \
	static void after(void)                                                                    \
	{                                                                                          \
		CU_ASSERT(!harness_test()->data || system_stop(&name));                            \
	}

/* Starts two side by side, for suites that compare; false if one of them does not start. */
bool systems_start(struct system *first, const struct system_options *options,
		   struct system *second, const struct system_options *second_options);

/* Stops it. True if all went well and nothing is left: no process, no file but the logs. */
bool system_stop(struct system *system);
bool systems_stop(struct system *first, struct system *second);

/* Runs spawn/NAME on it, with a further "NAME=value" or NULL. What it said lives until the next
 * call. */
const struct outcome *script(const struct system *system, const char *name, const char *setting);

/* Whether its status is 0; prints what it said if not. */
bool script_works(const struct system *system, const char *name, const char *setting);

/* The path of a file in its directory. Lives as textf(). */
const char *system_file(const struct system *system, const char *name);

/* The process that pids/NAME.pid notes, or 0. */
pid_t system_noted(const struct system *system, const char *name);

/* The process of worker SLOT (from 1), or 0 if there is none at the moment. */
pid_t system_worker(const struct system *system, int slot);

/* Where a worker, or anything of the system, writes; path as "worker.log". */
bool system_log_has(const struct system *system, const char *text);

/* How many lines of a log ("access.log") have the text. */
size_t system_log_count(const struct system *system, const char *log, const char *text);

#endif

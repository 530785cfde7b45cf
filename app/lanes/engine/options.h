/*
 * Every setting of a worker, in one struct. Defaults, overridden by a file (--config),
 * overridden by LANES_* in the environment, overridden by flags: "header-timeout = 5",
 * LANES_HEADER_TIMEOUT=5 and --header-timeout 5 are the same option. An application may have
 * further ones, in a table and a struct of its own.
 */
#ifndef LANES_ENGINE_OPTIONS_H
#define LANES_ENGINE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum engine_kind {
	ENGINE_LOOP,	/* multiplexed: one event loop and thread pools */
	ENGINE_PREFORK, /* libfcgi: one request at a time */
	ENGINE_JOBS,	/* a loop without a socket, that takes jobs from the database's queue */
};

enum drain_mode {
	DRAIN_AUTO,   /* takes those that wait in the socket's queue, and lets go of it */
	DRAIN_REFUSE, /* so too, and requests that come get a status that nginx moves */
	DRAIN_WAIT,   /* new connections wait in the socket's queue, for whoever accepts next */
};

enum routes_kind {
	ROUTES_APP,	/* what the application serves */
	ROUTES_ADMIN,	/* what shows the system: /status, /metrics, /trace, /events … */
	ROUTES_HEALTH,	/* /healthz and /readyz */
	ROUTES_OUTSIDE, /* what stands in for the services that the application calls */
	ROUTES_KINDS,
};

enum sandbox_mode { SANDBOX_ON, SANDBOX_OFF };
enum doctor_mode { DOCTOR_ON, DOCTOR_OFF };

enum core_mode { CORE_OFF, CORE_ON };

enum option_kind {
	OPTION_INT,	/* int64_t, from min to max */
	OPTION_NUMBER,	/* double, from min to max, which are not below 0 */
	OPTION_SECONDS, /* int64_t, milliseconds, as min and max are */
	OPTION_MODE,	/* int64_t, typed as chmod(1) takes it: 0660 */
	OPTION_TEXT,	/* const char *; NULL where it has no fallback, and nobody said */
	OPTION_NAME,	/* the same, of letters, digits, '-' and '_' */
	OPTION_PATH,	/* the same, of a URL, decoded: "/", or "/a/b" without a '/' at its end */
	OPTION_CPUS,	/* the same: off, auto, or a list of CPUs (base/affinity.h) */
	OPTION_CHOICE,	/* an enum */
	OPTION_FLAG,	/* bool: no value, and of the command line only */
	OPTION_ORDER,	/* const char *; a text that is of the command line only */
};

struct option_spec {
	const char *name;
	enum option_kind kind;
	size_t at;	      /* offset of its value */
	const char *fallback; /* as it would be typed */
	int64_t min;
	int64_t max;
	const char *choices; /* of OPTION_CHOICE: "loop|prefork", in the order of the enum */
	const char *help;
};

struct option_table {
	const char *name; /* of the program, for --help */
	const struct option_spec *list;
	size_t count;
	void *values; /* the struct that their values go to, before anything else is done */
};

/* OPTIONS("orders", list, &chosen): of an array. */
/* clang-format off */
#define OPTIONS(n, array, into) \
	{.name = (n), .list = (array), .count = sizeof(array) / sizeof((array)[0]), .values = (into)}
/* clang-format on */

enum { MASTER_PROCESSES = 256 }; /* that a master looks after, at most */

struct bodies;

struct options {
	enum engine_kind engine;
	int64_t processes;	  /* that a master looks after; 0: this is a worker */
	const char *listen;	  /* NULL: file descriptor 0 */
	int64_t listen_mode;	  /* of the file that it makes */
	const char *listen_owner; /* … and whose it is; NULL: ours */
	const char *listen_group;
	const char *log; /* NULL: stderr as it is */
	const char *pool;
	const char *mount;	/* "/", "/prefork" …; NULL: not known */
	int64_t slot;		/* 0: the lowest free one on the scoreboard, or the process id */
	const char *scoreboard; /* NULL: none */
	enum routes_kind routes;
	enum drain_mode drain;
	int64_t nice;
	const char *cpu_affinity;
	enum sandbox_mode sandbox;
	enum core_mode core;
	int64_t address_space; /* MB; 0: as it is */
	int64_t oom_score_adj; /* 0: as it is */

	int64_t threads;
	int64_t spare_threads;
	int64_t thread_queue;
	int64_t cpu_threads; /* 0: one per core */
	int64_t cpu_queue;

	int64_t backlog;
	int64_t max_conns;
	int64_t max_reqs;
	int64_t conn_requests;
	int64_t params_limit; /* bytes */
	int64_t stdin_limit;  /* bytes */
	int64_t body_memory;  /* bytes */
	const char *spool;    /* NULL: none */
	int64_t spool_limit;  /* bytes */
	int64_t output_limit; /* bytes */
	int64_t stream_limit; /* bytes */
	int64_t max_streams;
	int64_t stream_age;	   /* milliseconds; 0: any */
	int64_t memory_limit;	   /* bytes */
	int64_t conn_memory_limit; /* bytes */

	const char *ca; /* NULL: the system's */
	int64_t fetch_most;
	int64_t fetch_host_most;
	int64_t fetch_queue;

	const char *database; /* NULL: none */
	int64_t database_connections;
	int64_t database_waiters;
	int64_t database_wait;	/* milliseconds, as the next two */
	int64_t database_limit; /* 0: none */
	int64_t database_lifetime;
	int64_t database_result; /* bytes */
	int64_t database_statements;

	int64_t header_timeout; /* this and all below: milliseconds */
	int64_t fetch_idle;
	int64_t queue_timeout; /* 0: none */
	int64_t idle_timeout;
	int64_t send_timeout;
	int64_t body_timeout;
	int64_t drain_timeout;
	int64_t drain_idle;
	int64_t start_timeout;
	int64_t watchdog; /* 0: none; negative: what WATCHDOG_USEC says */
	int64_t slow_callback;
	enum doctor_mode doctor;
	int64_t ready_held;
	const char *ready_pools; /* names with commas between them */
	const char *front;	 /* HOST:PORT; NULL: none */
	const char *otlp;	 /* URL of a collector; NULL: none */
	const char *control;	 /* folder of who changes the number of workers; NULL: nobody */

	int64_t job_concurrency; /* 0: one per core */
	int64_t job_depth;
	int64_t job_result; /* bytes */
	int64_t job_poll;   /* milliseconds, as is */
	int64_t job_keep;

	const char *config; /* file that options were read from; NULL: none */
	bool check_config;
	bool top;
	bool ps;
	bool migrate;
	bool jobs;
	const char *job_retry; /* a number, or "all-dead"; NULL: nobody asks */
	const char *job_drop;
	bool help;
	bool version;
};

/* Fills options, and the application's own (NULL: none), from defaults, the file, environ and argv
 * (strings are borrowed). Returns 0, or -EINVAL after one line on stderr that names the option,
 * what was given and what is allowed; with --check-config, a line for each error. */
int options_parse(struct options *options, const struct option_table *own, int argc, char **argv);

/* What they say about bodies. */
void options_of_bodies(const struct options *options, struct bodies *bodies);

/* The text of --help. */
void options_help(FILE *out, const struct option_table *own);

#endif

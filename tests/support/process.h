/*
 * Programs run by tests: commands that end by themselves, and workers started without nginx.
 *
 * Nothing outlives the test program: what it started directly is killed with it, and a guard
 * process removes the directories (and stops the systems in them) when it ends, however it ends.
 * All functions belong to the main thread.
 */
#ifndef TESTS_SUPPORT_PROCESS_H
#define TESTS_SUPPORT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "machine.h"

/* Seconds to wait, on a machine that does more than this: for what should come at once, and for
 * the end of commands and the start of programs, which are given up sooner if they die. */
enum { PATIENCE = 60, SLOW_START = 600 };

/* Called first: as many open files as are allowed, and scripts that are as patient as we are. */
void process_prepare(void);

/* A sanitizer's memory is not ours: limits on memory mean nothing under one. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { MEMORY_COUNTS = 0 };
#else
enum { MEMORY_COUNTS = 1 };
#endif

/* Sleeps for some milliseconds, and is false when the deadline (of now()) has passed: the body of
 * a loop that waits for something to become visible. */
bool poll_again(double deadline);

/* Waits up to PATIENCE for a condition; false if it did not come. */
#define EVENTUALLY(condition) WITHIN(PATIENCE, condition)
#define WITHIN(seconds, condition)                                                                 \
	__extension__({                                                                            \
		double until_ = now() + (seconds);                                                 \
		bool came_;                                                                        \
                                                                                                   \
		while (!(came_ = (condition)) && poll_again(until_))                               \
			;                                                                          \
		came_;                                                                             \
	})

/* A list of strings, as arguments and environments are. */
#define STRINGS(...) ((const char *[]){__VA_ARGS__, NULL})

/* A text as printf() writes it, of less than 8 KB. It lives until 31 others were made. */
const char *textf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The program under test: PROGRAM in the environment, or build/lanes; absolute. */
const char *program(void);

/* What was built beside it. Lives as textf(). */
const char *built(const char *name);

/* The path as it is called from the working directory ("./build/lanes") if it is below that, for
 * those who take a blank for its end; or as it is. Lives until the next call. */
const char *path_from_here(const char *path);

/* Makes an empty directory below the program's, which the guard will remove. Its path, of less than
 * DIRECTORY_SIZE bytes, lives until 511 others were made. */
enum { DIRECTORY_SIZE = 96 };
const char *directory_make(void);
const char *directory_make_for_all(void); /* where every user gets to, in /tmp */
void directory_remove(const char *path);

struct outcome {
	int status;	 /* exit status; 128 + signal; -1: still ran after SLOW_START, was killed */
	char out[32768]; /* what it wrote to stdout */
	char errors[8192]; /* and to stderr */
};

/* Runs a command to its end. arguments ends with NULL; environment is NULL or a NULL-terminated
 * list of "NAME=value" (added) and "NAME" (removed); input is the file that becomes descriptor 0,
 * or -1 for /dev/null. */
void run(struct outcome *outcome, const char *const *arguments, const char *const *environment,
	 int input);

/* The same without input: whether its status is 0; prints what it said if not. */
bool succeeds(struct outcome *outcome, const char *const *arguments,
	      const char *const *environment);

/* Whether a command of the shell takes this on stdin, and ends with status 0. */
bool accepts(const char *command, const char *input);

/* run() for one without arguments and input. */
void run_script(struct outcome *outcome, const char *name, const char *const *environment);

/* Runs a shell command in the directory $F of the environment, if it is set. Lives until the next
 * call. */
const struct outcome *shell(const char *command);

/* Whether it then says this on stdout; prints what it said if not. */
bool says(const char *command, const char *text);

/* Whether it ended with a status that is not 0, and one line on stderr that says this; prints what
 * it said if not. */
bool was_refused(const struct outcome *outcome, const char *what);

/* Starts a command that writes to a log, and that dies with us; the caller waits for its end. */
pid_t process_start(const char *const *arguments, const char *const *environment,
		    const char *log_path);

/* True once it has ended; its status can still be waited for. */
bool process_ended(pid_t pid);

/* A worker on its own socket, without nginx. */
struct worker {
	pid_t pid;
	const char *directory;
	char socket[DIRECTORY_SIZE + 16];
	char log[DIRECTORY_SIZE + 16];
};

/* Starts the program with --listen, --drain-idle 0 and further options ("--threads", "1", NULL),
 * and waits until it says that it has started; false if it does not, or has ended. */
bool worker_start(struct worker *worker, const char *const *options,
		  const char *const *environment);

/* The same with another program than the one under test. */
bool worker_start_program(struct worker *worker, const char *path, const char *const *options,
			  const char *const *environment);

/* Waits up to PATIENCE for its end; its exit status as in struct outcome. It may be called once. */
int worker_wait(struct worker *worker);

/* Kills it if it still runs, and removes its directory; nothing if that was done already. */
void worker_stop(struct worker *worker);

/* The same, but it may drain; its exit status. */
int worker_end(struct worker *worker);

/* Makes a file, which may be run if it begins with "#!". */
bool file_write(const char *path, const char *text);

/* What a file holds; "" if it is not there. Lives until the next call. */
const char *file_text(const char *path);

/* True once it holds the text; how many of its lines do. */
bool file_has(const char *path, const char *text);
size_t file_lines(const char *path, const char *text);

/* What /proc says about a process. */
long process_open(pid_t pid, const char *text);	   /* descriptors whose file is called so, or -1 */
long process_sockets(pid_t pid);		   /* those that are sockets */
long process_status(pid_t pid, const char *field); /* "VmRSS" (KB), "Threads"; -1 if it is gone */
double process_seconds(pid_t pid);		   /* of computing, so far; 0 if it is gone */
long process_private_kb(pid_t pid);		   /* memory that is its own, no file's */

/* Whether it lives, and is called so. */
bool process_is(pid_t pid, const char *name);

/* Living processes whose working directory is this or below (also if removed since) and whose name
 * is this (NULL: any); at most max of them are stored. */
int processes_in(const char *directory, const char *name, pid_t *pids, int max);

#endif

/*
 * What lies between the engine and the kernel, as far as it is not real: time, poll, and what can
 * fail. Time passes only when the simulation says so: a minute takes no longer than a microsecond,
 * and the same input brings the same run. The threads of the pools are real ones; what they sleep,
 * they sleep in simulated time.
 *
 * libuv comes here because the program has functions of the same names as the C library's; the
 * application because it is linked with --wrap (tests/programs.mk).
 */
#ifndef TESTS_FUZZ_SIMULATED_H
#define TESTS_FUZZ_SIMULATED_H

#include <stdbool.h>
#include <stdint.h>

#include "await/sched.h"

struct simulation {
	void (*turn)(void);	   /* called when the loop polls, and when a handler holds it */
	const struct sched *sched; /* from when the engine has opened to when it closes */
	const struct board_slot *board;
	bool races;	 /* the loop does not wait for the threads to have done what they can */
	bool leave_jobs; /* jobs still run when the loop is closed */
	int send_buffer; /* SO_SNDBUF of what is accepted; 0: as it is */

	/* While this lasts, time passes as fast as there is nothing to do. */
	uint64_t wait_ms;
	unsigned wait_turns;

	/* So many of the next calls fail. */
	unsigned accept_fails, send_fails, recv_fails;
	int accept_error, send_error, recv_error; /* send: 0: takes one byte */
	bool no_threads;

	/* What has happened. */
	bool runs;	     /* the loop does, and has not been stopped */
	bool swept;	     /* a connection was silent for too long */
	bool stream_unread;  /* … was hung up on */
	bool protocol_error; /* … likewise */
};

extern struct simulation sim;

/* From begin to end time is simulated. It goes on where it was. */
void simulated_begin(const struct simulation *as);
/* Lets jobs that were left end, and joins their threads. */
void simulated_end(void);

uint64_t simulated_now(void); /* nanoseconds */

/* Waits until no thread has anything to do but to sleep. */
void simulated_settle(void);

#endif

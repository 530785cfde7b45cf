/*
 * Requests, what their handlers do, and what becomes of them, told in words (script.h) and done on
 * a loop of their own (alone.h):
 *
 *     start [a, sleep 5, b, reply 200], trail [a], until finished 1, trail [ab], answered 200
 *
 * A handler waits: sleep N (milliseconds), hold (a thread, until it is let go), work (on one), nap
 * (so), hold-cpu, compute, input (of the pipe), no-descriptor, wish (for what is granted, below),
 * call [script], read and body (of its body), write (to its stream, what it read last), gather,
 * gather N (at most), and within N [one of these]. If it tries (try gather) it leaves a letter for
 * how that ended, as in leave_outcome(). It adds others to a gather (add work, outcomes), or begins
 * them (begin work) and forgets. What else it does, do_at_once() has. A letter alone it leaves.
 */
#ifndef TESTS_UNIT_ACTOR_H
#define TESTS_UNIT_ACTOR_H

#include "alone.h"
#include "script.h"

enum { NAP_MS = 5, HOLD_MS = 60 };

extern struct request *reqs[4]; /* in the order in which they start */
extern int req_count;

/* What else is done to a request before it starts; NULL: nothing. */
extern void (*prepare)(struct request *req);

/* What "look" does. */
extern void (*look)(struct request *req);

/* begin(), and nobody has started yet. */
void begin_play(unsigned threads, size_t queue);

/* One that has not started: it has the script, which lives as long. */
struct request *actor(const char *script, bool sync);

void play(const char *script);

/* … from its beginning to its end. */
void play_all(unsigned threads, size_t queue, const char *script);

/* Runs requests with that script, each with one allocation more, until one gets what it needs: the
 * others are a 503. What they defer leaves a 'd', once and last. It needs more than so many. */
void play_without_memory(const char *script, long least);

/* A test that is nothing but scripts: it has their list, which ends with none. */
struct script {
	unsigned threads;
	size_t queue;
	const char *words;
};

void play_scripts(void);

#define SCRIPTS(...)                                                                               \
	play_scripts, (const struct script[])                                                      \
	{                                                                                          \
		__VA_ARGS__,                                                                       \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}

/* A request of a route that has a handler of its own, with its thread at hand, and the letters that
 * are left of it; or a test that is nothing but some, one after the other. */
struct course {
	struct route route;
	int status;
	const char *letters;
	void (*before)(struct request *req); /* those of all its routes, whose state is &work */
	void (*after)(struct request *req);
};

void run_course(const struct course *course);
void run_courses(void);

#define COURSES(...)                                                                               \
	run_courses, (const struct course[])                                                       \
	{                                                                                          \
		__VA_ARGS__,                                                                       \
		{                                                                                  \
			.status = 0                                                                \
		}                                                                                  \
	}

#endif

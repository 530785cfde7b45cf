/*
 * AWAIT: how a function of a coroutine waits.
 *
 *	ASYNC_BEGIN(req);                    // after the declarations
 *	AWAIT(req, sleep_for(req, 1.5));     // gives the loop back for 1.5 s
 *	ASYNC_END(req);                      // last line
 *
 * It remembers the line, starts what is to be waited for, and returns; when that is done the
 * function is called again, and goes on behind it. So locals do not survive an AWAIT: what must,
 * lives in the request's frame, and is declared before ASYNC_BEGIN.
 *
 * Where what is waited for cannot begin, fails or is late, the request is answered with 503 or 504,
 * and the function does not go on; TRY_AWAIT says how it ended instead:
 *
 *	TRY_AWAIT(req, err, run_in_threadpool(req, ask_sdk, f));
 *	if (err) …
 *
 * They are a switch statement in disguise (Simon Tatham, "Coroutines in C"), therefore: no
 * switch around an AWAIT, one AWAIT per line, and `return` ends the function.
 */
#ifndef LANES_AWAIT_AWAIT_H
#define LANES_AWAIT_AWAIT_H

/* who->co is the struct coroutine. */
#define ASYNC_BEGIN(who)                                                                           \
	switch ((who)->co.line) {                                                                  \
	case 0:

#define AWAIT(who, start)                                                                          \
	do {                                                                                       \
		(who)->co.line = __LINE__;                                                         \
		(who)->co.suspended = true;                                                        \
		start;                                                                             \
		return;                                                                            \
	case __LINE__:;                                                                            \
	} while (0)

/* The same, but if it fails the function goes on, too, and result is not 0: a negative errno. */
#define TRY_AWAIT(who, result, start)                                                              \
	do {                                                                                       \
		(who)->co.line = __LINE__;                                                         \
		(who)->co.suspended = (who)->co.tries = true;                                      \
		start;                                                                             \
		return;                                                                            \
	case __LINE__:                                                                             \
		(result) = (who)->co.error;                                                        \
		(who)->co.error = 0;                                                               \
		(who)->co.tries = false;                                                           \
	} while (0)

#define ASYNC_END(who) }

#endif

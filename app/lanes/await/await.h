/*
 * AWAIT: how a function of a coroutine waits.
 *
 *	ASYNC_BEGIN(req);                    // after the declarations
 *	AWAIT(req, sleep_for(req, 1.5));     // gives the loop back for 1.5 s
 *	ASYNC_END(req);                      // last line
 *
 * It remembers the line, starts what is to be waited for, and returns; when that is done the
 * function is called again, and goes on behind it. So locals do not survive an AWAIT: one that is
 * initialised behind ASYNC_BEGIN, with an AWAIT in its scope, does not compile; one that is
 * initialised before has its first value again, and no compiler says so. What must survive is in
 * the request's frame.
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

/* A local whose initialiser is jumped over, whatever the flags: gcc sees it in the text, and clang
 * also one without. */
#if defined(__clang__)
#pragma clang diagnostic error "-Wuninitialized"
#pragma clang diagnostic error "-Wsometimes-uninitialized"
#elif defined(__GNUC__) && !defined(__cplusplus)
#pragma GCC diagnostic error "-Wjump-misses-init"
#endif

/* who->co is the struct coroutine. */
#define ASYNC_BEGIN(who)                                                                           \
	switch ((who)->co.line) {                                                                  \
	case 0:

/* Where it waits is shown to who asks what all wait for. */
#define AWAIT_PLACE(who, text)                                                                     \
	static struct await_place here_ = {text, __FILE__, __func__, __LINE__, 0, NULL};           \
	(who)->co.place = &here_

#define AWAIT(who, start)                                                                          \
	do {                                                                                       \
		AWAIT_PLACE(who, #start);                                                          \
		(who)->co.line = __LINE__;                                                         \
		(who)->co.suspended = true;                                                        \
		start;                                                                             \
		return;                                                                            \
	case __LINE__:;                                                                            \
	} while (0)

/* The same, but if it fails the function goes on, too, and result is not 0: a negative errno. */
#define TRY_AWAIT(who, result, start)                                                              \
	do {                                                                                       \
		AWAIT_PLACE(who, #start);                                                          \
		(who)->co.line = __LINE__;                                                         \
		(who)->co.suspended = (who)->co.tries = true;                                      \
		start;                                                                             \
		return;                                                                            \
	case __LINE__:                                                                             \
		(result) = (who)->co.error;                                                        \
		(who)->co.error = 0;                                                               \
		(who)->co.blamed = 0;                                                              \
		(who)->co.tries = false;                                                           \
	} while (0)

#define ASYNC_END(who) }

#endif

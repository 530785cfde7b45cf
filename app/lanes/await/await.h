/*
 * AWAIT: stackless coroutines for handlers.
 *
 * A handler is one function. AWAIT remembers the line, starts what is to be waited for, and
 * returns: that gives the loop back. When it is done the function is called again and jumps to
 * the remembered line. So locals do not survive an AWAIT: what must lives in the request's frame
 * (request_frame) and is declared before ASYNC_BEGIN.
 *
 *	ASYNC_BEGIN(req);                    // after the declarations
 *	AWAIT(req, sleep_for(req, 1.5));     // gives the loop back for 1.5 s
 *	ASYNC_END(req);                      // last line
 *
 * The three are a switch statement in disguise (Simon Tatham, "Coroutines in C"), therefore: no
 * switch around an AWAIT, one AWAIT per line, and `return` ends the handler.
 */
#ifndef LANES_AWAIT_AWAIT_H
#define LANES_AWAIT_AWAIT_H

#include "await/task.h"

#define ASYNC_BEGIN(req)                                                                           \
	switch ((req)->resume_line) {                                                              \
	case 0:

#define AWAIT(req, start)                                                                          \
	do {                                                                                       \
		(req)->resume_line = __LINE__;                                                     \
		(req)->suspended = true;                                                           \
		start;                                                                             \
		return;                                                                            \
	case __LINE__:;                                                                            \
	} while (0)

#define ASYNC_END(req) }

#endif

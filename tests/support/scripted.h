/*
 * A server that says what it was told, whatever it hears: for other services that misbehave, in any
 * protocol of lines. A process of its own, which dies with us. Main thread.
 */
#ifndef TESTS_SUPPORT_SCRIPTED_H
#define TESTS_SUPPORT_SCRIPTED_H

#include <stdint.h>
#include <sys/types.h>

struct scripted {
	pid_t pid; /* 0: it does not run */
	uint16_t port;
};

/* Listens to a port of 127.0.0.1. To each who connects it says the script, a part after the other,
 * with "|" between them: first it says the first, then for each line or more that it hears, the
 * next one. "" says nothing; "drip " and more says that a byte at a time, every 10 ms. After the
 * last it hangs up, unless that is "hold", or "reset". */
void scripted_start(struct scripted *server, const char *script);

/* Safe to call twice. */
void scripted_stop(struct scripted *server);

#endif

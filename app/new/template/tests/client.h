/* A client of the running service, and what all tests are made of. */
#ifndef TESTS_CLIENT_H
#define TESTS_CLIENT_H

#include <CUnit/CUnit.h>

struct answer {
	long status;	  /* 0: there was none */
	char head[8192];  /* its header lines, as they came */
	char body[65536]; /* its beginning, with a zero byte at the end */
};

/* Sends a request to the service through nginx, and waits for the answer. method as "POST"; target
 * as "/items/1?all=yes"; headers as {"X-Token: secret", NULL}, or NULL; body NULL: none. The answer
 * lives until the next call. */
const struct answer *ask(const char *method, const char *target, const char *const *headers,
			 const char *body);

/* The same, with a body of JSON. */
const struct answer *ask_json(const char *method, const char *target, const char *json);

/* The value of one of its headers, or "". Lives until the next call. */
const char *header_of(const struct answer *answer, const char *name);

struct test {
	const char *name; /* NULL: no further one */
	void (*run)(void);
};

#endif

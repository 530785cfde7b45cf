/*
 * A handler that calls other services, all at once, and what comes of that: on a loop of its own
 * (alone.h), beside a service that does what it can (support/upstream.h).
 */
#ifndef TESTS_UNIT_ASKING_H
#define TESTS_UNIT_ASKING_H

#include "base/budget.h"
#include "client/fetch.h"
#include "http/request.h"

enum { MOST = 1024 };

extern struct fetch calls[MOST]; /* of the one request there is */
extern char urls[MOST][128];	 /* … theirs */
extern int outcomes[MOST];	 /* 1, which is none, before they end */
extern int count;
extern double within; /* seconds for all of them; 0: any */
extern int failed;    /* what they came to */
extern struct request *asking;
extern struct budget budget; /* the request's */

/* No calls yet; without threads, if there are none. */
void begin_with(unsigned threads);

/* One more, of a path of upstream's, or a URL. */
struct fetch *add(const char *path);

/* The handler. */
void ask_them(struct request *req);

/* It begins. */
void start_asking(void);

/* It begins, and ends. */
void ask_all(void);

/* All of it, for one call; finish() ends it. */
struct fetch *ask_one(const char *path);

/* Another request on the same loop. */
void ask_again(void);

/* The calls' memory is no more, and nothing is left. */
void finish(void);

/* Who looks up slow.test is done, if there is somebody. */
void let_name_go(void);

/* For EVENTUALLY(): the condition, and the loop turns. */
bool after_a_turn(bool condition);

#define IS(slice, text)	  CU_ASSERT(slice_is(slice, text))
#define HAS(text, part)	  CU_ASSERT_PTR_NOT_NULL(strstr(text, part))
#define LACKS(text, part) CU_ASSERT_PTR_NULL(strcasestr(text, part))

#endif

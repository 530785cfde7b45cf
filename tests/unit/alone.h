/*
 * Handlers on a loop of their own, without any socket, in an engine of a few functions. Threads are
 * held and let go by semaphores; what is asserted is the order of events, never how soon they come.
 */
#ifndef LANES_TESTS_UNIT_ALONE_H
#define LANES_TESTS_UNIT_ALONE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "await/await.h"
#include "await/sched.h"
#include "base/buffer.h"
#include "http/router.h"
#include "scoreboard/scoreboard.h"

/* What a handler of these tests works on. */
struct work_data {
	sem_t entered;
	sem_t gate;
	atomic_int ran;
	_Atomic pthread_t thread; /* the last that did */
	atomic_int nice;
};

extern uv_loop_t loop;
extern struct sched sched;
extern uv_timer_t watchdog; /* that ends what hangs */
extern int settled;
extern int finished;
extern int stayed; /* requests that work after their answer */
extern int released;
extern int answered;	 /* of the last reply */
extern bool retry_after; /* it had that header */
extern char trail[256];	 /* letters that handlers leave, in order */
extern struct work_data work;
extern struct board_slot board; /* the loop's */
extern int ends[2];		/* of a pipe */

/* What requests ask for: "NAME=value", with NULL behind the last; NULL: nothing. */
extern const char *const *variables;

/* What comes of a body that was opened, whenever it is waited for; NULL behind the last. NULL:
 * nothing comes. */
extern const char *const *body_pieces;

/* The same in one piece, of whichever bytes; data is NULL: body_pieces counts. */
extern struct slice body_bytes;

/* Called when a handler has run, for the last time or not; NULL: is not. */
extern void (*after_run)(struct request *req, bool over);

/* What the replies that are streams have sent, heads included; end() empties it. */
extern struct buffer streamed;
extern bool unread; /* the client reads nothing more of them */

/* A stream is wanted until it has sent that; NULL: for good. */
extern const char *enough;

/* Of a route's own, where there are threads. */
extern const struct thread_pool_options own_pool;

/* Opens the loop, with pools of so many threads and so long queues; 0: without. */
void begin(unsigned threads, size_t queue);

/* Whatever the test did, nothing may be left: neither handles nor references, nor descriptors; so
 * many were released. */
void end(int requests);

/* A route of an async handler, for as long as the test. */
#define HANDLER(function)                                                                          \
	__extension__({                                                                            \
		static const struct route route_ = GET("/", ASYNC, function);                      \
		&route_;                                                                           \
	})

struct request *request_new(const struct route *route);
struct request *start(const struct route *route);
void cancel(struct request *req);
void on_finished(struct request *req);
void on_release(struct request *req);

void leave(char letter);
void turn_until(const int *counter, int count);
void turn(void);

/* For threads: what waits at the gate has entered. */
void wait_at_gate(void *data);
void just_run(void *data);
void entered(void);

#endif

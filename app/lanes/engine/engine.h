/*
 * What the rooms of the loop engine share: one worker's state. Not for anybody else: they call
 * loop_run(). Everything here belongs to the loop's thread.
 */
#ifndef LANES_ENGINE_ENGINE_H
#define LANES_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "await/sched.h"
#include "base/budget.h"
#include "base/util.h"
#include "engine/application.h"
#include "engine/listen.h"
#include "engine/options.h"
#include "fcgi/responder.h"
#include "http/body.h"
#include "http/router.h"
#include "scoreboard/scoreboard.h"

enum {
	READ_SIZE = 65536,
};

struct conn;
struct exchange;
struct flow;
struct job_worker;
struct turn;

struct engine {
	const struct options *options;
	struct slice worker;
	struct router router;
	const struct application *application;
	struct turn *background;   /* its work beside the requests; NULL: none */
	struct turn *tables;	   /* looks for those of its database; NULL: nothing does */
	struct listener *listener; /* of a worker with jobs none */
	struct job_worker *jobs;   /* NULL: it has a socket */
	uv_loop_t loop;
	struct sched sched;
	struct fcgi_common fcgi; /* of its connections */
	const struct scoreboard *scoreboard;
	struct board_slot *board; /* our slot of it */

	uv_poll_t accept;
	uv_timer_t accept_retry;
	uv_timer_t sweep;
	uint64_t swept; /* uv_now() of the last sweep */
	uv_timer_t drain_timer;
	uv_signal_t signals[4];
	bool accepting;
	bool accept_failing; /* said in the log, and not over yet */
	bool draining;
	bool refusing; /* siblings take the requests that come while we drain */
	bool leaving;  /* takes what waits in the socket's queue, and no more */
	bool parting;  /* closes connections that are idle, and does not leave that to the peer */
	bool stopped;
	int status;

	struct conn *conns;
	struct conn *dirty; /* have output to flush, or are to be closed */
	size_t conn_count;
	size_t stream_count;
	size_t in_flight;
	struct bodies bodies;
	struct budget budget; /* the worker's */
	struct budget_kind budget_kind;
	struct budget_kind conn_budget; /* its connections' */
	size_t most_in_flight;		/* since memory was given back */
	size_t left_held;		/* bytes when it was, which keep some of it */
	uint64_t serial;
	struct exchange *arrived; /* requests that were read and are to be started, oldest first */
	struct exchange *arrived_last;
	struct exchange *later;	 /* requests that work after their answer */
	struct exchange *spares; /* blocks for requests to come */
	size_t spare_count;
	struct flow *spare_flows; /* to be lent to connections */
	size_t spare_flow_count;
	size_t flow_count; /* with those that connections have */
	char read_buffer[READ_SIZE];
};

#endif

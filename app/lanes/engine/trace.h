/*
 * What happens to requests, told to the scoreboard: one call for each thing that happens. All
 * functions belong to the loop's thread and cost some stores.
 */
#ifndef LANES_ENGINE_TRACE_H
#define LANES_ENGINE_TRACE_H

#include "http/request.h"
#include "http/router.h"
#include "scoreboard/scoreboard.h"

static inline uint64_t trace_owner(const struct request *req)
{
	return span_owner_pack((struct span_owner){(uint32_t)req->serial, req->route_number, 0});
}

/* The loop has something to do since now, if it had nothing before. */
static inline void trace_turn(struct board_slot *board, uint64_t now)
{
	if (board_get(&board->turn_since))
		return;
	board_set(&board->turn_since, now);
	board_watch_start(&board->busy, now);
}

/* The worker has begun to read the request; how long it had waited is known. */
static inline void trace_picked_up(struct board_slot *board, const struct request *req)
{
	board_add(&board->requests, 1);
	board_span(board, SPAN_QUEUE, req->times.received - req->times.queue, req->times.received,
		   trace_owner(req));
}

/* The loop runs this request from now on. */
static inline void trace_runs(struct board_slot *board, const struct request *req, uint64_t now)
{
	trace_turn(board, now);
	board_begin(&board->running, trace_owner(req), now);
}

/* … and has done so since begun. over: its handler has returned for the last time. A stream is
 * seen when it begins and when it ends, not each of the many times in between. */
static inline void trace_ran(struct board_slot *board, const struct request *req, uint64_t begun,
			     uint64_t now, bool over)
{
	uint64_t owner = trace_owner(req) | (over ? (uint64_t)req->reply.status : 0);

	board_end(&board->running);
	/* The reply of a sync handler belongs to its thread until it is over. */
	if (over || req->route->kind == ROUTE_SYNC || !req->reply.streams)
		board_span(board, SPAN_LOOP, begun, now, owner);
	if (over)
		board_answered(board, owner, now - req->times.received + req->times.queue);
}

/* The client went away. */
static inline void trace_gone(struct board_slot *board, const struct request *req, uint64_t now)
{
	board_add(&board->aborted, 1);
	board_span(board, SPAN_GONE, req->times.received, now, trace_owner(req));
}

#endif

#include "engine/observer.h"

#include "await/sched.h"
#include "http/trace_context.h"

static struct board_slot *board_of(const struct request *req)
{
	return req->co.sched->options.board;
}

static uint64_t owner_of(const struct request *req)
{
	return span_owner_pack((struct span_owner){(uint32_t)req->serial, req->route_number, 0});
}

void observer_picked_up(struct request *req)
{
	struct board_slot *board = board_of(req);

	req->co.owner = owner_of(req);
	board_add(&board->requests, 1);
	board_span(board, SPAN_QUEUE, req->times.received - req->times.queue, req->times.received,
		   req->co.owner);
}

/* Notes what logs call it. That costs a quarter of a request. */
static void identify(const struct request *req)
{
	struct log_about about = {0};

	request_tell(req, &about);
	board_identify(board_of(req), (uint32_t)req->serial, about.id, about.trace);
}

/* A function of its own, or requests that are quick would pay for its stack. */
__attribute__((noinline)) static void answered_slowly(const struct request *req, uint64_t owner,
						      uint64_t took)
{
	identify(req);
	board_answered(board_of(req), owner, took);
}

/* It has run for the last time; owner has the status. */
static void over_now(struct board_slot *board, const struct request *req, uint64_t begun,
		     uint64_t ended, uint64_t owner)
{
	uint64_t took = ended - req->times.received + req->times.queue;

	board_span(board, SPAN_LOOP, begun, ended, owner);
	if (took >= BOARD_SLOW_NS)
		answered_slowly(req, owner, took);
	else
		board_answered(board, owner, took);
}

void observer_ran(struct request *req, uint64_t begun, uint64_t ended, bool over)
{
	struct board_slot *board = board_of(req);

	if (over)
		over_now(board, req, begun, ended, req->co.owner | (uint64_t)req->reply.status);
	else if (!req->co.untold)
		board_span(board, SPAN_LOOP, begun, ended, req->co.owner);
}

void observer_answered_instead(const struct request *req, int status, uint64_t now)
{
	over_now(board_of(req), req, now, now, req->co.owner | (uint64_t)status);
}

void observer_gone(const struct request *req, uint64_t now)
{
	struct board_slot *board = board_of(req);

	board_add(&board->aborted, 1);
	board_span(board, SPAN_GONE, req->times.received, now, owner_of(req));
	identify(req);
}

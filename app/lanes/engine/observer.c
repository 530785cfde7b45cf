#include "engine/observer.h"

#include "await/sched.h"

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

void observer_ran(struct request *req, uint64_t begun, uint64_t ended, bool over)
{
	struct board_slot *board = board_of(req);
	uint64_t owner = req->co.owner | (over ? (uint64_t)req->reply.status : 0);

	if (over || !req->co.untold)
		board_span(board, SPAN_LOOP, begun, ended, owner);
	if (over)
		board_answered(board, owner, ended - req->times.received + req->times.queue);
}

void observer_gone(const struct request *req, uint64_t now)
{
	struct board_slot *board = board_of(req);

	board_add(&board->aborted, 1);
	board_span(board, SPAN_GONE, req->times.received, now, owner_of(req));
}

#include "engine/turn.h"

#include <stdlib.h>

#include "await/sched.h"
#include "base/util.h"
#include "engine/observer.h"
#include "http/reply.h"

static struct turn *turn_of(const struct request *req)
{
	return container_of(req, struct turn, req);
}

static struct slice no_param(const struct request *req, const char *name)
{
	(void)req;
	(void)name;
	return (struct slice){NULL, 0};
}

static void on_ran(struct request *req, uint64_t begun, uint64_t ended, bool over)
{
	if (turn_of(req)->is_told)
		observer_ran(req, begun, ended, over);
}

static void end(struct turn *turn)
{
	void (*over)(struct turn * turn) = turn->over;

	turn->over = NULL;
	if (over)
		over(turn);
}

static void on_finished(struct request *req)
{
	struct turn *turn = turn_of(req);

	turn->status = req->reply.status;
	if (!turn->stays)
		end(turn);
}

static void on_stays(struct request *req, bool stays)
{
	struct turn *turn = turn_of(req);

	turn->stays = stays;
	if (!stays)
		end(turn);
}

/* The thread, which goes on, has the reply. */
static void on_instead(struct request *req, int status)
{
	struct turn *turn = turn_of(req);

	coroutine_cancel(&req->co);
	if (turn->is_told)
		observer_answered_instead(req, status, uv_hrtime());
	turn->status = status;
	turn->instead = true;
	end(turn);
}

/* Nobody hears it: it cannot become a stream. */
static bool on_stream(struct request *req)
{
	(void)req;
	return false;
}

static bool no_stream(const struct request *req)
{
	(void)req;
	return false;
}

static void on_release(struct request *req)
{
	free(turn_of(req));
}

static const struct request_ops ops = {.param = no_param,
				       .ran = on_ran,
				       .finished = on_finished,
				       .stream = on_stream,
				       .stream_room = no_stream,
				       .stream_wanted = no_stream,
				       .stays = on_stays,
				       .instead = on_instead,
				       .release = on_release};

struct turn *turn_new(size_t size, struct sched *sched, const struct routes *routes,
		      void (*over)(struct turn *turn))
{
	struct turn *turn = calloc(1, size);

	if (!turn)
		return NULL;
	request_init(&turn->req, &ops, sched);
	turn->req.routes = routes;
	turn->req.method = slice_of("GET");
	turn->over = over;
	return turn;
}

void turn_begin(struct turn *turn, const struct route *route)
{
	turn->req.route = route;
	reply_bytes(&turn->req, 204, NULL, (struct slice){"", 0});
	request_only(&turn->req);
	request_resume(&turn->req, uv_hrtime());
}

void turn_begin_with(struct turn *turn, void (*fn)(struct request *req))
{
	turn->route = (struct route)GET("", ASYNC, fn);
	turn_begin(turn, &turn->route);
}

void turn_drop(struct turn *turn)
{
	turn->over = NULL;
	coroutine_cancel(&turn->req.co);
	request_unref(&turn->req);
}

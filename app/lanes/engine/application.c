#include "engine/application.h"

#include <stdlib.h>
#include <string.h>

#include "await/sched.h"
#include "base/log.h"
#include "base/util.h"
#include "client/names.h"
#include "http/reply.h"

enum { MOST_THREADS = BOARD_THREADS_MAX / 2 };

/* A request that nobody sent. */
struct turn {
	struct request req;
	struct route route;
	struct timer timer;
	bool beside; /* nobody waits for it */
	bool stays;  /* it has work for after its answer */
	bool over;
	bool late;
};

static struct slice no_param(const struct request *req, const char *name)
{
	(void)req;
	(void)name;
	return (struct slice){NULL, 0};
}

static void on_ran(struct request *req, uint64_t begun, uint64_t ended, bool over)
{
	(void)req;
	(void)begun;
	(void)ended;
	(void)over;
}

/* Who runs the loop for it must not wait for anything else. */
static void end(struct turn *turn)
{
	turn->over = true;
	if (!turn->beside)
		uv_stop(turn->req.co.sched->loop);
	else if (turn->req.reply.status >= 400)
		log_event(LOG_LEVEL_WARNING, "background-failed", NULL);
}

static void on_finished(struct request *req)
{
	struct turn *turn = container_of(req, struct turn, req);

	if (!turn->stays)
		end(turn);
}

static void on_stays(struct request *req, bool stays)
{
	struct turn *turn = container_of(req, struct turn, req);

	turn->stays = stays;
	if (!stays)
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
	free(container_of(req, struct turn, req));
}

static const struct request_ops ops = {.param = no_param,
				       .ran = on_ran,
				       .finished = on_finished,
				       .stream = on_stream,
				       .stream_room = no_stream,
				       .stream_wanted = no_stream,
				       .stays = on_stays,
				       .release = on_release};

static void on_late(struct timer *timer)
{
	container_of(timer, struct turn, timer)->late = true;
}

static bool wait_for(struct turn *turn, struct sched *sched, const bool *given_up)
{
	do /* also if it is over: the loop was told to stop, and forgets it here */
		uv_run(sched->loop, turn->late ? UV_RUN_NOWAIT : UV_RUN_ONCE);
	while (!turn->over && !turn->late && !*given_up);
	if (turn->over)
		return turn->req.reply.status < 400;
	coroutine_cancel(&turn->req.co);
	return false;
}

/* NULL if memory is out. */
static struct turn *make_turn(const struct application *application,
			      void (*fn)(struct request *req), struct sched *sched)
{
	struct turn *turn = calloc(1, sizeof(*turn));

	if (!turn)
		return NULL;
	request_init(&turn->req, &ops, sched);
	turn->route = (struct route)GET("", ASYNC, fn);
	turn->req.routes = &application->routes;
	turn->req.route = &turn->route;
	turn->req.method = slice_of("GET");
	turn->timer.fire = on_late;
	reply_bytes(&turn->req, 204, NULL,
		    (struct slice){"", 0}); /* unless it says something else */
	request_only(&turn->req);
	return turn;
}

bool application_run(const struct application *application, void (*fn)(struct request *req),
		     struct sched *sched, uint64_t patience, const bool *given_up)
{
	struct turn *turn = make_turn(application, fn, sched);
	uint64_t now = uv_hrtime();
	bool fine;

	if (!turn)
		return false;
	if (patience && timers_add(&sched->timers, &turn->timer, now + patience * 1000000))
		turn->late = true;
	else
		request_resume(&turn->req, now);
	fine = wait_for(turn, sched, given_up);
	timers_remove(&sched->timers, &turn->timer);
	request_unref(&turn->req);
	return fine;
}

struct request *application_begin(const struct application *application, struct sched *sched)
{
	struct turn *turn;

	if (!application->background)
		return NULL;
	turn = make_turn(application, application->background, sched);
	if (!turn)
		return NULL;
	turn->beside = turn->req.co.untold = true;
	request_resume(&turn->req, uv_hrtime());
	return &turn->req;
}

void application_end(struct request *background)
{
	if (!background)
		return;
	coroutine_cancel(&background->co);
	request_unref(background);
}

/* own: those that there are already. NULL, or what is wrong. */
static const char *wrong_with(const struct thread_pool_options *pool,
			      const struct thread_pool_options *const *own, int count)
{
	bool taken = !strcmp(pool->name, "blocking") || !strcmp(pool->name, "cpu");

	for (int i = 0; i < count; i++)
		taken = taken || !strcmp(pool->name, own[i]->name);
	if (count == BOARD_OWN_POOLS)
		return "there may be 4 pools besides, of which one is for names if there are "
		       "fetches";
	if (taken || !board_is_pool_name(pool->name))
		return "a pool has a name of its own, of up to 10 small letters, digits, - and _";
	if (!pool->threads || pool->threads > MOST_THREADS || pool->spares > MOST_THREADS)
		return "a pool has 1 to 1024 threads";
	return NULL;
}

bool application_pools(const struct application *application,
		       const struct thread_pool_options *own[BOARD_OWN_POOLS])
{
	const struct routes *routes = &application->routes;
	int count = 0;

	if (application->fetches)
		own[count++] = &names_pool;
	for (size_t r = 0; r < routes->count; r++) {
		const struct thread_pool_options *pool = routes->list[r].pool;
		const char *wrong;
		int i = 0;

		while (i < count && own[i] != pool)
			i++;
		if (!pool || i < count)
			continue;
		wrong = wrong_with(pool, own, count);
		if (wrong) {
			log_complaint("%.100s: %s", routes->list[r].path, wrong);
			return false;
		}
		own[count++] = pool;
	}
	return true;
}

void application_ask(const struct application *application, struct board_slot *slot)
{
	if (application->ready)
		board_set(&slot->unready, !application->ready(application->routes.state));
}

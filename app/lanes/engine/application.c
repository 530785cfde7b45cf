#include "engine/application.h"

#include <stdlib.h>
#include <string.h>

#include "await/sched.h"
#include "base/log.h"
#include "base/util.h"
#include "client/names.h"
#include "engine/turn.h"

enum { MOST_THREADS = BOARD_THREADS_MAX / 2 };

/* One that somebody runs the loop for. */
struct awaited_turn {
	struct turn turn;
	struct timer timer;
	bool over;
	bool late;
};

/* Who runs the loop for it must not wait for anything else. */
static void on_over(struct turn *turn)
{
	container_of(turn, struct awaited_turn, turn)->over = true;
	uv_stop(turn->req.co.sched->loop);
}

static void on_late(struct timer *timer)
{
	container_of(timer, struct awaited_turn, timer)->late = true;
}

static bool wait_for(struct awaited_turn *awaited, struct sched *sched, const bool *given_up)
{
	do /* also if it is over: the loop was told to stop, and forgets it here */
		uv_run(sched->loop, awaited->late ? UV_RUN_NOWAIT : UV_RUN_ONCE);
	while (!awaited->over && !awaited->late && !*given_up);
	return awaited->over && awaited->turn.status < 400;
}

bool application_run(const struct application *application, void (*fn)(struct request *req),
		     struct sched *sched, uint64_t patience, const bool *given_up)
{
	struct turn *turn =
		turn_new(sizeof(struct awaited_turn), sched, &application->routes, on_over);
	struct awaited_turn *awaited;
	bool fine;

	if (!turn)
		return false;
	awaited = container_of(turn, struct awaited_turn, turn);
	awaited->timer.fire = on_late;
	if (patience &&
	    timers_add(&sched->timers, &awaited->timer, uv_hrtime() + patience * 1000000))
		awaited->late = true;
	else
		turn_begin_with(turn, fn);
	fine = wait_for(awaited, sched, given_up);
	timers_remove(&sched->timers, &awaited->timer);
	turn_drop(turn);
	return fine;
}

static void on_background_over(struct turn *turn)
{
	if (turn->status >= 400)
		log_event(LOG_LEVEL_WARNING, "background-failed", NULL);
}

struct turn *application_begin(const struct application *application, struct sched *sched)
{
	struct turn *turn =
		application->background
			? turn_new(sizeof(*turn), sched, &application->routes, on_background_over)
			: NULL;

	if (!turn)
		return NULL;
	turn->req.co.untold = true;
	turn_begin_with(turn, application->background);
	return turn;
}

void application_end(struct turn *background)
{
	if (background)
		turn_drop(background);
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

#include "engine/tables.h"

#include <errno.h>
#include <string.h>

#include "await/await.h"
#include "base/log.h"
#include "base/util.h"
#include "client/pg_pool.h"
#include "client/queue.h"
#include "engine/application.h"
#include "engine/turn.h"

#define PERIOD	 1 /* seconds */
#define KNOWN_NS (2 * UINT64_C(1000000000))

struct tables {
	struct turn turn;
	const struct application *application;
	enum board_tables found;
	struct pg_rows rows;
	int error;
};

/* Of one that was never migrated nobody is asked what it has: its log would have an error each
 * time.
 */
static const char any_sql[] = "SELECT to_regclass('lanes_migrations') IS NOT NULL";
static const char versions_sql[] = "SELECT component, max(version) FROM lanes_migrations"
				   " GROUP BY component";

static bool has(const struct pg_rows *rows, const struct migrations *migrations)
{
	for (int row = 0; row < rows->count; row++)
		if (slice_is(pg_text_at(rows, row, 0), migrations->component))
			return pg_int_at(rows, row, 1) >= migrations_latest(migrations);
	return false;
}

static bool needs_jobs(const struct application *application)
{
	return application->jobs.count;
}

static bool needs_own(const struct application *application)
{
	return application->migrations.component;
}

static bool are_there(const struct tables *tables)
{
	return (!needs_jobs(tables->application) || has(&tables->rows, &jobs_migrations)) &&
	       (!needs_own(tables->application) ||
		has(&tables->rows, &tables->application->migrations));
}

/* Said when it turns out, and when it is over. */
static void note(struct tables *tables, enum board_tables found)
{
	if (found == BOARD_TABLES_MISSING && tables->found != found)
		log_event(LOG_LEVEL_WARNING, "tables-missing", "instead", "--migrate", NULL);
	else if (found == BOARD_TABLES_FINE && tables->found == BOARD_TABLES_MISSING)
		log_event(LOG_LEVEL_INFO, "tables-there", NULL);
	tables->found = found;
	pg_note_tables(tables->turn.req.co.sched, found);
}

/* Where the role may not look, they are taken to be there. */
static bool may_not_look(const struct tables *tables)
{
	return tables->error == -EREMOTEIO && !strncmp(tables->rows.state, "42", 2);
}

static void look(struct request *req)
{
	struct tables *tables = (struct tables *)req; /* its first member's first */

	ASYNC_BEGIN(req);
	for (;;) {
		TRY_AWAIT(req, tables->error, pg_query(req, &tables->rows, any_sql));
		if (!tables->error && pg_bool_at(&tables->rows, 0, 0))
			TRY_AWAIT(req, tables->error, pg_query(req, &tables->rows, versions_sql));
		if (may_not_look(tables) || (!tables->error && are_there(tables)))
			break;
		if (!tables->error || tables->error == -ESTALE)
			note(tables, BOARD_TABLES_MISSING);
		AWAIT(req, sleep_for(req, PERIOD));
	}
	note(tables, BOARD_TABLES_FINE);
	ASYNC_END(req);
}

static void on_over(struct turn *turn)
{
	(void)turn;
}

struct turn *tables_begin(const struct application *application, struct sched *sched)
{
	bool needed = needs_jobs(application) || needs_own(application);
	struct turn *turn;

	if (!needed || !pg_note_tables(sched, BOARD_TABLES_UNKNOWN))
		return NULL;
	turn = turn_new(sizeof(struct tables), sched, &application->routes, on_over);
	if (!turn) {
		pg_note_tables(sched, BOARD_TABLES_FINE);
		return NULL;
	}
	container_of(turn, struct tables, turn)->application = application;
	turn->req.co.untold = true;
	turn_begin_with(turn, look);
	return turn;
}

static void on_late(struct timer *timer)
{
	(void)timer;
}

void tables_await(struct sched *sched, const bool *given_up)
{
	uint64_t until = uv_hrtime() + KNOWN_NS;
	struct timer timer = {.fire = on_late};

	if (timers_add(&sched->timers, &timer, until))
		return;
	while (!*given_up && !pg_is_known(sched) && uv_hrtime() < until)
		uv_run(sched->loop, UV_RUN_ONCE);
	timers_remove(&sched->timers, &timer);
}

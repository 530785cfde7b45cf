#include "database.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "../support/memory.h"

struct postgres postgres;

static const struct pg_limits usual = {
	.connections = 2,
	.waiters = 10,
	.statements = 64,
	.wait = 5000000000,
	.statement = 30000000000,
	.lifetime = 600000000000,
	.result_bytes = 1 << 20,
};
struct pg_limits limits;
static struct pg_settings *settings;
static uv_timer_t while_timer;

int database_set_up(void)
{
	return !postgres_open(&postgres, NULL);
}

/* Whatever became of the test before. */
void database_before(void)
{
	limits = usual;
	memory_restore();
}

int database_tear_down(void)
{
	postgres_close(&postgres);
	return 0;
}

void begin_pg(unsigned threads, const char *url)
{
	begin(threads, 10);
	uv_timer_init(&loop, &while_timer);
	settings = pg_settings_read(url ? url : postgres.url);
	CU_ASSERT_PTR_NOT_NULL_FATAL(settings);
	CU_ASSERT_EQUAL_FATAL(pg_pool_open(&sched, settings, &limits), 0);
	if (!url)
		TURN_UNTIL(board_get(&board.database.connections) == 1 &&
			   board_get(&board.database.busy) == 0);
}

/* A statement may still be being cancelled: on a thread, which would keep what it wakes. */
static bool threads_rest(void)
{
	for (int i = 0; i < BOARD_POOLS; i++)
		if (board_get(&board.pools[i].running) || board_get(&board.pools[i].abandoned))
			return false;
	return true;
}

void end_pg(int requests)
{
	TURN_UNTIL(threads_rest());
	uv_close((uv_handle_t *)&while_timer, NULL);
	end(requests);
	pg_settings_free(settings);
}

static void on_while(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

void turn_a_while(void)
{
	uv_timer_start(&while_timer, on_while, 5, 0);
	uv_run(&loop, UV_RUN_ONCE);
}

/* ---- requests that ask ---- */

struct ask_frame {
	struct pg_rows rows;
	int err;
};

char last_text[64];

static char letter_of(const struct ask_frame *f)
{
	switch (f->err) {
	case 0:
		return last_text[0] ? last_text[0] : '-';
	case -ENOTCONN:
		return 'D';
	case -EAGAIN:
		return 'W';
	case -ETIMEDOUT:
		return 'T';
	case -ENOLINK:
		return 'L';
	case -EREMOTEIO:
		return 'E';
	case -EFBIG:
		return 'B';
	case -ENOMEM:
		return 'M';
	default:
		return '?';
	}
}

static void ask_for(struct request *req)
{
	struct ask_frame *f = FRAME(req, struct ask_frame);

	ASYNC_BEGIN(req);
	TRY_AWAIT(req, f->err, pg_query(req, &f->rows, req->query.data));
	snprintf(last_text, sizeof(last_text), "%s", pg_text_at(&f->rows, 0, 0).data);
	leave(letter_of(f));
	reply_bytes(req, 200, NULL, slice_of(""));
	ASYNC_END(req);
}

struct request *asker(const char *sql)
{
	struct request *req = request_new(HANDLER(ask_for));

	req->query = slice_of(sql);
	return req;
}

struct request *ask(const char *sql)
{
	struct request *req = asker(sql);

	request_resume(req, uv_hrtime());
	return req;
}

bool leaves(const char *letters)
{
	double until = now() + PATIENCE;
	bool same;

	while (strlen(trail) < strlen(letters) && now() < until)
		turn_a_while();
	same = !strcmp(trail, letters);
	if (!same)
		printf("    left: %s, not %s\n", trail, letters);
	memset(trail, 0, sizeof(trail));
	return same;
}

static PGconn *holder;

void hold(void)
{
	holder = PQconnectdb(postgres.url);
	PQclear(PQexec(holder, "SELECT pg_advisory_lock(7)"));
}

void let_go(void)
{
	PQfinish(holder);
}

int at_work(const char *text)
{
	return atoi(
		postgres_ask(&postgres, textf("SELECT count(*) FROM pg_stat_activity WHERE state = "
					      "'active' AND query LIKE '%%%s%%' AND pid <> "
					      "pg_backend_pid()",
					      text)));
}

bool ends_within(const char *text, double seconds)
{
	double begun = now();
	double until = begun + PATIENCE;

	while (at_work(text) && now() < until)
		turn_a_while();
	return now() - begun < seconds;
}

int serve_pg(void (*handler)(struct request *req))
{
	const struct route route = GET("/", ASYNC, handler);

	begin_pg(2, NULL);
	start(&route);
	turn_until(&finished, 1);
	end_pg(1);
	return answered;
}

#include "database.h"

#include <signal.h>

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
	limits = usual;
	return !postgres_open(&postgres, NULL);
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
}

void end_pg(int requests)
{
	uv_close((uv_handle_t *)&while_timer, NULL);
	end(requests);
	pg_settings_free(settings);
	limits = usual;
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

int serve_pg(void (*handler)(struct request *req))
{
	const struct route route = GET("/", ASYNC, handler);

	begin_pg(2, NULL);
	start(&route);
	turn_until(&finished, 1);
	end_pg(1);
	return answered;
}

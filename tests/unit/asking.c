#include "asking.h"

#include <stdio.h>
#include <string.h>

#include "../support/harness.h"
#include "../support/process.h"
#include "../support/upstream.h"
#include "alone.h"
#include "http/reply.h"

struct fetch calls[MOST]; /* of the one request there is */
char urls[MOST][128];
int outcomes[MOST];
int count;
double within;
int failed; /* what it came to */
struct request *asking;
static struct budget_kind budget_kind;
struct budget budget;

/* ---- asking ---- */

void ask_them(struct request *req)
{
	ASYNC_BEGIN(req);
	for (int i = 0; i < count; i++) {
		outcomes[i] = 1; /* which is none */
		gather_add_fetch(req, &calls[i], &outcomes[i]);
	}
	if (within > 0)
		TRY_AWAIT(req, failed, gather_within(req, within));
	else
		TRY_AWAIT(req, failed, gather(req));
	for (int i = 0; i < count; i++)
		CU_ASSERT_EQUAL(outcomes[i], calls[i].error);
	leave('.');
	reply_bytes(req, 200, "text/plain", slice_of("done"));
	ASYNC_END(req);
}

void begin_with(unsigned threads)
{
	begin(threads, 1);
	upstream_begin();
	budget_kind = (struct budget_kind){.name = "test", .limit = 1 << 28};
	budget = (struct budget){.kind = &budget_kind};
	memset(calls, 0, sizeof(calls));
	count = 0;
	within = 0;
}

/* Its calls stay until finish(). */
void start_asking(void)
{
	asking = request_new(HANDLER(ask_them));
	asking->budget = &budget;
	request_ref(asking);
	request_resume(asking, uv_hrtime());
}

void ask_all(void)
{
	start_asking();
	turn_until(&finished, 1);
	CU_ASSERT_EQUAL(answered, 200);
}

void finish(void)
{
	const struct board_threads *names = &board.pools[BOARD_OWN + 1];

	request_unref(asking);
	CU_ASSERT_EQUAL(budget.used, 0);
	CU_ASSERT(EVENTUALLY(!board_get(&names->queued) && !board_get(&names->running)));
	end(1);
	upstream_end();
}

struct fetch *add(const char *path)
{
	char *url = urls[count];

	snprintf(url, sizeof(urls[0]), "%s", path[0] == '/' ? upstream_url(path) : path);
	calls[count].url = slice_of(url);
	return &calls[count++];
}

/* Who looks up slow.test is done, if there is somebody. */
void let_name_go(void)
{
	sem_post(&work.gate);
	CU_ASSERT(EVENTUALLY(!board_get(&board.pools[BOARD_OWN + 1].running)));
}

/* One call; finish() ends it. */
struct fetch *ask_one(const char *path)
{
	begin_with(1);
	add(path);
	ask_all();
	return &calls[0];
}

/* Another request on the same loop. */
void ask_again(void)
{
	request_unref(asking);
	for (int i = 0; i < count; i++)
		calls[i].call = NULL; /* which that request had */
	released = finished = 0;
	start_asking();
	turn_until(&finished, 1);
}

bool after_a_turn(bool condition)
{
	turn();
	return condition;
}

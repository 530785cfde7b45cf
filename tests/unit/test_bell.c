/* A bell: who waits when it is rung goes on, and nobody else. */
#include <errno.h>
#include <string.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "alone.h"
#include "await/bell.h"
#include "http/reply.h"

static struct bell bell;

struct outcome_frame {
	int err;
};

/* Leaves w when it waits, and r when it was rung; or a letter for how that failed. */
static void wait_for_it(struct request *req)
{
	struct outcome_frame *f = FRAME(req, struct outcome_frame);

	ASYNC_BEGIN(req);
	leave('w');
	TRY_AWAIT(req, f->err, wait_for_bell(req, &bell));
	leave(f->err == -ENOMEM ? 'm' : f->err ? '!' : 'r');
	reply_bytes(req, 200, NULL, slice_of(""));
	ASYNC_END(req);
}

static void wait_within_a_while(struct request *req)
{
	struct outcome_frame *f = FRAME(req, struct outcome_frame);

	ASYNC_BEGIN(req);
	TRY_AWAIT(req, f->err, wait_within(req, 0.01, wait_for_bell(req, &bell)));
	leave(f->err == -ETIMEDOUT ? 't' : '!');
	reply_bytes(req, 200, NULL, slice_of(""));
	ASYNC_END(req);
}

static void gather_two(struct request *req)
{
	static int outcome;

	ASYNC_BEGIN(req);
	gather_add_bell(req, &bell, &outcome);
	gather_add_sleep(req, 0.001, NULL);
	AWAIT(req, gather(req));
	leave(outcome ? '!' : 'g');
	reply_bytes(req, 200, NULL, slice_of(""));
	ASYNC_END(req);
}

static void all_who_wait_go_on(void)
{
	struct request *gone;

	begin(0, 0);
	bell_ring(&bell);
	start(HANDLER(wait_for_it));
	gone = start(HANDLER(wait_for_it));
	start(HANDLER(wait_for_it));
	turn();
	CU_ASSERT_STRING_EQUAL(trail, "www");
	cancel(gone);
	bell_ring(&bell);
	CU_ASSERT_STRING_EQUAL(trail, "www"); /* never inside the call */
	start(HANDLER(wait_for_it));	      /* who comes now waits for the next time */
	turn_until(&finished, 2);
	turn();
	CU_ASSERT_STRING_EQUAL(trail, "wwwwrr");
	bell_ring(&bell);
	turn_until(&finished, 3);
	end(4);
}

static void it_can_be_given_up(void)
{
	begin(0, 0);
	start(HANDLER(wait_within_a_while));
	turn_until(&finished, 1);
	CU_ASSERT_STRING_EQUAL(trail, "t");
	CU_ASSERT_PTR_NULL(bell.waiters);
	bell_ring(&bell);
	end(1);
}

static void beside_others(void)
{
	begin(0, 0);
	start(HANDLER(gather_two));
	turn();
	bell_ring(&bell);
	turn_until(&finished, 1);
	CU_ASSERT_STRING_EQUAL(trail, "g");
	end(1);
}

static void without_memory(void)
{
	struct request *req;

	begin(0, 0);
	req = request_new(HANDLER(wait_for_it));
	memory_fail_after(0);
	request_resume(req, uv_hrtime());
	turn_until(&finished, 1);
	memory_restore();
	CU_ASSERT_STRING_EQUAL(trail, "wm");
	end(1);
}

static const struct test tests[] = {
	{"all who wait go on, once", all_who_wait_go_on},
	{"it can be given up", it_can_be_given_up},
	{"it is waited for beside other things", beside_others},
	{"without memory nobody waits", without_memory},
};

const struct suite bell_suite = {"bell", tests, COUNT(tests)};

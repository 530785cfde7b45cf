/* What runs beside each other, what it comes to, and how long it may take. */
#include <string.h>

#include "../support/harness.h"
#include "../support/process.h"
#include "actor.h"
#include "await/awaited.h"
#include "base/budget.h"
#include "http/body.h"
#include "http/reply.h"
#include "http/trace_context.h"

static struct bodies bodies = {.limit = 100,
			       .memory = 100,
			       .spooled = {.kind = &bodies.spool_kind},
			       .timeout = UINT64_C(60000000000)};
static struct budget budget = {.kind = &(struct budget_kind){.limit = 1 << 20}};
static const struct routes routes = {.state = &bodies};

/* With a body, of which nothing comes but what a test says. */
static void open_body(struct request *req)
{
	req->routes = &routes;
	req->budget = &budget;
	CU_ASSERT_EQUAL(body_open(req, &bodies), 0);
}

static void before(void)
{
	prepare = open_body;
	unread = true;
}

static void after(void)
{
	prepare = NULL;
	unread = false;
	body_pieces = variables = NULL;
	CU_ASSERT_EQUAL(budget.used, 0);
}

/* Its threads are let go when it has its answer. */
#define ENDS "], until finished 1, let-go, let-go, until released 1, timers 0, "

/* Also what it tries itself is not its deadline. */
#define HOLD_ON "call [try call [try within 60000 [sleep 60000], !], !]"
#define NAP	"call [within 60000 [sleep 1]]"

#define ADD_BRIEF "add sleep 1, add work, add compute, add output, add " NAP
#define ADD_LONG  "add sleep 60000, add hold, add hold-cpu, add input, add " HOLD_ON

static void whatever_is_waited_for_may_have_a_deadline(void)
{
	static const struct {
		const char *waits;
		const char *before; /* what it begins with */
	} rows[] = {
		{"sleep 60000", ""}, {"hold", ""},  {"hold-cpu", ""},
		{"input", ""},	     {HOLD_ON, ""}, {"gather", "add " HOLD_ON ", add sleep 0, "},
		{"body", ""},	     {"read", ""},  {"write", "stream, "},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *waits = rows[i].waits;
		const char *before = rows[i].before;

		play_all(1, 1,
			 textf("start [%stry within 1 [%s], try within 60000 [sleep 1], "
			       "try within 60000 [gather], reply 200" ENDS
			       "answered 200, trail [T..]",
			       before, waits));
		play_all(1, 1,
			 textf("start [%swithin 1 [%s], !" ENDS "answered %d, trail []", before,
			       waits, strcmp(waits, "write") != 0 ? 504 : 200));
	}
}

struct rounds {
	int n;
	size_t used;
};

static void nap(struct request *req, void *frame)
{
	(void)frame;
	ASYNC_BEGIN(req);
	AWAIT(req, wait_within(req, 60, sleep_for(req, 1e-9)));
	ASYNC_END(req);
}

static void wait_often(struct request *req)
{
	struct rounds *f = FRAME(req, struct rounds);

	ASYNC_BEGIN(req);
	for (; f->n < 300; f->n++) {
		AWAIT(req, wait_within(req, 60, call(req, nap, NULL)));
		gather_add_call(req, nap, NULL, NULL);
		AWAIT(req, gather_within(req, 60));
		if (!f->n)
			f->used = req->arena_used + budget.used;
	}
	CU_ASSERT_EQUAL(req->arena_used + budget.used, f->used);
	reply_bytes(req, 200, "text/plain", slice_of("done"));
	ASYNC_END(req);
}

static void waits_take_no_more_memory_the_more_there_are(void)
{
	struct request *req;

	begin(1, 1);
	req = request_new(HANDLER(wait_often));
	open_body(req);
	request_resume(req, uv_hrtime());
	turn_until(&released, 1);
	CU_ASSERT_EQUAL(answered, 200);
	CU_ASSERT_EQUAL(sched.timers.count, 0);
	end(1);
}

/* ---- calls beside each other ---- */

static void ask_beside(struct request *beside)
{
	CU_ASSERT_PTR_EQUAL(request_state(beside), &bodies);
	CU_ASSERT(slice_is(request_param(beside, "HOST"), "here"));
	CU_ASSERT(slice_equal(request_traceparent(beside), request_traceparent(reqs[0])));
}

static void it_may_wait_for_all_there_is(void)
{
	variables = STRINGS("HOST=here");
	body_pieces = STRINGS("body");
	unread = false;
	look = ask_beside;
	begin_play(1, 1);
	play("start [stream, add call [look, defer d, later [l], work, " NAP ", " ADD_BRIEF
	     ", gather 60000, outcomes, read, write, !], gather, >" ENDS
	     "answered 200, trail [.....!>ld]");
	CU_ASSERT(streamed.len > 4 && !memcmp(streamed.data + streamed.len - 4, "body", 4));
	end(1);
}

static void look_at_the_queue(struct request *req)
{
	CU_ASSERT(req->co.times.pool_queue >= HOLD_MS * UINT64_C(1000000));
	CU_ASSERT(req->co.times.pool >= NAP_MS * UINT64_C(1000000));
}

static void its_time_is_its_caller_s(void)
{
	look = look_at_the_queue;
	play_all(1, 1,
		 "start [hold, reply 200], entered, start [add call [nap], add call [], gather, "
		 "look, reply 200], turn, start [hold-loop, reply 200], let-go, until released 3");
}

static void has_the_sums(const struct request *caller)
{
	CU_ASSERT_EQUAL(caller->co.times.fetch, 2);
	CU_ASSERT_EQUAL(caller->co.times.db_queue, 40);
	CU_ASSERT_EQUAL(caller->co.times.db, 600);
}

static void wait_for_others(struct request *beside)
{
	static const struct {
		enum span_kind kind;
		uint64_t took;
	} waits[] = {{SPAN_FETCH, 1}, {SPAN_DB_QUEUE, 20}, {SPAN_DB, 300}};
	struct awaited awaited;

	if (beside == reqs[0]) { /* which has waited for two */
		has_the_sums(beside);
		return;
	}
	for (size_t i = 0; i < COUNT(waits); i++) {
		awaited_begin(&awaited, &beside->co, waits[i].kind, 0, 100);
		awaited_end(&awaited, 0, 100 + waits[i].took);
	}
}

static void what_it_awaits_is_its_caller_s(void)
{
	look = wait_for_others;
	play_all(1, 1,
		 "start [add call [look], add call [look], gather, look, reply 200" ENDS
		 "answered 200");
}

static void how_it_ends_is_its_outcome(void)
{
	static const struct {
		const char *called;
		char outcome;
		int status; /* where it is not tried */
		const char *letters;
		bool lends; /* its frame, to a thread */
	} rows[] = {
		{"large-frame, f", '.', 200, "f"},
		{"within 1 [sleep 60000], !", 'T', 504, ""},
		{"add call [read], add call [read], gather, !", 'B', 503, ""},
		{"add hold, entered, add work, add work, gather, !", 'A', 503, "", true},
		{"reply 404", 'P', 500, ""},
		{"stream", 'P', 500, "-"}, /* it is none */
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char outcome = rows[i].outcome;

		play_all(1, 1,
			 textf("start [add call [%s], add sleep 1, try gather, outcomes, lent, "
			       "reply 200" ENDS "answered 200, trail [%s%c%c.%s]",
			       rows[i].called, rows[i].letters, outcome, outcome,
			       rows[i].lends ? "" : "-"));
		play_all(1, 1,
			 textf("start [add call [%s], gather, reply 200" ENDS
			       "answered %d, trail [%s]",
			       rows[i].called, rows[i].status, rows[i].letters));
	}
}

/* Waits for what fits into no arena. */
#define SLEEP_5 "add sleep 1, add sleep 1, add sleep 1, add sleep 1, add sleep 1, "
#define FILL	"call [" SLEEP_5 SLEEP_5 SLEEP_5 SLEEP_5 "gather 60000, " NAP "]"

static void without_memory_it_is_a_503(void)
{
	play_without_memory("add " FILL ", add " FILL ", within 60000 [gather], within 60000 [" FILL
			    "], reply 200",
			    20);
}

static const struct test tests[] = {
	{"whatever is waited for may have a deadline", whatever_is_waited_for_may_have_a_deadline},
	{"waits take no more memory the more there are",
	 waits_take_no_more_memory_the_more_there_are},
	{"each has an outcome",
	 SCRIPTS({1, 1,
		  "start [" ADD_BRIEF ", gather, outcomes, " ADD_LONG
		  ", try gather 1, outcomes, add no-descriptor, try gather, outcomes, "
		  "reply 200" ENDS "answered 200, trail [.....TTTTTTDD]"},
		 {1, 1,
		  "start [add sleep 60000, add no-descriptor, add sleep 1, add work, add input, "
		  "add " NAP ", try gather 1, outcomes, reply 200" ENDS
		  "answered 200, trail [DTDDDDD]"},
		 /* What is called has begun when the loop has turned. */
		 {1, 1,
		  "start [" ADD_LONG ", gather, !], entered, entered, turn, cancel 0, outcomes, "
		  "trail [CCCCC], released 0, let-go, let-go, until released 1, trail [CCCCC]"})},
	/* Both timers are due when the loop is let go. */
	{"what was there in time is not late",
	 SCRIPTS({0, 0,
		  "start [try within 2 [sleep 1], reply 200], start [hold-loop, reply 200], "
		  "until released 2, trail [.]"})},
	{"what is late is no error of what it called",
	 SCRIPTS({0, 0,
		  "start [try within 1 [call [add sleep 60000, add no-descriptor, try gather, !]], "
		  "within 1 [call [add sleep 60000, add no-descriptor, try gather, !]]], "
		  "until released 1, answered 504, trail [T]"})},
	{"what is called runs beside each other",
	 SCRIPTS({1, 1,
		  "start [add call [a, sleep 0, b, sleep 0, c, sleep 0], "
		  "add call [1, sleep 0, 2, sleep 0, 3, sleep 0], <, gather, >, reply 200" ENDS
		  "answered 200, trail [<a1b2c3>]"})},
	{"it may wait for all there is", it_may_wait_for_all_there_is},
	{"its time is its caller's", its_time_is_its_caller_s},
	{"what it awaits is its caller's", what_it_awaits_is_its_caller_s},
	{"how it ends is its outcome", how_it_ends_is_its_outcome},
	{"without memory it is a 503", without_memory_it_is_a_503},
};

const struct suite gather_suite = {"gather", tests, COUNT(tests), .before = before, .after = after};

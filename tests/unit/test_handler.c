/* What handlers hold, call, try, and do later. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "actor.h"
#include "await/awaited.h"
#include "base/log.h"
#include "caught.h"
#include "http/reply.h"

static void answer(struct request *req)
{
	reply_bytes(req, 200, "text/plain", slice_of("done"));
}

/* ---- the frame ---- */

struct large {
	char bytes[100000];
	int count;
};

static void fill_a_large_frame(struct request *req)
{
	struct large *f = FRAME(req, struct large);

	ASYNC_BEGIN(req);
	for (size_t i = 0; i < sizeof(f->bytes); i++)
		f->count += f->bytes[i] != 0;
	CU_ASSERT_EQUAL(f->count, 0);
	memset(f->bytes, 'x', sizeof(f->bytes));
	AWAIT(req, sleep_for(req, 0));
	CU_ASSERT_EQUAL(f->bytes[sizeof(f->bytes) - 1], 'x');
	answer(req);
	ASYNC_END(req);
}

/* Sixteen bytes: they are in the request itself. */
struct two {
	int values[4];
};

static void write_late(void *arg)
{
	while (sem_wait(&work.gate))
		;
	((struct two *)arg)->values[0] = 77;
}

static void leave_it_running(struct request *req)
{
	struct two *f = FRAME(req, struct two);
	static int error;

	ASYNC_BEGIN(req);
	gather_add_thread(req, write_late, f, NULL);
	TRY_AWAIT(req, error, gather_within(req, 0.01));
	CU_ASSERT_EQUAL(error, -ETIMEDOUT);
	answer(req);
	ASYNC_END(req);
}

static void has_its_own_frame(struct request *req)
{
	struct two *f = FRAME(req, struct two);

	ASYNC_BEGIN(req);
	sem_post(&work.gate);
	AWAIT(req, sleep_for(req, 0.05));
	leave(f->values[0] == 77 ? 'X' : '0');
	ASYNC_END(req);
}

/* ---- jobs and calls ---- */

static atomic_int unwanted;

static void work_while_wanted(void *data)
{
	struct work_data *w = data;

	sem_post(&w->entered);
	while (still_wanted())
		usleep(100);
	unwanted++;
}

static void leave_a_job_behind(struct request *req)
{
	ASYNC_BEGIN(req);
	gather_add_thread(req, work_while_wanted, &work, NULL);
	entered();
	CU_ASSERT_TRUE(still_wanted());
	AWAIT(req, gather_within(req, 0.001));
	ASYNC_END(req);
}

static void a_job_can_ask_whether_it_is_still_wanted(void)
{
	unwanted = 0;
	run_course(&(struct course){GET("/", ASYNC, leave_a_job_behind), 504, ""});
	CU_ASSERT_EQUAL(unwanted, 1);
}

static void nap(struct request *req, void *frame)
{
	(void)frame;
	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, 0));
	ASYNC_END(req);
}

static void call_deeper(struct request *req, void *frame)
{
	ASYNC_BEGIN(req);
	AWAIT(req, call(req, nap, frame));
	ASYNC_END(req);
}

static void call_for_ever(struct request *req)
{
	int *count = FRAME(req, int);
	size_t used = req->arena_used;

	ASYNC_BEGIN(req);
	for (; *count < 1000; ++*count)
		AWAIT(req, call(req, call_deeper, NULL));
	CU_ASSERT_TRUE(used < 400);
	answer(req);
	ASYNC_END(req);
}

/* ---- before and after ---- */

struct letters {
	char letter;
	char more[200]; /* as much as a frame of their own */
};

static void leave_and_wait(struct request *req, char letter)
{
	struct letters *f = FRAME(req, struct letters);

	ASYNC_BEGIN(req);
	CU_ASSERT_EQUAL(f->letter, 0);
	f->letter = letter;
	AWAIT(req, sleep_for(req, 0));
	leave(f->letter);
	ASYNC_END(req);
}

static void before_all(struct request *req)
{
	leave_and_wait(req, '1');
}

static void before_this(struct request *req)
{
	leave_and_wait(req, '2');
}

static void after_this(struct request *req)
{
	CU_ASSERT_NOT_EQUAL(req->reply.status, 0);
	leave_and_wait(req, '4');
}

static void after_all(struct request *req)
{
	leave_and_wait(req, '5');
}

static void refuse(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, 0));
	leave('X');
	reply_error(req, 401);
	ASYNC_END(req);
}

static void late(struct request *req, void *frame)
{
	(void)frame;
	ASYNC_BEGIN(req);
	AWAIT(req, wait_within(req, 0.001, sleep_for(req, 60)));
	leave('!');
	ASYNC_END(req);
}

static void be_late(struct request *req)
{
	leave('(');
	late(req, NULL);
}

static void between(struct request *req)
{
	leave_and_wait(req, '3');
	if (!req->co.suspended)
		answer(req);
}

static void between_on_a_thread(struct request *req)
{
	leave('3');
	answer(req);
}

static void look_at_the_state(struct request *req)
{
	CU_ASSERT_PTR_EQUAL(request_state(req), &work);
	answer(req);
}

/* ---- a route's limits ---- */

static void try_for_ever(struct request *req)
{
	int *error = FRAME(req, int);

	ASYNC_BEGIN(req);
	for (;;)
		TRY_AWAIT(req, *error, call(req, late, NULL));
	ASYNC_END(req);
}

static const struct route in_a_minute = GET("/", ASYNC, try_for_ever, .deadline = 60);

static void one_that_leaves_before_its_deadline_leaves_no_timer(void)
{
	begin(0, 0);
	cancel(start(&in_a_minute));
	CU_ASSERT_EQUAL(released, 1);
	CU_ASSERT_EQUAL(sched.timers.count, 0);
	end(1);
}

static void one_that_has_no_memory_for_its_deadline_is_a_503(void)
{
	struct request *req;

	begin(0, 0);
	req = request_new(&in_a_minute);
	req->arena_used = sizeof(req->arena);
	memory_fail_after(0);
	request_resume(req, uv_hrtime());
	memory_restore();
	CU_ASSERT_EQUAL(answered, 503);
	end(1);
}

/* ---- what it has waited for is why ---- */

/* Calls to other services that have no end. */
static struct call_of {
	struct task task;
	struct awaited awaited;
} calls[2];

static void give_up(struct task *task)
{
	awaited_drop(&((struct call_of *)task)->awaited);
}

static void call_others(struct request *req)
{
	for (unsigned i = 0; i < COUNT(calls); i++) {
		awaited_begin(&calls[i].awaited, &req->co, SPAN_FETCH, i, 1);
		task_begin(&req->co, &calls[i].task, give_up, NULL);
	}
	gather_within(req, 0.001);
}

static void refuse_it(struct request *beside, void *frame)
{
	struct awaited awaited;

	(void)frame;
	ASYNC_BEGIN(beside);
	awaited_begin(&awaited, &beside->co, SPAN_DB, 2, 1);
	awaited_end(&awaited, -ENOTCONN, 2);
	coroutine_fail(&beside->co, -ENOTCONN);
	AWAIT(beside, gather(beside));
	ASYNC_END(beside);
}

struct attempts {
	int error;
};

static void fail_in_the_end(struct request *req)
{
	struct attempts *f = FRAME(req, struct attempts);

	sched_thing(&sched, slice_of("here:80"));
	sched_thing(&sched, slice_of("SELECT \"a\""));
	ASYNC_BEGIN(req);
	if (slice_is(req->method, "LATE"))
		AWAIT(req, call_others(req));
	TRY_AWAIT(req, f->error, call_others(req));
	CU_ASSERT_EQUAL(f->error, -ETIMEDOUT);
	if (slice_is(req->method, "REFUSED"))
		gather_add_call(req, refuse_it, NULL, NULL);
	else
		gather_add_fd(req, -1, UV_READABLE, NULL); /* that has no name */
	AWAIT(req, gather(req));
	ASYNC_END(req);
}

static void the_log_says_what_has_failed(void)
{
	static const struct {
		const char *method;
		int status;
		const char *says;
	} rows[] = {
		{"LATE", 504,
		 "event=await-failed await=\"fetch here:80\" error=\"Connection timed out\" "
		 "status=504\n"},
		{"REFUSED", 503,
		 "event=await-failed await=\"db SELECT \\\"a\\\"\" error=\"the database "
		 "does not answer\" status=503\n"},
		{"", 503, NULL},
	};

	log_init("told"); /* one whose warnings are not yet too many */
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct caught caught;
		struct request *req;

		begin(0, 0);
		req = request_new(HANDLER(fail_in_the_end));
		req->method = slice_of(rows[i].method);
		caught_begin();
		request_resume(req, uv_hrtime());
		turn_until(&finished, 1);
		caught_end(&caught);
		CU_ASSERT(rows[i].says ? caught_one_line(&caught, rows[i].says) : !caught.len);
		CU_ASSERT_EQUAL(answered, rows[i].status);
		end(1);
	}
	log_init(program_invocation_short_name);
}

/* ---- all that it may do ---- */

static void any_allocation_may_fail(void)
{
	play_without_memory("defer d, later [l, sleep 1, work, l, reply 404], large-frame, "
			    "call [sleep 0, n], add work, add compute, add sleep 1, add output, "
			    "gather 60000, reply 200",
			    8);
}

#define DEFERS	 "start [defer a, defer b, defer c, hold, reply 200], entered, trail []"
#define TWO_LATE "add hold, add work, add sleep 60000, "
#define LATE	 "call [call [(, add sleep 60000, gather 1, !], !]"
#define LATER(l) "later [" l ", sleep 1, work, " l ", reply 404]" /* to nobody */

static void work_in_its_own_pool(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, run_in_threadpool(req, just_run, &work));
	CU_ASSERT_EQUAL(board_get(&board.pools[BOARD_OWN].started), 1);
	answer(req);
	ASYNC_END(req);
}

static const struct test tests[] = {
	{"a route has a pool of its own",
	 COURSES({GET("/", ASYNC, work_in_its_own_pool, .pool = &own_pool), 200, ""})},
	{"a frame is not written by who is late",
	 COURSES({GET("/", ASYNC, leave_it_running, .after = has_its_own_frame), 200, "0"})},
	{"a frame of any size is zeroed, and kept",
	 COURSES({GET("/", ASYNC, fill_a_large_frame), 200, ""})},
	{"without memory for its frame a handler is a 503",
	 SCRIPTS({0, 0,
		  "memory-out 1, start [large-frame, !, reply 200], answered 503, trail []"})},
	{"who tries is told what failed, and goes on",
	 SCRIPTS({1, 0,
		  "start [add hold, entered, add work, let-go, try gather, outcomes, ran, work, "
		  "ran, reply 200], until released 1, answered 200, trail [A.A12]"})},
	{"what is late is dropped",
	 SCRIPTS({2, 1,
		  "start [" TWO_LATE "try gather 20, outcomes, let-go, try gather 60000, "
		  "add sleep 1, try gather 60000, reply 200], until released 1, answered 200, "
		  "timers 0, trail [TT.T..]"})},
	{"who does not try what is late is a 504",
	 SCRIPTS({2, 1,
		  "start [" TWO_LATE "gather 20, !], until finished 1, answered 504, let-go, "
		  "until released 1, trail []"})},
	{"the log says what has failed that was awaited", the_log_says_what_has_failed},
	{"a job can ask whether it is still wanted", a_job_can_ask_whether_it_is_still_wanted},
	/* The last of them does not wait. */
	{"what is called may wait, and call",
	 SCRIPTS({0, 0,
		  "start [call [<, call [sleep 0, n, sleep 0, n], >], call [<, call [], >], ., "
		  "reply 200], until released 1, answered 200, trail [<nn><>.]"})},
	{"calls take no more memory the more there are",
	 COURSES({GET("/", ASYNC, call_for_ever), 200, ""})},
	{"a failure goes to the last caller that tries",
	 SCRIPTS({0, 0,
		  "start [try " LATE ", ), try call [<, call [], >], reply 200], "
		  "until released 1, answered 200, trail [(T)<>.]"})},
	{"a failure that nobody tries is the request's",
	 SCRIPTS({0, 0, "start [" LATE ", !], until released 1, answered 504, trail [(]"})},
	{"what was deferred last runs first",
	 SCRIPTS({1, 1, DEFERS ", let-go, until finished 1, trail [cba]"})},
	{"it runs when the client has gone and the jobs are done",
	 SCRIPTS({1, 1,
		  DEFERS ", cancel 0, turn, trail [], let-go, until released 1, trail [cba]"})},
	/* There is room for one. */
	{"without memory it runs at once",
	 SCRIPTS({1, 1,
		  "memory-out 1, start-full 128 [defer a, defer b, defer c, hold, reply 200], "
		  "answered 503, trail [ba]"})},
	{"it works on when the answer has been sent",
	 SCRIPTS({1, 1,
		  "start [" LATER("a") ", later [add sleep 60000, gather 1, b], " LATER(
			  "c") ", sleep 0, defer z, reply 200], until finished 1, turn, answered "
			       "200, "
			       "released 0, until released 1, finished 1, answered 200, stayed 0, "
			       "ran 2, "
			       "trail [aaccz]"})},
	{"an error has no work after it",
	 SCRIPTS({1, 1,
		  "start [" LATER("a") ", add sleep 60000, gather 1], until released 1, "
				       "answered 504, trail []"})},
	{"what is before and after runs in its order",
	 COURSES({GET("/", ASYNC, between, .before = before_this, .after = after_this), 200,
		  "12345", before_all, after_all},
		 {GET("/", SYNC, between_on_a_thread, .before = before_this), 200, "235", NULL,
		  after_all},
		 {GET("/", ASYNC, look_at_the_state), 200, ""})},
	{"who replies before replies instead",
	 COURSES({GET("/", ASYNC, between, .before = refuse, .after = after_this), 401, "1X45",
		  before_all, after_all},
		 {GET("/", ASYNC, between, .before = before_this), 401, "X5", refuse, after_all},
		 {GET("/", ASYNC, between), 504, "(5", be_late, after_all})},
	{"the last may reply anew",
	 COURSES({GET("/", ASYNC, between, .after = refuse), 504, "3X(", NULL, be_late})},
	{"a request that outlives its deadline is a 504",
	 COURSES({GET("/", ASYNC, try_for_ever, .deadline = 0.02, .after = after_this), 504, "4"},
		 {GET("/", ASYNC, between, .deadline = 60), 200, "3"})},
	{"one that leaves before its deadline leaves no timer",
	 one_that_leaves_before_its_deadline_leaves_no_timer},
	{"one that has no memory for its deadline is a 503",
	 one_that_has_no_memory_for_its_deadline_is_a_503},
	{"a descriptor can be waited for",
	 SCRIPTS({0, 0,
		  "start [input, p, reply 200], turn, finished 0, come, until finished 1, "
		  "answered 200, trail [p]"},
		 {0, 0, "start [input, p, reply 200], cancel 0, released 1, trail []"})},
	/* 16 is EBUSY. */
	{"what is made to be waited for is waited for",
	 SCRIPTS({0, 0,
		  "start [wish, w, add wish, add sleep 0, try gather, outcomes, reply 200], turn, "
		  "trail [], grant 0, turn, trail [w], grant 16, until released 1, trail [wBB.]"},
		 {0, 0, "start [wish, !], grant 16, until released 1, answered 503, trail []"},
		 {0, 0, "start [try within 1 [wish], reply 200], until released 1, trail [cT]"},
		 {0, 0, "start [wish, !], cancel 0, turn, released 1, finished 0, trail [c]"})},
	{"a descriptor that cannot be waited for is a failure",
	 SCRIPTS({0, 0,
		  "start [no-descriptor, !], until released 1, answered 503, "
		  "trail []"})},
	{"any allocation may fail", any_allocation_may_fail},
};

const struct suite handler_suite = {"handler", tests, COUNT(tests)};

/* What runs beside each other, what it comes to, and how long it may take. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "alone.h"
#include "base/budget.h"
#include "base/util.h"
#include "http/body.h"
#include "http/reply.h"
#include "http/trace_context.h"

static int ends[2]; /* of a pipe in which nothing is */
static struct slice piece;
static int tried;
static struct work_data second; /* for a thread beside another */
static struct task unread;	/* the stream's */
static struct bodies bodies = {.limit = 100, .memory = 100, .timeout = UINT64_C(60000000000)};
static struct request_ops ops; /* those of alone.c, of a client that neither reads nor sends */
static struct budget budget = {.limit = 1 << 20};
static const struct routes routes = {.state = &bodies};

static void no_more(struct request *req)
{
	(void)req;
}

static void not_cancelled(struct task *task)
{
	(void)task;
}

static void never_read(struct request *req, struct coroutine *writer, struct slice bytes)
{
	(void)req;
	(void)bytes;
	task_begin(writer, &unread, not_cancelled, NULL);
}

static struct request *new_one(const struct route *route, size_t queue)
{
	struct request *req;

	begin(1, queue);
	second.ran = 0;
	sem_init(&second.entered, 0, 0);
	sem_init(&second.gate, 0, 0);
	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	req = request_new(route);
	ops = *req->ops;
	ops.body_wanted = no_more;
	ops.stream_write = never_read;
	req->ops = &ops;
	req->routes = &routes;
	req->budget = &budget;
	CU_ASSERT_EQUAL(body_open(req, &bodies), 0);
	return req;
}

/* Runs it to its end, and lets its threads go. */
static int status_with(void (*handler)(struct request *req), size_t queue)
{
	static struct route route;

	route = (struct route)GET("/", ASYNC, handler);
	request_resume(new_one(&route, queue), uv_hrtime());
	turn_until(&finished, 1);
	sem_post(&work.gate);
	sem_post(&second.gate);
	turn_until(&released, 1);
	CU_ASSERT_EQUAL(sched.timers.count, 0);
	CU_ASSERT_EQUAL(budget.used, 0);
	end(1);
	close(ends[0]);
	close(ends[1]);
	return answered;
}

static void answer(struct request *req)
{
	reply_bytes(req, 200, "text/plain", slice_of("done"));
}

/* ---- deadlines of waits ---- */

static void sleep_long(struct request *req)
{
	sleep_for(req, 60);
}

static void wait_on_thread(struct request *req)
{
	run_in_threadpool(req, wait_at_gate, &work);
}

static void wait_on_cpu(struct request *req)
{
	run_in_cpu_pool(req, wait_at_gate, &work);
}

static void wait_for_input(struct request *req)
{
	await_fd(req, ends[0], UV_READABLE);
}

/* Also what it tries itself is not its deadline. */
static void hold_on(struct request *req, void *frame)
{
	ASYNC_BEGIN(req);
	TRY_AWAIT(req, tried, wait_within(req, 60, sleep_long(req)));
	leave('!');
	AWAIT(req, call(req, hold_on, frame));
	ASYNC_END(req);
}

static void call_deeper(struct request *req, void *frame)
{
	ASYNC_BEGIN(req);
	TRY_AWAIT(req, tried, call(req, hold_on, frame));
	leave('!');
	ASYNC_END(req);
}

static void wait_for_a_call(struct request *req)
{
	call(req, call_deeper, NULL);
}

static void wait_for_one_beside(struct request *req)
{
	gather_add_call(req, call_deeper, NULL, NULL);
	gather_add_sleep(req, 0, NULL);
	gather(req);
}

static void wait_for_a_piece(struct request *req)
{
	request_read(req, &piece);
}

static void write_unread(struct request *req)
{
	if (!req->reply.begun)
		CU_ASSERT(reply_stream(req, 200, "text/plain"));
	stream_write(req, slice_of("x"));
}

static void (*begin_to_wait)(struct request *req);

static void try_it(struct request *req)
{
	int *error = FRAME(req, int);

	ASYNC_BEGIN(req);
	TRY_AWAIT(req, *error, wait_within(req, 0.001, begin_to_wait(req)));
	CU_ASSERT_EQUAL(*error, -ETIMEDOUT);
	TRY_AWAIT(req, *error, wait_within(req, 60, sleep_for(req, 0.001)));
	CU_ASSERT_EQUAL(*error, 0);
	TRY_AWAIT(req, *error, wait_within(req, 60, gather(req))); /* for nothing */
	CU_ASSERT_EQUAL(*error, 0);
	leave('.');
	answer(req);
	ASYNC_END(req);
}

static void do_not_try_it(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, wait_within(req, 0.001, begin_to_wait(req)));
	leave('!');
	ASYNC_END(req);
}

static void whatever_is_waited_for_may_have_a_deadline(void)
{
	static void (*const waits[])(struct request * req) = {
		sleep_long,	wait_on_thread,	  wait_on_cpu,
		wait_for_input, wait_for_a_call,  wait_for_one_beside,
		request_body,	wait_for_a_piece, write_unread,
	};

	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		begin_to_wait = waits[i];
		CU_ASSERT_EQUAL(status_with(try_it, 1), 200);
		CU_ASSERT_STRING_EQUAL(trail, ".");
		CU_ASSERT_EQUAL(status_with(do_not_try_it, 1),
				waits[i] == write_unread ? 200 : 504);
		CU_ASSERT_STRING_EQUAL(trail, "");
	}
}

struct rounds {
	int n;
	size_t used;
	int error;
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
	answer(req);
	ASYNC_END(req);
}

static void waits_take_no_more_memory_the_more_there_are(void)
{
	CU_ASSERT_EQUAL(status_with(wait_often, 1), 200);
}

/* ---- outcomes ---- */

enum { SLEEP, THREAD, CPU, FD, CALL, KINDS };

struct outcomes {
	int error;
	int of[KINDS];
};

static void begin_all(struct request *req, struct outcomes *f, bool for_long)
{
	gather_add_sleep(req, for_long ? 60 : 1e-9, &f->of[SLEEP]);
	gather_add_thread(req, for_long ? wait_at_gate : just_run, &work, &f->of[THREAD]);
	gather_add_cpu(req, for_long ? wait_at_gate : just_run, &second, &f->of[CPU]);
	gather_add_fd(req, ends[!for_long], for_long ? UV_READABLE : UV_WRITABLE, &f->of[FD]);
	gather_add_call(req, for_long ? hold_on : nap, NULL, &f->of[CALL]);
}

static void expect(struct outcomes *f, int error)
{
	for (int i = 0; i < KINDS; i++)
		CU_ASSERT_EQUAL(f->of[i], error);
	memset(f->of, 1, sizeof(f->of));
}

static void try_all(struct request *req)
{
	struct outcomes *f = FRAME(req, struct outcomes);

	ASYNC_BEGIN(req);
	expect(f, 0);
	begin_all(req, f, false);
	AWAIT(req, gather(req));
	expect(f, 0);
	begin_all(req, f, true);
	TRY_AWAIT(req, f->error, gather_within(req, 0.001));
	expect(f, -ETIMEDOUT);
	TRY_AWAIT(req, f->error, gather_add_fd(req, -1, UV_READABLE, &f->of[FD]); gather(req));
	CU_ASSERT_EQUAL(f->of[FD], f->error);
	CU_ASSERT(f->error < 0);
	answer(req);
	ASYNC_END(req);
}

static struct outcomes outlived;

static void leave_all(struct request *req)
{
	ASYNC_BEGIN(req);
	begin_all(req, &outlived, true);
	AWAIT(req, gather(req));
	leave('!');
	ASYNC_END(req);
}

static void each_has_an_outcome(void)
{
	struct request *req;

	CU_ASSERT_EQUAL(status_with(try_all, 1), 200);
	req = new_one(HANDLER(leave_all), 1);
	request_resume(req, uv_hrtime());
	entered();
	while (sem_wait(&second.entered))
		;
	turn(); /* what is called has begun, too */
	cancel(req);
	expect(&outlived, -ECANCELED);
	CU_ASSERT_EQUAL(released, 0); /* for the threads */
	sem_post(&work.gate);
	sem_post(&second.gate);
	turn_until(&released, 1);
	CU_ASSERT_STRING_EQUAL(trail, "");
	CU_ASSERT_EQUAL(budget.used, 0);
	end(1);
	close(ends[0]);
	close(ends[1]);
}

/* ---- calls beside each other ---- */

static void take_turns(struct request *beside, void *letters)
{
	char **at = letters;

	ASYNC_BEGIN(beside);
	for (; **at; ++*at) {
		leave(**at);
		AWAIT(beside, sleep_for(beside, 0));
	}
	ASYNC_END(beside);
}

static void run_two(struct request *req)
{
	char **letters = request_frame(req, 2 * sizeof(*letters));

	ASYNC_BEGIN(req);
	letters[0] = "abc";
	letters[1] = "123";
	gather_add_call(req, take_turns, &letters[0], NULL);
	gather_add_call(req, take_turns, &letters[1], NULL);
	leave('<');
	AWAIT(req, gather(req));
	leave('>');
	answer(req);
	ASYNC_END(req);
}

static void what_is_called_runs_beside_each_other(void)
{
	CU_ASSERT_EQUAL(status_with(run_two, 1), 200);
	CU_ASSERT_STRING_EQUAL(trail, "<a1b2c3>");
}

static void defer_letter(void *letter)
{
	leave(*(char *)letter);
}

static void work_later(struct request *req, void *frame)
{
	(void)req;
	defer_letter(frame);
}

/* Waits for all there is, and asks what the request asks. */
static void do_all(struct request *beside, void *frame)
{
	struct outcomes *f = FRAME(beside, struct outcomes);

	ASYNC_BEGIN(beside);
	CU_ASSERT_PTR_EQUAL(request_state(beside), &bodies);
	CU_ASSERT(slice_is(request_param(beside, "HOST"), "here"));
	CU_ASSERT(slice_equal(request_traceparent(beside), request_traceparent(frame)));
	CU_ASSERT(request_defer(beside, defer_letter, "d"));
	CU_ASSERT(request_later(beside, work_later, "l"));
	AWAIT(beside, run_in_threadpool(beside, just_run, &work));
	AWAIT(beside, call(beside, nap, NULL));
	begin_all(beside, f, false);
	AWAIT(beside, gather_within(beside, 60));
	CU_ASSERT_EQUAL(f->of[CALL], 0);
	AWAIT(beside, request_read(beside, &piece));
	CU_ASSERT(slice_is(piece, "body"));
	AWAIT(beside, stream_write(beside, slice_of("text")));
	leave('.');
	ASYNC_END(beside);
}

static void bring_body(struct request *req)
{
	if (body_is_wanted(req))
		body_came(req, slice_of("body"));
}

static void send_text(struct request *req, struct coroutine *writer, struct slice bytes)
{
	(void)req;
	CU_ASSERT(slice_is(bytes, "text"));
	coroutine_gather(writer);
}

static void run_all(struct request *req)
{
	static const char *const asked[] = {"HOST=here", NULL};

	ASYNC_BEGIN(req);
	variables = asked;
	ops.body_wanted = bring_body;
	ops.stream_write = send_text;
	CU_ASSERT(reply_stream(req, 200, "text/plain"));
	gather_add_call(req, do_all, req, NULL);
	AWAIT(req, gather(req));
	leave('>');
	ASYNC_END(req);
}

static void it_may_wait_for_all_there_is(void)
{
	CU_ASSERT_EQUAL(status_with(run_all, 1), 200);
	CU_ASSERT_STRING_EQUAL(trail, ".>ld");
	variables = NULL;
}

static void reply(struct request *beside, void *frame)
{
	(void)frame;
	reply_error(beside, 404);
}

static void stream(struct request *beside, void *frame)
{
	(void)frame;
	CU_ASSERT_FALSE(reply_stream(beside, 200, "text/plain"));
}

static void be_late(struct request *beside, void *frame)
{
	(void)frame;
	ASYNC_BEGIN(beside);
	AWAIT(beside, wait_within(beside, 0.001, sleep_for(beside, 60)));
	leave('!');
	ASYNC_END(beside);
}

static void read_piece(struct request *beside, void *frame)
{
	(void)frame;
	ASYNC_BEGIN(beside);
	AWAIT(beside, request_read(beside, &piece));
	ASYNC_END(beside);
}

static void read_beside_another(struct request *beside, void *frame)
{
	ASYNC_BEGIN(beside);
	gather_add_call(beside, read_piece, frame, NULL);
	gather_add_call(beside, read_piece, frame, NULL);
	AWAIT(beside, gather(beside));
	leave('!');
	ASYNC_END(beside);
}

static void need_a_frame(struct request *beside, void *frame)
{
	CU_ASSERT_EQUAL(((char *)request_frame(beside, 100000))[99999], 0);
	leave(*(char *)frame);
}

static void take_no_thread(struct request *beside, void *frame)
{
	(void)frame;
	ASYNC_BEGIN(beside);
	gather_add_thread(beside, wait_at_gate, &work, NULL);
	entered();
	gather_add_thread(beside, just_run, &work, NULL);
	gather_add_thread(beside, just_run, &work, NULL);
	AWAIT(beside, gather(beside));
	leave('!');
	ASYNC_END(beside);
}

static const struct ending {
	void (*fn)(struct request *beside, void *frame);
	int outcome;
	int status; /* where it is not tried */
	const char *trail;
} endings[] = {
	{need_a_frame, 0, 200, "f."},
	{be_late, -ETIMEDOUT, 504, ""},
	{read_beside_another, -EBUSY, 503, ""},
	{take_no_thread, -EAGAIN, 503, ""},
	{reply, -EPERM, 500, ""},
	{stream, -EPERM, 500, ""},
};

static const struct ending *ending;

static void try_ending(struct request *req)
{
	struct outcomes *f = FRAME(req, struct outcomes);

	ASYNC_BEGIN(req);
	gather_add_call(req, ending->fn, "f", &f->of[0]);
	gather_add_sleep(req, 0.001, &f->of[1]);
	TRY_AWAIT(req, f->error, gather(req));
	CU_ASSERT_EQUAL(f->error, ending->outcome);
	CU_ASSERT_EQUAL(f->of[0], ending->outcome);
	CU_ASSERT_EQUAL(f->of[1], 0);
	CU_ASSERT_EQUAL(req->co.lent, ending->fn == take_no_thread); /* its frame is */
	answer(req);
	ASYNC_END(req);
}

static void do_not_try_ending(struct request *req)
{
	ASYNC_BEGIN(req);
	gather_add_call(req, ending->fn, "f", NULL);
	AWAIT(req, gather(req));
	leave('.');
	answer(req);
	ASYNC_END(req);
}

static void how_it_ends_is_its_outcome(void)
{
	for (ending = endings; ending < endings + sizeof(endings) / sizeof(endings[0]); ending++) {
		CU_ASSERT_EQUAL(status_with(try_ending, 1), 200);
		CU_ASSERT_EQUAL(status_with(do_not_try_ending, 1), ending->status);
		CU_ASSERT_STRING_EQUAL(trail, ending->trail);
	}
}

/* Waits for what fits into no arena. */
static void fill_a_call(struct request *beside, void *frame)
{
	(void)frame;
	ASYNC_BEGIN(beside);
	for (int i = 0; i < 20; i++)
		gather_add_sleep(beside, 1e-9, NULL);
	AWAIT(beside, gather_within(beside, 60));
	AWAIT(beside, call(beside, nap, NULL));
	ASYNC_END(beside);
}

static void fill_two(struct request *req)
{
	ASYNC_BEGIN(req);
	gather_add_call(req, fill_a_call, NULL, NULL);
	gather_add_call(req, fill_a_call, NULL, NULL);
	AWAIT(req, wait_within(req, 60, gather(req)));
	AWAIT(req, wait_within(req, 60, call(req, fill_a_call, NULL)));
	answer(req);
	ASYNC_END(req);
}

static void fail_each(void (*how)(long n))
{
	long n = -1;

	do {
		struct request *req = new_one(HANDLER(fill_two), 1);

		req->arena_used = sizeof(req->arena);
		how(++n);
		request_resume(req, uv_hrtime());
		turn_until(&released, 1);
		memory_restore();
		CU_ASSERT_EQUAL(budget.used, 0);
		end(1);
		close(ends[0]);
		close(ends[1]);
	} while (answered == 503);
	CU_ASSERT_EQUAL(answered, 200);
	CU_ASSERT(n > 20);
}

static void without_memory_it_is_a_503(void)
{
	fail_each(memory_fail_after);
	fail_each(memory_fail_once_after);
}

static const struct test tests[] = {
	{"whatever is waited for may have a deadline", whatever_is_waited_for_may_have_a_deadline},
	{"waits take no more memory the more there are",
	 waits_take_no_more_memory_the_more_there_are},
	{"each has an outcome", each_has_an_outcome},
	{"what is called runs beside each other", what_is_called_runs_beside_each_other},
	{"it may wait for all there is", it_may_wait_for_all_there_is},
	{"how it ends is its outcome", how_it_ends_is_its_outcome},
	{"without memory it is a 503", without_memory_it_is_a_503},
};

const struct suite gather_suite = {"gather", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL};

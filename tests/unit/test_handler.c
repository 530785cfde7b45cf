/* What handlers hold, call, try, and do later. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "alone.h"
#include "http/reply.h"

static struct work_data second; /* for a thread beside another */

/* Runs a request of the handler to its answer. */
static void run(void (*handler)(struct request *req), unsigned threads, size_t queue)
{
	static struct route route;

	route = (struct route)GET("/", ASYNC, handler);
	begin(threads, queue);
	start(&route);
	turn_until(&finished, 1);
	turn();
}

/* A test that is nothing but that, with jobs that it may leave behind, and the letters it leaves.
 */
struct run {
	void (*handler)(struct request *req);
	unsigned threads;
	size_t queue;
	int status;
	const char *letters;
};

static void run_it(void)
{
	const struct run *it = harness_test()->data;

	run(it->handler, it->threads, it->queue);
	CU_ASSERT_EQUAL(answered, it->status);
	sem_post(&work.gate);
	turn_until(&released, 1);
	CU_ASSERT_STRING_EQUAL(trail, it->letters);
	end(1);
}

#define RUN(...)                                                                                   \
	run_it, &(const struct run)                                                                \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}

/* Starts it with so many bytes of its own taken already. */
static void start_without_memory(const struct route *route, size_t taken)
{
	struct request *req = request_new(route);

	request_alloc(req, taken);
	memory_fail_after(0);
	request_resume(req, uv_hrtime());
	memory_restore();
	CU_ASSERT_EQUAL(answered, 503);
}

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

static void without_memory_for_its_frame_a_handler_is_a_503(void)
{
	begin(0, 0);
	start_without_memory(HANDLER(fill_a_large_frame), 0);
	end(1);
}

/* ---- what fails ---- */

struct attempt {
	int error;
	int outcomes[3];
};

static void try_a_full_pool(struct request *req)
{
	struct attempt *f = FRAME(req, struct attempt);

	ASYNC_BEGIN(req);
	gather_add_thread(req, wait_at_gate, &work, &f->outcomes[0]);
	entered();
	gather_add_thread(req, just_run, &work, &f->outcomes[1]);
	sem_post(&work.gate);
	TRY_AWAIT(req, f->error, gather(req));
	CU_ASSERT_EQUAL(f->error, -EAGAIN);
	CU_ASSERT_EQUAL(f->outcomes[0], 0);
	CU_ASSERT_EQUAL(f->outcomes[1], -EAGAIN);
	CU_ASSERT_EQUAL(work.ran, 1);
	AWAIT(req, run_in_threadpool(req, just_run, &work));
	CU_ASSERT_EQUAL(work.ran, 2);
	answer(req);
	ASYNC_END(req);
}

static void wait_for_two(struct request *req, struct attempt *f)
{
	gather_add_thread(req, wait_at_gate, &work, &f->outcomes[0]);
	gather_add_thread(req, just_run, &second, &f->outcomes[1]);
	gather_add_sleep(req, 60, NULL);
	gather_within(req, 0.02);
}

static void try_what_is_late(struct request *req)
{
	struct attempt *f = FRAME(req, struct attempt);

	ASYNC_BEGIN(req);
	TRY_AWAIT(req, f->error, wait_for_two(req, f));
	CU_ASSERT_EQUAL(f->error, -ETIMEDOUT);
	CU_ASSERT_EQUAL(f->outcomes[0], -ETIMEDOUT);
	CU_ASSERT_EQUAL(f->outcomes[1], 0);
	sem_post(&work.gate);
	TRY_AWAIT(req, f->error, gather_within(req, 60));
	CU_ASSERT_EQUAL(f->error, 0);
	gather_add_sleep(req, 0.001, NULL);
	TRY_AWAIT(req, f->error, gather_within(req, 60));
	CU_ASSERT_EQUAL(f->error, 0);
	CU_ASSERT_EQUAL(sched.timers.count, 0);
	answer(req);
	ASYNC_END(req);
}

static void do_not_try_what_is_late(struct request *req)
{
	struct attempt *f = FRAME(req, struct attempt);

	ASYNC_BEGIN(req);
	AWAIT(req, wait_for_two(req, f));
	leave('!');
	ASYNC_END(req);
}

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
	run(leave_a_job_behind, 1, 1);
	turn_until(&released, 1);
	CU_ASSERT_EQUAL(unwanted, 1);
	end(1);
}

/* ---- calls ---- */

struct steps {
	int left;
	int error;
};

static void nap_often(struct request *req, void *frame)
{
	int *left = frame;

	ASYNC_BEGIN(req);
	for (; *left > 0; --*left) {
		AWAIT(req, sleep_for(req, 0));
		leave('n');
	}
	ASYNC_END(req);
}

static void call_deeper(struct request *req, void *frame)
{
	struct steps *s = frame;

	ASYNC_BEGIN(req);
	leave('<');
	AWAIT(req, call(req, nap_often, &s->left));
	leave('>');
	ASYNC_END(req);
}

static void call_twice(struct request *req)
{
	struct steps *s = FRAME(req, struct steps);

	ASYNC_BEGIN(req);
	s->left = 2;
	AWAIT(req, call(req, call_deeper, s));
	AWAIT(req, call(req, call_deeper, s)); /* which does not wait */
	leave('.');
	answer(req);
	ASYNC_END(req);
}

static void call_for_ever(struct request *req)
{
	struct steps *s = FRAME(req, struct steps);
	size_t used = req->arena_used;

	ASYNC_BEGIN(req);
	for (s->error = 0; s->error < 1000; s->error++) {
		s->left = 1;
		AWAIT(req, call(req, call_deeper, s));
		trail[0] = '\0';
	}
	CU_ASSERT_TRUE(used < 400);
	answer(req);
	ASYNC_END(req);
}

static void be_late(struct request *req, void *frame)
{
	(void)frame;
	ASYNC_BEGIN(req);
	leave('(');
	gather_add_sleep(req, 60, NULL);
	AWAIT(req, gather_within(req, 0.001));
	leave('!');
	ASYNC_END(req);
}

static void call_who_is_late(struct request *req, void *frame)
{
	ASYNC_BEGIN(req);
	AWAIT(req, call(req, be_late, frame));
	leave('!');
	ASYNC_END(req);
}

static void try_a_call(struct request *req)
{
	struct steps *s = FRAME(req, struct steps);

	ASYNC_BEGIN(req);
	TRY_AWAIT(req, s->error, call(req, call_who_is_late, s));
	CU_ASSERT_EQUAL(s->error, -ETIMEDOUT);
	leave(')');
	TRY_AWAIT(req, s->error, call(req, call_deeper, s));
	CU_ASSERT_EQUAL(s->error, 0);
	answer(req);
	ASYNC_END(req);
}

static void do_not_try_a_call(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, call(req, call_who_is_late, NULL));
	leave('!');
	ASYNC_END(req);
}

/* ---- what is deferred ---- */

static void leave_letter(void *letter)
{
	leave(*(char *)letter);
}

static void defer_three(struct request *req)
{
	ASYNC_BEGIN(req);
	for (int i = 0; i < 3; i++)
		if (!request_defer(req, leave_letter, &"abc"[i]))
			return;
	AWAIT(req, run_in_threadpool(req, wait_at_gate, &work));
	answer(req);
	ASYNC_END(req);
}

static void what_was_deferred_last_runs_first(void)
{
	begin(1, 1);
	start(HANDLER(defer_three));
	entered();
	CU_ASSERT_STRING_EQUAL(trail, "");
	sem_post(&work.gate);
	turn_until(&finished, 1);
	CU_ASSERT_STRING_EQUAL(trail, "cba");
	end(1);
}

static void it_runs_when_the_client_has_gone_and_the_jobs_are_done(void)
{
	struct request *req;

	begin(1, 1);
	req = start(HANDLER(defer_three));
	entered();
	cancel(req);
	turn();
	CU_ASSERT_STRING_EQUAL(trail, "");
	sem_post(&work.gate);
	turn_until(&released, 1);
	CU_ASSERT_STRING_EQUAL(trail, "cba");
	end(1);
}

static void without_memory_it_runs_at_once(void)
{
	begin(1, 1);
	start_without_memory(HANDLER(defer_three),
			     REQUEST_INLINE - 128); /* there is room for one */
	CU_ASSERT_STRING_EQUAL(trail, "ba");
	end(1);
}

/* ---- later ---- */

static void work_later(struct request *req, void *frame)
{
	ASYNC_BEGIN(req);
	leave(*(char *)frame);
	AWAIT(req, sleep_for(req, 0.001));
	AWAIT(req, run_in_threadpool(req, just_run, &work));
	leave(*(char *)frame);
	reply_error(req, 404); /* to nobody */
	ASYNC_END(req);
}

static void fail_later(struct request *req, void *frame)
{
	ASYNC_BEGIN(req);
	gather_add_sleep(req, 60, NULL);
	AWAIT(req, gather_within(req, 0.001));
	leave(*(char *)frame);
	ASYNC_END(req);
}

static void answer_and_work(struct request *req)
{
	ASYNC_BEGIN(req);
	request_later(req, work_later, &"abc"[0]);
	request_later(req, fail_later, &"abc"[1]);
	request_later(req, work_later, &"abc"[2]);
	AWAIT(req, sleep_for(req, 0));
	request_defer(req, leave_letter, &"."[0]);
	answer(req);
	ASYNC_END(req);
}

static void it_works_on_when_the_answer_has_been_sent(void)
{
	run(answer_and_work, 1, 1);
	CU_ASSERT_EQUAL(answered, 200);
	CU_ASSERT_EQUAL(released, 0);
	turn_until(&released, 1);
	CU_ASSERT_EQUAL(finished, 1);
	CU_ASSERT_EQUAL(answered, 200);
	CU_ASSERT_EQUAL(stayed, 0);
	CU_ASSERT_EQUAL(work.ran, 2);
	CU_ASSERT_STRING_EQUAL(trail, "aacc.");
	end(1);
}

static void fail_and_work(struct request *req)
{
	ASYNC_BEGIN(req);
	request_later(req, work_later, &"abc"[0]);
	gather_add_sleep(req, 60, NULL);
	AWAIT(req, gather_within(req, 0.001));
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

static void be_late_before(struct request *req)
{
	be_late(req, NULL);
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

static int state;

static void look_at_the_state(struct request *req)
{
	CU_ASSERT_PTR_EQUAL(request_state(req), &state);
	answer(req);
}

/* Runs a request of this route; says which letters were left. */
static const char *letters_of(struct route route, void (*before)(struct request *req),
			      void (*after)(struct request *req), int expected)
{
	static struct route list[1];
	static struct routes routes;
	struct request *req;

	list[0] = route;
	routes = (struct routes)ROUTES(list, .before = before, .after = after, .state = &state);
	begin(1, 1);
	req = request_new(&list[0]);
	req->routes = &routes;
	request_resume(req, uv_hrtime());
	turn_until(&finished, 1);
	CU_ASSERT_EQUAL(answered, expected);
	end(1);
	return trail;
}

static void what_is_before_and_after_runs_in_its_order(void)
{
	CU_ASSERT_STRING_EQUAL(
		letters_of((struct route)GET("/", ASYNC, between, .before = before_this,
					     .after = after_this),
			   before_all, after_all, 200),
		"12345");
	CU_ASSERT_STRING_EQUAL(
		letters_of((struct route)GET("/", SYNC, between_on_a_thread, .before = before_this),
			   NULL, after_all, 200),
		"235");
	letters_of((struct route)GET("/", ASYNC, look_at_the_state), NULL, NULL, 200);
}

static void who_replies_before_replies_instead(void)
{
	CU_ASSERT_STRING_EQUAL(letters_of((struct route)GET("/", ASYNC, between, .before = refuse,
							    .after = after_this),
					  before_all, after_all, 401),
			       "1X45");
	CU_ASSERT_STRING_EQUAL(
		letters_of((struct route)GET("/", ASYNC, between, .before = before_this), refuse,
			   after_all, 401),
		"X5");
	CU_ASSERT_STRING_EQUAL(
		letters_of((struct route)GET("/", ASYNC, between), be_late_before, after_all, 504),
		"(5");
}

static void the_last_may_reply_anew(void)
{
	CU_ASSERT_STRING_EQUAL(letters_of((struct route)GET("/", ASYNC, between, .after = refuse),
					  NULL, be_late_before, 504),
			       "3X(");
}

/* ---- a route's limits ---- */

static void try_for_ever(struct request *req)
{
	struct steps *s = FRAME(req, struct steps);

	ASYNC_BEGIN(req);
	for (;;)
		TRY_AWAIT(req, s->error, call(req, be_late, s));
	ASYNC_END(req);
}

static void a_request_that_outlives_its_deadline_is_a_504(void)
{
	CU_ASSERT_STRING_EQUAL(letters_of((struct route)GET("/", ASYNC, try_for_ever,
							    .deadline = 0.02, .after = after_this),
					  NULL, NULL, 504) +
				       strlen(trail) - 1,
			       "4");
	letters_of((struct route)GET("/", ASYNC, between, .deadline = 60), NULL, NULL, 200);
	CU_ASSERT_EQUAL(sched.timers.count, 0);
}

static void one_that_leaves_before_its_deadline_leaves_no_timer(void)
{
	static const struct route route = GET("/", ASYNC, try_for_ever, .deadline = 60);

	begin(0, 0);
	cancel(start(&route));
	CU_ASSERT_EQUAL(released, 1);
	CU_ASSERT_EQUAL(sched.timers.count, 0);
	end(1);
}

static void one_that_has_no_memory_for_its_deadline_is_a_503(void)
{
	static const struct route route = GET("/", ASYNC, between, .deadline = 60);
	begin(0, 0);
	start_without_memory(&route, REQUEST_INLINE);
	end(1);
}

/* ---- descriptors ---- */

static int ends[2];

static void read_from_a_pipe(struct request *req)
{
	char byte = 0;

	ASYNC_BEGIN(req);
	AWAIT(req, await_fd(req, ends[0], UV_READABLE));
	CU_ASSERT_EQUAL(read(ends[0], &byte, 1), 1);
	leave(byte);
	answer(req);
	ASYNC_END(req);
}

static void a_descriptor_can_be_waited_for(void)
{
	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	begin(0, 0);
	start(HANDLER(read_from_a_pipe));
	turn();
	CU_ASSERT_EQUAL(finished, 0);
	CU_ASSERT_EQUAL(write(ends[1], "p", 1), 1);
	turn_until(&finished, 1);
	CU_ASSERT_STRING_EQUAL(trail, "p");
	cancel(start(HANDLER(read_from_a_pipe)));
	CU_ASSERT_EQUAL(released, 2);
	end(2);
	close(ends[0]);
	close(ends[1]);
}

static void a_descriptor_that_cannot_be_waited_for_is_a_failure(void)
{
	ends[0] = -1;
	run(read_from_a_pipe, 0, 0);
	CU_ASSERT_EQUAL(answered, 503);
	end(1);
}

/* ---- without memory ---- */

static void everything(struct request *req)
{
	struct large *f = FRAME(req, struct large);

	ASYNC_BEGIN(req);
	if (!request_defer(req, leave_letter, &"d"[0]) || !request_later(req, work_later, &"l"[0]))
		return;
	f->count = 1;
	AWAIT(req, call(req, nap_often, &f->count));
	gather_add_thread(req, just_run, &work, NULL);
	gather_add_cpu(req, just_run, &second, NULL);
	gather_add_sleep(req, 0.0001, NULL);
	gather_add_fd(req, ends[0], UV_READABLE, NULL);
	AWAIT(req, gather_within(req, 60));
	answer(req);
	ASYNC_END(req);
}

static void any_allocation_may_fail(void)
{
	int got = 0;

	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	CU_ASSERT_EQUAL(write(ends[1], "p", 1), 1);
	for (long k = 0; got != 200; k++) {
		struct request *req;

		begin(2, 5);
		req = request_new(HANDLER(everything));
		request_alloc(req, REQUEST_INLINE); /* the arena asks, too */
		memory_fail_after(k);
		request_resume(req, uv_hrtime());
		turn_until(&finished, 1);
		turn_until(&released, 1);
		memory_restore();
		got = answered;
		CU_ASSERT_TRUE(got == 200 || got == 503);
		/* What was deferred ran once, last. */
		CU_ASSERT_TRUE(!strchr(trail, 'd') || !strcmp(strchr(trail, 'd'), "d"));
		CU_ASSERT_TRUE_FATAL(k < 1000);
		turn();
		end(1);
	}
	close(ends[0]);
	close(ends[1]);
}

/* Sixteen bytes: they are in the request itself. */
struct two {
	int values[4];
};

static sem_t go_on;

static void write_late(void *arg)
{
	sem_wait(&go_on);
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
	reply_bytes(req, 200, NULL, slice_of("x"));
	ASYNC_END(req);
}

static void has_its_own_frame(struct request *req)
{
	struct two *f = FRAME(req, struct two);

	ASYNC_BEGIN(req);
	sem_post(&go_on);
	AWAIT(req, sleep_for(req, 0.05));
	leave(f->values[0] == 77 ? 'X' : '0');
	ASYNC_END(req);
}

static void a_frame_is_not_written_by_who_is_late(void)
{
	sem_init(&go_on, 0, 0);
	CU_ASSERT_STRING_EQUAL(letters_of((struct route)GET("/", ASYNC, leave_it_running,
							    .after = has_its_own_frame),
					  NULL, NULL, 200),
			       "0");
}

static const struct test tests[] = {
	{"a frame is not written by who is late", a_frame_is_not_written_by_who_is_late},
	{"a frame of any size is zeroed, and kept", RUN(fill_a_large_frame, 0, 0, 200, "")},
	{"without memory for its frame a handler is a 503",
	 without_memory_for_its_frame_a_handler_is_a_503},
	{"who tries is told what failed, and goes on", RUN(try_a_full_pool, 1, 0, 200, "")},
	{"what is late is dropped", RUN(try_what_is_late, 2, 1, 200, "")},
	{"who does not try what is late is a 504", RUN(do_not_try_what_is_late, 2, 1, 504, "")},
	{"a job can ask whether it is still wanted", a_job_can_ask_whether_it_is_still_wanted},
	{"what is called may wait, and call", RUN(call_twice, 0, 0, 200, "<nn><>.")},
	{"calls take no more memory the more there are", RUN(call_for_ever, 0, 0, 200, "")},
	{"a failure goes to the last caller that tries", RUN(try_a_call, 0, 0, 200, "()<>")},
	{"a failure that nobody tries is the request's", RUN(do_not_try_a_call, 0, 0, 504, "(")},
	{"what was deferred last runs first", what_was_deferred_last_runs_first},
	{"it runs when the client has gone and the jobs are done",
	 it_runs_when_the_client_has_gone_and_the_jobs_are_done},
	{"without memory it runs at once", without_memory_it_runs_at_once},
	{"it works on when the answer has been sent", it_works_on_when_the_answer_has_been_sent},
	{"an error has no work after it", RUN(fail_and_work, 1, 1, 504, "")},
	{"what is before and after runs in its order", what_is_before_and_after_runs_in_its_order},
	{"who replies before replies instead", who_replies_before_replies_instead},
	{"the last may reply anew", the_last_may_reply_anew},
	{"a request that outlives its deadline is a 504",
	 a_request_that_outlives_its_deadline_is_a_504},
	{"one that leaves before its deadline leaves no timer",
	 one_that_leaves_before_its_deadline_leaves_no_timer},
	{"one that has no memory for its deadline is a 503",
	 one_that_has_no_memory_for_its_deadline_is_a_503},
	{"a descriptor can be waited for", a_descriptor_can_be_waited_for},
	{"a descriptor that cannot be waited for is a failure",
	 a_descriptor_that_cannot_be_waited_for_is_a_failure},
	{"any allocation may fail", any_allocation_may_fail},
};

const struct suite handler_suite = {"handler", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL};

/* What a handler can wait for, and what becomes of its request. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "../support/waits.h"
#include "alone.h"
#include "engine/application.h"
#include "engine/observer.h"
#include "http/reply.h"
#include "scoreboard/board_reader.h"

/* ---- sleeping ---- */

struct nap {
	double seconds;
	uint64_t from;
};

static const double *naps;

static void take_nap(struct request *req)
{
	struct nap *nap = request_frame(req, sizeof(*nap));

	ASYNC_BEGIN(req);
	nap->seconds = *naps++;
	nap->from = uv_hrtime();
	AWAIT(req, sleep_for(req, nap->seconds));
	CU_ASSERT_TRUE(uv_hrtime() - nap->from >= (uint64_t)(nap->seconds * 1e9));
	leave('.');
	reply_bytes(req, 200, "text/plain", slice_of("slept"));
	ASYNC_END(req);
}

static void a_sleep_never_ends_early(void)
{
	static const double seconds[] = {0.03, 0.0001, 0.001, 0.0015, 0.0000001, 0.012345, 0.002};
	int count = (int)(sizeof(seconds) / sizeof(seconds[0]));

	begin(0, 0);
	naps = seconds;
	for (int i = 0; i < count; i++)
		start(HANDLER(take_nap));
	turn_until(&finished, count);
	CU_ASSERT_EQUAL(answered, 200);
	end(count);
}

static void gather_three(struct request *req)
{
	uint64_t *from = request_frame(req, sizeof(*from));

	ASYNC_BEGIN(req);
	*from = uv_hrtime();
	gather_add_sleep(req, 0.001, NULL);
	gather_add_sleep(req, 0.02, NULL);
	gather_add_sleep(req, 0.01, NULL);
	AWAIT(req, gather(req));
	CU_ASSERT_TRUE(uv_hrtime() - *from >= 20000000);
	CU_ASSERT_EQUAL(req->co.pending, 0);
	leave('r');
	reply_error(req, 404);
	ASYNC_END(req);
}

static void gather_resumes_once_after_the_longest(void)
{
	begin(0, 0);
	start(HANDLER(gather_three));
	turn_until(&finished, 1);
	turn();
	CU_ASSERT_STRING_EQUAL(trail, "r");
	end(1);
}

static bool inside;

static void from_inside(struct request *req, void (*awaitable)(struct request *req))
{
	inside = true;
	awaitable(req);
	inside = false;
}

static void await_zero(struct request *req)
{
	sleep_for(req, 0);
}

static void await_negative(struct request *req)
{
	sleep_for(req, -1);
}

static void await_nan(struct request *req)
{
	sleep_for(req, 0.0 / 0.0);
}

static void await_thread(struct request *req)
{
	run_in_threadpool(req, just_run, &work);
}

static void await_cpu(struct request *req)
{
	run_in_cpu_pool(req, just_run, &work);
}

static void await_everything(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, from_inside(req, gather));
	CU_ASSERT_FALSE(inside);
	AWAIT(req, from_inside(req, await_zero));
	CU_ASSERT_FALSE(inside);
	AWAIT(req, from_inside(req, await_negative));
	CU_ASSERT_FALSE(inside);
	AWAIT(req, from_inside(req, await_nan));
	CU_ASSERT_FALSE(inside);
	AWAIT(req, from_inside(req, await_thread));
	CU_ASSERT_FALSE(inside);
	AWAIT(req, from_inside(req, await_cpu));
	CU_ASSERT_FALSE(inside);
	leave('e');
	reply_error(req, 404);
	ASYNC_END(req);
}

static void an_awaitable_never_resumes_from_inside(void)
{
	for (unsigned threads = 0; threads < 2; threads++) {
		begin(threads, 1);
		start(HANDLER(await_everything));
		CU_ASSERT_EQUAL(finished, 0);
		turn_until(&finished, 1);
		CU_ASSERT_STRING_EQUAL(trail, "e");
		CU_ASSERT_EQUAL(work.ran, 2);
		end(1);
	}
}

static void a_then_b(struct request *req)
{
	ASYNC_BEGIN(req);
	leave('a');
	AWAIT(req, sleep_for(req, 0));
	CU_ASSERT_TRUE(req->co.times.suspended <
		       60000000000); /* the n-th of a batch as the first */
	leave('b');
	reply_error(req, 404);
	ASYNC_END(req);
}

static void sleep_0_lets_others_run_first(void)
{
	begin(0, 0);
	for (int i = 0; i < 3; i++)
		start(HANDLER(a_then_b));
	CU_ASSERT_STRING_EQUAL(trail, "aaa");
	turn_until(&finished, 3);
	CU_ASSERT_STRING_EQUAL(trail, "aaabbb");
	end(3);
}

/* Both are ready once, and then one of them sleeps. */
static void one_of_two(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, 0));
	AWAIT(req, sleep_for(req, req->serial == 2 ? 1000 : 0));
	leave(req->serial == 2 ? '2' : '1');
	reply_error(req, 404);
	ASYNC_END(req);
}

static void who_sleeps_is_not_woken_beside_another(void)
{
	struct request *reqs[2];

	begin(0, 0);
	for (uint32_t i = 0; i < 2; i++) {
		reqs[i] = request_new(HANDLER(one_of_two));
		reqs[i]->serial = i + 1;
		request_resume(reqs[i], uv_hrtime());
	}
	turn_until(&finished, 1);
	turn();
	CU_ASSERT_STRING_EQUAL(trail, "1");
	cancel(reqs[1]);
	end(2);
}

/* On a thread: ends when the loop is seen to wait. */
static void see_the_loop_wait(void *board)
{
	while (board_get(&((struct board_slot *)board)->turn_since))
		usleep(100);
}

static struct board_slot seen;

static void have_the_loop_seen(struct request *req)
{
	ASYNC_BEGIN(req);
	CU_ASSERT_TRUE(board_get(&seen.turn_since) != 0);
	AWAIT(req, run_in_threadpool(req, see_the_loop_wait, &seen));
	reply_error(req, 404);
	ASYNC_END(req);
}

static void a_loop_that_waits_is_not_held(void)
{
	begin(1, 1);
	sched.options.board = &seen;
	start(HANDLER(have_the_loop_seen));
	turn_until(&finished, 1);
	end(1);
}

static int heard;

static void on_heard(uv_poll_t *poll, int err, int events)
{
	(void)err;
	(void)events;
	heard++;
	uv_poll_stop(poll);
}

static void until_heard(struct request *req)
{
	ASYNC_BEGIN(req);
	while (!heard)
		AWAIT(req, sleep_for(req, 0));
	reply_error(req, 404);
	ASYNC_END(req);
}

static void sleep_0_for_ever_does_not_starve_the_sockets(void)
{
	uv_poll_t poll;
	int fd = eventfd(1, EFD_CLOEXEC);

	begin(0, 0);
	heard = 0;
	uv_poll_init(&loop, &poll, fd);
	uv_poll_start(&poll, UV_READABLE, on_heard);
	start(HANDLER(until_heard));
	turn_until(&finished, 1);
	uv_close((uv_handle_t *)&poll, NULL);
	end(1);
	close(fd);
}

static void ready_requests_settle_in_one_batch(void)
{
	int before;

	begin(0, 0);
	for (int i = 0; i < 3; i++)
		start(HANDLER(a_then_b));
	before = settled;
	turn_until(&settled, before + 1);
	CU_ASSERT_EQUAL(finished, 3);
	end(3);
}

static uint64_t begun_at;

static void the_frame_survives_and_times_add_up(struct request *req)
{
	int *count = request_frame(req, sizeof(*count));

	ASYNC_BEGIN(req);
	for (*count = 0; *count < 3; ++*count) {
		usleep(1000);
		AWAIT(req, sleep_for(req, 0.002));
	}
	CU_ASSERT_EQUAL(*count, 3);
	CU_ASSERT_TRUE(req->co.times.loop >= 3000000);
	CU_ASSERT_TRUE(req->co.times.suspended + req->co.times.loop <= uv_hrtime() - begun_at);
	/* Suspension begins when the handler has returned, the sleep a little earlier. */
	CU_ASSERT_TRUE(req->co.times.suspended + req->co.times.loop >= 6000000);
	AWAIT(req, run_in_threadpool(req, just_run, &work));
	/* A thread may have begun, or even ended, before the handler that started it returned. */
	CU_ASSERT_TRUE(req->co.times.loop + req->co.times.suspended >=
		       req->co.times.pool + req->co.times.pool_queue);
	CU_ASSERT_TRUE(req->co.times.pool > 0 && req->co.times.pool_queue > 0);
	CU_ASSERT_TRUE(req->co.times.pool <= uv_hrtime() - begun_at);
	CU_ASSERT_TRUE(req->co.times.pool_queue <= uv_hrtime() - begun_at);
	reply_error(req, 404);
	ASYNC_END(req);
}

static void frames_survive_and_times_add_up(void)
{
	begin(1, 1);
	begun_at = uv_hrtime();
	start(HANDLER(the_frame_survives_and_times_add_up));
	turn_until(&finished, 1);
	CU_ASSERT_EQUAL(answered, 404);
	end(1);
}

static void sleep_a_thousand_times(struct request *req)
{
	int *count = request_frame(req, sizeof(*count));

	ASYNC_BEGIN(req);
	for (*count = 0; *count < 1000; ++*count)
		AWAIT(req, sleep_for(req, 1e-9));
	reply_error(req, 404);
	ASYNC_END(req);
}

static void sleep_after_sleep_needs_no_more_memory(void)
{
	long before;

	begin(0, 0);
	before = memory_allocations();
	start(HANDLER(sleep_a_thousand_times));
	turn_until(&finished, 1);
	CU_ASSERT_EQUAL(memory_allocations() - before, 2); /* the request, the heap of timers */
	end(1);
}

static void gather_three_again_and_again(struct request *req)
{
	int *count = request_frame(req, sizeof(*count));

	ASYNC_BEGIN(req);
	for (*count = 0; *count < 100; ++*count) {
		gather_add_sleep(req, 1e-9, NULL);
		gather_add_sleep(req, 1e-9, NULL);
		gather_add_sleep(req, 1e-9, NULL);
		AWAIT(req, gather(req));
	}
	reply_error(req, 404);
	ASYNC_END(req);
}

static void gather_after_gather_needs_no_more_memory(void)
{
	long before;

	begin(0, 0);
	before = memory_allocations();
	start(HANDLER(gather_three_again_and_again));
	turn_until(&finished, 1);
	CU_ASSERT_EQUAL(memory_allocations() - before, 2);
	end(1);
}

static void count_up(void *count)
{
	++*(int *)count;
}

static void work_a_hundred_times(struct request *req)
{
	int *count = request_frame(req, sizeof(*count));

	ASYNC_BEGIN(req);
	while (*count < 100)
		AWAIT(req, run_in_threadpool(req, count_up, count));
	reply_error(req, 404);
	ASYNC_END(req);
}

static void job_after_job_needs_no_more_memory(void)
{
	struct request *req;

	begin(1, 1);
	req = request_new(HANDLER(work_a_hundred_times));
	request_ref(req);
	request_resume(req, uv_hrtime());
	turn_until(&finished, 1);
	CU_ASSERT_PTR_NULL(req->chunks);
	CU_ASSERT(req->arena_used > 0);
	request_unref(req);
	end(1);
}

/* ---- threads ---- */

static void hold_thread(struct request *req)
{
	ASYNC_BEGIN(req);
	leave('h');
	AWAIT(req, run_in_threadpool(req, wait_at_gate, &work));
	leave('H');
	reply_bytes(req, 200, NULL, slice_of(""));
	ASYNC_END(req);
}

static void queue_behind(struct request *req)
{
	ASYNC_BEGIN(req);
	leave('q');
	AWAIT(req, run_in_threadpool(req, just_run, &work));
	leave('Q');
	reply_bytes(req, 200, NULL, slice_of(""));
	ASYNC_END(req);
}

static const struct route hold = GET("/", ASYNC, hold_thread);
static const struct route behind = GET("/", ASYNC, queue_behind);

static void a_job_runs_on_a_thread_and_the_loop_goes_on(void)
{
	static const struct route other = GET("/", ASYNC, a_then_b);

	begin(1, 1);
	start(&hold);
	entered();
	CU_ASSERT_FALSE(pthread_equal(work.thread, pthread_self()));
	start(&other);
	turn_until(&finished, 1); /* while the thread is held */
	CU_ASSERT_STRING_EQUAL(trail, "hab");
	sem_post(&work.gate);
	turn_until(&finished, 2);
	CU_ASSERT_STRING_EQUAL(trail, "habH");
	CU_ASSERT_EQUAL(answered, 200);
	end(2);
}

static void on_cpu_pool(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, run_in_cpu_pool(req, just_run, &work));
	reply_bytes(req, 200, NULL, slice_of(""));
	ASYNC_END(req);
}

static void the_cpu_pool_is_another_of_lower_priority(void)
{
	int own = getpriority(PRIO_PROCESS, 0);

	begin(1, 0);
	start(&hold);
	entered();
	CU_ASSERT_EQUAL(work.nice, own);
	start(HANDLER(on_cpu_pool)); /* the blocking pool is full */
	turn_until(&finished, 1);
	CU_ASSERT_EQUAL(answered, 200);
	CU_ASSERT_EQUAL(work.nice, own < 19 ? own + 1 : own);
	sem_post(&work.gate);
	turn_until(&finished, 2);
	end(2);
}

static void a_full_queue_answers_503(void)
{
	begin(1, 1);
	start(&hold);
	entered();
	start(&behind);
	CU_ASSERT_EQUAL(finished, 0);
	start(&behind);
	CU_ASSERT_EQUAL(finished, 1);
	CU_ASSERT_EQUAL(answered, 503);
	CU_ASSERT_TRUE(retry_after);
	sem_post(&work.gate);
	turn_until(&finished, 3);
	CU_ASSERT_EQUAL(answered, 200);
	CU_ASSERT_STRING_EQUAL(trail, "hqqHQ");
	end(3);
}

static void stream_and_wait_for_a_thread(struct request *req)
{
	ASYNC_BEGIN(req);
	CU_ASSERT_TRUE(reply_stream(req, 200, "text/event-stream"));
	AWAIT(req, run_in_threadpool(req, just_run, &work));
	leave('!');
	ASYNC_END(req);
}

static void a_stream_that_was_begun_gets_no_other_head(void)
{
	struct request *req;

	begin(1, 0);
	start(&hold);
	entered();
	req = request_new(HANDLER(stream_and_wait_for_a_thread));
	request_resume(req, uv_hrtime());
	CU_ASSERT_EQUAL(finished, 1);
	CU_ASSERT_EQUAL(answered, 200);
	CU_ASSERT_FALSE(retry_after);
	sem_post(&work.gate);
	turn_until(&finished, 2);
	CU_ASSERT_STRING_EQUAL(trail, "hH");
	end(2);
}

static void work_then_sleep(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, run_in_threadpool(req, just_run, &work));
	AWAIT(req, sleep_for(req, 0.001));
	reply_error(req, 404);
	ASYNC_END(req);
}

static void the_board_tells_work_from_sleep(void)
{
	static struct board_slot board;
	struct span spans[16];
	uint64_t next = 0;
	int counts[SPAN_GONE + 1] = {0};
	size_t count;

	begin(1, 1);
	sched.options.board = &board;
	start(HANDLER(work_then_sleep));
	turn_until(&finished, 1);
	count = board_spans(&board, &next, spans, sizeof(spans) / sizeof(spans[0]), NULL);
	for (size_t i = 0; i < count; i++)
		counts[spans[i].kind]++;
	CU_ASSERT_EQUAL(counts[SPAN_LOOP], 3);
	CU_ASSERT_EQUAL(counts[SPAN_POOL_QUEUE], 1);
	CU_ASSERT_EQUAL(counts[SPAN_POOL], 1);
	CU_ASSERT_EQUAL(counts[SPAN_AWAIT], 1); /* the sleep, and not the work */
	end(1);
}

/* ---- woken, and not run yet ---- */

enum { NAP_MS = 5, HOLD_MS = 60 };

static void hold_the_loop(struct request *req)
{
	poll(NULL, 0, HOLD_MS);
	reply_error(req, 404);
}

static void work_for_a_nap(void *unused)
{
	(void)unused;
	poll(NULL, 0, NAP_MS);
}

static void nap_on_a_thread(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, run_in_threadpool(req, work_for_a_nap, NULL));
	reply_error(req, 404);
	ASYNC_END(req);
}

static void nap_on_the_loop(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, NAP_MS / 1e3));
	reply_error(req, 404);
	ASYNC_END(req);
}

static void let_others_run(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, 0));
	CU_ASSERT_TRUE(req->co.times.ready >= HOLD_MS * UINT64_C(1000000));
	CU_ASSERT_TRUE(req->co.times.ready <= req->co.times.suspended);
	reply_error(req, 404);
	ASYNC_END(req);
}

/* The milliseconds of the request's spans of a kind. */
static double spans_of(struct board_slot *board, uint32_t serial, enum span_kind kind)
{
	struct span spans[32];
	uint64_t next = 0;
	double sum = 0;
	size_t count = board_spans(board, &next, spans, sizeof(spans) / sizeof(spans[0]), NULL);

	for (size_t i = 0; i < count; i++)
		if (spans[i].owner.serial == serial && spans[i].kind == kind)
			sum += (double)spans[i].duration / 1e6;
	return sum;
}

/* Whether it has any, be it of no length. */
static bool has_span(struct board_slot *board, uint32_t serial, enum span_kind kind)
{
	struct span spans[32];
	uint64_t next = 0;
	size_t count = board_spans(board, &next, spans, sizeof(spans) / sizeof(spans[0]), NULL);

	for (size_t i = 0; i < count; i++)
		if (spans[i].owner.serial == serial && spans[i].kind == kind)
			return true;
	return false;
}

/* Begins with one that naps, and one that then holds the loop for longer. */
static void nap_beside_a_hold(void (*handler)(struct request *req), struct board_slot *board)
{
	static const struct route holder = GET("/", ASYNC, hold_the_loop);
	const struct route napper = GET("/", ASYNC, handler);
	struct request *req;

	begin(1, 1);
	memset(board, 0, sizeof(*board));
	sched.options.board = board;
	req = request_new(&napper);
	req->serial = 1;
	observer_picked_up(req);
	request_resume(req, uv_hrtime());
	start(&holder);
	turn_until(&finished, 2);
	end(2);
}

static void who_waits_for_a_held_loop_is_ready(void)
{
	static struct board_slot board;

	nap_beside_a_hold(nap_on_the_loop, &board);
	CU_ASSERT_TRUE(spans_of(&board, 1, SPAN_READY) >= HOLD_MS - NAP_MS - 1);
	CU_ASSERT_TRUE(spans_of(&board, 1, SPAN_AWAIT) >= NAP_MS - 1);
	CU_ASSERT_TRUE(spans_of(&board, 1, SPAN_AWAIT) < HOLD_MS);
	nap_beside_a_hold(nap_on_a_thread, &board);
	CU_ASSERT_TRUE(spans_of(&board, 1, SPAN_POOL) >= NAP_MS - 1);
	CU_ASSERT_TRUE(spans_of(&board, 1, SPAN_READY) + spans_of(&board, 1, SPAN_POOL_QUEUE) +
			       spans_of(&board, 1, SPAN_POOL) >=
		       HOLD_MS - 1);
	CU_ASSERT_EQUAL(spans_of(&board, 1, SPAN_AWAIT), 0);
	nap_beside_a_hold(let_others_run, &board);
	CU_ASSERT_TRUE(spans_of(&board, 1, SPAN_READY) >= HOLD_MS);
	CU_ASSERT_FALSE(has_span(&board, 1, SPAN_AWAIT));
}

static void who_waits_for_nothing_but_its_sleep_awaits(void)
{
	static const struct route napper = GET("/", ASYNC, nap_on_the_loop);
	static struct board_slot board;
	struct request *req;

	begin(1, 1);
	memset(&board, 0, sizeof(board));
	sched.options.board = &board;
	req = request_new(&napper);
	req->serial = 1;
	observer_picked_up(req);
	request_resume(req, uv_hrtime());
	turn_until(&finished, 1);
	CU_ASSERT_TRUE(spans_of(&board, 1, SPAN_AWAIT) >= NAP_MS - 1);
	CU_ASSERT_TRUE(!has_span(&board, 1, SPAN_READY) || spans_of(&board, 1, SPAN_READY) >= 1);
	IN_TIME(spans_of(&board, 1, SPAN_READY) == 0);
	end(1);
}

static void work_on_either(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, run_in_threadpool(req, just_run, &work));
	AWAIT(req, run_in_cpu_pool(req, just_run, &work));
	reply_error(req, 404);
	ASYNC_END(req);
}

static void the_board_tells_which_pool_it_was(void)
{
	static struct board_slot board;
	struct span spans[32];
	uint64_t next = 0;
	int count[BOARD_POOLS][2] = {0};
	size_t n;

	begin(1, 1);
	memset(&board, 0, sizeof(board));
	sched.options.board = &board;
	start(HANDLER(work_on_either));
	turn_until(&finished, 1);
	n = board_spans(&board, &next, spans, sizeof(spans) / sizeof(spans[0]), NULL);
	for (size_t i = 0; i < n; i++) {
		if (spans[i].kind == SPAN_POOL)
			CU_ASSERT_EQUAL(spans[i].pool,
					count[BOARD_BLOCKING][1] ? BOARD_CPU : BOARD_BLOCKING);
		count[spans[i].pool][0] += spans[i].kind == SPAN_POOL_QUEUE;
		count[spans[i].pool][1] += spans[i].kind == SPAN_POOL;
	}
	for (int pool = 0; pool < BOARD_OWN; pool++)
		CU_ASSERT_TRUE(count[pool][0] == 1 && count[pool][1] == 1);
	end(1);
}

static void keep_the_loop_busy(struct request *req)
{
	uint64_t *begun = request_frame(req, sizeof(*begun));

	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, 0.01));
	IN_TIME(sched_busy(&sched, uv_hrtime()) < 8000000);
	*begun = uv_hrtime();
	while (uv_hrtime() < *begun + 20000000)
		AWAIT(req, sleep_for(req, 0));
	IN_TIME(sched_busy(&sched, uv_hrtime()) >= 20000000);
	reply_error(req, 404);
	ASYNC_END(req);
}

static void a_loop_is_busy_from_its_last_rest_on(void)
{
	begin(0, 0);
	start(HANDLER(keep_the_loop_busy));
	turn_until(&finished, 1);
	end(1);
}

static void sync_handler(struct request *req)
{
	just_run(&work);
	reply_error(req, 404);
}

static const struct route sync_route = GET("/", SYNC, sync_handler);

static void a_sync_handler_runs_on_a_thread(void)
{
	begin(1, 1);
	start(&sync_route);
	CU_ASSERT_EQUAL(finished, 0);
	turn_until(&finished, 1);
	CU_ASSERT_EQUAL(answered, 404);
	CU_ASSERT_FALSE(pthread_equal(work.thread, pthread_self()));
	end(1);
}

static void without_pools_everything_runs_here(void)
{
	begin(0, 0);
	start(&sync_route);
	CU_ASSERT_TRUE(pthread_equal(work.thread, pthread_self()));
	start(&behind);
	CU_ASSERT_EQUAL(finished, 0);
	turn_until(&finished, 2);
	CU_ASSERT_STRING_EQUAL(trail, "qQ");
	CU_ASSERT_EQUAL(work.ran, 2);
	end(2);
}

/* ---- cancelling ---- */

static void sleep_a_minute(struct request *req)
{
	ASYNC_BEGIN(req);
	leave('s');
	AWAIT(req, sleep_for(req, 60));
	leave('S');
	ASYNC_END(req);
}

static const struct route minute = GET("/", ASYNC, sleep_a_minute);

static void a_cancelled_sleeper_is_never_resumed(void)
{
	begin(0, 0);
	cancel(start(&minute));
	CU_ASSERT_EQUAL(released, 1);
	CU_ASSERT_EQUAL(sched.timers.count, 0);
	turn();
	CU_ASSERT_EQUAL(finished, 0);
	CU_ASSERT_STRING_EQUAL(trail, "s");
	end(1);
}

static void a_cancelled_ready_request_is_only_released(void)
{
	begin(0, 0);
	cancel(start(HANDLER(a_then_b)));
	CU_ASSERT_EQUAL(released, 1);
	turn();
	CU_ASSERT_EQUAL(finished, 0);
	CU_ASSERT_STRING_EQUAL(trail, "a");
	end(1);
}

static void a_queued_job_of_a_cancelled_request_is_dropped(void)
{
	struct request *queued;

	begin(1, 5);
	start(&hold);
	entered();
	queued = start(&behind);
	cancel(queued);
	CU_ASSERT_EQUAL(released, 1);
	sem_post(&work.gate);
	turn_until(&finished, 1);
	start(&behind);
	turn_until(&finished, 2); /* the thread has been through the queue */
	CU_ASSERT_EQUAL(work.ran, 2);
	CU_ASSERT_STRING_EQUAL(trail, "hqHqQ");
	end(3);
}

static void a_running_job_of_a_cancelled_request_ends_unheard(void)
{
	struct request *running;

	begin(1, 5);
	running = start(&hold);
	entered();
	cancel(running);
	turn();
	CU_ASSERT_EQUAL(released, 0); /* the thread may be using its memory */
	sem_post(&work.gate);
	turn_until(&released, 1);
	CU_ASSERT_EQUAL(finished, 0);
	CU_ASSERT_STRING_EQUAL(trail, "h");
	end(1);
}

static void sync_at_gate(struct request *req)
{
	wait_at_gate(&work);
	reply_error(req, 404);
}

static void a_cancelled_sync_handler_ends_unheard(void)
{
	static const struct route route = GET("/", SYNC, sync_at_gate);
	struct request *running;

	begin(1, 5);
	running = start(&route);
	entered();
	cancel(running);
	sem_post(&work.gate);
	turn_until(&released, 1);
	CU_ASSERT_EQUAL(finished, 0);
	end(1);
}

static void cancelling_twice_does_no_harm(void)
{
	struct request *req;

	begin(0, 0);
	req = start(&minute);
	coroutine_cancel(&req->co);
	cancel(req);
	end(1);
}

/* ---- how handlers end ---- */

static void say_nothing(struct request *req)
{
	(void)req;
}

static void no_reply_is_500(void)
{
	static const struct route async = GET("/", ASYNC, say_nothing);
	static const struct route sync = GET("/", SYNC, say_nothing);

	begin(1, 1);
	start(&async);
	CU_ASSERT_EQUAL(finished, 1);
	CU_ASSERT_EQUAL(answered, 500);
	answered = 0;
	start(&sync);
	turn_until(&finished, 2);
	CU_ASSERT_EQUAL(answered, 500);
	end(2);
}

static void leave_tasks_behind(struct request *req)
{
	gather_add_sleep(req, 60, NULL);
	gather_add_sleep(req, 30, NULL);
	run_in_threadpool(req, just_run, &work); /* queued behind another */
	reply_bytes(req, 200, NULL, slice_of(""));
}

static void sleep_and_do_not_wait(struct request *req)
{
	leave('z');
	sleep_for(req, 0);
	sleep_for(req, 0);
	reply_bytes(req, 200, NULL, slice_of(""));
}

static void tasks_left_behind_are_cancelled(void)
{
	begin(1, 5);
	start(&hold);
	entered();
	start(HANDLER(leave_tasks_behind));
	CU_ASSERT_EQUAL(finished, 1);
	CU_ASSERT_EQUAL(answered, 200);
	CU_ASSERT_EQUAL(released, 1);
	CU_ASSERT_EQUAL(sched.timers.count, 0);
	sem_post(&work.gate);
	turn_until(&finished, 2);
	CU_ASSERT_EQUAL(work.ran, 1);
	end(2);
}

static void a_running_job_left_behind_keeps_its_memory(void)
{
	struct request *req;

	begin(1, 5);
	req = request_new(HANDLER(hold_thread));
	run_in_threadpool(req, wait_at_gate, &work);
	entered();
	req->route = &(struct route)GET("/", ASYNC, say_nothing);
	request_resume(req, uv_hrtime());
	CU_ASSERT_EQUAL(finished, 1);
	CU_ASSERT_EQUAL(released, 0);
	sem_post(&work.gate);
	turn_until(&released, 1);
	end(1);
}

/* ---- closing ---- */

static void close_releases_what_is_ready(void)
{
	begin(0, 0);
	cancel(start(HANDLER(a_then_b)));
	end(1);
	CU_ASSERT_EQUAL(finished, 0);
}

/* The thread has told the loop that it is done, and the loop has not looked. */
static void close_releases_what_is_done(void)
{
	static const struct route routes[] = {GET("/", ASYNC, queue_behind),
					      GET("/", ASYNC, on_cpu_pool)};

	for (int i = 0; i < 2; i++) {
		struct request *req;

		begin(1, 1);
		req = start(&routes[i]);
		while (poll(&(struct pollfd){.fd = sched.wake_fd, .events = POLLIN}, 1, -1) != 1)
			;
		cancel(req);
		CU_ASSERT_EQUAL(released, 0);
		end(1);
	}
}

static struct work_data forever;

static void hold_for_ever(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, run_in_threadpool(req, wait_at_gate, &forever));
	leave('!');
	ASYNC_END(req);
}

/* What a thread is at cannot be interrupted: to the end of the process it may say that it is done.
 */
static void a_running_job_outlives_its_loop(void)
{
	static struct request *running;
	static struct sched left;

	sem_init(&forever.entered, 0, 0);
	sem_init(&forever.gate, 0, 0);
	begin(1, 1);
	running = start(HANDLER(hold_for_ever));
	while (sem_wait(&forever.entered))
		;
	cancel(running);
	sched_close(&sched);
	left = sched;
	CU_ASSERT_NOT_EQUAL(fcntl(left.wake_fd, F_GETFD), -1);
	uv_close((uv_handle_t *)&watchdog, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	CU_ASSERT_EQUAL(uv_loop_close(&loop), 0);
	CU_ASSERT_EQUAL(released, 0);
}

static void what_is_not_awaited_does_not_resume(void)
{
	begin(0, 0);
	start(HANDLER(sleep_and_do_not_wait));
	CU_ASSERT_EQUAL(finished, 1);
	turn();
	CU_ASSERT_EQUAL(finished, 1);
	CU_ASSERT_EQUAL(released, 1);
	CU_ASSERT_STRING_EQUAL(trail, "z");
	end(1);
}

/* ---- memory ---- */

static void sleep_and_reply(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, sleep_for(req, 0.001));
	leave('!');
	reply_bytes(req, 200, NULL, slice_of(""));
	ASYNC_END(req);
}

static void gather_and_reply(struct request *req)
{
	ASYNC_BEGIN(req);
	gather_add_sleep(req, 0.001, NULL);
	gather_add_sleep(req, 0.002, NULL);
	AWAIT(req, gather(req));
	leave('!');
	reply_bytes(req, 200, NULL, slice_of(""));
	ASYNC_END(req);
}

/* Starts the handler with no room in the request's block, and memory out. */
static void refused_without_memory(void (*handler)(struct request *req), unsigned threads)
{
	const struct route route = GET("/", ASYNC, handler);
	struct request *req;

	begin(threads, 5);
	req = request_new(&route);
	request_alloc(req, REQUEST_INLINE);
	memory_fail_after(0);
	request_resume(req, uv_hrtime());
	memory_restore();
	CU_ASSERT_EQUAL(finished, 1);
	CU_ASSERT_EQUAL(answered, 503);
	CU_ASSERT_TRUE(retry_after);
	turn();
	CU_ASSERT_EQUAL(finished, 1);
	CU_ASSERT_STRING_EQUAL(trail, "");
	end(1);
}

static void memory_out_in_a_sleep_answers_503(void)
{
	refused_without_memory(sleep_and_reply, 0);
}

static void memory_out_in_a_gather_answers_503(void)
{
	refused_without_memory(gather_and_reply, 0);
}

static void memory_out_for_a_job_answers_503(void)
{
	refused_without_memory(on_cpu_pool, 1);
	CU_ASSERT_EQUAL(work.ran, 0);
}

static void memory_out_for_the_heap_of_timers_answers_503(void)
{
	begin(0, 0);
	memory_fail_after(1); /* the request itself */
	start(HANDLER(sleep_and_reply));
	memory_restore();
	CU_ASSERT_EQUAL(finished, 1);
	CU_ASSERT_EQUAL(answered, 503);
	turn();
	start(HANDLER(sleep_and_reply));
	turn_until(&finished, 2);
	CU_ASSERT_EQUAL(answered, 200);
	end(2);
}

static void half_a_gather_is_cancelled(void)
{
	struct request *req;

	begin(0, 0);
	req = request_new(HANDLER(gather_and_reply));
	request_alloc(req, REQUEST_INLINE);
	memory_fail_after(2); /* the first sleep and the heap */
	request_resume(req, uv_hrtime());
	memory_restore();
	CU_ASSERT_EQUAL(answered, 503);
	CU_ASSERT_EQUAL(sched.timers.count, 0);
	CU_ASSERT_EQUAL(released, 1);
	turn();
	CU_ASSERT_STRING_EQUAL(trail, "");
	end(1);
}

static void without_a_descriptor_sched_open_leaves_nothing(void)
{
	struct sched_options options = {.threads = 1, .cpu_threads = 1};
	struct rlimit before;

	CU_ASSERT_EQUAL_FATAL(uv_loop_init(&loop), 0);
	getrlimit(RLIMIT_NOFILE, &before);
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, before.rlim_max});
	CU_ASSERT_EQUAL(sched_open(&sched, &loop, &options), UV_EMFILE);
	setrlimit(RLIMIT_NOFILE, &before);
	sched_close(&sched);
	uv_run(&loop, UV_RUN_DEFAULT);
	CU_ASSERT_EQUAL(uv_loop_close(&loop), 0);
}

static void memory_out_in_sched_open_leaves_nothing(void)
{
	for (long k = 0; k < 2; k++) {
		struct sched_options options = {.threads = 1, .cpu_threads = 1};

		CU_ASSERT_EQUAL_FATAL(uv_loop_init(&loop), 0);
		memory_fail_once_after(k);
		CU_ASSERT_EQUAL(sched_open(&sched, &loop, &options), UV_ENOMEM);
		memory_restore();
		sched_close(&sched);
		uv_run(&loop, UV_RUN_DEFAULT);
		CU_ASSERT_EQUAL(uv_loop_close(&loop), 0);
	}
}

static struct router router;

/* A whole request: routed, run, answered, released. Returns its status. */
static int whole_request(const char *path, const char *query)
{
	struct request *req = request_new(NULL);
	struct buffer head = {0};

	req->arena_used = sizeof(req->arena); /* as if full of params, so that the arena asks too */
	req->path = slice_of(path);
	req->query = slice_of(query);
	finished = 0;
	request_ref(req);
	if (router_route(&router, req))
		request_resume(req, uv_hrtime());
	else
		on_finished(req);
	turn_until(&finished, 1);
	reply_head(req, slice_of("loop-1"), &head);
	buffer_free(&head);
	request_unref(req);
	return answered;
}

/* Every allocation failing once, and every one failing from there on; the one for the request
 * itself (k = 0) is the engine's affair. */
static void survives_without_memory(const struct routes *routes, const char *path,
				    const char *query, int expected)
{
	for (int once = 0; once < 2; once++) {
		int got = 0;
		long asked = 0;

		begin(1, 5);
		CU_ASSERT_EQUAL_FATAL(router_open(&router, routes), 0);
		CU_ASSERT_EQUAL(whole_request(path, query), expected);
		for (long k = 1; got != expected || asked > k; k++) {
			long before = memory_allocations();

			if (once)
				memory_fail_once_after(k);
			else
				memory_fail_after(k);
			got = whole_request(path, query);
			memory_restore();
			asked = memory_allocations() - before;
			CU_ASSERT_TRUE(got == expected || got == 503);
			CU_ASSERT_TRUE_FATAL(k < 1000);
		}
		turn();
		router_close(&router);
		end(released);
	}
}

static void every_request_survives_memory_running_out(void)
{
	survives_without_memory(&waits, "/", "", 200);
	survives_without_memory(&waits, "/thread", "seconds=0", 200);
	survives_without_memory(&waits, "/one", "seconds=0.0001", 200);
	survives_without_memory(&waits, "/many", "seconds=0.0001&seconds=0.0002&seconds=0", 200);
	survives_without_memory(&waits, "/lent", "seconds=0", 200);
	survives_without_memory(&waits, "/held", "seconds=0", 200);
	survives_without_memory(&waits, "/number", "n=10", 200);
	survives_without_memory(&waits, "/many", "seconds=x&seconds=-1&seconds=61", 422);
	survives_without_memory(&waits, "/thread/", "a=b", 307);
	survives_without_memory(&waits, "/none", "", 404);
}

/* The demonstration; NULL: it is not in this tree. */
extern const struct application guide __attribute__((weak));

static void every_request_of_the_guide_survives_memory_running_out(void)
{
	static const char *const targets[][2] = {
		{"/", ""},
		{"/sync/noawait", "seconds=0"},
		{"/async/await-one", "seconds=0.0001"},
		{"/async/await-many", "seconds=0.0001&seconds=0.0002&seconds=0"},
		{"/async/wrap-blocking", "seconds=0"},
		{"/async/bad-blocking", "seconds=0"},
		{"/async/cpu-bound", "n=10"},
	};

	for (size_t i = 0; &guide && i < sizeof(targets) / sizeof(targets[0]); i++)
		survives_without_memory(&guide.routes, targets[i][0], targets[i][1], 200);
}

static const struct test tests[] = {
	{"a sleep never ends early", a_sleep_never_ends_early},
	{"gather resumes once, after the longest", gather_resumes_once_after_the_longest},
	{"an awaitable never resumes its handler from inside the call that started it",
	 an_awaitable_never_resumes_from_inside},
	{"sleep_for(0) lets others run first", sleep_0_lets_others_run_first},
	{"who sleeps is not woken beside another", who_sleeps_is_not_woken_beside_another},
	{"a loop that waits is not held", a_loop_that_waits_is_not_held},
	{"sleep_for(0) for ever does not starve the sockets",
	 sleep_0_for_ever_does_not_starve_the_sockets},
	{"requests ready at the same time settle in one batch", ready_requests_settle_in_one_batch},
	{"frames survive and times add up", frames_survive_and_times_add_up},
	{"sleep after sleep needs no more memory", sleep_after_sleep_needs_no_more_memory},
	{"gather after gather needs no more memory", gather_after_gather_needs_no_more_memory},
	{"job after job needs no more memory", job_after_job_needs_no_more_memory},
	{"a stream that was begun gets no other head, whatever is refused",
	 a_stream_that_was_begun_gets_no_other_head},
	{"the board tells work from sleep", the_board_tells_work_from_sleep},
	{"who waits for a held loop is ready, and does not await",
	 who_waits_for_a_held_loop_is_ready},
	{"a job runs on a thread and the loop goes on",
	 a_job_runs_on_a_thread_and_the_loop_goes_on},
	{"the CPU pool is another, of lower priority", the_cpu_pool_is_another_of_lower_priority},
	{"a full queue answers 503 with Retry-After", a_full_queue_answers_503},
	{"a SYNC handler runs on a thread", a_sync_handler_runs_on_a_thread},
	{"without pools everything runs here", without_pools_everything_runs_here},
	{"a cancelled sleeper is never resumed, only released",
	 a_cancelled_sleeper_is_never_resumed},
	{"who waits for nothing but its sleep awaits", who_waits_for_nothing_but_its_sleep_awaits},
	{"the board tells which pool it was", the_board_tells_which_pool_it_was},
	{"a loop is busy from its last rest on", a_loop_is_busy_from_its_last_rest_on},
	{"a cancelled ready request is never resumed, only released",
	 a_cancelled_ready_request_is_only_released},
	{"a queued job of a cancelled request is dropped unrun",
	 a_queued_job_of_a_cancelled_request_is_dropped},
	{"a running job of a cancelled request ends unheard and then the request is released",
	 a_running_job_of_a_cancelled_request_ends_unheard},
	{"a cancelled SYNC handler ends unheard", a_cancelled_sync_handler_ends_unheard},
	{"cancelling twice does no harm", cancelling_twice_does_no_harm},
	{"a handler that returns without a reply answers 500", no_reply_is_500},
	{"tasks that a handler leaves behind are cancelled", tasks_left_behind_are_cancelled},
	{"a running job that is left behind keeps its memory",
	 a_running_job_left_behind_keeps_its_memory},
	{"close releases what is ready", close_releases_what_is_ready},
	{"close releases what is done", close_releases_what_is_done},
	{"a running job outlives its loop", a_running_job_outlives_its_loop},
	{"what is not awaited does not resume", what_is_not_awaited_does_not_resume},
	{"memory out in a sleep answers 503", memory_out_in_a_sleep_answers_503},
	{"memory out in a gather answers 503", memory_out_in_a_gather_answers_503},
	{"memory out for a job answers 503", memory_out_for_a_job_answers_503},
	{"memory out for the heap of timers answers 503",
	 memory_out_for_the_heap_of_timers_answers_503},
	{"half a gather is cancelled", half_a_gather_is_cancelled},
	{"without a descriptor sched_open leaves nothing",
	 without_a_descriptor_sched_open_leaves_nothing},
	{"memory out in sched_open leaves nothing", memory_out_in_sched_open_leaves_nothing},
	{"every request survives memory running out", every_request_survives_memory_running_out},
	{"every request of the guide survives it, too",
	 every_request_of_the_guide_survives_memory_running_out},
};

const struct suite task_suite = {"task", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL};

/* What a handler can wait for, and what becomes of its request. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "../support/process.h"
#include "../support/waits.h"
#include "actor.h"
#include "await/awaited.h"
#include "engine/application.h"
#include "engine/observer.h"
#include "http/reply.h"
#include "scoreboard/board_reader.h"

#define A_THEN_B "start [a, sleep 0, b, reply 404]"
#define HOLD	 "start [h, hold, H, reply 200]"
#define BEHIND	 "start [q, work, Q, reply 200]"

/* What the board has of the first request's spans of a kind. */
struct spans {
	int count;
	double sum;	/* ms */
	uint64_t start; /* of the last one */
	uint64_t end;
};

static struct spans spans_of(enum span_kind kind)
{
	struct span spans[32];
	struct spans seen = {0};
	uint64_t next = 0;
	size_t count = board_spans(&board, &next, spans, COUNT(spans), NULL);

	for (size_t i = 0; i < count; i++)
		if (spans[i].owner.serial == 1 && spans[i].kind == kind) {
			seen.count++;
			seen.sum += (double)spans[i].duration / 1e6;
			seen.start = spans[i].start;
			seen.end = spans[i].start + spans[i].duration;
		}
	return seen;
}

/* Stand for calls to other services, for a connection and for a statement. */
static struct awaited named[4];

static void wait_by_name(struct request *req)
{
	static const struct {
		enum span_kind kind;
		unsigned thing;
		uint64_t ms;
	} waits[] = {
		{SPAN_FETCH, 1, 2}, {SPAN_FETCH, 2, 1}, {SPAN_DB_QUEUE, 0, 4}, {SPAN_DB, 1, 8}};

	ASYNC_BEGIN(req);
	req->co.owner = span_owner_pack((struct span_owner){.serial = 1});
	CU_ASSERT_EQUAL(sched_thing(&sched, slice_of("")), 0);
	CU_ASSERT_EQUAL(sched_thing(&sched, slice_of("here:80")), 1);
	CU_ASSERT_EQUAL(sched_thing(&sched, slice_of("here:8")), 2);
	CU_ASSERT_EQUAL(sched_thing(&sched, slice_of("here:80")), 1);
	for (size_t i = 0; i < COUNT(waits); i++)
		awaited_begin(&named[i], &req->co, waits[i].kind, waits[i].thing, 1000000);
	AWAIT(req, sleep_for(req, 0));
	for (size_t i = 0; i < COUNT(waits); i++) {
		awaited_end(&named[i], i ? -ECONNRESET : 0, 1000000 + waits[i].ms * 1000000);
		awaited_end(&named[i], 0, UINT64_MAX); /* a second time does nothing */
	}
	CU_ASSERT_EQUAL(req->co.times.fetch, 3000000);
	CU_ASSERT_EQUAL(req->co.times.db_queue, 4000000);
	CU_ASSERT_EQUAL(req->co.times.db, 8000000);
	reply_bytes(req, 200, "text/plain", slice_of("done"));
	ASYNC_END(req);
}

static uint64_t waiting(enum span_kind kind)
{
	return board_get(&board.waits[kind - SPAN_FETCH].now);
}

static void the_board_tells_what_was_awaited(void)
{
	char name[BOARD_THING];
	char blamed[COROUTINE_BLAME];
	struct request *req;

	begin(0, 0);
	req = start(HANDLER(wait_by_name));
	CU_ASSERT(waiting(SPAN_FETCH) == 2 && waiting(SPAN_DB_QUEUE) == 1 && waiting(SPAN_DB) == 1);
	for (unsigned i = 0; i < COUNT(named); i++) {
		uint64_t since;
		uint64_t owner;

		CU_ASSERT(board_doing(&board.awaits[i].doing, &since, &owner));
		CU_ASSERT(since == 1000000 && owner == req->co.owner);
		CU_ASSERT_EQUAL(board_get(&board.awaits[i].what),
				span_thing(named[i].kind, named[i].thing));
	}
	CU_ASSERT_EQUAL(spans_of(SPAN_FETCH).count, 0);
	request_ref(req);
	turn_until(&finished, 1);
	CU_ASSERT_EQUAL(answered, 200);
	CU_ASSERT_EQUAL(spans_of(SPAN_FETCH).count, 2);
	CU_ASSERT_EQUAL(spans_of(SPAN_FETCH).sum, 3.0);
	CU_ASSERT_EQUAL(spans_of(SPAN_DB_QUEUE).sum, 4.0);
	CU_ASSERT_EQUAL(spans_of(SPAN_DB).sum, 8.0);
	CU_ASSERT(!waiting(SPAN_FETCH) && !waiting(SPAN_DB_QUEUE) && !waiting(SPAN_DB));
	for (unsigned i = 0; i < COUNT(named); i++)
		CU_ASSERT_EQUAL(board_get(&board.awaits[i].doing.since), 0);
	CU_ASSERT_STRING_EQUAL(board_thing_name(&board, 1, name), "here:80");
	CU_ASSERT_STRING_EQUAL(board_thing_name(&board, 2, name), "here:8");
	CU_ASSERT(coroutine_blames(&req->co, blamed) && !strcmp(blamed, "fetch here:8"));
	request_unref(req);
	end(1);
}

/* More than are shown one by one; each in its place while it lasts, whoever ends first. */
static void so_many_waits_are_shown(void)
{
	static struct awaited many[2 * BOARD_AWAITS];
	struct coroutine co = {.sched = &sched};

	begin(0, 0);
	for (int round = 0; round < 3; round++) {
		for (unsigned i = 0; i < COUNT(many); i++)
			awaited_begin(&many[i], &co, SPAN_DB, 0, i + 1);
		CU_ASSERT_EQUAL(waiting(SPAN_DB), COUNT(many));
		for (unsigned i = 0; i < COUNT(many); i++) {
			bool has_seat = many[i].seat < BOARD_AWAITS;

			CU_ASSERT_EQUAL(has_seat, i < BOARD_AWAITS);
			if (has_seat)
				CU_ASSERT_EQUAL(board_get(&board.awaits[many[i].seat].doing.since),
						i + 1);
		}
		for (unsigned i = 0; i < COUNT(many); i++)
			awaited_end(&many[(7 * i) % COUNT(many)], 0, 1000);
		CU_ASSERT_EQUAL(waiting(SPAN_DB), 0);
	}
	for (unsigned i = 0; i < BOARD_AWAITS; i++)
		CU_ASSERT_EQUAL(board_get(&board.awaits[i].doing.since), 0);
	end(0);
}

/* Those that are known keep their numbers; names are compared as far as they are kept. */
static void there_is_room_for_so_many_things(void)
{
	static const char lasting[] =
		"0123456789012345678901234567890123456789012345678901234567890123";

	begin(0, 0);
	for (unsigned i = 1; i < BOARD_THINGS; i++)
		CU_ASSERT_EQUAL(sched_thing(&sched, slice_of(i == 9 ? lasting : textf("%u", i))),
				i);
	CU_ASSERT_EQUAL(sched_thing(&sched, slice_of("one more")), 0);
	for (unsigned i = 1; i < BOARD_THINGS; i++)
		CU_ASSERT_EQUAL(
			sched_thing(&sched, i == 9 ? (struct slice){lasting, BOARD_THING - 1}
						   : slice_of(textf("%u", i))),
			i);
	end(0);
}

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
	int count = (int)COUNT(seconds);

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

static bool inside;

enum { AWAITABLES = 6 };

static void from_inside(struct request *req, int awaitable)
{
	static const double seconds[AWAITABLES - 3] = {0, -1, NAN};

	inside = true;
	if (awaitable == 0)
		gather(req);
	else if (awaitable == 1)
		run_in_threadpool(req, just_run, &work);
	else if (awaitable == 2)
		run_in_cpu_pool(req, just_run, &work);
	else
		sleep_for(req, seconds[awaitable - 3]);
	inside = false;
}

static void await_everything(struct request *req)
{
	int *count = request_frame(req, sizeof(*count));

	ASYNC_BEGIN(req);
	for (; *count < AWAITABLES; ++*count) {
		AWAIT(req, from_inside(req, *count));
		CU_ASSERT_FALSE(inside);
	}
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

/* On a thread: ends when the loop is seen to wait. */
static void see_the_loop_wait(void *unused)
{
	(void)unused;
	while (board_get(&board.turn_since))
		usleep(100);
}

static void have_the_loop_seen(struct request *req)
{
	ASYNC_BEGIN(req);
	CU_ASSERT_TRUE(board_get(&board.turn_since) != 0);
	AWAIT(req, run_in_threadpool(req, see_the_loop_wait, NULL));
	reply_error(req, 404);
	ASYNC_END(req);
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

	begin(0, 0);
	heard = 0;
	uv_poll_init(&loop, &poll, ends[1]);
	uv_poll_start(&poll, UV_WRITABLE, on_heard);
	start(HANDLER(until_heard));
	turn_until(&finished, 1);
	uv_close((uv_handle_t *)&poll, NULL);
	end(1);
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

/* The test has its route. */
static void needs_two_allocations(void)
{
	long before;

	begin(0, 0);
	before = memory_allocations();
	start(harness_test()->data);
	turn_until(&finished, 1);
	CU_ASSERT_EQUAL(memory_allocations() - before, 2); /* the request, the heap of timers */
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

static void the_cpu_pool_is_another_of_lower_priority(void)
{
	int own = getpriority(PRIO_PROCESS, 0);

	begin_play(1, 0);
	play(HOLD ", entered");
	CU_ASSERT_EQUAL(work.nice, own);
	play("start [compute, reply 200], until finished 1, answered 200"); /* the other is full */
	CU_ASSERT_EQUAL(work.nice, own < 19 ? own + 1 : own);
	play("let-go, until finished 2");
	end(2);
}

/* ---- woken, and not run yet ---- */

/* One that naps, and perhaps another that then holds the loop for longer. */
static void take_a_nap(const char *script, bool beside_a_hold)
{
	begin_play(1, 1);
	observer_picked_up(actor(script, false));
	request_resume(reqs[0], uv_hrtime());
	if (beside_a_hold)
		play("start [hold-loop, reply 404]");
	turn_until(&finished, req_count);
	end(req_count);
}

static void the_board_tells_work_from_sleep(void)
{
	take_a_nap("work, sleep 1, reply 404", false);
	CU_ASSERT_EQUAL(spans_of(SPAN_LOOP).count, 3);
	CU_ASSERT_EQUAL(spans_of(SPAN_POOL_QUEUE).count, 1);
	CU_ASSERT_EQUAL(spans_of(SPAN_POOL).count, 1);
	CU_ASSERT_EQUAL(spans_of(SPAN_AWAIT).count, 1); /* the sleep, and not the work */
	/* At the same time: what is left of the sleep. */
	take_a_nap("add nap, add sleep 30, gather, reply 404", false);
	CU_ASSERT_EQUAL(spans_of(SPAN_POOL).count, 1);
	CU_ASSERT_EQUAL(spans_of(SPAN_AWAIT).count, 1);
	CU_ASSERT_TRUE(spans_of(SPAN_AWAIT).start >= spans_of(SPAN_POOL).end);
}

static void who_waits_for_a_held_loop_is_ready(void)
{
	take_a_nap("sleep 5, reply 404", true);
	/* From libuv 1.45 on, 2 ms may be taken for what its clock makes of a timer. */
	IN_TIME(spans_of(SPAN_READY).sum >= HOLD_MS - NAP_MS - 3);
	IN_TIME(spans_of(SPAN_AWAIT).sum >= NAP_MS - 1);
	IN_TIME(spans_of(SPAN_AWAIT).sum < HOLD_MS);
	take_a_nap("nap, reply 404", true);
	IN_TIME(spans_of(SPAN_POOL).sum >= NAP_MS - 1);
	IN_TIME(spans_of(SPAN_READY).sum + spans_of(SPAN_POOL_QUEUE).sum +
			spans_of(SPAN_POOL).sum >=
		HOLD_MS - 1);
	CU_ASSERT_EQUAL(spans_of(SPAN_AWAIT).sum, 0);
	take_a_nap("sleep 0, was-held, reply 404", true);
	IN_TIME(spans_of(SPAN_READY).sum >= HOLD_MS);
	CU_ASSERT_EQUAL(spans_of(SPAN_AWAIT).count, 0);
}

static void who_waits_for_nothing_but_its_sleep_awaits(void)
{
	take_a_nap("sleep 5, reply 404", false);
	IN_TIME(spans_of(SPAN_AWAIT).sum >= NAP_MS - 1);
	CU_ASSERT_TRUE(!spans_of(SPAN_READY).count || spans_of(SPAN_READY).sum >= 1);
	IN_TIME(spans_of(SPAN_READY).sum == 0);
}

static void the_board_tells_which_pool_it_was(void)
{
	struct span spans[32];
	uint64_t next = 0;
	int count[BOARD_POOLS][2] = {0};
	size_t n;

	begin_play(1, 1);
	play("start [work, compute, reply 404], until finished 1");
	n = board_spans(&board, &next, spans, COUNT(spans), NULL);
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

/* ---- how handlers end ---- */

static void a_running_job_left_behind_keeps_its_memory(void)
{
	struct request *req;

	begin_play(1, 5);
	req = actor("", false);
	run_in_threadpool(req, wait_at_gate, &work);
	entered();
	request_resume(req, uv_hrtime());
	play("finished 1, released 0, let-go, until released 1");
	end(1);
}

/* ---- closing ---- */

static void close_releases_what_is_ready(void)
{
	begin_play(0, 0);
	play(A_THEN_B ", cancel 0");
	end(1);
	CU_ASSERT_EQUAL(finished, 0);
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
	close(ends[0]);
	close(ends[1]);
}

/* ---- memory ---- */

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

	for (size_t i = 0; &guide && i < COUNT(targets); i++)
		survives_without_memory(&guide.routes, targets[i][0], targets[i][1], 200);
}

static const struct test tests[] = {
	{"a sleep never ends early", a_sleep_never_ends_early},
	{"gather resumes once, after the longest",
	 COURSES({GET("/", ASYNC, gather_three), 404, "r"})},
	{"an awaitable never resumes its handler from inside the call that started it",
	 an_awaitable_never_resumes_from_inside},
	{"sleep_for(0) lets others run first",
	 SCRIPTS({0, 0,
		  A_THEN_B ", " A_THEN_B ", " A_THEN_B
			   ", trail [aaa], until finished 3, trail [aaabbb]"})},
	/* Both are ready once, and then one of them sleeps. */
	{"who sleeps is not woken beside another",
	 SCRIPTS({0, 0,
		  "start [sleep 0, sleep 0, 1, reply 404], start [sleep 0, sleep 1000000, 2, reply "
		  "404], "
		  "until finished 1, turn, trail [1], cancel 1"})},
	{"a loop that waits is not held", COURSES({GET("/", ASYNC, have_the_loop_seen), 404, ""})},
	{"sleep_for(0) for ever does not starve the sockets",
	 sleep_0_for_ever_does_not_starve_the_sockets},
	{"requests ready at the same time settle in one batch",
	 SCRIPTS({0, 0, A_THEN_B ", " A_THEN_B ", " A_THEN_B ", settle, finished 3"})},
	{"frames survive and times add up", frames_survive_and_times_add_up},
	{"sleep after sleep needs no more memory", needs_two_allocations,
	 &(const struct route)GET("/", ASYNC, sleep_a_thousand_times)},
	{"gather after gather needs no more memory", needs_two_allocations,
	 &(const struct route)GET("/", ASYNC, gather_three_again_and_again)},
	{"job after job needs no more memory", job_after_job_needs_no_more_memory},
	{"a stream that was begun gets no other head, whatever is refused",
	 SCRIPTS({1, 0,
		  HOLD
		  ", entered, start [stream, work, !], finished 1, answered 200, retry-after 0, "
		  "let-go, until finished 2, trail [hH]"})},
	{"the board tells work from sleep", the_board_tells_work_from_sleep},
	{"the board tells what was awaited", the_board_tells_what_was_awaited},
	{"the board has seats for so many who wait", so_many_waits_are_shown},
	{"the board has room for so many names", there_is_room_for_so_many_things},
	{"who waits for a held loop is ready, and does not await",
	 who_waits_for_a_held_loop_is_ready},
	{"a job runs on a thread and the loop goes on",
	 SCRIPTS({1, 1,
		  HOLD ", entered, elsewhere 1, " A_THEN_B
		       ", until finished 1, trail [hab], " /* while it is held */
		       "let-go, until finished 2, trail [habH], answered 200"})},
	{"the CPU pool is another, of lower priority", the_cpu_pool_is_another_of_lower_priority},
	{"a full queue answers 503 with Retry-After",
	 SCRIPTS({1, 1,
		  HOLD ", entered, " BEHIND ", finished 0, " BEHIND
		       ", finished 1, answered 503, retry-after 1, "
		       "let-go, until finished 3, answered 200, trail [hqqHQ]"})},
	{"a SYNC handler runs on a thread",
	 SCRIPTS({1, 1,
		  "start-sync [work, reply 404], finished 0, until finished 1, answered 404, "
		  "elsewhere 1"})},
	{"without pools everything runs here",
	 SCRIPTS({0, 0,
		  "start-sync [work, reply 404], elsewhere 0, " BEHIND
		  ", finished 0, until finished 2, trail [qQ], ran 2"})},
	{"a cancelled sleeper is never resumed, only released",
	 SCRIPTS({0, 0,
		  "start [s, sleep 60000, S], cancel 0, released 1, timers 0, turn, finished 0, "
		  "trail [s]"})},
	{"who waits for nothing but its sleep awaits", who_waits_for_nothing_but_its_sleep_awaits},
	{"the board tells which pool it was", the_board_tells_which_pool_it_was},
	{"a loop is busy from its last rest on",
	 COURSES({GET("/", ASYNC, keep_the_loop_busy), 404, ""})},
	{"a cancelled ready request is never resumed, only released",
	 SCRIPTS({0, 0, A_THEN_B ", cancel 0, released 1, turn, finished 0, trail [a]"})},
	/* In the end the thread has been through the queue. */
	{"a queued job of a cancelled request is dropped unrun",
	 SCRIPTS({1, 5,
		  HOLD ", entered, " BEHIND
		       ", cancel 1, released 1, let-go, until finished 1, " BEHIND
		       ", until finished 2, ran 2, trail [hqHqQ]"})},
	/* The thread may be using its memory. */
	{"a running job of a cancelled request ends unheard and then the request is released",
	 SCRIPTS({1, 5,
		  HOLD ", entered, cancel 0, turn, released 0, let-go, until released 1, finished "
		       "0, trail [h]"})},
	{"a cancelled SYNC handler ends unheard",
	 SCRIPTS({1, 5,
		  "start-sync [hold, reply 404], entered, cancel 0, let-go, until released 1, "
		  "finished 0"})},
	{"cancelling twice does no harm",
	 SCRIPTS({0, 0, "start [s, sleep 60000, S], cancel-it 0, cancel 0"})},
	{"a handler that returns without a reply answers 500",
	 SCRIPTS({1, 1, "start [], finished 1, answered 500"},
		 {1, 1, "start-sync [], until finished 1, answered 500"})},
	/* Its job is queued behind another. */
	{"tasks that a handler leaves behind are cancelled",
	 SCRIPTS({1, 5,
		  HOLD
		  ", entered, start [add sleep 60000, add sleep 30000, begin work, reply 200], "
		  "finished 1, answered 200, released 1, timers 0, let-go, until finished 2, ran "
		  "1"})},
	{"a running job that is left behind keeps its memory",
	 a_running_job_left_behind_keeps_its_memory},
	{"close releases what is ready", close_releases_what_is_ready},
	/* The thread has told the loop that it is done, and the loop has not looked. */
	{"close releases what is done",
	 SCRIPTS({1, 1, BEHIND ", done, cancel 0, released 0"},
		 {1, 1, "start [compute, reply 200], done, cancel 0, released 0"})},
	{"a running job outlives its loop", a_running_job_outlives_its_loop},
	{"what is not awaited does not resume",
	 SCRIPTS({0, 0,
		  "start [z, begin sleep 0, begin sleep 0, reply 200], finished 1, turn, finished "
		  "1, released 1, trail [z]"})},
	{"memory out in a sleep answers 503",
	 SCRIPTS({0, 5,
		  "memory-out 1, start-full [sleep 1, !, reply 200], finished 1, answered 503, "
		  "retry-after 1, turn, finished 1, trail []"})},
	{"memory out in a gather answers 503",
	 SCRIPTS({0, 5,
		  "memory-out 1, start-full [add sleep 1, add sleep 2, gather, !, reply 200], "
		  "finished 1, answered 503, retry-after 1, turn, finished 1, trail []"})},
	{"memory out for a job answers 503",
	 SCRIPTS({1, 5,
		  "memory-out 1, start-full [compute, reply 200], finished 1, answered 503, "
		  "retry-after 1, turn, finished 1, trail [], ran 0"})},
	{"memory out for the heap of timers answers 503",
	 SCRIPTS({0, 0,
		  "memory-out 1, start [sleep 1, !, reply 200], finished 1, answered 503, turn, "
		  "start [sleep 1, !, reply 200], until finished 2, answered 200"})},
	/* The request, its first sleep and the heap. */
	{"half a gather is cancelled",
	 SCRIPTS({0, 0,
		  "memory-out 3, start-full [add sleep 1, add sleep 2, gather, !, reply 200], "
		  "answered 503, timers 0, released 1, turn, trail []"})},
	{"without a descriptor sched_open leaves nothing",
	 without_a_descriptor_sched_open_leaves_nothing},
	{"memory out in sched_open leaves nothing", memory_out_in_sched_open_leaves_nothing},
	{"every request survives memory running out", every_request_survives_memory_running_out},
	{"every request of the guide survives it, too",
	 every_request_of_the_guide_survives_memory_running_out},
};

const struct suite task_suite = {"task", tests, COUNT(tests)};

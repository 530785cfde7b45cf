/* A body, from the bytes that an engine brings to the handler that takes them; the disk is real. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "alone.h"
#include "base/log.h"
#include "caught.h"
#include "http/body.h"
#include "http/reply.h"

enum { BOUND = 131072, SECOND = 1000000000 };

static char spool[] = "/tmp/lanes-body-XXXXXX";
static struct bodies bodies;
static struct budget *allowed; /* to the next request; NULL: what it likes */
static struct request_ops ops;
static const char *content_length; /* NULL: not said */
static struct buffer taken;	   /* by the handler */
static int pieces;
static int wanted;  /* calls of body_wanted() */
static int failure; /* that the handler was told */

static int make_spool(void)
{
	return mkdtemp(spool) ? 0 : 1;
}

/* Its files have no names. */
static int remove_spool(void)
{
	return rmdir(spool);
}

/* ---- an engine that brings bodies ---- */

static struct slice param(const struct request *req, const char *name)
{
	(void)req;
	return content_length && !strcmp(name, "CONTENT_LENGTH") ? slice_of(content_length)
								 : (struct slice){NULL, 0};
}

static void on_wanted(struct request *req)
{
	(void)req;
	wanted++;
}

static void begin_bodies(void)
{
	begin(1, 10);
	bodies = (struct bodies){.limit = 1 << 30,
				 .memory = BOUND,
				 .spool = spool,
				 .spool_kind = {.name = "spool", .limit = 1 << 30},
				 .spooled = {.kind = &bodies.spool_kind},
				 .timeout = (uint64_t)60 * SECOND};
	content_length = NULL;
	allowed = NULL;
	pieces = wanted = failure = 0;
}

static void end_bodies(void)
{
	turn_until(&released, 1); /* a thread may still work for it */
	end(1);
	CU_ASSERT_EQUAL(bodies.spooled.used, 0);
	buffer_free(&taken);
}

/* NULL if it is refused; then answered says with what. */
static struct request *open_one(const struct route *route)
{
	struct request *req = request_new(route);

	ops = *req->ops;
	ops.param = param;
	ops.body_wanted = on_wanted;
	req->ops = &ops;
	req->budget = allowed;
	answered = body_open(req, &bodies);
	if (!answered)
		return req;
	request_unref(req);
	return NULL;
}

static struct request *start_one(const struct route *route)
{
	struct request *req = open_one(route);

	CU_ASSERT_PTR_NOT_NULL_FATAL(req);
	request_resume(req, uv_hrtime());
	return req;
}

/* So many bytes from there on, of which each says where it is. */
static void fill(struct buffer *bytes, size_t at, size_t n)
{
	char *to = buffer_reserve(bytes, n);

	for (size_t i = 0; i < n; i++)
		to[i] = (char)((at + i) * 2654435761u >> 13);
	bytes->len += n;
}

static void bring(struct request *req, size_t at, size_t n)
{
	struct buffer bytes = {0};

	fill(&bytes, at, n);
	body_came(req, buffer_slice(&bytes));
	buffer_free(&bytes);
}

static void bring_end(struct request *req)
{
	body_came(req, (struct slice){NULL, 0});
}

/* As an engine does: no more than there is room for. */
static void bring_all(struct request *req, size_t n, size_t step)
{
	size_t at = 0;

	while (at < n && !finished) {
		if (body_is_full(req)) {
			int before = wanted;

			turn_until(&wanted, before + 1);
			continue;
		}
		bring(req, at, step < n - at ? step : n - at);
		at += step;
		turn();
	}
	if (!finished)
		bring_end(req);
}

static void expect_taken(size_t n)
{
	struct buffer bytes = {0};

	fill(&bytes, 0, n);
	CU_ASSERT_TRUE(slice_equal(buffer_slice(&taken), buffer_slice(&bytes)));
	buffer_free(&bytes);
}

static void end_answered(int status)
{
	turn_until(&finished, 1);
	CU_ASSERT_EQUAL(answered, status);
	end_bodies();
}

static void end_taken(size_t n)
{
	turn_until(&finished, 1);
	expect_taken(n);
	end_answered(200);
}

/* What waits at the gate, so many times. */
static void let_go(int times)
{
	while (times--)
		sem_post(&work.gate);
}

/* ---- handlers ---- */

static const struct route slow;
static const struct route both;

/* Piece by piece: slowly, or when all of it is there, or as it comes. */
static void take_pieces(struct request *req)
{
	struct slice *piece = FRAME(req, struct slice);

	ASYNC_BEGIN(req);
	if (req->route == &both)
		AWAIT(req, request_body(req));
	do {
		if (req->route == &slow)
			AWAIT(req, run_in_threadpool(req, wait_at_gate, &work));
		AWAIT(req, request_read(req, piece));
		buffer_append(&taken, piece->data, piece->len);
	} while (piece->len);
	reply_bytes(req, 200, "text/plain", slice_of("taken"));
	ASYNC_END(req);
}

/* To its end, whatever its length should be. */
static void append_file(const struct request *req)
{
	int file = request_body_file(req);
	ssize_t n;

	do {
		n = read(file, buffer_reserve(&taken, 65536), 65536);
		CU_ASSERT_TRUE(n >= 0);
		taken.len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
}

static void append_whole(const struct request *req)
{
	struct slice bytes = request_body_bytes(req);

	CU_ASSERT_EQUAL(request_body_file(req) >= 0, !bytes.data);
	if (bytes.data)
		buffer_append(&taken, bytes.data, bytes.len);
	else
		append_file(req);
}

static void take_whole(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, request_body(req));
	append_whole(req);
	reply_bytes(req, 200, "text/plain", slice_of("taken"));
	ASYNC_END(req);
}

static void take_whole_on_thread(struct request *req)
{
	append_whole(req);
	reply_bytes(req, 200, "text/plain", slice_of("taken"));
}

/* When the gate is open, a piece, and the rest whole. */
static void take_piece_and_rest(struct request *req)
{
	struct slice *piece = FRAME(req, struct slice);

	ASYNC_BEGIN(req);
	AWAIT(req, run_in_threadpool(req, wait_at_gate, &work));
	AWAIT(req, request_read(req, piece));
	buffer_append(&taken, piece->data, piece->len);
	pieces++;
	AWAIT(req, request_body(req));
	append_whole(req);
	reply_bytes(req, 200, "text/plain", slice_of("taken"));
	ASYNC_END(req);
}

static void try_to_take(struct request *req)
{
	ASYNC_BEGIN(req);
	TRY_AWAIT(req, failure, request_body(req));
	reply_bytes(req, 200, "text/plain", slice_of("tried"));
	ASYNC_END(req);
}

static const struct route piecewise = POST("/", ASYNC, take_pieces);
static const struct route slow = POST("/", ASYNC, take_pieces);
static const struct route whole = POST("/", ASYNC, take_whole);
static const struct route on_thread = POST("/", SYNC, take_whole_on_thread);
static const struct route both = POST("/", ASYNC, take_pieces);
static const struct route rest = POST("/", ASYNC, take_piece_and_rest);
static const struct route tries = POST("/", ASYNC, try_to_take);

/* ---- the rules ---- */

/* The only thread waits at the gate for who takes the body slowly. */
static struct request *begin_slow(void)
{
	struct request *req;

	begin_bodies();
	req = start_one(&slow);
	entered();
	return req;
}

static void a_body_comes_as_it_was_sent(void)
{
	static const struct route *const routes[] = {&piecewise, &whole, &on_thread, &both};
	static const size_t lengths[] = {0, 1, 1000, 65536, BOUND, BOUND + 1, 700000};
	static const size_t steps[] = {1, 13, 1000, 65536};

	for (size_t i = 0; i < COUNT(routes) * 7 * 4; i++) {
		size_t n = lengths[i / 4 % 7];
		size_t step = steps[i % 4];

		if (n / step > 20000)
			continue;
		begin_bodies();
		bring_all(start_one(routes[i / 28]), n, step);
		end_taken(n);
	}
}

static void who_takes_nothing_lets_so_much_come_and_no_more(void)
{
	struct request *req = begin_slow();
	size_t at = 0;

	for (; !body_is_full(req); at += 10000)
		bring(req, at, 10000);
	CU_ASSERT(at > 65536 && at < 65536 + 20000);
	let_go(2);
	turn_until(&wanted, 2);
	CU_ASSERT_FALSE(body_is_full(req));
	CU_ASSERT_TRUE(body_is_wanted(req));
	CU_ASSERT_EQUAL(taken.len, at);
	bring_end(req);
	end_taken(at);
}

/* As where others are on the connection: it cannot be stopped, and goes to the disk. */
static void what_comes_nevertheless_goes_to_the_disk(void)
{
	struct request *req = begin_slow();

	for (int i = 0; i < 6; i++)
		bring(req, (size_t)i * 65536, 65536);
	let_go(20);
	turn_until(&wanted, 4);
	bring_end(req);
	end_taken((size_t)6 * 65536);
}

/* What is read whole is gone: no part of what goes to the disk after it. */
static void what_goes_to_the_disk_again_is_that_alone(void)
{
	struct request *req = begin_slow();

	bring(req, 0, 6 * 65536);
	let_go(6);
	while (taken.len < 6 * 65536)
		turn();
	bring(req, taken.len, BOUND + 1);
	let_go(20);
	bring_end(req);
	end_taken(6 * 65536 + BOUND + 1);
}

static void the_rest_is_what_was_not_read(void)
{
	static const size_t firsts[] = {10, 65536, 5 * 65536};
	static const size_t rests[] = {0, 1, BOUND, BOUND + 1, 300000};

	for (size_t i = 0; i < 3 * 5; i++) {
		struct request *req;

		begin_bodies();
		req = start_one(&rest);
		entered();
		bring(req, 0, firsts[i / 5]);
		sem_post(&work.gate);
		while (!pieces)
			turn();
		if (rests[i % 5])
			bring(req, firsts[i / 5], rests[i % 5]);
		bring_end(req);
		end_taken(firsts[i / 5] + rests[i % 5]);
	}
}

static void what_comes_faster_than_the_disk_is_a_503(void)
{
	struct request *req = begin_slow();

	for (size_t i = 0; i < 8 * BOUND / 65536 + 4; i++)
		bring(req, i * 65536, 65536);
	sem_post(&work.gate);
	end_answered(503);
}

static void without_a_spool_a_longer_body_is_a_413(void)
{
	begin_bodies();
	bodies.spool = NULL;
	bring_all(start_one(&whole), BOUND + 1, 65536);
	end_answered(413);

	begin_bodies(); /* one of just that length is not longer */
	bodies.spool = NULL;
	bring_all(start_one(&whole), BOUND, 65536);
	end_taken(BOUND);

	begin_bodies(); /* before any of it has come */
	bodies.spool = NULL;
	content_length = "131073";
	start_one(&whole);
	end_answered(413);

	begin_bodies(); /* but piece by piece it can be had */
	bodies.spool = NULL;
	bring_all(start_one(&piecewise), 1 << 20, 65536);
	end_taken(1 << 20);
}

static void a_body_has_its_routes_limit(void)
{
	static const struct route small = POST("/", ASYNC, take_whole, .body_limit = 1000);
	static const struct {
		const char *said;
		size_t comes;
		int status;
	} cases[] = {
		{"1001", 0, 413},
		{"1000", 1000, 200},
		{NULL, 1001, 413},
		{NULL, 1000, 200},
		{"999", 1000, 400},
		{"999", 998, 400},
		{"9z", 0, 400},
		{"-1", 1001, 413},
		{"-1", 1000, 200},
		{"-2", 0, 400},
		{"-11", 0, 400},
		{"99999999999999999999", 0, 400},
		{"18446744073709551615", 0, 400},
		{"18446744073709551614", 0, 413},
		{"0", 0, 200},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct request *req;

		begin_bodies();
		content_length = cases[i].said;
		req = open_one(&small);
		if (req) {
			request_resume(req, uv_hrtime());
			bring_all(req, cases[i].comes, 10);
			turn_until(&finished, 1);
		}
		CU_ASSERT_EQUAL(answered, cases[i].status);
		end_bodies();
	}
	begin_bodies(); /* without one of its own it has everybody's */
	bodies.limit = 7;
	bring_all(start_one(&whole), 8, 1);
	end_answered(413);
}

static void an_upload_that_stops_is_a_408(void)
{
	begin_bodies();
	bodies.timeout = SECOND / 100;
	bring(start_one(&whole), 0, 10);
	end_answered(408);
}

/* Nobody waits for it, while another that came later has waited for too long. */
static void who_does_not_take_has_no_timeout(void)
{
	struct request *req = begin_slow();

	bodies.timeout = SECOND / 100;
	bring(req, 0, 10);
	bring(start_one(&whole), 0, 10);
	turn_until(&finished, 1);
	CU_ASSERT_EQUAL(answered, 408);
	bring_end(req);
	let_go(2);
	turn_until(&finished, 2);
	CU_ASSERT_EQUAL(answered, 200);
	turn_until(&released, 2);
	end(2);
	CU_ASSERT_EQUAL(bodies.spooled.used, 0);
	buffer_free(&taken);
}

static void a_failure_can_be_tried(void)
{
	static const int errors[] = {-EMSGSIZE, -ETIME, -EPROTO, -ENOSPC, -EIO};

	for (size_t i = 0; i < COUNT(errors); i++) {
		begin_bodies();
		body_fail(start_one(&tries), errors[i]);
		turn_until(&finished, 1);
		CU_ASSERT_EQUAL(answered, 200);
		CU_ASSERT_EQUAL(failure, errors[i]);
		end_bodies();
	}
}

/* A body that does not fit into memory ends so, and the log says why. */
static void end_failed(int status, const char *event)
{
	struct caught caught;

	log_init("lanes");
	caught_begin();
	bring_all(start_one(&whole), (size_t)4 * BOUND, 65536);
	turn_until(&finished, 1);
	caught_end(&caught);
	CU_ASSERT_PTR_NOT_NULL(strstr(caught.text, event));
	end_answered(status);
}

static void the_spool_has_a_limit(void)
{
	begin_bodies();
	bodies.spool_kind.limit = BOUND + 65536;
	end_failed(507, "event=memory-limit of=spool");
}

/* Which here is that of a file's size. */
static void a_full_disk_is_a_507(void)
{
	struct rlimit before;

	begin_bodies();
	CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &(struct rlimit){100000, before.rlim_max});
	end_failed(507, "event=spool-failed");
	setrlimit(RLIMIT_FSIZE, &before);
	signal(SIGXFSZ, SIG_DFL);
}

static void a_spool_that_is_not_there_is_a_503(void)
{
	begin_bodies();
	bodies.spool = "/nowhere";
	end_failed(503, "event=spool-failed");
}

/* At every moment of it. */
static void who_leaves_takes_everything_along(void)
{
	for (int moment = 0; moment < 12; moment++) {
		struct request *req;

		begin_bodies();
		req = start_one(moment % 2 ? &whole : &piecewise);
		for (int i = 0; i < moment; i++) {
			bring(req, (size_t)i * 65536, 65536);
			if (moment > 6)
				turn();
		}
		coroutine_cancel(&req->co);
		body_drop(req);
		request_unref(req);
		turn_until(&released, 1);
		CU_ASSERT_EQUAL(finished, 0);
		end_bodies();
	}
}

static void a_body_is_of_its_requests_budget(void)
{
	struct budget_kind kind = {.name = "test", .limit = 100000};
	struct budget budget = {.kind = &kind};
	struct request *req;

	begin_bodies();
	allowed = &budget;
	req = open_one(&whole);
	request_resume(req, uv_hrtime());
	bring_all(req, 4 * BOUND, 65536);
	end_answered(503);
	CU_ASSERT_EQUAL(budget.used, 0);
	CU_ASSERT(kind.most < 300000);
}

/* Whichever allocation fails: all of the body, or a 503. */
static void memory_may_run_out_at_any_moment(void)
{
	static const struct route *const routes[] = {&piecewise, &whole, &both};

	for (int i = 0; i < 3 * 40; i++) {
		struct request *req;

		begin_bodies();
		req = open_one(routes[i % 3]);
		CU_ASSERT_PTR_NOT_NULL_FATAL(req);
		buffer_reserve(&taken, 3 * BOUND);
		memory_fail_once_after(i / 3);
		request_resume(req, uv_hrtime());
		for (size_t at = 0; at < 3 * BOUND && !finished; at += 32768) {
			char bytes[32768];
			struct buffer known = {.data = bytes, .size = sizeof(bytes)};

			while (body_is_full(req) && !finished)
				turn();
			fill(&known, at, sizeof(bytes));
			if (!finished)
				body_came(req, buffer_slice(&known));
			turn();
		}
		if (!finished)
			bring_end(req);
		turn_until(&finished, 1);
		memory_restore();
		CU_ASSERT_TRUE(answered == 503 || answered == 200);
		if (answered == 200)
			expect_taken(3 * BOUND);
		end_bodies();
	}
}

static const struct test tests[] = {
	{"a body comes as it was sent, whole or in pieces", a_body_comes_as_it_was_sent},
	{"who takes nothing lets so much come, and no more",
	 who_takes_nothing_lets_so_much_come_and_no_more},
	{"what comes nevertheless goes to the disk", what_comes_nevertheless_goes_to_the_disk},
	{"what goes to the disk again is that alone", what_goes_to_the_disk_again_is_that_alone},
	{"the rest is what was not read", the_rest_is_what_was_not_read},
	{"what comes faster than the disk is a 503", what_comes_faster_than_the_disk_is_a_503},
	{"without a spool a longer body is a 413", without_a_spool_a_longer_body_is_a_413},
	{"a body has its route's limit, and the length that was said", a_body_has_its_routes_limit},
	{"an upload that stops is a 408", an_upload_that_stops_is_a_408},
	{"who does not take has no timeout", who_does_not_take_has_no_timeout},
	{"a failure can be tried", a_failure_can_be_tried},
	{"the spool has a limit", the_spool_has_a_limit},
	{"a full disk is a 507", a_full_disk_is_a_507},
	{"a spool that is not there is a 503", a_spool_that_is_not_there_is_a_503},
	{"who leaves takes everything along", who_leaves_takes_everything_along},
	{"a body is of its request's budget", a_body_is_of_its_requests_budget},
	{"memory may run out at any moment", memory_may_run_out_at_any_moment},
};

const struct suite body_suite = {"body", tests, COUNT(tests), make_spool, remove_spool};

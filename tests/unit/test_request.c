#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "../support/mock.h"
#include "../support/process.h"
#include "base/budget.h"
#include "caught.h"
#include "http/reply.h"
#include "http/request.h"

static struct slice param(const struct request *req, const char *name)
{
	(void)req;
	return strcmp(name, "HTTP_ACCEPT") ? (struct slice){NULL, 0} : slice_of("text/html");
}

static const struct request_ops ops = MOCK_OPS(param);
static struct request req; /* of the test */

static void open_request(void)
{
	request_init(&req, &ops, NULL);
}

static void close_request(void)
{
	request_unref(&req);
}

static void take(struct request *req, const char *name, const char *value)
{
	request_take_param(req, slice_of(name), slice_of(value));
}

static void params_say_what_was_asked(void)
{
	/* Others, some of which are as long as one of them. */
	const char **others =
		STRINGS("request_method", "PATH", "", "PATH_INF_", "LANES_SEN_", "LANES_PAT_",
			"SCRIPT_NAM_", "QUERY_STRIN_", "HTTP_X_REQUEST_STAR_");

	take(&req, "REQUEST_METHOD", "GET");
	take(&req, "SCRIPT_NAME", "/prefork");
	take(&req, "PATH_INFO", "/sync/noawait");
	take(&req, "QUERY_STRING", "seconds=0");
	for (; *others; others++)
		take(&req, *others, "1700000000.5");
	request_params_done(&req, INT64_MAX);
	CU_ASSERT_FALSE(req.times.queue_known);
	CU_ASSERT_TRUE(slice_is(req.method, "GET"));
	CU_ASSERT_TRUE(slice_is(req.prefix, "/prefork"));
	CU_ASSERT_TRUE(slice_is(req.path, "/sync/noawait"));
	CU_ASSERT_TRUE(slice_is(req.query, "seconds=0"));
}

/* Of params in their order: "NAME", "value", …, NULL. */
static void path_is(const char *path, const char *prefix, const char *const *params)
{
	open_request();
	for (; *params; params += 2)
		take(&req, params[0], params[1]);
	request_params_done(&req, 0);
	CU_ASSERT_TRUE(slice_is(req.path, path));
	CU_ASSERT_TRUE(slice_is(req.prefix, prefix));
}

static void without_path_info_script_name_is_the_path(void)
{
	path_is("/sync/noawait", "", STRINGS("PATH_INFO", "", "SCRIPT_NAME", "/sync/noawait"));
}

static void the_path_as_it_was_sent_wins(void)
{
	path_is("/sync/no%61wait", "/prefork",
		STRINGS("LANES_PATH", "/sync/no%61wait", "PATH_INFO", "/sync/noawait",
			"SCRIPT_NAME", "/prefork"));
	CU_ASSERT_TRUE(req.raw);
	path_is("/sync/no%61wait", "",
		STRINGS("SCRIPT_NAME", "/sync/noawait", "LANES_PATH", "/sync/no%61wait"));
}

static void without_params_everything_is_empty(void)
{
	memset(&req, 0xa5, sizeof(req));
	open_request();
	request_params_done(&req, 0);
	CU_ASSERT_EQUAL(req.method.len + req.prefix.len + req.path.len + req.query.len, 0);
	CU_ASSERT_EQUAL(req.reply.status, 0);
	CU_ASSERT_EQUAL(req.refs, 1);
}

enum { NOT_TOLD = -1, SECOND = 1000 };

static int64_t wall_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Milliseconds in the queue, of a worker that was busy for so many. */
static int64_t queue_time(const char *name, const char *sent, int64_t busy)
{
	struct request req;

	request_init(&req, &ops, NULL);
	take(&req, name, sent);
	request_params_done(&req, (uint64_t)busy * 1000000);
	request_unref(&req);
	return req.times.queue_known ? (int64_t)req.times.queue / 1000000 : NOT_TOLD;
}

/* The same, of one that was sent so many milliseconds ago. */
static int64_t queue_time_since(int64_t ago, int64_t busy)
{
	long long sent = wall_clock() - ago;

	return queue_time("LANES_SENT", textf("%lld.%03lld", sent / 1000, sent % 1000), busy);
}

static void the_queue_time_counts_from_sending(void)
{
	int64_t queue = queue_time_since(2 * SECOND, 0);

	CU_ASSERT_TRUE(queue >= 2 * SECOND && queue < 10 * SECOND);
	queue = queue_time_since(100 * SECOND, 95 * SECOND);
	CU_ASSERT_TRUE(queue >= 100 * SECOND && queue < 105 * SECOND);
}

/* Behind by more than the worker, which was busy for no longer, can have kept it waiting; or ahead.
 */
static void clocks_that_disagree_give_no_queue_time(void)
{
	CU_ASSERT_EQUAL(queue_time_since(3600 * SECOND, 0), NOT_TOLD);
	CU_ASSERT_EQUAL(queue_time_since(12 * SECOND, SECOND), NOT_TOLD);
	CU_ASSERT_EQUAL(queue_time_since(-100 * SECOND, 0), NOT_TOLD);
}

static void a_sending_time_that_is_none_is_ignored(void)
{
	const char **wrong = STRINGS("", ".", "0", "-1", "abc", "t=", "1700000000.12x",
				     "1700000000.1234x", "99999999999999999999999999999999");

	for (; *wrong; wrong++)
		CU_ASSERT_EQUAL(queue_time("LANES_SENT", *wrong, INT64_MAX / 1000000), NOT_TOLD);
}

/* Any byte in the place of any: only a digit makes another moment, the right one. */
static void each_byte_of_a_sending_time_is_looked_at(void)
{
	static const int64_t places[] = {
		1000000000000, 100000000000, 10000000000, 1000000000, 100000000, 10000000, 1000000,
		100000,	       10000,	     1000,	  0,	      100,	 10,	   1};
	int64_t since = wall_clock() - 1234567890123;

	for (size_t at = 0; at < 14; at++) {
		for (int byte = 1; byte < 256; byte++) {
			char text[] = "1234567890.123";
			bool right = at == 10 ? byte == '.' : byte >= '0' && byte <= '9';
			int64_t change = (byte - text[at]) * places[at];
			int64_t queue;

			text[at] = (char)byte;
			queue = queue_time("LANES_SENT", text, INT64_MAX / 1000000);
			if (right && change <= since)
				CU_ASSERT(queue >= since - change && queue < since - change + 60000)
			else if (at != 10 || !isdigit(byte)) /* then it is microseconds */
				CU_ASSERT_EQUAL(queue, NOT_TOLD);
		}
	}
}

/* All of them the same moment. */
static void a_start_that_others_tell_counts_too(void)
{
	static const char *const starts[] = {
		"1700000000.50",      "1700000000.5009",     "t=1700000000.5",
		"1700000000.500",     "1700000000.500999",   "1700000000500",
		"t=1700000000500",    "1700000000500.25",    "1700000000500999",
		"t=1700000000500000", "1700000000500000123",
	};
	int64_t since = wall_clock() - 1700000000500;

	for (size_t i = 0; i < COUNT(starts); i++) {
		int64_t queue = queue_time("HTTP_X_REQUEST_START", starts[i], since);

		CU_ASSERT_TRUE(queue >= since && queue <= wall_clock() - 1700000000500);
	}
}

/* From the eleventh digit on it is no seconds. */
static void seconds_have_ten_digits(void)
{
	int64_t since = wall_clock() - 10000000000;
	int64_t queue = queue_time("LANES_SENT", "10000000000", since);

	CU_ASSERT_TRUE(queue >= since && queue <= wall_clock() - 10000000000);
	CU_ASSERT_EQUAL(queue_time("LANES_SENT", "9999999999", since), NOT_TOLD);
}

static void what_nginx_says_comes_first(void)
{
	take(&req, "LANES_SENT", "nothing");
	take(&req, "HTTP_X_REQUEST_START", "t=1700000000.5");
	request_params_done(&req, INT64_MAX);
	CU_ASSERT_FALSE(req.times.queue_known);
}

static void a_request_can_be_late(void)
{
	CU_ASSERT_FALSE(request_is_late(&req, 1));
	req.times.queue = 2000000;
	CU_ASSERT_TRUE(request_is_late(&req, 1));
	CU_ASSERT_FALSE(request_is_late(&req, 2));
	CU_ASSERT_FALSE(request_is_late(&req, 0));
}

static void fill_blocks(void)
{
	unsigned char *blocks[40];

	for (size_t i = 0; i < 40; i++) {
		blocks[i] = request_alloc(&req, i * 3 + 1);
		CU_ASSERT_PTR_NOT_NULL_FATAL(blocks[i]);
		CU_ASSERT_EQUAL((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
		for (size_t at = 0; at < i * 3 + 1; at++)
			CU_ASSERT_EQUAL_FATAL(blocks[i][at], 0);
		memset(blocks[i], (int)i, i * 3 + 1);
	}
	for (size_t i = 0; i < 40; i++)
		for (size_t at = 0; at < i * 3 + 1; at++)
			CU_ASSERT_EQUAL_FATAL(blocks[i][at], i);
}

/* Also where another request has left its own. */
static void allocations_are_zeroed_aligned_and_apart(void)
{
	fill_blocks();
	close_request();
	open_request();
	fill_blocks();
}

static void small_requests_need_no_malloc(void)
{
	long before = memory_allocations();

	CU_ASSERT_PTR_NOT_NULL(request_alloc(&req, REQUEST_INLINE));
	CU_ASSERT_EQUAL(memory_allocations(), before);
	CU_ASSERT_PTR_NOT_NULL(request_alloc(&req, 1));
	CU_ASSERT_EQUAL(memory_allocations(), before + 1);
}

/* Not for gcc to know: it takes the call for one that overflows. */
static size_t one_too_many(void)
{
	size_t size = REQUEST_INLINE + 1;

	__asm__("" : "+r"(size));
	return size;
}

static void memory_out_is_no_allocation(void)
{
	memory_fail_after(0);
	CU_ASSERT_PTR_NULL(request_alloc(&req, one_too_many()));
	CU_ASSERT_PTR_NOT_NULL(request_alloc(&req, 16));
	memory_restore();
	CU_ASSERT_PTR_NOT_NULL(request_alloc(&req, one_too_many()));
}

static void what_does_not_fit_the_block_is_of_the_budget(void)
{
	static struct caught caught;
	struct budget_kind kind = {.name = "test", .limit = 4096};
	struct budget budget = {.kind = &kind};
	struct request req;

	caught_begin();
	request_init(&req, &ops, NULL);
	req.budget = &budget;
	CU_ASSERT_PTR_NOT_NULL(request_alloc(&req, REQUEST_INLINE));
	CU_ASSERT_EQUAL(budget.used, 0);
	CU_ASSERT_PTR_NULL(request_alloc(&req, 4096));
	CU_ASSERT_PTR_NULL(request_alloc(&req, SIZE_MAX));
	memory_fail_after(0);
	CU_ASSERT_PTR_NULL(request_alloc(&req, 1000));
	memory_restore();
	CU_ASSERT_EQUAL(budget.used, 0);
	CU_ASSERT_PTR_NOT_NULL(request_alloc(&req, 1000));
	CU_ASSERT_PTR_NOT_NULL(request_alloc(&req, 2000));
	CU_ASSERT_TRUE(budget.used >= 3000 && budget.used < 3100);
	request_unref(&req);
	CU_ASSERT_EQUAL(budget.used, 0);
	caught_end(&caught);
}

static void the_frame_is_zeroed_and_stays(void)
{
	unsigned char *frame;

	memset(&req, 0xa5, sizeof(req));
	open_request();
	frame = request_frame(&req, REQUEST_FRAME_SIZE);
	for (int i = 0; i < REQUEST_FRAME_SIZE; i++)
		CU_ASSERT_EQUAL_FATAL(frame[i], 0);
	frame[0] = 1;
	CU_ASSERT_PTR_EQUAL(request_frame(&req, 8), frame);
	CU_ASSERT_EQUAL(frame[0], 1);
}

static void the_last_reference_releases(void)
{
	struct request req;

	mock_released = 0;
	request_init(&req, &ops, NULL);
	request_ref(&req);
	CU_ASSERT_PTR_NOT_NULL(request_alloc(&req, 4000));
	reply_error(&req, 404);
	request_unref(&req);
	CU_ASSERT_EQUAL(mock_released, 0);
	CU_ASSERT_EQUAL(req.reply.status, 404);
	request_unref(&req);
	CU_ASSERT_EQUAL(mock_released, 1);
	CU_ASSERT_PTR_NULL(req.chunks);
}

static void other_params_are_asked_of_the_engine(void)
{
	CU_ASSERT_TRUE(slice_is(request_param(&req, "HTTP_ACCEPT"), "text/html"));
	CU_ASSERT_PTR_NULL(request_param(&req, "HTTP_COOKIE").data);
}

static const struct test tests[] = {
	{"params say what was asked", params_say_what_was_asked},
	{"without PATH_INFO, SCRIPT_NAME is the path", without_path_info_script_name_is_the_path},
	{"the path as it was sent wins", the_path_as_it_was_sent_wins},
	{"without params everything is empty", without_params_everything_is_empty},
	{"the queue time counts from sending", the_queue_time_counts_from_sending},
	{"each byte of a sending time is looked at", each_byte_of_a_sending_time_is_looked_at},
	{"clocks that disagree give no queue time", clocks_that_disagree_give_no_queue_time},
	{"a sending time that is none is ignored", a_sending_time_that_is_none_is_ignored},
	{"a start that others tell counts, too", a_start_that_others_tell_counts_too},
	{"seconds have ten digits", seconds_have_ten_digits},
	{"what nginx says comes first", what_nginx_says_comes_first},
	{"a request that waited for longer than it may is late", a_request_can_be_late},
	{"allocations are zeroed, aligned and apart", allocations_are_zeroed_aligned_and_apart},
	{"small requests need no malloc", small_requests_need_no_malloc},
	{"memory out is no allocation", memory_out_is_no_allocation},
	{"what does not fit the block is of the budget",
	 what_does_not_fit_the_block_is_of_the_budget},
	{"the frame is zeroed and stays", the_frame_is_zeroed_and_stays},
	{"the last reference releases", the_last_reference_releases},
	{"other params are asked of the engine", other_params_are_asked_of_the_engine},
};

const struct suite request_suite = {"request", tests, COUNT(tests), .before = open_request,
				    .after = close_request};

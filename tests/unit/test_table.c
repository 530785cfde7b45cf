#include <stdio.h>
#include <string.h>

#include "../support/harness.h"
#include "admin/status_text.h"

enum { WORKERS = 6 };

static struct board_slot slot;
static struct worker_state list[WORKERS];
static const struct workers workers = {list, WORKERS};

/* The fullest that a line can be, and the third held. */
static int set_up(void)
{
	for (int i = 0; i < WORKERS; i++) {
		struct worker_state *worker = &list[i];

		*worker = (struct worker_state){.pid = 4194304,
						.number = (uint64_t)i + 1,
						.in_flight = 999999,
						.requests = 9999999999,
						.connections = 16384,
						.memory = UINT64_C(999) << 20,
						.longest_60s = 60,
						.answers = {[5] = 9999},
						.slot = &slot,
						.engine = "loop"};
		snprintf(worker->name, sizeof(worker->name), "exercise-prefork-%d", i + 1);
		for (int p = 0; p < BOARD_POOLS; p++)
			worker->pools[p] =
				(struct pool_state){.limit = 1024, .running = 1024, .queued = 1000};
	}
	board_set(&slot.route_count, 2);
	strcpy(slot.routes[1].name, "/async/bad-blocking");
	list[3].is_held = list[3].is_running = true;
	list[3].held = 12.34;
	list[3].running = (struct running){.serial = 4294967295, .route = 1, .seconds = 12.3};
	return 0;
}

static struct buffer shown;

static const char *show(const struct table_style *style)
{
	buffer_free(&shown);
	table_append(&shown, &workers, style);
	buffer_append(&shown, "", 1);
	return shown.failed ? "" : shown.data;
}

static size_t lines_of(const char *text, size_t *longest)
{
	size_t count = 0;

	for (*longest = 0; *text; count++) {
		size_t len = strcspn(text, "\n");

		*longest = len > *longest ? len : *longest;
		text += len + 1;
	}
	return count;
}

static void fits_any_width(void)
{
	for (size_t width = 20; width < 140; width++) {
		size_t longest;
		const char *text = show(&(struct table_style){.width = width});

		CU_ASSERT_EQUAL(lines_of(text, &longest), WORKERS + 1);
		CU_ASSERT_TRUE(longest <= width);
		if (width >= 34)
			CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nexercise-prefork-4 HELD 12.3 s"));
	}
	show(&(struct table_style){.width = 0});
	CU_ASSERT_PTR_NULL(strstr(shown.data, "requests"));
	CU_ASSERT_PTR_NOT_NULL(strstr(shown.data, " memory\n"));
}

static void a_hold_says_by_whom_and_who_waits(void)
{
	CU_ASSERT_PTR_NOT_NULL(strstr(show(&(struct table_style){.width = 100}),
				      "\nexercise-prefork-4 HELD 12.3 s by request 4294967295 "
				      "/async/bad-blocking, 999998 more wait\n"));
	list[3].in_flight = 1;
	CU_ASSERT_PTR_NOT_NULL(strstr(show(&(struct table_style){.width = 80}),
				      " HELD 12.3 s by request 4294967295 /async/bad-blocking\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(show(&(struct table_style){.width = 60}),
				      " HELD 12.3 s by request 4294967295 /as"));
	CU_ASSERT_PTR_NOT_NULL(strstr(show(&(struct table_style){.color = true}), "\033[1;31mex"));
	/* Many have come after one another, and this one only runs now. */
	list[3].running.seconds = 0.05;
	CU_ASSERT_PTR_NOT_NULL(strstr(show(&(struct table_style){.width = 100}),
				      " HELD 12.3 s, now by request 4294967295 /async/bad-"));
	list[3].running.seconds = 12.3;
	list[3].in_flight = 999999;
}

/* A screen of two lines has room for one worker. */
static void a_hold_is_never_below_the_screen(void)
{
	for (size_t height = 2; height <= WORKERS + 1; height++) {
		size_t longest;
		const char *text = show(&(struct table_style){.width = 80, .height = height});

		CU_ASSERT_EQUAL(lines_of(text, &longest), height);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, "HELD"));
	}
}

/* Nor is a process that has nothing to do but its one request. */
static void a_process_is_occupied_and_not_held(void)
{
	snprintf(list[3].engine, sizeof(list[3].engine), "prefork");
	CU_ASSERT_PTR_NULL(strstr(show(&(struct table_style){0}), "HELD"));
	CU_ASSERT_PTR_NOT_NULL(strstr(shown.data, "\nexercise-prefork-4 busy"));
	list[3].awaiting = true;
	CU_ASSERT_PTR_NOT_NULL(
		strstr(show(&(struct table_style){0}), "\nexercise-prefork-4 awaits"));
	set_up();
}

/* What nothing waits for has no column. */
static void who_waits_for_others_is_counted(void)
{
	CU_ASSERT_PTR_NULL(strstr(show(&(struct table_style){.width = 200}), " db"));
	CU_ASSERT_PTR_NULL(strstr(shown.data, " fetch"));
	list[1].database.limit = 8;
	list[1].database.busy = 5;
	CU_ASSERT_PTR_NOT_NULL(strstr(show(&(struct table_style){.width = 200}), "  db "));
	CU_ASSERT_PTR_NOT_NULL(strstr(shown.data, " 5/8 "));
	CU_ASSERT_PTR_NULL(strstr(shown.data, " fetch"));
	list[1].waits[SPAN_DB_QUEUE - SPAN_FETCH] = 2;
	CU_ASSERT_PTR_NOT_NULL(strstr(show(&(struct table_style){.width = 200}), " 5/8 +2 "));
	/* It stays, when they are done. */
	board_waited(&slot, SPAN_FETCH, 1, 1);
	board_set(&slot.thing_count, 1);
	set_up();
	CU_ASSERT_PTR_NOT_NULL(strstr(show(&(struct table_style){.width = 200}), " fetch"));
	CU_ASSERT_PTR_NULL(strstr(shown.data, " db"));
	memset(&slot, 0, sizeof(slot));
	set_up();
}

static int tear_down(void)
{
	buffer_free(&shown);
	return 0;
}

static const struct test tests[] = {
	{"it fits any width, and a hold is never cut off", fits_any_width},
	{"a hold says by whom, and how many wait", a_hold_says_by_whom_and_who_waits},
	{"a hold is shown however low the screen is", a_hold_is_never_below_the_screen},
	{"who waits for others is counted, where there is something to count",
	 who_waits_for_others_is_counted},
	{"a process is occupied, and not held", a_process_is_occupied_and_not_held},
};

const struct suite table_suite = {"table", tests, sizeof(tests) / sizeof(tests[0]), set_up,
				  tear_down};

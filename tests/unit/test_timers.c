#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "await/timers.h"

enum { MOST = 500, NS_PER_MS = 1000000 };

struct alarm {
	struct timer timer;
	uint64_t due;
};

static uv_loop_t loop;
static struct timers timers;
static struct alarm alarms[MOST];
static struct alarm *fired[MOST + 1];
static size_t fired_count;

static void begin(void)
{
	fired_count = 0;
	CU_ASSERT_EQUAL_FATAL(uv_loop_init(&loop), 0);
	CU_ASSERT_EQUAL_FATAL(timers_open(&timers, &loop), 0);
}

static void end(void)
{
	timers_close(&timers);
	uv_run(&loop, UV_RUN_DEFAULT);
	CU_ASSERT_EQUAL(uv_loop_close(&loop), 0);
}

static void note(struct timer *timer)
{
	struct alarm *alarm = (struct alarm *)timer;

	CU_ASSERT_TRUE(uv_hrtime() >= alarm->due);
	CU_ASSERT_EQUAL(timer->place, 0);
	fired[fired_count++] = alarm;
}

static void add(size_t i, uint64_t due)
{
	alarms[i] = (struct alarm){.timer.fire = note, .due = due};
	CU_ASSERT_EQUAL_FATAL(timers_add(&timers, &alarms[i].timer, due), 0);
}

static void nothing_fires_early(void)
{
	uint64_t now = uv_hrtime();

	begin();
	add(0, now + 1);
	add(1, now + NS_PER_MS - 1);
	add(2, now + UINT64_C(3) * NS_PER_MS + 1);
	add(3, now + UINT64_C(20) * NS_PER_MS);
	uv_run(&loop, UV_RUN_DEFAULT); /* note() looks at the clock */
	CU_ASSERT_EQUAL(fired_count, 4);
	end();
}

static void they_fire_in_the_order_of_their_deadlines(void)
{
	uint64_t start = uv_hrtime();

	begin();
	srand(1);
	for (size_t i = 0; i < MOST; i++)
		add(i, start + (uint64_t)(rand() % 10000) * 1000);
	uv_run(&loop, UV_RUN_DEFAULT);
	CU_ASSERT_EQUAL_FATAL(fired_count, MOST);
	for (size_t i = 1; i < MOST; i++)
		CU_ASSERT_TRUE_FATAL(fired[i - 1]->due <= fired[i]->due);
	end();
}

static void nor_do_few_of_them_pass_each_other(void)
{
	static const uint64_t dues[][3] = {{1, 2, 3}, {1, 3, 2}, {2, 1, 3},
					   {2, 3, 1}, {3, 1, 2}, {3, 2, 1}};

	for (size_t order = 0; order < 6; order++) {
		begin();
		for (size_t i = 0; i < 3; i++)
			add(i, dues[order][i]);
		uv_run(&loop, UV_RUN_DEFAULT);
		CU_ASSERT_EQUAL_FATAL(fired_count, 3);
		for (size_t i = 0; i < 3; i++)
			CU_ASSERT_EQUAL(fired[i]->due, i + 1);
		end();
	}
}

static void what_is_removed_never_fires(void)
{
	uint64_t start = uv_hrtime();
	size_t removed = 0;

	begin();
	srand(2);
	for (size_t i = 0; i < MOST; i++)
		add(i, start + (uint64_t)(rand() % 10000) * 1000);
	for (size_t i = 0; i < MOST; i++) {
		if (rand() % 3)
			continue;
		timers_remove(&timers, &alarms[i].timer);
		timers_remove(&timers, &alarms[i].timer);
		alarms[i].due = UINT64_MAX; /* note() would complain */
		removed++;
	}
	CU_ASSERT_EQUAL(timers.count, MOST - removed);
	uv_run(&loop, UV_RUN_DEFAULT);
	CU_ASSERT_EQUAL_FATAL(fired_count, MOST - removed);
	for (size_t i = 1; i < fired_count; i++)
		CU_ASSERT_TRUE_FATAL(fired[i - 1]->due <= fired[i]->due);
	end();
}

static void an_earlier_deadline_overtakes_an_armed_one(void)
{
	uint64_t now = uv_hrtime();

	begin();
	add(0, now + 60000ULL * NS_PER_MS);
	add(1, now + NS_PER_MS);
	while (!fired_count)
		uv_run(&loop, UV_RUN_ONCE);
	CU_ASSERT_PTR_EQUAL(fired[0], &alarms[1]);
	timers_remove(&timers, &alarms[0].timer);
	end();
}

static void a_deadline_in_the_past_fires_in_the_next_turn(void)
{
	begin();
	uv_update_time(&loop);
	add(0, 0);
	CU_ASSERT_EQUAL(fired_count, 0);
	uv_run(&loop, UV_RUN_NOWAIT);
	CU_ASSERT_EQUAL(fired_count, 1);
	end();
}

static void fire_and_arm_again(struct timer *timer)
{
	struct alarm *alarm = (struct alarm *)timer;

	note(timer);
	alarm->due = uv_hrtime() + NS_PER_MS;
	if (fired_count < 3)
		CU_ASSERT_EQUAL(timers_add(&timers, timer, alarm->due), 0);
}

static void a_timer_may_arm_itself_again(void)
{
	begin();
	alarms[0] = (struct alarm){.timer.fire = fire_and_arm_again};
	CU_ASSERT_EQUAL(timers_add(&timers, &alarms[0].timer, 0), 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	CU_ASSERT_EQUAL(fired_count, 3);
	end();
}

static void fire_and_remove_another(struct timer *timer)
{
	note(timer);
	timers_remove(&timers, &alarms[1].timer);
}

static void a_timer_may_remove_another_that_is_due(void)
{
	begin();
	add(0, 0);
	alarms[0].timer.fire = fire_and_remove_another;
	add(1, 1);
	add(2, 2);
	uv_run(&loop, UV_RUN_DEFAULT);
	CU_ASSERT_EQUAL(fired_count, 2);
	CU_ASSERT_PTR_EQUAL(fired[1], &alarms[2]);
	end();
}

static void memory_out_refuses_the_timer_and_keeps_the_others(void)
{
	size_t i = 0;
	int err = 0;

	begin();
	add(0, 5);
	memory_fail_after(0);
	while (!err && ++i < MOST) {
		alarms[i] = (struct alarm){.timer.fire = note, .due = 6};
		err = timers_add(&timers, &alarms[i].timer, 6);
	}
	memory_restore();
	CU_ASSERT_EQUAL(err, -ENOMEM);
	CU_ASSERT_EQUAL(alarms[i].timer.place, 0);
	timers_remove(&timers, &alarms[i].timer);
	uv_run(&loop, UV_RUN_DEFAULT);
	CU_ASSERT_EQUAL(fired_count, i);
	end();
}

static void a_rush_of_timers_leaves_no_memory_taken(void)
{
	begin();
	for (size_t i = 0; i < MOST; i++)
		add(i, UINT64_MAX);
	for (size_t i = 1; i < MOST; i++)
		timers_remove(&timers, &alarms[i].timer);
	CU_ASSERT_TRUE(malloc_usable_size(timers.heap) < MOST / 4 * sizeof(uint64_t[2]));
	for (size_t i = 1; i < MOST; i++)
		add(i, 5);
	timers_remove(&timers, &alarms[0].timer);
	uv_run(&loop, UV_RUN_DEFAULT);
	CU_ASSERT_EQUAL(fired_count, MOST - 1);
	end();
}

static void who_leaves_needs_no_memory(void)
{
	begin();
	for (size_t i = 0; i < MOST; i++)
		add(i, i);
	memory_fail_after(0);
	for (size_t i = 5; i < MOST; i++)
		timers_remove(&timers, &alarms[i].timer);
	memory_restore();
	uv_run(&loop, UV_RUN_DEFAULT);
	CU_ASSERT_EQUAL(fired_count, 5);
	end();
}

static void closing_forgets_what_is_armed(void)
{
	begin();
	add(0, uv_hrtime() + NS_PER_MS);
	end();
	CU_ASSERT_EQUAL(fired_count, 0);
}

static const struct test tests[] = {
	{"nothing fires early", nothing_fires_early},
	{"they fire in the order of their deadlines", they_fire_in_the_order_of_their_deadlines},
	{"nor do few of them pass each other", nor_do_few_of_them_pass_each_other},
	{"what is removed never fires", what_is_removed_never_fires},
	{"an earlier deadline overtakes an armed one", an_earlier_deadline_overtakes_an_armed_one},
	{"a deadline in the past fires in the next turn",
	 a_deadline_in_the_past_fires_in_the_next_turn},
	{"a timer may arm itself again", a_timer_may_arm_itself_again},
	{"a timer may remove another that is due", a_timer_may_remove_another_that_is_due},
	{"memory out refuses the timer and keeps the others",
	 memory_out_refuses_the_timer_and_keeps_the_others},
	{"a rush of timers leaves no memory taken", a_rush_of_timers_leaves_no_memory_taken},
	{"who leaves needs no memory", who_leaves_needs_no_memory},
	{"closing forgets what is armed", closing_forgets_what_is_armed},
};

const struct suite timers_suite = {"timers", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL};

/* What an application says of itself, and what of that is refused. */
#include <stdio.h>
#include <string.h>

#include "../support/harness.h"
#include "await/thread_pool.h"
#include "caught.h"
#include "client/names.h"
#include "engine/application.h"

static void nothing(struct request *req)
{
	(void)req;
}

enum { MANY = BOARD_OWN_POOLS + 1 };

/* Whether routes that name these pools, one each, are taken. */
static bool taken(const struct thread_pool_options *pools, size_t count,
		  const struct thread_pool_options *own[BOARD_OWN_POOLS], struct caught *caught)
{
	struct route list[MANY];
	struct application application = {.routes = {.list = list, .count = count}};
	bool fine;

	for (size_t i = 0; i < count; i++)
		list[i] = (struct route)GET("/pools", SYNC, nothing, .pool = &pools[i]);
	memset(own, 0, BOARD_OWN_POOLS * sizeof(own[0]));
	caught_begin();
	fine = application_pools(&application, own);
	caught_end(caught);
	return fine;
}

static void pools_are_found_once(void)
{
	static const struct thread_pool_options one = {.name = "one", .threads = 1};
	static const struct thread_pool_options two = {.name = "two", .threads = 1024};
	static const struct route list[] = {
		GET("/a", SYNC, nothing, .pool = &two), GET("/b", ASYNC, nothing),
		GET("/c", SYNC, nothing, .pool = &one), GET("/d", SYNC, nothing, .pool = &two)};
	static const struct application application = {.routes = ROUTES(list)};
	const struct thread_pool_options *own[BOARD_OWN_POOLS] = {NULL};

	CU_ASSERT_TRUE(application_pools(&application, own));
	CU_ASSERT_PTR_EQUAL(own[0], &two);
	CU_ASSERT_PTR_EQUAL(own[1], &one);
	CU_ASSERT_PTR_NULL(own[2]);
}

static void pools_that_are_none_are_refused(void)
{
	static const struct thread_pool_options bad[] = {
		{.name = "", .threads = 1},	    {.name = "elevenchars", .threads = 1},
		{.name = "Reports", .threads = 1},  {.name = "cpu", .threads = 1},
		{.name = "blocking", .threads = 1}, {.name = "none", .threads = 0},
		{.name = "many", .threads = 1025},
	};
	static const struct thread_pool_options same[] = {{.name = "same", .threads = 1},
							  {.name = "same", .threads = 1}};
	const struct thread_pool_options *own[BOARD_OWN_POOLS];
	struct thread_pool_options many[MANY];
	char names[MANY][8];
	struct caught caught;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CU_ASSERT_FALSE(taken(&bad[i], 1, own, &caught));
		CU_ASSERT_PTR_NOT_NULL(strstr(caught.text, "lanes: /pools: a pool has "));
		CU_ASSERT_EQUAL(caught.writes, 1);
	}
	CU_ASSERT_FALSE(taken(same, 2, own, &caught));
	for (int i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof(names[i]), "p%d", i);
		many[i] = (struct thread_pool_options){.name = names[i], .threads = 1};
	}
	CU_ASSERT_TRUE(taken(many, MANY - 1, own, &caught));
	CU_ASSERT_FALSE(taken(many, MANY, own, &caught));
	CU_ASSERT_PTR_NOT_NULL(strstr(caught.text, "lanes: /pools: there may be 4 pools besides"));
}

static void one_that_fetches_has_a_pool_for_names(void)
{
	static const struct thread_pool_options one = {.name = "one", .threads = 1};
	static const struct thread_pool_options same = {.name = "names", .threads = 1};
	struct route list[] = {GET("/pools", SYNC, nothing, .pool = &one)};
	const struct application application = {.routes = ROUTES(list), .fetches = true};
	const struct thread_pool_options *own[BOARD_OWN_POOLS] = {NULL};
	struct caught caught;

	CU_ASSERT_TRUE(application_pools(&application, own));
	CU_ASSERT_PTR_EQUAL(own[0], &names_pool);
	CU_ASSERT_PTR_EQUAL(own[1], &one);
	list[0].pool = &same;
	caught_begin();
	CU_ASSERT_FALSE(application_pools(&application, own));
	caught_end(&caught);
	CU_ASSERT_PTR_NOT_NULL(strstr(caught.text, "lanes: /pools: a pool has "));
}

static int show(const char *scoreboard)
{
	CU_ASSERT_STRING_EQUAL(scoreboard, "board");
	return 7;
}

/* Of what a program has none it says so. */
static void a_program_is_what_it_has(void)
{
	static const struct {
		const char *option;
		int (*top)(const char *scoreboard);
		int status;
		const char *says;
	} cases[] = {
		{"--top", show, 7, ""},
		{"--top", NULL, 2, "lanes: --top: this program has none\n"},
		{"--routes=admin", show, 2,
		 "lanes: --routes: this program has none of that kind\n"},
		{"--routes=app", show, 2, "lanes: --routes: this program has none of that kind\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char option[32];
		char *arguments[] = {"lanes", "--scoreboard=board", option, NULL};
		struct caught caught;

		strcpy(option, cases[i].option);
		caught_begin();
		CU_ASSERT_EQUAL(
			worker_main(3, arguments, &(struct applications){.top = cases[i].top}),
			cases[i].status);
		caught_end(&caught);
		CU_ASSERT_STRING_EQUAL(caught.text, cases[i].says);
	}
}

static const struct test tests[] = {
	{"a program is what it has", a_program_is_what_it_has},
	{"pools of its own are found once", pools_are_found_once},
	{"pools that are none are refused", pools_that_are_none_are_refused},
	{"one that fetches has a pool for names", one_that_fetches_has_a_pool_for_names},
};

const struct suite application_suite = {"application", tests, sizeof(tests) / sizeof(tests[0]),
					NULL, NULL};

#include <string.h>

#include "../support/harness.h"
#include "base/budget.h"
#include "caught.h"

static struct budget_kind kind_of_whole;
static struct budget_kind kind_of_part;
static struct budget whole;
static struct budget part;
static struct caught caught;

static void begin(size_t of_whole, size_t of_part)
{
	kind_of_whole = (struct budget_kind){.name = "whole", .limit = of_whole};
	kind_of_part = (struct budget_kind){.name = "part", .limit = of_part, .of = &whole};
	whole = (struct budget){.kind = &kind_of_whole};
	part = (struct budget){.kind = &kind_of_part};
	caught_begin();
}

static void logged(const char *text)
{
	caught_end(&caught);
	CU_ASSERT_EQUAL(strstr(caught.text, "event=memory-limit") != NULL, text != NULL);
	CU_ASSERT_TRUE(!text || strstr(caught.text, text));
}

static void holds(size_t of_whole, size_t of_part)
{
	CU_ASSERT_EQUAL(whole.used, of_whole);
	CU_ASSERT_EQUAL(part.used, of_part);
}

static void what_is_taken_is_taken_of_the_whole(void)
{
	begin(100, 50);
	CU_ASSERT_TRUE(budget_take(&part, 30));
	CU_ASSERT_TRUE(budget_take(&whole, 60));
	holds(90, 30);
	budget_give(&part, 20);
	holds(70, 10);
	logged(NULL);
}

static void all_of_it_may_be_taken_and_no_more(void)
{
	begin(100, 50);
	CU_ASSERT_FALSE(budget_take(&part, 51));
	CU_ASSERT_TRUE(budget_take(&part, 49));
	CU_ASSERT_FALSE(budget_is_spent(&part));
	CU_ASSERT_FALSE(budget_take(&part, 2));
	CU_ASSERT_FALSE(budget_take(&part, (size_t)-1));
	CU_ASSERT_TRUE(budget_take(&part, 1));
	CU_ASSERT_TRUE(budget_is_spent(&part));
	CU_ASSERT_FALSE(budget_is_spent(&whole));
	holds(50, 50);
	logged("of=part");
}

static void what_the_whole_lacks_no_part_has(void)
{
	begin(100, 50);
	CU_ASSERT_TRUE(budget_take(&whole, 70));
	CU_ASSERT_FALSE(budget_take(&part, 31));
	holds(70, 0);
	CU_ASSERT_TRUE(budget_take(&part, 30));
	CU_ASSERT_TRUE(budget_is_spent(&part));
	holds(100, 30);
	logged("of=whole");
}

static void what_is_there_is_charged_beyond_the_limit(void)
{
	begin(100, 50);
	budget_charge(&part, 120);
	holds(120, 120);
	CU_ASSERT_TRUE(budget_is_spent(&whole));
	budget_give(&part, 120);
	holds(0, 0);
	CU_ASSERT_FALSE(budget_is_spent(&part));
	logged(NULL);
}

static void it_remembers_the_most(void)
{
	begin(100, 50);
	CU_ASSERT_TRUE(budget_take(&part, 40));
	budget_give(&part, 40);
	budget_charge(&part, 20);
	CU_ASSERT_EQUAL(kind_of_part.most, 40);
	CU_ASSERT_EQUAL(kind_of_whole.most, 40);
	logged(NULL);
}

static void without_a_budget_there_is_no_limit(void)
{
	CU_ASSERT_TRUE(budget_take(NULL, (size_t)-1));
	budget_give(NULL, (size_t)-1);
}

static const struct test tests[] = {
	{"what is taken is taken of the whole", what_is_taken_is_taken_of_the_whole},
	{"all of it may be taken, and no more", all_of_it_may_be_taken_and_no_more},
	{"what the whole lacks, no part has", what_the_whole_lacks_no_part_has},
	{"what is there already is charged beyond the limit",
	 what_is_there_is_charged_beyond_the_limit},
	{"it remembers the most that was used", it_remembers_the_most},
	{"without a budget there is no limit", without_a_budget_there_is_no_limit},
};

const struct suite budget_suite = {"budget", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL};

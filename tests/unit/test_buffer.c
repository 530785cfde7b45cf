#include <stdint.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "base/buffer.h"

static void what_is_appended_stays_in_order(void)
{
	struct buffer b = {0};

	for (int i = 0; i < 1000; i++)
		buffer_append_text(&b, "0123456789");
	CU_ASSERT_EQUAL(b.len, 10000);
	CU_ASSERT_TRUE(b.size >= b.len);
	for (size_t i = 0; i < b.len; i++)
		CU_ASSERT_EQUAL_FATAL(b.data[i], '0' + (char)(i % 10));
	CU_ASSERT_FALSE(b.failed);
	buffer_free(&b);
}

static void any_byte_can_be_appended(void)
{
	struct buffer b = {0};

	buffer_append(&b, "a\0b\xff", 4);
	CU_ASSERT_TRUE(slice_equal(buffer_slice(&b), (struct slice){"a\0b\xff", 4}));
	buffer_free(&b);
}

static void numbers_are_decimal(void)
{
	struct buffer b = {0};

	buffer_append_u64(&b, 0);
	buffer_append_text(&b, " ");
	buffer_append_u64(&b, 10);
	buffer_append_text(&b, " ");
	buffer_append_u64(&b, UINT64_MAX);
	CU_ASSERT_TRUE(slice_is(buffer_slice(&b), "0 10 18446744073709551615"));
	buffer_free(&b);
}

static void nothing_appended_takes_no_memory(void)
{
	struct buffer b = {0};

	buffer_append(&b, NULL, 0);
	buffer_append_text(&b, "");
	CU_ASSERT_PTR_NULL(b.data);
	CU_ASSERT_FALSE(b.failed);
}

static void reserved_room_is_not_content(void)
{
	struct buffer b = {0};
	char *to = buffer_reserve(&b, 700);

	CU_ASSERT_PTR_NOT_NULL_FATAL(to);
	CU_ASSERT_EQUAL(b.len, 0);
	for (int i = 0; i < 700; i++)
		to[i] = 'x';
	b.len += 700;
	CU_ASSERT_PTR_EQUAL(buffer_reserve(&b, 1), b.data + 700);
	buffer_free(&b);
}

static void memory_out_is_remembered(void)
{
	struct buffer b = {0};

	buffer_append_text(&b, "kept");
	memory_fail_after(0);
	CU_ASSERT_PTR_NULL(buffer_reserve(&b, 5000));
	memory_restore();
	CU_ASSERT_TRUE(b.failed);
	buffer_append_text(&b, "ignored");
	CU_ASSERT_PTR_NULL(buffer_reserve(&b, 1));
	CU_ASSERT_TRUE(slice_is(buffer_slice(&b), "kept"));
	buffer_free(&b);
	CU_ASSERT_FALSE(b.failed);
}

static void a_size_that_overflows_is_memory_out(void)
{
	struct buffer b = {0};

	buffer_append_text(&b, "some");
	CU_ASSERT_PTR_NULL(buffer_reserve(&b, SIZE_MAX - 2));
	CU_ASSERT_TRUE(b.failed);
	buffer_free(&b);
	CU_ASSERT_PTR_NULL(buffer_reserve(&b, SIZE_MAX));
	CU_ASSERT_TRUE(b.failed);
	buffer_free(&b);
}

static void free_twice_leaves_an_empty_buffer(void)
{
	struct buffer b = {0};

	buffer_append_text(&b, "x");
	buffer_free(&b);
	buffer_free(&b);
	buffer_append_text(&b, "y");
	CU_ASSERT_TRUE(slice_is(buffer_slice(&b), "y"));
	buffer_free(&b);
}

static const struct test tests[] = {
	{"what is appended stays in order", what_is_appended_stays_in_order},
	{"any byte can be appended", any_byte_can_be_appended},
	{"numbers are decimal", numbers_are_decimal},
	{"nothing appended takes no memory", nothing_appended_takes_no_memory},
	{"reserved room is not content", reserved_room_is_not_content},
	{"memory out is remembered", memory_out_is_remembered},
	{"a size that overflows is memory out", a_size_that_overflows_is_memory_out},
	{"free twice leaves an empty buffer", free_twice_leaves_an_empty_buffer},
};

const struct suite buffer_suite = {"buffer", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL};

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "../support/stream.h"
#include "caught.h"
#include "fcgi/params.h"

enum { NO_LIMIT = 1 << 20 };

/* Bytes given as a literal, NULs included. */
#define BYTES(literal) ((struct slice){literal, sizeof(literal) - 1})

static struct fcgi_params p; /* of the test */

static void open_params(void)
{
	fcgi_params_init(&p, NULL, 0);
}

static void close_params(void)
{
	fcgi_params_free(&p);
}

static bool well_formed(const struct fcgi_params *p)
{
	struct slice name, value;
	size_t at = 0;

	while (fcgi_params_next(p, &at, &name, &value))
		;
	return at == p->len;
}

static bool check(struct slice stream)
{
	struct fcgi_params p;
	bool result;

	fcgi_params_init(&p, NULL, 0);
	CU_ASSERT_EQUAL(fcgi_params_append(&p, stream.data, stream.len, NO_LIMIT), 0);
	result = well_formed(&p);
	fcgi_params_free(&p);
	return result;
}

static void pairs_are_found_in_order(void)
{
	struct slice name, value;
	size_t at = 0;

	fcgi_params_append(&p, "\1\2abc\0\1d\1\0e", 11, NO_LIMIT);
	CU_ASSERT_TRUE(well_formed(&p));
	CU_ASSERT_TRUE(fcgi_params_next(&p, &at, &name, &value));
	CU_ASSERT_TRUE(slice_is(name, "a") && slice_is(value, "bc"));
	CU_ASSERT_TRUE(fcgi_params_next(&p, &at, &name, &value));
	CU_ASSERT_TRUE(slice_is(name, "") && slice_is(value, "d"));
	CU_ASSERT_TRUE(fcgi_params_next(&p, &at, &name, &value));
	CU_ASSERT_TRUE(slice_is(name, "e") && slice_is(value, ""));
	CU_ASSERT_FALSE(fcgi_params_next(&p, &at, &name, &value));
	CU_ASSERT_EQUAL(at, p.len);
}

static void get_returns_the_first_of_a_repeated_name(void)
{
	struct slice value;

	fcgi_params_append(&p, "\2\1AAx\1\1Ay\1\1Az\1\0B", 16, NO_LIMIT);
	CU_ASSERT_TRUE(slice_is(fcgi_params_get(&p, "A"), "y"));
	value = fcgi_params_get(&p, "B");
	CU_ASSERT_TRUE(value.data != NULL && value.len == 0);
	value = fcgi_params_get(&p, "a");
	CU_ASSERT_TRUE(value.data == NULL && value.len == 0);
}

static void an_empty_stream_has_no_pairs(void)
{
	struct slice name, value;
	size_t at = 0;

	CU_ASSERT_EQUAL(fcgi_params_append(&p, NULL, 0, 0), 0);
	CU_ASSERT_TRUE(well_formed(&p));
	CU_ASSERT_FALSE(fcgi_params_next(&p, &at, &name, &value));
	CU_ASSERT_PTR_NULL(fcgi_params_get(&p, "A").data);
}

static void four_byte_lengths_may_be_small(void)
{
	fcgi_params_append(&p, "\x80\0\0\1\x80\0\0\2abc", 11, NO_LIMIT);
	CU_ASSERT_TRUE(well_formed(&p));
	CU_ASSERT_TRUE(slice_is(fcgi_params_get(&p, "a"), "bc"));
	/* A pair of nothing, at the very end. */
	CU_ASSERT_TRUE(check(BYTES("\0\x80\0\0\0")));
	CU_ASSERT_FALSE(check(BYTES("\0\x80\0\0")));
}

static void lengths_have_31_bits_in_order(void)
{
	static char value[0x010203];
	size_t n = sizeof(value);

	fcgi_params_append(&p, "\1\x80\1\2\3a", 6, NO_LIMIT);
	CU_ASSERT_EQUAL(fcgi_params_append(&p, value, n, NO_LIMIT), 0);
	CU_ASSERT_TRUE(well_formed(&p));
	CU_ASSERT_EQUAL(fcgi_params_get(&p, "a").len, n);
}

static void lengths_must_fit_the_stream_exactly(void)
{
	static const struct slice bad[] = {BYTES("\1\1a"),    BYTES("\1\1"),	   BYTES("\2\0a"),
					   BYTES("\1"),	      BYTES("\0"),	   BYTES("\1\1abX"),
					   BYTES("\x80\0\0"), BYTES("\0\x80\0\0"), BYTES("\x80")};

	CU_ASSERT_TRUE(check(BYTES("\1\1ab")));
	CU_ASSERT_TRUE(check(BYTES("\0\0")));
	for (size_t i = 0; i < COUNT(bad); i++)
		CU_ASSERT_FALSE(check(bad[i]));
}

static void huge_lengths_do_not_overflow(void)
{
	CU_ASSERT_FALSE(check(BYTES("\377\377\377\377\377\377\377\377ab")));
	CU_ASSERT_FALSE(check(BYTES("\377\377\377\377\1ab")));
	CU_ASSERT_FALSE(check(BYTES("\1\377\377\377\377ab")));
	CU_ASSERT_FALSE(check(BYTES("\2\377\377\377\377a")));
}

static void a_malformed_pair_hides_no_earlier_one(void)
{
	fcgi_params_append(&p, "\1\1Ax\1\7By", 8, NO_LIMIT);
	CU_ASSERT_TRUE(slice_is(fcgi_params_get(&p, "A"), "x"));
	CU_ASSERT_PTR_NULL(fcgi_params_get(&p, "B").data);
}

static void the_owners_storage_is_used_until_it_is_full(void)
{
	char storage[4];
	long before = memory_allocations();

	fcgi_params_init(&p, storage, sizeof(storage));
	CU_ASSERT_EQUAL(fcgi_params_append(&p, "\1\1A", 3, NO_LIMIT), 0);
	CU_ASSERT_EQUAL(fcgi_params_append(&p, "x", 1, NO_LIMIT), 0);
	CU_ASSERT_PTR_EQUAL(p.data, storage);
	CU_ASSERT_EQUAL(memory_allocations(), before);
	CU_ASSERT_EQUAL(fcgi_params_append(&p, "\1\1By", 4, NO_LIMIT), 0);
	CU_ASSERT_PTR_NOT_EQUAL(p.data, storage);
	CU_ASSERT_TRUE(slice_is(fcgi_params_get(&p, "A"), "x"));
	CU_ASSERT_TRUE(slice_is(fcgi_params_get(&p, "B"), "y"));
}

static void growing_doubles_and_stops_at_the_limit(void)
{
	enum { LIMIT = 1000 };
	long before = memory_allocations();

	for (int i = 0; i < LIMIT; i++)
		CU_ASSERT_EQUAL(fcgi_params_append(&p, "x", 1, LIMIT), 0);
	CU_ASSERT_EQUAL(p.len, LIMIT);
	CU_ASSERT_EQUAL(p.size, LIMIT);
	CU_ASSERT_TRUE(memory_allocations() - before <= 11);
	CU_ASSERT_EQUAL(fcgi_params_append(&p, "x", 1, LIMIT), -E2BIG);
	CU_ASSERT_EQUAL(p.len, LIMIT);
}

static void the_limit_counts_bytes_as_sent(void)
{
	volatile size_t most = SIZE_MAX; /* or gcc warns of what is not copied */

	CU_ASSERT_EQUAL(fcgi_params_append(&p, "abcde", 5, 4), -E2BIG);
	CU_ASSERT_EQUAL(p.len, 0);
	CU_ASSERT_EQUAL(fcgi_params_append(&p, "abcd", 4, 4), 0);
	CU_ASSERT_EQUAL(fcgi_params_append(&p, "e", 1, 3), -E2BIG);
	CU_ASSERT_EQUAL(fcgi_params_append(&p, "e", most, most), -E2BIG);
	CU_ASSERT_EQUAL(fcgi_params_append(&p, "e", most / 2, most), -E2BIG);
	CU_ASSERT_EQUAL(p.len, 4);
}

static void without_memory_nothing_changes(void)
{
	char storage[2];
	int error;

	fcgi_params_init(&p, storage, sizeof(storage));
	fcgi_params_append(&p, "ab", 2, NO_LIMIT);
	memory_fail_after(0);
	error = fcgi_params_append(&p, "c", 1, NO_LIMIT);
	memory_restore();
	CU_ASSERT_EQUAL(error, -ENOMEM);
	CU_ASSERT_EQUAL(p.len, 2);
	CU_ASSERT_PTR_EQUAL(p.data, storage);
	CU_ASSERT_EQUAL(fcgi_params_append(&p, "c", 1, NO_LIMIT), 0);
	CU_ASSERT_EQUAL(memcmp(p.data, "abc", 3), 0);
}

/* Only what it has itself: the storage is somebody else's. */
static void its_own_block_is_of_its_budget(void)
{
	static struct caught caught;
	struct budget_kind kind = {.name = "test", .limit = 8};
	struct budget budget = {.kind = &kind};
	char storage[2];

	caught_begin();
	fcgi_params_init(&p, storage, sizeof(storage));
	p.budget = &budget;
	CU_ASSERT_EQUAL(fcgi_params_append(&p, "ab", 2, NO_LIMIT), 0);
	CU_ASSERT_EQUAL(budget.used, 0);
	CU_ASSERT_EQUAL(fcgi_params_append(&p, "c", 1, NO_LIMIT), 0);
	CU_ASSERT_EQUAL(budget.used, p.size);
	CU_ASSERT_EQUAL(fcgi_params_append(&p, "defgh", 5, NO_LIMIT), 0);
	CU_ASSERT_EQUAL(budget.used, p.size);
	memory_fail_after(0);
	kind.limit = 100;
	CU_ASSERT_EQUAL(fcgi_params_append(&p, "i", 1, NO_LIMIT), -ENOMEM);
	memory_restore();
	kind.limit = 8;
	CU_ASSERT_EQUAL(budget.used, p.size);
	CU_ASSERT_EQUAL(fcgi_params_append(&p, "i", 1, NO_LIMIT), -ENOMEM);
	CU_ASSERT_EQUAL(memcmp(p.data, "abcdefgh", 8), 0);
	fcgi_params_free(&p);
	CU_ASSERT_EQUAL(budget.used, 0);
	caught_end(&caught);
}

/* All of it lies in the storage already, but only a part belongs to the stream. */
static void what_lies_behind_the_stream_is_no_part_of_it(void)
{
	static const char pairs[][10] = {"\1\0ab", "\1\2abc", "\1\200\0\0\2abc", "\200\0\0\1\2abc"};
	static const size_t lens[] = {3, 5, 8, 8};

	for (size_t i = 0; i < 4; i++) {
		for (size_t n = 0; n < lens[i]; n++) {
			char storage[10];
			struct fcgi_params p;
			struct slice name, value;
			size_t at = 0;

			memcpy(storage, pairs[i], sizeof(storage));
			fcgi_params_init(&p, storage, sizeof(storage));
			CU_ASSERT_EQUAL(fcgi_params_append(&p, pairs[i], n, NO_LIMIT), 0);
			CU_ASSERT_FALSE(fcgi_params_next(&p, &at, &name, &value));
			CU_ASSERT_EQUAL(at, 0);
		}
	}
}

static void free_may_be_called_twice(void)
{
	fcgi_params_append(&p, "abc", 3, NO_LIMIT);
	fcgi_params_free(&p);
	CU_ASSERT_EQUAL(p.len, 0);
	fcgi_params_free(&p);
	for (int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(fcgi_params_append(&p, &"abc"[i], 1, NO_LIMIT), 0);
	CU_ASSERT_EQUAL(memcmp(p.data, "abc", 3), 0);
}

static void encoded_pairs_are_as_short_as_can_be(void)
{
	static const size_t lengths[] = {0, 1, 127, 128, 129, 65536};
	static char bytes[65536];
	struct buffer ours = {0}, theirs = {0};

	memset(bytes, 'x', sizeof(bytes));
	for (size_t i = 0; i < 6; i++) {
		for (size_t j = 0; j < 6; j++) {
			struct slice name = {bytes, lengths[i]};
			struct slice value = {bytes, lengths[j]};

			fcgi_params_encode(&ours, name, value);
			pair_append(&theirs, name, value);
		}
	}
	CU_ASSERT_TRUE(slice_equal(buffer_slice(&ours), buffer_slice(&theirs)));
	CU_ASSERT_TRUE(check(buffer_slice(&ours)));
	buffer_free(&ours);
	buffer_free(&theirs);
}

static const struct test tests[] = {
	{"pairs are found in order", pairs_are_found_in_order},
	{"get returns the first of a repeated name", get_returns_the_first_of_a_repeated_name},
	{"an empty stream has no pairs", an_empty_stream_has_no_pairs},
	{"four-byte lengths may be small", four_byte_lengths_may_be_small},
	{"lengths have 31 bits in order", lengths_have_31_bits_in_order},
	{"lengths must fit the stream exactly", lengths_must_fit_the_stream_exactly},
	{"huge lengths do not overflow", huge_lengths_do_not_overflow},
	{"a malformed pair hides no earlier one", a_malformed_pair_hides_no_earlier_one},
	{"the owner's storage is used until it is full",
	 the_owners_storage_is_used_until_it_is_full},
	{"growing doubles and stops at the limit", growing_doubles_and_stops_at_the_limit},
	{"the limit counts bytes as sent", the_limit_counts_bytes_as_sent},
	{"without memory nothing changes", without_memory_nothing_changes},
	{"its own block is of its budget", its_own_block_is_of_its_budget},
	{"what lies behind the stream is no part of it",
	 what_lies_behind_the_stream_is_no_part_of_it},
	{"free may be called twice", free_may_be_called_twice},
	{"encoded pairs are as short as can be", encoded_pairs_are_as_short_as_can_be},
};

const struct suite params_suite = {"params", tests, COUNT(tests), .before = open_params,
				   .after = close_params};

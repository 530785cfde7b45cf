#include <string.h>

#include "../support/harness.h"
#include "fcgi/record.h"

static void header_fields_are_big_endian(void)
{
	static const unsigned char bytes[] = {1, 5, 0x12, 0x34, 0xab, 0xcd, 7, 99};
	struct fcgi_header header;

	fcgi_header_decode(&header, bytes);
	CU_ASSERT_EQUAL(header.version, 1);
	CU_ASSERT_EQUAL(header.type, FCGI_TYPE_STDIN);
	CU_ASSERT_EQUAL(header.request_id, 0x1234);
	CU_ASSERT_EQUAL(header.content_length, 0xabcd);
	CU_ASSERT_EQUAL(header.padding_length, 7);
}

static void header_is_encoded_with_a_zero_reserved_byte(void)
{
	static const unsigned char expected[] = {1, 6, 0xfe, 0xdc, 0xba, 0x98, 255, 0};
	struct fcgi_header header = {1, FCGI_TYPE_STDOUT, 0xfedc, 0xba98, 255};
	unsigned char bytes[8];

	memset(bytes, 0xff, sizeof(bytes));
	fcgi_header_encode(&header, bytes);
	CU_ASSERT_EQUAL(memcmp(bytes, expected, 8), 0);
}

static void begin_body_has_role_and_flags(void)
{
	static const unsigned char bytes[] = {0x12, 0x34, 0xff, 9, 9, 9, 9, 9};
	struct fcgi_begin begin = fcgi_begin_decode(bytes);

	CU_ASSERT_EQUAL(begin.role, 0x1234);
	CU_ASSERT_EQUAL(begin.flags, 0xff);
}

static void end_body_has_both_statuses_and_zero_reserved_bytes(void)
{
	static const unsigned char expected[] = {0xfe, 0xdc, 0xba, 0x98, 3, 0, 0, 0};
	unsigned char bytes[8];

	memset(bytes, 0xff, sizeof(bytes));
	fcgi_end_encode(0xfedcba98, FCGI_STATUS_UNKNOWN_ROLE, bytes);
	CU_ASSERT_EQUAL(memcmp(bytes, expected, 8), 0);
}

static void unknown_type_body_names_the_type(void)
{
	static const unsigned char expected[] = {200, 0, 0, 0, 0, 0, 0, 0};
	unsigned char bytes[8];

	memset(bytes, 0xff, sizeof(bytes));
	fcgi_unknown_type_encode(200, bytes);
	CU_ASSERT_EQUAL(memcmp(bytes, expected, 8), 0);
}

static const struct test tests[] = {
	{"header fields are big-endian", header_fields_are_big_endian},
	{"a header is encoded with a zero reserved byte",
	 header_is_encoded_with_a_zero_reserved_byte},
	{"a BEGIN body has role and flags", begin_body_has_role_and_flags},
	{"an END body has both statuses and zero reserved bytes",
	 end_body_has_both_statuses_and_zero_reserved_bytes},
	{"an UNKNOWN_TYPE body names the type", unknown_type_body_names_the_type},
};

const struct suite record_suite = {
	"record", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL,
};

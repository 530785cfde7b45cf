/* Values and bodies are what FastAPI 0.92 answers to the same query. */
#include <string.h>

#include "../harness.h"
#include "http/query.h"
#include "http/reply.h"
#include "http/urlencoded.h"
#include "memory.h"

#define FLOAT_ERROR "\"msg\":\"value is not a valid float\",\"type\":\"type_error.float\""
#define INT_ERROR   "\"msg\":\"value is not a valid integer\",\"type\":\"type_error.integer\""
#define BELOW                                                                                      \
	"\"msg\":\"ensure this value is greater than or equal to 0\","                             \
	"\"type\":\"value_error.number.not_ge\",\"ctx\":{\"limit_value\":0}"
#define ABOVE                                                                                      \
	"\"msg\":\"ensure this value is less than or equal to 60\","                               \
	"\"type\":\"value_error.number.not_le\",\"ctx\":{\"limit_value\":60}"
#define ABOVE_N                                                                                    \
	"\"msg\":\"ensure this value is less than or equal to 1000000000\","                       \
	"\"type\":\"value_error.number.not_le\",\"ctx\":{\"limit_value\":1000000000}"
#define TOO_MANY                                                                                   \
	"\"msg\":\"ensure this value has at most 1000 items\","                                    \
	"\"type\":\"value_error.list.max_items\",\"ctx\":{\"limit_value\":1000}"
#define SECONDS_REFUSED(error) "{\"detail\":[{\"loc\":[\"query\",\"seconds\"]," error "}]}"
#define N_REFUSED(error)       "{\"detail\":[{\"loc\":[\"query\",\"n\"]," error "}]}"

static void release(struct request *req)
{
	(void)req;
}

static const struct request_ops ops = {.release = release};

static void begin(struct request *req, struct slice query)
{
	request_init(req, &ops, NULL);
	req->query = query;
}

static void end_refused(struct request *req, const char *body)
{
	CU_ASSERT_EQUAL(req->reply.status, 422);
	CU_ASSERT_TRUE(slice_is(req->reply.body, body));
	request_unref(req);
}

static void seconds_of(struct slice query, double expected)
{
	struct request req;
	double seconds = -1;

	begin(&req, query);
	CU_ASSERT_TRUE(query_seconds(&req, 1.5, &seconds));
	CU_ASSERT_EQUAL(seconds, expected);
	CU_ASSERT_EQUAL(req.reply.status, 0);
	request_unref(&req);
}

static void seconds_refused(struct slice query, const char *body)
{
	struct request req;
	double seconds;

	begin(&req, query);
	CU_ASSERT_FALSE(query_seconds(&req, 1.5, &seconds));
	end_refused(&req, body);
}

static void n_of(const char *query, uint64_t expected)
{
	struct request req;
	uint64_t n = 7;

	begin(&req, slice_of(query));
	CU_ASSERT_TRUE(query_n(&req, 100000, &n));
	CU_ASSERT_EQUAL(n, expected);
	request_unref(&req);
}

static void n_refused(const char *query, const char *body)
{
	struct request req;
	uint64_t n;

	begin(&req, slice_of(query));
	CU_ASSERT_FALSE(query_n(&req, 100000, &n));
	end_refused(&req, body);
}

static void list_of(const char *query, const double *expected, size_t count)
{
	static const double fallback[] = {1.0, 1.5, 0.5};
	struct seconds_list list = {0};
	struct request req;

	begin(&req, slice_of(query));
	CU_ASSERT_TRUE(query_seconds_list(&req, fallback, 3, &list));
	CU_ASSERT_EQUAL_FATAL(list.count, count);
	for (size_t i = 0; i < count; i++)
		CU_ASSERT_EQUAL(list.seconds[i], expected[i]);
	request_unref(&req);
}

static void list_refused(struct slice query, const char *body)
{
	struct seconds_list list;
	struct request req;

	begin(&req, query);
	CU_ASSERT_FALSE(query_seconds_list(&req, NULL, 0, &list));
	end_refused(&req, body);
}

static void pairs_are_split_as_parse_qsl_does(void)
{
	static const char *const expected[][2] = {
		{"a", "1"}, {"b", ""}, {"c", ""}, {"", "d"}, {"e", "f=g"}, {"h;i", "j"},
	};
	struct slice text = slice_of("&a=1&&b&c=&=d&e=f=g&h;i=j&");
	struct slice name;
	struct slice value;

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		CU_ASSERT_TRUE_FATAL(urlencoded_next(&text, &name, &value));
		CU_ASSERT_TRUE(slice_is(name, expected[i][0]));
		CU_ASSERT_TRUE(slice_is(value, expected[i][1]));
	}
	CU_ASSERT_FALSE(urlencoded_next(&text, &name, &value));
}

static void escapes_are_decoded_once(void)
{
	struct slice text = slice_of("+a%2Bb%2b%252B%%4%zz%+1%");
	char out[64];

	CU_ASSERT_TRUE(slice_is(urlencoded_decode(text, out), " a+b+%2B%%4%zz% 1%"));
}

static void names_are_decoded_and_case_sensitive(void)
{
	seconds_of(slice_of("%73econds=0.25"), 0.25);
	seconds_of(slice_of("%73%65%63%6F%6e%64%73=0.25"), 0.25);
	seconds_of(slice_of("Seconds=x"), 1.5);
	seconds_of(slice_of("second=x&secondss=x&+seconds=x&%73=x&seconds%00=x"), 1.5);
	seconds_of(slice_of("a;seconds=x"), 1.5);
	seconds_of(slice_of("seconds%3D0"), 1.5);
	seconds_of(slice_of("%73econds%20and%20a%20name%20that%20is%20longer%20than%20any=x"), 1.5);
}

static void without_the_parameter_the_fallback(void)
{
	static const double fallback[] = {1.0, 1.5, 0.5};

	seconds_of((struct slice){NULL, 0}, 1.5);
	seconds_of(slice_of("&&n=1"), 1.5);
	n_of("", 100000);
	list_of("n=1", fallback, 3);
}

static void the_last_scalar_counts(void)
{
	seconds_of(slice_of("seconds=x&seconds=0.5"), 0.5);
	seconds_of(slice_of("seconds=&seconds=0"), 0);
	seconds_refused(slice_of("seconds=0&seconds"), SECONDS_REFUSED(FLOAT_ERROR));
	n_of("n=x&n=5", 5);
}

static void seconds_values(void)
{
	seconds_of(slice_of("seconds=0"), 0);
	seconds_of(slice_of("seconds=60"), 60);
	seconds_of(slice_of("seconds=+%35+"), 5);
	seconds_of(slice_of("seconds=%2B5"), 5);
	seconds_of(slice_of("seconds=%D9%A5"), 5);
	seconds_refused(slice_of("seconds"), SECONDS_REFUSED(FLOAT_ERROR));
	seconds_refused(slice_of("seconds="), SECONDS_REFUSED(FLOAT_ERROR));
	seconds_refused(slice_of("seconds=0x1p3"), SECONDS_REFUSED(FLOAT_ERROR));
	seconds_refused(slice_of("seconds=5%00"), SECONDS_REFUSED(FLOAT_ERROR));
	seconds_refused(slice_of("seconds=5%"), SECONDS_REFUSED(FLOAT_ERROR));
	seconds_refused(slice_of("seconds=-1e-9"), SECONDS_REFUSED(BELOW));
	seconds_refused(slice_of("seconds=nan"), SECONDS_REFUSED(BELOW));
	seconds_refused(slice_of("seconds=-inf"), SECONDS_REFUSED(BELOW));
	seconds_refused(slice_of("seconds=60.0000000001"), SECONDS_REFUSED(ABOVE));
	seconds_refused(slice_of("seconds=inf"), SECONDS_REFUSED(ABOVE));
}

static void long_values_are_values(void)
{
	char query[6000];
	struct slice whole = {query, sizeof(query)};

	memset(query, '0', sizeof(query));
	memcpy(query, "seconds=", 8);
	query[sizeof(query) - 1] = '7';
	seconds_of(whole, 7);
	query[sizeof(query) - 1] = 'x';
	seconds_refused(whole, SECONDS_REFUSED(FLOAT_ERROR));
}

static void n_values(void)
{
	n_of("n=0", 0);
	n_of("n=-0", 0);
	n_of("n=1_000", 1000);
	n_of("n=007", 7);
	n_of("n=1000000000", 1000000000);
	n_refused("n", N_REFUSED(INT_ERROR));
	n_refused("n=1.5", N_REFUSED(INT_ERROR));
	n_refused("n=1e3", N_REFUSED(INT_ERROR));
	n_refused("n=-1", N_REFUSED(BELOW));
	n_refused("n=-99999999999999999999999", N_REFUSED(BELOW));
	n_refused("n=1000000001", N_REFUSED(ABOVE_N));
	n_refused("n=99999999999999999999999", N_REFUSED(ABOVE_N));
}

static void lists_keep_their_order(void)
{
	list_of("seconds=0.5&n=1&%73econds=0&seconds=60", (const double[]){0.5, 0, 60}, 3);
	list_of("seconds=-0", (const double[]){0}, 1);
}

static void every_bad_item_is_told(void)
{
	list_refused(slice_of("seconds=a&seconds=-1&seconds=0&seconds=61&seconds"),
		     "{\"detail\":["
		     "{\"loc\":[\"query\",\"seconds\",0]," FLOAT_ERROR "},"
		     "{\"loc\":[\"query\",\"seconds\",1]," BELOW "},"
		     "{\"loc\":[\"query\",\"seconds\",3]," ABOVE "},"
		     "{\"loc\":[\"query\",\"seconds\",4]," FLOAT_ERROR "}]}");
}

static void a_list_has_at_most_1000_items(void)
{
	static char query[1001 * 10];
	static double zeros[1000];

	for (size_t i = 0; i < 1001; i++)
		memcpy(query + 10 * i, "seconds=0&", 10);
	list_refused((struct slice){query, sizeof(query)}, SECONDS_REFUSED(TOO_MANY));
	query[8] = 'x'; /* the items are not looked at */
	list_refused((struct slice){query, sizeof(query)}, SECONDS_REFUSED(TOO_MANY));
	query[8] = '0';
	query[sizeof(query) - 10] = '\0';
	list_of(query, zeros, 1000);
}

/* Memory that fails at any moment leaves a 503, or what there would be without it. */
static void memory_out_is_503(void)
{
	static const char *const bad[] = {"seconds=x", "seconds=-1&seconds=61", "seconds=", "n=-1"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int status = 503;

		for (long k = 0; status == 503 && k < 100; k++) {
			struct seconds_list list;
			struct request req;
			double seconds;
			uint64_t n;

			begin(&req, slice_of(bad[i]));
			memory_fail_after(k);
			CU_ASSERT_FALSE(i == 0	 ? query_seconds(&req, 1, &seconds)
					: i == 3 ? query_n(&req, 1, &n)
						 : query_seconds_list(&req, NULL, 0, &list));
			memory_restore();
			status = req.reply.status;
			CU_ASSERT_TRUE(status == 503 || (status == 422 && k > 0));
			request_unref(&req);
		}
		CU_ASSERT_EQUAL(status, 422);
	}
}

/* … where a long value is to be decoded into it. */
static void memory_out_for_a_long_value_is_503(void)
{
	static char query[4000];

	memset(query, '0', sizeof(query) - 1);
	memcpy(query, "seconds=", 8);
	for (int i = 0; i < 2; i++) {
		struct seconds_list list;
		struct request req;
		double seconds;

		begin(&req, slice_of(query));
		memory_fail_after(0);
		CU_ASSERT_FALSE(i ? query_seconds_list(&req, NULL, 0, &list)
				  : query_seconds(&req, 1, &seconds));
		memory_restore();
		CU_ASSERT_EQUAL(req.reply.status, 503);
		request_unref(&req);
	}
}

/* … or a list is to be kept in it. */
static void memory_out_for_a_list_is_503(void)
{
	static char query[1000 * 10];
	struct seconds_list list;
	struct request req;

	for (size_t i = 0; i < 1000; i++)
		memcpy(query + 10 * i, "seconds=0&", 10);
	begin(&req, (struct slice){query, sizeof(query)});
	memory_fail_after(0);
	CU_ASSERT_FALSE(query_seconds_list(&req, NULL, 0, &list));
	memory_restore();
	CU_ASSERT_EQUAL(req.reply.status, 503);
	request_unref(&req);
}

/* Memory is taken for those that are longer than usual only. */
static void usual_values_need_no_memory(void)
{
	char query[8 + 65 + 1] = "seconds=";
	struct request req;
	double seconds;

	for (size_t len = 63; len <= 65; len++) {
		memset(query + 8, '0', len);
		query[8 + len] = '\0';
		begin(&req, slice_of(query));
		CU_ASSERT_TRUE(query_seconds(&req, 1, &seconds));
		CU_ASSERT_EQUAL(req.arena_used > 0, len > 64);
		request_unref(&req);
	}
}

static const struct test tests[] = {
	{"pairs are split as parse_qsl does", pairs_are_split_as_parse_qsl_does},
	{"escapes are decoded once", escapes_are_decoded_once},
	{"names are decoded and case-sensitive", names_are_decoded_and_case_sensitive},
	{"without the parameter the fallback", without_the_parameter_the_fallback},
	{"the last scalar counts", the_last_scalar_counts},
	{"seconds", seconds_values},
	{"long values are values", long_values_are_values},
	{"n", n_values},
	{"lists keep their order", lists_keep_their_order},
	{"every bad item is told", every_bad_item_is_told},
	{"a list has at most 1000 items", a_list_has_at_most_1000_items},
	{"memory out is 503", memory_out_is_503},
	{"memory out for a long value is 503", memory_out_for_a_long_value_is_503},
	{"memory out for a list is 503", memory_out_for_a_list_is_503},
	{"usual values need no memory", usual_values_need_no_memory},
};

const struct suite query_suite = {"query", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL};

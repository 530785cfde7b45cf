/* Statements: what goes in, what comes out, and what is refused. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "database.h"

struct rows_frame {
	struct pg_rows rows;
	struct pg_rows more;
	int outcomes[3];
	int at;
	int err;
};

#define DONE(req) reply_bytes(req, 200, NULL, slice_of(""))

static void one_row(struct request *req)
{
	struct rows_frame *f = FRAME(req, struct rows_frame);

	ASYNC_BEGIN(req);
	AWAIT(req, pg_query(req, &f->rows, "SELECT $1::int + 1, $2 || 'b' AS item", pg_int(41),
			    pg_text(slice_of("a"))));
	CU_ASSERT_EQUAL(f->rows.count, 1);
	CU_ASSERT_EQUAL(f->rows.columns, 2);
	CU_ASSERT_EQUAL(pg_int_at(&f->rows, 0, 0), 42);
	CU_ASSERT(slice_is(pg_text_at(&f->rows, 0, 1), "ab"));
	CU_ASSERT_EQUAL(pg_column(&f->rows, "item"), 1);
	CU_ASSERT_EQUAL(pg_column(&f->rows, "Item"), -1);
	CU_ASSERT_STRING_EQUAL(f->rows.state, "");
	DONE(req);
	ASYNC_END(req);
}

/* ---- values ---- */

#define ALL_BYTES "\0\1\2'\\\"\x7f\x80\xfe\xff"

/* What goes in as $1, and the text that comes out; NULL: NULL. */
static const struct trip {
	const char *sql;
	struct pg_value in;
	const char *text;
} trips[] = {
	{"SELECT $1::bigint", {PG_NULL, {0}}, NULL},
	{"SELECT $1::bigint", {PG_INT, {.integer = INT64_MAX}}, "9223372036854775807"},
	{"SELECT $1::bigint", {PG_INT, {.integer = INT64_MIN}}, "-9223372036854775808"},
	{"SELECT $1::smallint", {PG_INT, {.integer = 0}}, "0"},
	{"SELECT $1::numeric", {PG_INT, {.integer = -7}}, "-7"},
	{"SELECT $1::boolean", {PG_BOOL, {.integer = 1}}, "t"},
	{"SELECT $1::boolean", {PG_BOOL, {.integer = 0}}, "f"},
	{"SELECT $1::boolean", {PG_NULL, {0}}, NULL},
	{"SELECT $1::float8", {PG_DOUBLE, {.real = 0.1}}, "0.1"},
	{"SELECT $1::float8",
	 {PG_DOUBLE, {.real = -1.7976931348623157e308}},
	 "-1.7976931348623157e+308"},
	{"SELECT $1::float8", {PG_DOUBLE, {.real = NAN}}, "NaN"},
	{"SELECT $1::float8", {PG_DOUBLE, {.real = INFINITY}}, "Infinity"},
	{"SELECT $1::text", {PG_TEXT, {.bytes = {"", 0}}}, ""},
	{"SELECT $1::text", {PG_TEXT, {.bytes = {NULL, 0}}}, ""},
	{"SELECT $1::text",
	 {PG_TEXT, {.bytes = {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac", 10}}},
	 "gr\xc3\xbc\xc3\x9f \xe2\x82\xac"},
	{"SELECT $1::text", {PG_TEXT, {.bytes = {"of which some", 2}}}, "of"},
	{"SELECT $1::text",
	 {PG_TEXT, {.bytes = {"'; DROP TABLE x; --\\'$1", 23}}},
	 "'; DROP TABLE x; --\\'$1"},
	{"SELECT $1::timestamptz AT TIME ZONE 'UTC'",
	 {PG_TEXT, {.bytes = {"2026-01-31T12:00:00.25Z", 23}}},
	 "2026-01-31 12:00:00.25"},
	{"SELECT $1::jsonb->>'a'", {PG_TEXT, {.bytes = {"{\"a\":[1]}", 9}}}, "[1]"},
	{"SELECT $1::uuid",
	 {PG_TEXT, {.bytes = {"00000000-0000-0000-0000-000000000001", 36}}},
	 "00000000-0000-0000-0000-000000000001"},
	{"SELECT length($1::bytea)", {PG_BYTES, {.bytes = {ALL_BYTES, 10}}}, "10"},
	{"SELECT $1::bytea", {PG_BYTES, {.bytes = {ALL_BYTES, 10}}}, "\\x000102275c227f80feff"},
	{"SELECT length($1::bytea)", {PG_BYTES, {.bytes = {"", 0}}}, "0"},
};

static void check_trip(struct request *req, const struct trip *trip, const struct pg_rows *rows)
{
	CU_ASSERT_EQUAL(rows->count, 1);
	CU_ASSERT_EQUAL(pg_is_null(rows, 0, 0), !trip->text);
	CU_ASSERT(slice_is(pg_text_at(rows, 0, 0), trip->text ? trip->text : ""));
	CU_ASSERT_EQUAL(pg_text_at(rows, 0, 0).data[pg_text_at(rows, 0, 0).len], '\0');
	if (trip->in.kind == PG_INT)
		CU_ASSERT_EQUAL(pg_int_at(rows, 0, 0), trip->in.as.integer);
	if (trip->in.kind == PG_BOOL)
		CU_ASSERT_EQUAL(pg_bool_at(rows, 0, 0), trip->in.as.integer);
	if (trip->in.kind == PG_DOUBLE && !isnan(trip->in.as.real))
		CU_ASSERT_EQUAL(pg_double_at(rows, 0, 0), trip->in.as.real);
	if (trip->text && *trip->text == '\\')
		CU_ASSERT(slice_equal(pg_bytes_at(req, rows, 0, 0), trip->in.as.bytes));
}

static void make_trips(struct request *req)
{
	struct rows_frame *f = FRAME(req, struct rows_frame);
	const struct trip *trip = &trips[f->at];

	ASYNC_BEGIN(req);
	for (; f->at < (int)COUNT(trips); trip = &trips[++f->at]) {
		AWAIT(req, pg_query(req, &f->rows, trip->sql, trip->in));
		check_trip(req, trip, &f->rows);
	}
	DONE(req);
	ASYNC_END(req);
}

static void read_amiss(struct request *req)
{
	struct rows_frame *f = FRAME(req, struct rows_frame);

	ASYNC_BEGIN(req);
	AWAIT(req,
	      pg_query(req, &f->rows, "SELECT NULL, 'x', '1.5', 9223372036854775808, '12x', ''"));
	for (int column = -1; column < 8; column++) {
		CU_ASSERT_EQUAL(pg_int_at(&f->rows, 0, column), 0);
		CU_ASSERT_FALSE(pg_bool_at(&f->rows, 0, column));
	}
	CU_ASSERT_EQUAL(pg_double_at(&f->rows, 0, 2), 1.5);
	CU_ASSERT_EQUAL(pg_double_at(&f->rows, 0, 1), 0);
	CU_ASSERT_TRUE(pg_is_null(&f->rows, 0, 0));
	CU_ASSERT_TRUE(pg_is_null(&f->rows, 1, 1));
	CU_ASSERT_TRUE(pg_is_null(&f->rows, -1, 1));
	CU_ASSERT_TRUE(pg_is_null(&f->rows, 0, 6));
	CU_ASSERT_PTR_NULL(pg_bytes_at(req, &f->rows, 0, 0).data);
	CU_ASSERT(slice_is(pg_text_at(&f->rows, 0, 9), ""));
	CU_ASSERT_TRUE(pg_is_null(&f->more, 0, 0));
	CU_ASSERT_EQUAL(pg_column(&f->more, "x"), -1);
	CU_ASSERT_STRING_EQUAL(pg_message(&f->more), "");
	DONE(req);
	ASYNC_END(req);
}

/* ---- what fails ---- */

static void fail_and_go_on(struct request *req)
{
	struct rows_frame *f = FRAME(req, struct rows_frame);

	ASYNC_BEGIN(req);
	TRY_AWAIT(req, f->err, pg_query(req, &f->rows, "SELEC 1"));
	CU_ASSERT_EQUAL(f->err, -EREMOTEIO);
	CU_ASSERT_STRING_EQUAL(f->rows.state, "42601");
	CU_ASSERT_PTR_NOT_NULL(strstr(pg_message(&f->rows), "syntax error"));
	TRY_AWAIT(req, f->err, pg_query(req, &f->rows, "SELECT 1 / $1::int", pg_int(0)));
	CU_ASSERT_STRING_EQUAL(f->rows.state, "22012");
	CU_ASSERT_EQUAL(f->rows.count, 0);
	TRY_AWAIT(req, f->err,
		  pg_query(req, &f->rows, "SELECT $1::text", pg_text((struct slice){"a\0b", 3})));
	CU_ASSERT_EQUAL(f->err, -EREMOTEIO);
	CU_ASSERT_STRING_EQUAL(f->rows.state, "22021");
	TRY_AWAIT(req, f->err,
		  pg_query(req, &f->rows, "SELECT $1::text", pg_text(slice_of("\xff"))));
	CU_ASSERT_EQUAL(f->err, -EREMOTEIO);
	CU_ASSERT_STRING_EQUAL(f->rows.state, "22021");
	TRY_AWAIT(req, f->err, pg_query(req, NULL, "SELECT $1::int", pg_text(slice_of("1 OR 1"))));
	CU_ASSERT_EQUAL(f->err, -EREMOTEIO);
	TRY_AWAIT(req, f->err, pg_query(req, &f->rows, "COPY (SELECT 1) TO STDOUT"));
	CU_ASSERT_EQUAL(f->err, -EREMOTEIO);
	TRY_AWAIT(req, f->err, pg_query(req, &f->rows, "SELECT 1; SELECT 2"));
	CU_ASSERT_STRING_EQUAL(f->rows.state, "42601");
	TRY_AWAIT(req, f->err, pg_query(req, &f->rows, "SELECT FROM none"));
	CU_ASSERT_EQUAL(f->err, -EREMOTEIO);
	CU_ASSERT_STRING_EQUAL(f->rows.state, "42P01");
	pg_note_tables(req->co.sched, BOARD_TABLES_MISSING);
	TRY_AWAIT(req, f->err, pg_query(req, &f->rows, "SELECT FROM none"));
	CU_ASSERT_EQUAL(f->err, -ESTALE);
	CU_ASSERT_STRING_EQUAL(f->rows.state, "42P01");
	TRY_AWAIT(req, f->err, pg_query(req, &f->rows, "SELECT 1 / $1::int", pg_int(0)));
	CU_ASSERT_EQUAL(f->err, -EREMOTEIO);
	pg_note_tables(req->co.sched, BOARD_TABLES_FINE);
	TRY_AWAIT(req, f->err, pg_query(req, &f->rows, ""));
	CU_ASSERT_EQUAL(f->err, 0);
	CU_ASSERT_EQUAL(f->rows.count, 0);
	AWAIT(req, pg_query(req, &f->rows, "SELECT 1"));
	CU_ASSERT_EQUAL(pg_int_at(&f->rows, 0, 0), 1);
	CU_ASSERT_STRING_EQUAL(f->rows.state, "");
	DONE(req);
	ASYNC_END(req);
}

static void just_fail(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, pg_query(req, NULL, "SELECT nothing"));
	DONE(req);
	ASYNC_END(req);
}

/* "SELECT $1::int + $2::int …" */
static const char *sum_of(int count)
{
	char *sql = (char *)textf("SELECT $1::int");

	for (int i = 2; i <= count; i++)
		sprintf(sql + strlen(sql), " + $%d::int", i);
	return sql;
}

static void ask_too_much(struct request *req)
{
	struct pg_value values[PG_VALUES + 3] = {{.kind = PG_BEGIN}};
	struct rows_frame *f = FRAME(req, struct rows_frame);

	for (int i = 1; i <= PG_VALUES + 1; i++)
		values[i] = pg_int(i);
	values[PG_VALUES + 2].kind = PG_END;
	ASYNC_BEGIN(req);
	TRY_AWAIT(req, f->err, pg_query_values(req, &f->rows, sum_of(PG_VALUES + 1), values));
	CU_ASSERT_EQUAL(f->err, -E2BIG);
	values[PG_VALUES + 1].kind = PG_END;
	TRY_AWAIT(req, f->err, pg_query_values(req, &f->rows, sum_of(PG_VALUES), values));
	CU_ASSERT_EQUAL(f->err, 0);
	CU_ASSERT_EQUAL(pg_int_at(&f->rows, 0, 0), PG_VALUES * (PG_VALUES + 1) / 2);
	DONE(req);
	ASYNC_END(req);
}

static void count_changes(struct request *req)
{
	struct rows_frame *f = FRAME(req, struct rows_frame);

	ASYNC_BEGIN(req);
	AWAIT(req, pg_query(req, &f->rows, "CREATE TABLE counted (id int PRIMARY KEY)"));
	CU_ASSERT_EQUAL(f->rows.affected, 0);
	AWAIT(req, pg_query(req, &f->rows, "INSERT INTO counted SELECT generate_series(1, $1)",
			    pg_int(5)));
	CU_ASSERT_EQUAL(f->rows.affected, 5);
	AWAIT(req, pg_query(req, &f->rows, "UPDATE counted SET id = -id WHERE id > $1 RETURNING id",
			    pg_int(3)));
	CU_ASSERT_EQUAL(f->rows.affected, 2);
	CU_ASSERT_EQUAL(f->rows.count, 2);
	TRY_AWAIT(req, f->err, pg_query(req, &f->rows, "INSERT INTO counted VALUES (1)"));
	CU_ASSERT_STRING_EQUAL(f->rows.state, "23505");
	AWAIT(req, pg_query(req, &f->rows, "DROP TABLE counted"));
	DONE(req);
	ASYNC_END(req);
}

/* ---- several ---- */

static void gather_some(struct request *req)
{
	struct rows_frame *f = FRAME(req, struct rows_frame);

	ASYNC_BEGIN(req);
	gather_add_pg(req, &f->outcomes[0], &f->rows, "SELECT 1");
	gather_add_pg(req, &f->outcomes[1], &f->more, "SELECT $1::int", pg_int(2));
	gather_add_pg(req, &f->outcomes[2], NULL, "SELECT 1 / 0");
	gather_add_sleep(req, 0.01, NULL);
	TRY_AWAIT(req, f->err, gather(req));
	CU_ASSERT_EQUAL(f->err, -EREMOTEIO);
	CU_ASSERT_EQUAL(f->outcomes[0], 0);
	CU_ASSERT_EQUAL(f->outcomes[1], 0);
	CU_ASSERT_EQUAL(f->outcomes[2], -EREMOTEIO);
	CU_ASSERT_EQUAL(pg_int_at(&f->rows, 0, 0), 1);
	CU_ASSERT_EQUAL(pg_int_at(&f->more, 0, 0), 2);
	DONE(req);
	ASYNC_END(req);
}

static const char prepared[] = "SELECT count(*) FROM pg_prepared_statements";

/* Of one connection: each text once. */
static void prepare_once(struct request *req)
{
	struct rows_frame *f = FRAME(req, struct rows_frame);

	ASYNC_BEGIN(req);
	for (f->at = 0; f->at < 3; f->at++) {
		AWAIT(req, pg_query(req, &f->rows, "SELECT $1::int", pg_int(f->at)));
		CU_ASSERT_EQUAL(pg_int_at(&f->rows, 0, 0), f->at);
	}
	AWAIT(req, pg_query(req, &f->rows, prepared));
	CU_ASSERT_EQUAL(pg_int_at(&f->rows, 0, 0), 2);
	for (f->at = 0; f->at < 100; f->at++)
		AWAIT(req, pg_query(req, &f->rows, textf("SELECT %d", f->at)));
	AWAIT(req, pg_query(req, &f->rows, prepared));
	CU_ASSERT_EQUAL(pg_int_at(&f->rows, 0, 0), 64);
	DONE(req);
	ASYNC_END(req);
}

static void each_is_prepared_once(void)
{
	limits.connections = 1;
	CU_ASSERT_EQUAL(serve_pg(prepare_once), 200);
}

/* Its rows have become others, for whoever has prepared it; then everything prepared is gone. */
static void alter(struct request *req)
{
	static const char all[] = "SELECT * FROM altered";
	struct rows_frame *f = FRAME(req, struct rows_frame);

	ASYNC_BEGIN(req);
	AWAIT(req, pg_query(req, NULL, "CREATE TABLE altered AS SELECT 1 AS a"));
	AWAIT(req, pg_query(req, &f->rows, all));
	AWAIT(req, pg_query(req, NULL, "ALTER TABLE altered ADD b int DEFAULT 2"));
	AWAIT(req, pg_query(req, &f->rows, all));
	CU_ASSERT_EQUAL(pg_int_at(&f->rows, 0, 1), 2);
	AWAIT(req, pg_query(req, NULL, "DEALLOCATE ALL"));
	AWAIT(req, pg_query(req, &f->rows, all));
	CU_ASSERT_EQUAL(f->rows.columns, 2);
	AWAIT(req, pg_query(req, NULL, "DROP TABLE altered"));
	TRY_AWAIT(req, f->err, pg_query(req, &f->rows, all));
	CU_ASSERT_STRING_EQUAL(f->rows.state, "42P01");
	DONE(req);
	ASYNC_END(req);
}

static void what_was_altered_is_prepared_again(void)
{
	limits.connections = 1;
	CU_ASSERT_EQUAL(serve_pg(alter), 200);
}

static void nothing_is_prepared(void)
{
	limits.connections = 1;
	limits.statements = 0;
	CU_ASSERT_EQUAL(serve_pg(gather_some), 200);
	limits.connections = 1;
	limits.statements = 0;
	CU_ASSERT_EQUAL(serve_pg(make_trips), 200);
}

/* ---- large results ---- */

static long
	most; /* KB of memory that many rows took; one row is read as a whole, if it comes fast */

static void ask_for_much(struct request *req)
{
	struct rows_frame *f = FRAME(req, struct rows_frame);

	ASYNC_BEGIN(req);
	AWAIT(req,
	      pg_query(req, &f->rows, "SELECT repeat('x', 1000) FROM generate_series(1, 900)"));
	CU_ASSERT_EQUAL(f->rows.count, 900);
	CU_ASSERT_EQUAL(pg_text_at(&f->rows, 899, 0).len, 1000);
	AWAIT(req, pg_query(req, &f->rows, "SELECT repeat('x', 900000)"));
	CU_ASSERT_EQUAL(pg_text_at(&f->rows, 0, 0).len, 900000);
	TRY_AWAIT(req, f->err,
		  pg_query(req, &f->rows,
			   "SELECT repeat('x', 1000) FROM generate_series(1, 100000)"));
	CU_ASSERT_EQUAL(f->err, -EFBIG);
	CU_ASSERT_EQUAL(f->rows.count, 0);
	most = process_status(getpid(), "VmHWM");
	TRY_AWAIT(req, f->err, pg_query(req, &f->rows, "SELECT repeat('x', 10000000)"));
	CU_ASSERT_EQUAL(f->err, -EFBIG);
	AWAIT(req, pg_query(req, &f->rows, "SELECT 1"));
	CU_ASSERT_EQUAL(pg_int_at(&f->rows, 0, 0), 1);
	DONE(req);
	ASYNC_END(req);
}

static void a_large_result_is_bounded(void)
{
	long before = process_status(getpid(), "VmHWM");

	CU_ASSERT_EQUAL(serve_pg(ask_for_much), 200);
	if (MEMORY_COUNTS && !machine_is_valgrind())
		CU_ASSERT(most - before < 20000);
}

/* ---- none ---- */

static void ask_nobody(struct request *req)
{
	struct rows_frame *f = FRAME(req, struct rows_frame);

	ASYNC_BEGIN(req);
	TRY_AWAIT(req, f->err, pg_query(req, &f->rows, "SELECT 1"));
	CU_ASSERT_EQUAL(f->err, -ENODEV);
	AWAIT(req, pg_query(req, &f->rows, "SELECT 1"));
	DONE(req);
	ASYNC_END(req);
}

static void without_a_database(void)
{
	begin(0, 0);
	start(HANDLER(ask_nobody));
	turn_until(&finished, 1);
	CU_ASSERT_EQUAL(answered, 503);
	CU_ASSERT_TRUE(retry_after);
	CU_ASSERT_TRUE(pg_is_up(&sched));
	end(1);
}

/* A test that is a handler, which asserts and answers 200. */
static void serve(void)
{
	void (*const *handler)(struct request * req) = harness_test()->data;

	CU_ASSERT_EQUAL(serve_pg(*handler), 200);
}

#define SERVED(handler)                                                                            \
	serve, (void (*const[])(struct request * req))                                             \
	{                                                                                          \
		handler                                                                            \
	}

static void an_error_is_a_500(void)
{
	CU_ASSERT_EQUAL(serve_pg(just_fail), 500);
}

static const struct test tests[] = {
	{"a row comes", SERVED(one_row)},
	{"values go in and come out as they are", SERVED(make_trips)},
	{"what is no number is 0, and what is not there NULL", SERVED(read_amiss)},
	{"a failure says its state, and the connection goes on", SERVED(fail_and_go_on)},
	{"one that is not looked at is a 500", an_error_is_a_500},
	{"values have a bound", SERVED(ask_too_much)},
	{"rows that were changed are counted", SERVED(count_changes)},
	{"several are gathered", SERVED(gather_some)},
	{"each is prepared once, as long as there is room", each_is_prepared_once},
	{"what was altered is prepared again", what_was_altered_is_prepared_again},
	{"a pooler's connections prepare nothing", nothing_is_prepared},
	{"a large result is bounded", a_large_result_is_bounded},
	{"without a database it is a 503", without_a_database},
};

const struct suite pg_suite = {"pg",
			       tests,
			       COUNT(tests),
			       .setup = database_set_up,
			       .cleanup = database_tear_down,
			       .before = database_before};

/* Statements: what goes in, what comes out, and what is refused. */
#include <errno.h>
#include <string.h>

#include "database.h"

struct rows_frame {
	struct pg_rows rows;
	struct pg_rows more;
	int outcomes[2];
};

static void one_row(struct request *req)
{
	struct rows_frame *f = FRAME(req, struct rows_frame);

	ASYNC_BEGIN(req);
	AWAIT(req, pg_query(req, &f->rows, "SELECT $1::int + 1, $2 || 'b'", pg_int(41),
			    pg_text(slice_of("a"))));
	CU_ASSERT_EQUAL(f->rows.count, 1);
	CU_ASSERT_EQUAL(f->rows.columns, 2);
	CU_ASSERT_EQUAL(pg_int_at(&f->rows, 0, 0), 42);
	CU_ASSERT(slice_is(pg_text_at(&f->rows, 0, 1), "ab"));
	reply_bytes(req, 200, NULL, slice_of(""));
	ASYNC_END(req);
}

static void a_row_comes(void)
{
	CU_ASSERT_EQUAL(serve_pg(one_row), 200);
}

static const struct test tests[] = {
	{"a row comes", a_row_comes},
};

const struct suite pg_suite = {"pg", tests, COUNT(tests), .setup = database_set_up,
			       .cleanup = database_tear_down};

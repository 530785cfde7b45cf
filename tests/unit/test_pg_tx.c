/* Transactions. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "../support/memory.h"
#include "database.h"

struct tx_frame {
	struct pg_tx tx;
	struct pg_tx other;
	struct pg_rows rows;
	struct pg_rows more;
	int outcomes[2];
	int err;
};

#define DONE(req) reply_bytes(req, 200, NULL, slice_of(""))

static int set_up(void)
{
	return database_set_up() ||
	       !postgres_do(&postgres, "CREATE TABLE kept (id int PRIMARY KEY, item text, "
				       "UNIQUE (item) DEFERRABLE INITIALLY DEFERRED)");
}

/* How many rows there are, for others; there are none afterwards. */
static int rows_kept(void)
{
	int count = atoi(postgres_ask(&postgres, "SELECT count(*) FROM kept"));

	postgres_do(&postgres, "DELETE FROM kept");
	return count;
}

static const char insert[] = "INSERT INTO kept VALUES ($1, $2)";

static void commit(struct request *req)
{
	struct tx_frame *f = FRAME(req, struct tx_frame);

	ASYNC_BEGIN(req);
	AWAIT(req, pg_begin(req, &f->tx));
	AWAIT(req, pg_query(req, NULL, insert, pg_int(1), pg_text(slice_of("a"))));
	AWAIT(req, pg_query(req, &f->rows, "SELECT count(*) FROM kept"));
	CU_ASSERT_EQUAL(pg_int_at(&f->rows, 0, 0), 1);
	CU_ASSERT_STRING_EQUAL(postgres_ask(&postgres, "SELECT count(*) FROM kept"), "0");
	AWAIT(req, pg_query(req, NULL, insert, pg_int(2), pg_text(slice_of("b"))));
	AWAIT(req, pg_commit(req, &f->tx));
	AWAIT(req, pg_query(req, NULL, insert, pg_int(3), pg_text(slice_of("c"))));
	AWAIT(req, pg_begin(req, &f->tx));
	AWAIT(req, pg_query(req, NULL, insert, pg_int(4), pg_text(slice_of("d"))));
	AWAIT(req, pg_rollback(req, &f->tx));
	DONE(req);
	ASYNC_END(req);
}

static void it_is_all_or_nothing(void)
{
	limits.connections = 1;
	CU_ASSERT_EQUAL(serve_pg(commit), 200);
	CU_ASSERT_EQUAL(rows_kept(), 3);
}

/* Nothing is sent for it. */
static void begin_for_nothing(struct request *req)
{
	struct tx_frame *f = FRAME(req, struct tx_frame);

	ASYNC_BEGIN(req);
	AWAIT(req, pg_begin(req, &f->tx));
	AWAIT(req, pg_commit(req, &f->tx));
	AWAIT(req, pg_begin(req, &f->tx));
	AWAIT(req, pg_rollback(req, &f->tx));
	TRY_AWAIT(req, f->err, pg_commit(req, &f->tx));
	CU_ASSERT_EQUAL(f->err, -EINVAL);
	TRY_AWAIT(req, f->err, pg_rollback(req, &f->other));
	CU_ASSERT_EQUAL(f->err, -EINVAL);
	AWAIT(req, pg_begin(req, &f->tx));
	TRY_AWAIT(req, f->err, pg_begin(req, &f->other));
	CU_ASSERT_EQUAL(f->err, -EBUSY);
	DONE(req);
	ASYNC_END(req);
}

static void fail_inside(struct request *req)
{
	struct tx_frame *f = FRAME(req, struct tx_frame);

	ASYNC_BEGIN(req);
	AWAIT(req, pg_begin(req, &f->tx));
	AWAIT(req, pg_query(req, NULL, insert, pg_int(1), pg_text(slice_of("a"))));
	TRY_AWAIT(req, f->err, pg_query(req, &f->rows, "SELECT 1 / 0"));
	CU_ASSERT_EQUAL(f->err, -EREMOTEIO);
	TRY_AWAIT(req, f->err, pg_query(req, &f->rows, "SELECT 1"));
	CU_ASSERT_STRING_EQUAL(f->rows.state, "25P02");
	TRY_AWAIT(req, f->err, pg_commit(req, &f->tx));
	CU_ASSERT_EQUAL(f->err, -EREMOTEIO);
	AWAIT(req, pg_query(req, NULL, insert, pg_int(2), pg_text(slice_of("b"))));
	/* The first statement fails, with which it begins. */
	AWAIT(req, pg_begin(req, &f->tx));
	TRY_AWAIT(req, f->err, pg_query(req, &f->rows, "SELECT 2 / 0"));
	CU_ASSERT_STRING_EQUAL(f->rows.state, "22012");
	AWAIT(req, pg_rollback(req, &f->tx));
	/* One that is wrong at its end. */
	AWAIT(req, pg_begin(req, &f->tx));
	AWAIT(req, pg_query(req, NULL, insert, pg_int(3), pg_text(slice_of("b"))));
	TRY_AWAIT(req, f->err, pg_commit(req, &f->tx));
	CU_ASSERT_EQUAL(f->err, -EREMOTEIO);
	TRY_AWAIT(req, f->err, pg_query(req, &f->rows, insert, pg_int(4), pg_text(slice_of("b"))));
	CU_ASSERT_EQUAL(f->err, -EREMOTEIO);
	CU_ASSERT_STRING_EQUAL(f->rows.state, "23505");
	DONE(req);
	ASYNC_END(req);
}

static void what_has_failed_is_rolled_back(void)
{
	limits.connections = 1;
	CU_ASSERT_EQUAL(serve_pg(fail_inside), 200);
	CU_ASSERT_EQUAL(rows_kept(), 1);
}

static void fail_untried(struct request *req)
{
	struct tx_frame *f = FRAME(req, struct tx_frame);

	ASYNC_BEGIN(req);
	AWAIT(req, pg_begin(req, &f->tx));
	AWAIT(req, pg_query(req, NULL, insert, pg_int(1), pg_text(slice_of("a"))));
	AWAIT(req, pg_query(req, NULL, "SELECT 1 / 0"));
	DONE(req);
	ASYNC_END(req);
}

static void forget(struct request *req)
{
	struct tx_frame *f = FRAME(req, struct tx_frame);

	ASYNC_BEGIN(req);
	AWAIT(req, pg_begin(req, &f->tx));
	AWAIT(req, pg_query(req, NULL, insert, pg_int(1), pg_text(slice_of("a"))));
	DONE(req);
	ASYNC_END(req);
}

static void sleep_inside(struct request *req)
{
	struct tx_frame *f = FRAME(req, struct tx_frame);

	ASYNC_BEGIN(req);
	AWAIT(req, pg_begin(req, &f->tx));
	AWAIT(req, pg_query(req, NULL, insert, pg_int(1), pg_text(slice_of("a"))));
	AWAIT(req, pg_query(req, NULL, "SELECT pg_sleep(30)"));
	DONE(req);
	ASYNC_END(req);
}

static void wait_inside(struct request *req)
{
	struct tx_frame *f = FRAME(req, struct tx_frame);

	ASYNC_BEGIN(req);
	AWAIT(req, pg_begin(req, &f->tx));
	AWAIT(req, pg_query(req, NULL, insert, pg_int(1), pg_text(slice_of("a"))));
	leave('i');
	AWAIT(req, sleep_for(req, 30));
	DONE(req);
	ASYNC_END(req);
}

/* Then the one connection serves the next, outside of it. */
static void who_ends_inside(void)
{
	static const struct {
		void (*handler)(struct request *req);
		int status;
		double deadline;
	} ends[] = {{fail_untried, 500, 0}, {forget, 200, 0}, {sleep_inside, 504, 0.2}};

	for (size_t i = 0; i < COUNT(ends); i++) {
		const struct route route =
			GET("/", ASYNC, ends[i].handler, .deadline = ends[i].deadline);

		limits.connections = 1;
		begin_pg(1, NULL);
		start(&route);
		TURN_UNTIL(finished == 1);
		CU_ASSERT_EQUAL(answered, ends[i].status);
		ask("SELECT 'x', count(*) FROM kept");
		CU_ASSERT(leaves("x"));
		CU_ASSERT_EQUAL(board_get(&board.database.lost), 0);
		end_pg(2);
		CU_ASSERT_EQUAL(rows_kept(), 0);
	}
}

static void who_leaves_inside(void)
{
	struct request *gone;

	limits.connections = 1;
	begin_pg(1, NULL);
	gone = start(HANDLER(wait_inside));
	CU_ASSERT(leaves("i"));
	cancel(gone);
	gone = start(HANDLER(sleep_inside));
	TURN_UNTIL(at_work("pg_sleep(30)"));
	cancel(gone);
	IN_TIME(ends_within("pg_sleep(30)", 0.2));
	ask("SELECT 'x', count(*) FROM kept");
	CU_ASSERT(leaves("x"));
	end_pg(3);
	CU_ASSERT_EQUAL(rows_kept(), 0);
}

/* It has one connection, and there is no other: nobody waits for himself. */
static void beside(struct request *req, void *frame)
{
	struct tx_frame *f = frame;

	ASYNC_BEGIN(req);
	AWAIT(req, pg_query(req, NULL, insert, pg_int(7), pg_text(slice_of("g"))));
	AWAIT(req, pg_query(req, &f->more, "SELECT count(*) FROM kept"));
	ASYNC_END(req);
}

static void gather_inside(struct request *req)
{
	struct tx_frame *f = FRAME(req, struct tx_frame);

	ASYNC_BEGIN(req);
	AWAIT(req, pg_begin(req, &f->tx));
	gather_add_pg(req, &f->outcomes[0], NULL, insert, pg_int(1), pg_text(slice_of("a")));
	gather_add_pg(req, &f->outcomes[1], &f->rows, "SELECT count(*) FROM kept");
	gather_add_call(req, beside, f, NULL);
	AWAIT(req, gather(req));
	CU_ASSERT_EQUAL(f->outcomes[0], 0);
	CU_ASSERT_EQUAL(pg_int_at(&f->rows, 0, 0), 1);
	CU_ASSERT_EQUAL(pg_int_at(&f->more, 0, 0), 2);
	AWAIT(req, pg_commit(req, &f->tx));
	DONE(req);
	ASYNC_END(req);
}

static void all_of_it_has_one_connection(void)
{
	limits.connections = 1;
	CU_ASSERT_EQUAL(serve_pg(gather_inside), 200);
	CU_ASSERT_EQUAL(rows_kept(), 2);
}

static void commit_two(struct request *req)
{
	struct tx_frame *f = FRAME(req, struct tx_frame);

	ASYNC_BEGIN(req);
	AWAIT(req, pg_begin(req, &f->tx));
	AWAIT(req, pg_query(req, &f->rows,
			    "INSERT INTO kept SELECT coalesce(max(id), 0) + 1 FROM kept"
			    " RETURNING id"));
	AWAIT(req, pg_query(req, NULL, "INSERT INTO kept VALUES (-$1::int)",
			    pg_int(pg_int_at(&f->rows, 0, 0))));
	AWAIT(req, pg_commit(req, &f->tx));
	DONE(req);
	ASYNC_END(req);
}

static const char terminate[] =
	"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> "
	"pg_backend_pid() AND application_name = 'lanes'";

/* What is asked afterwards must not be done outside. */
static void lose_it(struct request *req)
{
	struct tx_frame *f = FRAME(req, struct tx_frame);

	ASYNC_BEGIN(req);
	AWAIT(req, pg_begin(req, &f->tx));
	AWAIT(req, pg_query(req, NULL, insert, pg_int(1), pg_text(slice_of("a"))));
	postgres_ask(&postgres, terminate);
	TRY_AWAIT(req, f->err, pg_query(req, NULL, insert, pg_int(2), pg_text(slice_of("b"))));
	CU_ASSERT_EQUAL(f->err, -ENOLINK);
	TRY_AWAIT(req, f->err, pg_query(req, NULL, insert, pg_int(3), pg_text(slice_of("c"))));
	CU_ASSERT_EQUAL(f->err, -ENOLINK);
	TRY_AWAIT(req, f->err, pg_commit(req, &f->tx));
	CU_ASSERT_EQUAL(f->err, -ENOLINK);
	AWAIT(req, pg_query(req, NULL, insert, pg_int(4), pg_text(slice_of("d"))));
	DONE(req);
	ASYNC_END(req);
}

static void one_that_is_lost_is_over(void)
{
	CU_ASSERT_EQUAL(serve_pg(lose_it), 200);
	CU_ASSERT_EQUAL(rows_kept(), 1);
}

/* Two that wait for each other's row: the database ends one. */
static void deadlock(struct request *req)
{
	struct tx_frame *f = FRAME(req, struct tx_frame);
	bool first = req->query.data[0] == '1';

	ASYNC_BEGIN(req);
	AWAIT(req, pg_begin(req, &f->tx));
	AWAIT(req, pg_query(req, NULL, "UPDATE kept SET item = 'x' || id WHERE id = $1",
			    pg_int(first ? 1 : 2)));
	AWAIT(req, sleep_for(req, 0.2));
	TRY_AWAIT(req, f->err,
		  pg_query(req, &f->rows, "UPDATE kept SET item = 'y' || id WHERE id = $1",
			   pg_int(first ? 2 : 1)));
	leave(f->err ? f->rows.state[4] : 'x');
	if (!f->err)
		AWAIT(req, pg_commit(req, &f->tx));
	DONE(req);
	ASYNC_END(req);
}

static void the_database_ends_a_deadlock(void)
{
	postgres_do(&postgres, "INSERT INTO kept VALUES (1, 'a'), (2, 'b')");
	limits.connections = 2;
	begin_pg(1, NULL);
	for (int i = 0; i < 2; i++) {
		struct request *req = request_new(HANDLER(deadlock));

		req->query = slice_of(i ? "2" : "1");
		request_resume(req, uv_hrtime());
	}
	TURN_UNTIL(finished == 2);
	CU_ASSERT(strchr(trail, '1') && strchr(trail, 'x')); /* 40P01 */
	end_pg(2);
	CU_ASSERT_EQUAL(rows_kept(), 2);
}

/* It is all or nothing, whatever there was no memory for; and nothing is lost. */
static void memory_runs_out(void)
{
	int kept;

	limits.connections = 1;
	begin_pg(1, NULL);
	for (long n = 0; finished == 0 || answered != 200; n++) {
		struct request *req = request_new(HANDLER(commit_two));
		int before = finished;

		memory_fail_after(n);
		request_resume(req, uv_hrtime());
		TURN_UNTIL(finished > before);
		memory_restore();
		TURN_UNTIL(pg_is_up(&sched));
		CU_ASSERT_FATAL(n < 100);
	}
	CU_ASSERT(finished > 1);
	end_pg(finished);
	kept = rows_kept();
	CU_ASSERT_EQUAL(kept % 2, 0);
	CU_ASSERT(kept >= 2);
}

/* A test that is a handler, which asserts and answers 200. */
static void serve(void)
{
	void (*const *handler)(struct request * req) = harness_test()->data;

	CU_ASSERT_EQUAL(serve_pg(*handler), 200);
	CU_ASSERT_EQUAL(rows_kept(), 0);
}

#define SERVED(handler)                                                                            \
	serve, (void (*const[])(struct request * req))                                             \
	{                                                                                          \
		handler                                                                            \
	}

static const struct test tests[] = {
	{"it is all or nothing", it_is_all_or_nothing},
	{"one without statements asks nobody; a request is in one", SERVED(begin_for_nothing)},
	{"what has failed is rolled back", what_has_failed_is_rolled_back},
	{"who fails, forgets it, or is late inside rolls back", who_ends_inside},
	{"who leaves inside rolls back", who_leaves_inside},
	{"all of a request has one connection", all_of_it_has_one_connection},
	{"one that is lost is over", one_that_is_lost_is_over},
	{"the database ends a deadlock", the_database_ends_a_deadlock},
	{"memory runs out inside", memory_runs_out},
};

const struct suite pg_tx_suite = {"pg-tx",
				  tests,
				  COUNT(tests),
				  .setup = set_up,
				  .cleanup = database_tear_down,
				  .before = database_before};

/* Who gets a connection when, who does not, and what becomes of those that nobody waits for. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>

#include <libpq-fe.h>

#include "../support/memory.h"
#include "database.h"

enum { MS = 1000000 };

static void first_come_first_served(void)
{
	limits.connections = 1;
	begin_pg(1, NULL);
	ask("SELECT 'x', pg_sleep(0.02)");
	ask("SELECT 'y'");
	ask("SELECT 'z'");
	CU_ASSERT(leaves("xyz"));
	CU_ASSERT_EQUAL(board_get(&board.database.connections), 1);
	CU_ASSERT_EQUAL(board_get(&board.database.waiting), 0);
	CU_ASSERT_EQUAL(board_get(&board.database.busy), 0);
	end_pg(3);
}

static void as_many_as_are_waited_for(void)
{
	limits.connections = 3;
	begin_pg(1, NULL);
	hold();
	for (int i = 0; i < 5; i++)
		ask("SELECT 'x' " HELD);
	TURN_UNTIL(at_work(HELD) == 3);
	CU_ASSERT_EQUAL(board_get(&board.database.busy), 3);
	CU_ASSERT_EQUAL(board_get(&board.database.waiting), 2);
	CU_ASSERT_EQUAL(board_get(&board.database.connections), 3);
	CU_ASSERT_EQUAL(board_get(&board.database.limit), 3);
	let_go();
	CU_ASSERT(leaves("xxxxx"));
	end_pg(5);
}

static void wait_untried(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, pg_query(req, NULL, "SELECT 1"));
	reply_bytes(req, 200, NULL, slice_of(""));
	ASYNC_END(req);
}

static void too_many_wait(void)
{
	limits.connections = limits.waiters = 1;
	begin_pg(1, NULL);
	hold();
	ask("SELECT 'x' " HELD);
	ask("SELECT 'y'");
	ask("SELECT 'z'");
	start(HANDLER(wait_untried));
	CU_ASSERT_EQUAL(answered, 503);
	CU_ASSERT_TRUE(retry_after);
	let_go();
	CU_ASSERT(leaves("Wxy"));
	CU_ASSERT_EQUAL(board_get(&board.database.refused), 2);
	end_pg(4);
}

static void one_waits_too_long(void)
{
	limits.connections = 1;
	limits.wait = 50 * MS;
	begin_pg(1, NULL);
	hold();
	ask("SELECT 'x' " HELD);
	ask("SELECT 'y'");
	start(HANDLER(wait_untried));
	TURN_UNTIL(finished == 2);
	CU_ASSERT_EQUAL(answered, 504);
	let_go();
	CU_ASSERT(leaves("Tx"));
	CU_ASSERT_EQUAL(board_get(&board.database.late), 2);
	end_pg(3);
}

static void who_leaves_the_line_has_no_place(void)
{
	struct request *gone;

	limits.connections = 1;
	limits.waiters = 2;
	begin_pg(1, NULL);
	hold();
	ask("SELECT 'x' " HELD);
	gone = ask("SELECT 'y'");
	ask("SELECT 'z'");
	cancel(gone);
	ask("SELECT 'a'");
	let_go();
	CU_ASSERT(leaves("xza"));
	end_pg(4);
}

/* ---- cancelled ---- */

static void who_leaves_ends_his_statement(void)
{
	struct request *gone;
	char pid[64];

	limits.connections = 1;
	begin_pg(1, NULL);
	ask("SELECT pg_backend_pid()");
	TURN_UNTIL(finished == 1);
	strcpy(pid, last_text);
	for (int i = 0; i < 5; i++) {
		gone = ask("SELECT 'x', pg_sleep(30)");
		TURN_UNTIL(at_work("pg_sleep(30)"));
		cancel(gone);
		IN_TIME(ends_within("pg_sleep(30)", 0.2));
	}
	ask("SELECT pg_backend_pid()");
	TURN_UNTIL(finished == 2);
	CU_ASSERT_STRING_EQUAL(last_text, pid);
	CU_ASSERT_EQUAL(board_get(&board.database.cancelled), 5);
	CU_ASSERT_EQUAL(board_get(&board.database.lost), 0);
	end_pg(7);
}

/* Before the database has seen it: then the word that ends it comes too soon. */
static void who_leaves_at_once_ends_it_too(void)
{
	limits.connections = 1;
	begin_pg(1, NULL);
	ask("SELECT 'x'");
	CU_ASSERT(leaves("x"));
	for (int i = 0; i < 20; i++) {
		cancel(ask("SELECT 'y', pg_sleep(30)"));
		ask("SELECT 'z'");
		CU_ASSERT(leaves("z"));
	}
	CU_ASSERT_EQUAL(at_work("pg_sleep(30)"), 0);
	CU_ASSERT_EQUAL(board_get(&board.database.lost), 0);
	end_pg(41);
}

/* Nobody's statement but that of the one who left. */
static void others_are_not_ended(void)
{
	limits.connections = 4;
	limits.waiters = 100;
	begin_pg(2, NULL);
	for (int i = 0; i < 25; i++) {
		struct request *gone = ask("SELECT 'g', pg_sleep(0.01)");

		ask("SELECT 'x', pg_sleep(0.002)");
		turn();
		cancel(gone);
		ask("SELECT 'x'");
		turn();
	}
	CU_ASSERT(leaves("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
	end_pg(75);
}

static void a_prefork_process_closes_it(void)
{
	struct request *gone;

	limits.connections = 1;
	limits.alone = true;
	begin_pg(0, NULL);
	gone = ask("SELECT 'x', pg_sleep(30)");
	TURN_UNTIL(at_work("pg_sleep(30)"));
	cancel(gone);
	IN_TIME(ends_within("pg_sleep(30)", 2));
	ask("SELECT 'y'");
	CU_ASSERT(leaves("y"));
	end_pg(2);
}

/* The word cannot be said: the connection is given up. libpq 17 needs no thread for it. */
static void no_thread_is_free_for_it(void)
{
	struct request *gone;

	limits.connections = 1;
	begin_pg(1, NULL);
	gone = ask("SELECT 'x', pg_sleep(30)");
	TURN_UNTIL(at_work("pg_sleep(30)"));
	coroutine_add_job(&gone->co, BOARD_BLOCKING, wait_at_gate, &work, NULL);
	entered();
	request_ref(gone);
	cancel(gone);
	ask("SELECT 'y'");
	CU_ASSERT(leaves("y"));
	IN_TIME(ends_within("pg_sleep(30)", 2));
#ifdef LIBPQ_HAS_ASYNC_CANCEL
	CU_ASSERT_EQUAL(board_get(&board.database.lost), 0);
#else
	CU_ASSERT_EQUAL(board_get(&board.database.lost), 1);
#endif
	sem_post(&work.gate);
	request_unref(gone);
	TURN_UNTIL(released == 2);
	end_pg(2);
}

/* ---- late ---- */

static void a_statement_has_a_limit(void)
{
	limits.connections = 1;
	limits.statement = 100 * MS;
	begin_pg(1, NULL);
	ask("SELECT 'x', pg_sleep(30)");
	CU_ASSERT(leaves("T"));
	IN_TIME(ends_within("pg_sleep(30)", 0.2));
	ask("SELECT 'y'");
	CU_ASSERT(leaves("y"));
	CU_ASSERT_EQUAL(board_get(&board.database.lost), 0);
	end_pg(2);
}

static void sleep_there(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, pg_query(req, NULL, "SELECT 'x', pg_sleep(30)"));
	reply_bytes(req, 200, NULL, slice_of(""));
	ASYNC_END(req);
}

static void the_routes_deadline_ends_it(void)
{
	static const struct route route = GET("/", ASYNC, sleep_there, .deadline = 0.1);

	limits.connections = 1;
	begin_pg(1, NULL);
	start(&route);
	TURN_UNTIL(finished == 1);
	CU_ASSERT_EQUAL(answered, 504);
	IN_TIME(ends_within("pg_sleep(30)", 0.2));
	ask("SELECT 'y'");
	CU_ASSERT(leaves("y"));
	end_pg(2);
}

static void sleep_within(struct request *req)
{
	struct {
		int err;
		struct pg_rows rows;
	} *f = FRAME(req, __typeof__(*f));

	ASYNC_BEGIN(req);
	TRY_AWAIT(req, f->err,
		  wait_within(req, 0.1, pg_query(req, &f->rows, "SELECT pg_sleep(30)")));
	CU_ASSERT_EQUAL(f->err, -ETIMEDOUT);
	AWAIT(req, pg_query(req, &f->rows, "SELECT 7"));
	CU_ASSERT_EQUAL(pg_int_at(&f->rows, 0, 0), 7);
	reply_bytes(req, 200, NULL, slice_of(""));
	ASYNC_END(req);
}

static void what_is_waited_for_within_ends(void)
{
	limits.connections = 1;
	CU_ASSERT_EQUAL(serve_pg(sleep_within), 200);
}

/* ---- connections ---- */

static void they_are_replaced(void)
{
	char pid[64] = "";

	limits.connections = 1;
	limits.lifetime = 100 * MS;
	begin_pg(1, NULL);
	for (int i = 1; i <= 3; i++) {
		do {
			ask("SELECT pg_backend_pid()");
			TURN_UNTIL(trail[0]);
			trail[0] = '\0';
		} while (!strcmp(last_text, pid));
		strcpy(pid, last_text);
	}
	TURN_UNTIL(board_get(&board.database.connections) == 1);
	end_pg(released);
}

/* What a statement has left open is not the next one's. */
static void it_is_set_back(void)
{
	limits.connections = 1;
	begin_pg(1, NULL);
	ask("BEGIN ISOLATION LEVEL SERIALIZABLE");
	ask("SHOW transaction_isolation");
	CU_ASSERT(leaves("-r"));
	end_pg(2);
}

static void memory_runs_out(void)
{
	limits.connections = 1;
	begin_pg(1, NULL);
	TURN_UNTIL(pg_is_up(&sched));
	for (long n = 0; !strchr(trail, 'x'); n++) {
		struct request *req = asker("SELECT 'x'");
		int before = finished;

		memory_fail_after(n);
		request_resume(req, uv_hrtime());
		TURN_UNTIL(finished > before);
		memory_restore();
		CU_ASSERT_FATAL(n < 50);
	}
	CU_ASSERT(strspn(trail, "M") >= 1);
	CU_ASSERT_EQUAL(strspn(trail, "MD") + 1, strlen(trail));
	trail[0] = '\0';
	TURN_UNTIL(pg_is_up(&sched));
	end_pg(released);
}

static void no_memory_to_connect(void)
{
	for (long n = 0; n < 3; n++) {
		begin_pg(1, postgres.url);
		memory_fail_after(n);
		for (int i = 0; i < 4; i++)
			turn_a_while();
		memory_restore();
		TURN_UNTIL(pg_is_up(&sched));
		ask("SELECT 'x'");
		CU_ASSERT(leaves("x"));
		end_pg(1);
	}
}

static void no_descriptor_to_connect(void)
{
	struct rlimit files, few;
	int next;

	getrlimit(RLIMIT_NOFILE, &files);
	begin_pg(1, postgres.url);
	next = dup(0);
	few = (struct rlimit){(rlim_t)next, files.rlim_max};
	close(next);
	setrlimit(RLIMIT_NOFILE, &few);
	TURN_UNTIL(board_get(&board.database.failures) > 1);
	CU_ASSERT_FALSE(pg_is_up(&sched));
	ask("SELECT 'x'");
	CU_ASSERT(leaves("D"));
	setrlimit(RLIMIT_NOFILE, &files);
	TURN_UNTIL(pg_is_up(&sched));
	ask("SELECT 'y'");
	CU_ASSERT(leaves("y"));
	end_pg(2);
}

static const struct test tests[] = {
	{"first come, first served", first_come_first_served},
	{"as many connections as are waited for", as_many_as_are_waited_for},
	{"one too many who waits is a 503", too_many_wait},
	{"who waits too long is a 504", one_waits_too_long},
	{"who leaves the line gives back his place", who_leaves_the_line_has_no_place},
	{"who leaves ends his statement, and the connection stays", who_leaves_ends_his_statement},
	{"… even before the database has begun with it", who_leaves_at_once_ends_it_too},
	{"… and nobody else's", others_are_not_ended},
	{"… and a prefork process closes it", a_prefork_process_closes_it},
	{"… and no thread is free for it", no_thread_is_free_for_it},
	{"a statement has a limit", a_statement_has_a_limit},
	{"a route's deadline ends it", the_routes_deadline_ends_it},
	{"… and that of what is waited for", what_is_waited_for_within_ends},
	{"connections are replaced", they_are_replaced},
	{"a connection is set back", it_is_set_back},
	{"memory runs out", memory_runs_out},
	{"… while it connects", no_memory_to_connect},
	{"descriptors run out", no_descriptor_to_connect},
};

const struct suite pg_pool_suite = {"pg-pool",
				    tests,
				    COUNT(tests),
				    .setup = database_set_up,
				    .cleanup = database_tear_down,
				    .before = database_before};

/* What a route may take, and that it takes nothing of others: with tests/bodies/app.c. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/harness.h"
#include "../support/process.h"
#include "../support/raw.h"
#include "scoreboard/board_reader.h"

static struct worker worker;
static struct raw raw = {.fd = -1};
static char board_path[DIRECTORY_SIZE + 16];
static const char *folder;

/* A worker of the engine that the test's data is; without, the loop. */
static void before(void)
{
	const char *engine = harness_test()->data;

	folder = directory_make();
	snprintf(board_path, sizeof(board_path), "%s/scoreboard", folder);
	CU_ASSERT_FATAL(worker_start_program(&worker, built("bodies-app"),
					     STRINGS("--threads", "2", "--scoreboard", board_path,
						     engine ? "--engine" : NULL, engine),
					     NULL));
	CU_ASSERT_FATAL(raw_open(&raw, worker.socket));
}

static void after(void)
{
	raw_close(&raw);
	worker_stop(&worker);
	directory_remove(folder);
}

/* The answer to this request. */
static bool answers(int id, const char *status)
{
	return raw_answers(&raw, textf("STDOUT %d Status: %s", id, status));
}

/* What those see who watch: the worker's pool of this name, or what it calls this request. */
static struct seen {
	struct pool_state pool;
	struct request_ids ids;
} look(const char *name, uint32_t serial)
{
	struct seen seen = {0};
	struct scoreboard board;
	struct workers workers = {0};

	CU_ASSERT_EQUAL_FATAL(scoreboard_open_to_read(&board, board_path), 0);
	CU_ASSERT_EQUAL_FATAL(workers_read(&board, &workers), 0);
	for (int p = 0; workers.count && p < BOARD_POOLS; p++)
		if (!strcmp(workers.list[0].pools[p].name, name))
			seen.pool = workers.list[0].pools[p];
	if (workers.count)
		seen.ids = board_ids(workers.list[0].slot, serial);
	workers_free(&workers);
	scoreboard_close(&board);
	return seen;
}

static struct pool_state pool(const char *name)
{
	return look(name, 0).pool;
}

static bool is_called(uint32_t serial, const char *id)
{
	return !strcmp(look("", serial).ids.id, id);
}

/* Two that run, one that waits, one too many: and the others' threads are free. */
static void saturate(const char *path)
{
	for (int id = 1; id <= 4; id++)
		CU_ASSERT(raw_get(&raw, id, path, ""));
	CU_ASSERT(answers(4, "503 "));
	for (int id = 5; id <= 8; id++) {
		CU_ASSERT(raw_get(&raw, id, "/free", ""));
		CU_ASSERT(answers(id, "200 OK"));
	}
	CU_ASSERT_FALSE(strstr(raw.text.data, "STDOUT 1 ") || strstr(raw.text.data, "STDOUT 2 ") ||
			strstr(raw.text.data, "STDOUT 3 "));
	CU_ASSERT(EVENTUALLY(pool("reports").running == 2));
	CU_ASSERT_EQUAL(pool("reports").limit, 2);
	CU_ASSERT_EQUAL(pool("reports").queued, 1);
	CU_ASSERT_EQUAL(pool("reports").refused, 1);
	CU_ASSERT_EQUAL(pool("blocking").refused, 0);
}

static void let_them_go(void)
{
	for (int id = 11; id <= 13; id++)
		CU_ASSERT(raw_get(&raw, id, "/let-go", ""));
	for (int id = 1; id <= 3; id++)
		CU_ASSERT(answers(id, "200 OK"));
}

static void a_full_pool_of_its_own_leaves_others_theirs(void)
{
	saturate("/held");
	let_them_go();
}

static void and_so_does_one_beside_a_handler(void)
{
	saturate("/held/beside");
	let_them_go();
}

static void full_threads_of_all_leave_those_of_its_own(void)
{
	for (int id = 1; id <= 2; id++)
		CU_ASSERT(raw_get(&raw, id, "/held/here", ""));
	CU_ASSERT(EVENTUALLY(pool("blocking").running == 2));
	CU_ASSERT(raw_get(&raw, 3, "/own", ""));
	CU_ASSERT(answers(3, "200 OK"));
	for (int id = 4; id <= 5; id++)
		CU_ASSERT(raw_get(&raw, id, "/let-go", ""));
	CU_ASSERT(answers(1, "200 OK"));
	CU_ASSERT(answers(2, "200 OK"));
}

static void it_is_told_by_its_name(void)
{
	struct worker admin;
	struct raw asked;

	saturate("/held");
	CU_ASSERT_FATAL(worker_start(
		&admin, STRINGS("--routes", "admin", "--scoreboard", board_path), NULL));
	CU_ASSERT_FATAL(raw_open(&asked, admin.socket));
	CU_ASSERT(raw_gets(&asked, 1, "/metrics", "", "END 1 "));
	CU_ASSERT(raw_answers(&asked, "pool=\"loop\",threads=\"reports\"} 2\n"));
	CU_ASSERT(raw_gets(&asked, 2, "/status", "",
			   "\"reports\":{\"limit\":2,\"threads\":2,\"running\":2,"));
	raw_close(&asked);
	worker_stop(&admin);
	let_them_go();
}

static void a_drain_waits_for_such_a_pool(void)
{
	saturate("/held");
	kill(worker.pid, SIGTERM);
	CU_ASSERT(EVENTUALLY(file_has(worker.log, "event=draining")));
	let_them_go();
	CU_ASSERT_EQUAL(worker_wait(&worker), 0);
}

static void a_process_needs_no_threads_for_it(void)
{
	CU_ASSERT(raw_get(&raw, 1, "/own", ""));
	CU_ASSERT(answers(1, "200 OK"));
	CU_ASSERT_EQUAL(pool("reports").limit, 0);
}

/* The thread goes on with what is its own. */
static void the_deadline_is_kept_while_a_thread_is_not_done(void)
{
	for (int id = 1; id <= 4; id += 2) {
		CU_ASSERT(
			raw_send(&raw, textf("request %d keep "
					     "PATH_INFO=/late&REQUEST_METHOD=GET&REQUEST_ID=1-2-%d",
					     id, id)));
		CU_ASSERT(EVENTUALLY(pool("blocking").running ==
				     1)); /* and not dropped in the queue */
		CU_ASSERT(answers(id, "504 "));
		CU_ASSERT(is_called((uint32_t)id, textf("1-2-%d", id)));
		CU_ASSERT(raw_get(&raw, id + 1, "/let-go", ""));
		CU_ASSERT(answers(id + 1, "200 OK"));
		/* It, and not the next round's thread, is the one that was let go. */
		CU_ASSERT(EVENTUALLY(pool("blocking").abandoned == 0));
	}
	kill(worker.pid, SIGTERM);
	CU_ASSERT_EQUAL(worker_wait(&worker), 0);
}

/* With others on its connection nothing tells; alone, that is closed, and the web server says so.
 */
static void a_stream_that_breaks_looks_like_it(void)
{
	CU_ASSERT(raw_get(&raw, 1, "/asleep", ""));
	CU_ASSERT(raw_gets(&raw, 2, "/breaks", "", "END 2 0 COMPLETE"));
	raw_close(&raw);
	CU_ASSERT_FATAL(raw_open(&raw, worker.socket));
	CU_ASSERT(raw_gets(&raw, 1, "/breaks", "", " more"));
	CU_ASSERT_FALSE(raw_answers(&raw, "END 1")); /* before it is closed */
	CU_ASSERT(raw_closed(&raw));
}

static void a_stream_of_a_process_that_breaks(void)
{
	CU_ASSERT(raw_gets(&raw, 1, "/breaks", "", " more"));
}

static void a_stream_ends_when_its_worker_drains(void)
{
	CU_ASSERT(raw_gets(&raw, 1, "/endless", "", "on "));
	kill(worker.pid, SIGTERM);
	CU_ASSERT(raw_answers(&raw, "END 1 0 COMPLETE"));
	CU_ASSERT_EQUAL(worker_wait(&worker), 0);
}

static void work_after_the_answer_has_its_trace(void)
{
	CU_ASSERT(raw_send(&raw, "request 1 PATH_INFO=/later&REQUEST_METHOD=GET&"
				 "HTTP_USER_AGENT=me&REQUEST_ID=0123456789abcdef&"
				 "HTTP_TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-"
				 "b7ad6b7169203331-01"));
	CU_ASSERT(EVENTUALLY(file_has(worker.log, "event=told-later request=1 "
						  "id=0123456789abcdef trace="
						  "0af7651916cd43dd8448eb211c80319c "
						  "agent=gone parent=there")));
}

static void who_left_is_known_by_its_id(void)
{
	CU_ASSERT(raw_send(&raw,
			   "request 1 keep PATH_INFO=/asleep&REQUEST_METHOD=GET&REQUEST_ID=1-2-3"));
	CU_ASSERT(raw_send(&raw, "abort 1"));
	CU_ASSERT(EVENTUALLY(is_called(1, "1-2-3")));
	CU_ASSERT(raw_gets(&raw, 2, "/free", "", "END 2 "));
	CU_ASSERT(is_called(2, ""));
}

static void a_route_takes_so_many_requests_and_others_go_on(void)
{
	for (int id = 1; id <= 4; id++)
		CU_ASSERT(raw_get(&raw, id, "/two", ""));
	CU_ASSERT(answers(3, "503 "));
	CU_ASSERT(answers(4, "503 "));
	for (int id = 5; id <= 8; id++) {
		CU_ASSERT(raw_get(&raw, id, "/free", ""));
		CU_ASSERT(answers(id, "200 OK"));
	}
	CU_ASSERT_FALSE(strstr(raw.text.data, "STDOUT 1 ") || strstr(raw.text.data, "STDOUT 2 "));
}

static int by_size(const void *a, const void *b)
{
	const double *one = a;
	const double *other = b;

	return (*one > *other) - (*one < *other);
}

/* How long ASKED of them take, one after another: the p99, in seconds. Before each, the route that
 * is jammed is asked once more. */
static double p99_of(const char *path, bool jammed)
{
	enum { ASKED = 300 };

	double seconds[ASKED];
	struct raw asking;

	CU_ASSERT_FATAL(raw_open(&asking, worker.socket));
	for (int i = 0; i < ASKED; i++) {
		double begun;

		if (jammed)
			CU_ASSERT(raw_get(&raw, 4 + i, "/jammed", ""));
		begun = now();
		CU_ASSERT_FATAL(raw_gets(&asking, 1 + i, path, "", textf("END %d ", 1 + i)));
		seconds[i] = now() - begun;
	}
	raw_close(&asking);
	qsort(seconds, ASKED, sizeof(seconds[0]), by_size);
	return seconds[ASKED * 99 / 100 - 1];
}

/* Its requests do not end until they are let go: who had to wait for one would wait for ever. */
static void a_jammed_route_leaves_the_p99_of_others(void)
{
	static const char *const neighbours[] = {"/free", "/left"}; /* SYNC, ASYNC */
	double before[2];

	for (int i = 0; i < 2; i++)
		before[i] = p99_of(neighbours[i], false);
	for (int id = 1; id <= 3; id++)
		CU_ASSERT(raw_get(&raw, id, "/jammed", ""));
	CU_ASSERT(EVENTUALLY(pool("reports").running == 2 && pool("reports").queued == 1));
	for (int i = 0; i < 2; i++) {
		double p99 = p99_of(neighbours[i], true);

		printf("     %s: p99 %.2f ms, %.2f ms before\n", neighbours[i], p99 * 1000,
		       before[i] * 1000);
		IN_TIME(p99 < before[i] + 0.05);
		CU_ASSERT(answers(303, "503 "));
	}
	CU_ASSERT_EQUAL(pool("reports").queued, 1);
	let_them_go();
}

static const struct test tests[] = {
	{"a full pool of a route's own leaves others theirs",
	 a_full_pool_of_its_own_leaves_others_theirs},
	{"a full pool of what runs beside a handler leaves others theirs, too",
	 and_so_does_one_beside_a_handler},
	{"full threads of all leave those of a route's own",
	 full_threads_of_all_leave_those_of_its_own},
	{"it is told by its name", it_is_told_by_its_name},
	{"a drain waits for such a pool", a_drain_waits_for_such_a_pool},
	{"a process needs no threads for it", a_process_needs_no_threads_for_it, "prefork"},
	{"the deadline is kept while a thread is not done",
	 the_deadline_is_kept_while_a_thread_is_not_done},
	{"a stream that breaks looks like it", a_stream_that_breaks_looks_like_it},
	{"a stream of a process that breaks looks like it, too", a_stream_of_a_process_that_breaks,
	 "prefork"},
	{"a stream ends when its worker drains", a_stream_ends_when_its_worker_drains},
	{"a stream of a process ends when that drains, too", a_stream_ends_when_its_worker_drains,
	 "prefork"},
	{"work after the answer has its trace", work_after_the_answer_has_its_trace},
	{"work of a process after the answer has its trace, too",
	 work_after_the_answer_has_its_trace, "prefork"},
	{"who left is known by its id", who_left_is_known_by_its_id},
	{"a route takes so many requests, and others go on",
	 a_route_takes_so_many_requests_and_others_go_on},
	{"a route that is jammed leaves the p99 of others where it was",
	 a_jammed_route_leaves_the_p99_of_others},
};

const struct suite limits_suite = {"limits", tests, COUNT(tests), .before = before, .after = after};

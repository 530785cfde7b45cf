/* What an application counts, and how it is told. */
#include <stdlib.h>
#include <string.h>

#include "../support/harness.h"
#include "../support/mock.h"
#include "admin/admin.h"

static struct metric orders = COUNTER("orders_total", "Orders that were taken.");
static struct metric open_orders = GAUGE("orders_open", "Orders that are not done.");
static struct metric took = HISTOGRAM("order_seconds", "How long an order took.");
static struct metric *const all[] = {&orders, &open_orders, &took, NULL};

static struct scoreboard board;

static int set_up(void)
{
	return scoreboard_open(&board, NULL);
}

static int tear_down(void)
{
	scoreboard_close(&board);
	return 0;
}

static void forget(void)
{
	orders.board = open_orders.board = took.board = NULL;
}

static void nobody_sees_what_has_no_place(void)
{
	forget();
	metric_add(&orders, 1);
	metric_set(&open_orders, 1);
	metric_observe(&took, 1);
	CU_ASSERT_PTR_NULL(metrics_place(NULL, NULL));
}

static void a_name_is_prometheuss(void)
{
	static const char *const bad[] = {
		"",	      "1st",
		"Orders",     "orders-total",
		"lanes_mine", "a_name_that_is_longer_than_forty_seven_characters"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct metric metric = COUNTER(bad[i], "");
		struct metric *const list[] = {&metric, NULL};
		struct board_slot *slot = calloc(1, sizeof(*slot));

		CU_ASSERT_PTR_NOT_NULL(metrics_place(list, slot));
		free(slot);
	}
}

static void there_are_only_so_many(void)
{
	static struct metric many[BOARD_METRICS + 1];
	struct metric *list[BOARD_METRICS + 2] = {NULL};
	struct board_slot *slot = calloc(1, sizeof(*slot));

	for (size_t i = 0; i <= BOARD_METRICS; i++) {
		many[i] = (struct metric)COUNTER("same", "");
		list[i] = &many[i];
	}
	CU_ASSERT_PTR_NOT_NULL(metrics_place(list, slot));
	list[BOARD_METRICS] = NULL;
	CU_ASSERT_PTR_NULL(metrics_place(list, slot));
	free(slot);
}

static bool told(const struct request *req, const char *line)
{
	return memmem(req->reply.body.data, req->reply.body.len, line, strlen(line)) != NULL;
}

static bool told_once(const struct request *req, const char *line)
{
	const struct slice *body = &req->reply.body;
	const char *at = memmem(body->data, body->len, line, strlen(line));

	return at && !memmem(at + 1, body->len - (size_t)(at + 1 - body->data), line, strlen(line));
}

static void the_admin_worker_tells_them(void)
{
	static const struct request_ops ops = MOCK_OPS(mock_no_param);
	struct admin state = {.board = &board};
	const struct routes routes = {.state = &state};
	struct request req;

	CU_ASSERT_PTR_NOT_NULL_FATAL(scoreboard_claim(&board, "loop", 1, "loop", "/"));
	CU_ASSERT_PTR_NULL(metrics_place(all, board.own));
	metric_add(&orders, 2);
	metric_add(&orders, 1);
	metric_set(&open_orders, -1);
	metric_observe(&took, 0.3);
	metric_observe(&took, 1000);
	metric_observe(&took, -1);
	board.own->metrics[3] = board.own->metrics[0]; /* a slot that somebody wrote into */
	request_init(&req, &ops, NULL);
	req.routes = &routes;
	metrics(&req);
	CU_ASSERT_EQUAL(req.reply.status, 200);
	CU_ASSERT_TRUE(told(&req, "# HELP orders_total Orders that were taken.\n"
				  "# TYPE orders_total counter\n"
				  "orders_total{worker=\"loop-1\",pool=\"loop\"} 3\n"));
	CU_ASSERT_TRUE(told(&req, "# TYPE orders_open gauge\n"
				  "orders_open{worker=\"loop-1\",pool=\"loop\"} -1\n"));
	CU_ASSERT_TRUE(told(&req, "# TYPE order_seconds histogram\n"
				  "order_seconds_bucket{worker=\"loop-1\",pool=\"loop\",le="));
	CU_ASSERT_TRUE(
		told(&req, "order_seconds_bucket{worker=\"loop-1\",pool=\"loop\",le=\"0.3\"} 2\n"));
	CU_ASSERT_TRUE(told(
		&req, "order_seconds_bucket{worker=\"loop-1\",pool=\"loop\",le=\"+Inf\"} 3\n"));
	CU_ASSERT_TRUE(
		told(&req, "order_seconds_sum{worker=\"loop-1\",pool=\"loop\"} 1000.300000\n"));
	CU_ASSERT_TRUE(told(&req, "order_seconds_count{worker=\"loop-1\",pool=\"loop\"} 3\n"));
	CU_ASSERT_TRUE(told_once(&req, "# TYPE orders_total "));
	request_unref(&req);
	forget();
}

static const struct test tests[] = {
	{"nobody sees what has no place", nobody_sees_what_has_no_place},
	{"a name is Prometheus's", a_name_is_prometheuss},
	{"there are only so many", there_are_only_so_many},
	{"the admin worker tells them", the_admin_worker_tells_them},
};

const struct suite metric_suite = {"metric", tests, sizeof(tests) / sizeof(tests[0]), set_up,
				   tear_down};

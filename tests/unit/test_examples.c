/*
 * The plug is pulled, for every handler of app/examples: each allocation fails, and the client
 * leaves at each of its awaits. Nothing may be left of it, nor be resumed, and what it deferred
 * runs once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../app/examples/orders.h"
#include "../support/harness.h"
#include "../support/memory.h"
#include "../support/process.h"
#include "alone.h"

static const char *const nobody[] = {NULL};
static const char *const order_body[] = {"{\"item\":\"tea\",", "\"quantity\":3}", NULL};
static const char *const attachment_body[] = {"one", "two", "three", NULL};

#define TOKEN "HTTP_AUTHORIZATION=Bearer secret"
#define JSON  "CONTENT_TYPE=application/json"

static const struct example {
	const char *method;
	const char *path;
	const char *query;
	const char *const *pieces;
	const char *variables[4];
	int status;
} examples[] = {
	{"POST", "/orders", "", order_body, {TOKEN, JSON, NULL}, 201},
	{"POST", "/orders", "", order_body, {JSON, NULL}, 401},
	{"GET", "/orders", "least=1&confirmed=no&limit=3", nobody, {NULL}, 200},
	{"GET", "/orders.csv", "", nobody, {NULL}, 200},
	{"GET", "/orders/1", "", nobody, {NULL}, 200},
	{"GET", "/orders/1/estimate", "", nobody, {NULL}, 200},
	{"POST", "/orders/1/confirm", "", nobody, {TOKEN, NULL}, 202},
	{"PUT", "/orders/1/attachment", "", attachment_body, {TOKEN, NULL}, 204},
	{"GET", "/orders/1/attachment", "", nobody, {NULL}, 200},
	{"GET", "/papers/terms", "", nobody, {NULL}, 200},
	{"GET", "/papers/../terms", "", nobody, {NULL}, 404},
	{"OPTIONS",
	 "/orders",
	 "",
	 nobody,
	 {"HTTP_ORIGIN=https://example.org", "HTTP_ACCESS_CONTROL_REQUEST_METHOD=POST", NULL},
	 204},
};

static char folder[] = "/tmp/lanes-examples.XXXXXX";
static struct router router;
static struct bodies bodies = {.limit = 1 << 20,
			       .memory = 65536,
			       .spooled = {.kind = &bodies.spool_kind},
			       .timeout = 1000000000};
static void (*fail)(long n); /* NULL: nothing does */
static long fail_after;
static int runs;
static int leave_after; /* so many runs; 0: it stays */
static bool has_left;
static int resumed; /* after that */

/* ---- what is deferred ---- */

/* Where calls within the library are not seen, as with -flto, that of reply_file() is known by the
 * descriptor that it closes, and no other. */
static struct deferral {
	void (*fn)(void *arg);
	void *arg;
	int ran;
} deferrals[8]; /* of one request */
static int deferred;
static int ever_deferred;
static bool counts; /* only these tests do */

static atomic_int closed_in_vain;

int __real_close(int fd);
int __wrap_close(int fd);
bool __real_request_defer(struct request *req, void (*fn)(void *arg), void *arg);
bool __wrap_request_defer(struct request *req, void (*fn)(void *arg), void *arg);

static void run_deferred(void *deferral)
{
	struct deferral *d = deferral;

	d->ran++;
	d->fn(d->arg);
}

bool __wrap_request_defer(struct request *req, void (*fn)(void *arg), void *arg)
{
	struct deferral *d = &deferrals[deferred];

	if (!counts)
		return __real_request_defer(req, fn, arg);
	CU_ASSERT_FATAL(deferred < 8);
	*d = (struct deferral){.fn = fn, .arg = arg};
	deferred++;
	return __real_request_defer(req, run_deferred, d);
}

int __wrap_close(int fd)
{
	int err = __real_close(fd);

	closed_in_vain += err != 0;
	return err;
}

static void each_deferred_ran_once(void)
{
	CU_ASSERT_EQUAL(closed_in_vain, 0);
	for (int i = 0; i < deferred; i++)
		CU_ASSERT_EQUAL(deferrals[i].ran, 1);
	ever_deferred += deferred;
	deferred = 0;
}

/* ---- the shop ---- */

static struct routes routes; /* with its state */

static struct shop *shop(void)
{
	return routes.state;
}

/* One order, with an attachment. */
static void restock(void)
{
	struct order *order = &shop()->orders[0];

	*order = (struct order){.id = 1, .item = "tea", .quantity = 3};
	order->attachment.file = spool_file(folder);
	CU_ASSERT_EQUAL_FATAL(write(order->attachment.file, "text", 4), 4);
	shop()->count = 1;
}

static void empty_it(void)
{
	close(shop()->orders[0].attachment.file);
	shop()->orders[0].attachment.file = -1;
}

static int open_shop(void)
{
	const struct options options = {.spool = folder};
	struct sandbox needs = {0};
	struct setup setup = {.options = &options, .needs = &needs};

	if (!mkdtemp(folder) || setenv("ORDERS_PAPERS", folder, 1))
		return 1;
	if (!file_write(textf("%s/terms", folder), "terms") || !orders.prepare(&setup))
		return 1;
	routes = orders.routes;
	routes.state = setup.state;
	return router_open(&router, &routes);
}

static int close_shop(void)
{
	router_close(&router);
	close(shop()->papers);
	free(shop());
	return unlink(textf("%s/terms", folder)) || rmdir(folder);
}

/* ---- a request ---- */

static long open_files(void)
{
	return process_open(getpid(), "");
}

static void count_run(struct request *req, bool over)
{
	resumed += has_left;
	runs++;
	if (over || runs != leave_after)
		return;
	has_left = true;
	coroutine_cancel(&req->co);
	body_drop(req);
}

/* Asks, and waits until all of it is over. The arena is full, so that whatever is needed has to be
 * allocated. Returns the status; 0: the client has left. */
static int ask(const struct example *example, int leave)
{
	struct request *req = request_new(NULL);
	int before = released;

	req->method = slice_of(example->method);
	req->path = slice_of(example->path);
	req->query = slice_of(example->query);
	req->arena_used = sizeof(req->arena);
	variables = example->variables;
	body_pieces = example->pieces;
	runs = 0;
	leave_after = leave;
	has_left = false;
	answered = 0;
	if (fail)
		fail(fail_after);
	if (router_route(&router, req) && route_takes_body(req->route)) {
		int status = body_open(req, &bodies);

		if (status)
			reply_error(req, status);
	}
	if (req->reply.status)
		on_finished(req);
	else
		request_resume(req, uv_hrtime());
	while (!answered && !has_left && released == before)
		turn_until(&runs, runs + 1);
	if (has_left)
		request_unref(req);
	turn_until(&released, before + 1);
	memory_restore();
	each_deferred_ran_once();
	return answered;
}

/* With what else is to be done around it. */
static void begin_shop(void)
{
	begin(2, 10);
	after_run = count_run;
	restock();
	resumed = 0;
	closed_in_vain = 0;
	counts = true;
}

static void end_shop(int requests)
{
	after_run = NULL;
	body_pieces = variables = NULL;
	counts = false;
	empty_it();
	end(requests);
}

static void each_answers(void)
{
	ever_deferred = 0;
	for (size_t i = 0; i < COUNT(examples); i++) {
		begin_shop();
		CU_ASSERT_EQUAL(ask(&examples[i], 0), examples[i].status);
		end_shop(1);
	}
	CU_ASSERT(ever_deferred == 3 || ever_deferred == 1); /* without reply_file()'s, see above */
}

static void ask_without_memory(const struct example *example)
{
	long files;
	int status;

	restock();
	files = open_files();
	status = ask(example, 0);
	if (status != example->status && status != 503)
		printf("    %s %s, %ld: %d\n", example->method, example->path, fail_after, status);
	CU_ASSERT(status == example->status || status == 503);
	CU_ASSERT_EQUAL(open_files(), files);
	buffer_free(&streamed);
	empty_it();
}

/* The k-th fails, and none after it; or all after it. */
static void fail_each(const struct example *example, void (*how)(long n))
{
	long before;
	long all;

	begin_shop();
	before = memory_allocations();
	ask(example, 0);
	all = memory_allocations() - before;
	empty_it();
	fail = how;
	for (fail_after = 0; fail_after < all; fail_after++)
		ask_without_memory(example);
	fail = NULL;
	restock();
	CU_ASSERT_EQUAL(ask(example, 0), example->status);
	end_shop((int)all + 2);
}

static void any_allocation_may_fail(void)
{
	for (size_t i = 0; i < COUNT(examples); i++) {
		fail_each(&examples[i], memory_fail_once_after);
		fail_each(&examples[i], memory_fail_after);
	}
}

static void a_client_may_leave_at_each_await(void)
{
	for (size_t i = 0; i < COUNT(examples); i++) {
		long files;
		int awaits = 0;

		begin_shop();
		files = open_files();
		do {
			ask(&examples[i], ++awaits);
			CU_ASSERT_EQUAL(open_files(), files);
		} while (has_left);
		printf("    %s %s: %d awaits\n", examples[i].method, examples[i].path, awaits - 1);
		CU_ASSERT_EQUAL(answered, examples[i].status);
		CU_ASSERT_EQUAL(resumed, 0);
		end_shop(awaits);
	}
}

static const struct test tests[] = {
	{"each answers", each_answers},
	{"any allocation may fail", any_allocation_may_fail},
	{"a client may leave at each await", a_client_may_leave_at_each_await},
};

const struct suite examples_suite = {"examples", tests, COUNT(tests), open_shop, close_shop};

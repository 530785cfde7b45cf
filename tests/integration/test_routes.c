/* What is told of an application that has very many routes. */
#include <signal.h>
#include <stdio.h>

#include "../support/harness.h"
#include "../support/process.h"
#include "../support/raw.h"

static struct worker loop;
static struct worker prefork;
static struct worker admin;
static char board[DIRECTORY_SIZE + 16];
static struct raw raw = {.fd = -1};

/* A worker of the pool on the board. */
static void start(struct worker *worker, const char *pool, const char *routes, const char *engine)
{
	CU_ASSERT_FATAL(
		worker_start_program(worker, built("routes-app"),
				     STRINGS("--pool", pool, "--routes", routes, "--engine", engine,
					     "--scoreboard", board, "--ready-pools", "prefork"),
				     NULL));
}

/* Asks the worker, and reads until its answer holds the text. */
static bool answers(const struct worker *worker, const char *path, const char *text)
{
	return raw_asked(worker->socket, path, text);
}

static bool takes_a_post(const struct worker *worker, const char *path)
{
	const char *post = textf("request 1 keep REQUEST_METHOD=POST&PATH_INFO=%s", path);
	bool taken =
		raw_open(&raw, worker->socket) && raw_tells(&raw, post, "STDOUT 1 Status: 200 OK");

	raw_close(&raw);
	return taken;
}

static void the_last_of_a_thousand_is_told_of(void)
{
	const char *folder = directory_make();

	snprintf(board, sizeof(board), "%s/board", folder);
	start(&admin, "admin", "admin", "loop");
	start(&loop, "loop", "app", "loop");
	start(&prefork, "prefork", "app", "prefork");
	CU_ASSERT(answers(&loop, "/of/1000", "STDOUT 1 Status: 200 OK"));
	CU_ASSERT(takes_a_post(&loop, "/of/1000"));
	CU_ASSERT(answers(&prefork, "/of/33", "STDOUT 1 Status: 200 OK"));
	CU_ASSERT(answers(&admin, "/metrics",
			  "lanes_request_duration_seconds_count{worker=\"loop-1\",pool=\"loop\","
			  "route=\"/of/1000\"} 1\n"));
	CU_ASSERT(answers(&admin, "/metrics",
			  "lanes_request_duration_seconds_count{worker=\"loop-1\",pool=\"loop\","
			  "route=\"POST /of/1000\"} 1\n"));
	CU_ASSERT(answers(&admin, "/metrics",
			  "lanes_request_duration_seconds_count{worker=\"prefork-1\","
			  "pool=\"prefork\",route=\"/of/33\"} 1\n"));
	CU_ASSERT(answers(&admin, "/metrics",
			  "lanes_request_duration_seconds_count{worker=\"admin-1\","
			  "pool=\"admin\",route=\"/metrics\"} 3\n"));
	CU_ASSERT(answers(&admin, "/status", "\"/of/1000\":{\"kind\":\"async\",\"count\":1,"));
	CU_ASSERT(answers(&admin, "/readyz", "not ready: prefork\n"));
	CU_ASSERT(answers(&admin, "/trace", "\"cat\":\"run\",\"name\":\"/of/1000\""));
	CU_ASSERT(answers(&loop, "/openapi.json", "STDOUT 1 Status: 200 OK"));
	CU_ASSERT(answers(&prefork, "/openapi.json", "STDOUT 1 Status: 200 OK"));
	CU_ASSERT(answers(&admin, "/openapi.json", "STDOUT 1 Status: 404 Not Found"));
	kill(prefork.pid, SIGTERM);
	CU_ASSERT_EQUAL(worker_wait(&prefork), 0);
	CU_ASSERT(file_has(prefork.log, "stopped\n"));
	CU_ASSERT_FALSE(file_has(prefork.log, "stop-failed"));
	worker_stop(&prefork);
	worker_stop(&loop);
	worker_stop(&admin);
	directory_remove(folder);
}

static const struct test tests[] = {
	{"the last of a thousand is told of", the_last_of_a_thousand_is_told_of},
};

const struct suite routes_suite = {"routes", tests, COUNT(tests)};

/*
 * The prefork engine, without nginx: what it answers is compared with what the loop engine answers
 * to the same bytes.
 *
 * Signals are sent when a request is in the worker's socket, on a connection that has been used
 * before: then it does not matter how far the worker has come, the outcome must be the same.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/process.h"
#include "../support/raw.h"
#include "../support/stream.h"
#include "fcgi/record.h"
#include "scoreboard/scoreboard.h"

static struct worker worker;
static char directory[DIRECTORY_SIZE];
static struct scoreboard board;

static bool start(struct worker *w, const char *engine, const char *option, const char *value)
{
	const char *const options[] = {"--engine", engine, "--pool", "p", "--slot",
				       "1",	   option, value,    NULL};

	return worker_start(w, options, NULL);
}

static bool connect_and_ask(struct raw *raw)
{
	return raw_open(raw, worker.socket) && raw_gets(raw, 1, "/", "", "END 1 0 COMPLETE");
}

/* A prefork worker, and a connection to it that has carried a request and is kept. */
static bool start_with_connection(struct raw *raw, const char *option, const char *value)
{
	return start(&worker, "prefork", option, value) && connect_and_ask(raw);
}

/* A prefork worker with a scoreboard. */
static bool start_with_board(void)
{
	const char *path;

	if (!directory_make(directory))
		return false;
	path = textf("%s/scoreboard", directory);
	return start(&worker, "prefork", "--scoreboard", path) &&
	       !scoreboard_open_to_read(&board, path);
}

/* … and a connection as above. The board tells how many requests it has: none, since one is
 * answered a moment before it is no longer counted. */
static bool start_on_board(struct raw *raw)
{
	return start_with_board() && connect_and_ask(raw) &&
	       EVENTUALLY(!board_get(&board.slots[0].in_flight));
}

static void stop_on_board(struct raw *raw)
{
	raw_close(raw);
	scoreboard_close(&board);
	worker_stop(&worker);
	directory_remove(directory);
}

/* ---- answers ---- */

/* All of STDOUT, but for the line that says how long it took. */
static struct buffer response_in(const struct buffer *records)
{
	struct slice left = buffer_slice(records);
	struct buffer all = {0};
	struct record record;
	char *timing;
	char *rest;

	while (record_take(&record, &left))
		if (record.type == FCGI_TYPE_STDOUT)
			buffer_append(&all, record.content.data, record.content.len);
	buffer_append(&all, "", 1);
	timing = strstr(all.data, "Server-Timing: ");
	rest = timing ? strstr(timing, "\r\n") : NULL;
	if (rest)
		memmove(timing, rest, strlen(rest) + 1);
	return all;
}

static struct buffer ask(const struct worker *w, const char *script)
{
	struct buffer response = {0};
	struct raw raw;

	if (raw_open(&raw, w->socket) && raw_send(&raw, script) && raw_closed(&raw))
		response = response_in(&raw.in);
	raw_close(&raw);
	return response;
}

static void compare(const struct worker *loop, const char *script, const char *status)
{
	struct buffer expected = ask(loop, script);
	struct buffer got = ask(&worker, script);

	if (!expected.data || !got.data || strcmp(expected.data, got.data) ||
	    strncmp(got.data, status, strlen(status))) {
		printf("%s\n--- loop\n%s\n--- prefork\n%s\n", script,
		       expected.data ? expected.data : "nothing", got.data ? got.data : "nothing");
		CU_FAIL("prefork answers as the loop does");
	}
	buffer_free(&expected);
	buffer_free(&got);
}

#define GET  "request 1 REQUEST_METHOD=GET&PATH_INFO="
#define POST "begin 1, params 1 REQUEST_METHOD=POST&PATH_INFO=/, params-end 1, stdin 1 "

static void same_answers(void)
{
	static const struct {
		const char *script;
		const char *status;
	} cases[] = {
		{GET "/", "Status: 200 OK"},
		{GET "/sync/noawait&QUERY_STRING=seconds=0.01", "Status: 200 OK"},
		{GET "/async/await-one&QUERY_STRING=seconds=0.01", "Status: 200 OK"},
		{GET "/async/await-one&QUERY_STRING=seconds=0", "Status: 200 OK"},
		{GET "/async/await-many&QUERY_STRING=seconds=0.02", "Status: 200 OK"},
		{GET "/async/wrap-blocking&QUERY_STRING=seconds=0.01", "Status: 200 OK"},
		{GET "/async/bad-blocking&QUERY_STRING=seconds=0.01", "Status: 200 OK"},
		{GET "/async/cpu-bound&QUERY_STRING=n=1000", "Status: 200 OK"},
		{"request 1 REQUEST_METHOD=HEAD&PATH_INFO=/", "Status: 200 OK"},
		{GET "/async/cpu-bound&QUERY_STRING=n=1.5", "Status: 422 "},
		{GET "/sync/noawait&QUERY_STRING=seconds=61", "Status: 422 "},
		{GET "/nowhere", "Status: 404 Not Found"},
		{GET "/sync/noawait/&SCRIPT_NAME=/prefork&QUERY_STRING=seconds=1", "Status: 307 "},
		{POST "hello, stdin-end 1", "Status: 405 Method Not Allowed"},
		{POST "*5000, stdin-end 1", "Status: 405 Method Not Allowed"},
		{"begin 1, params 1 REQUEST_METHOD=GET&PATH_INFO=/async/await-one, params-end 1, "
		 "stdin 1 *8193, stdin-end 1",
		 "Status: 413 Request Entity Too Large"},
		{"begin 1, params 1 REQUEST_METHOD=GET&PATH_INFO=/async/await-one&"
		 "QUERY_STRING=seconds=0, params-end 1, stdin 1 *8192, stdin-end 1",
		 "Status: 200 OK"},
	};
	struct worker loop;

	CU_ASSERT_FATAL(start(&loop, "loop", "--stdin-limit", "8192"));
	CU_ASSERT_FATAL(start(&worker, "prefork", "--stdin-limit", "8192"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		compare(&loop, cases[i].script, cases[i].status);
	worker_stop(&loop);
	worker_stop(&worker);
}

/* As it blocks anyway, it streams. */
static void streams(void)
{
	struct buffer got;

	CU_ASSERT_FATAL(start(&worker, "prefork", "--routes", "admin"));
	got = ask(&worker, GET "/trace");
	CU_ASSERT_FATAL(got.data != NULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(got.data, "Status: 200 OK\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(got.data, "\r\nX-Accel-Buffering: no\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(got.data, "\r\n\r\n{\"displayTimeUnit\":"));
	CU_ASSERT(got.len > 4 && !strcmp(got.data + strlen(got.data) - 4, "\n]}\n"));
	buffer_free(&got);
	worker_stop(&worker);
}

static void expect(const struct worker *w, const char *script, const char *status)
{
	struct buffer got = ask(w, script);

	CU_ASSERT(got.data && !strncmp(got.data, status, strlen(status)));
	buffer_free(&got);
}

/* A pair counts with two bytes for its lengths: 19 + 12 + 113 + 112 are 256. libfcgi adds one,
 * FCGI_ROLE=RESPONDER, which takes 20. */
static void params_limit(void)
{
	static const char format[] = GET "/&HTTP_COOKIE=%0100d&HTTP_HOST=%0*d";
	const char *fits = textf(format, 0, 101, 0);
	struct worker loop;

	CU_ASSERT_FATAL(start(&loop, "loop", "--params-limit", "256"));
	CU_ASSERT_FATAL(start(&worker, "prefork", "--params-limit", "276"));
	expect(&loop, fits, "Status: 200 OK");
	expect(&worker, fits, "Status: 200 OK");
	compare(&loop, textf(format, 0, 102, 0), "Status: 431 Request Header Fields Too Large");
	worker_stop(&loop);
	worker_stop(&worker);
}

/* The answer to a request with this pair in front of its params, or nothing if there is none. */
static struct buffer ask_with(struct slice name, struct slice value)
{
	struct buffer params = {0};
	struct buffer response = {0};
	struct stream stream = {0};
	struct raw raw;

	pair_append(&params, name, value);
	stream_script(&stream, "begin 1");
	stream_params(&stream, 1, buffer_slice(&params));
	stream_script(&stream,
		      "params 1 REQUEST_METHOD=GET&PATH_INFO=/, params-end 1, stdin-end 1");
	if (raw_open(&raw, worker.socket) &&
	    write(raw.fd, stream.bytes.data, stream.bytes.len) == (ssize_t)stream.bytes.len &&
	    raw_closed(&raw))
		response = response_in(&raw.in);
	raw_close(&raw);
	stream_free(&stream);
	buffer_free(&params);
	return response;
}

static void nul_bytes(void)
{
	static const struct {
		struct slice name;
		struct slice value;
		const char *status;
	} cases[] = {
		{{"A\0B", 3}, {"x", 1}, "Status: 400 Bad Request"},
		{{"\0", 1}, {"", 0}, "Status: 400 Bad Request"},
		{{"\0\0", 2}, {"=", 1}, "Status: 400 Bad Request"},
		{{"", 0}, {"\0", 1}, "Status: 200 OK"},
		{{"A", 1}, {"x\0=y", 4}, "Status: 200 OK"},
		{{"REQUEST_METHOD", 14}, {"\0", 1}, "Status: 200 OK"}, /* the second one counts */
	};

	CU_ASSERT_FATAL(start(&worker, "prefork", NULL, NULL));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buffer response = ask_with(cases[i].name, cases[i].value);

		CU_ASSERT_PTR_NOT_NULL_FATAL(response.data);
		CU_ASSERT(!strncmp(response.data, cases[i].status, strlen(cases[i].status)));
		buffer_free(&response);
	}
	CU_ASSERT_EQUAL(worker_end(&worker), 0);
}

/* One that was sent long before this worker, which has nothing to do, can have kept it waiting is
 * not believed. */
static void queue_timeout(void)
{
	static const struct {
		int ago;
		const char *status;
	} cases[] = {{0, "Status: 200 OK"}, {5, "Status: 503 "}, {60, "Status: 200 OK"}};

	CU_ASSERT_FATAL(start(&worker, "prefork", "--queue-timeout", "2"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		poll(NULL, 0, 20); /* it has nothing to do for so long */
		expect(&worker,
		       textf(GET "/&LANES_SENT=%lld.000", (long long)time(NULL) - cases[i].ago),
		       cases[i].status);
	}
	worker_stop(&worker);
}

/* One that this worker may have kept waiting is: it has been busy for long enough. */
static void queue_of_a_busy_worker(void)
{
	struct timespec sent;
	const char *script;
	struct raw first;
	struct raw second;

	CU_ASSERT_FATAL(start(&worker, "prefork", "--queue-timeout", "2"));
	clock_gettime(CLOCK_REALTIME, &sent);
	script = textf(GET "/&LANES_SENT=%lld.%03ld", (long long)sent.tv_sec - 9,
		       sent.tv_nsec / 1000000);
	CU_ASSERT(raw_open(&first, worker.socket));
	CU_ASSERT(raw_send(&first, GET "/sync/noawait&QUERY_STRING=seconds=1.5"));
	CU_ASSERT(raw_open(&second, worker.socket) && raw_send(&second, script));
	CU_ASSERT(raw_closed(&first));
	raw_close(&first);
	IN_TIME(raw_answers(&second, "STDOUT 1 Status: 503 "));
	raw_close(&second);
	worker_stop(&worker);
}

static void peer_that_has_left(void)
{
	struct raw raw;

	CU_ASSERT(raw_open(&raw, worker.socket) && raw_send(&raw, GET "/"));
	raw_close(&raw);
}

static void what_the_board_counts(void)
{
	const struct board_slot *slot;
	struct raw raw;

	CU_ASSERT_FATAL(start_with_board());
	slot = &board.slots[0];
	CU_ASSERT_EQUAL(board_get(&slot->pid), (uint64_t)worker.pid);
	expect(&worker, GET "/", "Status: 200 OK");
	expect(&worker, GET "/nowhere", "Status: 404 Not Found");
	expect(&worker, GET "/async/await-one&QUERY_STRING=seconds=0.01", "Status: 200 OK");
	CU_ASSERT(EVENTUALLY(!board_get(&slot->in_flight)));
	CU_ASSERT_EQUAL(board_get(&slot->requests), 3);
	CU_ASSERT_EQUAL(board_get(&slot->classes[2]), 2);
	CU_ASSERT_EQUAL(board_get(&slot->classes[4]), 1);
	CU_ASSERT_EQUAL(board_get(&slot->aborted), 0);
	/* While it is busy with one, another comes and goes. */
	CU_ASSERT(raw_open(&raw, worker.socket) &&
		  raw_send(&raw, GET "/sync/noawait&QUERY_STRING=seconds=0.3"));
	CU_ASSERT(EVENTUALLY(board_get(&slot->in_flight) == 1));
	CU_ASSERT(board_get(&slot->running.since) != 0);
	CU_ASSERT(board_get(&slot->occupied) & 1); /* the watch runs */
	peer_that_has_left();
	CU_ASSERT(raw_closed(&raw));
	raw_close(&raw);
	CU_ASSERT(EVENTUALLY(board_get(&slot->aborted) == 1));
	CU_ASSERT(EVENTUALLY(!board_get(&slot->in_flight)));
	CU_ASSERT_EQUAL(board_get(&slot->classes[2]), 3);
	expect(&worker, GET "/", "Status: 200 OK");
	CU_ASSERT(EVENTUALLY(!board_get(&slot->in_flight)));
	CU_ASSERT_EQUAL(board_get(&slot->running.since), 0);
	CU_ASSERT(board_watch_read(&slot->occupied, 0) >= 300000000);
	CU_ASSERT(board_watch_read(&slot->occupied, 0) < 60000000000);
	CU_ASSERT_EQUAL(board_get(&slot->turn_since), 0);
	CU_ASSERT_EQUAL(board_get(&slot->draining), 0);
	CU_ASSERT(raw_open(&raw, worker.socket) &&
		  raw_send(&raw, GET "/sync/noawait&QUERY_STRING=seconds=0.3"));
	CU_ASSERT(EVENTUALLY(board_get(&slot->in_flight) == 1));
	kill(worker.pid, SIGTERM);
	CU_ASSERT(EVENTUALLY(board_get(&slot->draining) == 1));
	CU_ASSERT_EQUAL(worker_wait(&worker), 0);
	CU_ASSERT(file_has(worker.log, "event=draining in_flight=1"));
	stop_on_board(&raw);
}

/* The connection is taken when a descriptor is free again. */
static void no_descriptors(void)
{
	struct rlimit before;
	struct raw raw;
	double seconds;

	CU_ASSERT_FATAL(start(&worker, "prefork", NULL, NULL));
	CU_ASSERT_EQUAL(prlimit(worker.pid, RLIMIT_NOFILE, NULL, &before), 0);
	CU_ASSERT_EQUAL(
		prlimit(worker.pid, RLIMIT_NOFILE, &(struct rlimit){3, before.rlim_max}, NULL), 0);
	CU_ASSERT(raw_open(&raw, worker.socket) && raw_get(&raw, 1, "/", ""));
	CU_ASSERT(EVENTUALLY(
		file_has(worker.log, "event=accept-failed error=\"Too many open files\"")));
	/* It does not spin. */
	seconds = process_seconds(worker.pid);
	poll(NULL, 0, 500);
	CU_ASSERT(process_seconds(worker.pid) - seconds < 0.25);
	CU_ASSERT_EQUAL(prlimit(worker.pid, RLIMIT_NOFILE, &before, NULL), 0);
	CU_ASSERT(raw_answers(&raw, "END 1 0 COMPLETE"));
	raw_close(&raw);
	worker_stop(&worker);
}

/* Neither for a connection, nor for the next request on one. */
static void waiting(void)
{
	struct raw raw = {.fd = -1};
	double seconds;

	for (int kept = 0; kept < 2; kept++) {
		CU_ASSERT_FATAL(kept ? start_with_connection(&raw, NULL, NULL)
				     : start(&worker, "prefork", NULL, NULL));
		seconds = process_seconds(worker.pid);
		poll(NULL, 0, 300);
		CU_ASSERT(process_seconds(worker.pid) - seconds < 0.15);
		if (kept)
			raw_close(&raw);
		worker_stop(&worker);
	}
}

/* What a request has needed is given back: some 10 KB of answer each; nor does it wait for
 * anything. */
static void memory(void)
{
	char query[300 * 10 + 1] = "";
	long before = 0;
	double begun = 0;
	struct raw raw;

	for (int i = 0; i < 300; i++)
		memcpy(query + (size_t)i * 10, "seconds=0&", 11);
	CU_ASSERT_FATAL(start(&worker, "prefork", NULL, NULL));
	for (int i = 0; i < 220; i++) {
		if (i == 20) {
			before = process_private_kb(worker.pid);
			begun = now();
		}
		CU_ASSERT_FATAL(raw_open(&raw, worker.socket));
		CU_ASSERT_FATAL(raw_get(&raw, 1, "/async/await-many", query) &&
				raw_answers(&raw, "END 1 0 COMPLETE"));
		raw_close(&raw);
	}
	IN_TIME(now() - begun < 0.18);
	if (MEMORY_COUNTS)
		CU_ASSERT(process_private_kb(worker.pid) - before < 500);
	worker_stop(&worker);
}

static void without_descriptors(void)
{
	static const char *const limits[] = {"4", "8"};
	struct outcome outcome;

	for (int i = 0; i < 2; i++) {
		run(&outcome,
		    (const char *[]){
			    "sh", "-c",
			    "ulimit -n $1; exec \"$0\" --engine prefork --listen /tmp/lanes-$$",
			    program(), limits[i], NULL},
		    NULL, -1);
		CU_ASSERT_EQUAL(outcome.status, 1);
		CU_ASSERT_PTR_NOT_NULL(strstr(outcome.errors, "event=start-failed"));
	}
}

static void kept_connection(void)
{
	struct raw raw;

	CU_ASSERT_FATAL(start_with_connection(&raw, NULL, NULL));
	CU_ASSERT(raw_tells(&raw,
			    "begin 2 keep, params 2 REQUEST_METHOD=POST&PATH_INFO=/, "
			    "params-end 2, stdin 2 *9000, stdin-end 2",
			    "END 2 0 COMPLETE"));
	CU_ASSERT(raw_gets(&raw, 3, "/async/await-one", "seconds=0.01", "END 3 0 COMPLETE"));
	raw_close(&raw);
	worker_stop(&worker);
}

static void one_at_a_time(void)
{
	struct raw first;
	struct raw second;
	double begun = now();

	CU_ASSERT_FATAL(start(&worker, "prefork", NULL, NULL));
	CU_ASSERT(raw_open(&first, worker.socket) && raw_open(&second, worker.socket));
	CU_ASSERT(raw_send(&first, GET "/async/await-one&QUERY_STRING=seconds=0.3"));
	CU_ASSERT(raw_send(&second, GET "/async/await-one&QUERY_STRING=seconds=0.3"));
	CU_ASSERT(raw_closed(&first));
	raw_close(&first);
	CU_ASSERT(raw_closed(&second));
	raw_close(&second);
	CU_ASSERT(now() - begun >= 0.6);
	worker_stop(&worker);
}

static void peers_that_leave(void)
{
	static const char *const scripts[] = {
		"begin 1",
		"begin 1, params 1 REQUEST_METHOD=GET",
		"begin 1, params 1 REQUEST_METHOD=POST&PATH_INFO=/, params-end 1, stdin 1 hello",
		"begin 1, params 1 REQUEST_METHOD=POST&PATH_INFO=/, params-end 1, abort 1",
		GET "/async/await-one&QUERY_STRING=seconds=0.05",
	};
	struct raw raw;

	CU_ASSERT_FATAL(start(&worker, "prefork", NULL, NULL));
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		CU_ASSERT(raw_open(&raw, worker.socket) && raw_send(&raw, scripts[i]));
		raw_close(&raw);
	}
	expect(&worker, GET "/", "Status: 200 OK");
	worker_stop(&worker);
}

/* ---- the end ---- */

static void idle_worker(void)
{
	static const int numbers[] = {SIGTERM, SIGUSR1, SIGINT, SIGHUP};
	void (*before)(int) = signal(SIGHUP, SIG_DFL);
	struct stat file;

	for (int i = 0; i < 4; i++) {
		CU_ASSERT_FATAL(start(&worker, "prefork", NULL, NULL));
		kill(worker.pid, numbers[i]);
		CU_ASSERT_EQUAL(worker_wait(&worker), 0);
		CU_ASSERT(file_has(worker.log, "event=draining in_flight=0"));
		CU_ASSERT(file_has(worker.log, "event=drained"));
		CU_ASSERT(stat(worker.socket, &file) != 0);
		worker_stop(&worker);
	}
	signal(SIGHUP, before);
}

static void idle_kept_connection(void)
{
	struct raw raw;

	CU_ASSERT_FATAL(start_on_board(&raw));
	kill(worker.pid, SIGTERM);
	CU_ASSERT_EQUAL(worker_wait(&worker), 0);
	CU_ASSERT(file_has(worker.log, "event=draining in_flight=0"));
	CU_ASSERT(raw_closed(&raw));
	stop_on_board(&raw);
}

static void busy_worker(void)
{
	struct raw raw;

	CU_ASSERT_FATAL(start_with_connection(&raw, NULL, NULL));
	CU_ASSERT(raw_get(&raw, 2, "/async/await-one", "seconds=0.4"));
	kill(worker.pid, SIGTERM);
	CU_ASSERT(raw_answers(&raw, "async_io_task(0.4s) done"));
	CU_ASSERT(raw_answers(&raw, "END 2 0 COMPLETE"));
	CU_ASSERT(raw_closed(&raw));
	CU_ASSERT_EQUAL(worker_wait(&worker), 0);
	raw_close(&raw);
	worker_stop(&worker);
}

/* Sent before the web server could see that we go. */
static void kept_request(void)
{
	struct raw raw;

	CU_ASSERT_FATAL(start_with_connection(&raw, NULL, NULL));
	CU_ASSERT(raw_get(&raw, 2, "/sync/noawait", "seconds=1"));
	kill(worker.pid, SIGTERM);
	CU_ASSERT(EVENTUALLY(file_has(worker.log, "event=draining")));
	IN_TIME(raw_get(&raw, 3, "/", ""));
	IN_TIME(raw_answers(&raw, "END 3 0 COMPLETE"));
	CU_ASSERT(raw_closed(&raw));
	CU_ASSERT_EQUAL(worker_wait(&worker), 0);
	raw_close(&raw);
	worker_stop(&worker);
}

static void second_signal(void)
{
	/* In a handler that awaits, in one that blocks, and in libfcgi: half a request. */
	static const char *const scripts[] = {
		("request 2 keep PATH_INFO=/async/await-one&QUERY_STRING=seconds=50&"
		 "REQUEST_METHOD=GET"),
		"request 2 keep PATH_INFO=/sync/noawait&QUERY_STRING=seconds=50&REQUEST_METHOD=GET",
		"begin 2 keep",
	};
	struct stat file;
	struct raw raw;

	for (int i = 0; i < 3; i++) {
		CU_ASSERT_FATAL(start_on_board(&raw));
		CU_ASSERT(raw_send(&raw, scripts[i]));
		CU_ASSERT(i == 2 || EVENTUALLY(board_get(&board.slots[0].in_flight)));
		kill(worker.pid, SIGTERM);
		CU_ASSERT(EVENTUALLY(file_has(worker.log, "event=draining")));
		kill(worker.pid, SIGTERM);
		CU_ASSERT_EQUAL(worker_wait(&worker), 3);
		CU_ASSERT(file_has(worker.log,
				   i < 2 ? "why=second-signal in_flight=1" : "why=second-signal"));
		CU_ASSERT(stat(worker.socket, &file) != 0);
		stop_on_board(&raw);
	}
}

static void drain_timeout(void)
{
	struct raw raw;

	CU_ASSERT_FATAL(start_with_connection(&raw, "--drain-timeout", "0.2"));
	CU_ASSERT(raw_get(&raw, 2, "/sync/noawait", "seconds=50"));
	kill(worker.pid, SIGTERM);
	CU_ASSERT_EQUAL(worker_wait(&worker), 3);
	CU_ASSERT(file_has(worker.log, "why=drain-timeout in_flight=1"));
	raw_close(&raw);
	worker_stop(&worker);
}

static const struct test tests[] = {
	{"it streams", streams},
	{"answers, errors, HEAD and POST are byte for byte the loop engine's", same_answers},
	{"params beyond the limit are a 431, as in the loop engine", params_limit},
	{"a NUL byte in a param's name is a 400, and no harm anywhere else", nul_bytes},
	{"who has waited for too long is a 503", queue_timeout},
	{"so is who has been kept waiting by this worker", queue_of_a_busy_worker},
	{"the board counts what it answers, and who has left", what_the_board_counts},
	{"a connection waits until there are descriptors", no_descriptors},
	{"who waits does not compute", waiting},
	{"what a request has needed is given back", memory},
	{"what it cannot start without it says", without_descriptors},
	{"a kept connection carries one request after the other", kept_connection},
	{"requests run one at a time, also where the handler awaits", one_at_a_time},
	{"a peer that leaves costs its own request only", peers_that_leave},
	{"an idle worker ends at the first signal", idle_worker},
	{"an idle kept connection does not delay the end", idle_kept_connection},
	{"a busy worker answers, then ends", busy_worker},
	{"a request that is in a kept connection when it drains is answered", kept_request},
	{"a second signal ends it with status 3, whatever blocks", second_signal},
	{"so does the drain timeout", drain_timeout},
};

const struct suite prefork_suite = {"prefork", tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL};

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
static struct raw raw = {.fd = -1};
static const char *directory;
static struct scoreboard board;
static const struct board_slot *slot; /* the worker's */

static void start(struct worker *w, const char *engine, const char *option, const char *value)
{
	CU_ASSERT_FATAL(worker_start(
		w, STRINGS("--engine", engine, "--pool", "p", "--slot", "1", option, value), NULL));
}

static void begin(const char *option, const char *value)
{
	start(&worker, "prefork", option, value);
}

/* … and a connection to it that has carried a request and is kept. */
static void begin_kept(const char *option, const char *value)
{
	begin(option, value);
	CU_ASSERT_FATAL(raw_open(&raw, worker.socket));
	CU_ASSERT_FATAL(raw_gets(&raw, 1, "/", "", "END 1 0 COMPLETE"));
}

static void end(void)
{
	raw_close(&raw);
	worker_stop(&worker);
}

/* With a scoreboard, and perhaps such a connection. The board tells how many requests it has: none,
 * since one is answered a moment before it is no longer counted. */
static void begin_on_board(bool kept)
{
	const char *path;

	directory = directory_make();
	path = textf("%s/scoreboard", directory);
	kept ? begin_kept("--scoreboard", path) : begin("--scoreboard", path);
	CU_ASSERT_FATAL(!scoreboard_open_to_read(&board, path));
	slot = &board.slots[0];
	CU_ASSERT(EVENTUALLY(!board_get(&slot->in_flight)));
}

static void end_on_board(void)
{
	end();
	scoreboard_close(&board);
	directory_remove(directory);
}

/* Connects, and sends that. */
static void say(struct raw *on, const char *script)
{
	CU_ASSERT(raw_open(on, worker.socket) && raw_send(on, script));
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

/* Sends the stream, and frees it; the answer to it, or nothing if there is none. */
static struct buffer answer_to(const struct worker *w, struct stream *stream)
{
	struct buffer response = {0};
	struct raw asking;

	if (raw_open(&asking, w->socket) && raw_stream(&asking, stream) && raw_closed(&asking))
		response = response_in(&asking.in);
	raw_close(&asking);
	return response;
}

static struct buffer ask(const struct worker *w, const char *script)
{
	struct stream stream = {0};

	stream_script(&stream, script);
	return answer_to(w, &stream);
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

	start(&loop, "loop", "--stdin-limit", "8192");
	begin("--stdin-limit", "8192");
	for (size_t i = 0; i < COUNT(cases); i++)
		compare(&loop, cases[i].script, cases[i].status);
	worker_stop(&loop);
}

/* As it blocks anyway, it streams. */
static void streams(void)
{
	struct buffer got;

	begin("--routes", "admin");
	got = ask(&worker, GET "/trace");
	CU_ASSERT_FATAL(got.data != NULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(got.data, "Status: 200 OK\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(got.data, "\r\nX-Accel-Buffering: no\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(got.data, "\r\n\r\n{\"displayTimeUnit\":"));
	CU_ASSERT(got.len > 4 && !strcmp(got.data + strlen(got.data) - 4, "\n]}\n"));
	buffer_free(&got);
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

	start(&loop, "loop", "--params-limit", "256");
	begin("--params-limit", "276");
	expect(&loop, fits, "Status: 200 OK");
	expect(&worker, fits, "Status: 200 OK");
	compare(&loop, textf(format, 0, 102, 0), "Status: 431 Request Header Fields Too Large");
	worker_stop(&loop);
}

/* The answer to a request with this pair in front of its params. */
static struct buffer ask_with(struct slice name, struct slice value)
{
	struct buffer params = {0};
	struct stream stream = {0};

	pair_append(&params, name, value);
	stream_script(&stream, "begin 1");
	stream_params(&stream, 1, buffer_slice(&params));
	stream_script(&stream,
		      "params 1 REQUEST_METHOD=GET&PATH_INFO=/, params-end 1, stdin-end 1");
	buffer_free(&params);
	return answer_to(&worker, &stream);
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

	begin(NULL, NULL);
	for (size_t i = 0; i < COUNT(cases); i++) {
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

	begin("--queue-timeout", "2");
	for (size_t i = 0; i < COUNT(cases); i++) {
		poll(NULL, 0, 20); /* it has nothing to do for so long */
		expect(&worker,
		       textf(GET "/&LANES_SENT=%lld.000", (long long)time(NULL) - cases[i].ago),
		       cases[i].status);
	}
}

/* One that this worker may have kept waiting is: it has been busy for long enough. */
static void queue_of_a_busy_worker(void)
{
	struct timespec sent;
	const char *script;
	struct raw second;

	begin("--queue-timeout", "2");
	clock_gettime(CLOCK_REALTIME, &sent);
	script = textf(GET "/&LANES_SENT=%lld.%03ld", (long long)sent.tv_sec - 9,
		       sent.tv_nsec / 1000000);
	say(&raw, GET "/sync/noawait&QUERY_STRING=seconds=1.5");
	say(&second, script);
	CU_ASSERT(raw_closed(&raw));
	IN_TIME(raw_answers(&second, "STDOUT 1 Status: 503 "));
	raw_close(&second);
}

static void say_and_leave(const char *script)
{
	struct raw leaving;

	say(&leaving, script);
	raw_close(&leaving);
}

static void what_the_board_counts(void)
{
	begin_on_board(false);
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
	say(&raw, GET "/sync/noawait&QUERY_STRING=seconds=0.3");
	CU_ASSERT(EVENTUALLY(board_get(&slot->in_flight) == 1 && board_get(&slot->running.since) &&
			     board_get(&slot->occupied) & 1)); /* the watch runs */
	say_and_leave(GET "/");
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
	say(&raw, GET "/sync/noawait&QUERY_STRING=seconds=0.3");
	CU_ASSERT(EVENTUALLY(board_get(&slot->in_flight) == 1));
	kill(worker.pid, SIGTERM);
	CU_ASSERT(EVENTUALLY(board_get(&slot->draining) == 1));
	CU_ASSERT_EQUAL(worker_wait(&worker), 0);
	CU_ASSERT(file_has(worker.log, "event=draining in_flight=1"));
	end_on_board();
}

/* The connection is taken when a descriptor is free again. */
static void no_descriptors(void)
{
	struct rlimit before;
	double seconds;

	begin(NULL, NULL);
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
}

/* Neither for a connection, nor for the next request on one. */
static void waiting(void)
{
	double seconds;

	for (int kept = 0; kept < 2; kept++) {
		kept ? begin_kept(NULL, NULL) : begin(NULL, NULL);
		seconds = process_seconds(worker.pid);
		poll(NULL, 0, 300);
		CU_ASSERT(process_seconds(worker.pid) - seconds < 0.15);
		end();
	}
}

/* What a request has needed is given back: some 10 KB of answer each; nor does it wait for
 * anything. */
static void memory(void)
{
	char query[300 * 10 + 1] = "";
	long before = 0;
	double begun = 0;

	for (int i = 0; i < 300; i++)
		memcpy(query + (size_t)i * 10, "seconds=0&", 11);
	begin(NULL, NULL);
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
}

static void without_descriptors(void)
{
	static const char *const limits[] = {"4", "8"};
	struct outcome outcome;

	for (int i = 0; i < 2; i++) {
		run(&outcome,
		    STRINGS("sh", "-c",
			    "ulimit -n $1; exec \"$0\" --engine prefork --listen /tmp/lanes-$$",
			    program(), limits[i]),
		    NULL, -1);
		CU_ASSERT_EQUAL(outcome.status, 1);
		CU_ASSERT_PTR_NOT_NULL(strstr(outcome.errors, "event=start-failed"));
	}
}

static void kept_connection(void)
{
	begin_kept(NULL, NULL);
	CU_ASSERT(raw_tells(&raw,
			    "begin 2 keep, params 2 REQUEST_METHOD=POST&PATH_INFO=/, "
			    "params-end 2, stdin 2 *9000, stdin-end 2",
			    "END 2 0 COMPLETE"));
	CU_ASSERT(raw_gets(&raw, 3, "/async/await-one", "seconds=0.01", "END 3 0 COMPLETE"));
}

static void one_at_a_time(void)
{
	struct raw second;
	double begun = now();

	begin(NULL, NULL);
	say(&raw, GET "/async/await-one&QUERY_STRING=seconds=0.3");
	say(&second, GET "/async/await-one&QUERY_STRING=seconds=0.3");
	CU_ASSERT(raw_closed(&raw) && raw_closed(&second));
	CU_ASSERT(now() - begun >= 0.6);
	raw_close(&second);
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

	begin(NULL, NULL);
	for (size_t i = 0; i < COUNT(scripts); i++)
		say_and_leave(scripts[i]);
	expect(&worker, GET "/", "Status: 200 OK");
}

/* It has the request. */
static bool is_at_it(void)
{
	return EVENTUALLY(board_get(&slot->in_flight) == 1);
}

/* … gives it up, and has answered nothing but this. */
static void is_free_of(struct raw *leaving, uint64_t left)
{
	uint64_t answered = board_get(&slot->classes[2]);

	raw_close(leaving);
	CU_ASSERT(EVENTUALLY(board_get(&slot->aborted) == left));
	CU_ASSERT(EVENTUALLY(!board_get(&slot->in_flight)));
	expect(&worker, GET "/", "Status: 200 OK");
	CU_ASSERT(EVENTUALLY(board_get(&slot->classes[2]) == answered + 1));
	CU_ASSERT_EQUAL(board_get(&slot->classes[5]), 0);
	CU_ASSERT_EQUAL(board_get(&slot->aborted), left);
}

/* Who awaits, who awaits several, who has sent a part of its body. */
static void peers_that_leave_while_it_waits(void)
{
	static const char *const scripts[] = {
		GET "/async/await-one&QUERY_STRING=seconds=50",
		"request 1 keep REQUEST_METHOD=GET&PATH_INFO=/async/await-many&"
		"QUERY_STRING=seconds=50&seconds=40",
		"begin 1, params 1 REQUEST_METHOD=POST&PATH_INFO=/cases/json-stats, params-end 1, "
		"stdin 1 [1",
	};

	begin_on_board(false);
	for (size_t i = 0; i < COUNT(scripts); i++) {
		say(&raw, scripts[i]);
		CU_ASSERT(is_at_it());
		is_free_of(&raw, i + 1);
	}
	end_on_board();
}

/* It answers nobody then, and does not see it before. */
static void a_peer_that_leaves_while_it_blocks(void)
{
	begin_on_board(false);
	say(&raw, GET "/sync/noawait&QUERY_STRING=seconds=0.3");
	CU_ASSERT(is_at_it());
	is_free_of(&raw, 1);
	end_on_board();
}

/* … but sends what is not to be read yet: the next request. */
static void a_peer_that_has_not_left(void)
{
	double seconds;

	begin_on_board(true);
	CU_ASSERT(raw_get(&raw, 2, "/async/await-one", "seconds=0.5"));
	CU_ASSERT(is_at_it());
	seconds = process_seconds(worker.pid);
	CU_ASSERT(raw_get(&raw, 3, "/", ""));
	CU_ASSERT(raw_answers(&raw, "END 2 0 COMPLETE"));
	CU_ASSERT(raw_answers(&raw, "END 3 0 COMPLETE"));
	CU_ASSERT(process_seconds(worker.pid) - seconds < 0.25); /* it does not spin */
	CU_ASSERT(raw_gets(&raw, 4, "/async/await-one", "seconds=0.01", "END 4 0 COMPLETE"));
	CU_ASSERT_EQUAL(board_get(&slot->aborted), 0);
	CU_ASSERT(EVENTUALLY(board_get(&slot->classes[2]) == 4));
	/* And that which is kept hears of its end, too. */
	CU_ASSERT(raw_get(&raw, 5, "/async/await-one", "seconds=50"));
	CU_ASSERT(is_at_it());
	is_free_of(&raw, 1);
	end_on_board();
}

/* ---- the end ---- */

static void idle_worker(void)
{
	static const int numbers[] = {SIGTERM, SIGUSR1, SIGINT, SIGHUP};
	void (*before)(int) = signal(SIGHUP, SIG_DFL);
	struct stat file;

	for (int i = 0; i < 4; i++) {
		begin(NULL, NULL);
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
	begin_on_board(true);
	kill(worker.pid, SIGTERM);
	CU_ASSERT_EQUAL(worker_wait(&worker), 0);
	CU_ASSERT(file_has(worker.log, "event=draining in_flight=0"));
	CU_ASSERT(raw_closed(&raw));
	end_on_board();
}

static void busy_worker(void)
{
	begin_kept(NULL, NULL);
	CU_ASSERT(raw_get(&raw, 2, "/async/await-one", "seconds=0.4"));
	kill(worker.pid, SIGTERM);
	CU_ASSERT(raw_answers(&raw, "async_io_task(0.4s) done"));
	CU_ASSERT(raw_answers(&raw, "END 2 0 COMPLETE"));
	CU_ASSERT(raw_closed(&raw));
	CU_ASSERT_EQUAL(worker_wait(&worker), 0);
}

/* Sent before the web server could see that we go. */
static void kept_request(void)
{
	begin_kept(NULL, NULL);
	CU_ASSERT(raw_get(&raw, 2, "/sync/noawait", "seconds=1"));
	kill(worker.pid, SIGTERM);
	CU_ASSERT(EVENTUALLY(file_has(worker.log, "event=draining")));
	IN_TIME(raw_get(&raw, 3, "/", ""));
	IN_TIME(raw_answers(&raw, "END 3 0 COMPLETE"));
	CU_ASSERT(raw_closed(&raw));
	CU_ASSERT_EQUAL(worker_wait(&worker), 0);
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

	for (int i = 0; i < 3; i++) {
		begin_on_board(true);
		CU_ASSERT(raw_send(&raw, scripts[i]));
		CU_ASSERT(i == 2 || EVENTUALLY(board_get(&slot->in_flight)));
		kill(worker.pid, SIGTERM);
		CU_ASSERT(EVENTUALLY(file_has(worker.log, "event=draining")));
		kill(worker.pid, SIGTERM);
		CU_ASSERT_EQUAL(worker_wait(&worker), 3);
		CU_ASSERT(file_has(worker.log,
				   i < 2 ? "why=second-signal in_flight=1" : "why=second-signal"));
		CU_ASSERT(stat(worker.socket, &file) != 0);
		end_on_board();
	}
}

static void drain_timeout(void)
{
	begin_kept("--drain-timeout", "0.2");
	CU_ASSERT(raw_get(&raw, 2, "/sync/noawait", "seconds=50"));
	kill(worker.pid, SIGTERM);
	CU_ASSERT(EVENTUALLY(file_has(worker.log, "why=drain-timeout in_flight=1")));
	CU_ASSERT_EQUAL(worker_wait(&worker), 3);
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
	{"one that leaves while its handler awaits frees the process at once",
	 peers_that_leave_while_it_waits},
	{"one that leaves while its handler blocks is answered no more",
	 a_peer_that_leaves_while_it_blocks},
	{"one that sends more meanwhile has not left", a_peer_that_has_not_left},
	{"an idle worker ends at the first signal", idle_worker},
	{"an idle kept connection does not delay the end", idle_kept_connection},
	{"a busy worker answers, then ends", busy_worker},
	{"a request that is in a kept connection when it drains is answered", kept_request},
	{"a second signal ends it with status 3, whatever blocks", second_signal},
	{"so does the drain timeout", drain_timeout},
};

const struct suite prefork_suite = {"prefork", tests, COUNT(tests), .after = end};

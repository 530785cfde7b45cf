/* What the admin worker shows of a system whose only loop worker may be held. */
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../support/client.h"
#include "../support/harness.h"
#include "../support/process.h"
#include "scoreboard/scoreboard.h"

enum { LISTENERS = 1000, TRIES = 20 };

SUITE_SYSTEM(lanes, .environment = STRINGS("LANES_READY_HELD=0.5", "LANES_OUTPUT_LIMIT=65536"))

static struct raw raw = {.fd = -1}; /* a test's feed */

static void hang_up(void)
{
	raw_close(&raw);
}

static bool shows(const char *target, const char *text)
{
	return strstr(get(&lanes, target)->body, text) != NULL;
}

static int status_of(const char *target)
{
	return get(&lanes, target)->status;
}

/* The fastest of several, for the machine may be busy; each one has to name the culprit. */
static double seconds_of_status(const char *text)
{
	double best = PATIENCE;

	for (int i = 0; i < TRIES && best > 0.05; i++) {
		const struct response *response = get(&lanes, "/status");

		if (response->status == 200 && strstr(response->body, text) &&
		    response->seconds < best)
			best = response->seconds;
	}
	return best;
}

/* True if it comes before the request is answered. */
#define MEANWHILE(burst, condition)                                                                \
	__extension__({                                                                            \
		bool so_ = false;                                                                  \
                                                                                                   \
		CU_ASSERT(EVENTUALLY((so_ = (condition)) || load_answered(burst)));                \
		so_;                                                                               \
	})

/* True if a line of the log, from byte start on, has both. */
static bool log_tells(size_t start, const char *event, const char *of)
{
	const char *at = file_text(system_file(&lanes, "worker.log")) + start;

	while ((at = strstr(at, event)) && memmem(at, strcspn(at, "\n"), of, strlen(of)) == NULL)
		at += strlen(event);
	return at != NULL;
}

static void held_loop(void)
{
	static const char held[] = "\"route\":\"/async/bad-blocking\",\"for\":";
	static const char began[] = "event=slow-callback ";
	static const char ended[] = "event=slow-callback-ended ";
	static const char route[] = "route=/async/bad-blocking ";
	size_t start = strlen(file_text(system_file(&lanes, "worker.log")));
	struct load *burst = load_system(
		&lanes, PLAN(.target = "/async/bad-blocking?seconds=3", .connections = 1));

	IN_TIME(MEANWHILE(burst, shows("/status", held)));
	IN_TIME(seconds_of_status(held) < 0.05);
	IN_TIME(MEANWHILE(burst, log_tells(start, began, route)));
	IN_TIME(MEANWHILE(burst, shows("/status?text", "HELD ")));
	IN_TIME(MEANWHILE(burst, status_of("/readyz") == 503));
	CU_ASSERT_EQUAL(status_of("/healthz"), 200);
	IN_TIME(!log_tells(start, ended, route));
	IN_TIME(load_answered(burst) == 0);
	CU_ASSERT_EQUAL(load_wait(burst)->answered, 1);
	CU_ASSERT(EVENTUALLY(log_tells(start, ended, route)));
	IN_TIME(log_tells(start, ended, "route=/async/bad-blocking seconds=3.0"));
	CU_ASSERT(EVENTUALLY(status_of("/readyz") == 200));
}

/* Work in the thread pool does not hold the loop, and shows on its thread. */
static void busy_thread(void)
{
	struct load *burst = load_system(
		&lanes, PLAN(.target = "/async/wrap-blocking?seconds=1", .connections = 1));

	IN_TIME(MEANWHILE(burst, shows("/status", "\"busy\":[{\"thread\":0,\"serial\":")));
	IN_TIME(load_answered(burst) == 0);
	CU_ASSERT_EQUAL(load_wait(burst)->answered, 1);
}

static void head_and_errors(void)
{
	const struct response *response = request(&lanes, "HEAD", "/events");

	CU_ASSERT_EQUAL(response->status, 200);
	CU_ASSERT_STRING_EQUAL(header(response, "Content-Type"), "text/event-stream");
	CU_ASSERT_EQUAL(status_of("/status/"), 307);
	CU_ASSERT_EQUAL(request(&lanes, "POST", "/status")->status, 405);
	CU_ASSERT_EQUAL(status_of("/trace?seconds=x"), 422);
}

static void metrics(void)
{
	const struct response *response = get(&lanes, "/metrics");

	CU_ASSERT(strstr(header(response, "Content-Type"), "version=0.0.4") != NULL);
	CU_ASSERT(strstr(response->body, "lanes_requests_total{worker=\"loop-1\"") != NULL);
	CU_ASSERT(strstr(response->body, "lanes_requests_total{worker=\"admin-1\"") != NULL);
	CU_ASSERT(accepts("/usr/bin/python3 -B tests/integration/metrics.py", response->body));
}

/* ---- trace ---- */

static const char *text_of(struct json_object *event, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(event, key, &value) ? json_object_get_string(value) : "";
}

/* Every event has what the format demands of its phase. */
static bool is_valid(struct json_object *event)
{
	const char *phase = text_of(event, "ph");

	if (!*text_of(event, "pid") || !*text_of(event, "tid") || !*text_of(event, "name"))
		return false;
	if (!strcmp(phase, "M"))
		return *text_of(event, "args");
	if (!*text_of(event, "ts"))
		return false;
	if (!strcmp(phase, "X"))
		return *text_of(event, "dur");
	if (!strcmp(phase, "b") || !strcmp(phase, "e"))
		return *text_of(event, "cat") && *text_of(event, "id2");
	return (!strcmp(phase, "s") || !strcmp(phase, "f")) && *text_of(event, "id");
}

static size_t count_events(struct json_object *events, const char *phase, const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < json_object_array_length(events); i++) {
		struct json_object *event = json_object_array_get_idx(events, i);

		count += !strcmp(text_of(event, "ph"), phase) &&
			 strstr(json_object_to_json_string_ext(event,
							       JSON_C_TO_STRING_NOSLASHESCAPE),
				name) != NULL;
	}
	return count;
}

/* The events of the last minute's trace; the caller puts the document. */
static struct json_object *events_in(struct json_object **document)
{
	struct json_object *events = NULL;

	*document = json_tokener_parse(get(&lanes, "/trace?seconds=60")->body);
	json_object_object_get_ex(*document, "traceEvents", &events);
	CU_ASSERT_FATAL(json_object_is_type(events, json_type_array));
	return events;
}

static void trace(void)
{
	struct json_object *document;
	struct json_object *events;

	CU_ASSERT_EQUAL(status_of("/sync/noawait?seconds=0.01"), 200);
	CU_ASSERT_EQUAL(status_of("/async/await-one?seconds=0.01"), 200);
	events = events_in(&document);
	for (size_t i = 0; i < json_object_array_length(events); i++)
		if (!is_valid(json_object_array_get_idx(events, i)))
			CU_FAIL("an event lacks something");
	CU_ASSERT_EQUAL(count_events(events, "M", "loop-1"), 1);
	CU_ASSERT(count_events(events, "M", "blocking-1") >= 1);
	CU_ASSERT(count_events(events, "X", "/sync/noawait") >= 3); /* loop, thread, loop */
	CU_ASSERT(count_events(events, "X", "/async/await-one") >= 2);
	CU_ASSERT(count_events(events, "b", "\"await\"") >= 1);
	CU_ASSERT(count_events(events, "b", "\"queue\"") >= 2);
	CU_ASSERT_EQUAL(count_events(events, "b", ""), count_events(events, "e", ""));
	CU_ASSERT(count_events(events, "s", "wait") >= 3);
	CU_ASSERT_EQUAL(count_events(events, "s", ""), count_events(events, "f", ""));
	json_object_put(document);
}

/* ---- events ---- */

static void events(void)
{
	CU_ASSERT_FATAL(events_open(&raw, &lanes));
	CU_ASSERT_EQUAL(status_of("/sync/noawait?seconds=0.123"), 200);
	CU_ASSERT_EQUAL(status_of("/async/await-many?seconds=0.1"), 200);
	CU_ASSERT(raw_answers(&raw, "\"p\":\"/async/await-many\",\"c\":200}"));
	CU_ASSERT(strstr(raw.text.data, "\"p\":\"/sync/noawait\",\"c\":200}") != NULL);
	CU_ASSERT(strstr(raw.text.data, "\"k\":\"pool\"") != NULL);
	CU_ASSERT(strstr(raw.text.data, "\"pool\":\"blocking\",\"th\":0}") != NULL);
	CU_ASSERT(strstr(raw.text.data, "\"k\":\"await\"") != NULL);
}

/* The answer says by which number the feed calls its request. */
static void a_request_by_number(void)
{
	const struct response *response;

	CU_ASSERT_FATAL(events_open(&raw, &lanes));
	response = get(&lanes, "/async/cpu-bound?n=11");
	CU_ASSERT(raw_answers(&raw, textf("\"r\":%s,\"p\":\"/async/cpu-bound\",\"c\":200}",
					  header(response, "X-Lanes-Request"))));
}

/* Of a slow request what its spans say leads to its line of nginx's log, and to its client. */
static void a_slow_request_by_its_ids(void)
{
	static const char asked[] = "GET /sync/noawait?seconds=0.1 HTTP/1.0\r\ntraceparent: "
				    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
				    "\r\n";
	static const char trace[] = "\"trace\":\"0af7651916cd43dd8448eb211c80319c\"";
	char answer[1024];
	char id[64] = "";
	struct json_object *document;
	struct json_object *events;
	const char *at;

	CU_ASSERT_FATAL(events_open(&raw, &lanes));
	CU_ASSERT(exchange(&lanes, "127.0.0.1", asked, sizeof(asked) - 1, answer, sizeof(answer)));
	CU_ASSERT(raw_answers(&raw, trace));
	events = events_in(&document);
	CU_ASSERT_EQUAL(count_events(events, "X", trace), 3); /* loop, thread, loop */
	CU_ASSERT(count_events(events, "b", trace) >= 1);
	json_object_put(document);
	at = strstr(get(&lanes, "/trace?seconds=60")->body, trace);
	while (at && strncmp(at, "\"id\":\"", 6) != 0)
		at--;
	CU_ASSERT_EQUAL_FATAL(at && sscanf(at, "\"id\":\"%63[0-9-]\"", id), 1);
	CU_ASSERT(EVENTUALLY(system_log_count(&lanes, "access.log", textf("\"id\":\"%s\"", id)) ==
			     1));
}

/* What somebody waits for is there, but the loop is held. */
static void ready(void)
{
	struct raw worker;

	CU_ASSERT_FATAL(events_open(&raw, &lanes));
	CU_ASSERT_FATAL(raw_open(&worker, system_file(&lanes, "worker-1.sock")));
	CU_ASSERT(raw_get(&worker, 1, "/async/await-one", "seconds=0.5"));
	CU_ASSERT(raw_gets(&worker, 2, "/async/bad-blocking", "seconds=1", "END 1 0 COMPLETE"));
	IN_TIME(strstr(worker.text.data, ", ready;dur=") != NULL);
	IN_TIME(raw_answers(&raw, "\"k\":\"ready\""));
	raw_close(&worker);
}

/* The second listener's first message has what the first one saw happen. */
static void history(void)
{
	struct raw first;
	struct raw second;

	CU_ASSERT_FATAL(events_open(&first, &lanes));
	CU_ASSERT_EQUAL(status_of("/async/cpu-bound?n=10"), 200);
	CU_ASSERT(raw_answers(&first, "\"p\":\"/async/cpu-bound\",\"c\":200}"));
	CU_ASSERT_FATAL(events_open(&second, &lanes));
	CU_ASSERT(strstr(second.text.data, "\"p\":\"/async/cpu-bound\",\"c\":200}") != NULL);
	raw_close(&first);
	raw_close(&second);
}

/* Reads so many messages, more or less: one that comes in two pieces is not counted. */
static bool hear(const struct raw *raw, int messages)
{
	struct pollfd input = {.fd = raw->fd, .events = POLLIN};
	char bytes[65536];

	while (messages > 0) {
		ssize_t n = poll(&input, 1, PATIENCE * 1000) > 0
				    ? recv(raw->fd, bytes, sizeof(bytes), 0)
				    : 0;

		if (n <= 0)
			return false;
		messages -= memmem(bytes, (size_t)n, "data: {", 7) != NULL;
	}
	return true;
}

/* What each of so many takes of the worker's memory, in bytes, and may take. */
static void takes_at_most(pid_t admin, long before, long count, long most)
{
	long each = (process_private_kb(admin) - before) * 1024 / count;

	printf("     %ld bytes of worker memory for each of %ld\n", each, count);
	CU_ASSERT(each < most || !MEMORY_COUNTS);
}

/* They have read the first message, and nothing of what a busy system says afterwards. */
static void silent_listeners(void)
{
	enum { SILENT = 40, MESSAGES = 20 };

	static struct raw raws[SILENT];
	struct load *burst =
		load_system(&lanes, PLAN(.target = "/", .connections = 8, .repeat = true));
	pid_t admin = worker_pid(&lanes, "admin-1");
	long before = process_private_kb(admin);
	struct raw reader;

	for (int i = 0; i < SILENT; i++)
		CU_ASSERT_FATAL(events_open(&raws[i], &lanes));
	CU_ASSERT_FATAL(events_open(&reader, &lanes));
	CU_ASSERT(hear(&reader, MESSAGES));
	raw_close(&reader);
	takes_at_most(admin, before, SILENT, 512 * 1024);
	CU_ASSERT_EQUAL(load_wait(burst)->failed, 0);
	CU_ASSERT_FALSE(system_log_has(&lanes, "event=stream-unread"));
	for (int i = 0; i < SILENT; i++)
		raw_close(&raws[i]);
}

/* ---- a thousand of them, through nginx ---- */

/* True once each has been sent a message; reads what there is. */
static bool all_hear(const int *fds)
{
	static char heard[LISTENERS];
	char bytes[65536];
	bool all = true;

	for (int i = 0; i < LISTENERS; i++) {
		ssize_t n;

		while ((n = recv(fds[i], bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
			heard[i] = heard[i] || memmem(bytes, (size_t)n, "data: {", 7);
		if (n == 0)
			return false;
		all = all && heard[i];
	}
	return all;
}

static void thousand_listeners(void)
{
	static const char text[] = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";
	static int fds[LISTENERS];
	pid_t admin = worker_pid(&lanes, "admin-1");
	long before = process_private_kb(admin);

	if (!needs_connections(LISTENERS))
		return;
	CU_ASSERT_FATAL(admin > 0);
	for (int i = 0; i < LISTENERS; i++) {
		fds[i] = tcp_open(lanes.port);
		send(fds[i], text, sizeof(text) - 1, 0);
	}
	CU_ASSERT(EVENTUALLY(all_hear(fds)));
	CU_ASSERT(shows("/status?text", "admin-1"));
	IN_TIME(seconds_of_status("\"admin-1\"") < 0.05);
	takes_at_most(admin, before, LISTENERS, 5 * 1024);
	for (int i = 0; i < LISTENERS; i++)
		close(fds[i]);
	CU_ASSERT(EVENTUALLY(shows("/metrics", "lanes_requests_in_flight{worker=\"admin-1\","
					       "pool=\"admin\"} 1\n")));
}

enum { WORKERS = 8 };

/* That the admin worker, and all of the others, have computed so far. */
static struct spent {
	double admin, workers;
} spent_by(const struct system *eight)
{
	struct spent spent = {process_seconds(worker_pid(eight, "admin-1")), 0};

	for (int i = 1; i <= WORKERS; i++)
		spent.workers += process_seconds(system_worker(eight, i));
	return spent;
}

/* As many pages as a class has, which read what browsers do, while eight workers have 2,000
 * requests a second between them. What both compute is their own, whatever else runs; on a slow
 * machine both take longer. */
static void forty_readers(void)
{
	enum { READERS = 40, CONNECTIONS = 50, REQUESTS = 8000 };

	static const char text[] = "GET /events HTTP/1.1\r\nHost: localhost\r\n"
				   "Accept-Encoding: gzip\r\n\r\n";
	static char bytes[1 << 16];
	struct pollfd readers[READERS];
	const struct load_result *result;
	struct system eight;
	struct load *load;
	struct spent before, spent;

	CU_ASSERT_FATAL(system_start(&eight, SYSTEM(.workers = WORKERS)));
	for (int i = 0; i < READERS; i++) {
		readers[i] = (struct pollfd){.fd = tcp_open(eight.port), .events = POLLIN};
		send(readers[i].fd, text, sizeof(text) - 1, 0);
	}
	before = spent_by(&eight);
	load = load_system(&eight, PLAN(.target = "/", .connections = CONNECTIONS, .repeat = true,
					.pause = CONNECTIONS * 1000000000ull / 2000));
	while (load_answered(load) < REQUESTS && poll(readers, READERS, PATIENCE * 1000) > 0)
		for (int i = 0; i < READERS; i++)
			if (readers[i].revents)
				CU_ASSERT_FATAL(recv(readers[i].fd, bytes, sizeof(bytes), 0) > 0);
	result = load_wait(load);
	spent = spent_by(&eight);
	spent.admin -= before.admin;
	spent.workers -= before.workers;
	printf("     %.1f %% of a core for %d readers, %.1f %% for %.0f requests/s\n",
	       100 * spent.admin / result->elapsed, READERS, 100 * spent.workers / result->elapsed,
	       REQUESTS / result->elapsed);
	CU_ASSERT_EQUAL(result->failed, 0);
	CU_ASSERT(spent.admin < spent.workers);
	for (int i = 0; i < READERS; i++)
		close(readers[i].fd);
	system_stop(&eight);
}

/* Each has seen the beginning and reads no further. The trace is some megabytes by then. */
static void slow_readers_of_a_trace(void)
{
	enum { READERS = 40, SPANS = 8000 };

	static struct raw raws[READERS];
	struct load *burst =
		load_system(&lanes, PLAN(.target = "/", .connections = 8, .repeat = true));
	pid_t admin = worker_pid(&lanes, "admin-1");
	long before;

	CU_ASSERT(load_goes_on(burst, SPANS / 2));
	load_wait(burst);
	before = process_private_kb(admin);
	for (int i = 0; i < READERS; i++)
		CU_ASSERT_FATAL(raw_open(&raws[i], system_file(&lanes, "admin.sock")) &&
				raw_get(&raws[i], 1, "/trace", "seconds=60") &&
				raw_answers(&raws[i], "traceEvents"));
	CU_ASSERT(shows("/status?text", "admin-1"));
	takes_at_most(admin, before, READERS, 256 * 1024);
	CU_ASSERT(raw_answers(&raws[0], "END 1 0 COMPLETE"));
	CU_ASSERT(raws[0].in.len > 100 * SPANS);
	for (int i = 0; i < READERS; i++)
		raw_close(&raws[i]);
}

static void top(void)
{
	const struct outcome *top = script(&lanes, "top.sh", NULL);

	CU_ASSERT_EQUAL(top->status, 0);
	CU_ASSERT(strstr(top->out, "\nloop-1 ") != NULL);
	CU_ASSERT(strstr(top->out, "\033") == NULL);
}

/* ---- what is awaited ---- */

/* A worker as another process sees it: one whose request 7 was called for, asked a service and the
 * database, and was answered. Its spans come after the time. */
static struct board_slot *pretend(struct scoreboard *board, uint64_t now)
{
	const uint64_t ms = 1000000;
	struct span_owner who = {.serial = 7};
	struct board_slot *slot;
	uint64_t owner = span_owner_pack(who);

	CU_ASSERT_FATAL(scoreboard_open(board, system_file(&lanes, "board/scoreboard")) == 0);
	slot = scoreboard_claim(board, "pretended", 0, "loop", "/");
	CU_ASSERT_PTR_NOT_NULL_FATAL(slot);
	CU_ASSERT_EQUAL(board_add_thing(slot, "127.0.0.1:9000", 14), 1);
	CU_ASSERT_EQUAL(board_add_thing(slot, "SELECT \"a\"\n\\\033", 13), 2);
	board_span(slot, SPAN_FETCH | 1 << 16, now + 1, now + 5 * ms, owner);
	board_span(slot, SPAN_FETCH | 1 << 16, now + 1, now + 6 * ms, owner);
	board_span(slot, SPAN_DB_QUEUE, now + 6 * ms, now + 7 * ms, owner);
	board_span(slot, SPAN_DB | 2 << 16, now + 7 * ms, now + 10 * ms, owner);
	board_span(slot, SPAN_DB, now + 7 * ms, now + 10 * ms, owner);
	who.status = 299;
	board_span(slot, SPAN_LOOP, now + 10 * ms, now + 11 * ms, span_owner_pack(who));
	board_waited(slot, SPAN_FETCH, 1, 5 * ms);
	board_waited(slot, SPAN_FETCH, 1, 6 * ms);
	board_waited(slot, SPAN_DB_QUEUE, 0, ms);
	board_waited(slot, SPAN_DB, 2, 3 * ms);
	board_waited(slot, SPAN_DB, 0, 3 * ms);
	board_add(&slot->waits[SPAN_FETCH - SPAN_FETCH].now, 4);
	board_add(&slot->waits[SPAN_DB - SPAN_FETCH].now, 5);
	board_add(&slot->waits[SPAN_DB_QUEUE - SPAN_FETCH].now, 2);
	board_set(&slot->database.limit, 8);
	board_set(&slot->database.busy, 5);
	board_set(&slot->database.health, BOARD_DATABASE_UP);
	return slot;
}

#define STATEMENT "SELECT \\\"a\\\"?\\\\?"

static void awaited(void)
{
	static const char *const samples[] = {
		"lanes_fetch_in_flight{worker=\"pretended-1\",pool=\"pretended\"} 4\n",
		"lanes_db_waiting{worker=\"pretended-1\",pool=\"pretended\"} 2\n",
		"lanes_db_in_flight{worker=\"pretended-1\",pool=\"pretended\"} 5\n",
		"\"pretended\",to=\"127.0.0.1:9000\"} 0.011000\n",
		"\"pretended\",to=\"127.0.0.1:9000\"} 2\n",
		"lanes_db_wait_duration_seconds_sum{worker=\"pretended-1\",pool=\"pretended\"} "
		"0.001",
		"\"pretended\",statement=\"" STATEMENT "\"} 0.003000\n",
		"\"pretended\",statement=\"\"} 1\n",
	};
	struct scoreboard board;
	struct json_object *document;
	struct json_object *events;
	const struct outcome *top;

	CU_ASSERT_FATAL(events_open(&raw, &lanes));
	pretend(&board, board_now());
	CU_ASSERT(raw_answers(&raw, "\"c\":299}"));
	CU_ASSERT(strstr(raw.text.data, "\"k\":\"fetch\"") != NULL);
	CU_ASSERT(strstr(raw.text.data, "\"k\":\"db-queue\"") != NULL);
	CU_ASSERT(strstr(raw.text.data, "\"r\":7,\"p\":\"\",\"c\":0,\"n\":1}") != NULL);
	CU_ASSERT(raw_answers(&raw, "{\"w\":\"pretended-1\",\"n\":1,\"name\":\"127.0.0.1:9000\"},"
				    "{\"w\":\"pretended-1\",\"n\":2,\"name\":\"" STATEMENT "\"}]"));
	CU_ASSERT(strstr(raw.text.data, "\"waits\":{\"fetch\":4,\"db-queue\":2,\"db\":5}") != NULL);
	events = events_in(&document);
	CU_ASSERT_EQUAL(count_events(events, "b", "\"name\":\"fetch 127.0.0.1:9000\""), 2);
	CU_ASSERT_EQUAL(count_events(events, "e", "\"name\":\"fetch 127.0.0.1:9000\""), 2);
	CU_ASSERT_EQUAL(count_events(events, "b", "\"name\":\"db-queue\""), 1);
	CU_ASSERT_EQUAL(count_events(events, "b", "\"name\":\"db " STATEMENT "\""), 1);
	CU_ASSERT_EQUAL(count_events(events, "b", "\"name\":\"db\""), 1);
	CU_ASSERT_EQUAL(count_events(events, "b", "\"local\":\"7-2\""), 1);
	json_object_put(document);
	for (size_t i = 0; i < COUNT(samples); i++)
		CU_ASSERT(shows("/metrics", samples[i]));
	CU_ASSERT(accepts("/usr/bin/python3 -B tests/integration/metrics.py",
			  get(&lanes, "/metrics")->body));
	CU_ASSERT(shows("/status", "\"waits\":{\"fetch\":0,\"db-queue\":0,\"db\":0}"));
	top = script(&lanes, "top.sh", NULL);
	CU_ASSERT(strstr(top->out, " fetch      db\n") != NULL);
	CU_ASSERT(strstr(top->out, "     -       -\n") != NULL);
	CU_ASSERT(strstr(top->out, "     4  5/8 +2\n") != NULL);
	scoreboard_close(&board);
}

/* ---- a scoreboard that somebody wrote into ---- */

/* Over what the loop worker says of itself: escapes without an end where names should be, and
 * numbers that no counter reaches. */
static bool scribble(void)
{
	static const char escape[] = "\033[2J";
	struct scoreboard board;

	if (scoreboard_open(&board, system_file(&lanes, "board/scoreboard")))
		return false;
	for (unsigned i = 0; i < scoreboard_slots(&board); i++) {
		struct board_slot *slot = &board.slots[i];

		if (strcmp(slot->pool, "loop") != 0)
			continue;
		memset(slot->spans, 0x7f, sizeof(slot->spans));
		memset(slot->ids, '\033', sizeof(slot->ids));
		memset(slot->pools, 0x7f, sizeof(slot->pools));
		memset(slot->things, '\033', sizeof(slot->things));
		memset(slot->waits, 0x7f, sizeof(slot->waits));
		board_set(&slot->thing_count, UINT64_MAX);
		memset(slot->holds, 0x7f, sizeof(slot->holds));
		board_set(&slot->head, UINT64_MAX / 2);
		for (size_t at = offsetof(struct board_slot, pool);
		     at < offsetof(struct board_slot, requests); at++)
			((char *)slot)[at] = escape[at % (sizeof(escape) - 1)];
	}
	scoreboard_close(&board);
	return true;
}

static void scoreboard_written_into(void)
{
	static const char *const targets[] = {"/status", "/status?text", "/metrics",
					      "/trace?seconds=0"};
	struct json_object *document;
	const struct outcome *top;
	pid_t admin = worker_pid(&lanes, "admin-1");

	CU_ASSERT_FATAL(scribble());
	for (size_t i = 0; i < COUNT(targets); i++) {
		const struct response *response = get(&lanes, targets[i]);

		CU_ASSERT_EQUAL(response->status, 200);
		CU_ASSERT_PTR_NULL(strchr(response->body, '\033'));
		if (response->body[0] != '{')
			continue;
		document = json_tokener_parse(response->body);
		CU_ASSERT_PTR_NOT_NULL(document);
		json_object_put(document);
	}
	CU_ASSERT_FATAL(events_open(&raw, &lanes));
	CU_ASSERT_PTR_NULL(strchr(raw.text.data, '\033'));
	top = script(&lanes, "top.sh", NULL);
	CU_ASSERT_EQUAL(top->status, 0);
	CU_ASSERT_PTR_NULL(strchr(top->out, '\033'));
	CU_ASSERT_EQUAL(worker_pid(&lanes, "admin-1"), admin);
	CU_ASSERT_EQUAL(status_of("/"), 200);
}

static const struct test tests[] = {
	{"a held loop: /status answers, names the culprit, the watchdog logs it", held_loop},
	{"a busy thread is shown, with the request it works for", busy_thread},
	{"HEAD of a stream is its head; misses are answered as everywhere", head_and_errors},
	{"Prometheus's parser and promtool's rules find nothing wrong with /metrics", metrics},
	{"/trace is valid and has the spans and flows of requests made", trace},
	{"/events tells the spans of requests made", events},
	{"a newcomer hears what happened before", history},
	{"X-Lanes-Request is the number by which /events calls a request", a_request_by_number},
	{"a slow request's spans have its id of nginx's log, and its trace",
	 a_slow_request_by_its_ids},
	{"who waits for a held loop is ready, in Server-Timing and /events", ready},
	{"what is awaited is named: /trace, /events, /metrics, /status, make top", awaited},
	{"listeners that do not read cost a message each, and are not hung up on",
	 silent_listeners},
	{"1,000 idle listeners cost little, and /status answers", thousand_listeners},
	{"forty pages cost the admin worker less than their requests cost the workers",
	 forty_readers},
	{"a reader of /trace who is slow costs a piece of it, not all", slow_readers_of_a_trace},
	{"make top prints once where there is no terminal", top},
	{"whoever writes into the scoreboard changes what is shown, and ends nobody",
	 scoreboard_written_into},
};

const struct suite observe_suite = {"observe", tests,	  COUNT(tests),
				    set_up,    tear_down, .after = hang_up};

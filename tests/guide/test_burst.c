/* /burst: through a whole system, and against a front that does what none should. */
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../support/client.h"
#include "../support/harness.h"

enum { AT_ONCE = 4 }; /* bursts */

/* ---- through a system ---- */

static struct json_object *field(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(object, key, &value);
	return value;
}

static const char *text(struct json_object *object, const char *key)
{
	const char *value = json_object_get_string(field(object, key));

	return value ? value : "";
}

static double number(struct json_object *object, const char *key)
{
	return json_object_get_double(field(object, key));
}

/* The answers of a burst; the caller puts the document. */
static struct json_object *fire(const struct system *lanes, const char *query, size_t count,
				struct json_object **document)
{
	const struct response *response = get(lanes, textf("/burst?%s", query));
	struct json_object *answers;

	CU_ASSERT_EQUAL_FATAL(response->status, 200);
	*document = json_tokener_parse(response->body);
	answers = field(*document, "answers");
	CU_ASSERT_FATAL(answers && json_object_array_length(answers) == count);
	CU_ASSERT(number(*document, "t") > 0);
	return answers;
}

/* More than a browser sends at once, and they are there at once: twenty threads sleep together. */
static void all_at_once(const struct system *lanes)
{
	struct json_object *document;
	struct json_object *answers =
		fire(lanes, "n=20&path=/exercise/sync/noawait%3Fseconds%3D0.5", 20, &document);
	double first = 0;
	double last = 0;

	for (size_t i = 0; i < 20; i++) {
		struct json_object *answer = json_object_array_get_idx(answers, i);
		double sent = number(answer, "sent");
		double ended = number(answer, "ended");

		CU_ASSERT_STRING_EQUAL(text(answer, "target"),
				       "/exercise/sync/noawait?seconds=0.5");
		CU_ASSERT_EQUAL(number(answer, "status"), 200);
		CU_ASSERT_STRING_EQUAL(text(answer, "worker"), "exercise-1");
		CU_ASSERT_STRING_EQUAL(
			text(answer, "body"),
			"{\"mode\":\"sync\",\"detail\":\"blocking_io_task(0.5s) done\"}");
		CU_ASSERT_STRING_EQUAL(text(answer, "error"), "");
		CU_ASSERT(number(field(answer, "timing"), "pool") >= 499);
		CU_ASSERT(ended - sent >= 499);
		first = i == 0 || sent < first ? sent : first;
		last = ended > last ? ended : last;
		for (size_t j = 0; j < i; j++)
			CU_ASSERT(number(json_object_array_get_idx(answers, j), "serial") !=
				  number(answer, "serial"));
	}
	IN_TIME(last - first < 1000);
	json_object_put(document);
}

/* In the order of the query, each when its delay is over; who comes second meets a held loop. */
static void each_at_its_time(const struct system *lanes)
{
	struct json_object *document;
	struct json_object *answers = fire(lanes,
					   "r=300,2,/exercise/async/await-one%3Fseconds%3D0"
					   "&r=0,1,/exercise/async/bad-blocking%3Fseconds%3D1",
					   3, &document);
	struct json_object *bad = json_object_array_get_idx(answers, 2);

	for (size_t i = 0; i < 2; i++) {
		struct json_object *late = json_object_array_get_idx(answers, i);

		CU_ASSERT(number(late, "sent") - number(bad, "sent") >= 299);
		CU_ASSERT_STRING_EQUAL(text(late, "worker"), "exercise-1");
		IN_TIME(number(field(late, "timing"), "queue") > 300);
	}
	CU_ASSERT(number(field(bad, "timing"), "loop") >= 999);
	json_object_put(document);
}

/* The burst's trace is in nginx's lines of both. */
static void misses_are_answers(const struct system *lanes)
{
	struct json_object *document;
	struct json_object *answers = fire(lanes, "path=/nowhere&path=/prefork/", 2, &document);
	const char *trace = textf("\"trace\":\"%s\"", text(document, "trace"));

	CU_ASSERT_EQUAL(strlen(text(document, "trace")), 32);
	CU_ASSERT(EVENTUALLY(system_log_count(lanes, "access.log", trace) == 2));

	CU_ASSERT_EQUAL(number(json_object_array_get_idx(answers, 0), "status"), 404);
	CU_ASSERT_STRING_EQUAL(text(json_object_array_get_idx(answers, 0), "error"), "");
	CU_ASSERT_EQUAL(number(json_object_array_get_idx(answers, 1), "status"), 200);
	json_object_put(document);
}

static void through_a_system(void)
{
	static const int workers[] = {1, 2, 8};

	for (size_t i = 0; i < COUNT(workers); i++) {
		struct system lanes;

		CU_ASSERT_FATAL(system_start(&lanes, SYSTEM(.workers = workers[i], .prefork = 1)));
		all_at_once(&lanes);
		each_at_its_time(&lanes);
		misses_are_answers(&lanes);
		CU_ASSERT(system_stop(&lanes));
	}
}

static void bad_parameters(void)
{
	static const struct {
		const char *query;
		const char *said;
	} bad[] = {
		{"", "field required"},
		{"n=3", "field required"},
		{"n=x&path=/", "value is not a valid integer"},
		{"n=0&path=/", "at least once"},
		{"n=201&path=/", "at most 200 times"},
		{"r=0,0,/", "at least once"},
		{"r=0,150,/&r=0,51,/", "at most 200 requests in all"},
		{"r=60001,1,/", "less than or equal to 60000"},
		{"r=0,1", "not DELAY_MS,TIMES,TARGET"},
		{"r=,1,/", "not DELAY_MS,TIMES,TARGET"},
		{"r=-1,1,/", "not DELAY_MS,TIMES,TARGET"},
		{"r=99999999999,1,/", "not DELAY_MS,TIMES,TARGET"},
		{"path=", "begins with a slash"},
		{"path=http:%2F%2Fevil%2F", "begins with a slash"},
		{"path=/a%20b", "printable ASCII"},
		{"path=/a%0D%0AHost:%20evil", "printable ASCII"},
		{"path=/%C3%A4", "printable ASCII"},
		{"path=/burst%3Fpath=/", "no path of the admin worker"},
		{"path=/%2562urst", "no path of the admin worker"},
		{"path=/events", "no path of the admin worker"},
		{"path=/healthz/", "no path of the admin worker"},
		{"path=/prefork/../status", "shortest form"},
		{"path=/x/%252e./status", "shortest form"},
		{"path=//status", "shortest form"},
	};
	struct system lanes;

	CU_ASSERT_FATAL(system_start(&lanes, SYSTEM(.workers = 1)));
	for (size_t i = 0; i < COUNT(bad); i++) {
		const struct response *response = get(&lanes, textf("/burst?%s", bad[i].query));

		CU_ASSERT_EQUAL(response->status, 422);
		if (!strstr(response->body, bad[i].said)) {
			CU_FAIL("says something else");
			printf("    %s: %s\n", bad[i].query, response->body);
		}
	}
	CU_ASSERT_EQUAL(get(&lanes, textf("/burst?path=/%01100d", 0))->status, 422);
	CU_ASSERT_EQUAL(request(&lanes, "POST", "/burst?path=/")->status, 405);
	CU_ASSERT(system_stop(&lanes));
}

/* ---- a front that does what none should ---- */

static struct worker worker;
static int front = -1;
static struct raw raw = {.fd = -1}; /* who asks for a burst, and … */
static int asked = -1;		    /* … what the front is asked then */

/* A worker whose front is there. */
static bool start_asking(struct worker *asking, uint16_t port)
{
	return worker_start(
		asking, STRINGS("--routes", "admin", "--front", textf("127.0.0.1:%d", port)), NULL);
}

static int set_up(void)
{
	uint16_t port;

	front = tcp_listen(&port);
	return !start_asking(&worker, port);
}

static int tear_down(void)
{
	close(front);
	return worker_end(&worker);
}

static void hang_up(void)
{
	raw_close(&raw);
	close(asked);
	asked = -1;
}

/* Asks for a burst; the request that comes to the front, read to its end. */
static int take_request(struct raw *raw, const char *query)
{
	struct pollfd input = {.fd = front, .events = POLLIN};
	char request[512] = "";
	size_t len = 0;
	int fd;

	CU_ASSERT_FATAL(raw_open(raw, worker.socket));
	CU_ASSERT_FATAL(raw_get(raw, 1, "/burst", query));
	CU_ASSERT_EQUAL_FATAL(poll(&input, 1, PATIENCE * 1000), 1);
	fd = accept(front, NULL, NULL);
	while (!strstr(request, "\r\n\r\n") && len < sizeof(request) - 1) {
		ssize_t n = recv(fd, request + len, sizeof(request) - 1 - len, 0);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	CU_ASSERT(strstr(request, "GET /x HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n"
				  "traceparent: 00-") == request);
	return fd;
}

/* What the burst says when its request is answered with this, and the connection is closed. */
static void answered_with(const char *bytes, const char *said)
{
	asked = take_request(&raw, "path=/x");
	CU_ASSERT_EQUAL(send(asked, bytes, strlen(bytes), MSG_NOSIGNAL), (ssize_t)strlen(bytes));
	close(asked);
	CU_ASSERT(raw_answers(&raw, "END 1 0 COMPLETE"));
	CU_ASSERT(strstr(raw.text.data, said) != NULL);
	if (!strstr(raw.text.data, said))
		printf("    %s\n", raw.text.data);
	raw_close(&raw);
	asked = -1;
}

static void a_front_that_misbehaves(void)
{
	answered_with("", "\"status\":0,\"worker\":\"\"");
	answered_with("", "\"error\":\"closed before its end\"");
	answered_with("HTTP/1.1 200 OK\r\nConte", "\"error\":\"closed before its end\"");
	answered_with("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
		      "\"error\":\"closed before its end\"");
	answered_with("SSH-2.0-OpenSSH_9\r\n", "\"error\":\"no HTTP answer\"");
	answered_with("HTTP/1.1 200 OK\r\nServer-Timing: a;dur=1.5, b;dur=x\r\n\r\n\"\n",
		      "\"timing\":{\"a\":1.500},\"serial\":0,\"body\":\"\\\"\\n\","
		      "\"error\":\"\"");
}

/* The answer is there when its length is, whatever becomes of the connection. */
static void a_connection_that_stays_open(void)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

	asked = take_request(&raw, "path=/x");
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		CU_ASSERT_EQUAL(send(asked, &text[i], 1, MSG_NOSIGNAL), 1);
	CU_ASSERT(raw_answers(&raw, "\"body\":\"ok\",\"error\":\"\""));
}

static void an_answer_without_an_end(void)
{
	static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
	static char piece[65536];

	asked = take_request(&raw, "path=/x");
	send(asked, head, sizeof(head) - 1, MSG_NOSIGNAL);
	while (send(asked, piece, sizeof(piece), MSG_NOSIGNAL) > 0)
		;
	CU_ASSERT(raw_answers(&raw, "\"error\":\"too long an answer\""));
}

/* Nobody listens there; and if descriptors run out, what there is for is sent, and the others say
 * why not. */
static void asks_nobody(void)
{
	const bool poor = harness_test()->data;
	const struct rlimit few = {.rlim_cur = 40, .rlim_max = 40};
	struct worker lonely;

	CU_ASSERT_FATAL(start_asking(&lonely, port_free()));
	if (poor)
		CU_ASSERT_EQUAL(prlimit(lonely.pid, RLIMIT_NOFILE, &few, NULL), 0);
	CU_ASSERT_FATAL(raw_open(&raw, lonely.socket));
	CU_ASSERT(raw_gets(&raw, 1, "/burst", "n=200&path=/x", "END 1 0 COMPLETE"));
	CU_ASSERT(strstr(raw.text.data, "\"error\":\"connection refused\"") != NULL);
	CU_ASSERT_EQUAL(strstr(raw.text.data, "\"error\":\"too many open files\"") != NULL, poor);
	CU_ASSERT_EQUAL(worker_end(&lonely), 0);
}

static bool is_closed(int fd)
{
	struct pollfd peer = {.fd = fd, .events = POLLIN};
	char byte;

	return poll(&peer, 1, PATIENCE * 1000) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

/* In the middle of a burst of which one request is under way and others are to come. */
static void a_client_that_goes_away(void)
{
	struct raw raws[AT_ONCE];
	int fds[AT_ONCE];

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < AT_ONCE; i++)
			fds[i] = take_request(&raws[i], "path=/x&r=60000,5,/x");
		/* One more is too many. */
		CU_ASSERT_FATAL(raw_open(&raw, worker.socket));
		CU_ASSERT(raw_gets(&raw, 1, "/burst", "path=/x", "Status: 503 "));
		CU_ASSERT(raw_answers(&raw, "END 1 0 COMPLETE"));
		raw_close(&raw);
		for (int i = 0; i < AT_ONCE; i++)
			raw_close(&raws[i]);
		for (int i = 0; i < AT_ONCE; i++) {
			CU_ASSERT(is_closed(fds[i]));
			close(fds[i]);
		}
	}
	answered_with("HTTP/1.1 204 No Content\r\n\r\n", "\"status\":204");
}

/* A worker that ends in the middle. */
static void a_worker_that_ends(void)
{
	asked = take_request(&raw, "path=/x&r=60000,5,/x");
	kill(worker.pid, SIGTERM);
	CU_ASSERT(EVENTUALLY(file_has(worker.log, "event=draining")));
	kill(worker.pid, SIGTERM);
	CU_ASSERT_EQUAL(worker_wait(&worker), 3);
	CU_ASSERT(is_closed(asked));
	worker_stop(&worker);
	close(front);
	CU_ASSERT_EQUAL_FATAL(set_up(), 0);
}

static const struct test tests[] = {
	{"all are sent at once or at their time, and answered in order, with 1, 2 and 8 workers",
	 through_a_system},
	{"what is no burst is a 422", bad_parameters},
	{"a front that closes early, or speaks something else", a_front_that_misbehaves},
	{"an answer is complete when its length is there", a_connection_that_stays_open},
	{"an answer without an end is ended", an_answer_without_an_end},
	{"a front that is not there refuses each", asks_nobody},
	{"descriptors run out: each says so", asks_nobody, "poor"},
	{"a client that goes away ends its burst; a fifth at once is a 503",
	 a_client_that_goes_away},
	{"a worker that is ended ends its bursts", a_worker_that_ends},
};

const struct suite burst_suite = {"burst", tests,     COUNT(tests),
				  set_up,  tear_down, .after = hang_up};

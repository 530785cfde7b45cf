/* A worker's socket, without nginx: what only another web server or an enemy does. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "../support/harness.h"
#include "../support/process.h"
#include "../support/raw.h"
#include "../support/stream.h"
#include "fcgi/record.h"

static struct worker worker;
static struct raw raw = {.fd = -1};
static struct raw other = {.fd = -1};

/* A worker with the options that are the test's data, and a connection to it. */
static void before(void)
{
	CU_ASSERT_FATAL(worker_start(&worker, harness_test()->data, NULL));
	CU_ASSERT_FATAL(raw_open(&raw, worker.socket));
}

static void after(void)
{
	raw_close(&raw);
	raw_close(&other);
	worker_stop(&worker);
}

/* Requests are handed on in the order in which they came on a connection: when this one is
 * answered, those before it are under way. */
static void all_arrived(struct raw *on)
{
	CU_ASSERT(raw_gets(on, 9999, "/", "", "END 9999 0 COMPLETE"));
}

static void values_are_told(void)
{
	CU_ASSERT(raw_tells(&raw, "get FCGI_MAX_CONNS FCGI_MAX_REQS FCGI_MPXS_CONNS",
			    "FCGI_MAX_CONNS=7"));
	CU_ASSERT(raw_answers(&raw, "FCGI_MAX_REQS=9"));
	CU_ASSERT(raw_answers(&raw, "FCGI_MPXS_CONNS=1"));
}

static void an_abort_ends_a_sleep(void)
{
	CU_ASSERT(raw_get(&raw, 1, "/async/await-one", "seconds=60"));
	all_arrived(&raw);
	CU_ASSERT(raw_tells(&raw, "abort 1", "END 1 "));
	/* The connection and the id are as good as new. */
	CU_ASSERT(raw_gets(&raw, 1, "/async/await-one", "seconds=0", "async_io_task(0.0s) done"));
}

/* The later it was sent, the sooner it is done. */
static void a_hundred_share_a_connection(void)
{
	double start = now();
	const char *last = NULL;

	for (int id = 1; id <= 100; id++)
		CU_ASSERT(raw_get(&raw, id, "/async/await-one",
				  textf("seconds=%.2f", 1.5 - id * 0.01)));
	CU_ASSERT(raw_answers(&raw, "END 1 0 COMPLETE"));
	IN_TIME(now() - start < 10); /* their sum is 100 s */
	for (int id = 1; id <= 100; id++) {
		const char *at = strstr(raw.text.data, textf("END %d 0 COMPLETE\n", id));

		CU_ASSERT_PTR_NOT_NULL(at);
		IN_TIME(!last || !at || at < last);
		last = at;
	}
}

static void one_request_too_many(void)
{
	for (int id = 1; id <= 3; id++)
		CU_ASSERT(raw_get(&raw, id, "/async/await-one", "seconds=60"));
	CU_ASSERT(raw_answers(&raw, "END 3 0 OVERLOADED"));
}

static void the_worker_is_full(void)
{
	for (int id = 1; id <= 3; id++)
		CU_ASSERT(raw_get(&raw, id, "/async/await-one", "seconds=60"));
	CU_ASSERT(raw_answers(&raw, "STDOUT 3 Status: 503 "));
	CU_ASSERT(raw_answers(&raw, "Retry-After: 1\r\n"));
	CU_ASSERT(raw_answers(&raw, "END 3 0 COMPLETE"));
	CU_ASSERT_PTR_NULL(strstr(raw.text.data, "STDOUT 2 ")); /* it sleeps */
	/* Those that have ended are not counted any more. */
	CU_ASSERT(raw_send(&raw, "abort 2"));
	CU_ASSERT(raw_gets(&raw, 4, "/", "", "STDOUT 4 Status: 200 "));
}

/* Requests that have begun and send nothing: 16, an eighth more, and eight. */
static void the_worker_is_full_of_beginnings(void)
{
	for (int id = 1; id <= 26; id++)
		CU_ASSERT(raw_send(&raw, textf("begin %d keep", id)));
	CU_ASSERT(raw_tells(&raw, "params 26 REQUEST_METHOD=GET&PATH_INFO=/, params-end 26",
			    "STDOUT 26 Status: 503 "));
	CU_ASSERT_PTR_NULL(strstr(raw.text.data, "OVERLOADED"));
	CU_ASSERT(raw_send(&raw, "begin 27 keep"));
	CU_ASSERT(raw_tells(&raw, "begin 28 keep", "END 28 0 OVERLOADED"));
	CU_ASSERT_PTR_NULL(strstr(raw.text.data, "END 27 "));
}

/* One thread, room for two: the fourth is refused at once, not when its turn comes. */
static void the_queue_is_full(void)
{
	for (int id = 1; id <= 4; id++)
		CU_ASSERT(raw_get(&raw, id, "/sync/noawait", "seconds=0.5"));
	CU_ASSERT(raw_answers(&raw, "STDOUT 4 Status: 503 "));
	CU_ASSERT(raw_answers(&raw, "Retry-After: 1\r\n"));
	IN_TIME(!strstr(raw.text.data, "END 1 "));
	CU_ASSERT(raw_answers(&raw, "END 3 0 COMPLETE"));
}

static void queued_work_of_a_lost_connection_never_runs(void)
{
	double start;

	CU_ASSERT(raw_get(&raw, 1, "/sync/noawait", "seconds=1"));
	all_arrived(&raw);
	CU_ASSERT(raw_open(&other, worker.socket));
	for (int id = 1; id <= 10; id++)
		CU_ASSERT(raw_get(&other, id, "/sync/noawait", "seconds=5"));
	all_arrived(&other);
	start = now();
	raw_close(&other);
	CU_ASSERT(raw_gets(&raw, 2, "/sync/noawait", "seconds=0", "END 2 0 COMPLETE"));
	CU_ASSERT_PTR_NOT_NULL(strstr(raw.text.data, "END 1 0 COMPLETE"));
	IN_TIME(now() - start < 4);
}

static void half_a_request_times_out(void)
{
	CU_ASSERT(raw_send(&raw, "begin 1 keep, params 1 REQUEST_METHOD=GET"));
	CU_ASSERT(raw_closed(&raw));
	raw_close(&raw);
	/* So does one who never says anything. */
	CU_ASSERT(raw_open(&raw, worker.socket));
	CU_ASSERT(raw_closed(&raw));
}

static void an_idle_connection_times_out_a_busy_one_does_not(void)
{
	CU_ASSERT(raw_gets(&raw, 1, "/async/await-one", "seconds=1", "END 1 0 COMPLETE"));
	CU_ASSERT(raw_closed(&raw));
}

/* A request that sleeps, and a record of its body that comes byte by byte. */
static void a_slow_body_is_waited_for(void)
{
	static const char header[] = {1, FCGI_TYPE_STDIN, 0, 1, 0, 100, 0, 0};
	double enough;

	CU_ASSERT(raw_send(&raw, "begin 1 keep, params 1 REQUEST_METHOD=GET&PATH_INFO="
				 "/async/await-one&QUERY_STRING=seconds=60, params-end 1"));
	CU_ASSERT(send(raw.fd, header, sizeof(header), MSG_NOSIGNAL) == sizeof(header));
	enough = now() + 1.5;
	for (int i = 0; i < 100; i++) {
		IN_TIME(send(raw.fd, "x", 1, MSG_NOSIGNAL) == 1);
		if (now() < enough)
			poll(NULL, 0, 20);
	}
	IN_TIME(raw_send(&raw, "stdin-end 1") && raw_get(&raw, 2, "/", "") &&
		raw_answers(&raw, "END 2 0 COMPLETE"));
	/* If no more of it comes, it is not. */
	raw_send(&raw, "begin 3 keep, params 3 REQUEST_METHOD=GET&PATH_INFO=/async/await-one&"
		       "QUERY_STRING=seconds=60, params-end 3");
	send(raw.fd, header, sizeof(header), MSG_NOSIGNAL);
	CU_ASSERT(raw_closed(&raw));
}

/* Half a request is not made whole by more of the same. */
static void slow_params_time_out(void)
{
	double deadline = now() + PATIENCE;

	CU_ASSERT(raw_send(&raw, "begin 1 keep"));
	while (raw_send(&raw, "params 1 A=x") && poll_again(deadline))
		;
	CU_ASSERT(now() < deadline);
}

/* The answer is there before the body: our side is closed, the other is read to its end, but no
 * longer than the header timeout. */
static void who_never_ends_its_body_is_cut_off(void)
{
	CU_ASSERT(raw_tells(&raw,
			    "begin 1, params 1 REQUEST_METHOD=POST&PATH_INFO=/, params-end 1, "
			    "stdin 1 abc",
			    "END 1 0 COMPLETE"));
	CU_ASSERT(raw_closed(&raw));
	CU_ASSERT(EVENTUALLY(process_sockets(worker.pid) == 1)); /* the listening one */
}

/* After its answer a connection has all of the idle time, however long the request took. */
static void an_answer_begins_the_idle_time(void)
{
	CU_ASSERT(raw_gets(&raw, 1, "/async/await-one", "seconds=1.2", "END 1 0 COMPLETE"));
	IN_TIME(poll(&(struct pollfd){.fd = raw.fd, .events = POLLIN}, 1, 600) == 0);
	CU_ASSERT(raw_closed(&raw));
}

/* What a rush has needed is given back: the blocks of requests that are kept for others are few. */
static void memory_comes_back_after_a_rush(void)
{
	enum { REQUESTS = 20000, MOST_KB = 6144 };
	long before;

	all_arrived(&raw);
	before = process_status(worker.pid, "VmRSS");
	CU_ASSERT(raw_open(&other, worker.socket));
	for (int i = 0; i < REQUESTS; i++)
		CU_ASSERT_FATAL(raw_get(&other, 10000 + i, "/async/await-one", "seconds=60"));
	all_arrived(&other);
	CU_ASSERT(process_status(worker.pid, "VmRSS") - before > REQUESTS || !MEMORY_COUNTS);
	raw_close(&other);
	CU_ASSERT(!MEMORY_COUNTS ||
		  EVENTUALLY(process_status(worker.pid, "VmRSS") - before < MOST_KB));
	all_arrived(&raw);
}

/* Asks until nobody takes any more questions; the worker must not keep all the answers. */
static size_t flood(void)
{
	struct stream stream = {0};
	size_t sent = 0;
	double deadline = now() + PATIENCE;
	ssize_t n;

	for (int id = 1; id <= 100; id++)
		stream_request(&stream, (uint16_t)id, FCGI_FLAG_KEEP_CONN,
			       "REQUEST_METHOD=GET&PATH_INFO=/&QUERY_STRING=");
	do {
		n = send(raw.fd, stream.bytes.data, stream.bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		sent += n > 0 ? (size_t)n : 0;
		/* In the middle of a request there is no going on with the next. */
		if (n > 0 && (size_t)n < stream.bytes.len)
			break;
	} while ((n > 0 || errno == EAGAIN) && now() < deadline);
	stream_free(&stream);
	return sent;
}

static void who_does_not_read_is_bounded_and_cut_off(void)
{
	long before;

	all_arrived(&raw);
	before = process_status(worker.pid, "VmRSS");
	CU_ASSERT(flood() < 16 << 20);
	CU_ASSERT(EVENTUALLY(process_sockets(worker.pid) == 1)); /* the listening one */
	CU_ASSERT(process_status(worker.pid, "VmRSS") - before < 8192 || !MEMORY_COUNTS);
}

/* Six times what the kernel keeps for a socket has to wait in the worker, and goes out piece by
 * piece. */
static void a_late_reader_gets_every_byte(void)
{
	enum { REQUESTS = 3000 };
	const char *at;

	for (int id = 1; id <= REQUESTS; id++)
		CU_ASSERT_FATAL(raw_get(&raw, id, "/", ""));
	CU_ASSERT_FATAL(raw_answers(&raw, "END 3000 0 COMPLETE"));
	at = raw.text.data;
	for (int id = 1; id <= REQUESTS && at; id++) {
		at = strstr(at, textf("STDOUT %d Status: 200 OK", id));
		at = at ? strstr(at, "\"cpu_bound\":\"/async/cpu-bound\"}") : NULL;
		at = at ? strstr(at, textf("END %d 0 COMPLETE", id)) : NULL;
	}
	CU_ASSERT_PTR_NOT_NULL(at);
}

static void connections_over_the_limit_wait(void)
{
	all_arrived(&raw);
	CU_ASSERT(raw_open(&other, worker.socket));
	CU_ASSERT(raw_get(&other, 1, "/", ""));
	CU_ASSERT(raw_gets(&raw, 1, "/async/await-one", "seconds=0.3", "END 1 0 COMPLETE"));
	CU_ASSERT_EQUAL(process_sockets(worker.pid), 2);
	raw_close(&raw);
	CU_ASSERT(raw_answers(&other, "END 1 0 COMPLETE"));
}

/* Its body is too large, but it has an answer already. */
static void a_begun_stream_gets_no_second_head(void)
{
	const char *head;

	CU_ASSERT(raw_tells(&raw,
			    "begin 1 keep, params 1 REQUEST_METHOD=GET&PATH_INFO=/events, "
			    "params-end 1",
			    "\"lost\":0}"));
	CU_ASSERT(raw_tells(&raw, "stdin 1 *5000, stdin-end 1", "END 1 0 COMPLETE"));
	head = strstr(raw.text.data, "Status: ");
	CU_ASSERT_PTR_NOT_NULL_FATAL(head);
	CU_ASSERT_PTR_NULL(strstr(head + 1, "Status: "));
	CU_ASSERT_PTR_NULL(strstr(raw.text.data, "Too Large"));
}

static void garbage_ends_the_connection_only(void)
{
	CU_ASSERT(raw_open(&other, worker.socket));
	CU_ASSERT(send(raw.fd, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL) == 18);
	CU_ASSERT(raw_closed(&raw));
	all_arrived(&other);
}

static const struct test tests[] = {
	{"GET_VALUES tells the limits", values_are_told,
	 STRINGS("--max-conns", "7", "--max-reqs", "9")},
	{"ABORT ends a sleeping request, the connection goes on", an_abort_ends_a_sleep},
	{"100 requests share a connection, each ends in its time", a_hundred_share_a_connection},
	{"one request more than --conn-requests is OVERLOADED", one_request_too_many,
	 STRINGS("--conn-requests", "2")},
	{"one request more than --max-reqs is a 503", the_worker_is_full,
	 STRINGS("--max-reqs", "2")},
	{"requests that only begin count, too", the_worker_is_full_of_beginnings,
	 STRINGS("--max-reqs", "16")},
	{"a job more than --thread-queue is a 503 at once", the_queue_is_full,
	 STRINGS("--threads", "1", "--thread-queue", "2")},
	{"queued work of a lost connection never runs", queued_work_of_a_lost_connection_never_runs,
	 STRINGS("--threads", "1")},
	{"half a request, and none, time out", half_a_request_times_out,
	 STRINGS("--header-timeout", "0.3")},
	{"an idle connection times out, a sleeping request does not",
	 an_idle_connection_times_out_a_busy_one_does_not, STRINGS("--idle-timeout", "0.3")},
	{"a body may be slow as long as it keeps coming", a_slow_body_is_waited_for,
	 STRINGS("--header-timeout", "0.5")},
	{"params that keep coming do not put off the header timeout", slow_params_time_out,
	 STRINGS("--header-timeout", "0.3")},
	{"who never ends its body is cut off after the answer", who_never_ends_its_body_is_cut_off,
	 STRINGS("--header-timeout", "0.3", "--idle-timeout", "600")},
	{"an answer begins the idle time", an_answer_begins_the_idle_time,
	 STRINGS("--idle-timeout", "1")},
	{"memory comes back after a rush", memory_comes_back_after_a_rush,
	 STRINGS("--conn-requests", "20001", "--max-reqs", "20001")},
	{"a peer that does not read is bounded, and cut off",
	 who_does_not_read_is_bounded_and_cut_off,
	 STRINGS("--output-limit", "65536", "--send-timeout", "0.5")},
	{"a late reader gets every byte", a_late_reader_gets_every_byte,
	 STRINGS("--output-limit", "16777216")},
	{"connections over --max-conns wait", connections_over_the_limit_wait,
	 STRINGS("--max-conns", "1")},
	{"a stream that has begun gets no second head", a_begun_stream_gets_no_second_head,
	 STRINGS("--routes", "admin", "--stdin-limit", "4096")},
	{"garbage ends the connection, not the worker", garbage_ends_the_connection_only},
};

const struct suite fastcgi_suite = {
	"fastcgi", tests, COUNT(tests), .before = before, .after = after,
};

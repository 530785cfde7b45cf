/* Calls to another service, which does what it can: support/upstream.h. */
#include "client/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/memory.h"
#include "../support/process.h"
#include "../support/upstream.h"
#include "alone.h"
#include "asking.h"
#include "base/budget.h"
#include "caught.h"
#include "client/fetch_limits.h"
#include "http/reply.h"
#include "resolver.h"
#include "scoreboard/board_reader.h"

extern _Atomic uint64_t clock_ahead; /* test_volley.c: nanoseconds that uv_hrtime() is */

/* ---- answers ---- */

static void an_answer_is_its_status_its_headers_and_its_content(void)
{
	const struct fetch *f = ask_one("/ok");

	CU_ASSERT_EQUAL(f->error, 0);
	CU_ASSERT_EQUAL(f->status, 200);
	IS(f->content, "hello");
	CU_ASSERT_EQUAL(f->content.data[5], '\0');
	IS(fetch_header(f, "content-type"), "text/plain");
	IS(fetch_header(f, "X-Twice"), "one");
	IS(fetch_header(f, "X-Empty"), "");
	CU_ASSERT_PTR_NULL(fetch_header(f, "X-Tw").data);
	CU_ASSERT_PTR_NULL(fetch_header(f, "X-None").data);
	CU_ASSERT_STRING_EQUAL(f->why, "");
	HAS(upstream_asked(), "GET /ok HTTP/1.1\r\n");
	HAS(upstream_asked(), "\r\ntraceparent: 00-");
	LACKS(upstream_asked(), "content-type");
	LACKS(upstream_asked(), "user-agent");
	LACKS(upstream_asked(), "encoding");
	finish();
}

static void what_is_asked_is_sent(void)
{
	const struct fetch *f = &calls[0];

	begin_with(1);
	add("/echo?a=b")->headers =
		STRINGS("X-Mine: yes", "Content-Type: text/csv", "traceparent: its own", "Accept:");
	calls[0].body = slice_of("some,body");
	ask_all();
	CU_ASSERT_EQUAL(f->status, 200);
	HAS(f->content.data, "POST /echo?a=b HTTP/1.1\r\n");
	HAS(f->content.data, "\r\nContent-Length: 9\r\n");
	HAS(f->content.data, "\r\nX-Mine: yes\r\n");
	HAS(f->content.data, "\r\nContent-Type: text/csv\r\n");
	HAS(f->content.data, "\r\ntraceparent: its own\r\n");
	HAS(f->content.data, "\r\n\r\nsome,body");
	LACKS(f->content.data, "traceparent: 00");
	LACKS(f->content.data, "accept:");
	LACKS(f->content.data, "expect:");
	finish();
}

static void every_method_is_sent(void)
{
	static const struct {
		const char *method;
		const char *body;
		const char *line;
		bool has_length;
	} rows[] = {
		{"GET", "", "GET /echo"},
		{"DELETE", "", "DELETE /echo"},
		{"OPTIONS", "", "OPTIONS /echo"},
		{"POST", "", "POST /echo", true},
		{"PUT", "", "PUT /echo", true},
		{"PATCH", "x", "PATCH /echo", true},
		{"PUT", "x", "PUT /echo", true},
		{"DELETE", "x", "DELETE /echo", true},
		{"GET", "x", "GET /echo", true},
		{"PROPFIND", "", "PROPFIND /echo"},
		{"M-SEARCH", "x", "M-SEARCH /echo", true},
	};

	begin_with(1);
	for (size_t i = 0; i < COUNT(rows); i++) {
		add("/echo")->method = rows[i].method;
		calls[i].body = slice_of(rows[i].body);
	}
	ask_all();
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *got = calls[i].content.data;

		CU_ASSERT_EQUAL(calls[i].status, 200);
		CU_ASSERT_EQUAL(strncmp(got, rows[i].line, strlen(rows[i].line)), 0);
		CU_ASSERT_EQUAL(strstr(got, "Content-Length: ") != NULL, rows[i].has_length);
		CU_ASSERT_EQUAL(strstr(got, "\r\n\r\nx") != NULL, rows[i].body[0] == 'x');
	}
	finish();
}

static void a_large_body_is_sent(void)
{
	enum { LARGE = 8 << 20 };
	static char body[LARGE];
	static const char *const methods[] = {"POST", "PUT"};

	for (size_t i = 0; i < COUNT(methods); i++) {
		begin_with(1);
		memset(body, 'b', sizeof(body));
		add("/echo")->method = methods[i];
		calls[0].body = (struct slice){body, sizeof(body)};
		ask_all();
		CU_ASSERT_EQUAL(calls[0].status, 200);
		HAS(calls[0].content.data, "\r\nContent-Length: 8388608\r\n");
		LACKS(calls[0].content.data, "Expect");
		finish();
	}
}

static void every_kind_of_answer_is_one(void)
{
	static const struct {
		const char *path;
		const char *method;
		int status;
		const char *content;
		const char *header;
		const char *value;
	} rows[] = {
		{"/status/204", "GET", 204, ""},
		{"/status/304", "GET", 304, ""},
		{"/status/404", "GET", 404, "as you like"},
		{"/status/503", "GET", 503, "as you like"},
		{"/ok", "HEAD", 200, "", "Content-Length", "5"},
		{"/size/0", "GET", 200, ""},
		{"/huge", "HEAD", 200, "", "Content-Length", "1000000000"},
		{"/chunked", "GET", 200, "hello", "X-Trailer", "there"},
		{"/close", "GET", 200, "until it closes"},
		{"/interim", "GET", 200, "hello", "X-Final", "yes"},
		{"/gzip", "GET", 200, "\x1f\x8b packed", "Content-Encoding", "gzip"},
		{"/redirect/302/ok", "GET", 302, "see there", "Location", "ok"},
	};

	begin_with(1);
	for (size_t i = 0; i < COUNT(rows); i++)
		add(rows[i].path)->method = rows[i].method;
	ask_all();
	for (size_t i = 0; i < COUNT(rows); i++) {
		CU_ASSERT_EQUAL(calls[i].error, 0);
		CU_ASSERT_EQUAL(calls[i].status, rows[i].status);
		IS(calls[i].content, rows[i].content);
		if (rows[i].header)
			IS(fetch_header(&calls[i], rows[i].header), rows[i].value);
		CU_ASSERT_PTR_NULL(fetch_header(&calls[i], "X-Hint").data);
	}
	finish();
}

/* ---- what goes wrong ---- */

static void what_goes_wrong_can_be_told_apart(void)
{
	static const struct {
		const char *path;
		int error;
	} rows[] = {
		{"http://127.0.0.1:1/refused", -ECONNREFUSED},
		{"http://[::1]:1/refused", -ECONNREFUSED},
		{"http://gone.test/", -ENOENT},
		{"http://silent.test/", -EHOSTUNREACH},
		{"/shut", -ECONNRESET},
		{"/cut", -ECONNRESET},
		{"/reset", -ECONNRESET},
		{"/garbage", -EBADMSG},
		{"/old", -EBADMSG},
		{"/headers", -EFBIG},
		{"/huge", -EFBIG},
		{"/endless", -EFBIG},
		{"/size/1048577", -EFBIG},
		{"ftp://127.0.0.1/", -EINVAL},
		{"file:///etc/passwd", -EINVAL},
		{"127.0.0.1", -EINVAL},
		{"http://", -EINVAL},
		{"http://127.0.0.1/a b", -EINVAL},
		{"http://127.0.0.1/\r\nX: y", -EINVAL},
		{"http://b\xc3\xbc"
		 "cher.test/",
		 -EINVAL},
		{"http://127.0.0.1:99999/", -EINVAL},
		{"", -EINVAL},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct fetch *f = ask_one(rows[i].path);

		if (f->error != rows[i].error)
			printf("    %s: %s, %s\n", rows[i].path, strerror(-f->error), f->why);
		CU_ASSERT_EQUAL(f->error, rows[i].error);
		CU_ASSERT_EQUAL(failed, rows[i].error);
		CU_ASSERT_EQUAL(f->status, 0);
		CU_ASSERT_EQUAL(f->content.len, 0);
		CU_ASSERT_PTR_NULL(fetch_header(f, "Content-Length").data);
		finish();
	}
}

/* ---- bounds ---- */

static void an_answer_may_be_as_long_as_its_limit(void)
{
	static const struct {
		const char *path;
		size_t limit;
		int error;
	} rows[] = {
		{"/size/10", 10, 0},
		{"/size/11", 10, -EFBIG},
		{"/size/1048576", 0, 0},
		{"/size/5000000", 5000000, 0},
		{"/chunked", 5, 0},
		{"/chunked", 4, -EFBIG},
		{"/redirect/302/ok", 8, -EFBIG},
		{"/echo", SIZE_MAX, 0},
	};

	begin_with(1);
	for (size_t i = 0; i < COUNT(rows); i++)
		add(rows[i].path)->limit = rows[i].limit;
	ask_all();
	for (size_t i = 0; i < COUNT(rows); i++)
		CU_ASSERT_EQUAL(calls[i].error, rows[i].error);
	CU_ASSERT_EQUAL(calls[3].content.len, 5000000);
	finish();
}

static void what_it_holds_is_of_the_request_s_budget(void)
{
	static const struct {
		size_t limit;
		const char *path;
		int error;
	} rows[] = {{1000, "/ok", -ENOMEM}, {100000, "/ok", 0}, {100000, "/size/500000", -ENOMEM}};

	struct caught caught;

	for (size_t i = 0; i < COUNT(rows); i++) {
		begin_with(1);
		budget.kind->limit = rows[i].limit;
		add(rows[i].path);
		caught_begin();
		ask_all();
		caught_end(&caught);
		CU_ASSERT_EQUAL(caught_one_line(&caught, "memory-limit"), rows[i].error != 0);
		CU_ASSERT_EQUAL(calls[0].error, rows[i].error);
		CU_ASSERT(budget.used <= rows[i].limit);
		finish();
	}
}

static void it_is_not_waited_for_longer_than_it_says(void)
{
	static const char *const paths[] = {"/silent", "/drip", "/late/60000", "http://slow.test/",
					    "/gate"};

	for (size_t i = 0; i < COUNT(paths); i++) {
		begin_with(1);
		add(paths[i])->within = 0.05;
		ask_all();
		CU_ASSERT_EQUAL(calls[0].error, -ETIMEDOUT);
		CU_ASSERT_STRING_EQUAL(calls[0].why, "not all of it in time");
		let_name_go();
		finish();
	}
}

static void who_is_late_is_left_out(void)
{
	begin_with(1);
	add("/ok");
	add("/late/60000");
	add("/size/5");
	within = 0.1;
	ask_all();
	CU_ASSERT_EQUAL(failed, -ETIMEDOUT);
	IS(calls[0].content, "hello");
	CU_ASSERT_EQUAL(calls[1].error, -ETIMEDOUT);
	CU_ASSERT_EQUAL(calls[1].status, 0);
	IS(calls[2].content, "xxxxx");
	finish();
}

static void connections_are_used_again(void)
{
	ask_one("/ok");
	for (int i = 0; i < 9; i++)
		ask_again();
	CU_ASSERT_EQUAL(calls[0].status, 200);
	CU_ASSERT_EQUAL(upstream.requests, 10);
	CU_ASSERT_EQUAL(upstream.connections, 1);
	finish();
}

static void idle_ones_are_closed(void)
{
	fetch_limits.idle = 0.05;
	ask_one("/ok");
	CU_ASSERT_EQUAL(upstream.open, 1);
	CU_ASSERT(EVENTUALLY(after_a_turn(!upstream.open)));
	ask_again();
	CU_ASSERT_EQUAL(calls[0].status, 200);
	CU_ASSERT_EQUAL(upstream.connections, 2);
	fetch_limits.idle = 30;
	finish();
}

static void let_go(int n)
{
	while (n--)
		sem_post(&upstream.gate);
}

static void await_arrivals(int n)
{
	CU_ASSERT_FATAL(EVENTUALLY(after_a_turn(upstream.requests >= n)));
}

static void so_many_at_once_are_enough(void)
{
	static const struct fetch_limits before = {512, 128, 1024, 30, NULL};

	begin_with(1);
	fetch_limits.most = 5;
	fetch_limits.host = 3;
	fetch_limits.queue = 8;
	for (int i = 0; i < 9; i++)
		add("/gate");
	/* Others do not wait behind those, as long as there is room for them. */
	add(textf("http://[::1]:%u/gate", upstream.port));
	add(textf("http://127.1:%u/gate", upstream.port));
	add(textf("http://here.test:%u/gate", upstream.port));
	add(textf("http://here.test:%u/gate", upstream.port));
	start_asking();
	await_arrivals(upstream.has_v6 ? 5 : 4);
	turn();
	CU_ASSERT_EQUAL(upstream.requests, upstream.has_v6 ? 5 : 4);
	CU_ASSERT_EQUAL(outcomes[11], 1);
	CU_ASSERT_EQUAL(outcomes[12], -EAGAIN);
	let_go(20);
	turn_until(&finished, 1);
	CU_ASSERT(upstream.most <= 5);
	for (int i = 0; i < 12; i++)
		CU_ASSERT(calls[i].status == 200 || (i == 9 && !upstream.has_v6));
	fetch_limits = before;
	finish();
}

static void a_thousand_go_beside_each_other(void)
{
	begin_with(1);
	while (count < 1000)
		add(count % 2 ? "/ok" : textf("http://here.test:%u/ok", upstream.port))->within =
			120;
	ask_all();
	CU_ASSERT_EQUAL(failed, 0);
	for (int i = 0; i < count; i++)
		CU_ASSERT_EQUAL(calls[i].status, 200);
	CU_ASSERT_EQUAL(upstream.requests, 1000);
	CU_ASSERT(upstream.most <= 256);
	finish();
}

/* ---- names ---- */

/* curl has a resolver of its own, on threads of its own. */
static void names_are_looked_up_once_and_never_by_curl(void)
{
	static const char *const hosts[] = {"here.test", "HERE.test",  "both.test",
					    "127.1",	 "0x7f000001", "here.test"};
	int asked = resolver_asked;

	begin_with(1);
	for (size_t i = 0; i < COUNT(hosts); i++)
		add(textf("http://%s:%u/echo", hosts[i], upstream.port));
	ask_all();
	ask_again();
	for (size_t i = 0; i < COUNT(hosts); i++)
		CU_ASSERT_EQUAL(calls[i].status, 200);
	HAS(calls[0].content.data, "\r\nHost: here.test:");
	CU_ASSERT_EQUAL(resolver_asked, asked + 2);
	CU_ASSERT_TRUE(resolver_is_ours);
	finish();
}

static void an_odd_name_is_looked_up_by_us_as_well(void)
{
	static const char *const hosts[] = {"here.test.", "here%2etest", "localhost", "LOCALHOST"};

	for (size_t i = 0; i < COUNT(hosts); i++) {
		int asked = resolver_asked;

		begin_with(1);
		add(textf("http://%s:%u/ok", hosts[i], upstream.port));
		ask_all();
		CU_ASSERT_EQUAL(calls[0].status, 200);
		CU_ASSERT_EQUAL(resolver_asked, asked + 1);
		finish();
	}
}

static void an_address_is_asked_for_again_after_a_minute(void)
{
	static const struct {
		uint64_t seconds;
		int more; /* lookups */
	} rows[] = {{59, 0}, {61, 1}, {1000, 1}};

	for (size_t i = 0; i < COUNT(rows); i++) {
		int asked;

		begin_with(1);
		add(textf("http://here.test:%u/ok", upstream.port))->within = 5000;
		ask_all();
		asked = resolver_asked;
		clock_ahead = rows[i].seconds * 1000000000;
		ask_again();
		CU_ASSERT_EQUAL(calls[0].status, 200);
		CU_ASSERT(EVENTUALLY(after_a_turn(resolver_asked == asked + rows[i].more)));
		clock_ahead = 0;
		finish();
	}
}

static uint64_t cpu_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int turns; /* of the loop, until the first call has ended */

/* Nanoseconds of CPU that the longest of them takes. */
static uint64_t longest_turn(void)
{
	uint64_t most = 0;

	for (turns = 0; outcomes[0] == 1; turns++) {
		uint64_t begun = cpu_time();

		uv_run(&loop, UV_RUN_ONCE);
		begun = cpu_time() - begun;
		if (begun > most)
			most = begun;
	}
	return most;
}

/* Whoever would wait for the name's thread would wait for ever. */
static void a_name_that_never_resolves_holds_nobody(void)
{
	begin_with(1);
	add("http://slow.test/")->within = 0.1;
	add("http://slow.test/other")->within = 1000;
	start_asking();
	entered();
	IN_TIME(longest_turn() < 1000000);
	CU_ASSERT_EQUAL(outcomes[0], -ETIMEDOUT);
	cancel(asking);
	CU_ASSERT_EQUAL(outcomes[1], -ETIMEDOUT); /* what has failed first */
	CU_ASSERT_EQUAL(work.ran, 1);
	let_name_go();
	finish();
}

/* curl reads a hundred pieces of 16 KB at once, if they are there, and calls back for each header
 * and each chunk: these are as small as can be. */
static void nor_does_another_service_whatever_it_does(void)
{
	static const struct {
		const char *path;
		size_t limit; /* of the answer; 0: the usual one */
		int error;
		uint64_t most; /* milliseconds of a turn */
		int turns;     /* at least */
	} rows[] = {
		{"http://127.0.0.1:1/refused", 0, -ECONNREFUSED, 1, 1},
		{"/silent", 0, -ETIMEDOUT, 1, 1},
		{"/drip", 0, -ETIMEDOUT, 1, 1},
		{"/huge", 0, -EFBIG, 1, 1},
		{"/reset", 0, -ECONNRESET, 1, 1},
		{"/cut", 0, -ECONNRESET, 1, 1},
		{"/headers", 0, -EFBIG, 4, 1},
		{"/endless", 64 << 20, -EFBIG, 100, 20},
	};

	bool counts = MEMORY_COUNTS && !machine_is_valgrind(); /* time does, too */

	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t most;

		begin_with(1);
		add(rows[i].path)->within = rows[i].error == -ETIMEDOUT ? 0.1 : 60;
		calls[0].limit = counts ? rows[i].limit : 0;
		start_asking();
		most = longest_turn();
		turn_until(&finished, 1);
		if (most >= 1000000)
			printf("    %s: %.2f ms in one of %d turns\n", rows[i].path,
			       (double)most / 1e6, turns);
		IN_TIME(most < rows[i].most * 1000000 || !counts);
		CU_ASSERT(turns >= rows[i].turns || !counts);
		CU_ASSERT_EQUAL(outcomes[0], rows[i].error);
		finish();
	}
}

/* ---- who leaves ---- */

static void a_client_may_leave_at_any_time(void)
{
	static const char *const paths[] = {"/silent", "/drip",	   "/headers", "/huge",
					    "/ok",     "/chunked", "/loop",    "http://slow.test/"};

	for (size_t i = 0; i < COUNT(paths); i++)
		for (int turns = 0; turns < 12; turns++) {
			begin_with(1);
			for (int n = 0; n < 3; n++) {
				add(paths[i])->redirects = 1000;
				calls[n].limit = 1 << 24;
			}
			fetch_limits.host = 2;
			start_asking();
			for (int n = 0; n < turns && !finished; n++)
				turn();
			if (!finished)
				cancel(asking);
			if (i < 2) /* no answer is whole: no connection stays */
				CU_ASSERT(EVENTUALLY(after_a_turn(!upstream.open)));
			fetch_limits.host = 128;
			let_name_go();
			finish();
		}
}

static void a_loop_may_close_with_calls_in_flight(void)
{
	static const char *const paths[] = {"/silent", "/drip", "/huge", "http://slow.test/"};

	begin_with(1);
	fetch_limits.host = 2;
	for (size_t i = 0; i < COUNT(paths); i++)
		for (int n = 0; n < 3; n++)
			add(paths[i])->limit = 1 << 24;
	start_asking();
	entered();
	await_arrivals(2);
	let_name_go();
	end(0);
	for (int i = 0; i < count; i++)
		CU_ASSERT_EQUAL(outcomes[i], -ECANCELED);
	cancel(asking);
	request_unref(asking);
	CU_ASSERT_EQUAL(released, 1);
	CU_ASSERT_EQUAL(budget.used, 0);
	fetch_limits.host = 128;
	upstream_end();
}

/* ---- redirects ---- */

static void redirects_are_followed_if_that_is_asked_for(void)
{
	static const struct {
		const char *path;
		int most;
		int status;
		int error;
	} rows[] = {
		{"/redirect/302//ok", 1, 200},
		{"/redirect/301/../../ok", 1, 200},
		{"/redirect/302//redirect/307//ok", 2, 200},
		{"/redirect/302//redirect/307//ok", 1, 0, -ELOOP},
		{"/redirect/302//ok", 0, 302},
		{"/redirect/304//ok", 1, 304},
		{"/status/302", 1, 302},
		{"/loop", 20, 0, -ELOOP},
		{"/redirect/302/ftp://127.0.0.1/", 1, 0, -EACCES},
		{"/redirect/302/file:///etc/passwd", 1, 0, -EACCES},
		{"/redirect/302/http://gone.test/", 1, 0, -ENOENT},
		{"/redirect/302/http://127.0.0.1:1/", 1, 0, -ECONNREFUSED},
	};

	begin_with(1);
	for (size_t i = 0; i < COUNT(rows); i++)
		add(rows[i].path)->redirects = rows[i].most;
	ask_all();
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (calls[i].error != rows[i].error || calls[i].status != rows[i].status)
			printf("    %s: %d, %s\n", rows[i].path, calls[i].status, calls[i].why);
		CU_ASSERT_EQUAL(calls[i].error, rows[i].error);
		CU_ASSERT_EQUAL(calls[i].status, rows[i].status);
	}
	finish();
}

static void what_is_sent_on_is_not_more_than_may_be(void)
{
	static const struct {
		int status;
		const char *method;
		bool elsewhere;
		const char *line;
		bool has_body;
	} rows[] = {
		{301, "POST", false, "GET /echo"},	 {302, "POST", true, "GET /echo"},
		{303, "PUT", false, "GET /echo"},	 {307, "POST", false, "POST /echo", true},
		{308, "POST", true, "POST /echo", true}, {302, "PUT", false, "PUT /echo", true},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *got;

		begin_with(1);
		add(textf("/redirect/%d/http://%s:%u/echo", rows[i].status,
			  rows[i].elsewhere ? "here.test" : "127.0.0.1", upstream.port));
		calls[0].redirects = 1;
		calls[0].method = rows[i].method;
		calls[0].body = slice_of("body");
		calls[0].headers =
			STRINGS("Authorization: Bearer x", "Cookie: y=z",
				"Content-Type: text/plain", "X-Kept: yes", "Host: own.example");
		ask_all();
		got = calls[0].content.data;
		CU_ASSERT_EQUAL_FATAL(calls[0].status, 200);
		CU_ASSERT_EQUAL(strncmp(got, rows[i].line, strlen(rows[i].line)), 0);
		CU_ASSERT_EQUAL(strstr(got, "\r\n\r\nbody") != NULL, rows[i].has_body);
		CU_ASSERT_EQUAL(strstr(got, "text/plain") != NULL, rows[i].has_body);
		CU_ASSERT_EQUAL(strstr(got, "Bearer x") != NULL, !rows[i].elsewhere);
		CU_ASSERT_EQUAL(strstr(got, "y=z") != NULL, !rows[i].elsewhere);
		CU_ASSERT_EQUAL(strstr(got, "own.example") != NULL, !rows[i].elsewhere);
		HAS(got, "X-Kept: yes");
		finish();
	}
}

static void a_post_is_never_sent_twice(void)
{
	static const struct {
		const char *method;
		const char *body;
		int requests;
	} rows[] = {{"GET", "", 3},
		    {"PUT", "x", 3},
		    {"POST", "x", 2},
		    {"POST", "", 2},
		    {"PATCH", "x", 2}};

	for (size_t i = 0; i < COUNT(rows); i++) {
		ask_one("/ok");
		calls[0].url = slice_of(upstream_url("/shut"));
		calls[0].method = rows[i].method;
		calls[0].body = slice_of(rows[i].body);
		ask_again();
		CU_ASSERT_EQUAL(calls[0].error, -ECONNRESET);
		CU_ASSERT_EQUAL(upstream.requests, rows[i].requests);
		finish();
	}
}

static void who_answers_before_the_body_is_heard(void)
{
	static char body[8 << 20];

	begin_with(1);
	add("/early")->body = (struct slice){body, sizeof(body)};
	ask_all();
	CU_ASSERT(calls[0].status == 413 || calls[0].error == -ECONNRESET);
	finish();
}

/* ---- what is held ---- */

struct rounds {
	struct fetch call;
	int n;
	size_t used;
};

static void ask_often(struct request *req)
{
	struct rounds *f = FRAME(req, struct rounds);

	ASYNC_BEGIN(req);
	for (; f->n < 100; f->n++) {
		if (f->n % 2) {
			fetch_release(&f->call);
			f->call = (struct fetch){.method = "GET"};
		}
		f->call.url = slice_of(upstream_url("/size/3000"));
		AWAIT(req, fetch(req, &f->call));
		CU_ASSERT_EQUAL(f->call.content.len, 3000);
		if (f->n == 1)
			f->used = budget.used;
	}
	CU_ASSERT_EQUAL(f->used, budget.used);
	reply_bytes(req, 200, "text/plain", slice_of("done"));
	ASYNC_END(req);
}

static void calls_take_no_more_memory_the_more_there_were(void)
{
	begin_with(1);
	asking = request_new(HANDLER(ask_often));
	asking->budget = &budget;
	request_ref(asking);
	request_resume(asking, uv_hrtime());
	turn_until(&finished, 1);
	CU_ASSERT_EQUAL(answered, 200);
	CU_ASSERT_EQUAL(upstream.requests, 100);
	finish();
}

static void ask_twice_at_once(struct request *req)
{
	int *error = request_frame(req, sizeof(*error));

	ASYNC_BEGIN(req);
	gather_add_fetch(req, &calls[0], &outcomes[0]);
	req->co.tries = true;
	gather_add_fetch(req, &calls[0], &outcomes[1]);
	TRY_AWAIT(req, *error, gather(req));
	CU_ASSERT_EQUAL(*error, -EBUSY);
	reply_bytes(req, 200, "text/plain", slice_of("done"));
	ASYNC_END(req);
}

static void one_struct_is_one_call_at_a_time(void)
{
	begin_with(1);
	add("/ok");
	asking = start(HANDLER(ask_twice_at_once));
	turn_until(&finished, 1);
	CU_ASSERT_EQUAL(outcomes[0], 0);
	CU_ASSERT_EQUAL(outcomes[1], -EBUSY);
	end(1);
	upstream_end();
}

/* ---- handlers ---- */

static void just_fetch(struct request *req)
{
	ASYNC_BEGIN(req);
	AWAIT(req, fetch(req, &calls[0]));
	reply_bytes(req, 200, "text/plain", calls[0].content);
	ASYNC_END(req);
}

static void a_failure_is_the_answer_of_who_does_not_try(void)
{
	static const struct {
		const char *path;
		int status;
		bool retry;
	} rows[] = {
		{"/ok", 200},
		{"/status/404", 200},
		{"/silent", 504},
		{"http://127.0.0.1:1/", 503, true},
		{"http://gone.test/", 502},
		{"/cut", 502},
		{"/huge", 502},
		{"/garbage", 502},
		{"/loop", 502},
		{"/redirect/302/ftp://x/", 502},
		{"nonsense", 500},
	};
	struct caught caught;

	for (size_t i = 0; i < COUNT(rows); i++) {
		begin_with(1);
		add(rows[i].path)->within = 0.2;
		calls[0].redirects = 3;
		caught_begin();
		start(HANDLER(just_fetch));
		turn_until(&finished, 1);
		caught_end(&caught);
		/* The log has so many such lines in a second, and no more. */
		CU_ASSERT(!strstr(caught.text, "event=await-failed await=") ||
			  strstr(caught.text, "event=await-failed await=\"fetch "));
		if (answered != rows[i].status)
			printf("    %s: %d\n", rows[i].path, answered);
		CU_ASSERT_EQUAL(answered, rows[i].status);
		CU_ASSERT_EQUAL(retry_after, rows[i].retry);
		end(1);
		upstream_end();
	}
}

static void ask_beside(struct request *beside, void *frame)
{
	ASYNC_BEGIN(beside);
	AWAIT(beside, fetch(beside, frame));
	ASYNC_END(beside);
}

static void ask_in_calls(struct request *req)
{
	ASYNC_BEGIN(req);
	gather_add_call(req, ask_beside, &calls[0], NULL);
	gather_add_call(req, ask_beside, &calls[1], NULL);
	AWAIT(req, gather(req));
	CU_ASSERT_EQUAL(calls[0].status, 200);
	reply_bytes(req, 200, "text/plain", calls[1].content);
	ASYNC_END(req);
}

static void functions_beside_each_other_fetch_as_well(void)
{
	begin_with(1);
	add("/ok");
	add("/ok");
	start(HANDLER(ask_in_calls));
	turn_until(&finished, 1);
	CU_ASSERT_EQUAL(answered, 200);
	end(1);
	upstream_end();
}

static void without_threads_it_works_as_well(void)
{
	begin_with(0);
	add("/ok");
	add(textf("http://here.test:%u/ok", upstream.port));
	add("http://gone.test/");
	ask_all();
	CU_ASSERT_EQUAL(calls[0].status, 200);
	CU_ASSERT_EQUAL(calls[1].status, 200);
	CU_ASSERT_EQUAL(calls[2].error, -ENOENT);
	finish();
}

static void proxies_of_the_environment_are_not_used(void)
{
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("all_proxy", "http://127.0.0.1:1", 1);
	CU_ASSERT_EQUAL(ask_one("/ok")->status, 200);
	unsetenv("http_proxy");
	unsetenv("all_proxy");
	finish();
}

static void it_is_part_of_the_request_s_trace(void)
{
	variables =
		STRINGS("HTTP_TRACEPARENT=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
	ask_one("/ok");
	variables = NULL;
	HAS(upstream_asked(), "\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-");
	finish();
}

/* Of the one call there was: the name in its span, of so many nanoseconds. */
static uint64_t its_span(char *name)
{
	struct span spans[16];
	uint64_t next = 0;
	size_t n = board_spans(&board, &next, spans, COUNT(spans), NULL);
	uint64_t duration = 0;

	for (size_t i = 0; i < n; i++)
		if (spans[i].kind == SPAN_FETCH) {
			CU_ASSERT_EQUAL(duration, 0);
			duration = spans[i].duration;
			span_thing_name(&board, SPAN_FETCH, spans[i].thing, name);
		}
	return duration;
}

static void what_is_called_is_seen(void)
{
	static const struct {
		const char *url; /* %u: the port */
		const char *name;
		int error;
	} rows[] = {
		{"http://here.test:%u/late/5", "fetch here.test:%u"},
		{"http://127.0.0.1:%u/silent", "fetch 127.0.0.1:%u", -ETIMEDOUT},
		{"http://[::1]:1/", "fetch [::1]:1", -ECONNREFUSED},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char name[SPAN_NAME];
		char wanted[SPAN_NAME];
		struct buffer head = {0};

		begin_with(1);
		snprintf(urls[0], sizeof(urls[0]), rows[i].url, upstream.port);
		snprintf(wanted, sizeof(wanted), rows[i].name, upstream.port);
		calls[count++].url = slice_of(urls[0]);
		within = 0.2;
		start_asking();
		CU_ASSERT_EQUAL(board_get(&board.waits[0].now), 1);
		turn_until(&finished, 1);
		CU_ASSERT_EQUAL(calls[0].error, rows[i].error);
		CU_ASSERT_EQUAL(board_get(&board.waits[0].now), 0);
		CU_ASSERT_EQUAL(its_span(name), asking->co.times.fetch);
		CU_ASSERT(asking->co.times.fetch >= (i ? 0 : 5000000));
		CU_ASSERT_STRING_EQUAL(name, wanted);
		reply_head(asking, slice_of("loop-1"), &head);
		buffer_append(&head, "", 1);
		HAS(head.data, "fetch;dur=");
		buffer_free(&head);
		finish();
	}
}

static void wrong_headers_and_methods_are_refused(void)
{
	static const char *const headers[] = {"X: a\r\nY: b",
					      "X",
					      "X y: z",
					      ": x",
					      "X: \n",
					      "Content-Length: 5",
					      "transfer-encoding: chunked"};
	static const char *const methods[] = {"", "GET /", "G\r\n", "CONNECT",
					      "AVERYLONGMETHODNAME"};

	for (size_t i = 0; i < COUNT(methods) + COUNT(headers); i++) {
		const char *lines[] = {NULL, NULL};

		begin_with(1);
		add("/ok")->headers = lines;
		if (i < COUNT(methods))
			calls[0].method = methods[i];
		else
			lines[0] = headers[i - COUNT(methods)];
		ask_all();
		CU_ASSERT_EQUAL(calls[0].error, -EINVAL);
		CU_ASSERT_EQUAL(upstream.requests, 0);
		finish();
	}
}

/* ---- what runs out ---- */

static void without_a_descriptor_it_fails(void)
{
	struct rlimit before;
	struct rlimit none;

	ask_one("/ok"); /* all that it opens once is open */
	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = (rlim_t)dup(0);
	close((int)none.rlim_cur);
	calls[0].url = slice_of(textf("http://here.test:%u/ok", upstream.port));
	setrlimit(RLIMIT_NOFILE, &none);
	ask_again();
	setrlimit(RLIMIT_NOFILE, &before);
	CU_ASSERT_EQUAL(calls[0].error, -EMFILE);
	finish();
}

static long try_without_memory(void (*how)(long n), long n)
{
	begin_with(0);
	add("/redirect/302//ok")->redirects = 1;
	add(textf("http://here.test:%u/size/20000", upstream.port))->body = slice_of("x");
	asking = request_new(HANDLER(ask_them));
	asking->budget = &budget;
	request_ref(asking);
	how(n);
	request_resume(asking, uv_hrtime());
	turn_until(&finished, 1);
	memory_restore();
	for (int i = 0; i < 2 && answered == 200; i++)
		CU_ASSERT(calls[i].error || calls[i].status == 200);
	n = answered == 200 && !failed;
	/* curl has other words for it now and then. */
	CU_ASSERT(answered == 503 || !failed || failed == -ENOMEM || failed == -EACCES ||
		  failed == -EINVAL || failed == -ECONNRESET);
	finish();
	return n;
}

static void without_memory_it_fails(void)
{
	static void (*const ways[])(long n) = {memory_fail_after, memory_fail_once_after};

	for (size_t i = 0; i < COUNT(ways); i++) {
		long n = 0;

		for (int whole = 0; whole < 3; n++)
			whole = try_without_memory(ways[i], n) ? whole + 1 : 0;
		CU_ASSERT(n > 20);
	}
}

/* ---- URLs ---- */

static void make_urls(struct request *req)
{
	IS(fetch_url(req, "%s/items/%s?n=%d&x=%lld&z=%zu&u=%u", "http://a:1/b", "a b/c?d&e%", -5,
		     12345678901234LL, (size_t)7, 8u),
	   "http://a:1/b/items/a%20b%2Fc%3Fd%26e%25?n=-5&x=12345678901234&z=7&u=8");
	IS(fetch_url(req, "%.*s/%.*s%%", 8, "http://ab", 3, "\xc3\xa4~b"), "http://a/%C3%A4~%");
	IS(fetch_url(req, "http://a/%s", ""), "http://a/");
	CU_ASSERT_PTR_NULL(fetch_url(req, "http://a/%x", 5).data);
	CU_ASSERT_PTR_NULL(fetch_url(req, "http://a/%5d", 5).data);
	reply_bytes(req, 200, "text/plain", slice_of("done"));
}

static void a_url_is_made_of_what_was_sent(void)
{
	begin(0, 0);
	start(HANDLER(make_urls));
	CU_ASSERT_EQUAL(finished, 1);
	end(1);
}

static const struct test tests[] = {
	{"an answer is its status its headers and its content",
	 an_answer_is_its_status_its_headers_and_its_content},
	{"what is asked is sent", what_is_asked_is_sent},
	{"every method is sent", every_method_is_sent},
	{"a large body is sent", a_large_body_is_sent},
	{"every kind of answer is one", every_kind_of_answer_is_one},
	{"what goes wrong can be told apart", what_goes_wrong_can_be_told_apart},
	{"an answer may be as long as its limit", an_answer_may_be_as_long_as_its_limit},
	{"what it holds is of the request's budget", what_it_holds_is_of_the_request_s_budget},
	{"it is not waited for longer than it says", it_is_not_waited_for_longer_than_it_says},
	{"who is late is left out", who_is_late_is_left_out},
	{"connections are used again", connections_are_used_again},
	{"idle ones are closed", idle_ones_are_closed},
	{"so many at once are enough", so_many_at_once_are_enough},
	{"a thousand go beside each other", a_thousand_go_beside_each_other},
	{"names are looked up once and never by curl", names_are_looked_up_once_and_never_by_curl},
	{"an odd name is looked up by us as well", an_odd_name_is_looked_up_by_us_as_well},
	{"an address is asked for again after a minute",
	 an_address_is_asked_for_again_after_a_minute},
	{"a name that never resolves holds nobody", a_name_that_never_resolves_holds_nobody},
	{"nor does another service, whatever it does", nor_does_another_service_whatever_it_does},
	{"a client may leave at any time", a_client_may_leave_at_any_time},
	{"a loop may close with calls in flight", a_loop_may_close_with_calls_in_flight},
	{"redirects are followed if that is asked for",
	 redirects_are_followed_if_that_is_asked_for},
	{"what is sent on is not more than may be", what_is_sent_on_is_not_more_than_may_be},
	{"a post is never sent twice", a_post_is_never_sent_twice},
	{"who answers before the body is heard", who_answers_before_the_body_is_heard},
	{"calls take no more memory the more there were",
	 calls_take_no_more_memory_the_more_there_were},
	{"one struct is one call at a time", one_struct_is_one_call_at_a_time},
	{"a failure is the answer of who does not try",
	 a_failure_is_the_answer_of_who_does_not_try},
	{"functions beside each other fetch as well", functions_beside_each_other_fetch_as_well},
	{"without threads it works as well", without_threads_it_works_as_well},
	{"proxies of the environment are not used", proxies_of_the_environment_are_not_used},
	{"it is part of the request's trace", it_is_part_of_the_request_s_trace},
	{"what is called is seen", what_is_called_is_seen},
	{"wrong headers and methods are refused", wrong_headers_and_methods_are_refused},
	{"without a descriptor it fails", without_a_descriptor_it_fails},
	{"without memory it fails", without_memory_it_fails},
	{"a url is made of what was sent", a_url_is_made_of_what_was_sent},
};

static int set_up(void)
{
	fetch_prepare();
	return 0;
}

const struct suite fetch_suite = {"fetch", tests, COUNT(tests), set_up, NULL};

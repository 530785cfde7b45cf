/* Traces at a collector (--otlp): tests/monitoring/collector.py says what has come, and whether it
 * is sound. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/client.h"
#include "../support/harness.h"
#include "../support/load.h"
#include "../support/process.h"
#include "../support/system.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"

static const char *folder;
static uint16_t port; /* the collector's */
static pid_t collector;
static struct system sys;

static const char *came(void)
{
	return textf("%s/spans", folder);
}

static void collect(void)
{
	collector = process_start(STRINGS("/usr/bin/python3", "-B", "tests/monitoring/collector.py",
					  textf("%d", (int)port), folder),
				  NULL, textf("%s/log", folder));
}

static void stop_collecting(void)
{
	if (collector > 0) {
		kill(collector, SIGKILL);
		waitpid(collector, NULL, 0);
	}
	collector = 0;
}

static void answers(const char *how)
{
	CU_ASSERT_FATAL(file_write(textf("%s/answer", folder), how));
}

static void begin(void)
{
	folder = directory_make();
	port = port_free();
	CU_ASSERT_FATAL(system_start(
		&sys, SYSTEM(.prefork = 1, .environment = STRINGS(textf(
						   "LANES_OTLP=http://127.0.0.1:%d", (int)port)))));
}

static void end(void)
{
	stop_collecting();
	CU_ASSERT(system_stop(&sys));
	CU_ASSERT_EQUAL(file_lines(came(), "WRONG"), 0);
	if (file_lines(came(), "WRONG"))
		printf("%s", file_text(came()));
	directory_remove(folder);
}

/* A sample of /metrics; -1: it is not there. */
static long counted(const char *outcome)
{
	const char *name = textf("\nlanes_otlp_spans_total{outcome=\"%s\"} ", outcome);
	const char *at = strstr(get(&sys, "/metrics")->body, name);

	return at ? atol(at + strlen(name)) : -1;
}

static void asked(const char *target, const char *header)
{
	const char *bytes =
		textf("GET %s HTTP/1.1\r\nHost: localhost\r\n%sConnection: close\r\n\r\n", target,
		      header);
	char answer[4096];

	CU_ASSERT(exchange(&sys, "127.0.0.1", bytes, strlen(bytes), answer, sizeof(answer)) > 0);
}

/* As many lines say this, a pattern. */
static int lines(const char *pattern)
{
	setenv("F", folder, 1);
	return atoi(shell(textf("grep -cE '%s' spans", pattern))->out);
}

static void what_a_request_did_is_sent(void)
{
	collect();
	asked("/async/await-many?seconds=0.2&seconds=0.1",
	      "traceparent: 00-" TRACE "-00f067aa0ba902b7-01\r\n");
	CU_ASSERT(EVENTUALLY(
		lines("^" TRACE " [0-9a-f]{16} - 2 2[0-9.]* 200 loop-1 /async/await-many$") == 1));
	CU_ASSERT_EQUAL(lines("^" TRACE " [0-9a-f]{16} [0-9a-f]{16} 1 2[0-9.]* - loop-1 await$"),
			1);
	CU_ASSERT_EQUAL(lines("^" TRACE ".* loop$"), 2);
	CU_ASSERT_EQUAL(lines("^" TRACE ".* queue$"), 1);
	CU_ASSERT(counted("sent") >= 5);
	CU_ASSERT_EQUAL(counted("dropped"), 0);
}

/* Of all pools; but those that show the system, which would tell of themselves. */
static void each_request_has_a_trace(void)
{
	collect();
	asked("/sync/noawait?seconds=0", "");
	asked("/prefork/sync/noawait?seconds=0", "");
	asked("/cases/quotes?item=tea", "");
	asked("/nowhere", "");
	CU_ASSERT(EVENTUALLY(lines(" - 2 .* 200 loop-1 /sync/noawait$") == 1));
	CU_ASSERT(EVENTUALLY(lines(" - 2 .* 200 prefork-1 /sync/noawait$") == 1));
	CU_ASSERT(EVENTUALLY(lines(" - 2 .* 404 loop-1 no route$") == 1));
	CU_ASSERT(EVENTUALLY(lines(" 3 .* - loop-1 fetch 127.0.0.1") == 3));
	CU_ASSERT(EVENTUALLY(lines(" - 2 .* outside-1 /suppliers/") == 3));
	CU_ASSERT_EQUAL(lines(" (admin|health)-1 "), 0);
}

static void one_that_is_away_holds_up_nothing(void)
{
	CU_ASSERT(EVENTUALLY(system_log_has(&sys, " event=otlp-away ")));
	asked("/async/await-one?seconds=0.15", "traceparent: 00-" TRACE "-00f067aa0ba902b7-01\r\n");
	CU_ASSERT_EQUAL(get(&sys, "/readyz")->status, 200);
	CU_ASSERT_EQUAL(get(&sys, "/status")->status, 200);
	CU_ASSERT_EQUAL(counted("sent"), 0);
	collect();
	CU_ASSERT(EVENTUALLY(lines("^" TRACE ".* /async/await-one$") == 1));
	CU_ASSERT(EVENTUALLY(system_log_has(&sys, " event=otlp-back ")));
	CU_ASSERT_EQUAL(counted("dropped"), 0);
}

/* More spans than a worker's ring has. */
static void flood(void)
{
	const struct load_result *r =
		load_wait(load_system(&sys, PLAN(.target = "/async/await-one?seconds=0",
						 .connections = 32, .requests = 400)));

	CU_ASSERT_EQUAL(r->failed, 0);
}

static void one_that_is_silent_takes_no_memory(void)
{
	pid_t admin = system_noted(&sys, "admin");
	long before;

	admin = atoi(file_text(textf("/proc/%d/task/%d/children", (int)admin, (int)admin)));
	answers("silent");
	collect();
	asked("/", "");
	CU_ASSERT(EVENTUALLY(lines("^SILENT") == 1));
	before = process_private_kb(admin);
	flood();
	flood();
	CU_ASSERT(!MEMORY_COUNTS || process_private_kb(admin) < before + 4096);
	CU_ASSERT_EQUAL(get(&sys, "/status")->status, 200);
	answers("200");
	CU_ASSERT(EVENTUALLY(counted("dropped") > 0 && counted("sent") > 0));
	CU_ASSERT(EVENTUALLY(system_log_has(&sys, " event=otlp-dropped ")));
	CU_ASSERT(!MEMORY_COUNTS || process_private_kb(admin) < before + 4096);
	asked("/async/await-one?seconds=0.15", "traceparent: 00-" TRACE "-00f067aa0ba902b7-01\r\n");
	CU_ASSERT(EVENTUALLY(lines("^" TRACE ".* /async/await-one$") == 1));
}

static void what_it_refuses_is_counted(void)
{
	answers("400");
	collect();
	asked("/", "");
	CU_ASSERT(EVENTUALLY(counted("refused") > 0));
	CU_ASSERT(EVENTUALLY(system_log_has(&sys, " event=otlp-refused ")));
	answers("503");
	asked("/async/await-one?seconds=0.15", "traceparent: 00-" TRACE "-00f067aa0ba902b7-01\r\n");
	CU_ASSERT(EVENTUALLY(system_log_has(&sys, " event=otlp-away ")));
	answers("200");
	CU_ASSERT(EVENTUALLY(lines("^" TRACE ".* /async/await-one$") == 1));
}

/* Those of a worker that dies are still there, as far as they were over. */
static void workers_come_and_go(void)
{
	collect();
	asked("/sync/noawait?seconds=0", "");
	kill(system_worker(&sys, 1), SIGKILL);
	CU_ASSERT(EVENTUALLY(get(&sys, "/async/await-one?seconds=0")->status == 200));
	CU_ASSERT(EVENTUALLY(lines(" - 2 .* 200 loop-1 /async/await-one$") >= 1));
	CU_ASSERT(script_works(&sys, "restart.sh", NULL));
	asked("/async/wrap-blocking?seconds=0", "");
	CU_ASSERT(EVENTUALLY(lines(" - 2 .* 200 loop-[0-9]* /async/wrap-blocking$") == 1));
}

static void who_it_is_has_to_be_a_url(void)
{
	struct outcome outcome;

	run(&outcome,
	    STRINGS(program(), "--routes", "admin", "--listen", "127.0.0.1:0", "--otlp", "nobody"),
	    NULL, -1);
	CU_ASSERT_EQUAL(outcome.status, 2);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(outcome.errors, "--otlp: 'nobody' is not http://HOST:PORT\n"));
	CU_ASSERT_EQUAL(counted("sent"), 0);
}

static const struct test tests[] = {
	{"what a request did is sent", what_a_request_did_is_sent},
	{"each request of the application has a trace", each_request_has_a_trace},
	{"one that is away holds up nothing", one_that_is_away_holds_up_nothing},
	{"one that is silent takes no memory; drops are counted",
	 one_that_is_silent_takes_no_memory},
	{"what it refuses is counted", what_it_refuses_is_counted},
	{"workers come and go", workers_come_and_go},
	{"who it is has to be a URL", who_it_is_has_to_be_a_url},
};

const struct suite otlp_suite = {"otlp", tests, COUNT(tests), .before = begin, .after = end};

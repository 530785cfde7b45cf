/* Calls from a worker in its sandbox: by name, over TLS, and of both engines. */
#include <signal.h>
#include <stdio.h>

#include "../support/harness.h"
#include "../support/raw.h"
#include "../support/secure.h"
#include "../support/system.h"
#include "../support/upstream.h"

static struct worker worker;
static struct raw raw = {.fd = -1};

static void begin_worker(const char *engine, const char *ca, const char *environment)
{
	CU_ASSERT_FATAL(worker_start_program(
		&worker, built("fetches-app"),
		STRINGS("--engine", engine, ca ? "--ca" : NULL, ca, NULL), STRINGS(environment)));
}

static void before(void)
{
	upstream_begin();
}

static void after(void)
{
	raw_close(&raw);
	worker_stop(&worker);
	upstream_end();
}

static const char *const engines[] = {"loop", "prefork"};

/* On a connection of its own. */
static bool asks(const char *path, const char *url, const char *answer)
{
	bool right = raw_open(&raw, worker.socket) &&
		     raw_gets(&raw, 1, path, textf("url=%s", url), answer);

	raw_close(&raw);
	return right;
}

static void a_worker_calls_others_from_its_sandbox(void)
{
	const char *other = textf("http://localhost:%u/ok", (unsigned)upstream.port);
	const char *secure = textf("https://localhost:%u/", (unsigned)secure_ports[SECURE_GOOD]);

	for (size_t i = 0; i < COUNT(engines); i++) {
		begin_worker(engines[i], secure_ca, NULL);
		CU_ASSERT(asks("/fetch", other, "\r\n200: hello\n"));
		CU_ASSERT(asks("/fetch", secure, "\r\n200: HTTP/2.0 "));
		CU_ASSERT(asks("/relay", other, "fetch;dur="));
		CU_ASSERT(asks("/relay", "http://127.0.0.1:1/", "Status: 503 Service Unavailable"));
		CU_ASSERT(asks("/relay", "http://[::1]:1/", "Retry-After: 1\r\n"));
		CU_ASSERT_FALSE(file_has(worker.log, "sandbox-incomplete"));
		CU_ASSERT_EQUAL(worker_end(&worker), 0);
	}
}

/* 129: EKEYREJECTED. It reads whom the system trusts, and this is none of them. */
static void whom_the_system_does_not_trust_is_not_asked(void)
{
	begin_worker("loop", NULL, NULL);
	CU_ASSERT(asks("/fetch",
		       textf("https://localhost:%u/", (unsigned)secure_ports[SECURE_GOOD]),
		       "\r\n129: SSL certificate problem: unable to get local issuer"));
}

static void a_client_that_leaves_takes_its_call_along(void)
{
	begin_worker("loop", NULL, NULL);
	CU_ASSERT(raw_open(&raw, worker.socket));
	CU_ASSERT(raw_get(&raw, 1, "/fetch",
			  textf("url=http://localhost:%u/silent", (unsigned)upstream.port)));
	CU_ASSERT(EVENTUALLY(upstream.requests == 1));
	raw_close(&raw);
	CU_ASSERT(EVENTUALLY(!upstream.open));
}

static void a_worker_that_drains_waits_for_its_calls(void)
{
	begin_worker("loop", NULL, NULL);
	CU_ASSERT(raw_open(&raw, worker.socket));
	CU_ASSERT(raw_get(&raw, 1, "/fetch",
			  textf("url=http://localhost:%u/gate", (unsigned)upstream.port)));
	CU_ASSERT(EVENTUALLY(upstream.requests == 1));
	kill(worker.pid, SIGTERM);
	CU_ASSERT(EVENTUALLY(file_has(worker.log, "event=draining")));
	sem_post(&upstream.gate);
	CU_ASSERT(raw_answers(&raw, "\r\n200: let go\n"));
	CU_ASSERT_EQUAL(worker_wait(&worker), 0);
}

static void who_does_not_say_that_it_fetches_does_not(void)
{
	for (size_t i = 0; i < COUNT(engines); i++) {
		begin_worker(engines[i], NULL, "NOTHING=1");
		CU_ASSERT(asks("/relay", textf("http://127.0.0.1:%u/ok", (unsigned)upstream.port),
			       "Status: 500 "));
		CU_ASSERT(file_has(worker.log, "event=fetch-unprepared "));
		worker_stop(&worker);
	}
}

static const struct test tests[] = {
	{"a worker calls others from its sandbox", a_worker_calls_others_from_its_sandbox},
	{"whom the system does not trust is not asked",
	 whom_the_system_does_not_trust_is_not_asked},
	{"a client that leaves takes its call along", a_client_that_leaves_takes_its_call_along},
	{"a worker that drains waits for its calls", a_worker_that_drains_waits_for_its_calls},
	{"who does not say that it fetches does not", who_does_not_say_that_it_fetches_does_not},
};

const struct suite fetches_suite = {"fetches",	tests,	COUNT(tests), secure_begin,
				    secure_end, before, after};

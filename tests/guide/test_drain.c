/* How a worker ends. */
#include <signal.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/process.h"
#include "../support/raw.h"

static struct worker worker;
static struct raw raw = {.fd = -1};

/* Who has connected to such a worker, and what becomes of what he says when it drains. */
struct silent {
	const char *engine;
	const char *drain;
	bool is_refused;
};

/* A worker with one request under way, which sleeps. */
static void begin(const char *const *options, const char *sleep)
{
	CU_ASSERT_FATAL(worker_start(&worker, options, NULL));
	CU_ASSERT_FATAL(raw_open(&raw, worker.socket));
	CU_ASSERT(raw_get(&raw, 1, "/async/await-one", sleep));
	CU_ASSERT(raw_gets(&raw, 2, "/", "", "END 2 0 COMPLETE"));
}

static void tell(int number)
{
	kill(worker.pid, number);
	CU_ASSERT(EVENTUALLY(file_has(worker.log, "event=draining in_flight=")));
}

static void ends(int status)
{
	CU_ASSERT_EQUAL(worker_wait(&worker), status);
	CU_ASSERT_EQUAL(file_has(worker.log, "event=drained"), status == 0);
}

static void after(void)
{
	raw_close(&raw);
	worker_stop(&worker);
}

static void requests_in_flight_finish(void)
{
	begin(NULL, "seconds=1");
	tell(*(const int *)harness_test()->data);
	CU_ASSERT(raw_answers(&raw, "async_io_task(1.0s) done"));
	CU_ASSERT(raw_answers(&raw, "END 1 0 COMPLETE"));
	CU_ASSERT(raw_closed(&raw));
	ends(0);
}

static void hup_is_ignored_where_it_was(void)
{
	const char *directory = directory_make();
	const char *path = textf("%s/nohup", directory);

	CU_ASSERT_FATAL(
		file_write(path, textf("#!/bin/sh\ntrap '' HUP\nexec '%s' \"$@\"\n", program())));
	CU_ASSERT_FATAL(worker_start_program(&worker, path, NULL, NULL));
	CU_ASSERT_FATAL(raw_open(&raw, worker.socket));
	kill(worker.pid, SIGHUP);
	CU_ASSERT(raw_gets(&raw, 1, "/", "", "END 1 0 COMPLETE"));
	tell(SIGTERM);
	CU_ASSERT_EQUAL(worker_wait(&worker), 0);
	CU_ASSERT(raw_closed(&raw));
	directory_remove(directory);
}

static void idle_connections_are_closed(void)
{
	struct raw idle;

	begin(NULL, "seconds=60");
	CU_ASSERT(raw_open(&idle, worker.socket));
	CU_ASSERT(raw_gets(&idle, 1, "/", "", "END 1 0 COMPLETE"));
	tell(SIGTERM);
	CU_ASSERT(raw_closed(&idle));
	raw_close(&idle);
	CU_ASSERT(!process_ended(worker.pid)); /* the other one sleeps still */
	kill(worker.pid, SIGTERM);
	ends(3);
}

static void new_requests_are_refused(void)
{
	begin(STRINGS("--drain", "refuse", "--drain-idle", "60"), "seconds=1.5");
	tell(SIGTERM);
	CU_ASSERT(raw_gets(&raw, 3, "/", "", "STDOUT 3 Status: 503 "));
	CU_ASSERT(raw_answers(&raw, "Retry-After: 1\r\n"));
	CU_ASSERT(raw_tells(&raw,
			    "request 5 keep REQUEST_METHOD=GET&PATH_INFO=/&"
			    "LANES_DRAIN_STATUS=429",
			    "STDOUT 5 Status: 429 "));
	CU_ASSERT(raw_tells(&raw,
			    "request 7 keep REQUEST_METHOD=GET&PATH_INFO=/&"
			    "LANES_DRAIN_STATUS=200",
			    "STDOUT 7 Status: 503 "));
	CU_ASSERT(raw_tells(&raw,
			    "request 9 keep REQUEST_METHOD=POST&PATH_INFO=/&"
			    "LANES_DRAIN_STATUS=429",
			    "STDOUT 9 Status: 503 "));
	CU_ASSERT(raw_answers(&raw, "END 1 0 COMPLETE"));
	CU_ASSERT(!process_ended(worker.pid)); /* the connection is the peer's to end */
	raw_close(&raw);
	ends(0);
}

static void nobody_is_refused(void)
{
	begin(STRINGS("--drain", "wait"), "seconds=1");
	tell(SIGTERM);
	CU_ASSERT(raw_gets(&raw, 3, "/", "", "STDOUT 3 Status: 200 "));
	CU_ASSERT(raw_answers(&raw, "END 1 0 COMPLETE"));
	ends(0);
}

static void a_second_signal_ends_it_at_once(void)
{
	begin(NULL, "seconds=60");
	tell(SIGTERM);
	kill(worker.pid, SIGTERM);
	ends(3);
}

static void the_timeout_ends_it(void)
{
	begin(STRINGS("--drain-timeout", "0.2"), "seconds=60");
	tell(SIGUSR1);
	ends(3);
}

static void work_of_a_lost_connection_holds_nothing_up(void)
{
	begin(NULL, "seconds=60");
	raw_close(&raw);
	tell(SIGTERM);
	ends(0);
}

/* With both engines, and half a minute in which kept connections are the peer's to end. */
static void begin_kept(struct raw *kept)
{
	CU_ASSERT_FATAL(worker_start(
		&worker, STRINGS("--drain-idle", "30", "--engine", harness_test()->data), NULL));
	CU_ASSERT_FATAL(raw_open(kept, worker.socket));
}

static void kept_connections_are_the_peers_to_end(void)
{
	begin_kept(&raw);
	CU_ASSERT(raw_gets(&raw, 1, "/", "", "END 1 0 COMPLETE"));
	tell(SIGHUP);
	CU_ASSERT(file_has(worker.log, " signal=HUP\n"));
	for (uint16_t id = 2; id < 5; id++)
		CU_ASSERT(raw_gets(&raw, id, "/", "", textf("END %d 0 COMPLETE", id)));
	CU_ASSERT(!process_ended(worker.pid));
	raw_close(&raw);
	ends(0);
}

/* The next worker would have it, if this one refused it: but it is a POST, which no web server
 * tries again. */
static void who_has_not_spoken_yet_is_answered(void)
{
	const struct silent *silent = harness_test()->data;
	const char *status = silent->is_refused ? "STDOUT 1 Status: 503 " : "STDOUT 1 Status: 200 ";
	long sockets;

	CU_ASSERT_FATAL(worker_start(
		&worker,
		STRINGS("--drain-idle", "30", "--engine", silent->engine, "--drain", silent->drain),
		NULL));
	sockets = process_sockets(worker.pid);
	CU_ASSERT_FATAL(raw_open(&raw, worker.socket));
	CU_ASSERT(EVENTUALLY(process_sockets(worker.pid) > sockets));
	tell(SIGTERM);
	CU_ASSERT(raw_tells(&raw, "request 1 REQUEST_METHOD=GET&PATH_INFO=/", status));
	CU_ASSERT(raw_answers(&raw, "END 1 0 COMPLETE"));
	CU_ASSERT(raw_closed(&raw));
	ends(0);
}

static void who_is_idle_for_too_long_is_closed(void)
{
	CU_ASSERT_FATAL(worker_start(
		&worker, STRINGS("--drain-idle", harness_test()->data, "--drain-timeout", "0.3"),
		NULL));
	CU_ASSERT_FATAL(raw_open(&raw, worker.socket));
	CU_ASSERT(raw_gets(&raw, 1, "/", "", "END 1 0 COMPLETE"));
	tell(SIGINT);
	CU_ASSERT(raw_closed(&raw));
	ends(0);
}

/* Nobody can connect any more, and who has is served: nobody else could. */
static void who_waits_in_its_own_socket_is_answered(void)
{
	enum { MANY = 100 };
	struct raw waiting[MANY];

	begin_kept(&raw);
	raw_close(&raw);
	kill(worker.pid, SIGSTOP);
	for (int i = 0; i < MANY; i++) {
		CU_ASSERT_FATAL(raw_open(&waiting[i], worker.socket));
		CU_ASSERT(raw_send(&waiting[i], "request 1 REQUEST_METHOD=GET&PATH_INFO=/"));
	}
	kill(worker.pid, SIGTERM);
	kill(worker.pid, SIGCONT);
	for (int i = 0; i < MANY; i++) {
		CU_ASSERT(raw_answers(&waiting[i], "END 1 0 COMPLETE"));
		CU_ASSERT(raw_closed(&waiting[i]));
		raw_close(&waiting[i]);
	}
	ends(0);
	CU_ASSERT_EQUAL(access(worker.socket, F_OK), -1);
}

static const struct test tests[] = {
	{"SIGTERM: requests in flight finish, then status 0", requests_in_flight_finish,
	 &(const int){SIGTERM}},
	{"SIGUSR1 does the same", requests_in_flight_finish, &(const int){SIGUSR1}},
	{"and SIGINT", requests_in_flight_finish, &(const int){SIGINT}},
	{"SIGHUP does, too", requests_in_flight_finish, &(const int){SIGHUP}},
	{"but not where nohup has it ignored", hup_is_ignored_where_it_was},
	{"idle kept connections are closed at once", idle_connections_are_closed},
	{"--drain refuse: new requests are a 503, or the 429 that the web server wants",
	 new_requests_are_refused},
	{"--drain wait: a request on an open connection is answered", nobody_is_refused},
	{"a second signal ends it at once, with status 3", a_second_signal_ends_it_at_once},
	{"--drain-timeout ends it, with status 3", the_timeout_ends_it},
	{"a request nobody waits for does not hold it up",
	 work_of_a_lost_connection_holds_nothing_up},
	{"a kept connection is served until its peer ends it",
	 kept_connections_are_the_peers_to_end, "loop"},
	{"so it is by a prefork process", kept_connections_are_the_peers_to_end, "prefork"},
	{"who has connected and said nothing yet is not cut", who_has_not_spoken_yet_is_answered,
	 &(const struct silent){"loop", "auto"}},
	{"nor is he by a prefork process", who_has_not_spoken_yet_is_answered,
	 &(const struct silent){"prefork", "auto"}},
	{"nor with --drain wait", who_has_not_spoken_yet_is_answered,
	 &(const struct silent){"loop", "wait"}},
	{"--drain refuse does not cut him either, and says that it drains",
	 who_has_not_spoken_yet_is_answered, &(const struct silent){"loop", "refuse", true}},
	{"a prefork process answers him, whatever --drain says", who_has_not_spoken_yet_is_answered,
	 &(const struct silent){"prefork", "refuse"}},
	{"after --drain-idle idle connections are closed", who_is_idle_for_too_long_is_closed,
	 "0.1"},
	{"and after --drain-timeout, with status 0", who_is_idle_for_too_long_is_closed, "30"},
	{"who waits in the queue of a worker's own socket is answered",
	 who_waits_in_its_own_socket_is_answered, "loop"},
	{"also by a prefork process", who_waits_in_its_own_socket_is_answered, "prefork"},
};

const struct suite drain_suite = {"drain", tests, COUNT(tests), .after = after};

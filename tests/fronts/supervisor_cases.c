/* What is tried with each supervisor. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/client.h"
#include "../support/harness.h"
#include "cases.h"
#include "supervisors.h"

enum { PIDS = 16 };

static int serving(void)
{
	pid_t pids[PIDS];

	return stage_workers(pids, PIDS);
}

static bool serves(pid_t pid)
{
	pid_t pids[PIDS];
	int count = stage_workers(pids, PIDS);
	bool found = false;

	for (int i = 0; i < count; i++)
		found |= pids[i] == pid;
	return found;
}

static int left_of(const pid_t *pids, int count)
{
	int left = 0;

	for (int i = 0; i < count; i++)
		left += kill(pids[i], 0) == 0;
	return left;
}

static bool all_serve(const struct supervisor *s)
{
	return EVENTUALLY(serving() == SERVICES * s->workers);
}

static void starts(const struct front *front)
{
	CU_ASSERT(all_serve(front->supervisor));
}

/* ---- traffic ---- */

enum { CLIENTS = 16, SOME = 200 };

/* GETs that wait a moment, and POSTs. */
struct traffic {
	struct load *loads[2];
};

static struct load *send_some(const char *target, const char *type, struct slice content)
{
	return load_system(&stage, PLAN(.target = target, .type = type, .content = content,
					.connections = CLIENTS, .repeat = true, .may_fail = true,
					.pause = 5000000));
}

static bool goes_on(struct traffic *t)
{
	return load_goes_on(t->loads[0], SOME) && load_goes_on(t->loads[1], SOME);
}

static struct traffic begin(const struct supervisor *s)
{
	struct traffic t;

	CU_ASSERT_FATAL(all_serve(s));
	t.loads[0] = send_some("/async/await-one?seconds=0.02", NULL, slice_of(""));
	t.loads[1] = send_some("/cases/json-stats", "application/json", slice_of("[1,2]"));
	CU_ASSERT_FATAL(goes_on(&t));
	return t;
}

struct lost {
	size_t gets, posts; /* that failed, or had to be sent again … */
	size_t sent;	    /* … of as many */
};

/* None is without an answer, good or bad. */
static struct lost end(struct traffic *t)
{
	struct lost lost = {0};

	for (int post = 0; post < 2; post++) {
		const struct load_result *result = load_wait(t->loads[post]);

		CU_ASSERT_EQUAL(result->unanswered, 0);
		*(post ? &lost.posts : &lost.gets) = result->failed + result->resent;
		lost.sent += result->sent;
		if (result->failed || result->resent)
			printf("    %zu of %zu %s, and %zu again: %s\n", result->failed,
			       result->sent, post ? "POSTs" : "GETs", result->resent,
			       result->failure);
	}
	return lost;
}

/* ---- kill -9 ---- */

/* Who waited for the worker gets an error, if it was a POST; a GET goes to the other socket. The
 * dead process' connections are closed one after the other, and its socket after some: whose POST
 * has failed may have the next one in that queue. */
static void killed(const struct front *front)
{
	const struct supervisor *s = front->supervisor;
	struct traffic traffic = begin(s);
	pid_t pids[PIDS] = {0};
	struct lost lost;
	double at = now();
	double seconds;

	stage_workers(pids, PIDS);
	kill(pids[0], SIGKILL);
	CU_ASSERT(EVENTUALLY(!serves(pids[0])));
	CU_ASSERT(s->forgets || all_serve(s));
	seconds = now() - at;
	CU_ASSERT(goes_on(&traffic));
	CU_ASSERT_EQUAL(serving(), SERVICES * s->workers - s->forgets);
	lost = end(&traffic);
	CU_ASSERT_EQUAL(lost.gets, 0);
	CU_ASSERT(lost.posts <= 2 * CLIENTS);
	if (s->forgets)
		case_say("stays dead; 0 GETs, %zu POSTs lost", lost.posts);
	else
		case_say("next after %.1f s; 0 GETs, %zu POSTs lost", seconds, lost.posts);
	if (s->forgets)
		stage_off();
}

/* ---- drain ---- */

enum { IN_FLIGHT = 8 };

static pid_t ask(const char *log, const char *target, const char *const *options)
{
	const char *arguments[16 + IN_FLIGHT] = {
		"curl", "-sSZ", "--parallel-immediate", "--noproxy",
		"*",	"-w",	"status %{http_code}\n"};
	int count = 7;

	while (*options)
		arguments[count++] = *options++;
	for (int i = 0; i < IN_FLIGHT; i++)
		arguments[count++] = strdup(textf("%s%s", stage.url, target));
	return process_start(arguments, NULL, log);
}

/* GETs sleep and POSTs wait for a gateway, all are told to end, and then the gateway answers. */
static void drained(const struct front *front)
{
	static const char paid[] = "HTTP/1.1 201 Created\r\nContent-Length: 17\r\n"
				   "Connection: close\r\n\r\n{\"payment\":\"p-1\"}";
	const struct supervisor *s = front->supervisor;
	const char *log = strdup(stage_file("drained.log")); /* it is used for long */
	struct pollfd gateway = {.fd = stage_outside(), .events = POLLIN};
	int payments[IN_FLIGHT];
	pid_t before[PIDS], clients[2], stops[SERVICES];
	int count;

	CU_ASSERT_FATAL(all_serve(s));
	count = stage_workers(before, PIDS);
	clients[0] = ask(
		log, "/cases/payments",
		STRINGS("-H", "Idempotency-Key: a", "--json", "{\"order\":\"a\",\"amount\":5}"));
	for (int i = 0; i < IN_FLIGHT; i++) {
		CU_ASSERT_FATAL(poll(&gateway, 1, PATIENCE * 1000) == 1);
		payments[i] = accept(gateway.fd, NULL, NULL);
	}
	clients[1] = ask(log, "/async/await-one?seconds=2", STRINGS("-G"));
	CU_ASSERT(EVENTUALLY(stage_sums().in_flight == 2 * IN_FLIGHT));
	for (int i = 0; i < SERVICES; i++)
		stops[i] = supervisor_type(s, "stop", i + 1);
	CU_ASSERT(EVENTUALLY(serving() == 0));
	for (int i = 0; i < IN_FLIGHT; i++) {
		CU_ASSERT(send(payments[i], paid, sizeof(paid) - 1, MSG_NOSIGNAL) > 0);
		shutdown(payments[i], SHUT_WR);
	}
	for (int i = 0; i < 2; i++)
		waitpid(clients[i], NULL, 0);
	for (int i = 0; i < IN_FLIGHT; i++)
		close(payments[i]);
	CU_ASSERT_EQUAL(file_lines(log, "status 201"), IN_FLIGHT);
	CU_ASSERT_EQUAL(file_lines(log, "status 200"), IN_FLIGHT);
	for (int i = 0; i < SERVICES; i++)
		CU_ASSERT(supervisor_typed(stops[i]));
	CU_ASSERT(EVENTUALLY(left_of(before, count) == 0));
	case_say("%d of %d answered", 2 * IN_FLIGHT, 2 * IN_FLIGHT);
	stage_off();
}

/* ---- replacement ---- */

/* Types that for one service after the other, or all at once; how many requests were lost until
 * each worker has a successor. */
static struct lost change_all(const struct supervisor *s, const char *what, bool at_once)
{
	struct traffic traffic = begin(s);
	pid_t before[PIDS];
	pid_t typed[SERVICES];
	int count = stage_workers(before, PIDS);

	for (int i = 0; i < SERVICES; i++) {
		typed[i] = supervisor_type(s, what, i + 1);
		if (at_once)
			continue;
		CU_ASSERT(supervisor_typed(typed[i]));
		CU_ASSERT(EVENTUALLY(left_of(before, count) == count - (i + 1) * s->workers));
		CU_ASSERT(all_serve(s));
	}
	for (int i = 0; i < SERVICES && at_once; i++)
		CU_ASSERT(supervisor_typed(typed[i]));
	CU_ASSERT(EVENTUALLY(left_of(before, count) == 0));
	CU_ASSERT(all_serve(s));
	CU_ASSERT(goes_on(&traffic));
	return end(&traffic);
}

static void none_is_lost(struct lost lost)
{
	CU_ASSERT_EQUAL(lost.gets, 0);
	CU_ASSERT_EQUAL(lost.posts, 0);
	case_say("0 of %zu lost", lost.sent);
}

static void replaced(const struct front *front)
{
	if (front->supervisor->replaces)
		none_is_lost(change_all(front->supervisor, "replace", false));
	else
		case_say("only in turn");
}

/* A worker that drains lets go of the socket, so that who connects is told, and asks the other one;
 * but where the supervisor holds it, each client may have a POST there when it is closed. */
static void restarted(const struct front *front)
{
	struct lost lost = change_all(front->supervisor, "restart", false);

	if (!front->supervisor->holds) {
		none_is_lost(lost);
		return;
	}
	CU_ASSERT_EQUAL(lost.gets, 0);
	CU_ASSERT(lost.posts <= SERVICES * CLIENTS);
	case_say("0 GETs, %zu POSTs of %zu lost", lost.posts, lost.sent);
}

/* In between nobody serves: that is what it costs. */
static void restarted_at_once(const struct front *front)
{
	struct lost lost = change_all(front->supervisor, "restart", true);

	case_say("%zu of %zu lost", lost.gets + lost.posts, lost.sent);
}

const struct case_ supervisor_cases[] = {
	{"its lines start it", "start", starts},
	{"a worker is killed under load", "`kill -9`", killed},
	{"requests in flight are answered when it is stopped", "drain", drained},
	{"its workers are replaced under load", "replaced", replaced},
	{"its services are restarted under load, one after the other", "restarted in turn",
	 restarted},
	{"its services are restarted under load, all at once", "… at once", restarted_at_once},
};
const size_t supervisor_case_count = COUNT(supervisor_cases);

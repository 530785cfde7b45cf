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

enum { WORKERS = 2, PIDS = 8 };

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

static void starts(const struct front *front)
{
	(void)front;
	CU_ASSERT(EVENTUALLY(serving() == WORKERS));
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

static struct traffic begin(void)
{
	struct traffic t;

	CU_ASSERT_FATAL(EVENTUALLY(serving() == WORKERS));
	t.loads[0] = send_some("/async/await-one?seconds=0.02", NULL, slice_of(""));
	t.loads[1] = send_some("/cases/json-stats", "application/json", slice_of("[1,2]"));
	CU_ASSERT_FATAL(goes_on(&t));
	return t;
}

struct lost {
	size_t gets, posts; /* that failed … */
	size_t sent;	    /* … of as many */
};

/* None is without an answer, good or bad. */
static struct lost end(struct traffic *t)
{
	struct lost lost = {0};

	for (int post = 0; post < 2; post++) {
		const struct load_result *result = load_wait(t->loads[post]);

		CU_ASSERT_EQUAL(result->unanswered, 0);
		*(post ? &lost.posts : &lost.gets) = result->failed;
		lost.sent += result->sent;
		if (result->failed)
			printf("    %zu of %zu %s: %s\n", result->failed, result->sent,
			       post ? "POSTs" : "GETs", result->failure);
	}
	return lost;
}

/* ---- kill -9 ---- */

/* Who waited for the worker gets an error, if it was a POST; a GET goes to another worker. */
static void killed(const struct front *front)
{
	const bool stays_dead = front->supervisor->forgets && !front->supervisor->master;
	struct traffic traffic = begin();
	pid_t pids[PIDS] = {0};
	struct lost lost;
	double at = now();
	double seconds;

	stage_workers(pids, PIDS);
	kill(pids[0], SIGKILL);
	CU_ASSERT(EVENTUALLY(!serves(pids[0])));
	if (!stays_dead)
		CU_ASSERT(EVENTUALLY(serving() == WORKERS));
	seconds = now() - at;
	CU_ASSERT(goes_on(&traffic));
	CU_ASSERT_EQUAL(serving(), stays_dead ? WORKERS - 1 : WORKERS);
	lost = end(&traffic);
	CU_ASSERT_EQUAL(lost.gets, 0);
	CU_ASSERT(lost.posts <= CLIENTS);
	if (stays_dead)
		case_say("stays dead; %zu POSTs of %zu requests failed", lost.posts, lost.sent);
	else
		case_say("the next after %.1f s; %zu POSTs of %zu requests failed", seconds,
			 lost.posts, lost.sent);
	if (stays_dead)
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
	pid_t before[PIDS], clients[2], stops[2] = {0};
	int count;

	CU_ASSERT_FATAL(EVENTUALLY(serving() == WORKERS));
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
	for (int i = 0; i < s->services; i++)
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
	for (int i = 0; i < s->services; i++)
		CU_ASSERT(supervisor_typed(stops[i]));
	CU_ASSERT(EVENTUALLY(left_of(before, count) == 0));
	case_say("%d of %d answered", 2 * IN_FLIGHT, 2 * IN_FLIGHT);
	stage_off();
}

/* ---- replacement ---- */

static void replace(const struct supervisor *s)
{
	const char *what = s->master ? "replace" : "replace without the master";

	if (s->services == 1) {
		CU_ASSERT(supervisor_typed(supervisor_type(s, what, 1)));
		return;
	}
	for (int i = 1; i <= s->services; i++) {
		CU_ASSERT(supervisor_typed(supervisor_type(s, "restart", i)));
		CU_ASSERT(EVENTUALLY(serving() == WORKERS));
	}
}

static void replaced(const struct front *front)
{
	struct traffic traffic = begin();
	pid_t before[PIDS] = {0};
	int count = stage_workers(before, PIDS);
	struct lost lost;

	replace(front->supervisor);
	CU_ASSERT(EVENTUALLY(left_of(before, count) == 0));
	CU_ASSERT(EVENTUALLY(serving() == WORKERS));
	CU_ASSERT(goes_on(&traffic));
	lost = end(&traffic);
	CU_ASSERT_EQUAL(lost.gets, 0);
	CU_ASSERT_EQUAL(lost.posts, 0);
	case_say("0 of %zu failed", lost.sent);
}

/* All at once. In between nobody serves: that is what it costs. */
static void restarted(const struct front *front)
{
	const struct supervisor *s = front->supervisor;
	struct traffic traffic = begin();
	pid_t before[PIDS] = {0};
	int count = stage_workers(before, PIDS);
	pid_t typed[2] = {0};
	struct lost lost;

	for (int i = 0; i < s->services; i++)
		typed[i] = supervisor_type(s, "restart", i + 1);
	for (int i = 0; i < s->services; i++)
		CU_ASSERT(supervisor_typed(typed[i]));
	CU_ASSERT(EVENTUALLY(left_of(before, count) == 0));
	CU_ASSERT(EVENTUALLY(serving() == WORKERS));
	CU_ASSERT(goes_on(&traffic));
	lost = end(&traffic);
	case_say("%zu of %zu failed", lost.gets + lost.posts, lost.sent);
}

const struct case_ supervisor_cases[] = {
	{"its lines start it", "start", starts},
	{"a worker is killed under load", "`kill -9`", killed},
	{"requests in flight are answered when it is stopped", "drain", drained},
	{"its workers are replaced under load", "replaced", replaced},
	{"it is stopped and started under load", "stop and start", restarted},
};
const size_t supervisor_case_count = COUNT(supervisor_cases);

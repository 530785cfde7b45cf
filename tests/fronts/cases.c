#include "cases.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/client.h"
#include "../support/harness.h"
#include "../support/once.h"
#include "../support/volley.h"

char case_said[64];

void case_say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(case_said, sizeof(case_said), format, arguments);
	va_end(arguments);
}

/* ---- the suites of the demonstration, which find the front in their environment ---- */

static void suites(const char *const *words, const struct front *front)
{
	static struct outcome outcome;
	const char *arguments[16] = {built("integration")};
	struct buffer differs = {0};
	int count = 1;

	for (const char *const *one = front->differs; one && *one; one++)
		buffer_append_text(&differs, textf("%s\n", *one));
	buffer_append(&differs, "", 1);
	while (*words)
		arguments[count++] = *words++;
	run(&outcome, arguments,
	    STRINGS(textf("LANES_URL=%s%s", stage.url, stage.mount),
		    textf("LANES_DIFFERS=%s", differs.data)),
	    -1);
	CU_ASSERT_EQUAL(outcome.status, 0);
	if (outcome.status)
		printf("%s%s\n", outcome.out, outcome.errors);
	buffer_free(&differs);
}

static void endpoints(const struct front *front)
{
	suites(STRINGS("endpoints/"), front);
}

/* What was recorded: whether that is so still is not a question to ask each front. */
static void oracle(const struct front *front)
{
	suites(STRINGS("oracle/paths", "oracle/redirects", "oracle/methods", "oracle/seconds",
		       "oracle/n:", "oracle/lists"),
	       front);
	if (front->but)
		case_say("yes, but for %s", front->but);
}

/* ---- clients that leave ---- */

static const char *url(const char *target)
{
	return textf("%s%s%s", stage.url, stage.mount, target);
}

/* One asks for a sleep and leaves. Either the worker hears of it, or it has answered nobody. */
static void leaving(const struct front *front)
{
	struct sums before = stage_sums();
	const char *seconds = front->hears_late ? "1.5" : "60";
	pid_t client = process_start(STRINGS("curl", "-sSk", "--noproxy", "*",
					     url(textf("/async/await-one?seconds=%s", seconds))),
				     NULL, textf("%s/curl.log", stage.run_dir));

	CU_ASSERT(EVENTUALLY(stage_sums().in_flight > before.in_flight));
	kill(client, SIGKILL);
	waitpid(client, NULL, 0);
	CU_ASSERT(EVENTUALLY(stage_sums().in_flight == before.in_flight));
	CU_ASSERT_EQUAL(stage_sums().aborted > before.aborted, !front->hears_late);
	CU_ASSERT_EQUAL(stage_sums().answered > before.answered, front->hears_late);
	case_say(front->hears_late ? "heard when it answers" : "heard at once");
}

/* ---- many at once ---- */

enum { SLEEPERS = 200 };

/* Each has a sleep of its own: behind the same front, none waits for another. */
static void sleepers(const struct front *front)
{
	static struct shot shots[SLEEPERS];
	struct volley volley = {stage.url, shots, SLEEPERS, PATIENCE, NULL, NULL};

	(void)front;
	for (size_t i = 0; i < SLEEPERS; i++)
		shot_aim(&shots[i], 0, "%s/async/await-one?seconds=1", stage.mount);
	volley_send(&volley);
	CU_ASSERT_EQUAL(volley_failed(&volley), 0);
	IN_TIME(volley_seconds(&volley) < 4);
	printf("    %d sleeps of 1 s: %.2f s\n", SLEEPERS, volley_seconds(&volley));
}

/* ---- bodies ---- */

enum { NUMBERS = 1000000 };

/* 2 MB of JSON, which is counted; curl's options say how it is sent, and what it wrote besides is
 * the outcome. */
static const struct outcome *upload(const char *options)
{
	static struct outcome outcome;
	static const char send[] = "{ printf '[1'; yes ,1 | head -n \"$2\" | tr -d '\\n'; echo "
				   "']'; } >\"$3\" && exec curl -sSki --noproxy '*' --max-time 60 "
				   "-H 'Content-Type: application/json' $4 \"$1\" <\"$3\"";

	run(&outcome,
	    STRINGS("sh", "-c", send, "sh", url("/cases/json-stats"), textf("%d", NUMBERS - 1),
		    textf("%s/body.json", stage.run_dir), options),
	    NULL, -1);
	return &outcome;
}

static bool was_counted(const struct outcome *outcome)
{
	bool counted = strstr(outcome->out, textf("\"integers\":%d,", NUMBERS)) != NULL;

	if (!counted)
		printf("    %.600s%s\n", outcome->out, outcome->errors);
	return counted;
}

static void length(const struct front *front)
{
	(void)front;
	CU_ASSERT(was_counted(upload("-H Expect: -X POST --data-binary @-")));
}

/* A front that refuses may close before it is told all: then the client may not see why. */
static void chunked(const struct front *front)
{
	uint64_t answered = stage_sums().answered;
	const struct outcome *outcome = upload("-H Expect: -X POST -T -");

	if (!front->chunked) {
		CU_ASSERT(was_counted(outcome));
		return;
	}
	CU_ASSERT(outcome->status == CURLE_SEND_ERROR || outcome->status == CURLE_RECV_ERROR ||
		  strstr(outcome->out, textf(" %d", front->chunked)));
	CU_ASSERT_EQUAL(stage_sums().answered, answered);
	case_say("%d of its own", front->chunked);
}

static void expecting(const struct front *front)
{
	const struct outcome *outcome =
		upload("--http1.1 --expect100-timeout 30 -H Expect:100-continue -X POST "
		       "--data-binary @-");

	(void)front;
	CU_ASSERT(was_counted(outcome));
	CU_ASSERT(!strncmp(outcome->out, "HTTP/1.1 100", 12));
}

/* ---- a long query ---- */

/* What counts comes last: a front that cuts it off, or drops it, shows. */
static void long_query(const struct front *front)
{
	static const char first[] = "/async/await-one?x=";
	static const char last[] = "&seconds=0.01";
	static char target[20000 + sizeof(last)];
	const struct response *response;

	memset(target, 'x', 20000);
	memcpy(target, first, sizeof(first) - 1);
	memcpy(target + 20000, last, sizeof(last));
	response = get(&stage, target);
	if (front->long_query) {
		CU_ASSERT_EQUAL(response->status, front->long_query);
		case_say("%d of its own", front->long_query);
		return;
	}
	CU_ASSERT_EQUAL(response->status, 200);
	CU_ASSERT_PTR_NOT_NULL(strstr(response->body, "async_io_task(0.01s) done"));
}

/* ---- a service that cannot ---- */

/* There is no database. Two more workers would only have more to do. */
static void unavailable(const struct front *front)
{
	uint64_t answered = stage_sums().answered;

	(void)front;
	CU_ASSERT_EQUAL(get(&stage, "/cases/renders/1")->status, 503);
	CU_ASSERT(EVENTUALLY(stage_sums().answered > answered));
	CU_ASSERT_EQUAL(stage_sums().answered, answered + 1);
	case_say("one is asked");
}

/* ---- workers that end under load ---- */

/* So many of each kind come while a front may not have seen that a kept connection is closed. */
enum { SHOTS = 400, EVERY_MS = 6, MOMENT = 50 / EVERY_MS };

static const char body[] = "[1,2]";

/* Requests that come at a steady rate, every other one a POST; when a third of them is answered one
 * worker ends, and when two thirds are, and that has a successor, another one. */
struct ending {
	void (*tick)(void *ending, size_t answered);
	struct shot *shots;
	int count;
	pid_t last;	   /* that was killed */
	size_t at_work[2]; /* GETs and POSTs without an answer when one was */
};

static void note_at_work(struct ending *ending)
{
	for (size_t i = 0; i < SHOTS; i++)
		ending->at_work[i % 2] += ending->shots[i].sent > 0 && !ending->shots[i].status;
}

static void kill_some(void *arg, size_t answered)
{
	struct ending *ending = arg;
	pid_t pids[8];
	int found = stage_workers(pids, 8);

	if (ending->count == 2 || answered < SHOTS / 3 * (size_t)(ending->count + 1) || found < 2)
		return;
	note_at_work(ending);
	ending->last = pids[pids[0] == ending->last];
	ending->count++;
	kill(ending->last, SIGKILL);
}

static void replace_some(void *arg, size_t answered)
{
	struct ending *ending = arg;

	if (ending->count < 2 && answered >= SHOTS / 3 * (size_t)(ending->count + 1))
		stage_replace(ending->count++);
}

/* Sends them; how many failed, by GETs and POSTs. Each is answered in some way. */
static void send_under_load(struct ending *ending, size_t failed[2])
{
	static struct shot shots[SHOTS];
	struct volley volley = {stage.url, shots, SHOTS, PATIENCE, ending->tick, ending};
	pid_t pids[8];

	ending->shots = shots;
	for (size_t i = 0; i < SHOTS; i++) {
		shot_aim(&shots[i], (double)i * EVERY_MS / 1000,
			 i % 2 ? "%s/cases/json-stats" : "%s/async/await-one?seconds=0.05",
			 stage.mount);
		shots[i].json = i % 2 ? body : NULL;
	}
	volley_send(&volley);
	for (size_t i = 0; i < SHOTS; i++) {
		failed[i % 2] += shots[i].status != 200;
		CU_ASSERT_NOT_EQUAL(shots[i].status, 0);
		if (shots[i].status != 200)
			printf("    %s: %d after %.3f s\n", shots[i].target, shots[i].status,
			       shot_seconds(&shots[i]));
	}
	CU_ASSERT(ending->count > 0);
	CU_ASSERT(EVENTUALLY(stage_workers(pids, 8) == 2));
	if (failed[0] || failed[1])
		case_say("%zu GETs, %zu POSTs lost", failed[0], failed[1]);
}

/* Who waited for the worker that is killed may get an error of the front's own: a POST, and a GET
 * where the front does not give it to another worker. Nobody else. */
static void killed(const struct front *front)
{
	struct ending ending = {.tick = kill_some};
	size_t failed[2] = {0};

	send_under_load(&ending, failed);
	CU_ASSERT(failed[0] <= (front->moves_nothing ? ending.at_work[0] + MOMENT : 0));
	CU_ASSERT(failed[1] <= ending.at_work[1] + MOMENT);
}

/* How many of them still serve. */
static int stay(const pid_t *old, int count)
{
	pid_t pids[8];
	int found = stage_workers(pids, 8);
	int staying = 0;

	for (int i = 0; i < found; i++)
		for (int j = 0; j < count; j++)
			staying += pids[i] == old[j];
	return staying;
}

static void replaced(const struct front *front)
{
	pid_t old[2];
	struct ending ending = {.tick = replace_some};
	size_t failed[2] = {0};

	CU_ASSERT(EVENTUALLY(stage_workers(old, 2) == 2));
	send_under_load(&ending, failed);
	CU_ASSERT(EVENTUALLY(stay(old, 2) == 0));
	(void)front;
	CU_ASSERT_EQUAL(failed[0], 0);
	CU_ASSERT_EQUAL(failed[1], 0);
}

/* ---- workers that are replaced, until they have ended ---- */

enum { CLIENTS = 16, KEYS = 100000, SOME = 1000, SHOTS_TLS = 3000 };

/* One worker after the other. */
struct relay {
	pid_t old[2];
	int ended; /* of these */
	bool waits;
	double since, longest; /* seconds, which one has taken to end */
};

static int left_of(const pid_t *pids)
{
	return (kill(pids[0], 0) == 0) + (kill(pids[1], 0) == 0);
}

/* Has the next one replaced, when the one before has ended; true when both have. */
static bool relay_goes_on(struct relay *r)
{
	pid_t pids[2];

	if (r->waits && left_of(r->old) < 2 - r->ended) {
		double seconds = now() - r->since;

		r->longest = seconds > r->longest ? seconds : r->longest;
		r->ended++;
		r->waits = false;
	} else if (!r->waits && r->ended < 2 && stage_workers(pids, 2) == 2) {
		stage_replace(r->ended);
		r->since = now();
		r->waits = true;
	}
	return r->ended == 2;
}

static struct load *pour(const char *target, unsigned keys, const char *type)
{
	return load_system(&stage, PLAN(.target = target, .keys = keys, .type = type,
					.connections = CLIENTS, .repeat = true, .pause = 2000000));
}

/* GETs and POSTs until both have ended; how many POSTs there were. */
static size_t pour_out(struct relay *r, size_t *sent)
{
	struct load *loads[2] = {pour("/", 0, NULL), pour("/once/{}", KEYS, "text/plain")};
	size_t posted = 0;

	CU_ASSERT(load_goes_on(loads[0], SOME) && load_goes_on(loads[1], SOME));
	CU_ASSERT(EVENTUALLY(relay_goes_on(r)));
	CU_ASSERT(load_goes_on(loads[0], SOME) && load_goes_on(loads[1], SOME));
	for (int i = 0; i < 2; i++) {
		const struct load_result *result = load_wait(loads[i]);

		CU_ASSERT_EQUAL(result->answered, result->sent);
		CU_ASSERT_EQUAL(result->resent, 0);
		posted = result->sent;
		*sent += posted;
	}
	CU_ASSERT(posted < KEYS);
	return posted;
}

static void on_shots(void *relay, size_t answered)
{
	if (answered > SOME)
		relay_goes_on(relay);
}

/* The same, of which each has a connection of its own, with TLS. */
static size_t shoot(struct relay *r, size_t *sent)
{
	static struct shot shots[SHOTS_TLS];
	struct volley volley = {stage.url, shots, SHOTS_TLS, PATIENCE, on_shots, r};
	size_t posted = 0;

	for (int i = 0; i < SHOTS_TLS; i++) {
		shot_aim(&shots[i], i * 0.003, i % 2 ? "%s/once/%d" : "%s/", stage.mount, i);
		shots[i].json = i % 2 ? "" : NULL;
		posted += i % 2;
	}
	volley_send(&volley);
	CU_ASSERT_EQUAL(volley_failed(&volley), 0);
	*sent = SHOTS_TLS;
	return posted;
}

/* No connection is ever idle, and the front ends each of them, before the worker would, with a POST
 * on its way. */
static void replaced_for_good(const struct front *front)
{
	struct relay relay = {0};
	size_t sent = 0;
	size_t posted, twice;

	CU_ASSERT_FATAL(EVENTUALLY(stage_workers(relay.old, 2) == 2));
	CU_ASSERT_FATAL(file_write(stage_file("executed"), ""));
	posted = (front->tls ? shoot : pour_out)(&relay, &sent);
	CU_ASSERT_EQUAL(relay.ended, 2);
	IN_TIME(relay.longest < DRAIN_IDLE);
	CU_ASSERT_EQUAL(once_executed(stage_file("executed"), &twice), posted);
	CU_ASSERT_EQUAL(twice, 0);
	printf("    %zu POSTs; the longest took %.2f s to end\n", posted, relay.longest);
	case_say("0 of %zu lost", sent);
}

/* A payment waits for its gateway, and the worker is killed. Whoever pays is told so, and does not
 * pay twice: the gateway hears of one. */
static void killed_with_a_post(const struct front *front)
{
	const char *log = textf("%s/paid.log", stage.run_dir);
	struct pollfd gateway = {.fd = stage_outside(), .events = POLLIN};
	int asked[8];
	int count = 0;
	int status;
	pid_t client;

	unlink(log);
	client =
		process_start(STRINGS("curl", "-sSk", "--noproxy", "*", "-o", "/dev/null", "-w",
				      "status %{http_code}\n", "-H", "Idempotency-Key: a", "--json",
				      "{\"order\":\"a\",\"amount\":5}", url("/cases/payments")),
			      NULL, log);
	while (!process_ended(client) && count < 8)
		if (poll(&gateway, 1, 5) == 1) {
			asked[count++] = accept(gateway.fd, NULL, NULL);
			if (count == 1)
				kill(stage_busy(), SIGKILL);
			else
				close(asked[count - 1]);
		}
	waitpid(client, NULL, 0);
	close(asked[0]);
	status = atoi(strstr(file_text(log), "status ") ? strstr(file_text(log), "status ") + 7
							: "");
	CU_ASSERT_EQUAL(count, 1);
	CU_ASSERT(status >= 500 && status < 600);
	(void)front;
	case_say("%d, once", status);
}

/* ---- what nginx can do besides ---- */

static const struct outcome *curl(const char *options, const char *whole_url)
{
	static struct outcome outcome;

	run(&outcome,
	    STRINGS("sh", "-c", "exec curl -sSk --noproxy '*' $1 \"$2\"", "sh", options, whole_url),
	    NULL, -1);
	return &outcome;
}

static bool curl_says(const char *options, const char *whole_url, const char *what)
{
	const struct outcome *outcome = curl(options, whole_url);
	bool says = strstr(outcome->out, what) != NULL;

	if (!says)
		printf("    %s %s: %.600s%s\n", options, whole_url, outcome->out, outcome->errors);
	return says;
}

/* The rest of a body is not there yet, and the worker has the request. */
static void body_passed_on(const struct front *front)
{
	const char *log = strdup(stage_file("part.log"));
	const char *part = stage_file("part");
	uint64_t in_flight = stage_sums().in_flight;
	pid_t client;
	int fd;

	(void)front;
	unlink(part);
	CU_ASSERT_FATAL(mkfifo(part, 0600) == 0);
	client = process_start(
		STRINGS("sh", "-c",
			"exec curl -sSk --noproxy '*' -X POST -H 'Content-Type: application/json' "
			"-T - \"$1\" <\"$2\"",
			"sh", url("/cases/json-stats"), part),
		NULL, log);
	fd = open(part, O_WRONLY | O_CLOEXEC);
	CU_ASSERT_EQUAL(write(fd, "[1,", 3), 3);
	CU_ASSERT(EVENTUALLY(stage_sums().in_flight == in_flight + 1));
	CU_ASSERT_EQUAL(write(fd, "2]", 2), 2);
	close(fd);
	waitpid(client, NULL, 0);
	CU_ASSERT(file_has(log, "\"integers\":2,"));
}

enum { TOO_MANY = 800 };

static void everything(const struct front *front)
{
	const char *plain = textf("http://127.0.0.1:%d%s/?a", stage.port, stage.mount);
	const char *nobody = textf("https://%s%s/", strchr(stage.url, '@') + 1, stage.mount);
	const char *dear = url("/async/cpu-bound?n=12345");

	(void)front;
	CU_ASSERT(curl_says("-i --http1.1", nobody, "HTTP/1.1 401"));
	CU_ASSERT(curl_says("-i", url("/"), "HTTP/2 200"));
	CU_ASSERT(curl_says("-i", plain, "HTTP/1.1 307"));
	CU_ASSERT(curl_says("-i", plain, textf("%s/?a\r\n", stage.mount)));
	CU_ASSERT(curl_says("-i --raw --compressed -o /dev/null -D -", url("/openapi.json"),
			    "content-encoding: gzip"));
	CU_ASSERT(EVENTUALLY(strstr(curl("-i", dear)->out, "x-cache: HIT")));
	CU_ASSERT(strstr(curl("-i", dear)->out, "{\"sum_sq\":") != NULL);
	CU_ASSERT(curl_says("-w %{http_code}\\n -o /dev/null -Z",
			    url(textf("/async/cpu-bound?n=[1-%d]", TOO_MANY)), "429"));
}

/* Whoever answers: it leads to the service's root. */
static void bare_mount(const struct front *front)
{
	const char *where = textf("%s%s?a=1", stage.url, stage.mount);
	const char *what = *stage.mount ? textf("%s/?a=1\r\n", stage.mount) : " 200";

	CU_ASSERT(curl_says("-ik", where, what));
	(void)front;
}

const struct case_ cases[] = {
	{"the endpoint tests", "endpoints", endpoints},
	{"the answers are those that FastAPI gave", "oracle", oracle},
	{"its path without a slash leads to it", "`/app`", bare_mount},
	{"a client that leaves", "a client leaves", leaving},
	{"200 sleep at once", "200 sleepers", sleepers},
	{"an upload with a length", "2 MB, a length", length},
	{"an upload in chunks", "2 MB, chunked", chunked},
	{"an upload that expects to be told", "2 MB, 100-continue", expecting},
	{"a query of 20 KB", "20 KB query", long_query},
	{"a service that cannot is not asked again", "a 503", unavailable},
	{"workers are killed under load", "`kill -9`", killed},
	{"a worker is killed that has a POST", "… with a POST", killed_with_a_post},
	{"workers are replaced under load", "replaced", replaced},
	{"they are until they end, and POSTs are counted", "… until they end", replaced_for_good,
	 true},
	{"TLS, HTTP/2, a password, a cache, compression, a limit", NULL, everything},
	{"a body is passed on before it is whole", NULL, body_passed_on},
};
const size_t case_count = COUNT(cases);

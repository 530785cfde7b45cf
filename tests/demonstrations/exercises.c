/*
 * make exercises: the guide's three practical exercises, a fourth about blocking workers, and two
 * with real waits, run for real. Each says what to expect and why, shows every request on a
 * timeline, and ends with a verdict from what was measured. The system they run on goes with this
 * program.
 */
#include <curl/curl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/system.h"
#include "../support/volley.h"
#include "terminal.h"
#include "timeline.h"
#include "trap.h"

enum { PROCESSES = 8, CLIENTS = 12, STUCK_AFTER = 4, WORKERS_MAX = 64 };

static bool all_as_expected = true;

__attribute__((format(printf, 2, 3))) static void verdict(bool as_expected, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	terminal_say(stdout, 0, 0, "%s: %s\n", as_expected ? "As expected" : "NOT AS EXPECTED",
		     text);
	all_as_expected = all_as_expected && as_expected;
}

/* What a reader may type, as it stands here: it prints how long each took. */
static void print_get(void)
{
	terminal_say(
		stdout, 0, 0,
		"\nAll of it can be typed, too, beside a system that runs (make run), and comes "
		"out the same with any number of workers: below /exercise there is one loop. "
		"First:");
	printf("  get() {\n"
	       "    curl -so /dev/null -w \"%%{time_total} s  $1\\n\" \\\n"
	       "      \"localhost:${PORT:-8080}/exercise$1\"\n"
	       "  }\n\n");
}

static void from_a_terminal(const char *commands)
{
	printf("From a terminal:\n%s\n", commands);
}

/* Fires what was aimed, and shows it. */
static void fire(struct volley *v, const char *title)
{
	terminal_say(stdout, 0, 0, "%s", title);
	fflush(stdout);
	volley_send(v);
	timeline_print(v);
	fflush(stdout);
}

static struct volley volley_at(const char *url, struct shot *shots, size_t count, double limit)
{
	return (struct volley){.url = url, .shots = shots, .count = count, .limit = limit};
}

/* ---- 1 ---- */

/* Two that take a second, and three that take nothing while they do. */
static void aim_pair(struct shot *shots, const char *pool)
{
	shot_aim(&shots[0], 0, "%s/async/await-one?seconds=1", pool);
	shot_aim(&shots[1], 0, "%s/sync/noawait?seconds=1", pool);
	for (int i = 0; i < 3; i++)
		shot_aim(&shots[2 + i], 0.25 * (i + 1), "%s/", pool);
}

static double slowest(const struct shot *shots, size_t count)
{
	double most = 0;

	for (size_t i = 0; i < count; i++)
		if (shot_seconds(&shots[i]) > most)
			most = shot_seconds(&shots[i]);
	return most;
}

static void await_beside_sync(const struct system *system)
{
	struct shot on_loop[5];
	struct shot on_process[5];
	struct volley loop = volley_at(system->url, on_loop, 5, 20);
	struct volley process = volley_at(system->url, on_process, 5, 20);

	terminal_say(
		stdout, 0, 0,
		"1. /async/await-one and /sync/noawait at the same moment\n\nExpect both after one "
		"second: the first awaits and leaves the loop free, the second blocks, but a "
		"thread of the pool and not the loop. So \"/\" is answered at once. A blocking "
		"process has neither loop nor threads: everybody queues for it.\n");
	aim_pair(on_loop, "/exercise");
	fire(&loop, "One loop worker:");
	aim_pair(on_process, "/prefork");
	fire(&process, "One blocking process:");
	verdict(!volley_failed(&loop) && !volley_failed(&process) && volley_seconds(&loop) < 1.5 &&
			slowest(on_loop + 2, 3) < 0.5 && volley_seconds(&process) >= 1.99,
		"both took %.2f s on the loop and \"/\" at most %.0f ms; "
		"on the blocking process both took %.2f s, and \"/\" up to %.2f s.",
		volley_seconds(&loop), slowest(on_loop + 2, 3) * 1000, volley_seconds(&process),
		slowest(on_process + 2, 3));
	from_a_terminal("  get /async/await-one & get /sync/noawait & get / & wait\n");
}

/* ---- 2 ---- */

static void gather_against_queue(const struct system *system)
{
	static const double sleeps[] = {1.0, 1.5, 0.5};
	struct shot gathered;
	struct shot queued[3];
	struct volley one = volley_at(system->url, &gathered, 1, 20);
	struct volley three = volley_at(system->url, queued, 3, 20);

	terminal_say(stdout, 0, 0,
		     "2. /async/await-many: three sleeps of 1.0, 1.5 and 0.5 s\n\nExpect the "
		     "longest, 1.5 s, and not the sum of 3.0 s: gather starts all three before it "
		     "waits for any. For comparison the same sleeps as three requests to one "
		     "blocking process, which can only do one after the other.\n");
	shot_aim(&gathered, 0, "/exercise/async/await-many");
	for (int i = 0; i < 3; i++)
		shot_aim(&queued[i], 0, "/prefork/async/await-one?seconds=%g", sleeps[i]);
	fire(&one, "Gathered in one handler:");
	timeline_print_mark(&one, "the longest", 1.5);
	timeline_print_mark(&one, "the sum", 3.0);
	fire(&three, "One after the other in one process:");
	verdict(!volley_failed(&one) && !volley_failed(&three) && volley_seconds(&one) >= 1.49 &&
			volley_seconds(&one) < 2 && volley_seconds(&three) >= 2.99,
		"gathered %.2f s, one after the other %.2f s.", volley_seconds(&one),
		volley_seconds(&three));
	from_a_terminal("  get /async/await-many\n");
}

/* ---- 3 ---- */

/* Four that block for half a second, and somebody who wants nothing of that. */
static void aim_blocking(struct shot *shots, const char *path)
{
	for (int i = 0; i < 4; i++)
		shot_aim(&shots[i], 0, "%s?seconds=0.5", path);
	shot_aim(&shots[4], 0.1, "/exercise/");
}

static void wrapped_against_bad(const struct system *system)
{
	struct shot wrapped[5];
	struct shot bad[5];
	struct volley good = volley_at(system->url, wrapped, 5, 20);
	struct volley evil = volley_at(system->url, bad, 5, 20);

	terminal_say(
		stdout, 0, 0,
		"3. /async/wrap-blocking against /async/bad-blocking, with a bystander\n\nBoth "
		"make the same blocking call. Expect 0.5 s for four of them if each is wrapped "
		"into a thread, and 2.0 s if they hold the loop, one after the other. The lesson "
		"is the last line: somebody who asks for \"/\" has done nothing wrong.\n");
	aim_blocking(wrapped, "/exercise/async/wrap-blocking");
	fire(&good, "Wrapped:");
	aim_blocking(bad, "/exercise/async/bad-blocking");
	fire(&evil, "Bad:");
	verdict(!volley_failed(&good) && !volley_failed(&evil) && volley_seconds(&good) < 1 &&
			volley_seconds(&evil) >= 1.99 && shot_seconds(&wrapped[4]) < 0.25 &&
			shot_seconds(&bad[4]) > 0.35,
		"the bystander waited %.0f ms beside the wrapped ones, and %.0f ms beside the bad "
		"ones, for nothing. More workers would only make it less likely to meet a held "
		"one.",
		shot_seconds(&wrapped[4]) * 1000, shot_seconds(&bad[4]) * 1000);
	from_a_terminal("  get /async/wrap-blocking & sleep 0.2; get /; wait\n"
			"  get /async/bad-blocking & sleep 0.2; get /; wait\n");
}

/* ---- 4 ---- */

static void aim_clients(struct shot *shots, const char *pool)
{
	for (int i = 0; i < CLIENTS; i++)
		shot_aim(&shots[i], 0, "%s/async/await-one?seconds=0.5", pool);
}

static void kept_connections(const struct system *system)
{
	struct shot shots[CLIENTS];
	struct volley v = volley_at(system->url, shots, CLIENTS, STUCK_AFTER);
	struct trap trap;
	size_t failed;
	size_t stuck;
	double unkept;

	terminal_say(
		stdout, 0, 0,
		"4. The prefork trap: connections that are kept\n\nA little nginx with \"keepalive "
		"64\" in front of %d blocking processes, and %d clients at once. A process that "
		"has answered waits for the next request on its connection, which nginx keeps for "
		"later. Expect %d answers, and then nothing: %d requests wait for a process, and "
		"all %d processes idle, each waiting for its own connection. A loop watches all "
		"its connections at once and does not notice. We give up after %d s.\n",
		PROCESSES, CLIENTS, PROCESSES, CLIENTS - PROCESSES, PROCESSES, STUCK_AFTER);
	aim_clients(shots, "/prefork");
	fire(&v,
	     "Eight blocking processes, a new connection for each request, as our nginx does it:");
	unkept = volley_seconds(&v);
	failed = volley_failed(&v);

	if (!trap_open(&trap, system)) {
		all_as_expected = false;
		return;
	}
	v.url = trap.url;
	aim_clients(shots, "/prefork");
	fire(&v, "Eight blocking processes, connections kept:");
	stuck = volley_failed(&v);
	aim_clients(shots, "");
	fire(&v, "One loop worker, connections kept:");
	failed += volley_failed(&v);
	trap_close(&trap);
	verdict(stuck == CLIENTS - PROCESSES && !failed && unkept < 1.5 && volley_seconds(&v) < 1,
		"the processes without kept connections answered all in %.2f s; with them "
		"%zu of %d stood still for %d s beside idle processes; the loop answered all in "
		"%.2f s.",
		unkept, stuck, CLIENTS, STUCK_AFTER, volley_seconds(&v));
}

/* ---- 5 ---- */

/* Four that want an answer of the database in half a second, and somebody who wants nothing of it.
 */
static void aim_queries(struct shot *shots, const char *pool, const char *driver)
{
	for (int i = 0; i < 4; i++)
		shot_aim(&shots[i], 0, "%s/cases/slow-query%s?seconds=0.5", pool, driver);
	shot_aim(&shots[4], 0.1, "%s/", pool);
}

static void blocking_driver_against_async_driver(const struct system *system)
{
	static const struct {
		const char *title;
		const char *pool;
		const char *driver;
		double least, most; /* seconds of all, and … */
		bool waits;	    /* … whether the bystander does */
	} ways[] = {
		{"The async driver, awaited on the loop:", "/exercise", "", 0.49, 1, false},
		{"The blocking driver, on threads:", "/exercise", "/blocking", 0.49, 1, false},
		{"The blocking driver, on the loop:", "/exercise", "/bad", 1.99, 20, true},
		{"Two blocking processes:", "/exercise/prefork", "/blocking", 0.99, 20, true},
	};
	enum { WAYS = sizeof(ways) / sizeof(ways[0]) };
	struct shot shots[WAYS][5];
	double took[WAYS];
	bool as_expected = true;

	terminal_say(
		stdout, 0, 0,
		"5. The blocking driver against the async driver\n\nA real database (PostgreSQL) "
		"needs 0.5 s for each of four queries. The same libpq can be awaited, or block. "
		"Expect 0.5 s for all four if they are awaited, and 0.5 s from a blocking driver, "
		"if each has a thread. On the loop it holds everybody, the database or not: 2.0 s, "
		"one after the other, and the last line, \"/\", has not even asked for it. A "
		"blocking "
		"process is held in any case: two of them take 1.0 s.\n");
	for (int i = 0; i < WAYS; i++) {
		struct volley v = volley_at(system->url, shots[i], 5, 20);
		double bystander;

		aim_queries(shots[i], ways[i].pool, ways[i].driver);
		fire(&v, ways[i].title);
		took[i] = volley_seconds(&v);
		bystander = shot_seconds(&shots[i][4]);
		as_expected = as_expected && !volley_failed(&v) && took[i] >= ways[i].least &&
			      took[i] < ways[i].most &&
			      (ways[i].waits ? bystander > 0.35 : bystander < 0.25);
	}
	verdict(as_expected,
		"awaited %.2f s, and \"/\" in %.0f ms; on threads %.2f s and %.0f ms; on the loop "
		"%.2f s and %.0f ms; in two processes %.2f s and %.0f ms. What is awaited costs a "
		"connection, what blocks costs a thread besides.",
		took[0], shot_seconds(&shots[0][4]) * 1000, took[1],
		shot_seconds(&shots[1][4]) * 1000, took[2], shot_seconds(&shots[2][4]) * 1000,
		took[3], shot_seconds(&shots[3][4]) * 1000);
	from_a_terminal("  (make run DATABASE=private)\n"
			"  get /cases/slow-query & sleep 0.2; get /; wait\n"
			"  get /cases/slow-query/bad & sleep 0.2; get /; wait\n");
}

/* ---- 6 ---- */

enum { HEAVY = 6, SUMS_MAX = 1000000000, CALIBRATION = 100000000 };
static const double HEAVY_SECONDS = 0.4;

/* How much to compute, so that it takes that long: by the fastest of a few. */
static long heavy_work(const struct system *system)
{
	double fastest = 10;

	for (int i = 0; i < 3; i++) {
		struct shot shot;
		struct volley v = volley_at(system->url, &shot, 1, 20);

		shot_aim(&shot, 0, "/exercise/async/cpu-bound?n=%d", CALIBRATION);
		volley_send(&v);
		if (shot_seconds(&shot) < fastest)
			fastest = shot_seconds(&shot);
	}
	return (long)fmin(CALIBRATION / fastest * HEAVY_SECONDS, SUMS_MAX);
}

static void aim_heavy(struct shot *shots, const char *pool, long n)
{
	for (int i = 0; i < HEAVY; i++)
		shot_aim(&shots[i], 0, "%s/async/cpu-bound?n=%ld", pool, n);
	shot_aim(&shots[HEAVY], 0.1, "%s/", pool);
}

static void aim_renders(struct shot *shots)
{
	for (int i = 0; i < HEAVY; i++) {
		shot_aim(&shots[i], 0, "/cases/renders");
		shots[i].json = "{\"width\":1024,\"height\":768,\"iterations\":800}";
	}
	shot_aim(&shots[HEAVY], 0.1, "/");
}

static bool is_drawn(const struct system *system, const struct shot *shot)
{
	struct shot look;
	struct volley v = volley_at(system->url, &look, 1, 20);

	shot_aim(&look, 0, "%s", shot->location);
	volley_send(&v);
	return !strcmp(look.type, "image/png");
}

/* How many of them there are in the end. */
static int await_pictures(const struct system *system, const struct shot *shots)
{
	int drawn = 0;

	for (int i = 0; i < HEAVY; i++)
		drawn += *shots[i].location && WITHIN(60, is_drawn(system, &shots[i]));
	return drawn;
}

static void queue_it(const struct system *system)
{
	struct shot held[HEAVY + 1];
	struct shot threads[HEAVY + 1];
	struct shot queued[HEAVY + 1];
	struct volley processes = volley_at(system->url, held, HEAVY + 1, 60);
	struct volley loop = volley_at(system->url, threads, HEAVY + 1, 60);
	struct volley queue = volley_at(system->url, queued, HEAVY + 1, 60);
	long n = heavy_work(system);
	double begun;
	int drawn;

	terminal_say(
		stdout, 0, 0,
		"6. Queue it: heavy work in a process of its own\n\nSix requests, each with %.1f s "
		"of computing. Two blocking processes have time for nothing else, so \"/\" waits. "
		"A "
		"loop gives them to its CPU threads, and \"/\" does not wait, but who asked does, "
		"and "
		"loses all if the worker ends. Queued (POST /cases/renders), each is a row of the "
		"database: expect 202 at once. A worker for jobs draws the pictures, whatever "
		"becomes "
		"of the loop, and who asked comes back for them.\n",
		HEAVY_SECONDS);
	aim_heavy(held, "/exercise/prefork", n);
	fire(&processes, "Two blocking processes:");
	aim_heavy(threads, "/exercise", n);
	fire(&loop, "One loop worker, on its CPU threads:");
	aim_renders(queued);
	begun = now();
	fire(&queue, "Queued:");
	drawn = await_pictures(system, queued);
	verdict(!volley_failed(&processes) && !volley_failed(&loop) && !volley_failed(&queue) &&
			drawn == HEAVY && shot_seconds(&held[HEAVY]) > 0.35 &&
			shot_seconds(&threads[HEAVY]) < 0.25 &&
			shot_seconds(&queued[HEAVY]) < 0.25 && slowest(queued, HEAVY) < 0.25,
		"\"/\" waited %.0f ms for the processes, %.0f ms beside the threads and %.0f ms "
		"beside the queue. Who asked waited up to %.2f s, %.2f s and %.2f s; all %d "
		"pictures "
		"were there after %.2f s.",
		shot_seconds(&held[HEAVY]) * 1000, shot_seconds(&threads[HEAVY]) * 1000,
		shot_seconds(&queued[HEAVY]) * 1000, slowest(held, HEAVY), slowest(threads, HEAVY),
		slowest(queued, HEAVY), drawn, now() - begun);
	from_a_terminal("  curl -sH 'Content-Type: application/json' -d '{}' \\\n"
			"    \"localhost:${PORT:-8080}/cases/renders\"\n"
			"  curl -so picture.png \\\n"
			"    \"localhost:${PORT:-8080}/cases/renders/1\"\n");
}

/* As many as somebody wants to see that it makes no difference. */
static int workers_wanted(void)
{
	const char *given = getenv("WORKERS");
	int workers = given ? atoi(given) : 1;

	unsetenv("WORKERS");
	return workers >= 1 && workers <= WORKERS_MAX ? workers : 1;
}

int main(void)
{
	int workers = workers_wanted();
	struct system system;
	bool stopped;

	curl_global_init(CURL_GLOBAL_DEFAULT);
	timeline_begin();
	timeline_print_legend();
	print_get();
	if (!system_start(&system, &(struct system_options){.workers = workers, .prefork = 1}))
		return 1;
	await_beside_sync(&system);
	gather_against_queue(&system);
	wrapped_against_bad(&system);
	stopped = system_stop(&system);
	if (!system_start(&system,
			  SYSTEM(.workers = workers, .prefork = PROCESSES,
				 .environment = STRINGS("DATABASE=private", "JOB_WORKERS=1"))))
		return 1;
	kept_connections(&system);
	blocking_driver_against_async_driver(&system);
	queue_it(&system);
	stopped = system_stop(&system) && stopped;
	return stopped && all_as_expected ? 0 : 1;
}

/* Who holds a loop is named while it does, by function, line, call and cure; and nothing that it
 * does is cut short by that. Who awaits what is seen from outside. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/process.h"
#include "../support/raw.h"
#include "../support/stream.h"
#include "scoreboard/board_task.h"

static struct worker worker;
static const char *directory;
static struct scoreboard board;
static struct raw raw = {.fd = -1};
static unsigned requests; /* the number of the worker's last one: they count from 1 */

static const char *board_path(void)
{
	return textf("%s/scoreboard", directory);
}

static void begin_program(const char *path, const char *const *more)
{
	const char *options[16] = {"--scoreboard", board_path(), "--threads", "2"};
	size_t count = 4;

	while (*more)
		options[count++] = *more++;
	CU_ASSERT_FATAL(worker_start_program(&worker, path, options, NULL));
	CU_ASSERT_FATAL(scoreboard_open_to_read(&board, board_path()) == 0);
	CU_ASSERT_FATAL(raw_open(&raw, worker.socket));
}

static void begin(const char *const *more)
{
	begin_program(built("held-app"), more);
}

static void begin_environment(const char *const *variables)
{
	CU_ASSERT_FATAL(worker_start_program(&worker, built("held-app"), STRINGS("--threads", "2"),
					     variables));
	CU_ASSERT_FATAL(raw_open(&raw, worker.socket));
	requests = 0;
}

static void before(void)
{
	directory = directory_make();
	board = (struct scoreboard){.fd = -1};
}

static void after(void)
{
	raw_close(&raw);
	worker_stop(&worker);
	scoreboard_close(&board);
	directory_remove(directory);
}

/* ---- what is said of a hold ---- */

static bool last_hold(struct held_by *held)
{
	return scoreboard_slots(&board) && board_held_by(&board.slots[0], board_now(), held);
}

static bool is_named(struct held_by *held)
{
	return last_hold(held) && held->request.serial == requests;
}

static void ask(const char *path, const char *seconds)
{
	requests++;
	CU_ASSERT_FATAL(raw_get(&raw, (int)requests, path, textf("seconds=%s", seconds)));
}

/* "line=17 result=0 errno=0 took=0.300117". */
struct answer {
	int line, result, error;
	double took;
};

static struct answer answered(void)
{
	struct answer answer = {0};
	const char *at = NULL;

	CU_ASSERT_FATAL(raw_answers(&raw, textf("END %u 0 COMPLETE", requests)));
	for (const char *next = raw.text.data; (next = strstr(next, "line=")); next++)
		at = next;
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	CU_ASSERT_EQUAL(sscanf(at, "line=%d result=%d errno=%d took=%lf", &answer.line,
			       &answer.result, &answer.error, &answer.took),
			4);
	return answer;
}

/* Signals of our own reach a thread under it only where it calls libc. */
static bool sees_who_computes(void)
{
#ifdef __SANITIZE_THREAD__
	return false;
#else
	return true;
#endif
}

static const struct way {
	const char *path, *function, *call, *cure;
	bool computes;
} ways[] = {
	{"/sleeps", "sleeps", "nanosleep", "sleep_for", false},
	{"/polls", "polls", "poll", "await_fd", false},
	{"/reads", "reads", "read", "await_fd", false},
	{"/computes", "compute", "", "run_in_cpu_pool", true},
	{"/formats", "formats", "", "run_in_cpu_pool", true},
	{"/recurses", "compute", "", "run_in_cpu_pool", true},
};

/* So many lines: a sanitizer's frame, which nobody can unwind, has others of old in it. */
static int vagueness(void)
{
	return MEMORY_COUNTS ? 0 : 2;
}

static void is_described(const struct way *way, const struct held_by *held, int line)
{
	const char *file = "tests/held/app.c:";
	int at = 0;

	IN_TIME(held->at[0] != '\0'); /* whoever gets no core is not seen */
	if (!held->at[0])
		return;
	CU_ASSERT(!strncmp(held->at, file, strlen(file)));
	at = atoi(held->at + strlen(file));
	CU_ASSERT_STRING_EQUAL(held->function, way->function);
	if (way->computes)
		CU_ASSERT(at >= line - 8 && at <= line);
	if (!way->computes)
		CU_ASSERT(at >= line - vagueness() && at <= line);
	if (!way->computes)
		CU_ASSERT(strstr(held->call, way->call) != NULL);
	CU_ASSERT(strstr(held->cure, way->cure) != NULL);
}

/* Fifty, by eight of each or nine. */
static void every_hold_is_named(void)
{
	begin(STRINGS("--pool", "loop"));
	requests = 0;
	for (int i = 0; i < 50; i++) {
		const struct way *way = &ways[i % COUNT(ways)];
		struct held_by held = {0};
		struct answer answer;

		if (way->computes && !sees_who_computes()) {
			not_judged("a sanitizer keeps signals from who computes");
			continue;
		}
		ask(way->path, "0.4");
		answer = answered();
		CU_ASSERT(EVENTUALLY(is_named(&held)));
		is_described(way, &held, answer.line);
		CU_ASSERT_EQUAL(answer.result, 0);
	}
}

static void it_is_named_while_it_lasts(void)
{
	struct answer answer;
	struct held_by held;

	begin(STRINGS("--pool", "loop"));
	requests = 0;
	ask("/sleeps", "2");
	CU_ASSERT(EVENTUALLY(is_named(&held)));
	CU_ASSERT(board_get(&board.slots[0].turn_since) != 0);
	CU_ASSERT_EQUAL(held.turn, board_get(&board.slots[0].turn_since));
	answer = answered();
	CU_ASSERT(answer.took >= 2);
	IN_TIME(answer.took < 2.08); /* nor was it begun anew */
}

/* Where a callback of libc's is to blame, that is named. */
static void what_libc_calls_is_named(void)
{
	struct held_by held;

	begin(STRINGS("--pool", "loop"));
	requests = 0;
	ask("/sorts", "0");
	answered();
	CU_ASSERT(EVENTUALLY(is_named(&held)));
	CU_ASSERT_STRING_EQUAL(held.function, "order");
	CU_ASSERT_STRING_EQUAL(held.call, "nanosleep");
}

/* Its lock is not the loop's: what is computed beside it is not named. */
static void who_waits_is_not_named(void)
{
	struct held_by held;

	begin(STRINGS("--pool", "loop"));
	requests = 0;
	CU_ASSERT(raw_gets(&raw, 1, "/waits", "seconds=0.5", "END 1 0 COMPLETE"));
	CU_ASSERT(raw_gets(&raw, 2, "/blocks", "seconds=0.5", "END 2 0 COMPLETE"));
	CU_ASSERT(!last_hold(&held));
	CU_ASSERT_EQUAL(file_lines(worker.log, " event=loop-held "), 0);
}

static void the_log_says_it(void)
{
	begin(STRINGS("--pool", "loop"));
	requests = 0;
	ask("/sleeps", "0.4");
	CU_ASSERT(file_has(worker.log, " event=") && EVENTUALLY(file_has(worker.log, "loop-held")));
	CU_ASSERT(file_has(worker.log, " event=loop-held request=1 route=/sleeps seconds=0."));
	CU_ASSERT(file_has(worker.log, textf(" function=sleeps at=tests/held/app.c:%d "
					     "call=nanosleep cure=\"AWAIT(req, sleep_for(",
					     answered().line)));
}

/* It stops to compute, and begins to sleep, as it is looked at: it gets to sleep, and sleeps. */
static void nothing_is_cut_short(void)
{
	begin(STRINGS("--pool", "loop", "--slow-callback", "0.02"));
	requests = 0;
	for (int i = 0; i < 100; i++) {
		struct answer answer;

		ask("/both", textf("0.0%d", 1990 + i % 20));
		answer = answered();
		CU_ASSERT_EQUAL(answer.result, 0);
		CU_ASSERT_EQUAL(answer.error, 0);
		CU_ASSERT(answer.took >= 0.0699);
	}
}

static void it_can_be_switched_off(void)
{
	struct held_by held;

	begin(STRINGS("--doctor", "off"));
	requests = 0;
	ask("/sleeps", "0.4");
	answered();
	CU_ASSERT(!last_hold(&held));
	CU_ASSERT_EQUAL(file_lines(worker.log, "loop-held"), 0);
}

/* Nobody asks, and it does nothing: it is not woken. */
static long switches(void)
{
	const struct outcome *outcome = shell(textf("for t in /proc/%d/task/*; do "
						    "[ $(cat $t/comm) != doctor ] || grep ^volun "
						    "$t/status; done",
						    (int)worker.pid));
	const char *at = strchr(outcome->out, ':');

	return at ? atol(at + 1) : -1;
}

static bool rests(void)
{
	long before = switches();

	usleep(300000);
	return before >= 0 && switches() == before;
}

static void it_rests_where_nobody_asks(void)
{
	struct held_by held;

	begin(STRINGS("--pool", "loop"));
	requests = 0;
	CU_ASSERT(EVENTUALLY(rests()));
	ask("/sleeps", "0.4");
	answered();
	CU_ASSERT(EVENTUALLY(is_named(&held)));
	CU_ASSERT(EVENTUALLY(rests()));
}

/* What it has read of the program. */
static void it_gives_memory_back_when_it_rests(void)
{
	struct held_by held;
	long before;

	begin(STRINGS("--pool", "loop"));
	requests = 0;
	ask("/sleeps", "0");
	answered();
	before = process_private_kb(worker.pid);
	for (int i = 0; i < 3; i++) {
		ask("/sleeps", "0.4");
		answered();
		CU_ASSERT(EVENTUALLY(is_named(&held)));
		CU_ASSERT(!MEMORY_COUNTS ||
			  EVENTUALLY(process_private_kb(worker.pid) < before + 640));
	}
}

/* ---- with less than that ---- */

/* A program whose file was made of held-app by this command is held, and says so. */
static void hold_changed(const char *change, struct held_by *held)
{
	const char *path = textf("%s/changed", directory);

	CU_ASSERT_FATAL(
		shell(textf("cd %s && cp %s changed && %s", directory, built("held-app"), change))
			->status == 0);
	begin_program(path, STRINGS("--pool", "loop"));
	requests = 0;
	ask("/sleeps", "0.4");
	CU_ASSERT_EQUAL(answered().result, 0);
	CU_ASSERT(EVENTUALLY(is_named(held)));
	CU_ASSERT(strstr(held->call, "nanosleep") != NULL);
}

static void without_symbols(void)
{
	struct held_by held;

	hold_changed("strip changed", &held);
	CU_ASSERT(EVENTUALLY(file_has(worker.log, " unseen=\"No DWARF information")));
	CU_ASSERT_STRING_EQUAL(held.function, "");
	CU_ASSERT(!strncmp(held.at, "program+0x", strlen("program+0x")));
}

static void without_lines(void)
{
	struct held_by held;

	hold_changed("strip -g changed", &held);
	CU_ASSERT_STRING_EQUAL(held.function, "sleeps");
	CU_ASSERT(!strncmp(held.at, "program+0x", strlen("program+0x")));
}

static void with_noise_for_lines(void)
{
	struct held_by held;

	hold_changed("head -c 100000 changed >noise && objcopy --update-section .debug_line=noise "
		     "--update-section .debug_info=noise changed",
		     &held);
	CU_ASSERT_STRING_EQUAL(held.function, "sleeps");
	CU_ASSERT(!strncmp(held.at, "program+0x", strlen("program+0x")));
}

/* Its sections cannot be found: they are listed at the end. */
static void of_a_file_that_is_cut(void)
{
	struct held_by held;

	hold_changed("truncate -s -1000 changed", &held);
	CU_ASSERT_STRING_EQUAL(held.function, "");
	CU_ASSERT(!strncmp(held.at, "program+0x", strlen("program+0x")));
}

static void with_compressed_lines(void)
{
	struct held_by held;

	hold_changed("objcopy --compress-debug-sections changed", &held);
	CU_ASSERT_STRING_EQUAL(held.function, "sleeps");
	CU_ASSERT(!strncmp(held.at, "tests/held/app.c:", strlen("tests/held/app.c:")));
}

/* A program that runs behind these commands, in a namespace of mounts of its own; false: there are
 * none. */
static bool begin_behind(const char *commands, const char *name)
{
	const char *path = textf("%s/behind", directory);

	if (geteuid() != 0 || shell("unshare -m true")->status != 0) {
		not_judged("no namespaces of mounts, which root makes");
		return false;
	}
	CU_ASSERT_FATAL(file_write(path, textf("#!/bin/sh\n[ \"$1\" = within ] || exec unshare -m "
					       "\"$0\" within \"$@\"\nshift\n%s\nexec %s \"$@\"\n",
					       commands, name)));
	begin_program(path, STRINGS("--pool", "loop"));
	requests = 0;
	ask("/sleeps", "0.4");
	CU_ASSERT_EQUAL(answered().result, 0);
	CU_ASSERT(EVENTUALLY(file_has(worker.log, " event=loop-held request=1 route=/sleeps ")));
	return true;
}

/* As in a container that hides it: the route is known all the same. */
static void without_proc(void)
{
	if (begin_behind("mount -t tmpfs none /proc", built("held-app")))
		CU_ASSERT(file_has(worker.log, " unseen=\"/proc/self/task/TID/syscall: No such "
					       "file or directory\" cure="));
}

/* As a package of debug symbols brings them. */
static void with_symbols_that_are_installed(void)
{
	static const char commands[] =
		"mount -t tmpfs none /usr/lib/debug && cd %s && cp %s whole &&\n"
		"id=$(readelf -n whole | sed -n 's/.*Build ID: //p') && end=${id#??} &&\n"
		"place=/usr/lib/debug/.build-id/${id%%\"$end\"} && mkdir -p \"$place\" &&\n"
		"objcopy --only-keep-debug whole \"$place/$end.debug\" && "
		"strip -o stripped whole && cd / || exit\n";

	if (access("/usr/lib/debug", F_OK) != 0) {
		not_judged("no /usr/lib/debug");
		return;
	}
	if (begin_behind(textf(commands, directory, built("held-app")),
			 textf("%s/stripped", directory)))
		CU_ASSERT(file_has(worker.log, " function=sleeps at=tests/held/app.c:"));
}

static void post_numbers(int id, size_t count)
{
	struct buffer numbers = {0};
	struct stream stream = {0};

	buffer_append_text(&numbers, "{\"numbers\":[1");
	for (size_t i = 1; i < count; i++)
		buffer_append_text(&numbers, ",1");
	buffer_append_text(&numbers, "]}");
	stream_stdin(&stream, (uint16_t)id, buffer_slice(&numbers));
	stream_stdin_end(&stream, (uint16_t)id);
	CU_ASSERT(raw_send(&raw, textf("begin %d keep, params %d REQUEST_METHOD=POST&"
				       "PATH_INFO=/takes&CONTENT_TYPE=application/json, "
				       "params-end %d",
				       id, id, id)));
	CU_ASSERT(raw_stream(&raw, &stream));
	buffer_free(&numbers);
	requests++;
	CU_ASSERT(raw_answers(&raw, textf("END %d 0 COMPLETE", id)));
	CU_ASSERT_PTR_NOT_NULL_FATAL(strstr(raw.text.data, "Status: 200 OK"));
}

static bool is_the_librarys(struct held_by *held)
{
	return last_hold(held) && !strncmp(held->at, "app/lanes/", strlen("app/lanes/"));
}

/* Not main(), nor anybody else who has only called it. A list so long takes a quarter of a second.
 */
static void the_library_itself_is_named(void)
{
	struct held_by held = {0};

	begin(STRINGS("--slow-callback", "0.05", "--body-memory", "8000000", "--stdin-limit",
		      "8000000", "--conn-memory-limit", "250000000"));
	for (int id = 1; id <= 20 && !is_the_librarys(&held); id++) {
		post_numbers(id, 2000000);
		CU_ASSERT_STRING_NOT_EQUAL(held.function, "main");
	}
	CU_ASSERT_FATAL(EVENTUALLY(is_the_librarys(&held)));
	CU_ASSERT_STRING_EQUAL(held.from, "");
}

/* Such a service has the signal for something else. */
static void where_the_service_takes_the_signal(void)
{
	begin_environment(STRINGS("HELD_TAKES_SIGURG=1"));
	ask("/computes", "0.4");
	answered();
	CU_ASSERT(EVENTUALLY(file_has(worker.log, " unseen=\"SIGURG is taken: what computes is "
						  "not seen\" cure=")));
	ask("/sleeps", "0.4");
	answered();
	CU_ASSERT(EVENTUALLY(file_has(worker.log, " function=sleeps ")));
	CU_ASSERT(!file_has(worker.log, "news"));
}

/* ---- below a master ---- */

/* It is there alone: who replaces one has another slot while both are there, and either may accept.
 */
static bool is_another(pid_t before, pid_t *pid)
{
	*pid = 0;
	for (unsigned slot = 0; slot < scoreboard_slots(&board); slot++) {
		pid_t holder = scoreboard_holder(&board, slot);

		if (holder > 0 && holder == before)
			return false;
		if (holder > 0)
			*pid = holder;
	}
	return *pid > 0;
}

/* Its worker, which is another one than before, and named when it is held. */
static pid_t hold_worker_of_master(pid_t before)
{
	pid_t pid = 0;

	CU_ASSERT(EVENTUALLY(is_another(before, &pid)));
	raw_close(&raw);
	CU_ASSERT_FATAL(raw_open(&raw, worker.socket));
	requests = 0;
	ask("/sleeps", "0.4");
	answered();
	CU_ASSERT(EVENTUALLY(file_has(
		worker.log, textf("pid=%d event=loop-held request=1 route=/sleeps", (int)pid))));
	CU_ASSERT_EQUAL(file_lines(worker.log, textf("pid=%d event=loop-held", (int)pid)), 1);
	return pid;
}

static void each_worker_of_a_master_has_one(void)
{
	pid_t pid;

	begin(STRINGS("--processes", "1", "--pool", "loop"));
	pid = hold_worker_of_master(0);
	kill(pid, SIGKILL);
	pid = hold_worker_of_master(pid);
	kill(worker.pid, SIGHUP);
	hold_worker_of_master(pid);
	CU_ASSERT_EQUAL(file_lines(worker.log, " function=sleeps at=tests/held/app.c:"), 3);
}

/* ---- lanes --ps ---- */

static struct outcome listed;

static const char *ps(void)
{
	run(&listed, STRINGS(program(), "--ps", "--scoreboard", board_path()),
	    STRINGS("COLUMNS=80"), -1);
	CU_ASSERT_EQUAL(listed.status, 0);
	/* A cure is told whole. */
	for (const char *line = listed.out; *line; line += strcspn(line, "\n") + 1)
		CU_ASSERT(strcspn(line, "\n") <= 80 || strstr(line, "cure: ") == line + 6);
	return listed.out;
}

static bool shows(const char *text)
{
	return strstr(ps(), text) != NULL;
}

/* … the same time. */
static bool shows_too(const char *text)
{
	return strstr(listed.out, text) != NULL;
}

static void ps_shows_who_awaits_what(void)
{
	begin(STRINGS("--pool", "loop"));
	CU_ASSERT(shows(" idle\n"));
	CU_ASSERT(!shows_too("+-"));
	CU_ASSERT(raw_get(&raw, 1, "/waits", "seconds=60"));
	CU_ASSERT(raw_get(&raw, 2, "/gathers", "seconds=60"));
	CU_ASSERT(raw_get(&raw, 3, "/blocks", "seconds=60"));
	CU_ASSERT(EVENTUALLY(shows("+- 3 /blocks awaits thread 0 of blocking, ")));
	CU_ASSERT(shows_too("+- 1 /waits awaits sleep, "));
	CU_ASSERT(shows_too("|     waits() tests/held/app.c:"));
	CU_ASSERT(shows_too(" sleep_for(req, wanted(req))\n"));
	CU_ASSERT(shows_too("+- 2 /gathers awaits gather of 2, "));
	CU_ASSERT(shows_too("|  +- beside that, awaits sleep, "));
	CU_ASSERT(shows_too(", 3 in flight\n"));
	raw_close(&raw);
	CU_ASSERT(EVENTUALLY(!shows("+-")));
}

static void ps_shows_who_holds(void)
{
	begin(STRINGS("--pool", "loop"));
	requests = 0;
	CU_ASSERT(raw_get(&raw, 1, "/waits", "seconds=60"));
	CU_ASSERT(EVENTUALLY(shows("+- 1 /waits awaits sleep, ")));
	requests = 1;
	ask("/sleeps", "3");
	CU_ASSERT(EVENTUALLY(shows("|     sleeps() tests/held/app.c:")));
	CU_ASSERT(shows_too(" s: 1 waits for it\n+- 2 /sleeps holds the loop, "));
	CU_ASSERT(shows_too(", in nanosleep()\n|     cure: AWAIT(req, sleep_for("));
	answered();
	CU_ASSERT(EVENTUALLY(shows(" idle, 1 in flight\n+- was held ")));
	CU_ASSERT(shows_too(" s ago by 2 /sleeps\n"));
}

/* More than the scoreboard can tell of. */
static void ps_says_how_many_more(void)
{
	enum { MANY = 10000 };

	begin(STRINGS("--max-reqs", "20000", "--conn-requests", "20000"));
	for (int id = 1; id <= MANY; id++)
		CU_ASSERT_FATAL(raw_get(&raw, id, "/waits", "seconds=60"));
	CU_ASSERT(EVENTUALLY(shows(" idle, 10,000 in flight\n")));
	CU_ASSERT(shows_too("+- 20 /waits awaits sleep, "));
	CU_ASSERT(!shows_too("+- 21 /waits"));
	CU_ASSERT(shows_too("+- and 9,980 more\n"));
}

static void ps_needs_a_scoreboard(void)
{
	struct outcome outcome;

	run(&outcome, STRINGS(program(), "--ps"), NULL, -1);
	CU_ASSERT(was_refused(&outcome, "--ps needs --scoreboard"));
	CU_ASSERT_EQUAL(outcome.status, 2);
	run(&outcome, STRINGS(program(), "--ps", "--scoreboard", textf("%s/none", directory)), NULL,
	    -1);
	CU_ASSERT(was_refused(&outcome, "No such file or directory"));
}

static const struct test tests[] = {
	{"fifty of fifty holds are named: function, line, call and cure", every_hold_is_named},
	{"a hold is named while it lasts", it_is_named_while_it_lasts},
	{"what libc has called is named", what_libc_calls_is_named},
	{"who awaits is not named", who_waits_is_not_named},
	{"the log says it", the_log_says_it},
	{"nothing is cut short", nothing_is_cut_short},
	{"it can be switched off", it_can_be_switched_off},
	{"it rests where nobody asks", it_rests_where_nobody_asks},
	{"it gives memory back when it rests", it_gives_memory_back_when_it_rests},
	{"without symbols the call and the place in the program are named", without_symbols},
	{"without lines the function is named", without_lines},
	{"with noise for lines the function is named", with_noise_for_lines},
	{"of a file that is cut the call and the place in the program are named",
	 of_a_file_that_is_cut},
	{"lines may be compressed", with_compressed_lines},
	{"without /proc the route is named, and what is missing", without_proc},
	{"with symbols that are installed beside it all is named", with_symbols_that_are_installed},
	{"where the library computes, it is named itself", the_library_itself_is_named},
	{"where the service takes the signal, who sleeps is named",
	 where_the_service_takes_the_signal},
	{"each worker of a master has a doctor, also who replaces another",
	 each_worker_of_a_master_has_one},
	{"--ps shows who awaits what, at which line", ps_shows_who_awaits_what},
	{"--ps shows who holds the loop, now and last", ps_shows_who_holds},
	{"--ps says how many more there are", ps_says_how_many_more},
	{"--ps needs a scoreboard", ps_needs_a_scoreboard},
};

const struct suite doctor_suite = {"doctor", tests, COUNT(tests), .before = before, .after = after};

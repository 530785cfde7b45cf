/* The logs of a system: how long they get, who may read them, and what becomes of one that is
 * renamed. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/client.h"
#include "../support/harness.h"

SUITE_SYSTEM(lanes, .prefork = 1, .environment = STRINGS("LOG_MB=1"))

static const char *in_run_dir(const char *name)
{
	return system_file(&lanes, name);
}

static off_t size_of(const char *name)
{
	struct stat file;

	return stat(in_run_dir(name), &file) ? -1 : file.st_size;
}

/* Lines that have the text in a log and the part of it that was put aside. */
static size_t lines_with(const char *log, const char *text)
{
	return system_log_count(&lanes, log, text) +
	       system_log_count(&lanes, textf("%s.old", log), text);
}

static bool is_private(const char *name)
{
	struct stat file;

	return !stat(in_run_dir(name), &file) && (file.st_mode & 07777) == 0640;
}

/* ---- nginx's ---- */

static void long_urls_are_cut(void)
{
	static char request[8192];
	static char answer[16384];
	const char *line;

	memset(request, 'M', 4000);
	request[4000] = ' ';
	memset(request + 4001, '/', 4000);
	strcpy(request + 8001, " HTTP/1.0\r\n\r\n");
	exchange(&lanes, "127.0.0.3", request, strlen(request), answer, sizeof(answer));
	CU_ASSERT_PTR_NOT_NULL(strstr(answer, " 404 "));
	CU_ASSERT(EVENTUALLY(lines_with("access.log", "127.0.0.3") == 1));
	line = strstr(file_text(in_run_dir("access.log")), "127.0.0.3");
	CU_ASSERT_PTR_NOT_NULL_FATAL(line);
	CU_ASSERT(strcspn(line, "\n") < 1000 && strchr(line, '\n'));
	CU_ASSERT_PTR_NOT_NULL(strstr(line, "\"method\":\"MMMMMMMMMMMMMMMM...\",\"uri\":\"////"));
	CU_ASSERT_PTR_NOT_NULL(strstr(line, "////...\","));
}

/* The line of the access log of what this client has asked for. */
static const char *line_of(const char *client, const char *asked)
{
	char answer[4096];

	exchange(&lanes, client, textf("GET %s HTTP/1.0\r\n\r\n", asked),
		 strlen(textf("GET %s HTTP/1.0\r\n\r\n", asked)), answer, sizeof(answer));
	CU_ASSERT_FATAL(EVENTUALLY(lines_with("access.log", client) == 1));
	return strstr(file_text(in_run_dir("access.log")), client);
}

static void slow_requests_say_where_their_time_went(void)
{
	const char *line = line_of("127.0.0.7", "/async/await-one?seconds=0.11");

	CU_ASSERT(strstr(line, "\"timing\":\"queue;dur=") && strstr(line, ", await;dur=1"));
	IN_TIME(strstr(line_of("127.0.0.8", "/"), "\"timing\":\"\"}") != NULL);
}

/* Nor is it taken for the request line, by which the format of the line is chosen. */
static void a_trace_is_one(void)
{
	static const char request[] = "GET /asked HTTP/1.0\r\n"
				      "traceparent: GET /forged HTTP/1.0\r\n\r\n";
	char answer[4096];

	exchange(&lanes, "127.0.0.9", request, strlen(request), answer, sizeof(answer));
	CU_ASSERT(EVENTUALLY(lines_with("access.log", "127.0.0.9") == 1));
	CU_ASSERT_EQUAL(lines_with("access.log", "\"uri\":\"/asked\""), 1);
	CU_ASSERT_EQUAL(lines_with("access.log", "forged"), 0);
}

/* More requests than fit into a log, but not into two. */
enum { REQUESTS = 2200 };

static void access_log_is_bounded(void)
{
	char target[300] = "/?turned-over";

	if (!needs_connections(REQUESTS))
		return;
	memset(target + strlen(target), 'x', 200);
	CU_ASSERT_EQUAL(
		load_wait(load_system(&lanes, PLAN(.target = target, .connections = REQUESTS)))
			->answered,
		REQUESTS);
	CU_ASSERT(EVENTUALLY(size_of("access.log.old") > 1000000));
	CU_ASSERT(EVENTUALLY(size_of("access.log") >= 0));
	CU_ASSERT(size_of("access.log") < 1000000);
	/* Each of nginx's workers opens the new one in its time. */
	CU_ASSERT(EVENTUALLY(get(&lanes, "/after")->status == 404 &&
			     file_has(in_run_dir("access.log"), "/after")));
	CU_ASSERT_EQUAL(lines_with("access.log", "turned-over"), REQUESTS);
	CU_ASSERT(is_private("access.log"));
}

static void a_signal_reopens(void)
{
	CU_ASSERT_EQUAL(rename(in_run_dir("access.log"), in_run_dir("access.log.mine")), 0);
	kill(system_noted(&lanes, "nginx"), SIGUSR1);
	CU_ASSERT(EVENTUALLY(get(&lanes, "/reopened")->status == 404 && size_of("access.log") > 0 &&
			     file_has(in_run_dir("access.log"), "/reopened")));
	unlink(in_run_dir("access.log.mine"));
}

/* ---- the workers' ---- */

/* Of more than fits into a log, no line is lost or torn. */
enum { LINES = 1500 };

static void worker_log_is_bounded(void)
{
	char line[1001];
	int pipe = open(in_run_dir("log.pipe"), O_WRONLY | O_CLOEXEC);

	CU_ASSERT_FATAL(pipe >= 0);
	memset(line, 'y', sizeof(line));
	line[1000] = '\n';
	memcpy(line, "begin", 5);
	memcpy(line + 997, "end", 3);
	for (int i = 0; i < LINES; i++)
		CU_ASSERT_EQUAL(write(pipe, line, sizeof(line)), sizeof(line));
	close(pipe);
	CU_ASSERT(
		EVENTUALLY(size_of("worker.log.old") > 1000000 || size_of("worker.log") > 1000000));
	CU_ASSERT(EVENTUALLY(lines_with("worker.log", "yyend") == LINES));
	CU_ASSERT_EQUAL(lines_with("worker.log", "begin"), LINES);
	CU_ASSERT(EVENTUALLY(size_of("worker.log.old") > 1000000));
	CU_ASSERT(size_of("worker.log") < 1000000);
}

static void restart_survives_a_renamed_log(void)
{
	CU_ASSERT(EVENTUALLY(rename(in_run_dir("worker.log"), in_run_dir("worker.log.mine")) == 0));
	CU_ASSERT(script_works(&lanes, "restart.sh", NULL));
	CU_ASSERT(file_has(in_run_dir("worker.log"), "worker=loop-1"));
	CU_ASSERT(is_private("worker.log"));
	unlink(in_run_dir("worker.log.mine"));
}

/* Whoever holds a file open to write can empty it. */
static void no_worker_holds_the_log(void)
{
	pid_t pids[64];
	struct stat log;
	int count = processes_in(lanes.run_dir, "lanes", pids, 64);

	CU_ASSERT_EQUAL_FATAL(stat(in_run_dir("worker.log"), &log), 0);
	CU_ASSERT(count >= 8 && count <= 64);
	for (int i = 0; i < count; i++)
		for (int fd = 0; fd <= 2; fd++) {
			struct stat file;

			if (stat(textf("/proc/%d/fd/%d", (int)pids[i], fd), &file))
				continue; /* another user's, and we are not root */
			CU_ASSERT(file.st_ino != log.st_ino);
			CU_ASSERT(fd == 0 || S_ISFIFO(file.st_mode));
		}
}

static void service_goes_on_without_a_reader(void)
{
	pid_t reader = system_noted(&lanes, "logs");
	pid_t worker = system_worker(&lanes, 1);
	pid_t next = 0;

	kill(reader, SIGKILL);
	CU_ASSERT(EVENTUALLY(processes_in(lanes.run_dir, "logs.sh", &next, 1) == 0));
	kill(worker, SIGKILL); /* its master says so, and so does the next worker */
	CU_ASSERT(EVENTUALLY((next = system_worker(&lanes, 1)) > 0 && next != worker));
	CU_ASSERT_EQUAL(get(&lanes, "/")->status, 200);
	CU_ASSERT(script_works(&lanes, "restart.sh", NULL));
	CU_ASSERT_NOT_EQUAL(system_noted(&lanes, "logs"), reader);
}

/* The clock by which it looks at the sizes of logs does not tear a line that is on its way. */
static void a_line_that_comes_in_parts(void)
{
	struct system s;
	int pipe;

	CU_ASSERT_FATAL(system_start(&s, SYSTEM(.environment = STRINGS("LOG_MB=1"))));
	pipe = open(system_file(&s, "log.pipe"), O_WRONLY | O_CLOEXEC);
	CU_ASSERT_FATAL(pipe >= 0);
	CU_ASSERT_EQUAL(write(pipe, "one half, ", 10), 10);
	/* So the clock has come. */
	CU_ASSERT_EQUAL(truncate(system_file(&s, "access.log"), 2 << 20), 0);
	CU_ASSERT(EVENTUALLY(access(system_file(&s, "access.log.old"), F_OK) == 0));
	CU_ASSERT_EQUAL(write(pipe, "and the other\n", 14), 14);
	CU_ASSERT(EVENTUALLY(system_log_count(&s, "worker.log", "one half, and the other") == 1));
	close(pipe);
	CU_ASSERT(system_stop(&s));
}

static void a_stop_writes_all_there_is(void)
{
	struct system s;

	CU_ASSERT_FATAL(system_start(&s, SYSTEM(.workers = 2, .prefork = 2)));
	CU_ASSERT(script_works(&s, "stop.sh", NULL));
	/* Exercises, admin, health, and what stands in for others, too. */
	CU_ASSERT_EQUAL(system_log_count(&s, "worker.log", "event=drained"), 10);
	CU_ASSERT(system_stop(&s));
}

static const struct test tests[] = {
	{"a long URL or method is cut", long_urls_are_cut},
	{"the access log says of slow requests where their time went",
	 slow_requests_say_where_their_time_went},
	{"what is no trace is not in the access log", a_trace_is_one},
	{"nginx's log that got too long is put aside, no line is lost", access_log_is_bounded},
	{"a renamed log: SIGUSR1 makes nginx open its own anew", a_signal_reopens},
	{"the workers' log that got too long is put aside, no line is lost", worker_log_is_bounded},
	{"a renamed log: restart finds the successors in the new one",
	 restart_survives_a_renamed_log},
	{"no worker holds the log that others write to", no_worker_holds_the_log},
	{"without a reader of the pipe service goes on, and restart brings one",
	 service_goes_on_without_a_reader},
	{"a line that comes in parts is one line", a_line_that_comes_in_parts},
	{"what was said last is in the log after a stop", a_stop_writes_all_there_is},
};

const struct suite logs_suite = {"logs", tests, COUNT(tests), set_up, tear_down};

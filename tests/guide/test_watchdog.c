/* The watchdog of a master: a loop that is held for too long has a successor, and siblings lose
 * nothing. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/process.h"
#include "../support/raw.h"

static struct worker master;
static const char *directory;
static struct raw held = {.fd = -1};

static size_t lines(const char *text)
{
	return file_lines(master.log, text);
}

static const char *board(void)
{
	if (!directory)
		directory = directory_make();
	return textf("%s/scoreboard", directory);
}

static void begin(const char *const *options, const char *const *environment)
{
	CU_ASSERT_FATAL(worker_start(&master, options, environment));
	CU_ASSERT_FATAL(EVENTUALLY(lines(" event=ready ") == 1));
}

static void after(void)
{
	raw_close(&held);
	worker_stop(&master);
	if (directory)
		directory_remove(directory);
	directory = NULL;
}

/* A request that holds the loop of the worker whose connection it is. */
static void hold(void)
{
	CU_ASSERT_FATAL(raw_open(&held, master.socket));
	CU_ASSERT(raw_gets(&held, 1, "/", "", "END 1 0 COMPLETE"));
	CU_ASSERT(raw_get(&held, 2, "/async/bad-blocking", "seconds=60"));
}

static const char killed[] = " event=worker-killed ";

static void is_replaced(void)
{
	CU_ASSERT(EVENTUALLY(lines(" event=worker-ended ") == 1));
	CU_ASSERT_EQUAL(lines(killed), 1);
	CU_ASSERT_EQUAL(lines(" why=watchdog "), 1);
	CU_ASSERT_EQUAL(lines(" status=137"), 1);
	CU_ASSERT(raw_closed(&held));
}

/* Requests come by connections of their own, and on some that the sibling keeps: who opens one
 * while the other is held, has it there. */
static void siblings_lose_nothing(void)
{
	struct raw kept[8];
	size_t answered = 0;
	size_t asked = 0;

	begin(STRINGS("--processes", "2", "--scoreboard", board(), "--watchdog", "2"), NULL);
	hold();
	for (size_t i = 0; i < COUNT(kept); i++)
		CU_ASSERT_FATAL(raw_open(&kept[i], master.socket));
	while (lines(" event=started ") < 3 && answered == asked && asked < 60000) {
		size_t i = asked % COUNT(kept);
		int id = (int)(1 + asked / COUNT(kept));

		answered += raw_gets(&kept[i], id, "/", "", textf("END %d 0 COMPLETE", id)) &&
			    raw_asked(master.socket, "/", "END 1 0 COMPLETE");
		asked++;
	}
	CU_ASSERT_EQUAL(answered, asked);
	is_replaced();
	CU_ASSERT_EQUAL(lines(" event=started "), 3);
	for (size_t i = 0; i < COUNT(kept); i++)
		raw_close(&kept[i]);
	kill(master.pid, SIGTERM);
	CU_ASSERT_EQUAL(worker_wait(&master), 0);
}

/* What the log says of it: pid, route, number of the request and seconds. */
static void the_log_says_by_which_request(void)
{
	double seconds = 0;
	unsigned request = 0;
	const char *line;
	int pid = 0;

	begin(STRINGS("--processes", "1", "--scoreboard", board(), "--watchdog", "0.5"), NULL);
	hold();
	is_replaced();
	line = strstr(file_text(master.log), killed);
	CU_ASSERT_PTR_NOT_NULL_FATAL(line);
	CU_ASSERT_EQUAL(sscanf(line,
			       " event=worker-killed worker_pid=%d why=watchdog request=%u "
			       "route=/async/bad-blocking seconds=%lf",
			       &pid, &request, &seconds),
			3);
	CU_ASSERT_EQUAL(request, 2);
	CU_ASSERT(strstr(line, " at=app/guide/") != NULL);
	CU_ASSERT(seconds >= 0.5 && seconds < 60);
	CU_ASSERT_EQUAL(lines(textf(" event=worker-ended worker_pid=%d ", pid)), 1);
	CU_ASSERT(EVENTUALLY(raw_asked(master.socket, "/", "END 1 0 COMPLETE")));
}

/* Whoever computes in a thread, or sleeps on the loop's own terms, holds nothing. */
static void who_waits_is_left_alone(void)
{
	begin(STRINGS("--processes", "1", "--scoreboard", board(), "--watchdog", "1"), NULL);
	CU_ASSERT_FATAL(raw_open(&held, master.socket));
	CU_ASSERT(raw_gets(&held, 1, "/async/await-one", "seconds=2", "END 1 0 COMPLETE"));
	CU_ASSERT(raw_gets(&held, 2, "/sync/noawait", "seconds=2", "END 2 0 COMPLETE"));
	CU_ASSERT_EQUAL(lines(killed), 0);
}

/* A process of the prefork engine is there to be held. */
static void prefork_is_left_alone(void)
{
	begin(STRINGS("--processes", "1", "--engine", "prefork", "--scoreboard", board(),
		      "--watchdog", "0.3"),
	      NULL);
	CU_ASSERT_FATAL(raw_open(&held, master.socket));
	CU_ASSERT(raw_gets(&held, 1, "/sync/noawait", "seconds=1.5", "END 1 0 COMPLETE"));
	CU_ASSERT_EQUAL(lines(killed), 0);
}

static void without_a_board_it_says_so(void)
{
	begin(STRINGS("--processes", "1", "--watchdog", "0.3"), NULL);
	CU_ASSERT_EQUAL(lines(" event=watchdog-blind "), 1);
	CU_ASSERT_FATAL(raw_open(&held, master.socket));
	CU_ASSERT(raw_gets(&held, 1, "/async/bad-blocking", "seconds=1", "END 1 0 COMPLETE"));
}

/* Its master goes on, and so does the worker that nobody sees. */
static void a_board_that_is_gone_kills_nobody(void)
{
	begin(STRINGS("--processes", "1", "--scoreboard", board(), "--watchdog", "0.2"), NULL);
	CU_ASSERT_EQUAL(unlink(board()), 0);
	CU_ASSERT(file_write(board(), "cut short"));
	CU_ASSERT_FATAL(raw_open(&held, master.socket));
	CU_ASSERT(raw_gets(&held, 1, "/async/bad-blocking", "seconds=1", "END 1 0 COMPLETE"));
	CU_ASSERT_EQUAL(lines(killed), 0);
	kill(master.pid, SIGTERM);
	CU_ASSERT_EQUAL(worker_wait(&master), 0);
}

/* ---- systemd ---- */

static int notify_socket(const char *path)
{
	const struct timeval patience = {.tv_sec = PATIENCE};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Reads until it hears that so many times; false if the wait for one is over. */
static bool hears(int fd, const char *text, int times)
{
	char got[512];

	while (times) {
		ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

		if (n <= 0)
			return false;
		got[n] = '\0';
		times -= !strcmp(got, text);
	}
	return true;
}

/* The service's WatchdogSec= is its loops', too, and the master goes on telling that it lives. */
static void what_systemd_says_holds(void)
{
	const char *path;
	int fd;

	board();
	path = textf("%s/notify", directory);
	fd = notify_socket(path);
	begin(STRINGS("--processes", "1", "--scoreboard", board()),
	      STRINGS("WATCHDOG_USEC=400000", textf("NOTIFY_SOCKET=%s", path)));
	CU_ASSERT(hears(fd, "WATCHDOG=1", 5));
	hold();
	is_replaced();
	CU_ASSERT(hears(fd, "WATCHDOG=1", 5));
	kill(master.pid, SIGTERM);
	CU_ASSERT(hears(fd, "STOPPING=1", 1));
	CU_ASSERT_EQUAL(worker_wait(&master), 0);
	close(fd);
}

/* … but what the option says, and what is meant for another process, is not. */
static void another_process_s_does_not(void)
{
	const char *const *const environments[] = {
		STRINGS("WATCHDOG_USEC=200000", "WATCHDOG_PID=1"),
		STRINGS("WATCHDOG_USEC=200000", "LANES_WATCHDOG=0")};

	for (size_t i = 0; i < COUNT(environments); i++) {
		begin(STRINGS("--processes", "1", "--scoreboard", board()), environments[i]);
		CU_ASSERT_FATAL(raw_open(&held, master.socket));
		CU_ASSERT(
			raw_gets(&held, 1, "/async/bad-blocking", "seconds=1", "END 1 0 COMPLETE"));
		CU_ASSERT_EQUAL(lines(killed), 0);
		raw_close(&held);
		worker_stop(&master);
	}
}

static const struct test tests[] = {
	{"a held loop is replaced, and siblings lose nothing", siblings_lose_nothing},
	{"the log says by which request", the_log_says_by_which_request},
	{"who waits or works in a thread is left alone", who_waits_is_left_alone},
	{"and so is a prefork process", prefork_is_left_alone},
	{"without a scoreboard it says that it sees nothing", without_a_board_it_says_so},
	{"a scoreboard that is gone, or cut short, kills nobody",
	 a_board_that_is_gone_kills_nobody},
	{"systemd's WatchdogSec= is the loops', too", what_systemd_says_holds},
	{"but not where it is another's, or an option says otherwise", another_process_s_does_not},
};

const struct suite watchdog_suite = {"watchdog", tests, COUNT(tests), .after = after};

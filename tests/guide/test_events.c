/* /events beside a load that is too much to tell of each request, and as nginx passes it on. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/client.h"
#include "../support/harness.h"

enum { MESSAGE_MAX = 400000 };

SUITE_SYSTEM(lanes, .workers = 2)

static struct raw raw = {.fd = -1}; /* a test's feed */

static void hang_up(void)
{
	raw_close(&raw);
}

/* More requests than anybody could look at, until load_wait(). */
static struct load *load(void)
{
	return load_system(&lanes, PLAN(.target = "/", .connections = 8, .repeat = true));
}

static void buckets_above_a_rate(void)
{
	struct load *burst = load();
	const char *dense;
	struct raw newcomer;

	CU_ASSERT_FATAL(events_open(&raw, &lanes));
	IN_TIME(raw_answers(&raw, "\"spans\":[],\"things\":[],\"buckets\":[{\"w\":\"loop-1\","));
	dense = strstr(raw.text.data, "\"spans\":[],\"things\":[],\"buckets\":[{");
	CU_ASSERT(dense && strstr(dense, ",\"busy\":0.") && strstr(dense, ",\"p50\":"));
	/* Who comes now hears of what was, in a message that is no larger for it. */
	CU_ASSERT_FATAL(events_open(&newcomer, &lanes));
	IN_TIME(strstr(newcomer.text.data, "\"buckets\":[{") != NULL);
	IN_TIME(newcomer.text.len < MESSAGE_MAX);
	/* A culprit is named all the same. */
	CU_ASSERT_EQUAL(get(&lanes, "/async/bad-blocking?seconds=0.3")->status, 200);
	CU_ASSERT(raw_answers(&raw, "\"p\":\"/async/bad-blocking\",\"c\":200}"));
	CU_ASSERT_EQUAL(load_wait(burst)->failed, 0);
	raw_close(&newcomer);
}

/* Whether the next two messages are a second apart. */
static bool is_at_rest(void)
{
	static const char begin[] = "data: {\"t\":";
	struct pollfd input = {.fd = raw.fd, .events = POLLIN};
	static char bytes[65536];
	double moments[2] = {0, 0};

	for (int i = 0; i < 2;) {
		ssize_t n = poll(&input, 1, PATIENCE * 1000) > 0
				    ? recv(raw.fd, bytes, sizeof(bytes) - 1, 0)
				    : 0;
		const char *at;

		if (n <= 0)
			return false;
		bytes[n] = '\0';
		at = memmem(bytes, (size_t)n, begin, sizeof(begin) - 1);
		if (at)
			moments[i++] = strtod(at + sizeof(begin) - 1, NULL);
	}
	return moments[1] - moments[0] > 900;
}

static void at_rest_it_says_so_once_a_second(void)
{
	CU_ASSERT_FATAL(events_open(&raw, &lanes));
	CU_ASSERT(EVENTUALLY(is_at_rest()));
}

/* Nobody listens to a load, but to what comes so many seconds after it. */
static void hear_after_load(double seconds)
{
	struct load *burst = load();

	CU_ASSERT(load_goes_on(burst, 30000));
	load_wait(burst);
	block(seconds);
	CU_ASSERT_FATAL(events_open(&raw, &lanes));
}

/* The rings are shorter than ten seconds. */
static void what_nobody_recorded(void)
{
	hear_after_load(0);
	IN_TIME(strstr(raw.text.data, "\"unrecorded\":[{\"w\":\"loop-1\",\"from\":") != NULL);
	IN_TIME(raw.text.len < MESSAGE_MAX);
}

/* Ten seconds after a load there is nothing of it left to tell, nor to be missed. */
static void what_is_long_over(void)
{
	hear_after_load(10.5);
	CU_ASSERT_PTR_EQUAL(strstr(raw.text.data, "\"unrecorded\":["),
			    strstr(raw.text.data, "\"unrecorded\":[]"));
}

/* ---- through nginx ---- */

static char head[DIRECTORY_SIZE + 16];
static char text[DIRECTORY_SIZE + 16];

/* A listener that writes what it hears into text. */
static pid_t start_curl(void)
{
	const char *url = textf("http://127.0.0.1:%u/events", (unsigned)lanes.port);

	snprintf(head, sizeof(head), "%s/head.log", lanes.run_dir);
	snprintf(text, sizeof(text), "%s/text.log", lanes.run_dir);
	return process_start(STRINGS("curl", "-sN", "--compressed", "-D", head, url), NULL, text);
}

static void end_curl(pid_t curl)
{
	kill(curl, SIGTERM);
	waitpid(curl, NULL, 0);
	unlink(head);
	unlink(text);
}

/* Below the rate, that is: a few requests a second beside nothing else. */
static void single_spans_below_it(void)
{
	pid_t curl = start_curl();

	CU_ASSERT(EVENTUALLY(get(&lanes, "/async/cpu-bound?n=12")->status == 200 &&
			     file_has(text, "\"p\":\"/async/cpu-bound\",\"c\":200}")));
	end_curl(curl);
}

/* Compressed, ten messages would fit what nginx could keep; but each is there at once, and a quiet
 * system says one a second. */
static void compressed_and_at_once(void)
{
	double began = now();
	pid_t curl = start_curl();

	CU_ASSERT(EVENTUALLY(file_has(text, "data: {")));
	IN_TIME(now() - began < 1);
	CU_ASSERT(EVENTUALLY(file_lines(text, "data: {") >= 3));
	IN_TIME(now() - began < 4);
	CU_ASSERT(file_has(head, "Content-Encoding: gzip\r\n"));
	CU_ASSERT(file_has(head, "Vary: Accept-Encoding\r\n"));
	CU_ASSERT(file_has(head, "Content-Type: text/event-stream\r\n"));
	end_curl(curl);
}

static const struct test tests[] = {
	{"at rest it says so once a second", at_rest_it_says_so_once_a_second},
	{"above a rate it counts, in buckets; a hold is named all the same", buckets_above_a_rate},
	{"below it tells of each request again", single_spans_below_it},
	{"what nobody recorded is marked", what_nobody_recorded},
	{"a load that is long over is not missed", what_is_long_over},
	{"nginx compresses it, and passes each message on at once", compressed_and_at_once},
};

const struct suite events_suite = {"events", tests,	COUNT(tests),
				   set_up,   tear_down, .after = hang_up};

/*
 * A worker from its command line, in a process of its own, up to its application: what it is given,
 * and what is said of it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/machine.h"
#include "engine/application.h"
#include "engine/sandbox.h"
#include "http/reply.h"

/* ThreadSanitizer starts no threads in the child of a process that had some. */
#ifdef __SANITIZE_THREAD__
enum { MAY_START_THREADS = 0 };
#else
enum { MAY_START_THREADS = 1 };
#endif

enum { MOST = 8 };

static int niceness; /* of the tests */
static char directory[] = "/tmp/lanes-worker-XXXXXX";
static struct metric unnamed = COUNTER("", "Has no name.");
static const struct thread_pool_options no_pool = {.name = "", .threads = 1};

static void nothing(struct request *req)
{
	(void)req;
}

static const struct route list[] = {
	GET("/status", ASYNC, nothing),
	POST("/lanes/x", SYNC, nothing),
	PUT("/statuses", ASYNC, nothing),
};
static const struct route pooled[] = {GET("/a", SYNC, nothing, .pool = &no_pool)};

/* Says what it has been given, and is content. */
static bool look(struct setup *setup)
{
	const struct options *o = setup->options;
	const struct board_slot *slot = setup->board->own;

	dprintf(STDERR_FILENO, "spool=%s slot=%d removes=%d spools=%d",
		o->spool ? o->spool : "none", o->slot == getpid() ? -1 : (int)o->slot,
		setup->needs->removes != NULL, setup->needs->spool != NULL);
	for (unsigned i = 1; i < board_get(&slot->route_count); i++)
		dprintf(STDERR_FILENO, " %s%s", slot->routes[i].name,
			board_get(&slot->routes[i].is_async) ? "" : "!");
	dprintf(STDERR_FILENO, " prefix=%s\n", slot->prefix);
	setup->state = &unnamed;
	return true;
}

static bool refuse(struct setup *setup)
{
	(void)setup;
	return false;
}

/* The last that it does. */
static void start(struct request *req)
{
	dprintf(STDERR_FILENO, "nicer=%d state=%d gains=%d\n",
		getpriority(PRIO_PROCESS, 0) == (niceness > 16 ? 19 : niceness + 3),
		request_state(req) == &unnamed, !prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	reply_error(req, 500);
}

static const struct application plain = {.routes = ROUTES(list), .prepare = look, .start = start};
static const struct application unprepared = {.routes = ROUTES(list), .prepare = refuse};
static const struct application unmeasured = {.routes = ROUTES(list),
					      .metrics = (struct metric *const[]){&unnamed, NULL}};
static const struct application unpooled = {.routes = ROUTES(pooled)};

/* Of a directory that is the working one. */
static const struct worker_case {
	const struct application *application;
	int status;
	const char *words[MOST];
	const char *says[3]; /* "!": and does not say */
} cases[] = {
	{&plain,
	 1,
	 {"--nice=3", "--spool=."},
	 {"spool=. slot=-1 removes=1 spools=1 /status POST /lanes/x! PUT /statuses prefix=/\n",
	  "nicer=1 state=1 gains=0\n", "!event=routes-hidden"}},
	{&plain,
	 1,
	 {"--spool=missing", "--engine=prefork"},
	 {"lanes: missing: no spool for long bodies: No such file or directory\nspool=none ",
	  "spools=0", "event=start-failed"}},
	{&plain,
	 1,
	 {"--scoreboard=board"},
	 {"event=routes-hidden by=nginx paths=\"/status /lanes/\"", "spool=none slot=1 ",
	  "!no scoreboard"}},
	{&plain, 1, {"--scoreboard=board", "--slot=2"}, {"slot=2 ", "!event=routes-hidden"}},
	{&plain, 1, {"--scoreboard=board", "--mount=/x"}, {"prefix=/x/\n", "!event=routes-hidden"}},
	{&plain,
	 1,
	 {"--scoreboard=board", "--mount=/"},
	 {"prefix=/\n", "event=routes-hidden by=nginx"}},
	{&plain,
	 1,
	 {"--scoreboard=missing/board", "--slot=1"},
	 {"lanes: missing/board: no scoreboard: No such file or directory\n", "slot=1 ",
	  "prefix=/\n"}},
	{&unprepared, 2, {NULL}, {"!event=start"}},
	{&unmeasured, 2, {NULL}, {"lanes: a metric has a name", "!event=start"}},
	{&unpooled, 2, {NULL}, {"lanes: /a: a pool has a name", "!event=start"}},
	{&plain, 1, {"--listen=missing/socket"}, {"missing/socket", "!spool="}},
};

static void run(const struct worker_case *c)
{
	char texts[MOST + 2][64] = {"lanes", "--listen=socket", "--sandbox=off"};
	char *arguments[MOST + 4];
	int count = 3;

	for (int i = 0; c->words[i]; i++)
		strcpy(texts[count++], c->words[i]);
	for (int i = 0; i <= count; i++)
		arguments[i] = i < count ? texts[i] : NULL;
	_exit(chdir(directory) ? 99
			       : worker_main(count, arguments,
					     &(struct applications){.kinds = {c->application}}));
}

static void a_worker_says_what_is_wrong_and_goes_on_if_it_can(void)
{
	if (machine_is_valgrind()) {
		not_judged("a worker closes what it did not open, and valgrind's stays open");
		return;
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) && MAY_START_THREADS; i++) {
		char said[4096] = "";
		size_t len = 0;
		int status = 0;
		int ends[2];
		ssize_t n;
		pid_t pid;

		CU_ASSERT_FATAL(pipe(ends) == 0);
		pid = fork();
		if (pid == 0) {
			dup2(ends[1], STDERR_FILENO);
			run(&cases[i]);
		}
		close(ends[1]);
		while ((n = read(ends[0], said + len, sizeof(said) - 1 - len)) > 0)
			len += (size_t)n;
		close(ends[0]);
		CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
		CU_ASSERT_EQUAL(WEXITSTATUS(status), cases[i].status);
		for (int s = 0; s < 3 && cases[i].says[s]; s++) {
			const char *text = cases[i].says[s];

			if (!strstr(said, text + (*text == '!')) == (*text == '!'))
				continue;
			printf("    case %zu: %s\n%s", i, text, said);
			CU_FAIL("it says something else");
		}
	}
}

static int make_directory(void)
{
	niceness = getpriority(PRIO_PROCESS, 0);
	return !mkdtemp(directory);
}

static int remove_directory(void)
{
	char name[64];

	snprintf(name, sizeof(name), "%s/board", directory);
	unlink(name);
	snprintf(name, sizeof(name), "%s/socket", directory);
	unlink(name);
	return rmdir(directory);
}

static const struct test tests[] = {
	{"a worker says what is wrong, and goes on if it can",
	 a_worker_says_what_is_wrong_and_goes_on_if_it_can},
};

const struct suite worker_suite = {"worker", tests, sizeof(tests) / sizeof(tests[0]),
				   make_directory, remove_directory};

/* make dev: what is saved is served, and calls that hold the loop are named. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "../support/client.h"
#include "../support/harness.h"

/* ---- calls that hold the loop ---- */

static struct worker worker;

/* What the worker answers, without the head; "" if it does not. */
static const char *body(const char *path)
{
	static char text[1024];
	const char *begin = NULL;
	struct raw raw;

	text[0] = '\0';
	if (!raw_open(&raw, worker.socket))
		return text;
	if (raw_get(&raw, 1, path, "") && raw_answers(&raw, "END 1 0 COMPLETE"))
		begin = strstr(raw.text.data, "\r\n\r\n");
	if (begin)
		snprintf(text, sizeof(text), "%s", begin + 4);
	text[strcspn(text, "\n")] = '\0';
	raw_close(&raw);
	return text;
}

static size_t count_named(void)
{
	return file_lines(worker.log, "event=blocking-call");
}

static void start_blocking(const char *sandbox)
{
	const char *preload = textf("LD_PRELOAD=%s", built("blocking.so"));

	CU_ASSERT_FATAL(worker_start_program(&worker, built("blocking-app"), NULL,
					     STRINGS(preload, sandbox)));
}

/* The same calls on a thread, or before the first request, are fine. */
static void each_call_is_named(void)
{
	char names[1024];
	char *rest = names;
	size_t before;

	start_blocking("LANES_SANDBOX=off");
	CU_ASSERT(EVENTUALLY(file_has(worker.log, " call=usleep in=background use=")));
	snprintf(names, sizeof(names), "%s", body("/calls"));
	CU_ASSERT_PTR_NOT_NULL(strstr(names, "system"));
	CU_ASSERT_EQUAL(count_named(), 1);
	for (const char *name; (name = strtok_r(rest, " ", &rest));) {
		const char *line;

		before = count_named();
		CU_ASSERT(atoi(body(textf("/thread/%s", name))) > 0);
		CU_ASSERT_EQUAL(count_named(), before);
		line = textf(
			" at=tests/blocking/app.c:%s call=%s in=\"GET /loop/{call}\" use=\"AWAIT(",
			body(textf("/loop/%s", name)), name);
		CU_ASSERT(file_has(worker.log, line));
		CU_ASSERT_EQUAL(count_named(), before + 1);
		if (!file_has(worker.log, line))
			printf("    not named:%s\n", line);
	}
	CU_ASSERT(atoi(body("/loop/hundreds")) > 0);
	CU_ASSERT(file_has(worker.log, " event=blocking-calls-unnamed "));
	before = count_named();
	CU_ASSERT(atoi(body("/loop/hundreds")) > 0);
	CU_ASSERT_EQUAL(count_named(), before);
	worker_stop(&worker);
}

/* What it would end the worker for in silence, on every thread; and what holds the loop in it. */
static void what_the_sandbox_ends_is_named(void)
{
	static const char *const calls[][2] = {
		{"/loop/connect", " call=connect in=\"GET /loop/{call}\" use="},
		{"/loop/socket", " call=socket in=\"GET /loop/{call}\"\n"},
		{"/loop/popen", " call=popen in=\"GET /loop/{call}\"\n"},
		{"/loop/system", " call=system in=\"GET /loop/{call}\"\n"},
		{"/thread/socket", " call=socket in=\"a thread\"\n"},
		{"/thread/popen", " call=popen in=\"a thread\"\n"},
	};

	for (size_t i = 0; i < COUNT(calls); i++) {
		start_blocking(NULL);
		body(calls[i][0]);
		CU_ASSERT(file_has(worker.log, calls[i][1]));
		if (i > 0)
			CU_ASSERT_EQUAL(worker_wait(&worker), 128 + SIGSYS);
		worker_stop(&worker);
	}
}

/* ---- what is saved ---- */

static const char *directory;
static struct system sys;
static char terminal[DIRECTORY_SIZE + 16]; /* what is seen there */

/* In the project. */
static bool does(const char *command, const char *first, const char *second)
{
	struct outcome outcome;

	return succeeds(&outcome, STRINGS("sh", "-c", command, directory, first, second), NULL);
}

/* Changes the source, as an editor would; with what date. */
static bool save_dated(const char *edit, const char *date)
{
	return does("cd \"$0/shop\" && sed \"$1\" app/main.c >edited && touch -d \"$2\" edited && "
		    "mv edited app/main.c",
		    edit, date);
}

static bool save(const char *edit)
{
	return save_dated(edit, "now");
}

static size_t count_served(void)
{
	return file_lines(terminal, "serves what was saved");
}

static bool stock_is(const char *text)
{
	const struct response *response = get(&sys, "/items/7/stock");

	return response->status == 200 && strstr(response->body, text);
}

static pid_t start_dev(void)
{
	const char *project;
	struct outcome outcome;

	directory = directory_make();
	project = textf("%s/shop", directory);
	snprintf(terminal, sizeof(terminal), "%s/terminal", directory);
	run_script(&outcome, "app/new/new.sh", STRINGS(textf("DIR=%s", project), "NAME"));
	CU_ASSERT_EQUAL_FATAL(outcome.status, 0);
	CU_ASSERT(save("s/{id}/{it}/"));
	system_at(&sys, port_free(), textf("%s/run", project));
	return process_start(STRINGS("setsid", "make", "-C", project, "dev"),
			     STRINGS(sys.port_variable, "RUN_DIR", "PROGRAM", "MAKEFLAGS", "MFLAGS",
				     "MAKELEVEL", "CFLAGS", "LANES_THREADS=1"),
			     terminal);
}

static void what_is_saved_is_served(void)
{
	pid_t dev = start_dev();
	pid_t left;
	int status;

	CU_ASSERT_FATAL(WITHIN(SLOW_START, file_has(terminal, "waits until a file is saved") ||
						   process_ended(dev)));
	CU_ASSERT(file_has(terminal, "route /items/{it}/stock: its path has no {id}"));
	CU_ASSERT(save("s/{it}/{id}/"));
	CU_ASSERT_FATAL(
		WITHIN(SLOW_START, file_has(terminal, "Ctrl-C stops it.") || process_ended(dev)));
	CU_ASSERT(stock_is("\"stock\":42"));
	CU_ASSERT_PTR_NOT_NULL(strstr(get(&sys, "/openapi.json")->body, "/items/{id}/stock"));
	CU_ASSERT(save("s/:42}/:43/"));
	CU_ASSERT(EVENTUALLY(stock_is("\"stock\":43")));
	CU_ASSERT(save("s/:43/:44/; s/^struct item {/struct item/"));
	CU_ASSERT(EVENTUALLY(file_has(terminal, "serves the last that could be built")));
	CU_ASSERT(file_has(terminal, "app/main.c:"));
	CU_ASSERT(stock_is("\"stock\":43"));
	CU_ASSERT(save("s/^struct item$/& {/; s/AWAIT(req, sleep_for.*/poll(NULL, 0, 1);/; "
		       "s/#include <lanes.h>/& \\n#include <poll.h>/"));
	CU_ASSERT(EVENTUALLY(stock_is("\"stock\":44")));
	CU_ASSERT(EVENTUALLY(file_has(terminal, "app/main.c:43: poll() holds the loop, in GET "
						"/items/{id}/stock: use AWAIT(req, ")));
	CU_ASSERT(save("s/poll(NULL, 0, 1)/socket(1, 1, 0)/; s/poll.h/sys\\/socket.h/"));
	CU_ASSERT(EVENTUALLY(count_served() == 3));
	stock_is("");
	CU_ASSERT(EVENTUALLY(file_has(terminal, "app/main.c:43: the sandbox ended the worker for "
						"socket(), in GET /items/{id}/stock: ")));
	/* Whatever its date is, and once. */
	CU_ASSERT(save_dated("s/socket(1, 1, 0);/ /; s/:44/:45/", "2100-01-01"));
	CU_ASSERT(EVENTUALLY(stock_is("\"stock\":45")));
	CU_ASSERT(save_dated("s/:45/:46/", "2001-01-01"));
	CU_ASSERT(EVENTUALLY(stock_is("\"stock\":46")));
	CU_ASSERT(save("s/:46/:47/; s/{id}/{it}/"));
	CU_ASSERT(EVENTUALLY(file_has(terminal, "serves the last that starts")));
	CU_ASSERT(stock_is("\"stock\":46"));
	CU_ASSERT(does("cd \"$0/shop\" && mv app/main.c .", NULL, NULL));
	CU_ASSERT(EVENTUALLY(file_has(terminal, "undefined reference to `main'")));
	CU_ASSERT(does("cd \"$0/shop\" && sed -i 's/{it}/{id}/' main.c && mv main.c app", NULL,
		       NULL));
	CU_ASSERT(EVENTUALLY(stock_is("\"stock\":47")));
	CU_ASSERT(EVENTUALLY(count_served() == 6));
	CU_ASSERT(does("sed -i 's/^pcre_jit on;/& # as saved/' \"$0/shop/nginx/lanes.conf.in\"",
		       NULL, NULL));
	CU_ASSERT(EVENTUALLY(count_served() == 7));
	CU_ASSERT(file_has(system_file(&sys, "nginx.conf"), "# as saved"));
	kill(-dev, SIGINT); /* as Ctrl-C: all of them */
	waitpid(dev, &status, 0);
	CU_ASSERT(EVENTUALLY(processes_in(sys.run_dir, NULL, &left, 1) == 0));
	directory_remove(directory);
}

static const struct test tests[] = {
	{"each call that holds the loop is named, with its file and line", each_call_is_named},
	{"what the sandbox ends a worker for is named", what_the_sandbox_ends_is_named},
	{"what is saved is served, once it builds", what_is_saved_is_served},
};

const struct suite dev_suite = {"dev", tests, COUNT(tests)};

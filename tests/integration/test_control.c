/* The number of workers, changed by who has the password of make run; and who is in a class. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/client.h"
#include "../support/harness.h"
#include "../support/system.h"

static struct system sys;

/* The status of a POST with that JSON; what it answers is in `answer`. */
static char answer[sizeof(((struct outcome *)NULL)->out)];

static int post(const char *path, const char *json)
{
	static struct outcome outcome;
	char *status;

	run(&outcome,
	    STRINGS("curl", "-s", "--noproxy", "*", "-w", "\n%{http_code}", "-H",
		    "Content-Type: application/json", "-d", json, textf("%s%s", sys.url, path)),
	    NULL, -1);
	status = strrchr(outcome.out, '\n');
	if (!status)
		return -1;
	*status = '\0';
	snprintf(answer, sizeof(answer), "%s", outcome.out);
	return atoi(status + 1);
}

static int control_with(const char *password, int workers)
{
	return post("/control", textf("{\"password\":\"%s\",\"workers\":%d}", password, workers));
}

/* with: one more variable, or NULL. */
static pid_t foreground_with(const char *with)
{
	pid_t pid;

	system_at(&sys, port_free(), directory_make());
	pid = process_start(STRINGS("spawn/run.sh"),
			    STRINGS(sys.run_dir_variable, sys.port_variable, "WORKERS=1",
				    "PREFORK_WORKERS=0", "CPU_WORKERS=0", "JOB_WORKERS=0", with),
			    system_file(&sys, "run.log"));
	CU_ASSERT_FATAL(
		WITHIN(SLOW_START, get(&sys, "/status")->status == 200 &&
					   strstr(get(&sys, "/status")->body, "\"control\":16")));
	return pid;
}

static pid_t foreground(void)
{
	return foreground_with(NULL);
}

/* Also when nobody could stop anything. */
static void leaves_nothing(pid_t pid, int number)
{
	pid_t left;

	kill(pid, number);
	waitpid(pid, NULL, 0);
	CU_ASSERT(EVENTUALLY(processes_in(sys.run_dir, NULL, &left, 1) == 0));
	CU_ASSERT(EVENTUALLY(access(system_file(&sys, "control"), F_OK) != 0));
	directory_remove(sys.run_dir);
}

static void who_has_the_password_changes_it(void)
{
	pid_t pid = foreground();
	const char *password = strdup(file_text(system_file(&sys, "control/password")));
	struct stat file;
	char word[64];

	snprintf(word, sizeof(word), "%.*s", (int)strcspn(password, "\n"), password);
	CU_ASSERT_EQUAL(strlen(word), 16);
	CU_ASSERT(stat(system_file(&sys, "control/password"), &file) == 0 &&
		  (file.st_mode & 07777) == 0600);
	CU_ASSERT_EQUAL(control_with("wrong", 2), 403);
	CU_ASSERT_EQUAL(control_with(word, 3), 202);
	CU_ASSERT_STRING_EQUAL(answer, "{\"workers\":3}");
	CU_ASSERT(EVENTUALLY(worker_pid(&sys, "loop-3") > 0));
	CU_ASSERT(EVENTUALLY(strstr(script(&sys, "scale.sh", "WORKERS=3")->out, "as before")));
	CU_ASSERT_EQUAL(control_with(word, 0), 422);
	CU_ASSERT_EQUAL(control_with(word, 17), 422);
	/* No second line, and nothing that could be taken for a name or a time. */
	CU_ASSERT_EQUAL(control_with(textf("%s\\n", word), 2), 503);
	CU_ASSERT_EQUAL(control_with(textf("x\\n1-1 9999999999 2 %s", word), 2), 422);
	CU_ASSERT_EQUAL(control_with(textf("%s %s", word, word), 2), 422);
	CU_ASSERT_EQUAL(get(&sys, "/control")->status, 405);
	/* The next admin worker asks, too. */
	CU_ASSERT(script_works(&sys, "restart.sh", NULL));
	CU_ASSERT_EQUAL(control_with(word, 1), 202);
	CU_ASSERT(EVENTUALLY(worker_pid(&sys, "loop-3") == 0));
	leaves_nothing(pid, SIGINT);
	free((char *)password);
}

static void it_ends_with_the_foreground(void)
{
	leaves_nothing(foreground(), SIGKILL);
}

static void in_the_background_nobody_does(void)
{
	CU_ASSERT_FATAL(system_start(&sys, SYSTEM(.workers = 1)));
	CU_ASSERT_EQUAL(control_with("x", 2), 404);
	CU_ASSERT_PTR_NOT_NULL(strstr(get(&sys, "/status")->body, "\"control\":0"));
	CU_ASSERT(access(system_file(&sys, "control"), F_OK) != 0);
	CU_ASSERT(system_stop(&sys));
}

/* ---- the guide's own application beside it ---- */

static void fastapi_ends_with_the_foreground(void)
{
	static struct outcome python;
	pid_t pid;

	run(&python, STRINGS("/usr/bin/python3", "-I", "-c", "import fastapi, uvicorn"), NULL, -1);
	if (python.status) {
		not_judged("no FastAPI");
		return;
	}
	pid = foreground_with("FASTAPI=1");
	CU_ASSERT(EVENTUALLY(get(&sys, "/fastapi/")->status == 200));
	CU_ASSERT_STRING_EQUAL(get(&sys, "/fastapi/async/cpu-bound?n=4")->body, "{\"sum_sq\":14}");
	CU_ASSERT_PTR_NOT_NULL(strstr(get(&sys, "/fastapi/nothing")->body, "Not Found"));
	CU_ASSERT(script_works(&sys, "restart.sh", NULL));
	CU_ASSERT_EQUAL(get(&sys, "/fastapi/")->status, 200);
	leaves_nothing(pid, SIGKILL);
	system_at(&sys, port_free(), directory_make());
	CU_ASSERT_PTR_NOT_NULL(strstr(script(&sys, "start.sh", "FASTAPI=1")->errors,
				      "FASTAPI=1 is for make run, with which it ends"));
	CU_ASSERT_PTR_NOT_NULL(strstr(script(&sys, "start.sh", "FASTAPI=yes")->errors,
				      "FASTAPI=yes: 1 is wanted, or nothing"));
	directory_remove(sys.run_dir);
}

/* ---- a class ---- */

static int join(int who, const char *more)
{
	return post("/class", textf("{\"who\":\"%016x\",%s}", (unsigned)who, more));
}

static void names_and_predictions_have_bounds(void)
{
	CU_ASSERT_FATAL(system_start(&sys, SYSTEM(.workers = 1)));
	CU_ASSERT_STRING_EQUAL(get(&sys, "/class")->body, "{\"visitors\":[]}");
	CU_ASSERT_EQUAL(join(1, "\"name\":\"\""), 422);
	CU_ASSERT_EQUAL(join(1, "\"name\":\"two\\nlines\""), 422);
	CU_ASSERT_EQUAL(join(1, "\"name\":\"1234567890123456789012345\""), 422);
	CU_ASSERT_EQUAL(join(1, "\"name\":\"x\",\"exercise\":\"<b>\""), 422);
	CU_ASSERT_EQUAL(post("/class", "{\"who\":\"1\",\"name\":\"x\"}"), 422);
	CU_ASSERT_EQUAL(join(1, "\"name\":\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\",\"exercise\":"
				"\"gather\",\"option\":\"max\",\"running\":true"),
			200);
	CU_ASSERT_STRING_EQUAL(answer,
			       "{\"visitors\":[{\"name\":\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\","
			       "\"exercise\":\"gather\",\"option\":\"max\",\"running\":true}]}");
	CU_ASSERT_EQUAL(join(1, "\"name\":\"Ada\",\"mark\":\"0123456\""), 422);
	CU_ASSERT_EQUAL(join(1, "\"name\":\"Ada\",\"mark\":\"0123456g\""), 422);
	CU_ASSERT_EQUAL(join(1, "\"name\":\"Ada\",\"mark\":\"0123beef\""), 200);
	CU_ASSERT_STRING_EQUAL(answer, "{\"visitors\":[{\"name\":\"Ada\",\"exercise\":\"\","
				       "\"option\":\"\",\"mark\":\"0123beef\"}]}");
	CU_ASSERT_EQUAL(join(1, "\"name\":\"Ada\""), 200);
	CU_ASSERT_STRING_EQUAL(
		answer, "{\"visitors\":[{\"name\":\"Ada\",\"exercise\":\"\",\"option\":\"\"}]}");
	for (int i = 2; i <= 66; i++)
		CU_ASSERT_EQUAL(join(i, textf("\"name\":\"visitor %d\"", i)), 200);
	/* Those that were silent for longest made room. */
	CU_ASSERT_PTR_NULL(strstr(answer, "Ada"));
	CU_ASSERT_PTR_NULL(strstr(answer, "visitor 2\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(answer, "[{\"name\":\"visitor 3\""));
	CU_ASSERT(system_stop(&sys));
}

static const struct test tests[] = {
	{"who has the password changes the number of workers", who_has_the_password_changes_it},
	{"what changes it ends with the foreground", it_ends_with_the_foreground},
	{"in the background nobody changes it", in_the_background_nobody_does},
	{"the guide's FastAPI is beside it, and ends with the foreground",
	 fastapi_ends_with_the_foreground},
	{"a class has bounds", names_and_predictions_have_bounds},
};

const struct suite control_suite = {"control", tests, COUNT(tests)};

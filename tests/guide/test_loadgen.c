/* The benchmark's load generator: what it says of answers, errors and silence is so. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../support/harness.h"
#include "../support/process.h"

static struct outcome outcome;

/* Asks the target, and looks for the figures in what it prints. */
static void load(const char *target, const char *const *options, const char *figures)
{
	const char *arguments[16] = {built("loadgen")};
	int count = 1;

	while (*options && count < 14)
		arguments[count++] = *options++;
	arguments[count] = target;
	CU_ASSERT(succeeds(&outcome, arguments, NULL));
	CU_ASSERT_PTR_NOT_NULL(strstr(outcome.out, figures));
	if (!strstr(outcome.out, figures))
		printf("    status %d: %s%s\n", outcome.status, outcome.out, outcome.errors);
}

static void answers_and_other_statuses_are_told_apart(void)
{
	struct worker worker;

	CU_ASSERT_FATAL(worker_start(&worker, STRINGS(NULL), NULL));
	load(worker.socket, STRINGS("--connections", "4", "--depth", "8", "--requests", "5"),
	     "{\"answers\":160,\"errors\":0,\"unanswered\":0,\"bad_connections\":0,\"connects\":4,"
	     "\"peak_in_flight\":32,");
	load(worker.socket, STRINGS("--connections", "3", "--requests", "2", "--fresh"),
	     "{\"answers\":6,\"errors\":0,\"unanswered\":0,\"bad_connections\":0,\"connects\":6,");
	load(worker.socket, STRINGS("--connections", "3", "--requests", "2", "--path", "/none"),
	     "{\"answers\":0,\"errors\":6,\"unanswered\":0,\"bad_connections\":3,\"connects\":3,");
	worker_stop(&worker);
}

/* wrk, for one, does not see these at all. */
static void silence_and_refusal_are_counted(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *directory = directory_make();
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", directory);
	CU_ASSERT_FATAL(!bind(fd, (struct sockaddr *)&address, sizeof(address)) && !listen(fd, 8));
	load(address.sun_path,
	     STRINGS("--connections", "2", "--requests", "1", "--patience", "0.1"),
	     "{\"answers\":0,\"errors\":0,\"unanswered\":2,\"bad_connections\":2,\"connects\":2,");
	close(fd);
	load(address.sun_path, STRINGS("--connections", "2", "--requests", "3"),
	     "{\"answers\":0,\"errors\":6,\"unanswered\":0,\"bad_connections\":2,\"connects\":0,");
	directory_remove(directory);
}

static const struct test tests[] = {
	{"answers and other statuses are told apart", answers_and_other_statuses_are_told_apart},
	{"silence and refusal are counted", silence_and_refusal_are_counted},
};

const struct suite loadgen_suite = {"loadgen", tests, COUNT(tests)};

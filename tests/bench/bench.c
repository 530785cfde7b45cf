/*
 * bench: runs every workload against its contenders, interleaved (A B C, A B C, …), so that what
 * the machine does meanwhile happens to all of them, and writes the results into build/bench.
 * ROUNDS, DURATION (a factor on all times), ONLY (words that the names of workloads contain) and
 * WHO (those that names of contenders contain) in the environment shorten it; RESUME=1 goes on
 * where a run was ended. With --table RESULTS PAGE it only writes the tables of a page.
 */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "claims.h"
#include "contenders.h"
#include "equal.h"
#include "fields.h"
#include "group.h"
#include "report.h"
#include "rounds.h"
#include "surroundings.h"
#include "usage.h"
#include "workloads.h"

enum { SAMPLE_MS = 100, SETTLE_MS = 5000, FILES = 32768 };

static char *build; /* where this program is; both are absolute */
static char *root;
static double factor = 1;

/* What is asked for. */
static const char *only; /* words */
static int rounds;
static bool *chosen; /* contenders */

/* ---- running a tool ---- */

struct tool {
	pid_t group;
	FILE *out;
};

static void append(char *command, size_t size, const char *text)
{
	size_t len = strlen(command);

	snprintf(command + len, size - len, "%s", text);
}

static void append_target(const struct workload *w, const struct contender *c, char *command,
			  size_t size)
{
	char word[96];

	if (!w->direct) {
		snprintf(word, sizeof(word), " --http %d", c->port);
		append(command, size, word);
		return;
	}
	for (unsigned i = 1; i <= c->sockets; i++) {
		append(command, size, " ");
		append(command, size, contender_socket(c, i));
	}
}

static void compose(const struct workload *w, const struct contender *c, char *command, size_t size)
{
	const char *path = w->path ? w->path : "/async/await-one";
	const char *query = w->query ? w->query : "seconds=0";
	char duration[48] = "";
	char option[96] = "";

	if (w->wrk) {
		snprintf(command, size,
			 "exec wrk -t1 -c%u -d%.0fs --latency -s %s/tests/bench/wrk.lua "
			 "'http://127.0.0.1:%d%s?%s' | tail -n 1",
			 w->connections, w->seconds * factor < 1 ? 1 : w->seconds * factor, root,
			 c->port, path, query);
		return;
	}
	if (w->loops) {
		snprintf(command, size, "exec %s/tests/bench/loops %g", root, w->seconds * factor);
		return;
	}
	if (w->jobs) {
		snprintf(command, size, "exec %s/tests/bench/jobs %.0f", root,
			 w->jobs * factor < 1 ? 1 : w->jobs * factor);
		return;
	}
	if (c->via == VIA_TOOL) {
		snprintf(command, size, "exec %s/tests/bench/pgbench %.0f \"%s\"", root,
			 w->seconds * factor < 1 ? 1 : w->seconds * factor, w->sql);
		return;
	}
	if (w->seconds > 0)
		snprintf(duration, sizeof(duration), "--duration %g", w->seconds * factor);
	snprintf(command, size,
		 "exec %s/loadgen --connections %u --depth %u --path %s --query '%s' %s %s", build,
		 w->connections, w->depth ? w->depth : 1, path, query, duration,
		 w->others ? w->others : "");
	if (w->keys)
		snprintf(option, sizeof(option), " --keys %u", w->keys);
	if (w->post)
		snprintf(option, sizeof(option), " --post %s --type %s", w->post, w->type);
	append(command, size, option);
	append_target(w, c, command, size);
}

static struct tool tool_start(const char *command)
{
	struct tool tool;

	tool.group = group_start_piped(command, &tool.out);
	return tool;
}

/* What it printed, as JSON; ends the program if that is none. */
static struct json_object *tool_finish(struct tool *tool, const char *command)
{
	char line[4096];
	struct json_object *json =
		fgets(line, sizeof(line), tool->out) ? json_tokener_parse(line) : NULL;

	fclose(tool->out);
	group_end(tool->group);
	if (!json) {
		fprintf(stderr, "bench: no result from: %s\n", command);
		exit(1);
	}
	return json;
}

/* ---- one measurement ---- */

/* The most memory that the application has while the tool runs. */
static double watch_memory(const struct tool *tool, pid_t session)
{
	double most = 0;

	do {
		double now = usage_memory(session);

		if (now > most)
			most = now;
	} while (!group_ended(tool->group, SAMPLE_MS));
	return most;
}

/* While others are busy: 4 clients who each ask a hundred times a second. */
static struct tool side_start(const struct workload *w, const struct contender *c, char *command,
			      size_t size)
{
	snprintf(command, size,
		 "exec %s/loadgen --connections 4 --pause 0.01 --duration %g --http %d", build,
		 w->seconds * factor, c->port);
	return tool_start(command);
}

struct usage {
	double app;
	double proxy;
};

static struct usage usage_of(const struct contender *c)
{
	return (struct usage){c->app ? usage_cpu(c->app) : 0, c->proxy ? usage_cpu(c->proxy) : 0};
}

static void note_usage(const struct workload *w, const struct contender *c,
		       const struct usage *before, double answers, double value[FIGURES])
{
	struct usage now = usage_of(c);

	value[APP_US] = value[PROXY_US] = -1;
	if (c->app && answers)
		value[APP_US] = (now.app - before->app) / answers * 1e6;
	if (c->proxy && answers && !w->direct)
		value[PROXY_US] = (now.proxy - before->proxy) / answers * 1e6;
}

static double not_answered(struct json_object *json)
{
	return field_number(json, "errors", 0) + field_number(json, "unanswered", 0);
}

/* nginx appends to it, gigabytes in a whole run; where nobody is behind it, it may not be there. */
static void empty_access_log(void)
{
	if (truncate("access.log", 0) && errno != ENOENT) {
		perror("bench: access.log");
		exit(1);
	}
}

/* What the tool has said, and what its work has cost. */
static void note_answers(const struct workload *w, const struct contender *c,
			 const struct usage *before, struct json_object *json,
			 double value[FIGURES])
{
	value[RATE] = field_number(json, "rate", 0);
	value[P50] = field_number(json, "p50_ms", -1);
	value[P99] = field_number(json, "p99_ms", -1);
	value[WORST] = field_number(json, "max_ms", -1);
	value[OF_MODEL] = w->model > 0 ? field_number(json, "seconds", 0) / w->model : -1;
	value[ERRORS] = not_answered(json);
	note_usage(w, c, before, field_number(json, "answers", 0), value);
	value[MEMORY] = c->app ? usage_memory(c->app) / 1e6 : -1;
}

static void note_side(struct json_object *json, double value[FIGURES])
{
	value[SIDE_P50] = field_number(json, "p50_ms", 0);
	value[SIDE_P99] = field_number(json, "p99_ms", 0);
	value[ERRORS] += not_answered(json);
}

/* Of a fresh application: before, and while the load is on, for whose end this waits. */
static void note_memory(const struct workload *w, const struct contender *c,
			const struct tool *tool, double before, double served,
			double value[FIGURES])
{
	double most = watch_memory(tool, c->app);

	value[AT_START] = before / 1e6;
	if (w->held)
		value[MEMORY_EACH] = (most - served) / (w->connections * (w->depth ? w->depth : 1));
	if (w->peak)
		value[PEAK] = most / 1e6;
}

/* 20,000 requests, one after the other: the scoreboard's trace, half a MB, is full then. What a
 * rush takes, and leaves, is beside that. */
static double serve_before(const struct workload *w, struct contender *c)
{
	struct workload few = *w;
	char command[1024];
	struct tool tool;

	few.connections = 8;
	few.depth = 1;
	few.query = "seconds=0";
	few.seconds = 0;
	few.others = "--requests 2500";
	compose(&few, c, command, sizeof(command));
	tool = tool_start(command);
	json_object_put(tool_finish(&tool, command));
	return usage_memory(c->app);
}

static void measure(const struct workload *w, struct contender *c, double value[FIGURES])
{
	bool fresh = w->held || w->peak;
	char command[1024];
	char side_command[256];
	struct tool tool;
	struct tool side;
	struct json_object *json;
	struct usage before;
	double memory;
	double served = 0;

	for (int f = 0; f < FIGURES; f++)
		value[f] = -1;
	if (fresh)
		contender_restart(c);
	memory = fresh ? usage_memory(c->app) : 0;
	if (w->held)
		served = serve_before(w, c);
	empty_access_log();
	before = usage_of(c);
	compose(w, c, command, sizeof(command));
	tool = tool_start(command);
	if (w->side)
		side = side_start(w, c, side_command, sizeof(side_command));
	if (fresh)
		note_memory(w, c, &tool, memory, served, value);
	json = tool_finish(&tool, command);
	note_answers(w, c, &before, json, value);
	json_object_put(json);
	if (w->side) {
		json = tool_finish(&side, side_command);
		note_side(json, value);
		json_object_put(json);
	}
	if (w->settles) {
		poll(NULL, 0, SETTLE_MS);
		value[SETTLED] = usage_memory(c->app) / served;
	}
	if (w->post && w->sql)
		surroundings_reset();
}

/* ---- the run ---- */

/* words is empty, or the name contains one of them. */
static bool wanted(const char *name, const char *words)
{
	char copy[512];
	char *rest = copy;
	const char *word;
	bool any = false;

	snprintf(copy, sizeof(copy), "%s", words);
	while ((word = strsep(&rest, " ,"))) {
		any |= *word != '\0';
		if (*word && strstr(name, word))
			return true;
	}
	return !any;
}

/* How many rounds this contender has in this workload. */
static int rounds_of(size_t workload, size_t contender)
{
	const struct workload *w = &workloads[workload];

	if (!chosen[contender] || !wanted(w->name, only) ||
	    !workload_has(w, contenders[contender].name))
		return 0;
	return w->rounds && w->rounds < rounds ? w->rounds : rounds;
}

/* Seconds until the end: a measurement takes as long as those before it, or as it is meant to. */
static double time_left(void)
{
	double sum = 0;

	for (size_t w = 0; w < workload_count; w++)
		for (size_t c = 0; c < contender_count; c++) {
			const struct cell *cell = cell_at(w, c);
			int left = rounds_of(w, c) - cell->rounds;
			double each = workloads[w].takes > 0 ? workloads[w].takes
							     : workloads[w].seconds * factor;

			if (left > 0)
				sum += left * (cell->rounds ? cell_median(cell, TOOK) : each);
		}
	return sum;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void run_one(size_t w, size_t c)
{
	int round = cell_at(w, c)->rounds;
	double value[FIGURES];
	double start = now();
	long left;

	measure(&workloads[w], &contenders[c], value);
	value[TOOK] = now() - start;
	rounds_add(w, c, value);
	left = lround(time_left());
	fprintf(stderr, "%d/%d %-15s %-16s %9.0f/s  app %6.1f us  errors %.0f  %ld:%02ld to go\n",
		round + 1, rounds, workloads[w].name, contenders[c].name, value[RATE],
		value[APP_US], value[ERRORS], left / 60, left % 60);
}

static void run(void)
{
	for (int round = 0; round < rounds; round++)
		for (size_t w = 0; w < workload_count; w++)
			for (size_t c = 0; c < contender_count; c++)
				if (round < rounds_of(w, c) && cell_at(w, c)->rounds == round)
					run_one(w, c);
}

static void choose(const char *who)
{
	for (size_t w = 0; w < workload_count; w++) {
		if (!wanted(workloads[w].name, only))
			continue;
		for (size_t i = 0; i < contender_count; i++)
			chosen[i] |= workload_has(&workloads[w], contenders[i].name) &&
				     wanted(contenders[i].name, who);
	}
	for (size_t i = 0; i < contender_count; i++)
		if (chosen[i] && contenders[i].of)
			chosen[contender_named(contenders[i].of) - contenders] = true;
}

static double setting(const char *name, double otherwise, double least, double most)
{
	const char *text = getenv(name);
	char *end;
	double value;

	if (!text || !*text)
		return otherwise;
	value = strtod(text, &end);
	if (*end || !(value >= least && value <= most)) {
		fprintf(stderr, "bench: %s=%s: %g to %g is wanted\n", name, text, least, most);
		exit(2);
	}
	return value;
}

/* make has emptied build/bench, or its run/. The contenders' files are in its run/, and the names
 * of their sockets relative to that, so as to be short. */
static void enter(void)
{
	root = realpath(".", NULL);
	build = realpath("/proc/self/exe", NULL);
	if (root && build) {
		*strrchr(build, '/') = '\0';
		if (chdir(build) == 0 && chdir("bench/run") == 0)
			return;
	}
	perror("bench: build/bench/run");
	exit(1);
}

/* As in spawn/system.sh. nginx takes memory for as many connections as it may have. */
static void set_files_limit(void)
{
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max < FILES ? files.rlim_max : FILES;
	setrlimit(RLIMIT_NOFILE, &files);
}

static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "--table")) {
		claims_write_tables(argv[2], argv[3]);
		return 0;
	}
	only = variable("ONLY");
	rounds = (int)setting("ROUNDS", 9, 1, MAX_ROUNDS);
	factor = setting("DURATION", 1, 0.01, 100);
	chosen = calloc(contender_count, sizeof(*chosen));
	set_files_limit();
	enter();
	rounds_open("../rounds.jsonl", root, build, factor, setting("RESUME", 0, 0, 1) > 0);
	groups_init();
	choose(variable("WHO"));
	contenders_start(root, build, chosen);
	for (size_t w = 0; w < workload_count; w++)
		if (wanted(workloads[w].name, only))
			equal_or_die(&workloads[w], chosen);
	run();
	free(chosen);
	report_write("..", rounds);
	return 0;
}

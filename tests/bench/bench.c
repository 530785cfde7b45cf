/*
 * bench: runs every workload against its contenders, interleaved (A B C, A B C, …), so that what
 * the machine does meanwhile happens to all of them, and writes the results into build/bench.
 * ROUNDS, DURATION (a factor on all times), ONLY (words that the names of workloads contain) and
 * WHO (those that names of contenders contain) in the environment shorten it.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "contenders.h"
#include "equal.h"
#include "group.h"
#include "report.h"
#include "surroundings.h"
#include "usage.h"
#include "workloads.h"

enum { SAMPLE_MS = 100, FILES = 32768 };

static char *build; /* where this program is; both are absolute */
static char *root;
static double factor = 1;

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

static double number_or(struct json_object *json, const char *name, double otherwise)
{
	struct json_object *value;

	return json_object_object_get_ex(json, name, &value) ? json_object_get_double(value)
							     : otherwise;
}

static double number(struct json_object *json, const char *name)
{
	return number_or(json, name, 0);
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
	return number(json, "errors") + number(json, "unanswered");
}

/* nginx appends to it, gigabytes in a whole run; where nobody is behind it, it may not be there. */
static void empty_access_log(void)
{
	if (truncate("access.log", 0) && errno != ENOENT) {
		perror("bench: access.log");
		exit(1);
	}
}

static void measure(const struct workload *w, struct contender *c, double value[FIGURES])
{
	char command[1024];
	char side_command[256] = "";
	struct tool tool;
	struct tool side = {0};
	struct json_object *json;
	struct usage before;
	double memory = 0;
	double most = 0;

	if (w->held || w->peak) {
		contender_restart(c);
		memory = usage_memory(c->app);
	}
	empty_access_log();
	before = usage_of(c);
	compose(w, c, command, sizeof(command));
	tool = tool_start(command);
	value[MEMORY_EACH] = value[PEAK] = value[SIDE_P50] = value[SIDE_P99] = -1;
	if (w->side)
		side = side_start(w, c, side_command, sizeof(side_command));
	if (w->held || w->peak)
		most = watch_memory(&tool, c->app);
	if (w->held)
		value[MEMORY_EACH] = (most - memory) / (w->connections * (w->depth ? w->depth : 1));
	if (w->peak)
		value[PEAK] = most / 1e6;
	json = tool_finish(&tool, command);
	value[RATE] = number(json, "rate");
	value[P50] = number_or(json, "p50_ms", -1);
	value[P99] = number_or(json, "p99_ms", -1);
	value[WORST] = number_or(json, "max_ms", -1);
	value[OF_MODEL] = w->model > 0 ? number(json, "seconds") / w->model : -1;
	value[ERRORS] = not_answered(json);
	note_usage(w, c, &before, number(json, "answers"), value);
	value[MEMORY] = c->app ? usage_memory(c->app) / 1e6 : -1;
	json_object_put(json);
	if (w->post && w->sql)
		surroundings_reset();
	if (!w->side)
		return;
	json = tool_finish(&side, side_command);
	value[SIDE_P50] = number(json, "p50_ms");
	value[SIDE_P99] = number(json, "p99_ms");
	value[ERRORS] += not_answered(json);
	json_object_put(json);
}

/* ---- the run ---- */

/* ONLY is empty, or the name contains one of its words. */
static bool wanted(const char *name, const char *only)
{
	char words[512];
	char *rest = words;
	const char *word;
	bool any = false;

	snprintf(words, sizeof(words), "%s", only);
	while ((word = strsep(&rest, " ,"))) {
		any |= *word != '\0';
		if (*word && strstr(name, word))
			return true;
	}
	return !any;
}

static void run_workload(size_t workload, const bool *chosen, int round, int rounds)
{
	const struct workload *w = &workloads[workload];

	for (size_t i = 0; i < contender_count; i++) {
		struct cell *cell = cell_at(workload, i);
		double value[FIGURES];

		if (!chosen[i] || !workload_has(w, contenders[i].name))
			continue;
		measure(w, &contenders[i], value);
		for (int f = 0; f < FIGURES; f++)
			cell->value[f][cell->rounds] = value[f];
		cell->rounds++;
		fprintf(stderr, "%d/%d %-15s %-16s %9.0f/s  app %6.1f us  errors %.0f\n", round + 1,
			rounds, w->name, contenders[i].name, value[RATE], value[APP_US],
			value[ERRORS]);
	}
}

static void run(int rounds, const char *only, const bool *chosen)
{
	for (int round = 0; round < rounds; round++)
		for (size_t w = 0; w < workload_count; w++)
			if (wanted(workloads[w].name, only) &&
			    (!workloads[w].rounds || round < workloads[w].rounds))
				run_workload(w, chosen, round, rounds);
}

static void choose(bool *chosen, const char *only, const char *who)
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

/* make has emptied build/bench. The contenders' files are in its run/, and the names of their
 * sockets relative to that, so as to be short. */
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

int main(void)
{
	const char *only = getenv("ONLY") ? getenv("ONLY") : "";
	int rounds = (int)setting("ROUNDS", 9, 1, MAX_ROUNDS);
	bool *chosen = calloc(contender_count, sizeof(*chosen));
	time_t start = time(NULL);

	factor = setting("DURATION", 1, 0.01, 100);
	set_files_limit();
	enter();
	groups_init();
	choose(chosen, only, getenv("WHO") ? getenv("WHO") : "");
	contenders_start(root, build, chosen);
	for (size_t w = 0; w < workload_count; w++)
		if (wanted(workloads[w].name, only))
			equal_or_die(&workloads[w], chosen);
	run(rounds, only, chosen);
	free(chosen);
	report_write("..", rounds, (double)(time(NULL) - start));
	return 0;
}

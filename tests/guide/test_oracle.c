/*
 * Every request of tests/oracle/exchanges.txt goes to Lanes, which must say what the original
 * (FastAPI on uvicorn) said when that file was written: status, type, body, Allow and, for a
 * redirect, path and query of the Location. Where the installed original is of the same version, it
 * is started and asked, too. HEAD and OPTIONS are left out where ours work: FastAPI's are a 405.
 *
 * Which Lanes: one of its own, or LANES_URL (system.h), behind a front which may answer the
 * requests that LANES_DIFFERS has, one a line, in its own way; then the original is not asked.
 * ORACLE_URL names an original that runs already. ORACLE_RECORD=1 writes the file anew, first, from
 * the original. Runs in the root of the tree.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/client.h"
#include "../support/harness.h"
#include "base/buffer.h"
#include "oracle.h"

#define EXCHANGES "tests/oracle/exchanges.txt"
#define ORIGINAL  "original: "

enum { LONG_BODY = 2000, BEGINNING = 100, SHOWN = 400, NOT_HERE = 77 };

static struct system ours;
static struct system original; /* its url: "" where the one here is another version */
static const char *prefix;     /* of the pool that is asked of ours */

/* Ours may be relative, the original's is absolute: only what follows the host is compared, and
 * without the prefix that it is mounted at. */
static const char *location_of(const char *value, const char *at)
{
	const char *path = strstr(value, "://");

	path = path ? strchr(path + 3, '/') : value;
	return path && !strncmp(path, at, strlen(at)) ? path + strlen(at) : value;
}

static void add_headers(struct buffer *answer, const struct response *response, const char *at)
{
	static const char *const names[] = {"Content-Type", "Allow", "Location"};

	for (size_t i = 0; i < COUNT(names); i++) {
		const char *value = header(response, names[i]);

		if (*value)
			buffer_append_text(answer, textf(" %s: %s", names[i],
							 i < 2 ? value : location_of(value, at)));
	}
}

static void add_body(struct buffer *answer, const char *body)
{
	uint64_t hash = 14695981039346656037U;
	size_t len = strlen(body);

	buffer_append_text(answer, len ? " " : "");
	if (len < LONG_BODY) {
		buffer_append(answer, body, len);
		return;
	}
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)body[i]) * 1099511628211U;
	buffer_append(answer, body, BEGINNING);
	buffer_format(answer, "... %zu bytes, FNV-1a %016" PRIx64, len, hash);
}

/* Appends the line with every {text*n} written out. */
static void expand(const char *line, struct buffer *out)
{
	while (*line) {
		size_t text = strcspn(line + 1, "*{}");
		char *end = NULL;
		unsigned long n = 0;

		if (*line == '{' && line[1 + text] == '*')
			n = strtoul(line + text + 2, &end, 10);
		if (!end || *end != '}') {
			buffer_append(out, line++, 1);
			continue;
		}
		while (n--)
			buffer_append(out, line + 1, text);
		line = end + 1;
	}
	buffer_append(out, "", 1);
}

/* Asks what a line of the file says, a method and a target; makes the line of the answer, with a
 * NUL at the end. */
static bool ask(const struct system *whom, const char *line, struct buffer *answer)
{
	const char *at = whom == &ours ? textf("%s%s", ours.mount, prefix) : "";
	const struct response *response;
	struct buffer target = {0};
	char method[16];
	int len = 0;

	if (sscanf(line, "%15s %n", method, &len) != 1 || !len)
		return false;
	buffer_append_text(&target, whom == &ours ? prefix : "");
	expand(line + len, &target);
	response = request(whom, method, target.data);
	buffer_free(&target);
	buffer_format(answer, "%d", response->status);
	add_headers(answer, response, at);
	add_body(answer, response->body);
	buffer_append(answer, "", 1);
	return response->status;
}

static bool matches(const struct system *whom, const char *line, const char *recorded)
{
	struct buffer answer = {0};
	bool same = ask(whom, line, &answer) && !strcmp(answer.data, recorded);

	if (!same)
		printf("    %.300s\n      recorded %.*s\n      %-8s %.*s\n", line, SHOWN, recorded,
		       whom == &ours ? "ours" : "original", SHOWN, answer.data ? answer.data : "");
	buffer_free(&answer);
	return same;
}

/* Compares the answers to all requests of the group of the file that the test is called. */
static void compare_group(void)
{
	const char *group = harness_test()->name;
	FILE *file = fopen(EXCHANGES, "re");
	char *line = NULL;
	char *recorded = NULL;
	size_t size = 0;
	bool inside = false;
	int count = 0;
	int different = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	while (getline(&line, &size, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '[') {
			inside = !strncmp(line + 1, group, strlen(group)) &&
				 !strcmp(line + 1 + strlen(group), "]");
		} else if (isdigit((unsigned char)line[0])) {
			free(recorded);
			recorded = strdup(line);
		} else if (inside && line[0] == '\t' && !system_differs(line + 1) && ++count) {
			CU_ASSERT_PTR_NOT_NULL_FATAL(recorded);
			different += !matches(&ours, line + 1, recorded);
			different += *original.url && !matches(&original, line + 1, recorded);
		}
	}
	free(line);
	free(recorded);
	fclose(file);
	CU_ASSERT_NOT_EQUAL(count, 0);
	CU_ASSERT_EQUAL(different, 0);
}

/* Copies the file, with the answers of the original that runs. */
static bool record_to(FILE *from, FILE *to)
{
	struct buffer last = {0};
	char *line = NULL;
	size_t size = 0;
	bool fine = true;

	while (fine && getline(&line, &size, from) > 0) {
		struct buffer answer = {0};

		if (!strncmp(line, ORIGINAL, strlen(ORIGINAL))) {
			fprintf(to, ORIGINAL "%s\n", oracle_version());
		} else if (line[0] == '\t') {
			line[strcspn(line, "\n")] = '\0';
			fine = ask(&original, line + 1, &answer);
			if (!last.data || strcmp(last.data, answer.data))
				fprintf(to, "%s\n", answer.data);
			fprintf(to, "%s\n", line);
			buffer_free(&last);
			last = answer;
		} else if (!isdigit((unsigned char)line[0])) {
			fputs(line, to);
			buffer_free(&last);
		}
	}
	buffer_free(&last);
	free(line);
	return fine;
}

static bool record(void)
{
	FILE *from = fopen(EXCHANGES, "re");
	FILE *to = fopen(EXCHANGES ".new", "we");
	bool fine = from && to && record_to(from, to);

	if (from)
		fclose(from);
	if (to)
		fine = !fclose(to) && fine;
	return fine && rename(EXCHANGES ".new", EXCHANGES) == 0;
}

/* Which original the file was written from. */
static const char *recorded_version(void)
{
	const char *line = strstr(file_text(EXCHANGES), "\n" ORIGINAL);

	return line ? textf("%.*s", (int)strcspn(line + 1, "\n"), line + 1) + strlen(ORIGINAL) : "";
}

static int setup_original(void)
{
	bool wanted = getenv("ORACLE_RECORD");
	const char *url = getenv("ORACLE_URL");

	original.url[0] = '\0';
	if (ours.foreign && !wanted && !url)
		return 0;
	if (!wanted && !url && strcmp(oracle_version(), recorded_version())) {
		printf("    compared with what %s answered; here is %s\n", recorded_version(),
		       oracle_version());
		return 0;
	}
	url = url ? url : oracle_start();
	snprintf(original.url, sizeof(original.url), "%s", url ? url : "");
	return url && (!wanted || record()) ? 0 : -1;
}

static int setup(const char *at)
{
	prefix = at;
	if (!system_start(&ours, SYSTEM(.workers = 1, .prefork = 2)))
		return -1;
	return setup_original();
}

static int setup_loop(void)
{
	return setup("");
}

static int setup_prefork(void)
{
	return setup("/prefork");
}

static int cleanup(void)
{
	oracle_stop();
	return system_stop(&ours) ? 0 : -1;
}

/* What the unit tests compare with is still what the original says. */
static void is_as_recorded(void)
{
	const char *script = harness_test()->data;
	struct outcome outcome;

	run(&outcome, STRINGS("/usr/bin/python3", "-B", script, "check"), NULL, -1);
	if (outcome.status == NOT_HERE)
		not_judged("FastAPI 0.92 with python-multipart is not here");
	else
		CU_ASSERT_EQUAL(outcome.status, 0);
	if (outcome.status && outcome.status != NOT_HERE)
		printf("%s%s\n", outcome.out, outcome.errors);
}

/* tests/oracle/openapi.py says what is not compared. */
static void document_as_fastapi_has_it(void)
{
	CU_ASSERT(accepts("/usr/bin/python3 -B tests/oracle/openapi.py compare guide",
			  get(&ours, "/openapi.json")->body));
}

static const struct test tests[] = {
	{"paths", compare_group},
	{"redirects keep the query", compare_group},
	{"methods", compare_group},
	{"seconds: a float as Python reads it", compare_group},
	{"seconds: long ones are accepted", compare_group},
	{"seconds: refused", compare_group},
	{"seconds: names and repetition", compare_group},
	{"seconds of the other endpoints", compare_group},
	{"n: an integer as Python reads it", compare_group},
	{"lists", compare_group},
	{"inputs of every kind, as recorded", is_as_recorded, "tests/oracle/exchanges.py"},
	{"documents, as recorded", is_as_recorded, "tests/oracle/openapi.py"},
	{"the guide's document, as FastAPI has it", document_as_fastapi_has_it},
};

const struct suite oracle_suite = {
	"oracle", tests, COUNT(tests), setup_loop, cleanup,
};

const struct suite oracle_prefork_suite = {
	"oracle-prefork", tests, COUNT(tests) - 3, setup_prefork, cleanup,
};

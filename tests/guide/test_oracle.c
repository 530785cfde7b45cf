/*
 * Every request of tests/oracle/exchanges.txt goes to Lanes, which must say what the original
 * (FastAPI on uvicorn) said when that file was written: status, type, body, Allow and, for a
 * redirect, path and query of the Location. Where the installed original is of the same version, it
 * is started and asked, too. HEAD and OPTIONS are left out where ours work: FastAPI's are a 405.
 *
 * Which Lanes: one of its own, or LANES_URL ("http://127.0.0.1:8080"). ORACLE_URL names an original
 * that runs already. ORACLE_RECORD=1 writes the file anew, first, from the original.
 * Runs in the root of the tree.
 */
#include <ctype.h>
#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/harness.h"
#include "../support/system.h"
#include "base/buffer.h"
#include "oracle.h"

#define EXCHANGES "tests/oracle/exchanges.txt"
#define ORIGINAL  "original: "

enum { LONG_BODY = 2000, BEGINNING = 100, SHOWN = 400, NOT_HERE = 77 };

static const char *oracle_url; /* NULL: the one here is another version */
static const char *lanes_url;
static const char *lanes_prefix;
static struct system own;
static CURL *curl;

static size_t take_body(char *bytes, size_t size, size_t n, void *body)
{
	buffer_append(body, bytes, size * n);
	return size * n;
}

static void add_header(struct buffer *answer, const char *name, const char *value)
{
	buffer_append_text(answer, " ");
	buffer_append_text(answer, name);
	buffer_append_text(answer, ": ");
	buffer_append_text(answer, value);
}

/* Ours may be relative, the original's is absolute: only what follows the host is compared, and
 * without the prefix that ours is mounted at. */
static const char *location_of(const char *value, const char *prefix)
{
	const char *path = strstr(value, "://");

	path = path ? strchr(path + 3, '/') : value;
	return path && !strncmp(path, prefix, strlen(prefix)) ? path + strlen(prefix) : value;
}

static void add_headers(struct buffer *answer, const char *prefix)
{
	static const char *const names[] = {"Content-Type", "Allow", "Location"};
	struct curl_header *header;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (curl_easy_header(curl, names[i], 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
			add_header(answer, names[i],
				   strcmp(names[i], "Location")
					   ? header->value
					   : location_of(header->value, prefix));
}

static void add_body(struct buffer *answer, const struct buffer *body)
{
	uint64_t hash = 14695981039346656037U;

	if (body->len)
		buffer_append_text(answer, " ");
	if (body->len < LONG_BODY) {
		buffer_append(answer, body->data, body->len);
		return;
	}
	for (size_t i = 0; i < body->len; i++)
		hash = (hash ^ (unsigned char)body->data[i]) * 1099511628211U;
	buffer_append(answer, body->data, BEGINNING);
	buffer_format(answer, "... %zu bytes, FNV-1a %016" PRIx64, body->len, hash);
}

/* Makes the line of the answer, with a NUL at the end. The target goes out as it is: no part of it
 * is taken for a URL by curl. */
static bool ask(const char *base, const char *prefix, const char *method, const char *target,
		struct buffer *answer)
{
	struct buffer body = {0};
	char *whole = NULL;
	long status = 0;
	CURLcode code;

	if (asprintf(&whole, "%s%s", prefix, target) < 0)
		return false;
	curl_easy_setopt(curl, CURLOPT_URL, base);
	curl_easy_setopt(curl, CURLOPT_REQUEST_TARGET, whole);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)PATIENCE);
	code = curl_easy_perform(curl);
	if (code != CURLE_OK)
		printf("    %s %s: %s\n", base, target, curl_easy_strerror(code));
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	buffer_format(answer, "%ld", status);
	add_headers(answer, prefix);
	add_body(answer, &body);
	buffer_append(answer, "", 1);
	buffer_free(&body);
	free(whole);
	return code == CURLE_OK;
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

/* Asks what a line of the file says, a method and a target. */
static bool ask_line(const char *base, const char *prefix, const char *line, struct buffer *answer)
{
	struct buffer target = {0};
	char method[16];
	int len = 0;
	bool asked;

	if (sscanf(line, "%15s %n", method, &len) != 1 || !len)
		return false;
	expand(line + len, &target);
	asked = ask(base, prefix, method, target.data, answer);
	buffer_free(&target);
	return asked;
}

static bool matches(const char *who, const char *base, const char *prefix, const char *request,
		    const char *recorded)
{
	struct buffer answer = {0};
	bool same = ask_line(base, prefix, request, &answer) && !strcmp(answer.data, recorded);

	if (!same)
		printf("    %.300s\n      recorded %.*s\n      %-8s %.*s\n", request, SHOWN,
		       recorded, who, SHOWN, answer.data ? answer.data : "");
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
		} else if (inside && line[0] == '\t' && ++count) {
			CU_ASSERT_PTR_NOT_NULL_FATAL(recorded);
			different += !matches("ours", lanes_url, lanes_prefix, line + 1, recorded);
			different += oracle_url &&
				     !matches("original", oracle_url, "", line + 1, recorded);
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
			fine = ask_line(oracle_url, "", line + 1, &answer);
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
	static char line[128];
	FILE *file = fopen(EXCHANGES, "re");

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, ORIGINAL, strlen(ORIGINAL)))
			break;
	if (file)
		fclose(file);
	line[strcspn(line, "\n")] = '\0';
	return line + strlen(ORIGINAL);
}

static int setup_original(void)
{
	bool wanted = getenv("ORACLE_RECORD");

	oracle_url = getenv("ORACLE_URL");
	if (!wanted && !oracle_url && strcmp(oracle_version(), recorded_version())) {
		printf("    compared with what %s answered; here is %s\n", recorded_version(),
		       oracle_version());
		return 0;
	}
	if (!oracle_url)
		oracle_url = oracle_start();
	return oracle_url && (!wanted || record()) ? 0 : -1;
}

static int setup(const char *prefix)
{
	lanes_url = getenv("LANES_URL");
	lanes_prefix = prefix;
	if (!lanes_url) {
		if (!system_start(&own, &(struct system_options){.workers = 1, .prefork = 2}))
			return -1;
		lanes_url = own.url;
	}
	curl = curl_easy_init();
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
	curl_easy_cleanup(curl);
	oracle_stop();
	return lanes_url != own.url || system_stop(&own) ? 0 : -1;
}

/* What the unit tests compare with is still what the original says. */
static void is_as_recorded(void)
{
	const char *script = harness_test()->data;
	struct outcome outcome;

	run(&outcome, (const char *[]){"/usr/bin/python3", "-B", script, "check", NULL}, NULL, -1);
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
	struct buffer body = {0};
	FILE *original;

	curl_easy_reset(curl);
	curl_easy_setopt(curl, CURLOPT_URL, textf("%s/openapi.json", lanes_url));
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
	CU_ASSERT_EQUAL(curl_easy_perform(curl), CURLE_OK);
	original = popen("/usr/bin/python3 -B tests/oracle/openapi.py compare guide", "we");
	CU_ASSERT_PTR_NOT_NULL_FATAL(original);
	fwrite(body.data, 1, body.len, original);
	CU_ASSERT_EQUAL(pclose(original), 0);
	buffer_free(&body);
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
	"oracle", tests, sizeof(tests) / sizeof(tests[0]), setup_loop, cleanup,
};

const struct suite oracle_prefork_suite = {
	"oracle-prefork", tests, sizeof(tests) / sizeof(tests[0]) - 3, setup_prefork, cleanup,
};

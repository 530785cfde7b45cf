/*
 * Every request of tests/oracle/requests.txt goes to Lanes and to the original (FastAPI on uvicorn,
 * started here), and both must say the same: status, type, body, Allow and, for a redirect, path
 * and query of the Location. HEAD is left out: ours works, FastAPI's is a 405.
 *
 * Which Lanes: one of its own, or LANES_URL ("http://127.0.0.1:8080"). ORACLE_URL names an original
 * that runs already.
 * Runs in the root of the tree.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../harness.h"
#include "buffer.h"
#include "oracle.h"
#include "system.h"

#define REQUESTS "tests/oracle/requests.txt"

struct answer {
	long status;
	struct buffer body;
	char type[64];
	char allow[64];
	char *location; /* path and query, or NULL */
};

static const char *oracle_url;
static const char *lanes_url;
static const char *lanes_prefix;
static struct system own;
static CURL *curl;

static int setup(const char *prefix)
{
	const char *given = getenv("ORACLE_URL");

	lanes_url = getenv("LANES_URL");
	lanes_prefix = prefix;
	if (!lanes_url) {
		if (!system_start(&own, &(struct system_options){.workers = 1, .prefork = 2}))
			return -1;
		lanes_url = own.url;
	}
	curl = curl_easy_init();
	oracle_url = given ? given : oracle_start();
	return oracle_url ? 0 : -1;
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

static size_t take_body(char *bytes, size_t size, size_t n, void *body)
{
	buffer_append(body, bytes, size * n);
	return size * n;
}

static void header_value(const char *name, char *out, size_t size)
{
	struct curl_header *header;

	out[0] = '\0';
	if (curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
		snprintf(out, size, "%s", header->value);
}

/* Ours may be relative, the original's is absolute: only what follows the host is compared, and
 * the prefix that ours is mounted at. */
static char *location_value(const char *prefix)
{
	struct curl_header *header;
	const char *path;

	if (curl_easy_header(curl, "Location", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return NULL;
	path = strstr(header->value, "://");
	path = path ? strchr(path + 3, '/') : header->value;
	if (!path || strncmp(path, prefix, strlen(prefix)))
		return strdup(header->value);
	return strdup(path + strlen(prefix));
}

/* The target goes out as it is: no part of it is taken for a URL by curl. */
static bool ask(const char *base, const char *prefix, const char *method, const char *target,
		struct answer *answer)
{
	char *whole = NULL;
	CURLcode code;

	*answer = (struct answer){0};
	if (asprintf(&whole, "%s%s", prefix, target) < 0)
		return false;
	curl_easy_setopt(curl, CURLOPT_URL, base);
	curl_easy_setopt(curl, CURLOPT_REQUEST_TARGET, whole);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer->body);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
	code = curl_easy_perform(curl);
	free(whole);
	if (code != CURLE_OK) {
		printf("    %s %s: %s\n", base, target, curl_easy_strerror(code));
		return false;
	}
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
	header_value("Content-Type", answer->type, sizeof(answer->type));
	header_value("Allow", answer->allow, sizeof(answer->allow));
	answer->location = location_value(prefix);
	return true;
}

static void forget(struct answer *answer)
{
	buffer_free(&answer->body);
	free(answer->location);
}

static bool equal(const struct answer *a, const struct answer *b)
{
	return a->status == b->status &&
	       slice_equal(buffer_slice(&a->body), buffer_slice(&b->body)) &&
	       !strcmp(a->type, b->type) && !strcmp(a->allow, b->allow) &&
	       !strcmp(a->location ? a->location : "", b->location ? b->location : "");
}

static void print_answer(const char *who, const struct answer *answer)
{
	printf("      %-8s %ld %s|%s|%s %.*s\n", who, answer->status, answer->type, answer->allow,
	       answer->location ? answer->location : "",
	       answer->body.len < 400 ? (int)answer->body.len : 400,
	       answer->body.data ? answer->body.data : "");
}

static bool compare(const char *method, const char *target)
{
	struct answer ours = {0};
	struct answer original = {0};
	bool same = ask(lanes_url, lanes_prefix, method, target, &ours) &&
		    ask(oracle_url, "", method, target, &original) && equal(&ours, &original);

	if (!same) {
		printf("    %s %.300s\n", method, target);
		print_answer("ours", &ours);
		print_answer("original", &original);
	}
	forget(&ours);
	forget(&original);
	return same;
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

static bool compare_line(char *line)
{
	char *target = strchr(line, ' ');
	struct buffer whole = {0};
	bool same;

	if (!target)
		return false;
	*target++ = '\0';
	expand(target, &whole);
	same = compare(line, whole.data);
	buffer_free(&whole);
	return same;
}

/* Compares the answers to all requests of one group of the file. */
static void compare_group(const char *group)
{
	FILE *file = fopen(REQUESTS, "re");
	char *line = NULL;
	size_t size = 0;
	bool inside = false;
	int count = 0;
	int different = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	while (getline(&line, &size, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '[')
			inside = !strncmp(line + 1, group, strlen(group)) &&
				 !strcmp(line + 1 + strlen(group), "]");
		else if (inside && line[0] && line[0] != '#' && ++count)
			different += !compare_line(line);
	}
	free(line);
	fclose(file);
	CU_ASSERT_NOT_EQUAL(count, 0);
	CU_ASSERT_EQUAL(different, 0);
}

static void paths(void)
{
	compare_group("paths");
}

static void redirects_keep_the_query(void)
{
	compare_group("redirects keep the query");
}

static void methods(void)
{
	compare_group("methods");
}

static void seconds_a_float_as_Python_reads_it(void)
{
	compare_group("seconds: a float as Python reads it");
}

static void seconds_long_ones_are_accepted(void)
{
	compare_group("seconds: long ones are accepted");
}

static void seconds_refused(void)
{
	compare_group("seconds: refused");
}

static void seconds_names_and_repetition(void)
{
	compare_group("seconds: names and repetition");
}

static void seconds_of_the_other_endpoints(void)
{
	compare_group("seconds of the other endpoints");
}

static void n_an_integer_as_Python_reads_it(void)
{
	compare_group("n: an integer as Python reads it");
}

static void lists(void)
{
	compare_group("lists");
}

static const struct test tests[] = {
	{"paths", paths},
	{"redirects keep the query", redirects_keep_the_query},
	{"methods", methods},
	{"seconds: a float as Python reads it", seconds_a_float_as_Python_reads_it},
	{"seconds: long ones are accepted", seconds_long_ones_are_accepted},
	{"seconds: refused", seconds_refused},
	{"seconds: names and repetition", seconds_names_and_repetition},
	{"seconds of the other endpoints", seconds_of_the_other_endpoints},
	{"n: an integer as Python reads it", n_an_integer_as_Python_reads_it},
	{"lists", lists},
};

const struct suite oracle_suite = {
	"oracle", tests, sizeof(tests) / sizeof(tests[0]), setup_loop, cleanup,
};

const struct suite oracle_prefork_suite = {
	"oracle-prefork", tests, sizeof(tests) / sizeof(tests[0]), setup_prefork, cleanup,
};

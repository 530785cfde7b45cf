/*
 * A conformance suite for FastCGI responders: `tests/conformance/run SOCKET|HOST:PORT [words]`.
 *
 * One line for each case; above it which of the allowed outcomes came, and on a failure what was
 * sent and received. Behind every case the responder must still serve an ordinary request. Cases
 * that a responder is known to fail can be listed with the reason (--known): they are not judged.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/harness.h"
#include "chapters.h"

static const struct chapter *const chapters[] = {
	&chapter_records, &chapter_management, &chapter_begin,	      &chapter_params,
	&chapter_stdin,	  &chapter_abort,      &chapter_multiplexing, &chapter_peers,
};

enum { CHAPTERS = sizeof(chapters) / sizeof(chapters[0]), CASES_MAX = 64, KNOWN_MAX = 64 };

/* One of the list of known failures: lines with a reason, and below each, indented by a tab, the
 * cases it stands for. */
struct known {
	const char *name;
	const char *reason;
};

static struct known known[KNOWN_MAX];
static struct settings settings = {.fast = "/async/await-one?seconds=0", .timeout = 5000};

/* ---- Options ---- */

static void usage(void)
{
	puts("Usage: tests/conformance/run [options] SOCKET|HOST:PORT [words]\n"
	     "Speaks FastCGI to a responder and checks the rules of the FastCGI Specification "
	     "1.0.\n"
	     "With words, only cases whose \"chapter/case\" contains one of them.\n\n"
	     "  --path PATH[?QUERY]    what it asks for; answered at once, with status 200\n"
	     "                         [/async/await-one?seconds=0]\n"
	     "  --slow PATH[?QUERY]    what takes some tenths of a second\n"
	     "  --queued PATH[?QUERY]  a request that waits in a queue if there are many\n"
	     "  --hold PATH[?QUERY]    what holds the responder's one thread for longer than "
	     "--patience\n"
	     "                         (cases that need these are skipped without)\n"
	     "  --param NAME=VALUE     another CGI variable to send; may be repeated\n"
	     "  --timeout SECONDS      what the responder may take for anything [5]\n"
	     "  --patience SECONDS     it closes connections that are silent in mid-request, or "
	     "do\n"
	     "                         not read, after that time; unchecked without\n"
	     "  --known FILE           what is known to fail: a line with the reason, and below "
	     "it, each\n"
	     "                         indented by a tab, the cases as --list has them\n"
	     "  --list                 prints the cases and exits");
}

static int milliseconds(const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (*end || !(seconds > 0 && seconds < 3600)) {
		fprintf(stderr, "conformance: '%s' is not a number of seconds\n", text);
		exit(2);
	}
	return (int)(seconds * 1000);
}

static void read_known(const char *path)
{
	FILE *file = fopen(path, "r");
	const char *reason = "";
	char *line = NULL;
	size_t size = 0;
	int count = 0;

	if (!file) {
		fprintf(stderr, "conformance: %s: %s\n", path, strerror(errno));
		exit(2);
	}
	while (getline(&line, &size, file) > 0 && count < KNOWN_MAX) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#')
			continue;
		if (line[0] == '\t')
			known[count++] = (struct known){line + 1, reason};
		else
			reason = line;
		line = NULL; /* lives as long as the program */
	}
	free(line);
	fclose(file);
}

static void add_param(struct settings *s, const char *pair)
{
	size_t i = 0;

	while (i < EXTRA_PARAMS && s->params[i])
		i++;
	if (i == EXTRA_PARAMS || !strchr(pair, '=')) {
		fprintf(stderr, "conformance: --param '%s': NAME=VALUE, at most %d\n", pair,
			EXTRA_PARAMS);
		exit(2);
	}
	s->params[i] = pair;
}

static bool set(struct settings *s, const char *option, const char *value)
{
	if (!strcmp(option, "--path"))
		s->fast = value;
	else if (!strcmp(option, "--slow"))
		s->slow = value;
	else if (!strcmp(option, "--queued"))
		s->queued = value;
	else if (!strcmp(option, "--hold"))
		s->hold = value;
	else if (!strcmp(option, "--param"))
		add_param(s, value);
	else if (!strcmp(option, "--timeout"))
		s->timeout = milliseconds(value);
	else if (!strcmp(option, "--patience"))
		s->patience = milliseconds(value);
	else if (!strcmp(option, "--known"))
		read_known(value);
	else
		return false;
	return true;
}

static void list_cases(void)
{
	for (size_t i = 0; i < CHAPTERS; i++)
		for (size_t j = 0; j < chapters[i]->count; j++)
			printf("%s/%s (%s)\n", chapters[i]->name, chapters[i]->cases[j].name,
			       chapters[i]->cases[j].section);
}

/* Returns the index of the first argument that is no option. */
static int parse(struct settings *s, int argc, char **argv)
{
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i += 2) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "--list")) {
			argv[i][2] == 'h' ? usage() : list_cases();
			exit(0);
		}
		if (i + 1 == argc || !set(s, argv[i], argv[i + 1])) {
			fprintf(stderr, "conformance: %s: see --help\n", argv[i]);
			exit(2);
		}
	}
	if (i == argc) {
		usage();
		exit(2);
	}
	return i;
}

/* ---- The normal answer ---- */

/* Asks twice, so that the answers of later cases can be compared with it. */
static bool learn(struct settings *s)
{
	struct trial t = {.settings = s};
	struct buffer bodies[2] = {{0}};

	s->body_varies = true;
	for (size_t i = 0; i < 2; i++) {
		struct peer *p = trial_peer(&t);
		struct slice body;

		say(&t, p, "ask 1");
		if (!expect_normal(&t, p, 1))
			break;
		body = answer_body(&p->answers[0]);
		buffer_append(&bodies[i], body.data, body.len);
	}
	if (t.failure[0])
		fprintf(stderr, "conformance: %s does not answer %s with status 200: %s\n",
			s->address, s->fast, t.failure);
	s->body_varies =
		!bodies[0].len || !slice_equal(buffer_slice(&bodies[0]), buffer_slice(&bodies[1]));
	s->body = bodies[0];
	buffer_free(&bodies[1]);
	for (size_t i = 0; i < t.peer_count; i++)
		peer_free(&t.peers[i]);
	return !t.failure[0];
}

/* ---- Running ---- */

static const char *known_reason(const char *chapter, const char *name)
{
	size_t len = strlen(chapter);

	for (size_t i = 0; i < KNOWN_MAX && known[i].name; i++)
		if (!strncmp(known[i].name, chapter, len) && known[i].name[len] == '/' &&
		    !strcmp(known[i].name + len + 1, name))
			return known[i].reason;
	return NULL;
}

static void dump(const struct trial *t)
{
	for (size_t i = 0; i < t->peer_count && i < 3; i++) {
		const struct peer *p = &t->peers[i];

		dump_records(stdout, "sent", buffer_slice(&p->sent));
		dump_records(stdout, p->closed ? "received, then closed" : "received",
			     buffer_slice(&p->received));
	}
}

static void check_violations(struct trial *t)
{
	for (size_t i = 0; i < t->peer_count; i++)
		if (t->peers[i].violation)
			fail(t, "received %s", t->peers[i].violation);
}

static struct test tests[CHAPTERS][CASES_MAX];

/* What all of them run: which case it is tells the place of the test. */
static void run_case(void)
{
	static struct trial t;
	size_t number = (size_t)(harness_test() - tests[0]);
	const struct chapter *chapter = chapters[number / CASES_MAX];
	const struct conformance_case *c = &chapter->cases[number % CASES_MAX];
	const char *reason = known_reason(chapter->name, c->name);
	struct trial after = {.settings = &settings};

	t = (struct trial){.settings = &settings, .text = c->text};
	c->run ? c->run(&t) : play_steps(&t);
	check_violations(&t);
	for (size_t i = 0; i < t.peer_count; i++)
		peer_close(&t.peers[i]);
	if (!expect_served(&after))
		fail(&t, "after it the responder serves nobody: %s", after.failure);
	if (t.skipped)
		not_judged("%s", t.saw);
	else if (t.saw[0])
		printf("    %s\n", t.saw);
	if (t.failure[0] && reason) {
		not_judged("known to fail: %s", reason);
	} else if (t.failure[0]) {
		dump(&t);
		CU_assertImplementation(CU_FALSE, __LINE__, t.failure, c->section, "", CU_FALSE);
	} else if (!t.skipped && reason) {
		printf("    was known to fail: %s\n", reason);
	}
	for (size_t i = 0; i < t.peer_count; i++)
		peer_free(&t.peers[i]);
	peer_free(&after.peers[0]);
}

int main(int argc, char **argv)
{
	static struct suite suites[CHAPTERS];
	const struct suite *list[CHAPTERS];
	int at = parse(&settings, argc, argv);
	int status;

	signal(SIGPIPE, SIG_IGN);
	settings.address = argv[at];
	if (!learn(&settings))
		return 2;
	for (size_t i = 0; i < CHAPTERS; i++) {
		for (size_t j = 0; j < chapters[i]->count; j++)
			tests[i][j] = (struct test){chapters[i]->cases[j].name, run_case};
		suites[i] = (struct suite){.name = chapters[i]->name,
					   .tests = tests[i],
					   .count = (int)chapters[i]->count};
		list[i] = &suites[i];
	}
	status = harness_main(argc - at, argv + at, list, CHAPTERS, 0);
	buffer_free(&settings.body);
	return status;
}

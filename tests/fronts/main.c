/*
 * build/fronts [WORD...]: each front of the table with each case, at the root and at /app. Prints
 * the matrix, and writes it to fronts.md beside the program.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/harness.h"
#include "base/buffer.h"
#include "cases.h"

enum { FRONTS_MAX = 16, CASES_MAX = 16 };

/* A cell of the matrix, which a test fills in. */
struct cell {
	const struct front *front;
	const struct case_ *case_;
	const char *mount;
	bool ran;
	char text[sizeof(case_said) + 8];
};

static struct cell cells[FRONTS_MAX][MOUNTS][CASES_MAX];
static struct test tests[FRONTS_MAX][MOUNTS][CASES_MAX];
static struct suite suites[FRONTS_MAX][MOUNTS];
static unsigned failures; /* of the running test, before its case ran */

static void before(void)
{
	struct cell *cell = (struct cell *)harness_test()->data;

	cell->ran = true;
	case_said[0] = '\0';
	failures = CU_get_number_of_failures();
}

static void run_case(void)
{
	struct cell *cell = (struct cell *)harness_test()->data;

	snprintf(cell->text, sizeof(cell->text), "not here");
	if (!stage_possible(cell->front))
		return;
	snprintf(cell->text, sizeof(cell->text), "FAIL");
	CU_ASSERT_FATAL(stage_on(cell->front, cell->mount));
	cell->case_->run(cell->front);
	if (CU_get_number_of_failures() == failures)
		snprintf(cell->text, sizeof(cell->text), "%s", *case_said ? case_said : "yes");
}

/* ---- the matrix ---- */

static const char *text_of(size_t front, size_t mount, size_t case_)
{
	const struct cell *cell = &cells[front][mount][case_];

	return cell->ran ? cell->text : "–";
}

static bool ran(size_t front)
{
	bool any = false;

	for (size_t m = 0; m < MOUNTS; m++)
		for (size_t c = 0; c < case_count; c++)
			any |= cells[front][m][c].ran;
	return any;
}

/* One cell where both mounts say the same. */
static void add_row(struct buffer *out, size_t front)
{
	buffer_append_text(
		out, textf("| [%s](../nginx/fronts/%s) |", fronts[front].name, fronts[front].file));
	for (size_t c = 0; c < case_count && cases[c].title; c++) {
		const char *root = text_of(front, 0, c);
		const char *mounted = text_of(front, 1, c);

		buffer_append_text(out, textf(" %s", root));
		if (strcmp(root, mounted))
			buffer_append_text(out, textf(" · %s", mounted));
		buffer_append_text(out, " |");
	}
	buffer_append_text(out, "\n");
}

static void write_matrix(void)
{
	struct buffer out = {0};

	buffer_append_text(&out, "| front |");
	for (size_t c = 0; c < case_count && cases[c].title; c++)
		buffer_append_text(&out, textf(" %s |", cases[c].title));
	buffer_append_text(&out, "\n| --- |");
	for (size_t c = 0; c < case_count && cases[c].title; c++)
		buffer_append_text(&out, " --- |");
	buffer_append_text(&out, "\n");
	for (size_t f = 0; f < front_count; f++)
		if (ran(f))
			add_row(&out, f);
	buffer_append(&out, "", 1);
	printf("%s", out.data);
	file_write(built("fronts.md"), out.data);
	buffer_free(&out);
}

int main(int argc, char **argv)
{
	const struct suite *all[FRONTS_MAX * MOUNTS];
	int count = 0;
	int status;

	for (size_t f = 0; f < front_count; f++)
		for (size_t m = 0; m < MOUNTS; m++) {
			for (size_t c = 0; c < case_count; c++) {
				cells[f][m][c] = (struct cell){&fronts[f], &cases[c], mounts[m]};
				tests[f][m][c] =
					(struct test){cases[c].name, run_case, &cells[f][m][c]};
			}
			suites[f][m] = (struct suite){
				.name = strdup(textf("%s, at %s", fronts[f].name,
						     m ? mounts[m] : "the root")),
				.tests = tests[f][m],
				.count = (int)case_count - !fronts[f].tls, /* the last one */
				.before = before,
			};
			all[count++] = &suites[f][m];
		}
	process_prepare();
	curl_global_init(CURL_GLOBAL_DEFAULT);
	status = harness_main(argc, argv, all, count, 0);
	stage_off();
	write_matrix();
	return status;
}

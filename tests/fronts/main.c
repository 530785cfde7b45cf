/*
 * build/fronts [WORD...]: each front with each case, at the root and at /app, each supervisor with
 * each of its cases, and the units of systemd. Prints the matrices; those of which all was tried,
 * and nothing failed, replace what tests/README.md has.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/harness.h"
#include "base/buffer.h"
#include "cases.h"
#include "supervisors.h"

extern const struct suite systemd_suite;

enum { ROWS = 16, COLUMNS = 16, TABLES = 2 };

/* A cell of a matrix, which a test fills in. */
struct cell {
	const struct front *front;
	const struct case_ *case_;
	const char *mount;
	bool ran;
	char text[sizeof(case_said) + 8];
};

static struct table {
	const char *name; /* in tests/README.md, "<!-- matrix: NAME -->" is above it */
	const struct front *fronts;
	const size_t *rows;
	const struct case_ *cases;
	const size_t *columns;
	size_t mounts;
	struct cell cells[ROWS][MOUNTS][COLUMNS];
	struct test tests[ROWS][MOUNTS][COLUMNS];
	struct suite suites[ROWS][MOUNTS];
} tables[TABLES] = {
	{"front", fronts, &front_count, cases, &case_count, MOUNTS},
	{"supervisor", supervised, &supervised_count, supervisor_cases, &supervisor_case_count, 1},
};

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
	CU_ASSERT_FATAL(stage_on(cell->front, cell->mount, cell->case_->once));
	cell->case_->run(cell->front);
	if (CU_get_number_of_failures() == failures)
		snprintf(cell->text, sizeof(cell->text), "%s", *case_said ? case_said : "yes");
}

/* Those that all have, which are first; and how many this one has. */
static size_t columns(const struct table *t)
{
	size_t count = 0;

	while (count < *t->columns && t->cases[count].title)
		count++;
	return count;
}

static size_t cases_of(const struct table *t, const struct front *front)
{
	return front->tls ? *t->columns : columns(t);
}

static void fill_in(struct table *t, size_t row, size_t mount)
{
	const struct front *front = &t->fronts[row];
	const char *place = t->mounts == 1 ? "" : mount ? ", at /app" : ", at the root";

	for (size_t c = 0; c < *t->columns; c++) {
		t->cells[row][mount][c] = (struct cell){front, &t->cases[c], mounts[mount]};
		t->tests[row][mount][c] =
			(struct test){t->cases[c].name, run_case, &t->cells[row][mount][c]};
	}
	t->suites[row][mount] = (struct suite){
		.name = strdup(textf("%s%s", front->name, place)),
		.tests = t->tests[row][mount],
		.count = (int)cases_of(t, front),
		.before = before,
	};
}

/* ---- the matrix ---- */

static const char *text_of(const struct cell *cell)
{
	return cell->ran ? cell->text : "–";
}

static size_t ran(const struct table *t, size_t row)
{
	size_t count = 0;

	for (size_t m = 0; m < t->mounts; m++)
		for (size_t c = 0; c < columns(t); c++)
			count += t->cells[row][m][c].ran;
	return count;
}

/* One cell where both mounts say the same. */
static void add_row(struct buffer *out, const struct table *t, size_t row)
{
	const struct front *front = &t->fronts[row];

	if (front->supervisor)
		buffer_append_text(out, textf("| %s |", front->name));
	else
		buffer_append_text(out,
				   textf("| [%s](../nginx/fronts/%s) |", front->name, front->file));
	for (size_t c = 0; c < columns(t); c++) {
		const char *root = text_of(&t->cells[row][0][c]);
		const char *last = text_of(&t->cells[row][t->mounts - 1][c]);

		buffer_append_text(out, textf(" %s", root));
		if (strcmp(root, last))
			buffer_append_text(out, textf(" · %s", last));
		buffer_append_text(out, " |");
	}
	buffer_append_text(out, "\n");
}

/* What stands below its mark, up to the next empty line. */
static void put_in_readme(const struct table *t, const char *matrix)
{
	static const char path[] = "tests/README.md";
	const char *mark = textf("<!-- matrix: %s -->\n", t->name);
	char *text = strdup(file_text(path));
	char *place = strstr(text, mark);
	char *rest = place ? strstr(place, "\n\n") : NULL;
	struct buffer out = {0};

	if (rest) {
		buffer_append(&out, text, (size_t)(place - text));
		buffer_append_text(&out, mark);
		buffer_append_text(&out, matrix);
		buffer_append(&out, rest + 1, strlen(rest + 1) + 1);
		file_write(path, out.data);
		buffer_free(&out);
	}
	free(text);
}

static void write_matrix(const struct table *t, bool good)
{
	struct buffer out = {0};
	size_t all = 0;

	buffer_append_text(&out, textf("| %s |", t->name));
	for (size_t c = 0; c < columns(t); c++)
		buffer_append_text(&out, textf(" %s |", t->cases[c].title));
	buffer_append_text(&out, "\n| --- |");
	for (size_t c = 0; c < columns(t); c++)
		buffer_append_text(&out, " --- |");
	buffer_append_text(&out, "\n");
	for (size_t row = 0; row < *t->rows; row++) {
		if (ran(t, row))
			add_row(&out, t, row);
		all += ran(t, row);
	}
	buffer_append(&out, "", 1);
	if (all)
		printf("%s\n", out.data);
	if (good && all == *t->rows * t->mounts * columns(t))
		put_in_readme(t, out.data);
	buffer_free(&out);
}

int main(int argc, char **argv)
{
	const struct suite *all[TABLES * ROWS * MOUNTS + 1];
	int count = 0;
	int status;

	for (struct table *t = tables; t < tables + TABLES; t++)
		for (size_t row = 0; row < *t->rows; row++)
			for (size_t m = 0; m < t->mounts; m++) {
				fill_in(t, row, m);
				all[count++] = &t->suites[row][m];
			}
	all[count++] = &systemd_suite;
	process_prepare();
	curl_global_init(CURL_GLOBAL_DEFAULT);
	status = harness_main(argc, argv, all, count, 0);
	stage_off();
	for (struct table *t = tables; t < tables + TABLES; t++)
		write_matrix(t, status == 0);
	return status;
}

#include "table.h"

static void print_row(const struct measurement *m, FILE *out)
{
	fprintf(out, "  %-7s × %-3d %8.2f s %8.2f s %6.2f%c %9.1f %9d %7ld %7.1f MB",
		measurement_pool(m), m->burst.workers, m->measured, m->predicted,
		measurement_ratio(m), measurement_explained(m) ? ' ' : '!', measurement_rate(m),
		m->footprint.processes, m->footprint.threads,
		(double)m->footprint.kilobytes / 1024);
	if (m->failed)
		fprintf(out, "  %zu FAILED", m->failed);
	else if (m->burst.pattern->holds == HOLDS_LOOP && !m->burst.prefork && m->burst.workers > 1)
		fprintf(out, "  fullest worker: %zu", m->fullest);
	if (m->fired > 1 && m->burst.pattern->holds != HOLDS_CORE)
		fprintf(out, "  fastest of %d", m->fired);
	fputc('\n', out);
}

void table_print(const struct contrast *c, FILE *out)
{
	bool explained = true;

	fprintf(out,
		"\nBursts of requests at the same moment, on %d core(s); a loop worker has %d "
		"threads "
		"for\nblocking calls. ratio is model / measured. CPU: the fastest of three.\n\n"
		"  pool            measured      model  ratio     req/s processes threads    "
		"memory\n",
		c->settings.cores, c->settings.threads);
	for (size_t i = 0; i < c->count; i++) {
		const struct measurement *m = &c->all[i];

		if (i == 0 || !measurement_same_load(m, m - 1))
			fprintf(out, "%s: %s%s\n", m->burst.pattern->path, measurement_load(m),
				m->burst.pattern->holds == HOLDS_CORE ? " of CPU" : "");
		print_row(m, out);
		explained = explained && measurement_explained(m);
	}
	if (!explained)
		fprintf(out, "! the model does not explain this one (0.8 to 1.25): was the machine "
			     "busy?\n");
}

/* What became of the time when the workers became more. */
static const char *lesson(const struct measurement *few, const struct measurement *many)
{
	double gain = few->measured / many->measured;
	double model = few->predicted / many->predicted;

	if (model < 1.25)
		return many->burst.pattern->holds == HOLDS_CORE
			       ? "one process's threads use all cores already"
			       : "nobody waits for a worker: more bring nothing";
	if (gain < 1.25)
		return "more should help, and did not: a busy machine?";
	if (many->burst.pattern->holds == HOLDS_LOOP && !many->burst.prefork)
		return "more processes only hide the fault";
	if (many->burst.pattern->holds == HOLDS_CORE)
		return "processes help, up to the cores";
	if (!many->burst.prefork)
		return "more processes, more threads";
	return gain < 0.7 * model ? "processes help a little" : "processes help";
}

/* Prints a line from the measurements of one load and one pool. */
static void print_line(const struct measurement *m, size_t count, FILE *out)
{
	fprintf(out, "%-20s %-7s", m->burst.pattern->path, measurement_pool(m));
	for (size_t i = 0; i < count; i++)
		fprintf(out, " %7.2f s %6.1f/s", m[i].measured, measurement_rate(&m[i]));
	fprintf(out, "  %s\n", lesson(&m[0], &m[count - 1]));
}

void table_print_scaling(const struct contrast *c, FILE *out)
{
	const struct settings *s = &c->settings;

	if (s->sweep < 2)
		return;
	fprintf(out, "\nMore workers: the burst's time, and requests per second\n\n%-28s", "");
	for (int i = 0; i < s->sweep; i++)
		fprintf(out, "       × %-2d       ", s->workers[i]);
	fputc('\n', out);
	for (size_t i = 0, next; i < c->count; i = next) {
		const struct measurement *m = &c->all[i];

		for (next = i + 1; next < c->count; next++)
			if (!measurement_same_load(m, &c->all[next]) ||
			    m->burst.prefork != c->all[next].burst.prefork)
				break;
		if (next - i > 1)
			print_line(m, next - i, out);
	}
}

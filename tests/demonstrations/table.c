#include "table.h"

#include "bare.h"
#include "terminal.h"

enum { NARROW = 76 /* columns, below which it is left out what a pool needed */ };

static void print_row(const struct measurement *m, FILE *out)
{
	fprintf(out, "  %-7s × %-3d%7.2f s%8.2f s%6.2f%c%8.1f", measurement_pool(m),
		m->burst.workers, m->measured, m->predicted, measurement_ratio(m),
		measurement_explained(m) ? ' ' : '!', measurement_rate(m));
	if (terminal_width() >= NARROW)
		fprintf(out, "%7d%8ld%7.1f MB", m->footprint.processes, m->footprint.threads,
			(double)m->footprint.kilobytes / 1024);
	fputc('\n', out);
	if (m->failed)
		fprintf(out, "    %zu FAILED\n", m->failed);
	if ((m->burst.pattern->holds == HOLDS_LOOP ||
	     m->burst.pattern->holds == HOLDS_CONNECTION) &&
	    !m->burst.prefork && m->burst.workers > 1)
		fprintf(out, "    the fullest worker had %zu\n", m->fullest);
	if (m->fired > 1 && m->burst.pattern->holds != HOLDS_CORE)
		fprintf(out, "    the fastest of %d\n", m->fired);
}

void table_print_machine(const struct contrast *c, FILE *out)
{
	if (bare_suffices(c->bare))
		terminal_say(out, 0, 0,
			     "Two bare loops are together %.2f times as fast as one: this machine "
			     "can show what cores are for.",
			     c->bare);
	else
		terminal_say(out, 0, 0,
			     "! Two bare loops, that do nothing but count, are together only %.2f "
			     "times as fast as one: %s. What computing takes here says nothing of "
			     "processes and threads.",
			     c->bare, bare_lacks(c->settings.cores));
}

void table_print(const struct contrast *c, FILE *out)
{
	bool explained = true;

	fputc('\n', out);
	table_print_machine(c, out);
	terminal_say(out, 0, 0,
		     "\nBursts of requests at the same moment, on %d core(s); a loop worker has %d "
		     "threads for blocking calls and %d connections to the database, a process "
		     "has one. ratio is model / measured. CPU: the fastest of "
		     "three. At work: threads. Resident: memory.\n",
		     c->settings.cores, c->settings.threads, CONNECTIONS);
	fprintf(out, "  pool        measured     model  ratio   req/s%s\n",
		terminal_width() >= NARROW ? "  procs at work  resident" : "");
	for (size_t i = 0; i < c->count; i++) {
		const struct measurement *m = &c->all[i];

		if (i == 0 || !measurement_same_load(m, m - 1))
			fprintf(out, "%s: %s%s\n", m->burst.pattern->path, measurement_load(m),
				m->burst.pattern->holds == HOLDS_CORE ? " of CPU" : "");
		print_row(m, out);
		explained = explained && measurement_explained(m);
	}
	if (!explained)
		terminal_say(out, 0, 2,
			     "! the model does not explain this one (0.8 to 1.25): was the machine "
			     "busy?");
}

/* What became of the time when the workers became more. */
static const char *lesson(const struct contrast *c, const struct measurement *few,
			  const struct measurement *many)
{
	double gain = few->measured / many->measured;
	double model = few->predicted / many->predicted;

	if (many->burst.pattern->holds == HOLDS_CORE && !bare_suffices(c->bare))
		return c->settings.cores < 2 ? "not judged: there is one core"
					     : "not judged: other programs use the cores";
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
		return many->burst.pattern->holds == HOLDS_CONNECTION
			       ? "more processes, more connections"
			       : "more processes, more threads";
	return gain < 0.7 * model ? "processes help a little" : "processes help";
}

/* Prints a line from the measurements of one load and one pool. */
static void print_line(const struct contrast *c, const struct measurement *m, size_t count,
		       FILE *out)
{
	char times[512] = "";
	size_t len = 0;

	/* A figure and its unit are one word, so that no line ends between them. */
	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(times + len, sizeof(times) - len, "%s×%d\u00a0%.2f\u00a0s",
					i ? ", " : "", m[i].burst.workers, m[i].measured);
	fprintf(out, "  %-7s ", measurement_pool(m));
	terminal_say(out, 10, 10, "%s: %s", times, lesson(c, &m[0], &m[count - 1]));
}

void table_print_scaling(const struct contrast *c, FILE *out)
{
	const struct settings *s = &c->settings;
	const struct pattern *shown = NULL;

	if (s->sweep < 2)
		return;
	fprintf(out, "\nMore workers (×) and the burst's time\n\n");
	for (size_t i = 0, next; i < c->count; i = next) {
		const struct measurement *m = &c->all[i];

		for (next = i + 1; next < c->count; next++)
			if (!measurement_same_load(m, &c->all[next]) ||
			    m->burst.prefork != c->all[next].burst.prefork)
				break;
		if (next - i < 2)
			continue;
		if (m->burst.pattern != shown)
			fprintf(out, "%s\n", m->burst.pattern->path);
		shown = m->burst.pattern;
		print_line(c, m, next - i, out);
	}
}

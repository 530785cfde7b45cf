#include "picture.h"

#include <stdio.h>

#include "bare.h"

enum {
	WIDTH = 900,
	BARS_X = 150, /* where time begins */
	BARS_WIDTH = 620,
	BAR = 14,   /* height of a bar */
	LINE = 20,  /* from one bar to the next */
	GROUP = 40, /* from the last bar of a load to the first of the next */
	TOP = 116,  /* the first bar's middle */
};

/* In the dark, the same picture with the colours that can be seen there. */
static const char head[] =
	"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
	"height=\"%d\" "
	"font-family=\"sans-serif\" font-size=\"13\" role=\"img\">\n"
	"<title>Processes against loop: the same burst, the time it took</title>\n"
	"<style>\n"
	".page{fill:#ffffff} text{fill:#1c2128} .dim{fill:#57606a} .rule{stroke:#d0d7de}\n"
	".prefork{fill:#c4601d} .loop{fill:#2f6fde} .model{stroke:#1c2128;stroke-width:2}\n"
	"@media (prefers-color-scheme: dark){\n"
	".page{fill:#0d1117} text{fill:#e6edf3} .dim{fill:#9198a1} .rule{stroke:#3d444d}\n"
	".prefork{fill:#e8894a} .loop{fill:#5b9bff} .model{stroke:#e6edf3}}\n"
	"</style>\n"
	"<rect class=\"page\" width=\"100%%\" height=\"100%%\"/>\n"
	"<text x=\"20\" y=\"32\" font-size=\"19\" font-weight=\"bold\">"
	"Processes against loop: the same burst, the time it took</text>\n"
	"<rect class=\"prefork\" x=\"20\" y=\"47\" width=\"14\" height=\"14\"/>"
	"<text x=\"40\" y=\"59\">prefork: one request at a time per process</text>\n"
	"<rect class=\"loop\" x=\"340\" y=\"47\" width=\"14\" height=\"14\"/>"
	"<text x=\"360\" y=\"59\">loop: many per process</text>\n"
	"<line class=\"model\" x1=\"540\" x2=\"540\" y1=\"45\" y2=\"63\"/>"
	"<text x=\"548\" y=\"59\">what the model predicts</text>\n";

static double longest(const struct contrast *c)
{
	double most = 0;

	for (size_t i = 0; i < c->count; i++) {
		const struct measurement *m = &c->all[i];
		double end = m->measured > m->predicted ? m->measured : m->predicted;

		most = end > most ? end : most;
	}
	return most;
}

static double x_of(double seconds, double most)
{
	return BARS_X + BARS_WIDTH * seconds / most;
}

/* A step of 1, 2 or 5 times a power of ten, for at most eight lines. */
static double axis_step(double most)
{
	double step = 0.01;

	for (;;) {
		if (most / step <= 8)
			return step;
		if (most / (2 * step) <= 8)
			return 2 * step;
		if (most / (5 * step) <= 8)
			return 5 * step;
		step *= 10;
	}
}

static void draw_axis(FILE *out, double most, int bottom)
{
	double step = axis_step(most);

	for (int i = 0; i * step <= most; i++) {
		double x = x_of(i * step, most);

		fprintf(out,
			"<line class=\"rule\" x1=\"%.1f\" x2=\"%.1f\" y1=\"78\" y2=\"%d\"/>"
			"<text class=\"dim\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g "
			"s</text>\n",
			x, x, bottom, x, bottom + 18, i * step);
	}
}

static void draw_load(FILE *out, const struct contrast *c, const struct measurement *m, int y)
{
	bool computes = m->burst.pattern->holds == HOLDS_CORE;
	bool is_judged = !computes || bare_suffices(c->bare);

	fprintf(out,
		"<text x=\"20\" y=\"%d\"><tspan font-weight=\"bold\">%s</tspan>"
		"<tspan class=\"dim\" dx=\"8\">%s%s%s%s</tspan></text>\n",
		y, m->burst.pattern->path, measurement_load(m), computes ? " of CPU" : "",
		is_judged ? "" : ", not judged: ", is_judged ? "" : bare_lacks(c->settings.cores));
}

static void draw_bar(FILE *out, const struct measurement *m, double most, int y)
{
	double end = x_of(m->measured, most);
	double model = x_of(m->predicted, most);

	fprintf(out,
		"<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s × %d</text>"
		"<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"1\"/>"
		"<line class=\"model\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>"
		"<text x=\"%.1f\" y=\"%d\">%.2f s</text>\n",
		BARS_X - 8, y + 5, measurement_pool(m), m->burst.workers, measurement_pool(m),
		BARS_X, y - BAR / 2, end - BARS_X, BAR, model, model, y - LINE / 2 + 1,
		y + LINE / 2 - 1, (end > model ? end : model) + 8, y + 5, m->measured);
}

static bool starts_load(const struct contrast *c, size_t i)
{
	return i == 0 || !measurement_same_load(&c->all[i], &c->all[i - 1]);
}

/* The y of bar i's middle. */
static int bar_y(const struct contrast *c, size_t i)
{
	int y = TOP;

	for (size_t k = 1; k <= i; k++)
		y += starts_load(c, k) ? GROUP + LINE / 2 : LINE;
	return y;
}

bool picture_write(const struct contrast *c, const char *path)
{
	FILE *out = fopen(path, "we");
	int bottom = bar_y(c, c->count - 1) + LINE;
	double most = longest(c);

	if (!out) {
		perror(path);
		return false;
	}
	fprintf(out, head, WIDTH, bottom + 34, WIDTH, bottom + 34);
	draw_axis(out, most, bottom);
	for (size_t i = 0; i < c->count; i++) {
		int y = bar_y(c, i);

		if (starts_load(c, i))
			draw_load(out, c, &c->all[i], y - LINE);
		draw_bar(out, &c->all[i], most, y);
	}
	fputs("</svg>\n", out);
	if (fclose(out) == 0)
		return true;
	perror(path);
	return false;
}

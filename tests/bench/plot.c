#include "plot.h"

enum {
	WIDTH = 760,
	TOP = 40,
	ROW = 24,
	LABEL = 150, /* width of the labels at the left */
	VALUE = 100, /* and of the values at the right */
	LINES_HEIGHT = 340,
	LEGEND = 130,
};

static const char *const colours[] = {"#2563a8", "#d97706", "#3f8f4f", "#8b4fa8"};

static void open_svg(FILE *out, const char *title, int height)
{
	fprintf(out,
		"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' width='%d' "
		"height='%d' font-family='sans-serif' font-size='12'>\n"
		"<rect width='100%%' height='100%%' fill='white'/>\n"
		"<text x='10' y='22' font-size='15'>%s</text>\n",
		WIDTH, height, WIDTH, height, title);
}

void plot_bars(FILE *out, const char *title, const char *unit, const struct plot_bar *bars,
	       size_t count)
{
	double most = 0;

	for (size_t i = 0; i < count; i++)
		if (bars[i].most > most)
			most = bars[i].most;
	open_svg(out, title, TOP + ROW * (int)count + 10);
	for (size_t i = 0; i < count && most > 0; i++) {
		double scale = (WIDTH - LABEL - VALUE) / most;
		int y = TOP + ROW * (int)i;

		fprintf(out, "<text x='%d' y='%d' text-anchor='end'>%s</text>\n", LABEL - 8, y + 14,
			bars[i].label);
		fprintf(out, "<rect x='%d' y='%d' width='%.1f' height='16' fill='%s'/>\n", LABEL,
			y + 2, bars[i].value * scale, colours[0]);
		fprintf(out,
			"<path d='M%.1f %dH%.1f' stroke='black' stroke-width='2' "
			"opacity='0.6'/>\n",
			LABEL + bars[i].least * scale, y + 10, LABEL + bars[i].most * scale);
		fprintf(out, "<text x='%.1f' y='%d'>%.*f %s</text>\n",
			LABEL + bars[i].most * scale + 6, y + 14, bars[i].value < 100 ? 1 : 0,
			bars[i].value, unit);
	}
	fputs("</svg>\n", out);
}

static double x_of(size_t point, size_t points)
{
	return 70 + (double)(WIDTH - 70 - LEGEND) * (double)point / (double)(points - 1);
}

static double y_of(double value, double most)
{
	return LINES_HEIGHT - 40 - (LINES_HEIGHT - 40 - TOP) * value / most;
}

static void draw_axes(FILE *out, const char *unit, double most, size_t points)
{
	long x = 1;

	for (size_t i = 0; i < points; i++, x *= 10)
		fprintf(out, "<text x='%.0f' y='%d' text-anchor='middle'>%ld</text>\n",
			x_of(i, points), LINES_HEIGHT - 20, x);
	for (int i = 0; i <= 4; i++) {
		double y = y_of(most * i / 4, most);

		fprintf(out,
			"<path d='M70 %.1fH%d' stroke='#ddd'/><text x='64' y='%.1f' "
			"text-anchor='end'>%.*f</text>\n",
			y, WIDTH - LEGEND, y + 4, most < 100 ? 1 : 0, most * i / 4);
	}
	fprintf(out, "<text x='%d' y='%d'>%s</text><text x='%d' y='%d'>in flight</text>\n", 10,
		TOP - 4, unit, WIDTH - LEGEND + 10, LINES_HEIGHT - 20);
}

void plot_lines(FILE *out, const char *title, const char *unit, const struct plot_line *lines,
		size_t count, size_t points)
{
	double most = 1;

	for (size_t i = 0; i < count; i++)
		for (size_t p = 0; p < points; p++)
			if (lines[i].y[p] > most)
				most = lines[i].y[p];
	open_svg(out, title, LINES_HEIGHT);
	draw_axes(out, unit, most, points);
	for (size_t i = 0; i < count; i++) {
		const char *colour = colours[i % (sizeof(colours) / sizeof(colours[0]))];
		double last = 0;

		fprintf(out, "<polyline fill='none' stroke-width='2' stroke='%s' points='", colour);
		for (size_t p = 0; p < points; p++) {
			if (lines[i].y[p] < 0)
				continue;
			last = lines[i].y[p];
			fprintf(out, "%.1f,%.1f ", x_of(p, points), y_of(last, most));
		}
		fprintf(out, "'/>\n<text x='%d' y='%.1f' fill='%s'>%s</text>\n",
			WIDTH - LEGEND + 10, TOP + 16.0 * (double)(i + 1), colour, lines[i].label);
	}
	fputs("</svg>\n", out);
}

#include "plot.h"

#include <math.h>

enum {
	WIDTH = 760,
	TOP = 40,
	ROW = 24,
	LABEL = 150, /* width of the labels at the left */
	VALUE = 100, /* and of the values at the right */
	LINES_HEIGHT = 340,
	LEGEND = 130,
	LEFT = 80, /* of lines: room for the numbers of the axes */
	BOTTOM = 60,
};

static const char *const colours[] = {"#2563a8", "#d97706", "#3f8f4f", "#8a8f98"};

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
			y + 2, bars[i].value * scale, colours[bars[i].colour]);
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
	return LEFT + (double)(WIDTH - LEFT - LEGEND) * (double)point / (double)(points - 1);
}

static double y_of(double value, double top)
{
	return LINES_HEIGHT - BOTTOM - (LINES_HEIGHT - BOTTOM - TOP) * value / top;
}

/* The next number whose quarters are easy to read. */
static double round_up(double value)
{
	static const double steps[] = {1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10};
	double unit = pow(10, floor(log10(value)));
	size_t i = 0;

	while (steps[i] * unit < value && i < sizeof(steps) / sizeof(steps[0]) - 1)
		i++;
	return steps[i] * unit;
}

static void print_tick(FILE *out, double value)
{
	long n = lround(value);

	if (n >= 1000000)
		fprintf(out, "%ld,%03ld,%03ld", n / 1000000, n / 1000 % 1000, n % 1000);
	else if (n >= 1000)
		fprintf(out, "%ld,%03ld", n / 1000, n % 1000);
	else
		fprintf(out, "%g", value);
}

static void draw_axes(FILE *out, double top, size_t points)
{
	double x = 1;

	for (size_t i = 0; i < points; i++, x *= 10) {
		fprintf(out, "<text x='%.0f' y='%d' text-anchor='middle'>", x_of(i, points),
			LINES_HEIGHT - BOTTOM + 20);
		print_tick(out, x);
		fputs("</text>\n", out);
	}
	for (int i = 0; i <= 4; i++) {
		double y = y_of(top * i / 4, top);

		fprintf(out,
			"<path d='M%d %.1fH%d' stroke='#ddd'/><text x='%d' y='%.1f' "
			"text-anchor='end'>",
			LEFT, y, WIDTH - LEGEND, LEFT - 6, y + 4);
		print_tick(out, top * i / 4);
		fputs("</text>\n", out);
	}
	fprintf(out, "<text x='%d' y='%d' text-anchor='middle'>requests in flight</text>\n",
		(LEFT + WIDTH - LEGEND) / 2, LINES_HEIGHT - BOTTOM + 40);
}

static void draw_line(FILE *out, const struct plot_line *line, const char *colour, double top,
		      size_t points)
{
	fprintf(out, "<polyline fill='none' stroke-width='2' stroke='%s' points='", colour);
	for (size_t p = 0; p < points; p++)
		if (line->y[p] >= 0)
			fprintf(out, "%.1f,%.1f ", x_of(p, points), y_of(line->y[p], top));
	fputs("'/>\n", out);
	for (size_t p = 0; p < points; p++)
		if (line->y[p] >= 0)
			fprintf(out, "<circle cx='%.1f' cy='%.1f' r='3' fill='%s'/>\n",
				x_of(p, points), y_of(line->y[p], top), colour);
}

void plot_lines(FILE *out, const char *title, const struct plot_line *lines, size_t count,
		size_t points)
{
	double most = 1;

	for (size_t i = 0; i < count; i++)
		for (size_t p = 0; p < points; p++)
			if (lines[i].y[p] > most)
				most = lines[i].y[p];
	most = round_up(most);
	open_svg(out, title, LINES_HEIGHT);
	draw_axes(out, most, points);
	for (size_t i = 0; i < count; i++) {
		const char *colour = colours[i % (sizeof(colours) / sizeof(colours[0]))];

		draw_line(out, &lines[i], colour, most, points);
		fprintf(out, "<text x='%d' y='%.1f' fill='%s'>%s</text>\n", WIDTH - LEGEND + 14,
			TOP + 16.0 * (double)(i + 1), colour, lines[i].label);
	}
	fputs("</svg>\n", out);
}

/*
 * Two kinds of picture, as SVG: bars with their spread, and lines over powers of ten.
 */
#ifndef TESTS_BENCH_PLOT_H
#define TESTS_BENCH_PLOT_H

#include <stddef.h>
#include <stdio.h>

enum plot_colour { PLOT_BLUE, PLOT_ORANGE, PLOT_GREEN, PLOT_GREY };

struct plot_bar {
	const char *label;
	enum plot_colour colour;
	double value;
	double least; /* of the rounds */
	double most;
};

struct plot_line {
	const char *label;
	const double *y; /* one for each x; below 0: none */
};

void plot_bars(FILE *out, const char *title, const char *unit, const struct plot_bar *bars,
	       size_t count);

/* x are requests in flight: powers of ten, from 1 on. Lines take the colours in turn. */
void plot_lines(FILE *out, const char *title, const struct plot_line *lines, size_t count,
		size_t points);

#endif

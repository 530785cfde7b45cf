/* A pixel that comes is as long as what is made is wide, and one that is made as long as what comes
 * is wide: so all lengths, and what of one lies in the other, are whole numbers. */
#include "shrink.h"

#include <stdlib.h>
#include <string.h>

bool shrink_open(struct shrink *s)
{
	size_t count = s->width * s->channels;

	s->line = calloc(count, sizeof(*s->line));
	s->sums = calloc(count, sizeof(*s->sums));
	s->row = malloc(count);
	return s->line && s->sums && s->row;
}

/* With alpha, what counts of a colour is as much as there is of it. */
static uint64_t sample(const struct shrink *s, const unsigned char *pixel, unsigned channel)
{
	unsigned last = s->channels - 1;

	return s->alpha && channel != last ? (uint64_t)pixel[channel] * pixel[last]
					   : pixel[channel];
}

static void shorten(struct shrink *s, const unsigned char *row)
{
	for (size_t x = 0; x < s->width; x++) {
		size_t begin = x * s->from_width;
		size_t end = begin + s->from_width;
		size_t first = begin / s->width;
		size_t last = (end - 1) / s->width;
		size_t before = begin - first * s->width;   /* of the first, on the left of it */
		size_t after = (last + 1) * s->width - end; /* of the last, on the right */

		for (unsigned c = 0; c < s->channels; c++) {
			uint64_t sum = 0;

			for (size_t i = first; i <= last; i++)
				sum += sample(s, row + i * s->channels, c);
			sum *= s->width;
			sum -= before * sample(s, row + first * s->channels, c);
			sum -= after * sample(s, row + last * s->channels, c);
			s->line[x * s->channels + c] = sum;
		}
	}
}

static void add(struct shrink *s, uint64_t height)
{
	for (size_t i = 0; i < s->width * s->channels; i++)
		s->sums[i] += s->line[i] * height;
}

static void finish_row(struct shrink *s)
{
	uint64_t all = (uint64_t)s->from_width * s->from_height;
	unsigned last = s->channels - 1;

	for (size_t i = 0; i < s->width * s->channels; i += s->channels)
		for (unsigned c = 0; c < s->channels; c++) {
			uint64_t of = s->alpha && c != last ? s->sums[i + last] : all;

			s->row[i + c] = of ? (unsigned char)((s->sums[i + c] + of / 2) / of) : 0;
		}
	memset(s->sums, 0, s->width * s->channels * sizeof(*s->sums));
	s->made++;
}

const unsigned char *shrink_row(struct shrink *s, const unsigned char *row)
{
	uint64_t begin = (uint64_t)s->come * s->height;
	uint64_t end = begin + s->height;
	uint64_t full = (uint64_t)(s->made + 1) * s->from_height;

	shorten(s, row);
	s->come++;
	if (end < full) {
		add(s, s->height);
		return NULL;
	}
	add(s, full - begin);
	finish_row(s);
	add(s, end - full);
	return s->row;
}

void shrink_close(struct shrink *s)
{
	free(s->line);
	free(s->sums);
	free(s->row);
	s->line = s->sums = NULL;
	s->row = NULL;
}

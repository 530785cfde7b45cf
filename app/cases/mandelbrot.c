#include "mandelbrot.h"

#include <errno.h>
#include <setjmp.h>

#include <png.h>

/* Iterations until the point leaves the circle, after which it never comes back. */
static int64_t iterations(double re, double im, int64_t most)
{
	double x = 0, y = 0;
	int64_t n = 0;

	for (; n < most && x * x + y * y <= 4; n++) {
		double next = x * x - y * y + re;

		y = 2 * x * y + im;
		x = next;
	}
	return n;
}

/* Points of the set are black, others the lighter the longer they stay. */
static void colour(int64_t n, int64_t most, png_bytep rgb)
{
	double light = n == most ? 0 : (double)n / (double)most;

	rgb[0] = (png_byte)(255 * light);
	rgb[1] = (png_byte)(255 * light * (2 - light));
	rgb[2] = n == most ? 0 : (png_byte)(96 + 159 * light);
}

static void draw_row(const struct picture *p, int64_t row, png_bytep rgb)
{
	double step = 4 / p->zoom / (double)p->width;
	double im = p->y + ((double)p->height / 2 - (double)row) * step;

	for (int64_t column = 0; column < p->width; column++) {
		double re = p->x + ((double)column - (double)p->width / 2) * step;

		colour(iterations(re, im, p->iterations), p->iterations, rgb + 3 * column);
	}
}

/* ---- as a PNG ---- */

static void ignore(png_structp png, png_const_charp text)
{
	(void)png;
	(void)text;
}

static _Noreturn void fail(png_structp png, png_const_charp text)
{
	(void)text;
	png_longjmp(png, 1);
}

static void write_bytes(png_structp png, png_bytep bytes, size_t count)
{
	struct drawing *d = png_get_io_ptr(png);

	buffer_append(&d->png, bytes, count);
	if (d->png.failed)
		fail(png, "out of memory");
}

static void flush(png_structp png)
{
	(void)png;
}

/* What fails in it comes back here: so nothing that is needed then is in a local variable. */
static void write_rows(struct drawing *d, png_structp png, png_infop info)
{
	png_byte rgb[3 * PICTURE_MAX];

	if (setjmp(png_jmpbuf(png)))
		return;
	png_set_write_fn(png, d, write_bytes, flush);
	png_set_IHDR(png, info, (png_uint_32)d->picture->width, (png_uint_32)d->picture->height, 8,
		     PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
		     PNG_FILTER_TYPE_DEFAULT);
	png_write_info(png, info);
	for (int64_t row = 0; row < d->picture->height; row++) {
		if (!still_wanted()) {
			d->error = -ECANCELED;
			return;
		}
		draw_row(d->picture, row, rgb);
		png_write_row(png, rgb);
	}
	png_write_end(png, NULL);
	d->error = 0;
}

void draw(void *drawing)
{
	struct drawing *d = drawing;
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, fail, ignore);
	png_infop info = png ? png_create_info_struct(png) : NULL;

	d->error = -ENOMEM;
	if (info)
		write_rows(d, png, info);
	png_destroy_write_struct(&png, &info);
}

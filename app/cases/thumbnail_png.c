/* A PNG, row by row. Only an interlaced one, which brings the whole image seven times, is held. */
#include <setjmp.h>
#include <stdlib.h>

#include <png.h>

#include "cases.h"
#include "thumbnail.h"

struct png {
	struct thumbnail *thumbnail;
	png_structp in, out;
	png_infop in_info, out_info;
	png_bytep rows; /* one, or all of an interlaced image */
	size_t row_bytes;
	int passes;
};

static void ignore(png_structp png, png_const_charp text)
{
	(void)png;
	(void)text;
}

/* Both have the setjmp() of the image that is read. */
static _Noreturn void fail(png_structp png, png_const_charp text)
{
	struct png *p = png_get_error_ptr(png);

	if (!strcmp(text, "Out of memory"))
		thumbnail_refuse(p->thumbnail, 503, "%s", "");
	thumbnail_refuse(p->thumbnail, 422, THUMBNAIL_BROKEN);
	png_longjmp(p->in, 1);
}

static void read_bytes(png_structp png, png_bytep to, size_t count)
{
	struct png *p = png_get_io_ptr(png);

	while (count) {
		size_t n = thumbnail_read(p->thumbnail, to, count);

		if (!n)
			fail(png, "it has ended");
		to += n;
		count -= n;
	}
}

static void write_bytes(png_structp png, png_bytep bytes, size_t count)
{
	struct png *p = png_get_io_ptr(png);

	if (!thumbnail_has_room(p->thumbnail, count))
		fail(png, "it is too long");
	buffer_append(&p->thumbnail->out, bytes, count);
}

static void flush(png_structp png)
{
	(void)png;
}

/* Whatever it is, it becomes 8 bits of gray or RGB, with alpha or without. */
static void choose_colours(struct png *p)
{
	png_set_expand(p->in);
	png_set_scale_16(p->in);
	p->passes = png_set_interlace_handling(p->in);
	png_read_update_info(p->in, p->in_info);
	p->row_bytes = png_get_rowbytes(p->in, p->in_info);
}

static bool read_header(struct png *p)
{
	png_uint_32 width, height;
	int depth, colours, interlaced;

	png_read_info(p->in, p->in_info);
	png_get_IHDR(p->in, p->in_info, &width, &height, &depth, &colours, &interlaced, NULL, NULL);
	return thumbnail_fits(p->thumbnail, width, height,
			      (uint64_t)width * 4 *
				      (interlaced == PNG_INTERLACE_NONE ? 1 : height));
}

static void begin_both(struct png *p)
{
	struct shrink *s = &p->thumbnail->shrink;
	int colours;

	choose_colours(p);
	colours = png_get_color_type(p->in, p->in_info);
	s->from_width = png_get_image_width(p->in, p->in_info);
	s->from_height = png_get_image_height(p->in, p->in_info);
	s->channels = png_get_channels(p->in, p->in_info);
	s->alpha = colours & PNG_COLOR_MASK_ALPHA;
	p->rows = malloc(p->row_bytes * (p->passes == 1 ? 1 : s->from_height));
	if (!p->rows || !shrink_open(s))
		fail(p->in, "Out of memory");
	png_set_IHDR(p->out, p->out_info, (png_uint_32)s->width, (png_uint_32)s->height, 8, colours,
		     PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_write_info(p->out, p->out_info);
}

static void take_row(struct png *p, png_const_bytep row)
{
	const unsigned char *made = shrink_row(&p->thumbnail->shrink, row);

	if (!still_wanted())
		fail(p->in, "nobody waits");
	if (made)
		png_write_row(p->out, made);
}

static void shrink_rows(struct png *p)
{
	size_t height = p->thumbnail->shrink.from_height;

	for (int pass = 1; pass < p->passes; pass++)
		for (size_t y = 0; y < height; y++)
			png_read_row(p->in, p->rows + y * p->row_bytes, NULL);
	for (size_t y = 0; y < height; y++) {
		png_bytep row = p->rows + (p->passes == 1 ? 0 : y * p->row_bytes);

		png_read_row(p->in, row, NULL);
		take_row(p, row);
	}
	png_read_end(p->in, NULL); /* what is behind the rows has to be there, too */
	png_write_end(p->out, NULL);
}

static bool open_both(struct png *p)
{
	p->in = png_create_read_struct(PNG_LIBPNG_VER_STRING, p, fail, ignore);
	p->out = png_create_write_struct(PNG_LIBPNG_VER_STRING, p, fail, ignore);
	p->in_info = p->in ? png_create_info_struct(p->in) : NULL;
	p->out_info = p->out ? png_create_info_struct(p->out) : NULL;
	if (!p->in_info || !p->out_info)
		return false;
	png_set_read_fn(p->in, p, read_bytes);
	png_set_write_fn(p->out, p, write_bytes, flush);
	png_set_user_limits(p->in, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* ours is of pixels */
	return true;
}

/* What fails in it comes back here: so nothing that is needed then is in a local variable. */
static void convert(struct png *p)
{
	if (setjmp(png_jmpbuf(p->in)))
		return;
	if (!read_header(p))
		return;
	begin_both(p);
	shrink_rows(p);
}

void thumbnail_of_png(struct thumbnail *t)
{
	struct png p = {.thumbnail = t};

	t->type = "image/png";
	if (open_both(&p))
		convert(&p);
	else
		thumbnail_refuse(t, 503, "%s", "");
	png_destroy_read_struct(&p.in, &p.in_info, NULL);
	png_destroy_write_struct(&p.out, &p.out_info);
	free(p.rows);
}

/*
 * A JPEG, decoded as small as its format allows (a half, a quarter or an eighth of it, which leaves
 * out most of the work), but at least twice as large as the thumbnail; and that made smaller.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jerror.h>
#include <jpeglib.h>

#include "cases.h"
#include "thumbnail.h"

enum {
	PIECE = 65536,
	QUALITY = 85,
	SCANS_MAX = 100, /* each goes through the whole image: a small file may have very many */
};

struct jpeg {
	struct thumbnail *thumbnail;
	jmp_buf failed;
	struct jpeg_error_mgr errors; /* of both */
	struct jpeg_decompress_struct in;
	struct jpeg_compress_struct out;
	struct jpeg_source_mgr source;
	struct jpeg_destination_mgr destination;
	struct jpeg_progress_mgr progress;
	JSAMPLE *row; /* of what is decoded */
	JOCTET piece[PIECE];
	JOCTET written[PIECE];
};

/* ---- errors ---- */

static void fail(j_common_ptr info)
{
	struct jpeg *j = info->client_data;

	if (info->err->msg_code == JERR_OUT_OF_MEMORY)
		thumbnail_refuse(j->thumbnail, 503, "%s", "");
	thumbnail_refuse(j->thumbnail, 422, THUMBNAIL_BROKEN);
	longjmp(j->failed, 1);
}

/* A warning: what is there is taken. */
static void ignore(j_common_ptr info, int level)
{
	(void)info;
	(void)level;
}

/* ---- the body ---- */

static void nothing(j_decompress_ptr in)
{
	(void)in;
}

static boolean read_piece(j_decompress_ptr in)
{
	struct jpeg *j = in->client_data;
	size_t n = thumbnail_read(j->thumbnail, j->piece, PIECE);

	if (!n)
		fail((j_common_ptr)in); /* libjpeg would make up the rest */
	j->source.next_input_byte = j->piece;
	j->source.bytes_in_buffer = n;
	return TRUE;
}

static void skip(j_decompress_ptr in, long count)
{
	struct jpeg *j = in->client_data;

	while (count > (long)j->source.bytes_in_buffer) {
		count -= (long)j->source.bytes_in_buffer;
		read_piece(in);
	}
	j->source.next_input_byte += count > 0 ? count : 0;
	j->source.bytes_in_buffer -= count > 0 ? (size_t)count : 0;
}

static void watch(j_common_ptr info)
{
	struct jpeg *j = info->client_data;

	if (j->in.input_scan_number > SCANS_MAX || !still_wanted())
		fail(info);
}

/* ---- the answer ---- */

static void begin_piece(j_compress_ptr out)
{
	struct jpeg *j = out->client_data;

	j->destination.next_output_byte = j->written;
	j->destination.free_in_buffer = PIECE;
}

static void write_bytes(struct jpeg *j, size_t count)
{
	struct thumbnail *t = j->thumbnail;

	if (!thumbnail_has_room(t, count))
		longjmp(j->failed, 1);
	buffer_append(&t->out, j->written, count);
}

static boolean write_piece(j_compress_ptr out)
{
	write_bytes(out->client_data, PIECE);
	begin_piece(out);
	return TRUE;
}

static void write_rest(j_compress_ptr out)
{
	struct jpeg *j = out->client_data;

	write_bytes(j, PIECE - j->destination.free_in_buffer);
}

/* ---- both ---- */

static void open_both(struct jpeg *j)
{
	jpeg_std_error(&j->errors);
	j->errors.error_exit = fail;
	j->errors.emit_message = ignore;
	j->in.err = j->out.err = &j->errors;
	j->in.client_data = j->out.client_data = j;
	jpeg_create_decompress(&j->in);
	jpeg_create_compress(&j->out);
	j->in.mem->max_memory_to_use = (long)case_options.image_memory;
	j->source = (struct jpeg_source_mgr){.init_source = nothing,
					     .fill_input_buffer = read_piece,
					     .skip_input_data = skip,
					     .resync_to_restart = jpeg_resync_to_restart,
					     .term_source = nothing};
	j->in.src = &j->source;
	j->progress.progress_monitor = watch;
	j->in.progress = &j->progress;
	j->destination = (struct jpeg_destination_mgr){.init_destination = begin_piece,
						       .empty_output_buffer = write_piece,
						       .term_destination = write_rest};
	j->out.dest = &j->destination;
}

/* An image of several scans is held as a whole, in 64 numbers for each block; of others there are
 * some rows. */
static uint64_t memory_of(struct jpeg *j)
{
	uint64_t blocks = 0;

	if (!jpeg_has_multiple_scans(&j->in))
		return 0;
	for (int i = 0; i < j->in.num_components; i++)
		blocks += (uint64_t)j->in.comp_info[i].width_in_blocks *
			  j->in.comp_info[i].height_in_blocks;
	return blocks * sizeof(JBLOCK);
}

/* The colours stay as they are in the file: the mean is the same, and converting them is work. */
static bool choose_colours(struct jpeg *j)
{
	J_COLOR_SPACE colours = j->in.jpeg_color_space;

	if (colours != JCS_GRAYSCALE && colours != JCS_YCbCr && colours != JCS_RGB) {
		thumbnail_refuse(j->thumbnail, 415, "the image has other colours than RGB");
		return false;
	}
	j->in.out_color_space = j->out.in_color_space = colours;
	return true;
}

static void choose_scale(struct jpeg *j)
{
	const struct shrink *s = &j->thumbnail->shrink;

	j->in.scale_denom = 8;
	for (j->in.scale_num = 1; j->in.scale_num < 8; j->in.scale_num *= 2) {
		jpeg_calc_output_dimensions(&j->in);
		if (j->in.output_width >= 2 * s->width && j->in.output_height >= 2 * s->height)
			return;
	}
}

static void begin_both(struct jpeg *j)
{
	struct shrink *s = &j->thumbnail->shrink;

	jpeg_start_decompress(&j->in);
	s->from_width = j->in.output_width;
	s->from_height = j->in.output_height;
	s->channels = (unsigned)j->in.output_components;
	j->row = malloc(s->from_width * s->channels);
	if (!j->row || !shrink_open(s)) {
		thumbnail_refuse(j->thumbnail, 503, "%s", "");
		longjmp(j->failed, 1);
	}
	j->out.image_width = (JDIMENSION)s->width;
	j->out.image_height = (JDIMENSION)s->height;
	j->out.input_components = (int)s->channels;
	jpeg_set_defaults(&j->out);
	jpeg_set_quality(&j->out, QUALITY, TRUE);
	jpeg_start_compress(&j->out, TRUE);
}

static void shrink_rows(struct jpeg *j)
{
	while (j->in.output_scanline < j->in.output_height) {
		const unsigned char *made;

		jpeg_read_scanlines(&j->in, &j->row, 1);
		made = shrink_row(&j->thumbnail->shrink, j->row);
		if (made) {
			JSAMPROW rows[] = {(JSAMPLE *)made};

			jpeg_write_scanlines(&j->out, rows, 1);
		}
	}
	jpeg_finish_compress(&j->out);
}

/* What fails in it comes back here: so nothing that is needed then is in a local variable. */
static void convert(struct jpeg *j)
{
	if (setjmp(j->failed))
		return;
	open_both(j);
	jpeg_read_header(&j->in, TRUE);
	if (!choose_colours(j) ||
	    !thumbnail_fits(j->thumbnail, j->in.image_width, j->in.image_height, memory_of(j)))
		return;
	choose_scale(j);
	begin_both(j);
	shrink_rows(j);
}

void thumbnail_of_jpeg(struct thumbnail *t)
{
	struct jpeg *j = calloc(1, sizeof(*j));

	if (!j) {
		thumbnail_refuse(t, 503, "%s", "");
		return;
	}
	t->type = "image/jpeg";
	j->thumbnail = t;
	convert(j);
	jpeg_destroy_decompress(&j->in);
	jpeg_destroy_compress(&j->out);
	free(j->row);
	free(j);
}

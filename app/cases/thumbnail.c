#include "thumbnail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "cases.h"

void thumbnail_refuse(struct thumbnail *t, int status, const char *format, ...)
{
	va_list values;

	if (t->status != 200)
		return;
	t->status = status;
	va_start(values, format);
	vsnprintf(t->detail, sizeof(t->detail), format, values);
	va_end(values);
}

size_t thumbnail_read(struct thumbnail *t, void *to, size_t size)
{
	ssize_t n;

	if (!still_wanted())
		return 0;
	if (t->bytes.data) {
		size = size < t->bytes.len ? size : t->bytes.len;
		memcpy(to, t->bytes.data, size);
		t->bytes.data += size;
		t->bytes.len -= size;
		return size;
	}
	do
		n = read(t->file, to, size);
	while (n < 0 && errno == EINTR);
	return n > 0 ? (size_t)n : 0;
}

bool thumbnail_fits(struct thumbnail *t, size_t width, size_t height, uint64_t memory)
{
	uint64_t pixels = (uint64_t)width * height;
	struct shrink *s = &t->shrink;

	if (pixels > (uint64_t)case_options.image_pixels)
		thumbnail_refuse(t, 413, "the image has %zu x %zu pixels, more than %lld", width,
				 height, (long long)case_options.image_pixels);
	else if (memory > (uint64_t)case_options.image_memory)
		thumbnail_refuse(t, 413, "decoding the image takes more than %lld bytes",
				 (long long)case_options.image_memory);
	s->width = (size_t)t->width < width ? (size_t)t->width : width;
	s->height = (height * s->width + width / 2) / width;
	s->height = s->height ? s->height : 1;
	return t->status == 200;
}

bool thumbnail_has_room(struct thumbnail *t, size_t bytes)
{
	if (t->out.len + bytes > (size_t)case_options.image_memory)
		thumbnail_refuse(t, 413, "the thumbnail has more than %lld bytes",
				 (long long)case_options.image_memory);
	return t->status == 200;
}

/* What it is, its first bytes say. They are read again: both begin with the whole. */
static void make_on_thread(void *thumbnail)
{
	static const unsigned char jpeg[] = {0xff, 0xd8, 0xff};
	static const unsigned char png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
	struct thumbnail *t = thumbnail;
	unsigned char first[8] = {0};
	ssize_t n = sizeof(first);

	if (t->bytes.data)
		memcpy(first, t->bytes.data, t->bytes.len < 8 ? t->bytes.len : 8);
	else
		n = pread(t->file, first, sizeof(first), lseek(t->file, 0, SEEK_CUR));
	if (n > 0 && !memcmp(first, jpeg, sizeof(jpeg)))
		thumbnail_of_jpeg(t);
	else if (n > 0 && !memcmp(first, png, sizeof(png)))
		thumbnail_of_png(t);
	else
		thumbnail_refuse(t, 415, "the body is neither a JPEG nor a PNG");
	shrink_close(&t->shrink);
}

static void free_thumbnail(void *thumbnail)
{
	buffer_free(&((struct thumbnail *)thumbnail)->out);
}

/* NULL, and its answer is there or will be: memory is out. */
static struct thumbnail *new_thumbnail(struct request *req)
{
	struct thumbnail *t = request_alloc(req, sizeof(*t));

	if (!t) {
		reply_error(req, 503);
		return NULL;
	}
	t->status = 200;
	t->width = ((const struct thumbnail_query *)request_input(req))->width;
	t->bytes = request_body_length(req) ? request_body_bytes(req) : slice_of("");
	t->file = t->bytes.data ? -1 : request_body_file(req);
	return request_defer(req, free_thumbnail, t) ? t : NULL;
}

/* POST /cases/thumbnail?width=200: decodes and encodes on a thread of the CPU pool. The image is
 * never whole in memory: neither as it came, nor decoded. */
void thumbnail(struct request *req)
{
	struct thumbnail **f = FRAME(req, struct thumbnail *);

	ASYNC_BEGIN(req);
	AWAIT(req, request_body(req));
	*f = new_thumbnail(req);
	if (!*f)
		return;
	AWAIT(req, run_in_cpu_pool(req, make_on_thread, *f));
	if ((*f)->status == 200)
		reply_text(req, 200, (*f)->type, &(*f)->out);
	else if (*(*f)->detail)
		reply_refusal(req, (*f)->status, "%s", (*f)->detail);
	else
		reply_error(req, (*f)->status);
	ASYNC_END(req);
}

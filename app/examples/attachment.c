#include "orders.h"

#include <unistd.h>

/* An attachment as it arrives. */
struct arrival {
	struct order *order;
	struct slice piece;
	struct attachment *made; /* whose file the request closes, unless the order gets it */
};

static void close_attachment(void *attachment)
{
	if (((struct attachment *)attachment)->file >= 0)
		close(((struct attachment *)attachment)->file);
}

/* On a thread. FNV-1a tells one content from another; it is no secret. */
static void store_piece(void *attachment)
{
	struct attachment *made = attachment;

	if (made->file < 0)
		made->file = spool_file(made->folder);
	made->failed = made->file < 0;
	for (size_t i = 0; i < made->piece.len; i++)
		made->hash = (made->hash ^ (unsigned char)made->piece.data[i]) * 0x100000001b3;
	for (size_t i = 0; i < made->piece.len && !made->failed;) {
		ssize_t n =
			pwrite(made->file, made->piece.data + i, made->piece.len - i, made->length);

		made->failed = n <= 0;
		made->length += n;
		i += (size_t)n;
	}
}

/* NULL: its answer is there. */
static struct attachment *new_attachment(struct request *req)
{
	const struct shop *s = request_state(req);
	struct attachment *made = request_alloc(req, sizeof(*made));

	if (!made || !s->spool) {
		reply_error(req, s->spool ? 503 : 507);
		return NULL;
	}
	*made = (struct attachment){.file = -1, .folder = s->spool, .hash = 0xcbf29ce484222325};
	return request_defer(req, close_attachment, made) ? made : NULL;
}

/* PUT /orders/{id}/attachment: piece by piece into a file without a name, off the loop. */
void attach(struct request *req)
{
	struct arrival *f = FRAME(req, struct arrival);
	struct attachment old;

	ASYNC_BEGIN(req);
	f->order = find_order(req, ((struct order_id *)request_input(req))->id);
	f->made = f->order ? new_attachment(req) : NULL;
	if (!f->made)
		return;
	do {
		AWAIT(req, request_read(req, &f->piece));
		f->made->piece = f->piece;
		AWAIT(req, run_in_threadpool(req, store_piece, f->made));
		if (f->made->failed) {
			reply_error(req, 507);
			return;
		}
	} while (f->piece.len);
	old = f->order->attachment;
	f->order->attachment = *f->made;
	*f->made = old; /* which is closed in its place */
	reply_bytes(req, 204, NULL, slice_of(""));
	ASYNC_END(req);
}

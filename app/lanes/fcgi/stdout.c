/* The output of a request, as records of at most 65,535 bytes (FastCGI Specification, section 5.3).
 */
#include <string.h>

#include "fcgi/responder.h"

static void encode_stdout(struct buffer *out, uint16_t id, size_t record, size_t n)
{
	struct fcgi_header header = {.version = FCGI_VERSION,
				     .type = FCGI_TYPE_STDOUT,
				     .request_id = id,
				     .content_length = (uint16_t)n};

	fcgi_header_encode(&header, out->data + record);
}

/* Moves n bytes that do not fit one record apart, the last part first, to make room for headers. */
__attribute__((noinline)) static void split(struct buffer *out, uint16_t id, size_t record,
					    size_t n)
{
	size_t more = (n - 1) / FCGI_CONTENT_MAX;

	if (!buffer_reserve(out, more * FCGI_HEADER_SIZE))
		return;
	out->len += more * FCGI_HEADER_SIZE;
	for (size_t i = more; i > 0; i--) {
		size_t from = record + FCGI_HEADER_SIZE + i * FCGI_CONTENT_MAX;
		size_t part = n - i * FCGI_CONTENT_MAX;

		memmove(out->data + from + i * FCGI_HEADER_SIZE, out->data + from, part);
		encode_stdout(out, id, from + (i - 1) * FCGI_HEADER_SIZE, part);
		n -= part;
	}
	encode_stdout(out, id, record, n);
}

void fcgi_responder_stdout_end(struct fcgi_responder *r, const struct fcgi_request *request,
			       size_t record)
{
	struct buffer *out = &r->flow->out;
	size_t n;

	if (out->failed)
		return;
	n = out->len - record - FCGI_HEADER_SIZE;
	if (!n)
		out->len = record;
	else if (n > FCGI_CONTENT_MAX)
		split(out, request->id, record, n);
	else
		encode_stdout(out, request->id, record, n);
}

void fcgi_responder_stdout(struct fcgi_responder *r, const struct fcgi_request *request,
			   const void *bytes, size_t n)
{
	size_t record = fcgi_responder_stdout_begin(r);

	buffer_append(&r->flow->out, bytes, n);
	fcgi_responder_stdout_end(r, request, record);
}

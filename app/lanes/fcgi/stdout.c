/* The output of a request, as records of at most 65,535 bytes (FastCGI Specification, section 5.3).
 */
#include <string.h>

#include "fcgi/responder.h"

static void encode_stdout(struct fcgi_responder *r, uint16_t id, size_t record, size_t n)
{
	struct fcgi_header header = {.version = FCGI_VERSION,
				     .type = FCGI_TYPE_STDOUT,
				     .request_id = id,
				     .content_length = (uint16_t)n};

	fcgi_header_encode(&header, r->flow->out.data + record);
}

/* What does not fit one record is moved apart, the last part first, to make room for headers. */
void fcgi_responder_stdout_end(struct fcgi_responder *r, const struct fcgi_request *request,
			       size_t record)
{
	size_t n = r->flow->out.len - record;
	size_t more;

	if (r->flow->out.failed)
		return;
	n -= FCGI_HEADER_SIZE;
	if (!n) {
		r->flow->out.len = record;
		return;
	}
	more = (n - 1) / FCGI_CONTENT_MAX;
	if (more && !buffer_reserve(&r->flow->out, more * FCGI_HEADER_SIZE))
		return;
	r->flow->out.len += more * FCGI_HEADER_SIZE;
	for (size_t i = more; i > 0; i--) {
		size_t from = record + FCGI_HEADER_SIZE + i * FCGI_CONTENT_MAX;
		size_t part = n - i * FCGI_CONTENT_MAX;

		memmove(r->flow->out.data + from + i * FCGI_HEADER_SIZE, r->flow->out.data + from,
			part);
		encode_stdout(r, request->id, from + (i - 1) * FCGI_HEADER_SIZE, part);
		n -= part;
	}
	encode_stdout(r, request->id, record, n);
}

void fcgi_responder_stdout(struct fcgi_responder *r, const struct fcgi_request *request,
			   const void *bytes, size_t n)
{
	size_t record = fcgi_responder_stdout_begin(r);

	buffer_append(&r->flow->out, bytes, n);
	fcgi_responder_stdout_end(r, request, record);
}

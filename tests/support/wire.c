#include "wire.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi/params.h"
#include "fcgi/record.h"

static void append_record(struct buffer *out, enum fcgi_type type, const void *content, size_t n)
{
	struct fcgi_header header = {
		.version = FCGI_VERSION, .type = type, .request_id = 1, .content_length = n};
	char *to = buffer_reserve(out, FCGI_HEADER_SIZE + n);

	if (!to)
		return;
	fcgi_header_encode(&header, to);
	if (n)
		memcpy(to + FCGI_HEADER_SIZE, content, n);
	out->len += FCGI_HEADER_SIZE + n;
}

/* As nginx/lanes.conf.in has them. LANES_SENT is long ago, which counts as not known: so every
 * request is worth the same number of instructions. */
static void append_fastcgi(struct buffer *out, const char *path, const char *query, bool keep)
{
	const struct {
		const char *name, *value;
	} params[] = {
		{"REQUEST_METHOD", "GET"},
		{"QUERY_STRING", query},
		{"SCRIPT_NAME", ""},
		{"PATH_INFO", path},
		{"LANES_PATH", path},
		{"SERVER_PROTOCOL", "HTTP/1.1"},
		{"SERVER_NAME", "127.0.0.1"},
		{"SERVER_PORT", "8080"},
		{"REMOTE_ADDR", "127.0.0.1"},
		{"REQUEST_ID", "0123456789abcdef0123456789abcdef"},
		{"LANES_SENT", "1700000000.000"},
		{"HTTP_HOST", "127.0.0.1:8080"},
	};
	const unsigned char begin[FCGI_BODY_SIZE] = {0, FCGI_ROLE_RESPONDER,
						     keep ? FCGI_FLAG_KEEP_CONN : 0};
	struct buffer content = {0};

	for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++)
		fcgi_params_encode(&content, slice_of(params[i].name), slice_of(params[i].value));
	append_record(out, FCGI_TYPE_BEGIN_REQUEST, begin, sizeof(begin));
	append_record(out, FCGI_TYPE_PARAMS, content.data, content.len);
	append_record(out, FCGI_TYPE_PARAMS, NULL, 0);
	append_record(out, FCGI_TYPE_STDIN, NULL, 0);
	buffer_free(&content);
}

static void append_http(struct buffer *out, const char *path, const char *query, bool keep)
{
	buffer_append_text(out, "GET ");
	buffer_append_text(out, path);
	buffer_append_text(out, *query ? "?" : "");
	buffer_append_text(out, query);
	buffer_append_text(out, " HTTP/1.1\r\nHost: 127.0.0.1\r\n");
	buffer_append_text(out, keep ? "\r\n" : "Connection: close\r\n\r\n");
}

void wire_request(struct buffer *out, bool http, const char *path, const char *query, bool keep)
{
	(http ? append_http : append_fastcgi)(out, path, query, keep);
}

void wire_set_id(char *bytes, size_t n, uint16_t id)
{
	struct fcgi_header header;

	for (size_t at = 0; at < n; at += FCGI_HEADER_SIZE + header.content_length) {
		fcgi_header_decode(&header, bytes + at);
		header.request_id = id;
		fcgi_header_encode(&header, bytes + at);
	}
}

static bool starts(const char *bytes, size_t n, const char *with)
{
	size_t len = strlen(with);

	return n >= len && !memcmp(bytes, with, len);
}

struct wire_piece wire_fastcgi(const char *bytes, size_t n)
{
	struct wire_piece piece = {.kind = WIRE_MORE, .ok = true};
	const char *content = bytes + FCGI_HEADER_SIZE;
	struct fcgi_header header;

	if (n < FCGI_HEADER_SIZE)
		return piece;
	fcgi_header_decode(&header, bytes);
	piece.used = (size_t)FCGI_HEADER_SIZE + header.content_length + header.padding_length;
	if (n < piece.used)
		return piece;
	piece.id = header.request_id;
	if (header.version != FCGI_VERSION)
		piece.kind = WIRE_NONSENSE;
	else if (header.type == FCGI_TYPE_END_REQUEST)
		piece.kind = WIRE_END;
	else
		piece.kind = WIRE_PART;
	if (header.type == FCGI_TYPE_END_REQUEST)
		piece.ok = header.content_length == FCGI_BODY_SIZE &&
			   content[4] == FCGI_STATUS_REQUEST_COMPLETE;
	if (header.type == FCGI_TYPE_STDOUT && starts(content, header.content_length, "Status: "))
		piece.ok = starts(content, header.content_length, "Status: 200");
	return piece;
}

struct wire_piece wire_http(const char *bytes, size_t n)
{
	static const char LENGTH[] = "\r\ncontent-length: ";
	struct wire_piece piece = {.kind = WIRE_MORE, .id = 1};
	const char *end = memmem(bytes, n, "\r\n\r\n", 4);
	const char *line = bytes;

	if (!end)
		return piece;
	while ((line = memchr(line, '\r', (size_t)(end - line))) &&
	       strncasecmp(line, LENGTH, sizeof(LENGTH) - 1) != 0)
		line++;
	piece.kind = WIRE_NONSENSE;
	if (!line || !starts(bytes, n, "HTTP/1.1 "))
		return piece;
	piece.used = (size_t)(end + 4 - bytes) + strtoul(line + sizeof(LENGTH) - 1, NULL, 10);
	piece.kind = n < piece.used ? WIRE_MORE : WIRE_END;
	piece.ok = starts(bytes, n, "HTTP/1.1 200 ");
	return piece;
}

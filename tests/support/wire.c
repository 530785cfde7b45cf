#include "wire.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi/record.h"
#include "stream.h"

/* As nginx/lanes.conf.in has them. LANES_SENT is long ago, which counts as not known: so every
 * request is worth the same number of instructions. */
static void append_fastcgi(struct buffer *out, const char *target, bool keep)
{
	struct slice path = {target, strcspn(target, "?")};
	const char *query = target + path.len;

	const struct {
		const char *name;
		struct slice value;
	} params[] = {
		{"REQUEST_METHOD", slice_of("GET")},
		{"QUERY_STRING", slice_of(*query ? query + 1 : query)},
		{"PATH_INFO", path},
		{"LANES_PATH", slice_of(target)},
		{"REMOTE_ADDR", slice_of("127.0.0.1")},
		{"REQUEST_ID", slice_of("12345-67-8901")},
		{"LANES_SENT", slice_of("1700000000.000")},
		{"HTTP_HOST", slice_of("127.0.0.1:8080")},
	};
	struct stream stream = {.bytes = *out};
	struct buffer content = {0};

	for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++)
		pair_append(&content, slice_of(params[i].name), params[i].value);
	stream_asked(&stream, 1, keep ? FCGI_FLAG_KEEP_CONN : 0, buffer_slice(&content));
	buffer_free(&content);
	*out = stream.bytes;
}

static void append_head(struct buffer *out, const char *method, const char *target, bool keep)
{
	buffer_append_text(out, method);
	buffer_append_text(out, target);
	buffer_append_text(out, " HTTP/1.1\r\nHost: 127.0.0.1\r\n");
	buffer_append_text(out, keep ? "" : "Connection: close\r\n");
}

void wire_request(struct buffer *out, bool http, const char *target, bool keep)
{
	if (!http) {
		append_fastcgi(out, target, keep);
		return;
	}
	append_head(out, "GET ", target, keep);
	buffer_append_text(out, "\r\n");
}

void wire_post(struct buffer *out, const char *target, const char *type, size_t length, bool keep)
{
	append_head(out, "POST ", target, keep);
	buffer_format(out, "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n", type, length);
}

void wire_set_id(char *bytes, size_t n, uint16_t id)
{
	struct slice left = {bytes, n};
	struct record record;

	for (char *at = bytes; record_take(&record, &left); at += record_size(&record))
		record_header((unsigned char *)at, record.type, id, record.content.len,
			      record.padding);
}

static bool starts(const char *bytes, size_t n, const char *with)
{
	size_t len = strlen(with);

	return n >= len && !memcmp(bytes, with, len);
}

struct wire_piece wire_fastcgi(const char *bytes, size_t n)
{
	struct wire_piece piece = {.kind = WIRE_MORE, .ok = true};
	struct record record;
	struct slice content;

	if (!record_read(&record, bytes, n) || n < record_size(&record))
		return piece;
	content = record.content;
	piece.used = record_size(&record);
	piece.id = record.id;
	piece.kind = WIRE_PART;
	if (record.version != FCGI_VERSION)
		piece.kind = WIRE_NONSENSE;
	else if (record.type == FCGI_TYPE_END_REQUEST)
		piece.kind = WIRE_END;
	if (record.type == FCGI_TYPE_END_REQUEST)
		piece.ok = content.len == FCGI_BODY_SIZE &&
			   content.data[4] == FCGI_STATUS_REQUEST_COMPLETE;
	if (record.type == FCGI_TYPE_STDOUT && starts(content.data, content.len, "Status: "))
		piece.ok = starts(content.data, content.len, "Status: 200");
	return piece;
}

struct slice wire_header(const char *bytes, size_t head, const char *name)
{
	const char *end = bytes + head;
	size_t len = strlen(name);

	for (const char *line = bytes; (line = memchr(line, '\n', (size_t)(end - line)));) {
		line++;
		if ((size_t)(end - line) > len && !strncasecmp(line, name, len)) {
			const char *cr = memchr(line, '\r', (size_t)(end - line));

			return (struct slice){line + len, (size_t)((cr ? cr : end) - line) - len};
		}
	}
	return (struct slice){NULL, 0};
}

double wire_timing(const char *value, const char *part)
{
	size_t len = strlen(part);

	for (; value; value = strchr(value, ',')) {
		value += strspn(value, ", ");
		if (!strncmp(value, part, len) && !strncmp(value + len, ";dur=", 5))
			return strtod(value + len + 5, NULL);
	}
	return -1;
}

struct wire_piece wire_http(const char *bytes, size_t n)
{
	struct wire_piece piece = {.kind = WIRE_MORE, .id = 1};
	const char *end = memmem(bytes, n, "\r\n\r\n", 4);
	struct slice length;

	if (!end)
		return piece;
	piece.head = (size_t)(end + 4 - bytes);
	length = wire_header(bytes, piece.head, "Content-Length: ");
	piece.kind = WIRE_NONSENSE;
	if (!length.data || !starts(bytes, n, "HTTP/1.1 "))
		return piece;
	piece.used = piece.head + strtoul(length.data, NULL, 10);
	piece.kind = n < piece.used ? WIRE_MORE : WIRE_END;
	piece.ok = starts(bytes, n, "HTTP/1.1 20");
	return piece;
}

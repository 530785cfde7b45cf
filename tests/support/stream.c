#include "stream.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/record.h"

void record_header(unsigned char header[RECORD_HEADER], uint8_t type, uint16_t id, size_t content,
		   uint8_t padding)
{
	const unsigned char bytes[RECORD_HEADER] = {FCGI_VERSION,
						    type,
						    (uint8_t)(id >> 8),
						    (uint8_t)id,
						    (uint8_t)(content >> 8),
						    (uint8_t)content,
						    padding,
						    0};

	memcpy(header, bytes, sizeof(bytes));
}

bool record_read(struct record *record, const void *bytes, size_t n)
{
	const unsigned char *at = bytes;

	if (n < RECORD_HEADER)
		return false;
	*record = (struct record){
		.version = at[0],
		.type = at[1],
		.padding = at[6],
		.id = (uint16_t)(at[2] << 8 | at[3]),
		.content = {(const char *)at + RECORD_HEADER, (size_t)at[4] << 8 | at[5]}};
	return true;
}

size_t record_size(const struct record *record)
{
	return RECORD_HEADER + record->content.len + record->padding;
}

bool record_take(struct record *record, struct slice *run)
{
	if (!record_read(record, run->data, run->len) || record->version != FCGI_VERSION ||
	    record_size(record) > run->len)
		return false;
	run->data += record_size(record);
	run->len -= record_size(record);
	return true;
}

/* xorshift: the same padding for the same seed everywhere. */
static uint32_t next_random(struct stream *s)
{
	s->seed ^= s->seed << 13;
	s->seed ^= s->seed >> 17;
	s->seed ^= s->seed << 5;
	return s->seed;
}

void stream_record(struct stream *s, uint8_t type, uint16_t id, const void *content, size_t n)
{
	unsigned char padding = s->seed ? (unsigned char)(next_random(s) >> 8) : 0;
	unsigned char header[RECORD_HEADER];

	record_header(header, type, id, n, padding);
	header[7] = s->seed ? 0xee : 0;
	buffer_append(&s->bytes, header, sizeof(header));
	buffer_append(&s->bytes, content, n);
	for (unsigned char i = 0; i < padding; i++) {
		unsigned char byte = (unsigned char)(next_random(s) >> 8);

		buffer_append(&s->bytes, &byte, 1);
	}
}

void stream_begin(struct stream *s, uint16_t id, uint16_t role, uint8_t flags)
{
	unsigned char body[8] = {(unsigned char)(role >> 8), (unsigned char)role, flags};

	stream_record(s, FCGI_TYPE_BEGIN_REQUEST, id, body, sizeof(body));
}

static void stream_abort(struct stream *s, uint16_t id)
{
	stream_record(s, FCGI_TYPE_ABORT_REQUEST, id, NULL, 0);
}

static void stream_content(struct stream *s, uint8_t type, uint16_t id, struct slice content)
{
	while (content.len) {
		size_t n = content.len < 65535 ? content.len : 65535;

		stream_record(s, type, id, content.data, n);
		content.data += n;
		content.len -= n;
	}
}

void stream_params(struct stream *s, uint16_t id, struct slice content)
{
	stream_content(s, FCGI_TYPE_PARAMS, id, content);
}

void stream_stdin(struct stream *s, uint16_t id, struct slice content)
{
	stream_content(s, FCGI_TYPE_STDIN, id, content);
}

void stream_params_end(struct stream *s, uint16_t id)
{
	stream_record(s, FCGI_TYPE_PARAMS, id, NULL, 0);
}

void stream_stdin_end(struct stream *s, uint16_t id)
{
	stream_record(s, FCGI_TYPE_STDIN, id, NULL, 0);
}

void stream_get_values(struct stream *s, const char *names)
{
	struct buffer content = {0};

	while (*names) {
		size_t n = strcspn(names, " ");

		pair_append(&content, (struct slice){names, n}, slice_of(""));
		names += n + (names[n] == ' ');
	}
	stream_record(s, FCGI_TYPE_GET_VALUES, 0, content.data, content.len);
	buffer_free(&content);
}

void stream_asked(struct stream *s, uint16_t id, uint8_t flags, struct slice pairs)
{
	stream_begin(s, id, FCGI_ROLE_RESPONDER, flags);
	stream_params(s, id, pairs);
	stream_params_end(s, id);
	stream_stdin_end(s, id);
}

void stream_request(struct stream *s, uint16_t id, uint8_t flags, const char *pairs)
{
	struct buffer content = {0};

	pairs_append(&content, pairs);
	stream_asked(s, id, flags, buffer_slice(&content));
	buffer_free(&content);
}

/* What a TEXT or PAIRS of a script stands for. */
static void script_content(const char *text, struct buffer *content)
{
	if (*text == '*') {
		for (long n = atol(text + 1); n > 0; n--)
			buffer_append(content, "x", 1);
	} else if (strchr(text, '=')) {
		pairs_append(content, text);
	} else {
		buffer_append_text(content, text);
	}
}

static uint16_t script_role(const char *words)
{
	if (strstr(words, "authorizer"))
		return FCGI_ROLE_AUTHORIZER;
	return strstr(words, "filter") ? FCGI_ROLE_FILTER : FCGI_ROLE_RESPONDER;
}

/* The commands that are about one request. rest is what follows the id. */
static bool script_request(struct stream *s, const char *verb, uint16_t id, const char *rest)
{
	bool keep = strncmp(rest, "keep", 4) == 0;
	struct buffer content = {0};
	bool known = true;

	script_content(rest, &content);
	if (strcmp(verb, "begin") == 0)
		stream_begin(s, id, script_role(rest), keep ? FCGI_FLAG_KEEP_CONN : 0);
	else if (strcmp(verb, "request") == 0)
		stream_request(s, id, keep ? FCGI_FLAG_KEEP_CONN : 0, keep ? rest + 5 : rest);
	else if (strcmp(verb, "abort") == 0)
		stream_abort(s, id);
	else if (strcmp(verb, "params") == 0)
		stream_params(s, id, buffer_slice(&content));
	else if (strcmp(verb, "params-end") == 0)
		stream_params_end(s, id);
	else if (strcmp(verb, "stdin") == 0)
		stream_stdin(s, id, buffer_slice(&content));
	else if (strcmp(verb, "stdin-end") == 0)
		stream_stdin_end(s, id);
	else
		known = false;
	buffer_free(&content);
	return known;
}

static bool script_command(struct stream *s, const char *command)
{
	struct buffer content = {0};
	unsigned int type, id;
	char verb[16];
	int used = (int)strlen(command);

	if (strncmp(command, "get", 3) == 0) {
		stream_get_values(s, command + 3 + (command[3] == ' '));
		return true;
	}
	if (sscanf(command, "record %u %u %n", &type, &id, &used) == 2) {
		script_content(command + used, &content);
		stream_record(s, (uint8_t)type, (uint16_t)id, content.data, content.len);
		buffer_free(&content);
		return true;
	}
	return sscanf(command, "%15s %u %n", verb, &id, &used) == 2 &&
	       script_request(s, verb, (uint16_t)id, command + used);
}

bool script_next(const char **script, char command[COMMAND_SIZE])
{
	const char *comma = strstr(*script, ", ");
	size_t n = comma ? (size_t)(comma - *script) : strlen(*script);

	snprintf(command, COMMAND_SIZE, "%.*s", (int)n, *script);
	*script += n + (comma ? 2 : 0);
	return n > 0;
}

void stream_script(struct stream *s, const char *script)
{
	char command[COMMAND_SIZE];

	while (script_next(&script, command))
		if (!script_command(s, command)) {
			fprintf(stderr, "stream_script: %s?\n", command);
			abort();
		}
}

void stream_free(struct stream *s)
{
	buffer_free(&s->bytes);
}

static void length_append(struct buffer *out, size_t n)
{
	unsigned char byte[4] = {(unsigned char)(n >> 24 | 0x80), (unsigned char)(n >> 16),
				 (unsigned char)(n >> 8), (unsigned char)n};

	buffer_append(out, n < 128 ? byte + 3 : byte, n < 128 ? 1 : 4);
}

void pair_append(struct buffer *out, struct slice name, struct slice value)
{
	length_append(out, name.len);
	length_append(out, value.len);
	buffer_append(out, name.data, name.len);
	buffer_append(out, value.data, value.len);
}

void pairs_append(struct buffer *out, const char *pairs)
{
	while (*pairs) {
		size_t name = strcspn(pairs, "=");
		size_t value = strcspn(pairs + name + 1, "&");
		const char *end = pairs + name + 1 + value;

		pair_append(out, (struct slice){pairs, name},
			    (struct slice){pairs + name + 1, value});
		pairs = end + (*end == '&');
	}
}

/* GET_VALUES_RESULT has short names and values only. */
static void values_as_text(struct slice content, struct buffer *out)
{
	const unsigned char *at = (const unsigned char *)content.data;
	size_t n = content.len;

	buffer_append_text(out, "VALUES");
	while (n >= 2 && (size_t)at[0] + at[1] + 2 <= n) {
		buffer_append_text(out, " ");
		buffer_append(out, at + 2, at[0]);
		buffer_append_text(out, "=");
		buffer_append(out, at + 2 + at[0], at[1]);
		n -= (size_t)at[0] + at[1] + 2;
		at += (size_t)at[0] + at[1] + 2;
	}
	buffer_append_text(out, n ? " BROKEN\n" : "\n");
}

static void record_as_text(const struct record *record, struct buffer *out)
{
	static const char *const statuses[] = {"COMPLETE", "CANT_MPX", "OVERLOADED",
					       "UNKNOWN_ROLE"};
	const unsigned char *body = (const unsigned char *)record->content.data;
	size_t n = record->content.len;
	char text[64] = "BROKEN\n";

	if (record->type == FCGI_TYPE_GET_VALUES_RESULT && !record->id) {
		values_as_text(record->content, out);
		return;
	}
	if (record->type == FCGI_TYPE_STDOUT && record->id) {
		snprintf(text, sizeof(text), "STDOUT %u %s", record->id, n ? "" : "end");
		buffer_append_text(out, text);
		buffer_append(out, body, n);
		strcpy(text, "\n");
	} else if (record->type == FCGI_TYPE_END_REQUEST && record->id && n == 8) {
		snprintf(text, sizeof(text), "END %u %u %s\n", record->id,
			 (unsigned)body[0] << 24 | (unsigned)body[1] << 16 |
				 (unsigned)body[2] << 8 | body[3],
			 body[4] < 4 ? statuses[body[4]] : "BROKEN");
	} else if (record->type == FCGI_TYPE_UNKNOWN && !record->id && n == 8) {
		snprintf(text, sizeof(text), "UNKNOWN %u\n", body[0]);
	}
	buffer_append_text(out, text);
}

void records_as_text(struct slice records, struct buffer *out)
{
	struct record record;

	while (record_take(&record, &records))
		record_as_text(&record, out);
	if (records.len)
		buffer_append_text(out, "BROKEN\n");
}

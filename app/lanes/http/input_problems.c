#include "http/input_problems.h"

#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "http/input.h"
#include "http/reply.h"

/* NOLINTNEXTLINE(misc-no-recursion): no deeper than the tables of fields */
static void append_place(struct buffer *out, const struct location *at)
{
	if (at->in) {
		append_place(out, at->in);
		buffer_append_text(out, ",");
	}
	if (at->name)
		json_string(out, slice_of(at->name));
	else
		buffer_append_u64(out, at->index);
}

/* Begins a problem, up to the beginning of its message. False if there are enough. */
static bool begin(struct problems *to, const struct location *at)
{
	if (to->count >= INPUT_PROBLEMS_MAX)
		return false;
	buffer_append_text(&to->text, to->count++ ? ",{\"loc\":[" : "{\"detail\":[{\"loc\":[");
	append_place(&to->text, at);
	buffer_append_text(&to->text, "],\"msg\":\"");
	return true;
}

/* From the end of the message to that of the type. */
static void add_type(struct problems *to, const char *type)
{
	buffer_append_text(&to->text, "\",\"type\":\"");
	buffer_append_text(&to->text, type);
	buffer_append_text(&to->text, "\"");
}

void problem_add(struct problems *to, const struct location *at, const char *msg, const char *type)
{
	if (!begin(to, at))
		return;
	json_content(&to->text, slice_of(msg));
	add_type(to, type);
	buffer_append_text(&to->text, "}");
}

void problem_add_limit(struct problems *to, const struct location *at, const char *msg,
		       struct slice limit, const char *after, const char *type)
{
	if (!begin(to, at))
		return;
	buffer_append_text(&to->text, msg);
	buffer_append(&to->text, limit.data, limit.len);
	buffer_append_text(&to->text, after);
	add_type(to, type);
	buffer_append_text(&to->text, ",\"ctx\":{\"limit_value\":");
	buffer_append(&to->text, limit.data, limit.len);
	buffer_append_text(&to->text, "}}");
}

void problem_add_pattern(struct problems *to, const struct location *at, const char *pattern)
{
	if (!begin(to, at))
		return;
	buffer_append_text(&to->text, "string does not match regex \\\"");
	json_content(&to->text, slice_of(pattern));
	buffer_append_text(&to->text, "\\\"");
	add_type(to, "value_error.str.regex");
	buffer_append_text(&to->text, ",\"ctx\":{\"pattern\":");
	json_string(&to->text, slice_of(pattern));
	buffer_append_text(&to->text, "}}");
}

static void append_words(struct buffer *out, const char *const *words, const char *quote,
			 const char *separator)
{
	for (size_t i = 0; words[i]; i++) {
		buffer_append_text(out, i ? separator : "");
		buffer_append_text(out, quote);
		buffer_append_text(out, words[i]);
		buffer_append_text(out, quote);
	}
}

void problem_add_enum(struct problems *to, const struct location *at, const char *const *words)
{
	if (!begin(to, at))
		return;
	buffer_append_text(&to->text, "value is not a valid enumeration member; permitted: ");
	append_words(&to->text, words, "'", ", ");
	add_type(to, "type_error.enum");
	buffer_append_text(&to->text, ",\"ctx\":{\"enum_values\":[");
	append_words(&to->text, words, "\"", ",");
	buffer_append_text(&to->text, "]}}");
}

/* Where that many characters end. */
static size_t bytes_of(struct slice text, size_t characters)
{
	struct slice rest = text;

	for (uint32_t c; characters; characters--)
		utf8_next(&rest, &c);
	return text.len - rest.len;
}

void problem_add_json(struct problems *to, const struct location *at, const char *msg,
		      struct slice body, size_t position)
{
	struct slice before = {body.data, bytes_of(body, position)};
	size_t line = 1;
	size_t begun = 0; /* bytes, at the beginning of the line */
	size_t column;

	for (size_t i = 0; i < before.len; i++)
		if (before.data[i] == '\n') {
			line++;
			begun = i + 1;
		}
	column = 1 + utf8_length((struct slice){body.data + begun, before.len - begun});
	if (!begin(to, at))
		return;
	json_content(&to->text, slice_of(msg));
	buffer_format(&to->text, ": line %zu column %zu (char %zu)", line, column, position);
	add_type(to, "value_error.jsondecode");
	buffer_append_text(&to->text, ",\"ctx\":{\"msg\":");
	json_string(&to->text, slice_of(msg));
	buffer_append_text(&to->text, ",\"doc\":\"");
	json_content(&to->text, body);
	buffer_format(&to->text, "\",\"pos\":%zu,\"lineno\":%zu,\"colno\":%zu}}", position, line,
		      column);
}

void problems_answer(struct problems *problems, struct request *req)
{
	buffer_append_text(&problems->text, "]}");
	reply_text(req, 422, "application/json", &problems->text);
}

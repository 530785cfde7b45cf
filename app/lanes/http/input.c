/*
 * The fields of a table, one after the other: find the text, or the value in the body, decode it,
 * and let value_take() judge it. A usual text is borrowed from where it is, and needs no memory.
 */
#include "http/input.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "http/cookie.h"
#include "http/input_encoding.h"
#include "http/input_form.h"
#include "http/input_json.h"
#include "http/input_value.h"
#include "http/reply.h"
#include "http/urlencoded.h"

enum {
	HEADER_NAME_MAX = 64,
};

static const struct location places[] = {
	{.name = "path"},   {.name = "query"}, {.name = "header"},
	{.name = "cookie"}, {.name = "body"},  {.name = "body"},
};

/* The urlencoded pairs of the query, and where they are decoded. */
struct pairs {
	struct slice text;
	char *room; /* for the rest of the text, decoded; NULL: not yet needed */
};

struct input_reading {
	struct reading r;
	struct slice body;
	struct pairs query;
	const struct json_value *form;
	char *to; /* the struct */
};

/* ---- texts ---- */

static void take_text(struct input_reading *in, const struct field *field, const char *name,
		      struct slice text)
{
	struct location at = {.in = &places[field->place], .name = name};
	struct json_value value = {.type = JSON_STRING, .run = 1, .text = text};

	if (!text.data) {
		value_missing(&in->r, field, &at, in->to + field->offset);
		return;
	}
	if (field->given)
		in->to[field->given - 1] = true;
	value_take(&in->r, field, &value, &at, in->to + field->offset);
}

/* Room that lives as long as the request, or NULL, which is noted. */
static char *room(struct input_reading *in, size_t size)
{
	char *room = request_alloc(in->r.req, size);

	in->r.no_memory |= !room;
	return room;
}

/* Headers are Latin-1 to Python. */
static struct slice from_latin1(struct input_reading *in, struct slice text)
{
	char *out;

	if (utf8_is_ascii(text))
		return text;
	out = room(in, 2 * text.len);
	return out ? utf8_of_latin1(text, out) : (struct slice){"", 0};
}

static void take_path(struct input_reading *in, const struct field *field)
{
	const char *name = field->name ? field->name : field->member;
	struct slice text = request_path(in->r.req, name);

	if (!utf8_is_valid(text)) {
		char *out = room(in, 3 * text.len);

		text = out ? utf8_replace(text, out) : (struct slice){"", 0};
	}
	take_text(in, field, name, text);
}

/* "x-token" is HTTP_X_TOKEN. */
static void take_header(struct input_reading *in, const struct field *field)
{
	char name[HEADER_NAME_MAX];
	char variable[sizeof("HTTP_") + HEADER_NAME_MAX] = "HTTP_";
	const char *from = field->name ? field->name : field->member;
	const char *asked = variable;
	size_t len = strlen(from);

	for (size_t i = 0; i <= len; i++) {
		name[i] = from[i];
		if (!field->name && from[i] == '_')
			name[i] = '-';
		variable[sizeof("HTTP_") - 1 + i] =
			(char)(name[i] == '-' ? '_' : toupper((unsigned char)name[i]));
	}
	if (!strcmp(variable, "HTTP_CONTENT_TYPE") || !strcmp(variable, "HTTP_CONTENT_LENGTH"))
		asked += sizeof("HTTP_") - 1;
	take_text(in, field, name, from_latin1(in, request_param(in->r.req, asked)));
}

static void take_cookie(struct input_reading *in, const struct field *field)
{
	const char *wanted = field->name ? field->name : field->member;
	struct slice rest = request_param(in->r.req, "HTTP_COOKIE");
	struct slice text = {NULL, 0};
	struct slice name;
	struct slice value;

	while (cookie_next(&rest, &name, &value))
		if (slice_is(name, wanted))
			text = value;
	if (text.len && *text.data == '"') {
		char *out = room(in, text.len);

		text = out ? cookie_unquote(text, out) : (struct slice){"", 0};
	}
	take_text(in, field, wanted, from_latin1(in, text));
}

/* ---- pairs ---- */

static inline bool next_value(struct slice *rest, const char *name, struct slice *value)
{
	struct slice key;

	while (urlencoded_next(rest, &key, value))
		if (urlencoded_is(key, name))
			return true;
	return false;
}

/* No value is decoded twice, as no two fields have one name. */
static struct slice decode(struct input_reading *in, struct pairs *pairs, struct slice text)
{
	char *out;

	if (!pairs->room)
		pairs->room = room(in, URLENCODED_GROWTH * pairs->text.len);
	out = pairs->room;
	if (!out)
		return (struct slice){"", 0};
	pairs->room += URLENCODED_GROWTH * text.len;
	return urlencoded_decode(text, out);
}

static void take_all(struct input_reading *in, const struct field *field, const char *name,
		     struct pairs *pairs)
{
	struct location at = {.in = &places[field->place], .name = name};
	struct slice rest = pairs->text;
	struct slice text;
	struct json_value *values;
	uint32_t run = 1;

	for (; next_value(&rest, name, &text); run++)
		;
	if (run == 1) {
		value_missing(&in->r, field, &at, in->to + field->offset);
		return;
	}
	values = (struct json_value *)(void *)room(in, run * sizeof(*values));
	if (!values)
		return;
	values[0] = (struct json_value){.type = JSON_ARRAY, .run = run};
	rest = pairs->text;
	for (uint32_t i = 1; i < run && next_value(&rest, name, &text); i++)
		values[i] = (struct json_value){
			.type = JSON_STRING,
			.run = 1,
			.text = urlencoded_is_plain(text) ? text : decode(in, pairs, text)};
	if (field->given)
		in->to[field->given - 1] = true;
	value_take(&in->r, field, values, &at, in->to + field->offset);
}

/* Of equal names the last one counts. */
static void take_pair(struct input_reading *in, const struct field *field, struct pairs *pairs)
{
	const char *name = field->name ? field->name : field->member;
	struct slice rest = pairs->text;
	struct slice text = {NULL, 0};

	if (field->kind == FIELD_LIST) {
		take_all(in, field, name, pairs);
		return;
	}
	for (struct slice value; next_value(&rest, name, &value);)
		text = value;
	if (text.data && !urlencoded_is_plain(text))
		text = decode(in, pairs, text);
	take_text(in, field, name, text);
}

/* ---- the body ---- */

static void refuse(struct request *req, const char *body)
{
	reply_bytes(req, 400, "application/json", slice_of(body));
}

/* What is before the parameters, without space around it. */
static struct slice media_type(struct slice header)
{
	const char *end = header.len ? memchr(header.data, ';', header.len) : NULL;

	if (end)
		header.len = (size_t)(end - header.data);
	for (; header.len && isspace((unsigned char)*header.data); header.len--)
		header.data++;
	while (header.len && isspace((unsigned char)header.data[header.len - 1]))
		header.len--;
	return header;
}

static bool is_text(struct slice text, const char *word)
{
	return text.len == strlen(word) && !strncasecmp(text.data, word, text.len);
}

/* application/json, application/…+json, or nothing. */
static bool is_json(struct slice header)
{
	static const char before[] = "application/";
	struct slice type = media_type(header);
	struct slice subtype;

	if (!header.len)
		return true;
	if (type.len < sizeof(before) || strncasecmp(type.data, before, sizeof(before) - 1) != 0)
		return false;
	subtype = (struct slice){type.data + sizeof(before) - 1, type.len - sizeof(before) + 1};
	if (memchr(subtype.data, '/', subtype.len))
		return false;
	return is_text(subtype, "json") ||
	       (subtype.len >= 5 &&
		is_text((struct slice){subtype.data + subtype.len - 5, 5}, "+json"));
}

/* The body fields are members of one object. False after an answer. */
static bool read_body(struct input_reading *in, const struct json_value **value)
{
	static const struct json_value no_object = {.type = JSON_TRUE, .run = 1};
	struct slice body = in->body;
	struct problems *problems = &in->r.problems;
	struct json_error error = {0};
	struct json_value *read = NULL;
	int err;

	*value = NULL;
	if (!body.len)
		return true;
	*value = &no_object;
	if (!is_json(request_param(in->r.req, "CONTENT_TYPE")))
		return true;
	err = json_decode(json_memory_of(in->r.req), &body);
	if (!err)
		err = json_read(json_memory_of(in->r.req), body, &read, &error);
	*value = read;
	if (!err)
		return true;
	if (err == -EINVAL && utf8_is_valid(body)) {
		struct location at = {.in = &places[IN_BODY], .index = error.position};

		problem_add_json(problems, &at, error.msg, body, error.position);
		problems_answer(problems, in->r.req);
	} else if (err != -ENOMEM) {
		refuse(in->r.req, INPUT_NOT_READ);
	} else {
		reply_error(in->r.req, 503);
	}
	return false;
}

static void take_body(struct input_reading *in, const struct field *fields, size_t count,
		      const struct json_value *value)
{
	if (!value || value->type == JSON_NULL)
		problem_add(&in->r.problems, &places[IN_BODY], "field required",
			    "value_error.missing");
	else
		value_take_object(&in->r, fields, count, value, &places[IN_BODY], in->to);
}

/* Of equal names the last one counts; what is empty is missing. */
static void take_form(struct input_reading *in, const struct field *field)
{
	const char *name = field->name ? field->name : field->member;
	struct location at = {.in = &places[IN_FORM], .name = name};
	const struct json_value *value = field->kind == FIELD_LIST
						 ? value_members(&in->r, in->form, name)
						 : json_member(in->form, name);

	if (!value || (value->type == JSON_STRING && !value->text.len) ||
	    (value->type == JSON_ARRAY && value->run == 1)) {
		value_missing(&in->r, field, &at, in->to + field->offset);
		return;
	}
	if (field->given)
		in->to[field->given - 1] = true;
	value_take(&in->r, field, value, &at, in->to + field->offset);
}

/* False after an answer. */
static bool read_form(struct input_reading *in)
{
	const char *error =
		form_read(&in->r, request_param(in->r.req, "CONTENT_TYPE"), in->body, &in->form);

	if (error)
		refuse(in->r.req, error);
	return !error;
}

/* ---- all of it ---- */

static void take_field(struct input_reading *in, const struct field *field)
{
	switch (field->place) {
	case IN_PATH:
		take_path(in, field);
		break;
	case IN_QUERY:
		take_pair(in, field, &in->query);
		break;
	case IN_HEADER:
		take_header(in, field);
		break;
	case IN_COOKIE:
		take_cookie(in, field);
		break;
	case IN_FORM:
		take_form(in, field);
		break;
	case IN_BODY:
		break;
	}
}

bool input_takes_body(const struct input *input)
{
	enum field_place last = input->fields[input->count - 1].place; /* they are in this order */

	return last == IN_BODY || last == IN_FORM;
}

bool input_read(struct request *req, const struct input *input, struct slice body)
{
	const struct field *end = input->fields + input->count;
	const struct field *field = input->fields;
	const struct json_value *value = NULL;
	struct input_reading in = {
		.r.req = req,
		.body = body,
		.query = {.text = req->query},
		.to = request_alloc(req, field->whole),
	};

	req->input = in.to;
	if (!in.to) {
		reply_error(req, 503);
		return false;
	}
	if ((end[-1].place == IN_BODY && !read_body(&in, &value)) ||
	    (end[-1].place == IN_FORM && !read_form(&in)))
		return false;
	for (; field < end && field->place != IN_BODY; field++)
		take_field(&in, field);
	if (field < end)
		take_body(&in, field, (size_t)(end - field), value);
	if (in.r.no_memory) {
		buffer_free(&in.r.problems.text);
		reply_error(req, 503);
	} else if (in.r.problems.count) {
		problems_answer(&in.r.problems, req);
	} else if (in.r.no_text) {
		refuse(req, INPUT_NOT_READ);
	} else {
		return true;
	}
	return false;
}

void input_refuse(struct request *req, const struct field *field, const char *msg, const char *type)
{
	struct problems problems = {.count = 0};

	problem_add(&problems,
		    &(struct location){.in = &places[field->place],
				       .name = field->name ? field->name : field->member},
		    msg, type);
	problems_answer(&problems, req);
}

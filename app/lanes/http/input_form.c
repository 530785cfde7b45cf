#include "http/input_form.h"

#include <ctype.h>
#include <errno.h>
#include <strings.h>

#include "http/header_option.h"
#include "http/multipart.h"
#include "http/urlencoded.h"

/* Starlette's limits. */
enum {
	FIELDS_MAX = 1000,
	FILES_MAX = 1000,
	FIELD_MAX = 1024 * 1024, /* bytes, of what is no file */
};

static const char TOO_MANY_FIELDS[] =
	"{\"detail\":\"Too many fields. Maximum number of fields is 1000.\"}";

static const struct json_value no_form = {.type = JSON_OBJECT, .run = 1};

/* Room for an object with that many values in it; or NULL, which is noted. */
static struct json_value *new_object(struct reading *r, size_t values)
{
	struct json_value *object = request_alloc(r->req, (1 + values) * sizeof(*object));

	r->no_memory |= !object;
	return object;
}

static void end_object(struct json_value *object, const struct json_value *end)
{
	*object = (struct json_value){.type = JSON_OBJECT, .run = (uint32_t)(end - object)};
}

/* ---- urlencoded ---- */

static const char *count_pairs(struct slice body, size_t *count)
{
	struct slice name;
	struct slice value;

	for (*count = 0; urlencoded_next_of_form(&body, &name, &value); ++*count) {
		if (name.len + value.len > FIELD_MAX)
			return "{\"detail\":\"Field exceeded maximum size of 1024KB.\"}";
		if (*count == FIELDS_MAX)
			return TOO_MANY_FIELDS;
	}
	return NULL;
}

static struct slice decode(struct slice text, char **room)
{
	char *out = *room;

	if (urlencoded_is_plain(text))
		return text;
	*room += URLENCODED_GROWTH * text.len;
	return urlencoded_decode(text, out);
}

static const char *read_pairs(struct reading *r, struct slice body, const struct json_value **form)
{
	size_t count;
	const char *error = count_pairs(body, &count);
	struct json_value *object = error ? NULL : new_object(r, count);
	struct json_value *next = object;
	struct slice name;
	struct slice value;
	char *room = NULL;

	if (object && !urlencoded_is_plain(body)) {
		room = request_alloc(r->req, URLENCODED_GROWTH * body.len);
		r->no_memory |= !room;
	}
	if (!object || r->no_memory)
		return error;
	while (urlencoded_next_of_form(&body, &name, &value))
		*++next = (struct json_value){
			.type = JSON_STRING,
			.run = 1,
			.key = decode(name, &room),
			.text = decode(value, &room),
		};
	end_object(object, next + 1);
	*form = object;
	return NULL;
}

/* ---- multipart ---- */

/* At least how many there are. */
static size_t count_parts(const struct multipart *m)
{
	const char *at = m->rest.data;
	const char *end = at + m->rest.len;
	size_t count = 1;

	while (at && count <= FIELDS_MAX + FILES_MAX) {
		at = memmem(at, (size_t)(end - at), m->delimiter, m->delimiter_len);
		at = at ? at + m->delimiter_len : NULL;
		count++;
	}
	return count;
}

static const char *check_part(const struct multipart_part *part, size_t *files, size_t *fields)
{
	if (part->is_file)
		return ++*files > FILES_MAX
			       ? "{\"detail\":\"Too many files. Maximum number of files is 1000.\"}"
			       : NULL;
	if (++*fields > FIELDS_MAX)
		return TOO_MANY_FIELDS;
	return part->text.len > FIELD_MAX ? "{\"detail\":\"Part exceeded maximum size of 1024KB.\"}"
					  : NULL;
}

/* Puts it there, and returns what follows it. A file has its name and type in it. */
static struct json_value *put_part(struct reading *r, const struct multipart *m,
				   const struct multipart_part *part, struct json_value *at)
{
	*at = (struct json_value){
		.type = JSON_STRING, .run = 1, .key = part->name, .text = part->text};
	if (!part->is_file) {
		at->text = multipart_text(m, part->text);
		r->no_memory |= !at->text.data;
		return at + 1;
	}
	at->type = JSON_FILE;
	at->run = 3;
	at[1] = (struct json_value){.type = JSON_STRING, .run = 1, .text = part->filename};
	at[2] = (struct json_value){.type = JSON_STRING, .run = 1, .text = part->type};
	return at + 3;
}

static const char *error_of(struct reading *r, int err)
{
	if (err == -ENOKEY)
		return "{\"detail\":\"The Content-Disposition header field \\\"name\\\" must be "
		       "provided.\"}";
	if (err == -EBADMSG)
		return INPUT_NOT_READ;
	r->no_memory |= err < 0;
	return NULL;
}

static const char *read_parts(struct reading *r, struct slice type, struct slice body,
			      const struct json_value **form)
{
	struct multipart m;
	struct multipart_part part;
	struct json_value *object;
	struct json_value *next;
	const char *error = NULL;
	size_t files = 0;
	size_t fields = 0;
	int got;

	if (!multipart_begin(&m, r->req, type, body))
		return "{\"detail\":\"Missing boundary in multipart.\"}";
	object = new_object(r, 3 * count_parts(&m));
	if (!object)
		return NULL;
	next = object + 1;
	do {
		got = multipart_next(&m, &part);
		/* What is cut short counts, but is not there. */
		if (part.name.data && got >= 0)
			error = check_part(&part, &files, &fields);
		if (got == 1 && !error)
			next = put_part(r, &m, &part, next);
	} while (got == 1 && !error);
	end_object(object, next);
	*form = object;
	return error ? error : error_of(r, got);
}

/* ---- either ---- */

/* Like python-multipart, which looks at the letters' case, and at space, only if there are no
 * options. */
static bool is_type(struct slice header, const char *type)
{
	struct slice main = header_main(header);

	if (main.len < header.len)
		return slice_is(main, type);
	for (; main.len && isspace((unsigned char)*main.data); main.len--)
		main.data++;
	while (main.len && isspace((unsigned char)main.data[main.len - 1]))
		main.len--;
	return main.len == strlen(type) && !strncasecmp(main.data, type, main.len);
}

const char *form_read(struct reading *r, struct slice type, struct slice body,
		      const struct json_value **form)
{
	*form = &no_form;
	if (is_type(type, "application/x-www-form-urlencoded"))
		return read_pairs(r, body, form);
	if (is_type(type, "multipart/form-data"))
		return read_parts(r, type, body, form);
	return NULL;
}

#include "http/openapi_schema.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "http/number.h"

/* ---- JSON ---- */

/* A comma, unless it is the first of what is around it, or a value. */
void json_next(struct buffer *out)
{
	if (out->len && !strchr("{[:", out->data[out->len - 1]))
		buffer_append_text(out, ",");
}

void json_key(struct buffer *out, const char *name)
{
	json_next(out);
	json_string(out, slice_of(name));
	buffer_append_text(out, ":");
}

/* Nothing, if there is no text. */
void json_add_text(struct buffer *out, const char *name, const char *text)
{
	if (!text)
		return;
	json_key(out, name);
	json_string(out, slice_of(text));
}

void json_add_bool(struct buffer *out, const char *name, bool value)
{
	json_key(out, name);
	buffer_append_text(out, value ? "true" : "false");
}

static void add_size(struct buffer *out, const char *name, size_t size)
{
	if (!size)
		return;
	json_key(out, name);
	buffer_append_u64(out, size);
}

void json_begin(struct buffer *out, const char *name)
{
	json_key(out, name);
	buffer_append_text(out, "{");
}

void json_end(struct buffer *out)
{
	buffer_append_text(out, "}");
}

/* The next item of a list, which is left out where it has none. */
void json_begin_item(struct buffer *out, const char *list, bool *some)
{
	if (!*some) {
		json_key(out, list);
		buffer_append_text(out, "[");
	}
	*some = true;
	json_next(out);
}

void json_end_list(struct buffer *out, bool some)
{
	buffer_append_text(out, some ? "]" : "");
}

/* ---- names ---- */

const char *schema_name(const struct field *field, char name[SCHEMA_NAME_SIZE])
{
	size_t len;

	if (field->name || field->place != IN_HEADER)
		return field->name ? field->name : field->member;
	len = strnlen(field->member, SCHEMA_NAME_SIZE - 1);
	for (size_t i = 0; i < len; i++)
		name[i] = field->member[i] == '_' ? '-' : field->member[i];
	name[len] = '\0';
	return name;
}

/* "x_token" is "X Token", as Python's title() has it. */
void schema_title(struct buffer *out, const char *member, const char *name)
{
	bool inside = false; /* of a word */
	size_t at;

	json_key(out, member);
	at = out->len + 1;
	json_string(out, slice_of(name));
	for (; at < out->len; at++) {
		unsigned char c = (unsigned char)out->data[at];

		if (c == '\\') { /* and what it is before */
			at++;
			continue;
		}
		out->data[at] = (char)(c == '_' ? ' ' : inside ? tolower(c) : toupper(c));
		inside = isalpha(c);
	}
}

/* "struct new_order" is "NewOrder". */
void schema_type_title(struct buffer *out, const char *of)
{
	const char *tag = of ? strrchr(of, ' ') : NULL;
	bool begins = true;

	if (!of)
		return;
	json_key(out, "title");
	buffer_append_text(out, "\"");
	for (tag = tag ? tag + 1 : of; *tag; tag++) {
		char shown = (char)(begins ? toupper((unsigned char)*tag) : *tag);

		begins = *tag == '_';
		buffer_append(out, &shown, !begins);
	}
	buffer_append_text(out, "\"");
}

/* ---- schemas ---- */

static const struct {
	const char *type;
	const char *format;
} kinds[] = {
	[FIELD_INT] = {"integer", NULL},   [FIELD_NUMBER] = {"number", NULL},
	[FIELD_BOOL] = {"boolean", NULL},  [FIELD_STRING] = {"string", NULL},
	[FIELD_ENUM] = {"string", NULL},   [FIELD_DATETIME] = {"string", "date-time"},
	[FIELD_UUID] = {"string", "uuid"}, [FIELD_FILE] = {"string", "binary"},
	[FIELD_LIST] = {"array", NULL},	   [FIELD_OBJECT] = {"object", NULL},
};

static void append_number(struct buffer *out, double value)
{
	char text[FLOAT_TEXT_SIZE];
	size_t len;

	if (!isfinite(value)) {
		buffer_append_text(out, "null"); /* there is none in JSON */
		return;
	}
	len = float_text(value, text);
	buffer_append(out, text, len);
}

static bool is_null(const struct field *field, const char *from)
{
	if (field->kind == FIELD_STRING)
		return !((const struct slice *)(const void *)(from + field->offset))->data;
	if (field->kind == FIELD_LIST)
		return !((const struct list *)(const void *)(from + field->offset))->items;
	return field->given && !from[field->given - 1];
}

/* What a member of that kind is at the moment: of a fallback. */
/* NOLINTNEXTLINE(misc-no-recursion): no deeper than the tables of fields */
static void append_value(struct buffer *out, const struct field *field, const void *from)
{
	char text[DATETIME_TEXT_SIZE + UUID_TEXT_LEN];
	const struct list *list = from;
	const struct field *member = field->fields;

	switch (field->kind) {
	case FIELD_INT:
		buffer_format(out, "%" PRId64, *(const int64_t *)from);
		break;
	case FIELD_NUMBER:
		append_number(out, *(const double *)from);
		break;
	case FIELD_BOOL:
		buffer_append_text(out, *(const bool *)from ? "true" : "false");
		break;
	case FIELD_STRING:
		json_string(out, *(const struct slice *)from);
		break;
	case FIELD_ENUM:
		json_string(out, slice_of(field->words[*(const int *)from]));
		break;
	case FIELD_DATETIME:
		json_string(out, (struct slice){text, datetime_text(from, text)});
		break;
	case FIELD_UUID:
		uuid_text(from, text);
		json_string(out, (struct slice){text, UUID_TEXT_LEN});
		break;
	case FIELD_FILE:
		buffer_append_text(out, "null");
		break;
	case FIELD_LIST:
		buffer_append_text(out, "[");
		for (size_t i = 0; field->item && i < list->count; i++) {
			json_next(out);
			append_value(out, field->item,
				     (const char *)list->items + i * field->item->size);
		}
		buffer_append_text(out, "]");
		break;
	case FIELD_OBJECT:
		buffer_append_text(out, "{");
		for (; member < field->fields + field->field_count; member++) {
			json_key(out, member->name ? member->name : member->member);
			if (is_null(member, from))
				buffer_append_text(out, "null");
			else
				append_value(out, member, (const char *)from + member->offset);
		}
		buffer_append_text(out, "}");
		break;
	}
}

static void add_limit(struct buffer *out, const char *name, const struct limit *limit)
{
	if (!limit->set)
		return;
	json_key(out, name);
	append_number(out, limit->value);
}

void json_add_texts(struct buffer *out, const char *name, const char *const *words)
{
	if (!words)
		return;
	json_key(out, name);
	buffer_append_text(out, "[");
	for (; *words; words++) {
		json_next(out);
		json_string(out, slice_of(*words));
	}
	buffer_append_text(out, "]");
}

bool schema_requires(const struct field *field)
{
	return !field->optional && !field->fallback;
}

/* The members of an object's schema but for its title. */
/* NOLINTNEXTLINE(misc-no-recursion): no deeper than the tables of fields */
void schema_add_members(struct buffer *out, const struct field *fields, size_t count)
{
	char name[SCHEMA_NAME_SIZE];
	bool some = false;

	json_add_text(out, "type", "object");
	for (size_t i = 0; i < count; i++) {
		if (!schema_requires(&fields[i]))
			continue;
		json_begin_item(out, "required", &some);
		json_string(out, slice_of(schema_name(&fields[i], name)));
	}
	json_end_list(out, some);
	json_begin(out, "properties");
	for (size_t i = 0; i < count; i++) {
		json_begin(out, schema_name(&fields[i], name));
		schema_add(out, &fields[i]);
		json_end(out);
	}
	json_end(out);
}

/* The members of a field's schema. An item has no name, and no title. */
/* NOLINTNEXTLINE(misc-no-recursion): no deeper than the tables of fields */
void schema_add(struct buffer *out, const struct field *field)
{
	char name[SCHEMA_NAME_SIZE];

	if (field->kind == FIELD_OBJECT)
		schema_type_title(out, field->fields->of);
	else if (field->member)
		schema_title(out, "title", schema_name(field, name));
	json_add_text(out, "description", field->description);
	if (field->kind == FIELD_OBJECT)
		schema_add_members(out, field->fields, field->field_count);
	else
		json_add_text(out, "type", kinds[field->kind].type);
	json_add_text(out, "format", kinds[field->kind].format);
	add_limit(out, "minimum", &field->ge);
	add_limit(out, "exclusiveMinimum", &field->gt);
	add_limit(out, "maximum", &field->le);
	add_limit(out, "exclusiveMaximum", &field->lt);
	add_size(out, "minLength", field->min_length);
	add_size(out, "maxLength", field->max_length);
	json_add_text(out, "pattern", field->pattern ? field->pattern->text : NULL);
	json_add_texts(out, "enum", field->words);
	add_size(out, "minItems", field->min_items);
	add_size(out, "maxItems", field->max_items);
	if (field->item) {
		json_begin(out, "items");
		schema_add(out, field->item);
		json_end(out);
	}
	if (field->fallback) {
		json_key(out, "default");
		append_value(out, field, field->fallback);
	}
}
